"""What would other rules have done with the calls of a period? Each recorded decision, decided again by them.

What can't be told is counted, not guessed: a decision of another form, one for which too little was read to
answer what the rules ask, and one that leads to somebody who has left.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any

from sqlalchemy import func, select, tuple_
from sqlalchemy.orm import Session

from app.records.agents import Agent
from app.records.callers import Direction
from app.records.calls import Call, CallStep, StepKind, StepOutcome
from app.routing import kept
from app.routing.decision import (
    Ask,
    AskForNumber,
    MakePromise,
    Ring,
    Step,
    Wait,
    first_for_somebody,
    needs_others,
    next_step,
)
from app.routing.ladder import FirstKind, Ladder, Resolved
from app.routing.resolving import looks_at, resolve
from app.routing.rules import Looks, Rules
from app.routing.situation import Situation

# So many calls are looked at in one go: a second or so, and some MB.
AT_A_TIME = 10_000
_READ_AT_A_TIME = 500
# Facts that were not kept at first; a situation without its caller's country is of that time.
_KEPT_LATER = frozenset({"caller.country", "attestation", "case.priority", "promise"})

Json = dict[str, Any]


@dataclass(frozen=True)
class Brief:
    """A step in short."""

    kind: str
    target: str | None
    seconds: int
    reason: str  # a code of the catalogue
    rule: str
    due_at: datetime | None = None

    @classmethod
    def of(cls, step: Step, resolved: Resolved) -> "Brief":
        target = getattr(step, "agent", None) or getattr(step, "team", None)
        seconds = getattr(step, "seconds", 0)
        due_at = getattr(step, "due_at", None)
        return cls(str(step.kind), target, seconds, step.reason.code, resolved.rule, due_at)

    def as_json(self) -> Json:
        due_at = self.due_at.isoformat() if self.due_at is not None else None
        return {
            "kind": self.kind,
            "target": self.target,
            "seconds": self.seconds,
            "reason_code": self.reason,
            "rule": self.rule,
            "due_at": due_at,
        }


@dataclass(frozen=True)
class Change:
    """A call that would have gone otherwise, from one of its steps on."""

    call_sid: str
    step: int
    at: datetime
    before: Brief
    after: Brief
    how: tuple[str, ...]  # elsewhere, sooner, later, promise

    def as_json(self) -> Json:
        return {
            "call_sid": self.call_sid,
            "step": self.step,
            "at": self.at.isoformat(),
            "how": list(self.how),
            "before": self.before.as_json(),
            "after": self.after.as_json(),
        }


@dataclass
class Compared:
    """What came of it; of the calls of a longer period those before `next`."""

    calls: int = 0
    unknown: int = 0
    changes: list[Change] = field(default_factory=list)
    next: str | None = None  # where to go on

    def count(self, how: str) -> int:
        return sum(how in change.how for change in self.changes)

    def as_json(self) -> Json:
        return {
            "calls": self.calls,
            "elsewhere": self.count("elsewhere"),
            "sooner": self.count("sooner"),
            "later": self.count("later"),
            "to_promise": self.count("promise"),
            "unknown": self.unknown,
            "list": [change.as_json() for change in self.changes],
            "next": self.next,
        }


class Unknown(Exception):
    """Nobody can tell what the rules would have done."""


def compare(
    session: Session,
    rules: Rules,
    since: datetime,
    until: datetime,
    after: str | None = None,
    at_a_time: int = AT_A_TIME,
) -> Compared:
    """Hold rules against what was decided for the calls that came in from `since` up to `until`.

    The oldest first, so many at a time; `after` is the `next` of those before. Nothing is written.
    """
    found, judge = Compared(), _Judge(rules, frozenset(_who_works_here(session)))
    sids = _calls(session, since, until, after, at_a_time + 1)
    if len(sids) > at_a_time:
        found.next = sids[at_a_time - 1].sid
        sids = sids[:at_a_time]
    if not sids:
        return found
    found.calls = len(sids)
    told = set()
    for sid, steps in groupby(_in_parts(session, sids), key=attrgetter("call_sid")):
        told.add(sid)
        try:
            change = judge.change(steps)
        except (Unknown, kept.UnknownForm, KeyError, ValueError, TypeError):
            found.unknown += 1
            continue
        if change is not None:
            found.changes.append(change)
    # Of a call that came to no step nothing was decided.
    found.unknown += found.calls - len(told)
    return found


def _who_works_here(session: Session) -> Iterable[str]:
    return session.scalars(select(Agent.key).where(Agent.enabled))


def count(session: Session, since: datetime, until: datetime) -> int:
    """Return how many calls came in from `since` up to `until`."""
    counted = select(func.count()).select_from(Call)
    return session.scalar(counted.where(*_of_period(since, until))) or 0


def _of_period(since: datetime, until: datetime) -> tuple[Any, ...]:
    return (Call.created_at >= since, Call.created_at < until, Call.direction == Direction.INBOUND)


def _calls(
    session: Session, since: datetime, until: datetime, after: str | None, limit: int
) -> Sequence[Any]:
    statement = (
        select(Call.created_at, Call.sid)
        .where(*_of_period(since, until))
        .order_by(Call.created_at, Call.sid)
        .limit(limit)
    )
    if after is not None:
        began = session.scalar(select(Call.created_at).where(Call.sid == after))
        if began is not None:
            statement = statement.where(tuple_(Call.created_at, Call.sid) > (began, after))
    return session.execute(statement).all()


def _in_parts(session: Session, calls: Sequence[Any]) -> Iterator[Any]:
    """Yield the steps of calls, so many in memory at a time: what was kept of them is large."""
    for start in range(0, len(calls), _READ_AT_A_TIME):
        part = calls[start : start + _READ_AT_A_TIME]
        yield from _steps(session, part[0], part[-1])


def _steps(session: Session, first: Any, last: Any) -> Sequence[Any]:
    """Return the steps of the calls from the first to the last, in order."""
    statement = (
        select(
            CallStep.call_sid,
            CallStep.number,
            CallStep.kind,
            CallStep.agent,
            CallStep.team,
            CallStep.outcome,
            CallStep.rule_version,
            CallStep.rule,
            CallStep.parameters,
            CallStep.situation,
        )
        .join(Call, Call.sid == CallStep.call_sid)
        .where(
            tuple_(Call.created_at, Call.sid) >= (first.created_at, first.sid),
            tuple_(Call.created_at, Call.sid) <= (last.created_at, last.sid),
            Call.direction == Direction.INBOUND,
        )
        .order_by(Call.created_at, Call.sid, CallStep.number)
    )
    return session.execute(statement).all()


class _Judge:
    """Decides recorded steps again, by other rules."""

    def __init__(self, rules: Rules, here: frozenset[str]) -> None:
        self.rules, self.here = rules, here
        self._ladders: dict[str, Ladder] = {}
        self._asks = {one.fact.name for rule, _ in rules.in_use for one in rule.when}

    def change(self, steps: Iterable[Any]) -> Change | None:
        """Return from which step on a call would have gone otherwise; None when it would not have.

        What was known at a step holds for the draft as long as the steps before it are the same.
        """
        slower: Change | None = None
        for step in steps:
            change = self._of_step(step)
            if change is None:
                continue
            if change.how in (("sooner",), ("later",)) and change.before.kind != StepKind.PROMISE:
                slower = slower or change  # the same people, in another time
                continue
            return slower or change
        return slower

    def _of_step(self, step: Any) -> Change | None:
        if step.situation is None or step.parameters is None or step.rule_version is None:
            raise Unknown
        was = Resolved(self._ladder(step.parameters), step.rule_version, step.rule)
        known = kept.situation_of(step.situation, was)
        resolved = resolve(self.rules, known)
        if resolved.ladder == was.ladder and not self._needs_more(known, resolved, None):
            return None
        taken = next_step(known)
        if (str(taken.kind), getattr(taken, "agent", None)) != (str(step.kind), step.agent):
            raise Unknown  # it was taken by a program that decided otherwise
        before = first_for_somebody(known)
        by_them = replace(known, resolved=resolved)
        after = first_for_somebody(by_them)
        if self._needs_more(by_them, resolved, after, step.situation):
            raise Unknown
        if isinstance(after, Ring) and after.agent not in self.here:
            raise Unknown
        how = _how(before, after, known.now, step.outcome)
        if not how:
            return None
        return Change(
            step.call_sid,
            step.number,
            known.now,
            Brief.of(before, was),
            Brief.of(after, resolved),
            how,
        )

    def _ladder(self, parameters: Mapping[str, Any]) -> Ladder:
        key = repr(parameters)
        if key not in self._ladders:
            self._ladders[key] = Ladder.kept(parameters)
        return self._ladders[key]

    def _needs_more(
        self,
        known: Situation,
        resolved: Resolved,
        after: Step | None,
        stored: Mapping[str, Any] | None = None,
    ) -> bool:
        """Tell whether the rules ask for what was not read, or not kept, at the time."""
        looks = looks_at(self.rules, known)
        if self._asks & _KEPT_LATER and stored is not None and stored["number"] and not known.country:
            return True
        if known.calls_lately is None:
            # The owner alone was looked at: enough for one who is rung at once, whoever else is there.
            # And for a call that rings nobody.
            depends = after is not None and resolved.ladder.only is None and needs_others(known, after)
            return looks.everybody or depends
        if after is None:
            return False
        return _needs_others_than_kept(known, looks, resolved.ladder, after)


def _needs_others_than_kept(known: Situation, looks: Looks, ladder: Ladder, after: Step) -> bool:
    """Tell the same of a step for which everybody was read whom the rules of that time named."""
    if set(looks.days) - known.calls_within.keys() and known.caller.case is not None:
        return True
    first = ladder.first
    if first is not None and first.agent is not None and first.agent not in known.agents:
        return True
    read = {*known.ladder.teams, known.line.team, known.caller.case.team if known.caller.case else None}
    teams = {agent.team for agent in known.agents.values()} | read
    if first is not None and first.team is not None and first.team not in teams:
        return True
    in_charge = any(agent.is_supervisor for agent in known.agents.values())
    if first is not None and first.kind == FirstKind.SUPERVISOR and not in_charge:
        return True
    is_for_somebody = isinstance(after, Ring) or (isinstance(after, Wait) and after.agent is not None)
    return bool(set(ladder.teams) - teams) and not is_for_somebody


def _how(before: Step, after: Step, now: datetime, outcome: str | None) -> tuple[str, ...]:
    """Say how a step differs: whom it is for, and after how long somebody, or a promise, is there."""
    found = []
    if (type(before), _target(before)) != (type(after), _target(after)) and not _are_promises(before, after):
        found.append("elsewhere")
        difference = _delay(after, now) - _delay(before, now)
    elif isinstance(before, Ring | Wait):
        # How long it may last matters to who waited until it was over.
        ran_out = outcome in (StepOutcome.NO_ANSWER, StepOutcome.WAITED_TOO_LONG)
        difference = getattr(after, "seconds", 0) - before.seconds if ran_out else 0
    else:
        difference = _delay(after, now) - _delay(before, now)
    if difference:
        found.append("sooner" if difference < 0 else "later")
    if _is_promise(after) and not _is_promise(before):
        found.append("promise")
    return tuple(found)


def _target(step: Step) -> str | None:
    return getattr(step, "agent", None) or getattr(step, "team", None)


def _are_promises(before: Step, after: Step) -> bool:
    return _is_promise(before) and _is_promise(after) and _target(before) == _target(after)


def _is_promise(step: Step) -> bool:
    return isinstance(step, MakePromise | AskForNumber)


def _delay(step: Step, now: datetime) -> float:
    """Return after how many seconds somebody may be there: rung at once, waited for, rung back."""
    match step:
        case Ring():
            return 0
        case Wait():
            return step.seconds
        case Ask():
            raise AssertionError("it leads to nobody yet")
        case _:
            return (step.due_at - now).total_seconds()
