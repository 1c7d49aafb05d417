"""Which rules are in force, and what do they say of a call? Published by an admin, resolved for each step."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from app.audit import log as audit
from app.audit.log import What
from app.db import Reader
from app.errors import InvalidField
from app.records.calls import Call, CallStep
from app.records.rules import RuleVersion

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

log = logging.getLogger(__name__)


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

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Ladder":
        """Read what an admin wrote. Raises InvalidField for what isn't a rule."""
        for name, value in values.items():
            if name not in _LIMITS:
                raise InvalidField(name, f"there is no such rule; there are {', '.join(_LIMITS)}")
            problem = _LIMITS[name](value)
            if problem:
                raise InvalidField(name, problem)
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
        return cls(**picked)


def _between(least: int, most: int, *, or_none: bool = False) -> Callable[[Any], str]:
    def problem(value: Any) -> str:
        if or_none and value is None:
            return ""
        whole = isinstance(value, int) and not isinstance(value, bool)
        return "" if whole and least <= value <= most else f"must be a whole number from {least} to {most}"

    return problem


def _teams(value: Any) -> str:
    fine = isinstance(value, list | tuple) and all(isinstance(team, str) and team for team in value)
    return "" if fine else "must be a list of team names"


def _yes_or_no(value: Any) -> str:
    return "" if isinstance(value, bool) else "must be true or false"


_LIMITS: dict[str, Callable[[Any], str]] = {
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
}


@dataclass(frozen=True)
class Looks:
    """What must be known of a call before rules can say anything of it."""

    look_back_days: int
    teams: tuple[str, ...]  # whose people may be rung, beside the line's and the case's
    counter_to_counter: int | None  # from how many calls or agents on supervisors may take part
    everybody: bool  # also of a call whose owner could be rung at once


@dataclass(frozen=True)
class Resolved:
    """What the rules say of one step of a call; see resolving.py."""

    ladder: Ladder = field(default_factory=Ladder)
    version: int = 1
    rule: str = ""  # the id of the rule that matched; empty: none did, the default ladder stands


BY_DEFAULT = Resolved()


@dataclass(frozen=True)
class Rules:
    """One published version."""

    version: int
    ladder: Ladder  # the default, which comes last

    @property
    def looks_at(self) -> Looks:
        """What a decision by these rules may depend on: no more than that need be read."""
        ladder = self.ladder
        return Looks(
            look_back_days=ladder.look_back_days,
            teams=ladder.extra_teams,
            counter_to_counter=ladder.counter_to_counter,
            # How often an owner was rung within the hour is counted along with everybody else's standing.
            everybody=ladder.direct_calls_per_hour is not None,
        )


DEFAULT = Rules(version=1, ladder=Ladder())

_published: dict[int, Rules] = {}  # a published version never changes, so each process may keep it

newest_version = select(func.max(RuleVersion.version)).scalar_subquery()


def in_force(reader: Reader) -> Rules:
    """Return the rules that are in force now."""
    return of_version(reader, reader.scalar(select(newest_version)))


def of_version(reader: Reader, version: int | None) -> Rules:
    """Return the rules of a version; the default when nothing was published yet (None, or version 1)."""
    if version is None or version == DEFAULT.version:
        return DEFAULT
    return _published.get(version) or _load(reader, version)


def _load(reader: Reader, version: int) -> Rules:
    stored = reader.scalar(select(RuleVersion.rules).where(RuleVersion.version == version)) or {}
    rules = Rules(version, Ladder.kept(stored.get("ladder", {})))
    _published[version] = rules
    return rules


def of_step(reader: Reader, step: CallStep | None, otherwise: int | None = None) -> Resolved:
    """Return what was resolved for a step of a call, whatever was published since.

    For a step that nobody decided, or none at all, it is the default ladder of the version `otherwise`.
    """
    if step is None or step.parameters is None or step.rule_version is None:
        rules = of_version(reader, otherwise)
        return Resolved(rules.ladder, rules.version)
    return Resolved(Ladder.kept(step.parameters), step.rule_version, step.rule)


def of_call(session: "Session", call: Call) -> Resolved:
    """Return what was resolved for the step in which a call is, or ended."""
    return of_step(session, session.get(CallStep, (call.sid, call.step)), call.rule_version)


def of_origin(session: "Session", origin: str) -> Resolved:
    """Return what was resolved for the call of which a promise comes; the default in force without a call."""
    sid = origin.removeprefix("call:").partition("/")[0]
    call = session.get(Call, sid) if origin.startswith("call:") else None
    return of_call(session, call) if call is not None else of_step(session, None, in_force(session).version)


def of_agent(session: "Session", agent: str) -> Resolved:
    """Return what was resolved for the call that last rang an agent; the default ladder in force without."""
    newest = select(CallStep).where(CallStep.agent == agent).order_by(CallStep.started_at.desc()).limit(1)
    return of_step(session, session.scalar(newest), in_force(session).version)


def forget_published() -> None:
    """Forget what this process keeps of published versions: they are those of another database now."""
    _published.clear()


def publish(session: "Session", ladder: Ladder, who: str, why: str, now: datetime) -> int:
    """Put a new version in force; return its number."""
    version = (session.scalar(select(newest_version)) or DEFAULT.version) + 1
    session.add(
        RuleVersion(
            version=version, rules={"ladder": ladder.as_json()}, published_at=now, published_by=who, why=why
        )
    )
    by = audit.actor_called(who)
    audit.record(session, by, What.RULES_PUBLISHED, now, version=version, why=why, before=version - 1)
    return version
