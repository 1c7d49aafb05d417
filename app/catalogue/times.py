"""How do people say a time? “kwart over drie vanmiddag”, never “15:15 uur”."""

from datetime import datetime
from zoneinfo import ZoneInfo

_NUMBERS = {
    "nl": "nul een twee drie vier vijf zes zeven acht negen tien elf twaalf dertien veertien".split(),
    "en": (
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
        "sixteen seventeen eighteen nineteen twenty twenty-one twenty-two twenty-three twenty-four "
        "twenty-five twenty-six twenty-seven twenty-eight twenty-nine"
    ).split(),
}
_PREPOSITIONS = {("nl", "at"): "om", ("nl", "before"): "vóór", ("en", "at"): "at", ("en", "before"): "before"}
_NL_DAYS = "maandag dinsdag woensdag donderdag vrijdag zaterdag zondag".split()
_EN_DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
_NL_MONTHS = "januari februari maart april mei juni juli augustus september oktober november december".split()
_EN_MONTHS = "January February March April May June July August September October November December".split()


def number(value: int, language: str) -> str:
    """Return a small count in words, a larger one in figures."""
    words = _NUMBERS["nl" if language == "nl" else "en"]
    return words[value] if 0 <= value < len(words) else str(value)


def spoken(moment: datetime, now: datetime, timezone: ZoneInfo, language: str, preposition: str) -> str:
    """Return when `moment` is, seen from `now`, as one says it aloud in that time zone.

    `preposition` is `at` or `before`: it stands behind the day in Dutch and in front of it all in English
    (`vanmiddag vóór kwart over drie`, `before a quarter past three this afternoon`).
    """
    local = moment.astimezone(timezone)
    days = (local.date() - now.astimezone(timezone).date()).days
    word = _PREPOSITIONS["nl" if language == "nl" else "en", preposition]
    if language == "nl":
        return f"{_nl_day(local, days)} {word} {clock_nl(local.hour, local.minute)}"
    return f"{word} {clock_en(local.hour, local.minute)} {_en_day(local, days)}"


def clock_nl(hour: int, minute: int) -> str:
    """Return a time of day in Dutch words: 15:15 is `kwart over drie`, 15:40 `tien over half vier`."""
    this, following = (_NUMBERS["nl"][(hour + step - 1) % 12 + 1] for step in (0, 1))
    words = _NUMBERS["nl"]
    if minute == 0:
        return f"{this} uur"
    if minute == 15:
        return f"kwart over {this}"
    if minute < 15:
        return f"{words[minute]} over {this}"
    if minute < 30:
        return f"{words[30 - minute]} voor half {following}"
    if minute == 30:
        return f"half {following}"
    if minute < 45:
        return f"{words[minute - 30]} over half {following}"
    if minute == 45:
        return f"kwart voor {following}"
    return f"{words[60 - minute]} voor {following}"


def clock_en(hour: int, minute: int) -> str:
    """Return a time of day in English words: 15:15 is `a quarter past three`."""
    this, following = (_NUMBERS["en"][(hour + step - 1) % 12 + 1] for step in (0, 1))
    if minute == 0:
        return f"{this} o'clock"
    if minute == 15:
        return f"a quarter past {this}"
    if minute == 30:
        return f"half past {this}"
    if minute == 45:
        return f"a quarter to {following}"
    if minute < 30:
        return f"{_en_minutes(minute)} past {this}"
    return f"{_en_minutes(60 - minute)} to {following}"


def _en_minutes(minutes: int) -> str:
    words = number(minutes, "en")
    return words if minutes in (5, 10, 20, 25) else f"{words} minute{'s' if minutes > 1 else ''}"


def _nl_part(hour: int) -> str:
    return "nacht" if hour < 6 else "ochtend" if hour < 12 else "middag" if hour < 18 else "avond"


def _nl_day(local: datetime, days: int) -> str:
    part = _nl_part(local.hour)
    if days == 0:
        return f"van{part}"
    if days == 1:
        return f"morgen{part}"
    if days < 7:
        return f"{_NL_DAYS[local.weekday()]}{part}"
    return f"{_NL_DAYS[local.weekday()]} {local.day} {_NL_MONTHS[local.month - 1]}"


def _en_day(local: datetime, days: int) -> str:
    part = "morning" if local.hour < 12 else "afternoon" if local.hour < 18 else "evening"
    if local.hour < 6:
        part = "night"
    if days == 0:
        return "tonight" if part in ("night", "evening") else f"this {part}"
    if days == 1:
        return f"tomorrow {part}"
    if days < 7:
        return f"on {_EN_DAYS[local.weekday()]} {part}"
    return f"on {_EN_DAYS[local.weekday()]} the {_ordinal(local.day)} of {_EN_MONTHS[local.month - 1]}"


def _ordinal(day: int) -> str:
    suffix = "th" if day in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return f"{day}{suffix}"
