"""What of a number may be shown before anybody checked who it is? What helps an impostor is masked."""

import re

import phonenumbers


def written(e164: str, *, masked: bool) -> str:
    """Return a number as people write it; masked, only its country code and last two digits."""
    try:
        number = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        return "•••" if masked else e164
    as_people_do = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    if not masked:
        return as_people_do
    country, _, rest = as_people_do.partition(" ")
    return f"{country} {re.sub(r'[0-9](?=(?:[^0-9]*[0-9]){2})', '•', rest)}"


def dialled(e164: str, country_code: int) -> str:
    """Return a number as it is dialled by somebody whose own begins with that country code, 31 for +31."""
    try:
        number = phonenumbers.parse(e164)
    except phonenumbers.NumberParseException:
        return e164
    is_theirs = number.country_code == country_code
    form = (
        phonenumbers.PhoneNumberFormat.NATIONAL if is_theirs else phonenumbers.PhoneNumberFormat.INTERNATIONAL
    )
    return phonenumbers.format_number(number, form)


def country_code_of(e164: str | None, country: str) -> int:
    """Return the country code of a number, without one that of a country (ISO 3166-1 alpha-2)."""
    try:
        return phonenumbers.parse(e164 or "").country_code or 0
    except phonenumbers.NumberParseException:
        return phonenumbers.country_code_for_region(country)


def masked_phone(e164: str) -> str:
    """Return a number as people write it, of which only the country and the last two digits can be read."""
    return written(e164, masked=True)
