"""Which call is to be simulated? What a script, a form or a test call says of it, checked field by field."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from app.agents.presence import Reachability
from app.callers.numbers import to_e164
from app.catalogue import LANGUAGES
from app.errors import ApplicationError
from app.routing.answers import LONGEST_ANSWERS, Answer, AnswerKind
from app.routing.mistakes import Mistake

MOST_AGENTS = 200
MOST_TAGS = 50


class NotACall(ApplicationError):
    """This can't be simulated; every mistake stands in `mistakes`."""

    def __init__(self, *mistakes: Mistake) -> None:
        self.mistakes = mistakes
        super().__init__(", ".join(f"{one.field}: {one.code}" for one in mistakes))


class CallerKind(StrEnum):
    """As a rule asks for it: `caller.kind`."""

    KNOWN = "known"
    NOTHING_OPEN = "nothing_open"
    UNKNOWN = "unknown"
    WITHHELD = "withheld"


class OwedKind(StrEnum):
    NONE = "none"
    OWED = "owed"
    BROKEN = "broken"


# Beside the words of a situation those of the desk.
PLACES = {str(one): one for one in Reachability} | {
    "available": Reachability.FREE,
    **dict.fromkeys(("talking", "reserved", "ringing"), Reachability.BUSY),
}


@dataclass(frozen=True)
class Context:
    """For the readers: in which country national forms of a number are meant."""

    country: str


# --- readers --------------------------------------------------------------------------------------------


def wrong(code: str, **values: Any) -> PydanticCustomError:
    """Return the error of a field as a code of the catalogue (`problem.…`)."""
    return PydanticCustomError(code, code, values)


def _short(text: object) -> str:
    return "".join(one if one.isprintable() else "�" for one in str(text))[:60]


def one_of(choices: Mapping[str, Any] | type[StrEnum]) -> BeforeValidator:
    known = {str(one): one for one in choices} if isinstance(choices, type) else choices

    def read(said: Any) -> Any:
        if str(said).lower() not in known:
            raise wrong("not_one_of", text=_short(said), choices=", ".join(known))
        return known[str(said).lower()]

    return BeforeValidator(read)


def _moment(said: Any) -> Any:
    if isinstance(said, datetime):
        return said
    try:
        at = datetime.fromisoformat(str(said))
    except ValueError:
        raise wrong("not_a_time", text=_short(said)) from None
    if at.tzinfo is None:
        raise wrong("no_offset", text=_short(said))
    if not 1900 <= at.year <= 2200:
        raise wrong("not_a_time", text=_short(said))
    return at.astimezone(UTC)


def _line(said: str, info: Any) -> str:
    return to_e164(said, info.context.country) or said[:32]


def _answer(said: Any) -> Any:
    if isinstance(said, Answer):
        return said
    if (answer := Answer.of(str(said))) is None:
        raise wrong("not_one_of", text=_short(said), choices=", ".join(AnswerKind))
    return answer


def _plain(text: str) -> str:
    if not text.isprintable():
        raise wrong("control_characters")
    return text


Text = Annotated[str, Field(max_length=200), AfterValidator(_plain)]
Key = Annotated[str, Field(max_length=121), AfterValidator(_plain)]
Place = Annotated[
    Reachability, one_of(PLACES), Field(json_schema_extra={"type": "string", "enum": list(PLACES)})
]
AnswerSaid = Annotated[
    Any, BeforeValidator(_answer), Field(json_schema_extra={"type": "string", "examples": ["no_answer"]})
]
Moment = Annotated[datetime, BeforeValidator(_moment)]
Whole = Annotated[int, Field(strict=True, ge=0)]


# --- the shapes -------------------------------------------------------------------------------------------


class Shape(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class MadeUpCase(Shape):
    """An open case of a caller who doesn't exist."""

    team: Text | None = None  # None: the line's
    status: Annotated[str, one_of({"open": "open", "waiting": "waiting"})] = "open"
    priority: Text = "normal"
    age_days: Annotated[Whole, Field(le=3650)] = 7
    owner: Key | None = None
    subject: Text = ""


class MadeUp(Shape):
    """A caller who doesn't exist."""

    kind: Annotated[CallerKind, one_of(CallerKind)] = CallerKind.KNOWN
    name: Text = ""
    language: Annotated[str, Field(pattern="^[a-z]{2}$")] = LANGUAGES[0]
    tags: Annotated[list[Text], Field(max_length=MOST_TAGS)] = []
    country: Annotated[str, Field(pattern="^[A-Z]{2}$")] | None = None
    attestation: Annotated[str, one_of({"a": "A", "b": "B", "c": "C", "none": "none"})] = "none"
    case: MadeUpCase | None = None
    calls: Annotated[Whole, Field(le=100)] = 0  # earlier ones about the case, within `calls_days`
    calls_days: Annotated[Whole, Field(ge=1, le=90)] = 7
    handled_by: Annotated[list[Key], Field(max_length=MOST_AGENTS)] = []  # the last one first
    promise: Annotated[OwedKind, one_of(OwedKind)] = OwedKind.NONE
    promised_by: Key | None = None


class AskedCall(Shape):
    """A call that didn't take place: by a number, or by somebody made up."""

    number: Annotated[str, Field(max_length=200)] | None = Field(None, alias="from")
    caller: MadeUp | None = None
    line: Annotated[Text, AfterValidator(_line)] | None = None
    at: Moment | None = None
    presence: Annotated[dict[Key, Place], Field(max_length=MOST_AGENTS)] = {}
    answers: Annotated[list[AnswerSaid], Field(max_length=LONGEST_ANSWERS)] = []

    @classmethod
    def read(cls, said: Any, country: str) -> Self:
        """Check what somebody said of a call. Raises NotACall with all that is wrong."""
        try:
            call = cls.model_validate(said, context=Context(country))
        except ValidationError as error:
            raise NotACall(*(mistake_of(one) for one in error.errors(include_url=False))) from None
        if call.number is None and call.caller is None:
            raise NotACall(Mistake("from", "missing"))
        if call.number is not None and call.caller is not None:
            raise NotACall(Mistake("caller", "simulate_one_caller"))
        return call

    def as_json(self) -> dict[str, Any]:
        """Return it as it may be said again."""
        values = self.model_dump(by_alias=True, exclude_defaults=True, exclude={"answers", "at"})
        values["presence"] = {agent: str(place) for agent, place in self.presence.items()}
        if self.at is not None:
            values["at"] = self.at.isoformat()
        if self.answers:
            values["answers"] = [str(one) for one in self.answers]
        return values


# What the library itself finds, in the words of the catalogue.
_OF_THE_LIBRARY: dict[str, tuple[str, dict[str, object]]] = {
    "missing": ("missing", {}),
    "extra_forbidden": ("unknown_field", {}),
    "string_type": ("wrong_type", {"expected": "string"}),
    "string_unicode": ("control_characters", {}),
    "int_type": ("wrong_type", {"expected": "integer"}),
    "int_from_float": ("wrong_type", {"expected": "integer"}),
    "list_type": ("wrong_type", {"expected": "array"}),
    "dict_type": ("wrong_type", {"expected": "object"}),
    "model_type": ("wrong_type", {"expected": "object"}),
    "model_attributes_type": ("wrong_type", {"expected": "object"}),
}


def mistake_of(error: Any) -> Mistake:
    """Return what the library found, by the field's whole name: `caller.case.age_days`."""
    name, code, values = field_of(error["loc"]), error["type"], error.get("ctx", {})
    match code:
        case "string_too_long" | "too_long":
            return Mistake(name, "too_long", {"most": values["max_length"]})
        case "greater_than_equal" | "less_than_equal":
            return Mistake(name, "simulate_number", {"text": values.get("ge", values.get("le"))})
        case "string_pattern_mismatch":
            return Mistake(name, "simulate_code", {"text": _short(error["input"])})
    return Mistake(name, *_OF_THE_LIBRARY.get(code, (code, values)))


def field_of(location: tuple[str | int, ...]) -> str:
    """Return a place in JSON as people write it: `answers[2]`."""
    written = ""
    for part in location:
        written += f"[{part}]" if isinstance(part, int) else f".{part}" if written else str(part)
    return written
