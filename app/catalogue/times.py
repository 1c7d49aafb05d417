"""How do people say a time? “kwart over drie vanmiddag”, never “15:15 uur”."""

from datetime import date, datetime, timedelta
from typing import Self
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_time, get_day_names, get_month_names

from app.catalogue import LANGUAGES, locale, text

_NUMBERS = {
    "nl": "nul een twee drie vier vijf zes zeven acht negen tien elf twaalf dertien veertien".split(),
    "en": (
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
        "sixteen seventeen eighteen nineteen twenty twenty-one twenty-two twenty-three twenty-four "
        "twenty-five twenty-six twenty-seven twenty-eight twenty-nine"
    ).split(),
}
_PREPOSITIONS = {("nl", "at"): "om", ("nl", "before"): "vóór", ("en", "at"): "at", ("en", "before"): "before"}
# Looked up once, by what a date holds: Monday is 0, January 1. Nobody on the telephone waits for it.
_DAYS = {one: dict(get_day_names("wide", locale=locale(one))) for one in LANGUAGES}
_MONTHS = {one: dict(get_month_names("wide", locale=locale(one))) for one in LANGUAGES}
# Of a time that the clock shows twice, the first and the second.
_TWICE = {"nl": ("zomertijd", "wintertijd"), "en": ("summer time", "winter time")}
MORNING = 6  # the hour at which a night is over
_A_DAY = timedelta(days=1)


class Count(int):
    """A count that is said: a small one stands in its sentence in words, a larger one in figures."""

    language: str

    def __new__(cls, value: int, language: str) -> Self:
        count = super().__new__(cls, value)
        count.language = language
        return count

    def __format__(self, spec: str) -> str:
        return number(self, self.language)


def number(value: int, language: str) -> str:
    """Return a small count in words, a larger one in figures."""
    words = _NUMBERS["nl" if language == "nl" else "en"]
    return words[value] if 0 <= value < len(words) else str(value)


def weekdays(language: str) -> list[str]:
    """Return what the days are called, Monday first."""
    return [_DAYS[language][day] for day in range(7)]


def spoken(moment: datetime, now: datetime, timezone: ZoneInfo, language: str, preposition: str) -> str:
    """Return when `moment` is, seen from `now`, as one says it aloud in that time zone.

    `preposition` is `at` or `before`: it stands behind the day in Dutch and in front of it all in English
    (`vanmiddag vóór kwart over drie`, `before a quarter past three this afternoon`).
    """
    local, here = moment.astimezone(timezone), now.astimezone(timezone)
    day = _named_day(local)
    # A night is seen from the night that is going on, or is to come: “vannacht” is never the one after it,
    days = (day - (_named_day(here) if local.hour < MORNING else here.date())).days
    # unless this night is past that time of it: shortly after midnight the coming midnight is meant.
    if days == 1 and local.hour < MORNING and moment - now < _A_DAY:
        days = 0
    word = _PREPOSITIONS["nl" if language == "nl" else "en", preposition]
    if language == "nl":
        clock = clock_nl(local.hour, local.minute) + _which(local, language)
        return f"{_nl_day(day, local.hour, days)} {word} {clock}"
    clock = clock_en(local.hour, local.minute) + _which(local, language)
    return f"{word} {clock} {_en_day(day, local.hour, days)}"


def written(moment: datetime, timezone: ZoneInfo, language: str) -> str:
    """Return a moment as pages write it: `ma 23 november 14:05`, `14:05 on Mon 23 November`, with no year."""
    local = moment.astimezone(timezone)
    return text(
        "day.day_with_time",
        language,
        day=format_date(local, "EEE d MMMM", locale(language)),
        time=figures(local, language),
    )


def deadline(moment: datetime, now: datetime, timezone: ZoneInfo, language: str) -> str:
    """Return by when, as pages write it: `morgen vóór 10:00`, `before 10:00 on Monday 30 November`."""
    local, today = moment.astimezone(timezone), now.astimezone(timezone).date()
    at = figures(local, language)
    match (local.date() - today).days:
        case 0:
            return text("day.due_today", language, time=at)
        case -1 | 1 as days:
            near = text("day.yesterday" if days < 0 else "day.tomorrow", language)
            return text("day.due_day", language, day=near, time=at)
        case _:
            shape = "EEEE d MMMM" if local.year == today.year else "EEEE d MMMM y"
            on = format_date(local, shape, locale(language))
            return text("day.due_date", language, day=on, time=at)


def short_date(local: date, language: str, *, with_year: bool) -> str:
    """Return a day where there is little room, `ma 23 nov` or `ma 23 nov 2026`."""
    return format_date(local, "EEE d MMM y" if with_year else "EEE d MMM", locale(language))


def figures(local: datetime, language: str) -> str:
    """Return what a clock on the wall shows, `14:05`; `02:30 wintertijd` where it shows that twice."""
    return format_time(local, "HH:mm", locale=locale(language)) + _which(local, language)


def _which(local: datetime, language: str) -> str:
    """Return ` zomertijd` or ` wintertijd` in the hour that comes twice as the clock goes back, else nothing.

    Told by which of the two it is, not by dst(): in Ireland's data the winter differs from the standard.
    """
    if local.utcoffset() == local.replace(fold=1 - local.fold).utcoffset():
        return ""
    return f" {_TWICE['nl' if language == 'nl' else 'en'][local.fold]}"


def _named_day(local: datetime) -> date:
    """Return the day by which a moment is called: the small hours belong to the day before."""
    return local.date() - timedelta(days=1) if local.hour < MORNING else local.date()


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
    return "nacht" if hour < MORNING else "ochtend" if hour < 12 else "middag" if hour < 18 else "avond"


def _nl_day(day: date, hour: int, days: int) -> str:
    part = _nl_part(hour)
    if days == 0:
        return f"van{part}"
    if days == 1:
        return f"morgen{part}"
    weekday = f"{_DAYS['nl'][day.weekday()]}{part}"
    return weekday if days < 7 else f"{weekday} {day.day} {_MONTHS['nl'][day.month]}"


def _en_day(day: date, hour: int, days: int) -> str:
    part = "morning" if hour < 12 else "afternoon" if hour < 18 else "evening"
    if hour < MORNING:
        part = "night"
    if days == 0:
        return "tonight" if part in ("night", "evening") else f"this {part}"
    if days == 1:
        return f"tomorrow {part}"
    weekday = f"on {_DAYS['en'][day.weekday()]} {part}"
    return weekday if days < 7 else f"{weekday}, the {_ordinal(day.day)} of {_MONTHS['en'][day.month]}"


def _ordinal(day: int) -> str:
    suffix = "th" if day in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")
    return f"{day}{suffix}"
