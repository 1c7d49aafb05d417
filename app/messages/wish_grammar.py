"""What does somebody who answers our message want? Read carefully: a word too many, and a human reads it.

Pure. A message is understood only when every word of it is: a greeting, a request to ring, a time, a day.
What is left over makes it unclear, and nothing is guessed.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from app.catalogue import times
from app.messages import written_dates
from app.messages.wished_times import UNCLEAR, Clock, Day, Kind, Part, Wish

LONGEST = 200  # who writes more than this is telling something
# With greeting and signature. What is longer is not even looked at: expressions that search take the square
# of a text's length, and a stranger chooses it.
LONGEST_AS_WRITTEN = 500

_NL_HOURS = {
    word: hour
    for hour, words in enumerate(
        (
            "een één enen", "twee tweeën tweeen", "drie drieën drieen", "vier vieren", "vijf vijven",
            "zes zessen", "zeven zevenen", "acht achten", "negen negenen", "tien tienen", "elf elven",
            "twaalf twaalven",
        ),
        start=1,
    )
    for word in words.split()
}  # fmt: skip
_EN_HOURS = {
    word: hour
    for hour, word in enumerate("one two three four five six seven eight nine ten eleven twelve".split(), 1)
}
_HOURS = _NL_HOURS | _EN_HOURS
_MINUTES = {"vijf": 5, "tien": 10, "twintig": 20, "five": 5, "ten": 10, "twenty": 20}
_NL_DAYS, _EN_DAYS = ([name.lower() for name in times.weekdays(language)] for language in ("nl", "en"))
_DAYS = {word: number % 7 for number, word in enumerate(_NL_DAYS + _EN_DAYS)}
_PARTS = {
    **dict.fromkeys(("ochtend", "ochtends", "morgen", "morgens", "morning"), Part.MORNING),
    **dict.fromkeys(("middag", "middags", "afternoon"), Part.AFTERNOON),
    **dict.fromkeys(("avond", "avonds", "evening"), Part.EVENING),
}


def _any_of(words: Iterable[str]) -> str:
    return "|".join(sorted(map(re.escape, words), key=len, reverse=True))


_H = rf"(?:{_any_of(_HOURS)}|2[0-4]|1\d|0?\d)"
_M = rf"(?:{_any_of(_MINUTES)}|\d\d?)"
_WEEKDAY = rf"(?:{_any_of(_DAYS)})"
_CLOCK = (
    rf"(?:half past {_H}|half {_H}|(?:kwart|quarter|a quarter) (?:voor|over|past|to) {_H}"
    rf"|{_M} (?:minuten )?(?:voor|over) half {_H}|{_M} (?:minuten |minutes )?(?:voor|over|past|to) {_H}"
    rf"|{_H}[:.][0-5]\d(?: ?(?:uur|u|h|am|pm))?|{_H} ?(?:uur|u|h|am|pm|o'clock|oclock)|{_H}"
    r"|noon|midday)"
)
_OF_DAY = r"(?: ?(?:'?s (?:ochtends|morgens|middags|avonds)|in the (?:morning|afternoon|evening)))"


@dataclass
class _Found:
    """What has been read so far of one message."""

    wish: Wish = field(default_factory=lambda: Wish(Kind.RING))
    withdraws: bool = False
    asks_to_be_rung: bool = False
    says_thanks: bool = False
    english: bool = False
    dutch_half: bool = False  # “half 3”, which is another time in English
    contradicts: bool = False

    def say(self, **values: Any) -> None:
        """Take one part of the wish; the same part said twice is a contradiction."""
        if any(getattr(self.wish, name) is not None for name in values):
            self.contradicts = True
        self.wish = replace(self.wish, **values)


def parse(text: str) -> Wish:
    """Return what a message asks for; UNCLEAR when there is anything in it that isn't understood."""
    words = _plain(text)
    if not words or len(words) > LONGEST:
        return UNCLEAR
    found = _Found()
    at = 0
    while at < len(words):
        for pattern, take in _GRAMMAR:
            if match := pattern.match(words, at):
                take(found, match)
                at = match.end()
                break
        else:
            return UNCLEAR
    return _judged(found, is_question="?" in text)


def _judged(found: _Found, *, is_question: bool) -> Wish:
    wish = found.wish
    if found.contradicts or (found.dutch_half and found.english):
        return UNCLEAR
    if found.withdraws:
        return UNCLEAR if wish.names_a_time or is_question else Wish(Kind.WITHDRAW)
    if wish.at is not None and (wish.start or wish.end):
        return UNCLEAR
    if wish.delay is not None and wish != Wish(Kind.RING, delay=wish.delay):
        return UNCLEAR
    if wish.names_a_time or found.asks_to_be_rung:
        return wish
    return Wish(Kind.THANKS) if found.says_thanks and not is_question else UNCLEAR


# Names are told from words by their capitals: whoever is greeted or signs says nothing of a time.
_GREETING = re.compile(
    r"^\s*(?i:hoi|hallo|hai|hey|hi|hello|beste|geachte|dag|dear|goede(?:morgen|middag|n?avond)"
    r"|good (?:morning|afternoon))"
    r"(?:\s+(?i:mevrouw|meneer|heer|mr|mrs|ms)\b)?(?:\s+[A-ZÀ-Ý]\w+){0,2}\s*[,!\n]"
)
_SIGNATURE = re.compile(
    r"[\s,.!]+"
    r"(?i:(?:met )?(?:vriendelijke |hartelijke )?groet(?:en|jes)?|gr|mvg|(?:kind |best )?regards|cheers)"
    r"[\s,.!]*(?:(?:[A-ZÀ-Ý]\w*|van|der?|den|ten?|ter)\b[\s.]*){0,5}$"
)


def _plain(text: str) -> str:
    """Return the words with single spaces: no greeting by name, no signature, no signs but those of times.

    Nothing of a text that is very long: half of it may mean something else than all of it. Nor of one that
    may name a date, which would be read as times.
    """
    text = "\n".join(" ".join(line.split()) for line in text.split("\n"))
    if len(text) > LONGEST_AS_WRITTEN:
        return ""
    text = unicodedata.normalize("NFKC", text)
    if len(text) > LONGEST_AS_WRITTEN:
        return ""
    text = text.replace("’", "'").replace("‘", "'").strip()
    text = _SIGNATURE.sub("", _GREETING.sub("", text)).lower()
    text = re.sub(r"\ba\.u\.b\.?|\bs\.v\.p\.?", "aub", text)
    text = re.sub(r"\ba\.s\.", "aanstaande", text)
    text = re.sub(r"\b([ap])\.m\.?", r"\1m", text)
    if written_dates.may_be_named(text):
        return ""
    text = re.sub(r"(?<=\d)\s*[-–]\s*(?=\d)", " tot ", text)
    text = re.sub(r"(?<!\d)[.:](?!\d)|[.:](?!\d)|(?<!\d)[.:]|[^\w\s:.']", " ", text)
    return re.sub(r"\s+", " ", text).strip()


def _clock(words: str) -> Clock:
    """Read one time of day, as _CLOCK matched it."""
    words, *_ = re.split(rf"{_OF_DAY}$", words)
    if words in ("noon", "midday"):
        return Clock(12, sure=True)
    if match := re.fullmatch(rf"({_H})[:.]([0-5]\d)(?: ?(uur|u|h|am|pm))?", words):
        return _of_day(_hour(match[1]), int(match[2]), match[1], match[3])
    if match := re.fullmatch(rf"({_H}) ?(uur|u|h|am|pm|o'clock|oclock)?", words):
        return _of_day(_hour(match[1]), 0, match[1], match[2])
    if match := re.fullmatch(rf"half past ({_H})", words):
        return _later(Clock(_hour(match[1])), 30)
    if match := re.fullmatch(rf"(?:({_M}) (?:minuten )?(voor|over) )?half ({_H})", words):
        minutes = _minutes(match[1]) if match[1] else 0
        return _later(Clock(_hour(match[3])), (-minutes if match[2] == "voor" else minutes) - 30)
    match = re.fullmatch(
        rf"(kwart|quarter|a quarter|{_M}) (?:minuten |minutes )?(voor|over|past|to) ({_H})", words
    )
    if match is None:
        raise ValueError(words)
    minutes = 15 if match[1].endswith(("kwart", "quarter")) else _minutes(match[1])
    return _later(Clock(_hour(match[3])), minutes if match[2] in ("over", "past") else -minutes)


def _hour(word: str) -> int:
    return _HOURS[word] if word in _HOURS else int(word)


def _minutes(word: str) -> int:
    return _MINUTES[word] if word in _MINUTES else int(word)


def _of_day(hour: int, minute: int, written: str, unit: str | None) -> Clock:
    if unit in ("am", "pm"):
        return Clock(hour % 12 + (12 if unit == "pm" else 0), minute, sure=True)
    return Clock(hour % 24, minute, sure=hour > 12 or hour == 0 or written.startswith("0"))


def _later(clock: Clock, minutes: int) -> Clock:
    total = (clock.hour * 60 + minutes) % (24 * 60)
    # “half een” is half past twelve, and may be by day or by night like any other.
    hour, minute = divmod(total, 60)
    return Clock(hour % 12 or 12, minute) if clock.hour <= 12 else Clock(hour, minute, sure=True)


# --- the grammar: what may stand next, and what it means ----------------------------------------------

_Take = Callable[[_Found, "re.Match[str]"], None]


def _in_part(found: _Found, words: str) -> None:
    """“om drie uur 's middags” names the part of the day along with the time."""
    if match := re.search(r"(ochtends|morgens|middags|avonds|morning|afternoon|evening)$", words):
        found.say(part=_PARTS[match[1]])


def _bound(name: str) -> _Take:
    def take(found: _Found, match: "re.Match[str]") -> None:
        words = match["clock"]
        found.dutch_half = found.dutch_half or bool(re.search(r"half \d", words))
        found.say(**{name: _clock(words)})
        _in_part(found, words)

    return take


def _between(found: _Found, match: "re.Match[str]") -> None:
    found.say(start=_clock(match.groupdict().get("clock") or match["clock2"]), end=_clock(match["until"]))
    _in_part(found, match["until"])


def _take_day(found: _Found, match: "re.Match[str]") -> None:
    groups = match.groupdict()
    found.say(day=Day(weekday=_DAYS[groups["weekday"]], next_week=bool(groups.get("next_week"))))
    if groups.get("part"):
        found.say(part=_PARTS[groups["part"]])


def _ahead(days: int) -> _Take:
    def take(found: _Found, match: "re.Match[str]") -> None:
        found.say(day=Day(ahead=days))
        if part := match.groupdict().get("part"):
            found.say(part=_PARTS[part])

    return take


def _take_part(found: _Found, match: "re.Match[str]") -> None:
    found.say(part=_PARTS[match["part"]])


def _take_delay(found: _Found, match: "re.Match[str]") -> None:
    words = match["delay"]
    amounts = {"een half uur": 30, "half uur": 30, "halfuur": 30, "een halfuur": 30, "half an hour": 30}
    amounts |= {"een kwartier": 15, "kwartier": 15, "anderhalf uur": 90, "a quarter of an hour": 15}
    if words in amounts:
        minutes = amounts[words]
    else:
        amount, unit = words.split(" ", 1)
        count = {"a": 1, "an": 1}.get(amount) or _HOURS.get(amount) or _MINUTES.get(amount) or int(amount)
        minutes = count * (60 if unit[0] in "uh" else 1)
    found.say(delay=timedelta(minutes=minutes))


def _flag(name: str) -> _Take:
    def take(found: _Found, match: "re.Match[str]") -> None:
        setattr(found, name, True)

    return take


def _nothing(found: _Found, match: "re.Match[str]") -> None:
    """Politeness: it says nothing about the time."""


def _english(take: _Take) -> _Take:
    def also(found: _Found, match: "re.Match[str]") -> None:
        found.english = True
        take(found, match)

    return also


_TIME = rf"(?P<clock>{_CLOCK}{_OF_DAY}?)"
_TIME2 = rf"(?P<clock2>{_CLOCK}{_OF_DAY}?)"
_UNTIL = rf"(?P<until>{_CLOCK}{_OF_DAY}?)"
_DUTCH_PART = r"(?P<part>ochtend|middag|avond)"
_ENGLISH_PART = r"(?P<part>morning|afternoon|evening)"
_SOLVED = r"(?:opgelost|geregeld|in orde|afgehandeld)"
_RESOLVED = r"(?:solved|resolved|sorted(?: out)?|fixed)"

# The first that fits is taken, so what is longer stands before what it begins with.
_RULES: list[tuple[str, _Take]] = [
    # not before a time, which begins as if it were never
    (
        rf"(?:please )?(?:do not|don't|dont) (?:call|ring|phone) (?:me )?(?:back )?before {_TIME}",
        _english(_bound("start")),
    ),
    # somebody need not be rung
    (r"laat(?: het)? maar(?: zitten)?", _flag("withdraws")),
    (
        rf"(?:(?:het|dat|t|'t|alles) )?is (?:al |inmiddels |ondertussen |intussen )?{_SOLVED}",
        _flag("withdraws"),
    ),
    (rf"(?:al |inmiddels |ondertussen |intussen ){_SOLVED}", _flag("withdraws")),
    (rf"ik heb het (?:zelf )?(?:al |inmiddels )?(?:zelf )?{_SOLVED}", _flag("withdraws")),
    (
        r"(?:(?:terug ?bellen|het|dat) )?hoeft (?:al )?niet(?: meer)?(?! voor| vóór| na| om)",
        _flag("withdraws"),
    ),
    (
        r"(?:u|jullie|je) hoe(?:ft|ven) (?:mij |me )?niet (?:meer )?(?:terug )?te bellen",
        _flag("withdraws"),
    ),
    (r"(?:is )?niet (?:meer )?(?:nodig|terug ?bellen|bellen)", _flag("withdraws")),
    (
        r"bel (?:mij |me )?(?:alstublieft |aub |maar )?niet(?: meer)?(?: terug)?"
        r"(?! voor| vóór| na| om| tussen| eerder| later)",
        _flag("withdraws"),
    ),
    (r"never ?mind|forget it", _english(_flag("withdraws"))),
    (
        rf"(?:(?:it|that)(?: is|'s| has been) |(?:it|that)s )(?:already |now )?(?:been )?{_RESOLVED}",
        _english(_flag("withdraws")),
    ),
    (rf"i(?: have|'ve)? (?:already )?{_RESOLVED} it(?: myself)?", _english(_flag("withdraws"))),
    (
        r"(?:do not|don't|dont) (?:call|ring|phone)(?: me)?(?: back)?(?: any ?more)?"
        r"(?! before| after| at| between| until)",
        _english(_flag("withdraws")),
    ),
    (r"no need to (?:call|ring|phone)(?: me)?(?: back)?(?: any ?more)?", _english(_flag("withdraws"))),
    (
        r"(?:you )?(?:do not|don't|dont) (?:need|have) to"
        r" (?:call|ring|phone)(?: me)?(?: back)?(?: any ?more)?",
        _english(_flag("withdraws")),
    ),
    (r"no longer (?:needed|necessary)|not (?:needed|necessary) any ?more", _english(_flag("withdraws"))),
    # in a while
    (
        r"over (?P<delay>een half uur|een halfuur|half uur|halfuur|anderhalf uur|een kwartier"
        rf"|(?:{_any_of(_NL_HOURS)}|\d+) (?:uur|uurtje|uurtjes|minuten|min))",
        _take_delay,
    ),
    (
        r"in (?P<delay>half an hour|a quarter of an hour"
        rf"|(?:an?|{_any_of(_EN_HOURS)}|twenty|\d+) (?:hours?|minutes|min|mins))",
        _english(_take_delay),
    ),
    # bounds
    (rf"(?:tussen {_TIME} en|(?:van|vanaf) {_TIME2} tot) {_UNTIL}", _between),
    (rf"(?:between {_TIME} and|from {_TIME2} (?:to|until|till)) {_UNTIL}", _english(_between)),
    (rf"{_TIME} tot {_UNTIL}", _between),
    (
        r"(?:bel (?:mij |me )?)?"
        rf"(?:pas (?:na|om|vanaf)|na|vanaf|niet (?:voor|vóór|eerder dan)|later dan) {_TIME}",
        _bound("start"),
    ),
    (rf"(?:any ?time after|only after|after|from|not before|later than) {_TIME}", _english(_bound("start"))),
    (
        r"(?:bel (?:mij |me )?)?"
        rf"(?:voor|vóór|tot|uiterlijk(?: om)?|eerder dan|niet (?:na|later dan)) {_TIME}",
        _bound("end"),
    ),
    (rf"(?:before|until|till|by|no later than|not (?:after|later than)) {_TIME}", _english(_bound("end"))),
    (rf"(?:om|rond|omstreeks) {_TIME}", _bound("at")),
    (rf"(?:at|around) {_TIME}", _english(_bound("at"))),
    # days and parts of them
    (r"na het weekend", lambda found, match: found.say(day=Day(next_week=True))),
    (r"after the weekend", _english(lambda found, match: found.say(day=Day(next_week=True)))),
    (rf"(?P<next_week>volgende week) (?P<weekday>{_WEEKDAY}) ?{_DUTCH_PART}?", _take_day),
    (r"volgende week", lambda found, match: found.say(day=Day(next_week=True))),
    (r"next week", _english(lambda found, match: found.say(day=Day(next_week=True)))),
    (r"overmorgen ?(?:in de )?" + _DUTCH_PART + "?", _ahead(2)),
    (rf"the day after tomorrow(?: (?:in the )?{_ENGLISH_PART})?", _english(_ahead(2))),
    (rf"morgen ?(?:in de )?{_DUTCH_PART}", _ahead(1)),
    (r"morgen(?! (?:vroeg|vroegste))", _ahead(1)),
    (rf"tomorrow(?: (?:in the )?{_ENGLISH_PART})?", _english(_ahead(1))),
    (rf"van{_DUTCH_PART}", _ahead(0)),
    (
        r"vanmorgen",
        lambda found, match: found.say(day=Day(ahead=0), part=Part.MORNING),
    ),
    (rf"this {_ENGLISH_PART}", _english(_ahead(0))),
    (r"tonight", _english(lambda found, match: found.say(day=Day(ahead=0), part=Part.EVENING))),
    (r"vandaag(?: nog)?", _ahead(0)),
    (r"today", _english(_ahead(0))),
    (
        rf"(?:op |aanstaande |komende )*(?P<weekday>{_any_of(_NL_DAYS)})"
        r"(?: ?(?:in de )?(?P<part>ochtend|middag|avond|morgen))?",
        _take_day,
    ),
    (
        rf"(?:on |this |coming )*(?P<weekday>{_any_of(_EN_DAYS)})(?: (?:in the )?{_ENGLISH_PART})?",
        _english(_take_day),
    ),
    (rf"in de {_DUTCH_PART}", _take_part),
    (r"'?s (?P<part>ochtends|morgens|middags|avonds)", _take_part),
    (rf"in the {_ENGLISH_PART}", _english(_take_part)),
    # a time by itself, once everything else that holds one has been tried
    (
        rf"(?P<clock>(?:2[0-4]|1\d|0?\d)[:.][0-5]\d(?: ?(?:uur|u|h))?{_OF_DAY}?"
        rf"|(?:kwart|{_M}) (?:voor|over) (?:half )?{_H}|half {_H}|{_H} (?:uur|u){_OF_DAY}?)",
        _bound("at"),
    ),
    # a request
    (
        r"(?:bel|bellen|terug ?bellen|terug te bellen|teruggebeld|gebeld|belt)(?: (?:mij|me))?(?: terug)?",
        _flag("asks_to_be_rung"),
    ),
    (r"(?:call|ring|phone)(?: me)?(?: back)?", _english(_flag("asks_to_be_rung"))),
    # thanks, and agreeing
    (
        r"(?:hartelijk )?(?:dank ?(?:u|je)(?: ?wel)?|dankuwel|dankjewel|bedankt|dank)(?: alvast)?|alvast",
        _flag("says_thanks"),
    ),
    (r"(?:is |dat is )?(?:goed|prima|oke|oké|ok|akkoord|fijn|top)(?: zo)?", _flag("says_thanks")),
    (r"thanks|thank you|thx|okay|fine|great|perfect", _english(_flag("says_thanks"))),
    (r"that works|works for me", _english(_flag("says_thanks"))),
    # politeness, and what binds a sentence together; never a word that denies
    (
        r"(?:aub|alstublieft|alsjeblieft|svp|graag|het liefst|liefst|liever|hallo|hoi|dag|ja|maar|even|dan"
        r"|ook|wel|weer|kan het|zou het kunnen|kan dat|kan|kunt|kun|mag|zou|wil|willen|worden|u|je|jullie|ik"
        r"|mij|me|het|dat|ben|bereikbaar|beschikbaar|thuis|komt|past|schikt|beter|uit|te|is|pas|voor mij|op)",
        _nothing,
    ),
    (
        r"(?:please|pls|hello|hi|yes|can|could|would|you|i'm|i am|i|it|be|available|free|home|at home"
        r"|if possible|better|for me|is|prefer|preferably|i'd|like|want|to|a|just|how about|what about"
        r"|any ?time|only|works)",
        _english(_nothing),
    ),
]


def _compiled() -> Iterator[tuple[re.Pattern[str], _Take]]:
    for pattern, take in _RULES:
        yield re.compile(rf"\s*(?:{pattern})(?=\s|$)"), take


_GRAMMAR = list(_compiled())
