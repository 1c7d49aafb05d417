"""Is this field usable? The checks that CSV files and the API share: text in, value out, or what to mend."""

import dataclasses
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import available_timezones

import phonenumbers

from app import catalogue
from app.callers.numbers import to_e164
from app.errors import ApplicationError, InvalidField
from app.lines.hours import Hours, NotHours

SEPARATOR = "|"  # between the phones or tags of one cell
MOST_ITEMS = 50
MOST_SECONDS = 7 * 24 * 3600  # a visit that lasted a week is a mistake

# ISO 639-1. A customer may speak any of them; lines and agents speak those that we have sentences for.
LANGUAGES = frozenset(
    """
    aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de
    dv dz ee el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id
    ie ig ii ik io is it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu
    lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu
    rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr
    ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu
    """.split()
)


@dataclass(frozen=True)
class Defaults:
    """What the deployment decides for fields that leave it open."""

    country: str  # for national forms of telephone numbers
    language: str


@dataclass(frozen=True)
class Problem:
    """What is wrong with one field, as a code of the catalogue: said in the language of who reads it."""

    field: str
    code: str
    values: Mapping[str, object] = dataclasses.field(default_factory=dict)

    def say(self, language: str) -> str:
        return catalogue.text(f"problem.{self.code}", language, **self.values)

    def error(self, language: str) -> InvalidField:
        return InvalidField(self.field, self.say(language))


class Refused(ApplicationError):
    """A record can't be used; every problem of it stands in `problems`."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(", ".join(f"{problem.field}: {problem.code}" for problem in self.problems))


class Unusable(ApplicationError):
    """One text can't be used; the reader of the field knows its name."""

    def __init__(self, code: str, **values: object) -> None:
        super().__init__(code)
        self.code = code
        self.values_said = values


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a record: how its text is read, and how the API describes it.

    `read` is given text that is not empty. An empty one becomes `empty`, or is refused when `required`;
    what depends on the deployment is filled in by `fill`.
    """

    name: str
    read: Callable[[str, Defaults], Any]
    schema: Mapping[str, Any]  # JSON Schema of the value in the API
    required: bool = False
    empty: Any = ""
    fill: Callable[[Defaults], Any] | None = None
    only_api: bool = False  # no column of the CSV; kept as it is when the API does not name it


def read_all(fields: Iterable[Field], texts: Iterable[str], defaults: Defaults) -> list[Any]:
    """Return the values of a record's texts, in their order. Raises Refused with every problem found."""
    values: list[Any] = []
    problems: list[Problem] = []
    for one, text in zip(fields, texts, strict=True):
        if text := text.strip():
            try:
                values.append(one.read(text, defaults))
            except Unusable as unusable:
                problems.append(Problem(one.name, unusable.code, unusable.values_said))
        elif one.required:
            problems.append(Problem(one.name, "missing"))
        else:
            values.append(one.fill(defaults) if one.fill else one.empty)
    if problems:
        raise Refused(problems)
    return values


# --- readers: each returns a function (text, defaults) -> value that raises Unusable -----------------


def line_of_text(most: int) -> Callable[[str, Defaults], str]:
    """One line of at most `most` characters; odd white space becomes plain."""

    def read(text: str, defaults: Defaults) -> str:
        if not text.isprintable():
            text = " ".join(text.split())
            _refuse_control_characters(text)
        if len(text) > most:
            raise Unusable("too_long", most=most)
        return text

    return read


def paragraphs(most: int) -> Callable[[str, Defaults], str]:
    """Several lines of at most `most` characters together."""

    def read(text: str, defaults: Defaults) -> str:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        _refuse_control_characters(text.replace("\n", " ").replace("\t", " "))
        if len(text) > most:
            raise Unusable("too_long", most=most)
        return text

    return read


def _refuse_control_characters(text: str) -> None:
    # Neither database nor XML holds a NUL, and a lone surrogate can't be encoded at all.
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in text):
        raise Unusable("control_characters")


def key(text: str, defaults: Defaults) -> str:
    """A key out of another system: it must survive a URL unchanged."""
    if len(text) > 121:
        raise Unusable("too_long", most=121)
    if (
        not text.isprintable()
        or text.startswith("/")
        or text.endswith("/")
        or "//" in text
        or text in {".", ".."}
    ):
        raise Unusable("bad_key")
    return text


_AGENT_KEY = re.compile(r"[A-Za-z0-9_]{1,121}")


def agent_key(text: str, defaults: Defaults) -> str:
    """An agent's key, which the carrier rings as a client's identity."""
    # https://www.twilio.com/docs/voice/twiml/client
    if not _AGENT_KEY.fullmatch(text):
        raise Unusable("bad_agent_key")
    return text


def phone(text: str, defaults: Defaults) -> str:
    e164 = to_e164(text, defaults.country)
    if e164 is None:
        raise Unusable("not_a_number", text=_short(text))
    return e164


def phones(text: str, defaults: Defaults) -> tuple[str, ...]:
    """Numbers separated by a bar, each once, in their order."""
    if SEPARATOR not in text:
        return (phone(text, defaults),)
    return tuple(dict.fromkeys(phone(item, defaults) for item in _items(text)))


def tags(text: str, defaults: Defaults) -> tuple[str, ...]:
    read = line_of_text(60)
    return tuple(dict.fromkeys(read(item, defaults) for item in _items(text)))


def _items(text: str) -> list[str]:
    items = [item for part in text.split(SEPARATOR) if (item := part.strip())]
    if len(items) > MOST_ITEMS:
        raise Unusable("too_many", most=MOST_ITEMS)
    return items


def any_language(text: str, defaults: Defaults) -> str:
    if (language := text.lower()) not in LANGUAGES:
        raise Unusable("not_a_language", text=_short(text))
    return language


def one_of(choices: Iterable[str]) -> Callable[[str, Defaults], str]:
    allowed = tuple(str(choice) for choice in choices)

    def read(text: str, defaults: Defaults) -> str:
        if (choice := text.lower()) not in allowed:
            raise Unusable("not_one_of", text=_short(text), choices=", ".join(allowed))
        return choice

    return read


def country(text: str, defaults: Defaults) -> str:
    if (code := text.upper()) not in phonenumbers.SUPPORTED_REGIONS:
        raise Unusable("not_a_country", text=_short(text))
    return code


def timezone(text: str, defaults: Defaults) -> str:
    if text not in available_timezones():
        raise Unusable("not_a_timezone", text=_short(text))
    return text


def hours(text: str, defaults: Defaults) -> str:
    try:
        Hours.parse(text)
    except NotHours as error:
        raise Unusable("not_hours", text=_short(error.part)) from error
    return text


def moment(text: str, defaults: Defaults) -> datetime:
    """A moment with its offset from UTC, in UTC."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise Unusable("not_a_time", text=_short(text)) from error
    if at.tzinfo is None:
        raise Unusable("no_offset", text=_short(text))
    # Converted only within years that can be converted: the first and the last overflow.
    if not 1900 <= at.year <= 2200:
        raise Unusable("not_a_time", text=_short(text))
    return at.astimezone(UTC)


def seconds(text: str, defaults: Defaults) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) > MOST_SECONDS:
        raise Unusable("not_seconds", text=_short(text), most=MOST_SECONDS)
    return int(text)


def yes_or_no(text: str, defaults: Defaults) -> bool:
    if text.lower() not in {"true", "false"}:
        raise Unusable("not_one_of", text=_short(text), choices="true, false")
    return text.lower() == "true"


_EMAIL = re.compile(r"[^@\s<>,;]+@[^@\s<>,;]+\.[^@\s<>,;.]+")


def email(text: str, defaults: Defaults) -> str:
    if len(text) > 254 or not text.isprintable() or not _EMAIL.fullmatch(text):
        raise Unusable("not_an_email", text=_short(text))
    return text


def url(text: str, defaults: Defaults) -> str:
    """An address that a desk may link to: never a script."""
    try:
        parts = urlsplit(text)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        usable = False
    if not usable or len(text) > 2000 or not text.isprintable() or " " in text:
        raise Unusable("not_a_url", text=_short(text))
    return text


def _short(text: str) -> str:
    """What a message quotes: enough to find it, on one line, and no flood."""
    one_line = "".join(character if character.isprintable() else "�" for character in text)
    return one_line if len(one_line) <= 60 else one_line[:59] + "…"
