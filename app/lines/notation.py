"""How are a week's hours written by people? With the days as they call them; kept as `Mo-Fr 09:00-17:30`."""

import re

from app.lines.week import DAYS

_DUTCH = ("Ma", "Di", "Wo", "Do", "Vr", "Za", "Zo")
_TO_KEPT = {name.lower(): name for name in DAYS} | dict(
    zip(map(str.lower, _DUTCH), DAYS, strict=True)
) | {"ph": "PH", "feestdagen": "PH", "feestdag": "PH", "fe": "PH"}  # fmt: skip
_TO_DUTCH = dict(zip(DAYS, _DUTCH, strict=True)) | {"PH": "Feestdagen"}
_WORD = re.compile(r"[A-Za-z]+")
_ONE_DIGIT = re.compile(r"(?<![\d:])(\d):(\d\d)")
_AROUND_A_DASH = re.compile(r"\s*-\s*")
_AFTER_A_COMMA = re.compile(r"\s*,\s*")


def as_kept(text: str) -> str:
    """Return hours as they are kept, of Dutch or English days, a line or a semicolon between the parts."""
    parts = re.split(r"[;\n]", text.replace("–", "-").replace("\r", ""))
    return "; ".join(kept for part in parts if (kept := _part(part)))


def as_shown(kept: str, language: str) -> str:
    """Return kept hours as people of that language write them."""
    if language != "nl":
        return kept
    return _WORD.sub(lambda word: _TO_DUTCH.get(word[0], word[0]), kept)


def _part(text: str) -> str:
    plain = _AFTER_A_COMMA.sub(",", _AROUND_A_DASH.sub("-", " ".join(text.split())))
    plain = _ONE_DIGIT.sub(r"0\1:\2", plain)
    return _WORD.sub(lambda word: _TO_KEPT.get(word[0].lower(), word[0]), plain)
