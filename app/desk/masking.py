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


def masked_phone(e164: str) -> str:
    """Return a number as people write it, of which only the country and the last two digits can be read."""
    return written(e164, masked=True)
