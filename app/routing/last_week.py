"""Which calls came in within the last week, and what was known of each when it was decided about?

What a page asks again with every word that somebody changes is read once a minute by each process, without
whom a call could have rung: no condition of a rule asks that but how many handled the case.
"""

import threading
import weakref
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.records.calls import HAS_SITUATION, CallStep, StepKind
from app.routing import kept
from app.routing.conditions import FACTS
from app.routing.ladder import BY_DEFAULT
from app.routing.situation import Situation
from app.routing.taking import Asked

SINCE = timedelta(days=7)
MOST = 5000  # the newest
_STANDS_FOR = timedelta(minutes=1)


@dataclass(frozen=True)
class PastCall:
    """A call by what led it on its way; nobody's name or number."""

    sid: str
    started_at: datetime  # its first step
    came_in_at: datetime
    kind: str  # of caller, as FACTS has it
    rule_version: int
    rule: str  # the id of the rule that took it; empty: none did


@dataclass(frozen=True)
class LastWeek:
    read_at: datetime
    calls: tuple[PastCall, ...]  # the oldest first
    asked: Asked

    def named(self) -> dict[str, set[str]]:
        """Return which names a condition may ask for that callers really have, by the names of facts."""
        found: dict[str, set[str]] = {}
        for one in self.asked.situations:
            for customer in one.caller.customers:
                found.setdefault("customer.tag", set()).update(customer.tags)
                found.setdefault("customer.language", set()).add(customer.language)
                for case in customer.cases:
                    found.setdefault("case.priority", set()).add(case.priority)
            if one.country:
                found.setdefault("caller.country", set()).add(one.country)
        return found


_kept: "weakref.WeakKeyDictionary[Any, LastWeek]" = weakref.WeakKeyDictionary()
_reading = threading.Lock()  # two who ask at once wait for one reading


def calls(session: Session, now: datetime) -> LastWeek:
    """Return the calls of the last seven days, as they stood at most a minute ago."""
    engine = session.get_bind()
    with _reading:
        known = _kept.get(engine)
        if known is None or not known.read_at <= now < known.read_at + _STANDS_FOR:
            known = _kept[engine] = _read(session, now, known)
        return known


def forget() -> None:
    """Forget what this process keeps of the last week."""
    _kept.clear()


def _read(session: Session, now: datetime, known: LastWeek | None) -> LastWeek:
    """Read the calls of the week; of those that were read before, which never change, only their names."""
    is_first = (
        HAS_SITUATION,
        CallStep.started_at >= now - SINCE,
        CallStep.number == 1,
        CallStep.kind != StepKind.CALLBACK,
    )
    order = (CallStep.started_at.desc(), CallStep.call_sid.desc())
    sids = session.scalars(select(CallStep.call_sid).where(*is_first).order_by(*order).limit(MOST)).all()[
        ::-1
    ]
    before = known.calls if known is not None else ()
    pairs = zip(before, known.asked.situations, strict=True) if known is not None else ()
    read = {call.sid: (call, situation) for call, situation in pairs}
    newer = (CallStep.started_at >= before[-1].started_at,) if before else ()
    for row in session.execute(_WHOLE.where(*is_first, *newer).order_by(*order).limit(MOST)):
        if row.call_sid not in read and (one := _of(row)) is not None:
            read[row.call_sid] = one
    found = [read[sid] for sid in sids if sid in read]
    now_there = tuple(call for call, _ in found)
    situations = tuple(situation for _, situation in found)
    gone = next((place for place, call in enumerate(before) if call in now_there[:1]), len(before))
    staying = before[gone:]
    if known is not None and now_there[: len(staying)] == staying:
        return LastWeek(now, now_there, known.asked.later(gone, situations[len(staying) :]))
    return LastWeek(now, now_there, Asked(situations))


_WHOLE = select(
    CallStep.call_sid, CallStep.started_at, CallStep.rule_version, CallStep.rule, CallStep.situation
)


def _of(row: Any) -> tuple[PastCall, Situation] | None:
    """Return a call and what was known of it; None where that is of another version of the program."""
    try:
        known = _without_agents(row.situation)
    except (kept.UnknownForm, KeyError, TypeError, ValueError):
        return None
    kind = FACTS["caller.kind"].read(known)
    call = PastCall(row.call_sid, row.started_at, known.began_at, kind, row.rule_version or 1, row.rule)
    return call, known


def _without_agents(stored: dict[str, Any]) -> Situation:
    handlers = stored.get("handlers")
    if handlers is None:
        handlers = sum("handled_at" in one for one in stored["agents"].values())
    known = kept.situation_of({**stored, "agents": {}, "tried": []}, BY_DEFAULT)
    return replace(known, handlers=handlers)
