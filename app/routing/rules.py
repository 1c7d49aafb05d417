"""Which rules are in force? The ladder's parameters, published by an admin, loaded by version."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.errors import InvalidField
from app.records.rules import RuleVersion


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
        """Read what as_json() gave, or an admin wrote. Raises InvalidField for what isn't a rule."""
        for name, value in values.items():
            if name not in _LIMITS:
                raise InvalidField(name, f"there is no such rule; there are {', '.join(_LIMITS)}")
            problem = _LIMITS[name](value)
            if problem:
                raise InvalidField(name, problem)
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
class Rules:
    version: int
    ladder: Ladder


DEFAULT = Rules(version=1, ladder=Ladder())

_published: dict[int, Rules] = {}  # a published version never changes, so each process may keep it

newest_version = select(func.max(RuleVersion.version)).scalar_subquery()


def of_version(session: Session, version: int | None) -> Rules:
    """Return the rules of a version; the default when nothing was published yet (None, or version 1)."""
    if version is None or version == DEFAULT.version:
        return DEFAULT
    return _published.get(version) or _load(session, version)


def _load(session: Session, version: int) -> Rules:
    stored = session.scalar(select(RuleVersion.rules).where(RuleVersion.version == version)) or {}
    rules = Rules(version, Ladder.from_json(stored.get("ladder", {})))
    _published[version] = rules
    return rules


def publish(session: Session, ladder: Ladder, who: str, why: str, now: datetime) -> int:
    """Put a new version in force; return its number."""
    version = (session.scalar(select(newest_version)) or DEFAULT.version) + 1
    session.add(
        RuleVersion(
            version=version, rules={"ladder": ladder.as_json()}, published_at=now, published_by=who, why=why
        )
    )
    return version
