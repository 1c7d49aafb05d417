"""How does a text leave us? With who writes it in front, and in letters of which an SMS holds 160."""

import re

# What an SMS holds 160 of (GSM 03.38); with one other letter in it, it holds 70 and costs twice as much.
# https://www.twilio.com/docs/glossary/what-is-gsm-7-character-encoding
GSM_7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà^{}\\[~]|€"
)
_LOOKS_ALIKE = str.maketrans(
    {"“": '"', "”": '"', "„": '"', "‘": "'", "’": "'", "–": "-", "—": "-", "…": "...", "\u00a0": " "}
)
# Accents that only say how to stress a word of ours; a name keeps its own.
_STRESSED = re.compile(r"\bvóór\b")


def from_us(body: str, organisation: str) -> str:
    """Return a message that begins with who writes it; as it is where nobody is named, or it says so."""
    if not organisation or body.casefold().startswith(organisation.casefold()):
        return body
    return f"{organisation}: {body}"


def for_sms(body: str) -> str:
    """Return a text in the letters of which an SMS holds most; no name and no meaning changes by it."""
    return _STRESSED.sub("voor", body.translate(_LOOKS_ALIKE))
