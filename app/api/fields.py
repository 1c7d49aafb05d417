"""Is this field usable? The types that CSV files and the API share: how each is read, and described."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Annotated, Any, ClassVar, NoReturn, Self
from urllib.parse import urlsplit
from zoneinfo import available_timezones

import phonenumbers
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetPydanticSchema,
    PlainValidator,
    ValidationError,
)
from pydantic_core import PydanticCustomError
from pydantic_core.core_schema import no_info_after_validator_function

from app import catalogue
from app.callers.numbers import may_be_called, to_e164
from app.catalogue.problems import Problem as Problem  # so that readers of fields find it here
from app.errors import ApplicationError
from app.lines.dates import LONGEST_WHY, MOST_DATES, Dates, OwnDate, SaidTwice, day_of
from app.lines.spans import NotHours
from app.lines.week import Hours, said_twice
from app.outgoing.words import words
from config import Settings

_OF_A_DATE = ("date", "until", "hours", "why")
SEPARATOR = "|"  # between the phones or tags of one cell
MOST_ITEMS = 50
MOST_WORDS = 300  # of a topic
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
    fallback_numbers: frozenset[str] = frozenset()  # no line of ours: they would ring themselves

    @classmethod
    def of(cls, settings: Settings) -> Self:
        numbers = frozenset(settings.fallback_numbers)
        return cls(settings.default_country, settings.default_language, numbers)


class Refused(ApplicationError):
    """A record can't be used; every problem of it stands in `problems`."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(", ".join(f"{problem.field}: {problem.code}" for problem in self.problems))


class Unusable(PydanticCustomError):
    """One text can't be used, as a code of the catalogue; whoever reads the field knows its name."""

    def __new__(cls, code: str, **values: Any) -> Self:
        return super().__new__(cls, code, code, values)

    def __init__(self, code: str, **values: Any) -> None:
        pass  # all is done above, where the library keeps it

    @property
    def code(self) -> str:
        return self.type

    @property
    def values_said(self) -> dict[str, Any]:
        return self.context or {}


# What the library itself finds, in the words of the catalogue.
_NO_INTEGER = ("wrong_type", {"expected": "integer"})
_OF_THE_LIBRARY: dict[str, tuple[str, dict[str, str]]] = {
    "missing": ("missing", {}),
    "too_short": ("missing", {}),
    "string_type": ("wrong_type", {"expected": "string"}),
    "bool_type": ("wrong_type", {"expected": "boolean"}),
    **dict.fromkeys(("int_type", "int_parsing", "int_parsing_size", "int_from_float"), _NO_INTEGER),
    "list_type": ("wrong_type", {"expected": "array"}),
    "dict_type": ("wrong_type", {"expected": "object"}),
    "string_unicode": ("control_characters", {}),
    "string_pattern_mismatch": ("bad_agent_key", {}),  # nothing else has a pattern
}


class Said(BaseModel):
    """What a row or a request says, once it was checked. Null, and a text without a letter, say nothing."""

    model_config = ConfigDict(extra="forbid")

    unknown: ClassVar[str] = "unknown_field"

    @classmethod
    def given(cls, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a request says something about, and what it may not."""
        texts = {name: said.strip() if isinstance(said, str) else said for name, said in body.items()}
        known = {field.alias or name for name, field in cls.model_fields.items()}
        return {name: said for name, said in texts.items() if said not in (None, "") or name not in known}

    @classmethod
    def read(cls, said: Mapping[str, Any], context: Any) -> Self:
        """Check what is given; `context` is for the readers. Raises Refused with all that is wrong."""
        try:
            # What model_validate() asks before this, a million rows would pay for.
            read: Self = cls.__pydantic_validator__.validate_python(said, context=context)
            return read
        except ValidationError as error:
            problems = [cls._problem(one) for one in error.errors(include_url=False)]
        raise Refused(sorted(problems, key=lambda one: one.code != cls.unknown))

    @classmethod
    def _problem(cls, error: Any) -> Problem:
        field, code, values = str(error["loc"][0]), error["type"], error.get("ctx", {})
        if code == "extra_forbidden":
            return Problem(field, cls.unknown)
        if code == "string_too_long":
            return Problem(field, "too_long", {"most": values["max_length"]})
        if code == "greater_than_equal":
            return Problem(field, "too_low", {"least": values["ge"]})
        if code == "less_than_equal":
            return Problem(field, "too_high", {"most": values["le"]})
        return Problem(field, *_OF_THE_LIBRARY.get(code, (code, values)))


# --- readers: text in, value out, or Unusable -----------------------------------------------------------


def one_line(text: Any) -> Any:
    """Odd white space becomes plain."""
    if not isinstance(text, str) or text.isprintable():
        return text
    text = " ".join(text.split())
    _refuse_control_characters(text)
    return text


def paragraphs(text: Any) -> Any:
    """Several lines, however their ends were written."""
    if not isinstance(text, str) or text.isprintable():
        return text
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    _refuse_control_characters(text.replace("\n", "").replace("\t", ""))
    return text


def _refuse_control_characters(text: str) -> None:
    # Neither database nor XML holds a NUL, and a lone surrogate can't be encoded at all.
    if not text.isprintable() and any(unicodedata.category(character) in {"Cc", "Cs"} for character in text):
        raise Unusable("control_characters")


def key(text: str) -> str:
    """A key out of another system: it must survive a URL unchanged."""
    if len(text) > 121:
        raise Unusable("too_long", most=121)
    if not text.isprintable() or text in {".", ".."} or ("/" in text and "" in text.split("/")):
        raise Unusable("bad_key")
    return text


def phone(text: str, defaults: Defaults) -> str:
    return to_e164(text, defaults.country) or _no_number(text)


def _no_number(text: str) -> NoReturn:
    raise Unusable("not_a_number", text=short(text))


def _phone(text: str, info: Any) -> str:
    return phone(text, info.context)


def _agents_phone(text: str, info: Any) -> str:
    """A number that is rung for each call: of the kinds that we ring callers back on, no others."""
    number = phone(text, info.context)
    if not may_be_called(number):
        raise Unusable("phone_not_rung", text=short(text))
    return number


def _number_of_a_line(text: str, info: Any) -> str:
    number = phone(text, info.context)
    if number in info.context.fallback_numbers:
        raise Unusable("line_is_fallback", text=short(text))
    return number


def _phones(said: Any, info: Any) -> tuple[str, ...]:
    """Numbers separated by a bar, each once, in their order."""
    country = info.context.country
    return tuple(dict.fromkeys([to_e164(item, country) or _no_number(item) for item in _items(said)]))


def _tags(said: Any) -> tuple[str, ...]:
    if isinstance(said, str) and len(said) <= 60 and said.isprintable():
        return _usual_tags(said)
    found = tuple(dict.fromkeys(map(one_line, _items(said))))
    if max(map(len, found), default=0) > 60:
        raise Unusable("too_long", most=60)
    return found


@lru_cache(maxsize=4096)
def _usual_tags(said: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_items(said)))  # the same stand in many rows


def _words(said: Any) -> tuple[str, ...]:
    found = tuple(dict.fromkeys(map(one_line, _items(said, MOST_WORDS))))
    if max(map(len, found), default=0) > 60:
        raise Unusable("too_long", most=60)
    return found


def _items(said: Any, most: int = MOST_ITEMS) -> list[str]:
    if isinstance(said, str):
        said = said.split(SEPARATOR)
    elif not isinstance(said, list) or not all(isinstance(item, str) for item in said):
        raise Unusable("wrong_type", expected="array / string")
    elif any(SEPARATOR in item for item in said):
        raise Unusable("bar_in_item")
    items = [item for part in said if (item := part.strip())]
    if len(items) > most:
        raise Unusable("too_many", most=most)
    return items


def any_language(text: str) -> str:
    if (language := text.lower()) not in LANGUAGES:
        raise Unusable("not_a_language", text=short(text))
    return language


def one_of(choices: Iterable[str]) -> AfterValidator:
    allowed = tuple(str(choice) for choice in choices)

    def read(text: str) -> str:
        if (choice := text.lower()) not in allowed:
            raise Unusable("not_one_of", text=short(text), choices=", ".join(allowed))
        return choice

    return AfterValidator(read)


def country(text: str) -> str:
    if (code := text.upper()) not in phonenumbers.SUPPORTED_REGIONS:
        raise Unusable("not_a_country", text=short(text))
    return code


def timezone(text: str) -> str:
    if text not in available_timezones():
        raise Unusable("not_a_timezone", text=short(text))
    return text


def hours(text: str) -> str:
    try:
        Hours.parse(text)
    except NotHours as error:
        raise Unusable("not_hours", text=short(error.part)) from error
    if day := said_twice(text):
        raise Unusable("day_said_twice", text=day)
    return text


def _dates(said: Any) -> str:
    """Days with hours of their own, as they are kept."""
    if not isinstance(said, list) or not all(isinstance(one, dict) for one in said):
        raise Unusable("wrong_type", expected="array")
    if len(said) > MOST_DATES:
        raise Unusable("too_many", most=MOST_DATES)
    try:
        return str(Dates.of(_own_date(one) for one in said))
    except SaidTwice as twice:
        raise Unusable("date_said_twice", text=str(twice.day), which=str(twice.one)) from twice


def _own_date(said: Mapping[str, Any]) -> OwnDate:
    if unknown := next((name for name in said if name not in _OF_A_DATE), None):
        raise Unusable("unknown_in_date", text=short(str(unknown)), choices=", ".join(_OF_A_DATE))
    texts = {name: "" if value is None else value for name, value in said.items()}
    if not all(isinstance(value, str) for value in texts.values()):
        raise Unusable("wrong_type", expected="string")
    return own_date(*(one_line(texts.get(name, "")) for name in _OF_A_DATE))


def own_date(day: str, until: str, hours: str, why: str) -> OwnDate:
    """Read a day, or a row of them, with hours of its own. Raises Unusable."""
    first, last = calendar_day(day), calendar_day(until) if until.strip() else None
    if len(why) > LONGEST_WHY:
        raise Unusable("too_long", most=LONGEST_WHY)
    try:
        return OwnDate.of(first, last, hours, why)
    except NotHours as error:
        raise Unusable("not_own_hours", text=short(error.part)) from error


def own_hours(text: str) -> str:
    """Hours of one day, as they are kept."""
    return own_date("2000-01-01", "", text, "").hours


def calendar_day(text: Any) -> date:
    if not isinstance(text, str):
        raise Unusable("wrong_type", expected="string")
    found = day_of(text)
    if found is None:
        raise Unusable("not_a_date", text=short(text))
    return found


def dates_as_said(kept: str) -> list[dict[str, str]]:
    """Return a line's dates as they were, or could have been, sent."""
    return [
        {"date": str(one.first), "until": str(one.last), "hours": one.hours, "why": one.why}
        for one in Dates.parse(kept).each
    ]


def moment(text: str) -> datetime:
    """A moment with its offset from UTC, in UTC."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise Unusable("not_a_time", text=short(text)) from error
    if at.tzinfo is None:
        raise Unusable("no_offset", text=short(text))
    # Converted only within years that can be converted: the first and the last overflow.
    if not 1900 <= at.year <= 2200:
        raise Unusable("not_a_time", text=short(text))
    return at.astimezone(UTC)


def _seconds(said: Any) -> int:
    if not isinstance(said, str) and type(said) is not int:
        raise Unusable("wrong_type", expected="integer")
    text = str(said)
    if not (text.isascii() and text.isdecimal() and len(text) <= 9 and int(text) <= MOST_SECONDS):
        raise Unusable("not_seconds", text=short(text), most=MOST_SECONDS)
    return int(text)


def yes_or_no(text: Any) -> Any:
    if not isinstance(text, str):
        return text
    if text.lower() not in {"true", "false"}:
        raise Unusable("not_one_of", text=short(text), choices="true, false")
    return text.lower() == "true"


_EMAIL = re.compile(r"[^@\s<>,;]+@[^@\s<>,;]+\.[^@\s<>,;.]+")


def email(text: str) -> str:
    if len(text) > 254 or not text.isprintable() or not _EMAIL.fullmatch(text):
        raise Unusable("not_an_email", text=short(text))
    return text


_USUAL_URL = re.compile(r"https?://[A-Za-z0-9.-]+(?:/[!-~]*)?")


def url(text: str) -> str:
    """An address that a desk may link to: never a script."""
    if len(text) <= 2000 and _USUAL_URL.fullmatch(text):
        return text  # a third of the time that taking it apart takes
    try:
        parts = urlsplit(text)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname)
    except ValueError:
        usable = False
    if not usable or len(text) > 2000 or not text.isprintable() or " " in text:
        raise Unusable("not_a_url", text=short(text))
    return text


def short(text: str) -> str:
    """What a message quotes: enough to find it, on one line, and no flood."""
    one_line = "".join(character if character.isprintable() else "�" for character in text)
    return one_line if len(one_line) <= 60 else one_line[:59] + "…"


# --- types: what records and requests are made of -------------------------------------------------------


def _described(**schema: Any) -> Any:
    """What a reader of ours sees to, as JSON Schema says it."""
    return Field(json_schema_extra=schema)


_LIST = _described(type=["array", "string"], items={"type": "string"}, maxItems=MOST_ITEMS)
_LIST_OF_WORDS = _described(type=["array", "string"], items={"type": "string"}, maxItems=MOST_WORDS)
ONE_LINE = BeforeValidator(one_line)
PARAGRAPHS = BeforeValidator(paragraphs)
Name = Annotated[str, Field(max_length=200), ONE_LINE]
Team = Annotated[str, Field(max_length=120), ONE_LINE]
Key = Annotated[str, AfterValidator(key), _described(maxLength=121)]
# The carrier rings it as a client's identity: https://www.twilio.com/docs/voice/twiml/client
AgentKey = Annotated[str, Field(pattern="^[A-Za-z0-9_]{1,121}$"), _described(maxLength=121)]
Phone = Annotated[str, AfterValidator(_phone)]
AgentsPhone = Annotated[str, AfterValidator(_agents_phone)]
NumberOfALine = Annotated[str, AfterValidator(_number_of_a_line)]
Phones = Annotated[tuple[str, ...], PlainValidator(_phones), _LIST]
Words = Annotated[tuple[str, ...], PlainValidator(_words), _LIST_OF_WORDS]
Tags = Annotated[tuple[str, ...], PlainValidator(_tags), _LIST]
OurLanguage = Annotated[str, one_of(catalogue.LANGUAGES), words(catalogue.LANGUAGES)]
AnyLanguage = Annotated[str, AfterValidator(any_language), _described(maxLength=2)]
Country = Annotated[str, AfterValidator(country), _described(maxLength=2)]
TimeZone = Annotated[str, AfterValidator(timezone), _described(maxLength=64)]
CalendarDay = Annotated[date, BeforeValidator(calendar_day), _described(type="string", format="date")]
OwnHours = Annotated[str, AfterValidator(own_hours)]
_DATE = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "date": {"type": "string", "format": "date"},
        "until": {"type": "string", "format": "date"},
        "hours": {"type": "string"},
        "why": {"type": "string", "maxLength": LONGEST_WHY},
    },
    "required": ["date", "hours"],
}
DATES: Any = _described(type="array", items=_DATE, maxItems=MOST_DATES)
OwnDates = Annotated[str, PlainValidator(_dates), DATES]
OpeningHours = Annotated[str, AfterValidator(hours), _described(maxLength=1000)]
Moment = Annotated[
    datetime,
    GetPydanticSchema(lambda _, handler: no_info_after_validator_function(moment, handler(str))),
    _described(format="date-time"),
]
Seconds = Annotated[
    int, PlainValidator(_seconds), _described(type="integer", minimum=0, maximum=MOST_SECONDS)
]
YesOrNo = Annotated[bool, Field(strict=True), BeforeValidator(yes_or_no)]
Email = Annotated[str, AfterValidator(email), _described(maxLength=254)]
Url = Annotated[str, AfterValidator(url), _described(maxLength=2000)]
