"""How long may each step of a call take, and who takes part? The ladder's parameters, and their limits."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from typing import Any

from app.routing.mistakes import InvalidRules, Mistake

log = logging.getLogger(__name__)

LONGEST_GREETING = 500


class FirstKind(StrEnum):
    OWNER = "owner"
    KNOWS_CASE = "knows_case"  # whoever handled the case and is free, the newest first
    SUPERVISOR = "supervisor"  # the case's team's before others
    AGENT = "agent"
    TEAM = "team"


@dataclass(frozen=True)
class First:
    """Whom a rule has rung before the ladder goes its usual way."""

    kind: FirstKind
    key: str = ""  # of an agent, or the name of a team

    def as_json(self) -> Any:
        return {str(self.kind): self.key} if self.key else str(self.kind)

    @classmethod
    def of(cls, written: Any) -> "First | None":
        """Read `"owner"` or `{"agent": "anna"}`; None for what is neither."""
        match written:
            case "owner" | "knows_case" | "supervisor":
                return cls(FirstKind(written))
            case {"agent": str(key), **rest} if key.strip() and not rest:
                return cls(FirstKind.AGENT, key)
            case {"team": str(key), **rest} if key.strip() and not rest:
                return cls(FirstKind.TEAM, key)
            case _:
                return None

    @property
    def agent(self) -> str | None:
        return self.key if self.kind == FirstKind.AGENT else None

    @property
    def team(self) -> str | None:
        return self.key if self.kind == FirstKind.TEAM else None


class Only(StrEnum):
    """What a call comes to without anybody being rung."""

    PROMISE = "promise"
    REFUSE = "refuse"  # to be reviewed: a supervisor sees what they say, and answers


@dataclass(frozen=True, kw_only=True)
class Ladder:
    """How long each step may take and who takes part; the defaults stand until somebody publishes others."""

    look_back_days: int = 90  # without an open case: how old a contact may be for its agent to be rung
    owner_ring_seconds: int = 25
    colleague_ring_seconds: int = 20
    most_rings: int = 5
    wait_for_owner_seconds: int = 240
    wait_for_team_seconds: int = 180
    total_seconds: int = 180  # of ringing, until a human or a promise
    wrap_up_seconds: int = 30
    promise_minutes: int = 60  # of open time, until a callback is due
    extra_teams: tuple[str, ...] = ()
    direct_calls_per_hour: int | None = None  # for each agent; beyond it colleagues are rung
    # From this many calls within a week about one case, or agents who handled it, a supervisor comes before
    # whoever doesn't know it yet; None: never.
    counter_to_counter: int | None = 3
    speaks_names: bool = True  # an agent's spoken name may be said to a caller whom nobody has checked
    recordings_days: int = 30  # how long a recorded message is kept once what it asked for is dealt with
    # What the line itself may say as well; None: the line does.
    greeting: str | None = None
    records_messages: bool | None = None
    # What a rule alone can say.
    first: First | None = None
    only: Only | None = None
    rings_when_closed: bool = False  # `first` is rung while the line is closed: the rule is about that

    @property
    def teams(self) -> tuple[str, ...]:
        """The teams whose people may be rung, beside the line's and the case's."""
        first = self.first.team if self.first is not None else None
        return (first, *self.extra_teams) if first is not None else self.extra_teams

    def as_json(self) -> dict[str, Any]:
        values = dict(vars(self))
        for name in _NEWER:
            if values[name] is None or values[name] is _UNSAID.get(name):
                del values[name]
        if self.first is not None:
            values["first"] = self.first.as_json()
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> "Ladder":
        """Read what an admin wrote of the ladder. Raises InvalidRules with all that is wrong."""
        mistakes = [
            Mistake(name, *wrong)
            for name, value in values.items()
            if (wrong := _wrong_with(name, value, LIMITS)) is not None
        ]
        if mistakes:
            raise InvalidRules(mistakes)
        return cls._of(values)

    @classmethod
    def kept(cls, values: Mapping[str, Any]) -> "Ladder":
        """Read what as_json() gave in this version of the program or another, older or newer.

        A process that is still running survives what a newer one has published: what it doesn't know is
        left out, and said in the log; what isn't there has its default.
        """
        known = {one.name for one in fields(cls)}
        if unknown := sorted(values.keys() - known):
            log.warning("rules hold what this version doesn't know", extra={"parameters": unknown})
        return cls._of({name: value for name, value in values.items() if name in known})

    @classmethod
    def _of(cls, values: Mapping[str, Any]) -> "Ladder":
        picked = dict(values)
        if "extra_teams" in picked:
            picked["extra_teams"] = tuple(picked["extra_teams"])
        if picked.get("first") is not None:
            picked["first"] = First.of(picked["first"])
        if picked.get("only") is not None:
            picked["only"] = Only(picked["only"]) if picked["only"] in list(Only) else None
        return cls(**picked)


# What older versions of the program don't know stands in JSON only where something is said by it.
_NEWER = ("greeting", "records_messages", "first", "only", "rings_when_closed")
_UNSAID = {"rings_when_closed": False}


# --- limits -------------------------------------------------------------------------------------------

Wrong = tuple[str, dict[str, Any]]  # a code of the catalogue, and its values
Check = Callable[[Any], Wrong | None]


def _between(least: int, most: int, *, or_none: bool = False) -> Check:
    def check(value: Any) -> Wrong | None:
        if or_none and value is None:
            return None
        whole = isinstance(value, int) and not isinstance(value, bool)
        if whole and least <= value <= most:
            return None
        return "rules_whole_number", {"from_number": least, "to_number": most}

    return check


def _teams(value: Any) -> Wrong | None:
    fine = isinstance(value, list | tuple) and all(isinstance(one, str) and one.strip() for one in value)
    return None if fine and len(value) <= 50 else ("rules_teams", {})


def _yes_or_no(value: Any) -> Wrong | None:
    return None if isinstance(value, bool) else ("rules_yes_or_no", {})


def _text(value: Any) -> Wrong | None:
    fine = isinstance(value, str) and len(value.strip()) > 0 and len(value) <= LONGEST_GREETING
    return None if fine and value.isprintable() else ("rules_text", {"to_number": LONGEST_GREETING})


def _or_none(check: Check) -> Check:
    return lambda value: None if value is None else check(value)


# Of the installation's own settings.
LIMITS: dict[str, Check] = {
    "look_back_days": _between(0, 3650),
    # https://www.twilio.com/docs/voice/twiml/dial#timeout: 5 to 600 s, and 5 s more of the carrier's own.
    "owner_ring_seconds": _between(10, 120),
    "colleague_ring_seconds": _between(10, 120),
    "most_rings": _between(1, 20),
    "wait_for_owner_seconds": _between(0, 1800),
    "wait_for_team_seconds": _between(0, 1800),
    "total_seconds": _between(10, 900),
    "wrap_up_seconds": _between(0, 900),
    "promise_minutes": _between(5, 7 * 24 * 60),
    "extra_teams": _teams,
    "direct_calls_per_hour": _between(1, 1000, or_none=True),
    "counter_to_counter": _between(2, 100, or_none=True),
    "speaks_names": _yes_or_no,
    "recordings_days": _between(1, 3650),
    "greeting": _or_none(_text),
    "records_messages": _or_none(_yes_or_no),
}


def _wrong_with(name: str, value: Any, limits: Mapping[str, Check]) -> Wrong | None:
    if name not in limits:
        return "rules_no_such_parameter", {"choices": ", ".join(limits)}
    return limits[name](value)


# --- what a rule may say --------------------------------------------------------------------------------


def _first(value: Any) -> Wrong | None:
    return None if First.of(value) is not None else ("rules_first", {})


def _only(value: Any) -> Wrong | None:
    return None if value in list(Only) else ("rules_one_of", {"choices": ", ".join(Only)})


# Of a rule's `then`; the names are those of the contract, and `teams` is the ladder's `extra_teams`.
OF_A_RULE: dict[str, Check] = {
    "first": _first,
    **{
        name: LIMITS[name]
        for name in (
            *("wait_for_owner_seconds", "owner_ring_seconds", "colleague_ring_seconds", "most_rings"),
            *("total_seconds", "wait_for_team_seconds"),
        )
    },
    "teams": _teams,
    "only": _only,
    **{
        name: LIMITS[name]
        for name in (*("promise_minutes", "speaks_names", "look_back_days", "wrap_up_seconds"),)
    },
    "greeting": _text,
    "records_messages": _yes_or_no,
}


@dataclass(frozen=True)
class Then:
    """What a rule says; what it leaves out comes from the line's own settings, then the installation's.

    There is nothing in it with which a caller could be asked to press or to choose: no rule makes a menu.
    """

    values: Mapping[str, Any]  # as in the ladder, checked

    @classmethod
    def mistakes(cls, written: Any, place: str) -> list[Mistake]:
        """Return what is wrong with a rule's `then`."""
        if not isinstance(written, Mapping):
            return [Mistake(place, "rules_object")]
        found = [
            Mistake(f"{place}.{name}", *wrong)
            for name, value in written.items()
            if (wrong := _wrong_with(name, value, OF_A_RULE)) is not None
        ]
        if not found and written.get("first") is not None and written.get("only") is not None:
            found.append(Mistake(f"{place}.only", "rules_first_and_only"))
        return found

    @classmethod
    def of(cls, written: Mapping[str, Any]) -> "Then":
        """Read what was checked before; what this version can't use is left out, and said in the log."""
        values = {
            name: value for name, value in written.items() if _wrong_with(name, value, OF_A_RULE) is None
        }
        if unknown := sorted(written.keys() - values.keys()):
            log.warning("rules hold what this version doesn't know", extra={"parameters": unknown})
        if "teams" in values:
            values["extra_teams"] = values.pop("teams")
        return cls(values)

    def ladder(self, otherwise: Ladder) -> Ladder:
        """Return the ladder by this outcome; what it leaves out is as in `otherwise`."""
        return Ladder.kept({**otherwise.as_json(), **self.values})


@dataclass(frozen=True)
class Resolved:
    """What the rules say of one step of a call; see resolving.py."""

    ladder: Ladder = field(default_factory=Ladder)
    version: int = 1
    rule: str = ""  # the id of the rule that matched; empty: none did, the default ladder stands


BY_DEFAULT = Resolved()
