"""Whose telephone is this: a client, an ordinary phone, or SIP?"""

import re
from enum import StrEnum
from urllib.parse import parse_qsl

import phonenumbers

E164 = re.compile(r"\+[1-9][0-9]{1,14}")
# https://www.twilio.com/docs/voice/twiml/client: no control, space, delimiter or unwise characters.
CLIENT_IDENTITY = re.compile(r"[^\s<>#%\"{}|\\^\[\]`\x00-\x1f]{1,256}")


# https://www.twilio.com/docs/whatsapp/api: the same number, by another way.
WHATSAPP = "whatsapp:"


class AddressKind(StrEnum):
    """The three kinds of telephones that can be rung."""

    CLIENT = "client"
    PHONE = "phone"
    SIP = "sip"


def kind_of(address: str) -> AddressKind | None:
    """Say what kind of telephone an address names; None when it names none that can be rung."""
    if address.startswith("client:"):
        return AddressKind.CLIENT if CLIENT_IDENTITY.fullmatch(address.removeprefix("client:")) else None
    if address.startswith(("sip:", "sips:")):
        return AddressKind.SIP if "@" in address else None
    return AddressKind.PHONE if is_phone_number(address) else None


def without_parameters(address: str) -> str:
    """Return a client's address without what is passed along to its softphone (`client:anna?case=1`)."""
    return address.partition("?")[0] if address.startswith("client:") else address


def parameters_of(address: str) -> dict[str, str]:
    """Return what is passed along to a client's softphone."""
    return dict(parse_qsl(address.partition("?")[2])) if address.startswith("client:") else {}


def is_phone_number(text: str) -> bool:
    """Say whether this is a number in E.164 that exists in some numbering plan."""
    if not E164.fullmatch(text):
        return False
    try:
        return phonenumbers.is_possible_number(phonenumbers.parse(text))
    except phonenumbers.NumberParseException:
        return False


def number_of(address: str) -> str:
    """Return the number of an address for messages, by whichever way it is written to."""
    return address.removeprefix(WHATSAPP)


def is_whatsapp(address: str) -> bool:
    """Say whether this is somebody's WhatsApp rather than their text messages."""
    return address.startswith(WHATSAPP)


def is_fixed_line(address: str) -> bool:
    """Say whether this is a number of a fixed line, where text messages don't arrive."""
    if not E164.fullmatch(address):
        return False
    kind = phonenumbers.number_type(phonenumbers.parse(address))
    return bool(kind == phonenumbers.PhoneNumberType.FIXED_LINE)


def country_of(address: str) -> str:
    """Return the two-letter country of a number, or an empty string when there is none to tell."""
    if not E164.fullmatch(address):
        return ""
    try:
        return phonenumbers.region_code_for_number(phonenumbers.parse(address)) or ""
    except phonenumbers.NumberParseException:
        return ""
