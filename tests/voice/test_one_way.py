"""Is a call answered the same whether little or everything was read for it? In any town that could be."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from app import db
from app.deployment import Deployment
from app.promises import attempts, ledger
from app.records.agents import Activity, DeskEvent, Intent, Presence, Reach, Softphone
from app.records.callers import CaseStatus
from app.records.calls import Call, CallState, CallStep, Inbox
from app.records.promises import Promise, PromiseAttempt, PromiseState
from app.routing import rules
from app.routing.ladder import Ladder
from app.routing.rules import Rules
from app.voice import incoming, webhooks
from app.voice.incoming import IncomingCall
from config import Settings
from tests import factories
from tests.factories import ADA, LINE
from tests.telephone import Line

# A Tuesday, eleven o'clock in Amsterdam: the clock stands still while the two ways are compared.
NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
AGENTS = {"anna": "Burgerzaken", "bram": "Burgerzaken", "carla": "Burgerzaken", "dirk": "Belastingen"}


@dataclass(frozen=True)
class Town:
    """Who is there and what is known, when Ada, or somebody whom nobody knows, phones in."""

    statuses: tuple[dict[str, Any], ...]  # of AGENTS, in order
    cases: tuple[dict[str, Any], ...] = ()
    promise: dict[str, Any] | None = None
    shares_number: bool = False  # a second customer has Ada's number
    waits_for: str | None = None  # somebody else waits for this agent
    calls_lately: int = 0
    direct_calls: int = 0  # how often Anna was rung as an owner within the hour
    ladder: Ladder | None = None
    rules: tuple[dict[str, Any], ...] = ()
    hours: str = ""
    greeting: str = ""
    records_messages: bool = False
    from_: str = ADA

    def settle(self) -> None:
        rules.forget_published()
        with db.transaction() as session:
            # A promise and a call name each other.
            for table in reversed(db.Base.metadata.sorted_tables):
                session.execute(delete(table))
        with db.transaction() as session:
            line = factories.line(session, hours=self.hours, greeting=self.greeting)
            line.records_messages = self.records_messages
            for (key, team), values in zip(AGENTS.items(), self.statuses, strict=True):
                agent = factories.agent(session, key, team=team, now=NOW)
                agent.phone = values.get("phone")
                agent.enabled = values.get("enabled", True)
                status = session.get_one(Presence, key)
                for name, value in values.items():
                    if name not in ("phone", "enabled"):
                        setattr(status, name, value)
            factories.customer(session, "ada", ADA)
            if self.shares_number:
                factories.customer(session, "eva", ADA)
            for number, values in enumerate(self.cases):
                self._case(session, number, **values)
            if self.ladder is not None or self.rules:
                ladder = self.ladder or Ladder()
                numbered = [{"id": f"r{place}", **rule} for place, rule in enumerate(self.rules)]
                proposed = Rules.written({"ladder": ladder.as_json(), "rules": numbered})
                rules.publish(session, proposed, "test", "", NOW)
            if self.waits_for is not None:
                self._waits(session, self.waits_for)
            for number in range(self.calls_lately):
                session.add(_call(f"CAlate{number}", case="Z0", state=CallState.ENDED))
            for number in range(self.direct_calls):
                session.add(_call(f"CAdirect{number}", state=CallState.ENDED))
                session.flush()
                rung = CallStep(call_sid=f"CAdirect{number}", number=1, kind="owner", agent="anna", reason="")
                rung.started_at = NOW - timedelta(minutes=10)
                session.add(rung)
            if self.promise is not None:
                self._promise(session, **self.promise)

    def _case(self, session: Session, number: int, **values: Any) -> None:
        avoided = values.pop("avoided", None)
        values["of"] = values.pop("of", "ada") if self.shares_number else "ada"
        made = factories.case(session, f"Z{number}", handled_at=NOW - timedelta(days=1 + number), **values)
        session.refresh(made)
        made.avoided_agent = avoided

    def _waits(self, session: Session, agent: str) -> None:
        waits = _call("CAwaits", state=CallState.WAITING)
        waits.waiting_for_agent, waits.waiting_since = agent, NOW - timedelta(minutes=1)
        session.add(waits)

    def _promise(self, session: Session, *, state: PromiseState, agent: str | None, rung: str) -> None:
        promise = factories.promise(
            session, now=NOW - timedelta(hours=1), due_at=NOW + timedelta(minutes=30), agent=agent
        )
        promise.case = "Z0" if self.cases else None
        promise.state = state
        if state == PromiseState.CALLING:
            # Somebody is about to ring this very caller.
            sid = attempts.new_sid()
            session.add(_call(sid, direction="outbound", promise=promise.id))
            session.flush()
            session.add(
                CallStep(call_sid=sid, number=1, kind="callback", agent=rung, reason="", started_at=NOW)
            )
            lease = NOW + timedelta(seconds=45)
            session.add(
                PromiseAttempt(
                    promise=promise.id, call_sid=sid, number=ADA, agent=rung, address=f"client:{rung}",
                    started_at=NOW, machine=False, lease_until=lease,
                )
            )  # fmt: skip
            status = session.get_one(Presence, rung)
            status.activity, status.call_sid, status.fence, status.lease_until = (
                Activity.RINGING,
                sid,
                1,
                lease,
            )


def _call(sid: str, **values: Any) -> Call:
    usual = {
        "remote_e164": "+31687654321", "line": LINE, "attestation": "", "language": "nl", "said": [],
        "state": CallState.RINGING, "rule_version": 1, "created_at": NOW - timedelta(days=1), "step": 1,
    }  # fmt: skip
    return Call(sid=sid, **usual | values)


# --- any town ------------------------------------------------------------------------------------------

_ago = st.integers(0, 90).map(lambda minutes: NOW - timedelta(minutes=minutes))


@st.composite
def any_presence(draw: st.DrawFn) -> dict[str, Any]:
    activity = draw(st.sampled_from([Activity.IDLE, Activity.IDLE, *Activity]))
    busy = activity not in (Activity.IDLE, Activity.WRAPPING_UP)
    return {
        "intent": draw(st.sampled_from([Intent.AVAILABLE, Intent.AVAILABLE, *Intent])),
        "reach": draw(st.sampled_from(Reach)),
        "activity": activity,
        "activity_since": draw(_ago),
        "lease_until": NOW + timedelta(seconds=draw(st.sampled_from([-5, 60]))) if busy else None,
        "call_sid": "CAother" if activity != Activity.IDLE else None,
        "heartbeat_at": NOW - timedelta(seconds=draw(st.sampled_from([1, 1, 30, 3600]))),
        "softphone": draw(st.sampled_from([Softphone.READY, *Softphone])),
        "suspect_until": draw(st.sampled_from([None, None, NOW + timedelta(minutes=1)])),
        "back_at": draw(st.sampled_from([None, NOW + timedelta(hours=1)])),
        "phone": draw(st.sampled_from([None, "+31201112233"])),
        "enabled": draw(st.sampled_from([True, True, True, False])),
    }


any_case = st.fixed_dictionaries(
    {
        "of": st.sampled_from(["ada", "eva"]),
        "handled_by": st.lists(st.sampled_from(sorted(AGENTS)), max_size=3).map(tuple),
        "owner": st.sampled_from([None, *AGENTS]),
        "team": st.sampled_from(sorted(set(AGENTS.values()))),
        "status": st.sampled_from([CaseStatus.OPEN, *CaseStatus]),
        "avoided": st.sampled_from([None, None, *AGENTS]),
    }
)
any_promise = st.fixed_dictionaries(
    {
        "state": st.sampled_from([PromiseState.OPEN, PromiseState.BROKEN, PromiseState.CALLING]),
        "agent": st.sampled_from([None, *AGENTS]),
        "rung": st.sampled_from(sorted(AGENTS)),
    }
)
any_ladder = st.builds(
    Ladder,
    direct_calls_per_hour=st.sampled_from([None, None, 1]),
    counter_to_counter=st.sampled_from([None, 2, 3]),
    wait_for_owner_seconds=st.sampled_from([0, 240]),
    extra_teams=st.sampled_from([(), ("Belastingen",)]),
    speaks_names=st.booleans(),
    owner_ring_seconds=st.sampled_from([10, 25]),
    total_seconds=st.sampled_from([10, 180]),
)
any_condition = st.sampled_from(
    [
        {"fact": "case.calls", "at_least": 2},
        {"fact": "case.calls", "at_most": 2, "days": 30},
        {"fact": "case.agents", "at_least": 2},
        {"fact": "caller.kind", "is": ["known", "unknown"]},
        {"fact": "case.team", "is_not": ["Belastingen"]},
        {"fact": "promise", "is": ["owed", "broken"]},
        {"fact": "hours", "is": ["closed"]},
        {"fact": "weekday", "is": ["tu"]},
    ]
)
any_outcome = st.sampled_from(
    [
        {},
        {"first": "knows_case"},
        {"first": "supervisor", "speaks_names": False},
        {"first": {"agent": "carla"}, "wait_for_owner_seconds": 60},
        {"first": {"agent": "nobody"}},
        {"first": {"team": "Belastingen"}},
        {"only": "promise", "records_messages": True},
        {"only": "refuse"},
        {"teams": ["Belastingen"], "greeting": "Welkom."},
    ]
)
any_rule = st.builds(
    lambda when, then: {"when": when, "then": then}, st.lists(any_condition, max_size=2), any_outcome
)
any_town = st.builds(
    Town,
    statuses=st.tuples(*(any_presence() for _ in AGENTS)),
    cases=st.lists(any_case, max_size=3).map(tuple),
    promise=st.none() | any_promise,
    shares_number=st.booleans(),
    waits_for=st.none() | st.sampled_from(sorted(AGENTS)),
    calls_lately=st.integers(0, 3),
    direct_calls=st.integers(0, 2),
    ladder=st.none() | any_ladder,
    rules=st.just(()) | st.lists(any_rule, max_size=3).map(tuple),
    hours=st.sampled_from(["", "", "Mo-Fr 09:00-17:30", "Sa 10:00-14:00"]),
    greeting=st.sampled_from(["", "Gemeente Duinwijk."]),
    records_messages=st.booleans(),
    from_=st.sampled_from([ADA, ADA, ADA, "+31687654321", "", LINE]),
)

FREE: dict[str, Any] = {}
TO_BE_RUNG_BY_A_COLLEAGUE = Town(
    statuses=(FREE, FREE, FREE, FREE),
    cases=({"handled_by": ("bram", "anna")},),
    promise={"state": PromiseState.CALLING, "agent": "anna", "rung": "bram"},
)
RUNG_OFTEN_ENOUGH = Town(
    statuses=(FREE, FREE, FREE, FREE),
    cases=({"handled_by": ("bram", "anna")},),
    direct_calls=2,
    ladder=Ladder(direct_calls_per_hour=1),
)
COMES_BACK_ONCE_MORE = Town(
    statuses=(FREE, FREE, FREE, FREE),
    cases=({"handled_by": ("bram", "anna")},),
    calls_lately=2,
    rules=(
        {
            "when": [{"fact": "case.calls", "at_least": 3, "days": 30}],
            "then": {"first": {"agent": "dirk"}},
        },
    ),
)


# --- the two ways --------------------------------------------------------------------------------------


def left_behind(session: Session, sid: str) -> dict[str, Any]:
    """Return all that a call changed, without what is counted by the database itself."""
    call = session.get_one(Call, sid)
    steps = session.scalars(select(CallStep).where(CallStep.call_sid == sid).order_by(CallStep.number))
    statuses = session.scalars(select(Presence).order_by(Presence.agent))
    events = session.scalars(select(DeskEvent).order_by(DeskEvent.agent, DeskEvent.number))
    promises = session.scalars(select(Promise).order_by(Promise.number, Promise.created_at))
    tries = session.scalars(select(PromiseAttempt).order_by(PromiseAttempt.agent))
    return {
        "call": [(name, getattr(call, name)) for name in _names_of(Call)],
        "steps": [[(name, getattr(step, name)) for name in _names_of(CallStep)] for step in steps],
        "presences": [(s.agent, s.activity, s.call_sid, s.fence, s.lease_until) for s in statuses],
        "events": [(event.agent, event.kind, _without_left_out(event.data)) for event in events],
        "promises": [(p.state, p.agent, p.due_at, p.number) for p in promises],
        "tries": [(a.agent, a.outcome) for a in tries],
        "answers": session.scalar(select(func.count()).select_from(Inbox).where(Inbox.call_sid == sid)),
    }


# What may differ is the number that the database gave a promise; what was looked at is compared by itself.
LEFT_OUT = {"situation", "promise"}


def _names_of(model: type[db.Base]) -> list[str]:
    return [column.key for column in model.__mapper__.column_attrs if column.key not in LEFT_OUT]


def _without_left_out(data: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name not in LEFT_OUT}


class Undone(Exception):
    """Ends a transaction of which nothing is to stay."""


def with_everything_read(call: IncomingCall, deployment: Deployment) -> tuple[bytes, dict[str, Any]]:
    try:
        with db.transaction() as session:
            known = incoming.look_up(session, call, NOW, deployment)
            reply = incoming.answer(session, known, NOW, deployment)
            session.flush()
            session.expire_all()
            found = left_behind(session, call.sid)
            raise Undone
    except Undone:
        return reply, found


@pytest.fixture
def compare(
    flask_app: Flask, client: FlaskClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Town], None]:
    monkeypatch.setattr(webhooks, "utcnow", lambda: NOW)
    # Time stands still, so what may not be written down is not there yet either.
    monkeypatch.setattr(ledger, "utcnow", lambda: NOW, raising=False)

    def in_town(town: Town) -> None:
        town.settle()
        line = Line(client, settings, from_=town.from_)
        call = IncomingCall(line.sid, town.from_, LINE)
        expected, of_all = with_everything_read(call, Deployment.of(settings))
        line.comes_in()
        assert line.raw.decode() == expected.decode()
        with db.reading() as session:
            assert left_behind(session, line.sid) == of_all

    return in_town


@example(town=TO_BE_RUNG_BY_A_COLLEAGUE)
@example(town=RUNG_OFTEN_ENOUGH)
@example(town=COMES_BACK_ONCE_MORE)
@given(town=any_town)
@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_a_call_is_answered_and_written_down_the_same_whatever_was_read_for_it(
    compare: Callable[[Town], None], town: Town
) -> None:
    compare(town)
