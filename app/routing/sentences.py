"""Which words does a sentence become when it is spoken? Codes and moments in, natural speech out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from app.catalogue import codes, text, times
from app.records.calls import Call
from app.routing.situation import AgentFacts

Json = dict[str, Any]


@dataclass(frozen=True)
class Sentence:
    """A sentence of the catalogue: its code and the values that go into it.

    Values that are moments are given as `(preposition, moment)` and become words when it is spoken.
    """

    code: str
    values: Mapping[str, Any] = field(default_factory=dict)


def name(agent: AgentFacts) -> dict[str, Any]:
    """Return the values of a sentence that names an agent."""
    return {"agent": agent.spoken_name}


def words(sentence: Sentence, language: str, timezone: ZoneInfo, now: datetime, kind: str = "say") -> str:
    """Return the sentence in a language; its values `("before", moment)` and `("number", 3)` become words."""
    values = {name: _spoken(value, language, timezone, now) for name, value in sentence.values.items()}
    spoken = text(f"{kind}.{sentence.code}", language, **values)
    # A sentence may begin with a value such as “een collega”.
    return spoken[:1].upper() + spoken[1:]


def to_agent(reason: Sentence) -> Sentence:
    """Return a reason as it is said to the agent whom it rings: “u had beloofd …”, not “Daan had …”."""
    return replace(reason, code=f"{reason.code}_you") if f"{reason.code}_you" in _REASONS else reason


def told(call: Call, sentences: Sequence[str], now: datetime) -> list[str]:
    """Note on the call what its caller hears next, a question too; return it for the TwiML that says it."""
    call.said = with_said(call.said, sentences, now)
    return [*sentences]


def with_said(
    said: Sequence[dict[str, Any]], sentences: Sequence[str], now: datetime
) -> list[dict[str, Any]]:
    """Return what a caller has heard so far, with what they hear next."""
    return [*said, *({"at": now.isoformat(), "text": sentence} for sentence in sentences)]


_REASONS = frozenset(codes("reason"))


def _spoken(value: Any, language: str, timezone: ZoneInfo, now: datetime) -> Any:
    match value:
        case ("at" | "before" as preposition, datetime() as moment):
            return times.spoken(moment, now, timezone, language, preposition)
        case ("number", int(count)):
            return times.Count(count, language)
        case _:
            return value
