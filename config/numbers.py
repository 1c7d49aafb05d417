"""Which telephone numbers does this deployment ring or text? One policy, for whatever leads to a telephone.

Whoever calls chooses the number that we would ring, and some numbers pay those who are rung.
"""

import re

import phonenumbers
from phonenumbers import NumberParseException, PhoneNumberType

# European Union, European Economic Area, United Kingdom and Switzerland, with Åland and Svalbard, which share
# their country's code. Not the Channel Islands, Man, or overseas territories: their tariffs draw fraud.
EUROPE = frozenset(
    "AT BE BG CY CZ DE DK EE ES FI AX FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK"
    " IS LI NO SJ GB CH".split()
)
ORDINARY_TYPES = frozenset(
    {
        PhoneNumberType.FIXED_LINE,
        PhoneNumberType.MOBILE,
        PhoneNumberType.FIXED_LINE_OR_MOBILE,
        PhoneNumberType.VOIP,
        PhoneNumberType.UAN,
    }
)
# Of one type with 088, 085 and 06 in the numbering data, but nothing that a person answers: 084 and 087
# (forwarding and fax, at tariffs of their own), 091 (internet access), 097 (machines).
NOT_ORDINARY_PREFIXES = ("+3184", "+3187", "+3191", "+3197")
SHORT_CODE_DIGITS = 6  # 112, 1888, 14020: services, never somebody's own number

_E164 = re.compile(r"\+[0-9]{7,15}")


def can_be_ordinary(e164: str | None) -> bool:
    """Tell whether this is E.164, and outside what is excluded by its first digits alone."""
    return bool(e164 and _E164.fullmatch(e164)) and not str(e164).startswith(NOT_ORDINARY_PREFIXES)


def is_ordinary(e164: str | None, countries: frozenset[str]) -> bool:
    """Tell whether this is an ordinary fixed, mobile, internet or company number (088) of `countries`.

    Never a premium, shared-cost or free-phone number, a satellite, a pager, a service code, or a Dutch
    forwarding or machine number. `countries` are ISO 3166-1 alpha-2.
    """
    if not e164 or not can_be_ordinary(e164):
        return False
    try:
        number = phonenumbers.parse(e164)
    except NumberParseException:
        return False
    if not phonenumbers.is_valid_number(number):
        return False
    # 14 020 and its like are municipalities' menus: the shortest subscriber number has more digits.
    if len(phonenumbers.national_significant_number(number)) <= SHORT_CODE_DIGITS - 1:
        return False
    return (
        phonenumbers.region_code_for_number(number) in countries
        and phonenumbers.number_type(number) in ORDINARY_TYPES
    )
