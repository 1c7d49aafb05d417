"""What became of the promises that came due? How many were kept in time, and how far off the others were."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import ceil

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session

from app.agents.teams import EVERYWHERE, Reach
from app.records.promises import (
    IS_OWED,
    IS_PROMISED,
    SPOKEN_AT,
    AttemptOutcome,
    Promise,
    PromiseAttempt,
    PromiseState,
)

# How far the real moment lay from the spoken one, in minutes; each begins where the one before ends.
LATER_THAN = (0, 15, 60, 240)


@dataclass(frozen=True)
class Outcome:
    """One promise whose time has come: when it was promised for, and when they spoke; None: they haven't."""

    agent: str | None
    team: str
    spoken: datetime
    real: datetime | None

    @property
    def minutes_late(self) -> float | None:
        """Return how long after the spoken moment they spoke; negative when it was before."""
        return None if self.real is None else (self.real - self.spoken).total_seconds() / 60


@dataclass(frozen=True)
class Line:
    """The figures of a team, an agent, or everybody."""

    name: str
    due: int
    in_time: int
    late: int
    not_kept: int
    median_late: int | None  # minutes, of those kept late
    p90_late: int | None
    median_early: int | None  # minutes before the spoken moment, of those kept in time

    @property
    def percent(self) -> int | None:
        """Return how many of those that were due were kept in time, in percent."""
        return round(100 * self.in_time / self.due) if self.due else None


@dataclass(frozen=True)
class Bar:
    """How many were spoken to so far from the spoken moment."""

    code: str
    count: int
    percent: float


# --- reading ------------------------------------------------------------------------------------------


def outcomes(
    session: Session, since: datetime, until: datetime, reach: Reach = EVERYWHERE, team: str = ""
) -> list[Outcome]:
    """Return the promises whose spoken moment lies in a period, and what became of each.

    Whoever withdrew in time, or rang us first before that moment, was kept nothing from them: not counted.
    Once the moment has passed it counts, whatever became of it later.
    """
    bridged = (
        select(func.max(PromiseAttempt.bridged_at))
        .where(PromiseAttempt.promise == Promise.id, PromiseAttempt.outcome == AttemptOutcome.KEPT)
        .scalar_subquery()
    )
    counted = or_(Promise.state == PromiseState.KEPT, IS_OWED, Promise.broken_at.is_not(None))
    wanted = select(
        Promise.agent,
        Promise.team,
        Promise.state,
        Promise.broken_at,
        Promise.due_at,
        Promise.finished_at,
        bridged.label("bridged_at"),
    ).where(
        counted, IS_PROMISED, since <= SPOKEN_AT, until > SPOKEN_AT, reach.of(Promise.team, Promise.agent)
    )
    if team:
        wanted = wanted.where(Promise.team == team)
    return [
        Outcome(
            row.agent,
            row.team,
            row.broken_at or row.due_at,
            (row.bridged_at or row.finished_at) if row.state == PromiseState.KEPT else None,
        )
        for row in session.execute(wanted)
    ]


# --- counting: pure -----------------------------------------------------------------------------------


def line_of(name: str, found: Iterable[Outcome]) -> Line:
    """Count what became of some promises."""
    minutes = [one.minutes_late for one in found]
    spoken_to = [one for one in minutes if one is not None]
    late = sorted(one for one in spoken_to if one > 0)
    early = sorted(-one for one in spoken_to if one <= 0)
    return Line(
        name=name,
        due=len(minutes),
        in_time=len(early),
        late=len(late),
        not_kept=len(minutes) - len(spoken_to),
        median_late=_share(late, 0.5),
        p90_late=_share(late, 0.9),
        median_early=_share(early, 0.5),
    )


def _share(ordered: Sequence[float], share: float) -> int | None:
    """Return the value that this share of all doesn't exceed; None when there is none."""
    return round(ordered[ceil(share * len(ordered)) - 1]) if ordered else None


def lines(found: Iterable[Outcome], named: Callable[[Outcome], str]) -> list[Line]:
    """Return the figures of each name, by name."""
    groups: dict[str, list[Outcome]] = {}
    for one in found:
        groups.setdefault(named(one), []).append(one)
    return [line_of(name, groups[name]) for name in sorted(groups)]


def bars(found: Iterable[Outcome]) -> list[Bar]:
    """Return how far the real moments lay from the spoken ones."""
    codes = ("in_time", *(f"late_{minutes}" for minutes in LATER_THAN), "not_yet")
    counted = dict.fromkeys(codes, 0)
    for one in found:
        counted[_bar_of(one.minutes_late)] += 1
    most = max(counted.values(), default=0) or 1
    return [Bar(code, count, round(100 * count / most, 1)) for code, count in counted.items()]


def _bar_of(minutes: float | None) -> str:
    if minutes is None:
        return "not_yet"
    passed = [limit for limit in LATER_THAN if minutes > limit]
    return f"late_{passed[-1]}" if passed else "in_time"
