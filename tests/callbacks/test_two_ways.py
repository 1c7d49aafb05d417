"""What if a customer rings us at a moment of their own callback? They are spoken to once, nothing is lost."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, select, update

from app import db
from app.agents import presence
from app.callbacks import placing
from app.deployment import Deployment
from app.jobs import callbacks as jobs
from app.jobs import waiting
from app.lines import nobodys
from app.records.agents import Activity, Presence, Reach
from app.records.calls import Call, CallState, CallStep
from app.records.lines import Line as OurLine
from app.records.outgoing import Outbox
from app.records.promises import OWED, AttemptOutcome, Promise
from config import Settings
from tests import town
from tests.callbacks.test_callbacks import Callback, attempts, ends_asked_for, owe, stored, why
from tests.factories import ADA, LINE, noon_zone
from tests.telephone import Another, Line
from tests.voice.test_races import at_once

SECOND = timedelta(seconds=1)
THEIRS = "CA" + "c" * 32


@pytest.fixture(autouse=True)
def noon(flask_app: Flask) -> None:
    town.settle()
    with db.transaction() as session:
        session.get_one(OurLine, LINE).timezone = noon_zone(datetime.now(UTC))


@pytest.fixture
def deployment(settings: Settings) -> Deployment:
    return Deployment.of(settings)


@dataclass
class Carrier:
    """What really happens at the carrier to one callback."""

    client: FlaskClient
    settings: Settings
    deployment: Deployment
    callback: Callback | None = None

    @property
    def it(self) -> Callback:
        assert self.callback is not None
        return self.callback

    def begins(self) -> None:
        self.callback = Callback.begin(self.client, self.settings, self.deployment)

    def is_asked(self) -> None:
        self.begins()
        with db.transaction() as session:
            assert placing.to_place(session, self.it.name, datetime.now(UTC), self.deployment) is not None

    def is_placed(self) -> None:
        self.is_asked()
        with db.transaction() as session:
            placing.placed(session, self.it.name, self.it.sid, datetime.now(UTC))

    def rings(self) -> None:
        self.is_placed()
        self.it.tell("agent", CallStatus="ringing")

    def whispers(self) -> None:
        self.rings()
        self.it.tell("agent", CallStatus="in-progress")
        self.it.tell("picked-up")

    def dials(self) -> None:
        self.whispers()
        if self.it.rings is None:
            self.it.tell("accept", Digits="1")
        assert self.it.rings == ADA

    def rings_there(self) -> None:
        self.dials()
        self.it.tell("customer", CallStatus="ringing", CallSid=THEIRS)

    def is_answered(self) -> None:
        self.rings_there()
        self.it.answers()

    def is_a_human(self) -> None:
        self.is_answered()
        self.it.hears_who_answered("human")

    def is_a_machine(self) -> None:
        self.is_answered()
        self.it.hears_who_answered("machine_start")

    def agent_left(self) -> None:
        self.is_answered()
        self.it.tell("agent", CallStatus="completed")

    def awaits_the_verdict(self) -> None:
        self.is_answered()
        self.it.ends(DialBridged="true", DialCallDuration="64")

    def is_kept(self) -> None:
        self.awaits_the_verdict()
        self.it.hears_who_answered("human")

    def is_in_vain(self) -> None:
        self.rings_there()
        self.it.ends("no-answer")
        self.it.tell("agent", CallStatus="completed")


MOMENTS: dict[str, Callable[[Carrier], None]] = {
    "promise due": lambda carrier: None,
    "agent taken": Carrier.begins,
    "agent's leg asked": Carrier.is_asked,
    "agent's leg placed": Carrier.is_placed,
    "agent rings": Carrier.rings,
    "agent hears whisper": Carrier.whispers,
    "customer dialled": Carrier.dials,
    "customer's phone rings": Carrier.rings_there,
    "customer answered": Carrier.is_answered,
    "human": Carrier.is_a_human,
    "machine": Carrier.is_a_machine,
    "agent left": Carrier.agent_left,
    "waiting for who answered": Carrier.awaits_the_verdict,
    "kept": Carrier.is_kept,
    "next try planned": Carrier.is_in_vain,
}
TALKS = {"customer answered", "human", "agent left", "waiting for who answered", "kept"}
# What becomes of the customer's own call, after so many seconds of talk; and does their callback end first?
CALLS = (("hangs up", False), ("3", False), ("60", False), ("60", True))


def goes_on(carrier: Carrier, moment: str) -> None:
    """Let the carrier tell all that is still to come of the callback; nobody new is dialled by it."""
    if carrier.callback is None or moment in ("kept", "next try planned"):
        return
    it = carrier.it
    if moment in ("customer dialled", "customer's phone rings"):
        it.tell("customer", CallStatus="canceled", CallSid=THEIRS)
        it.ends("canceled", CallStatus="completed")
    elif moment in TALKS | {"machine"}:
        seconds = "40" if moment == "machine" else "64"
        it.ends(DialBridged="true", DialCallDuration=seconds)
        it.hears_who_answered("machine_start" if moment == "machine" else "human")
    else:
        it.tell("picked-up")
        assert it.rings is None
        it.tell("accept", Digits="1")
        assert it.rings is None
    it.tell("agent", CallStatus="completed")


class Theirs:
    """The customer's own call to us."""

    def __init__(self, another: Another, deployment: Deployment, fate: str) -> None:
        self.line, self.deployment, self.fate = another(), deployment, fate
        self.queue = self.wish = ""

    def begins(self) -> None:
        self.line.comes_in()
        if self.line.rings is not None:
            self._rung()
        else:
            self.wish = self.line.attribute("Enqueue", "waitUrl").replace("/wait", "/wish")
            self.queue = self.line.attribute("Enqueue", "action")

    def _rung(self) -> None:
        self.line.leg("ringing")
        if self.fate != "hangs up":
            self.line.leg("in-progress")

    def ends(self) -> None:
        if self.line.rings is None and self.fate != "hangs up":
            self._is_put_through()
        if self.fate == "hangs up":
            self.line.post("/voice/status", CallStatus="completed")
        else:
            time_passes(self.line.sid, int(self.fate))
            self.line.dial_ends("completed", DialBridged="true", DialCallDuration=self.fate)
            self.line.hangs_up()

    def _is_put_through(self) -> None:
        """Whoever waits gets the agent who is free by now, or else somebody else."""
        with db.transaction() as session:
            presence.end_overdue_wrap_ups(session, datetime.now(UTC) + 40 * SECOND)
        if not waiting.serve_waiting(self.deployment, datetime.now(UTC)):
            self.line.post(self.wish, context="wait", SpeechResult="Iemand anders graag")
        self.line.post(self.queue, QueueResult="redirected", QueueTime="5")
        assert self.line.rings is not None, self.line.raw
        self._rung()


def time_passes(sid: str, seconds: int) -> None:
    """Let a conversation have begun so many seconds ago."""
    with db.transaction() as session:
        call = session.get_one(Call, sid)
        step = session.get_one(CallStep, (sid, call.step))
        began_at = step.answered_at
        assert began_at is not None
        call.bridged_at = step.answered_at = began_at - seconds * SECOND
        session.execute(
            update(Promise).where(Promise.finished_at == began_at).values(finished_at=step.answered_at)
        )


def all_again() -> None:
    with db.transaction() as session:
        session.execute(delete(Promise))
        session.execute(delete(Outbox))
        session.execute(update(Call).values(promise=None, remote_e164=None))
    town.everybody_free_again()


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_customer_who_rings_at_a_moment_of_their_callback_is_spoken_to_once_and_loses_nothing(
    moment: str, client: FlaskClient, settings: Settings, deployment: Deployment, another: Another
) -> None:
    for fate, callback_is_first in CALLS:
        case = f"{moment}, {fate}, {'callback' if callback_is_first else 'call'} ends first"
        all_again()
        owe()
        carrier = Carrier(client, settings, deployment)
        if moment == "agent hears whisper":
            town.rings_at_phone("anna")
        MOMENTS[moment](carrier)
        town.change("anna", reach=Reach.DESK)
        theirs = Theirs(another, deployment, fate)

        theirs.begins()
        assert jobs.work_off(deployment, datetime.now(UTC) + 120 * SECOND) == 0, case
        if callback_is_first:
            goes_on(carrier, moment)
            assert jobs.work_off(deployment, datetime.now(UTC) + 120 * SECOND) == 0, case
            theirs.ends()
        else:
            theirs.ends()
            goes_on(carrier, moment)

        check(case, moment, fate, town.call(theirs.line.sid))


@pytest.mark.parametrize("is_nobodys", [False, True])
def test_who_spoke_to_us_while_a_machine_answered_their_callback_is_not_rung_again_unless_it_may_be_anybody(
    client: FlaskClient, settings: Settings, deployment: Deployment, another: Another, is_nobodys: bool
) -> None:
    promise = owe()
    carrier = Carrier(client, settings, deployment)
    carrier.is_answered()
    if is_nobodys:
        with db.transaction() as session:
            nobodys.mark(session, ADA, "the switchboard's", datetime.now(UTC))
    theirs = Theirs(another, deployment, "60")
    theirs.begins()
    theirs.ends()
    goes_on(carrier, "machine")

    assert (stored(promise).state in OWED) is is_nobodys, why(promise)


CROSSINGS: dict[str, tuple[Callable[[Carrier], None], Callable[[Carrier, Callback], object]]] = {
    "the callback begins": (
        lambda carrier: None,
        lambda carrier, it: jobs.work_off(carrier.deployment, datetime.now(UTC)),
    ),
    "the agent takes it": (Carrier.rings, lambda carrier, it: it.tell("picked-up")),
    "the customer answers": (Carrier.rings_there, lambda carrier, it: it.answers()),
    "it turns out to be kept": (
        Carrier.awaits_the_verdict,
        lambda carrier, it: it.hears_who_answered("human"),
    ),
}


@pytest.mark.parametrize("crossing", CROSSINGS)
def test_a_customer_who_rings_at_the_same_instant_is_not_rung_meanwhile_and_loses_nothing(
    crossing: str, flask_app: Flask, settings: Settings, deployment: Deployment
) -> None:
    until, happens = CROSSINGS[crossing]
    for number in range(4):
        all_again()
        owe()
        carrier = Carrier(flask_app.test_client(), settings, deployment)
        until(carrier)
        crossed = Callback(flask_app.test_client(), settings, from_=LINE)
        crossed.name = carrier.it.name if carrier.callback else ""
        call = Line(flask_app.test_client(), settings)

        at_once(call.comes_in, partial(happens, carrier, crossed))

        told = f"{crossing}, round {number}: {[(str(one.state), why(one.id)) for one in town.promises()]}"
        assert jobs.work_off(deployment, datetime.now(UTC) + 120 * SECOND) == 0, told
        if crossing == "the callback begins" and (begun := attempts()):
            crossed.name = begun[-1].call_sid
            crossed.tell("picked-up")
            assert crossed.rings is None, told
        is_answered = any(one.bridged_at is not None for one in attempts())
        call.post("/voice/status", CallStatus="completed")
        if is_answered:
            crossed.ends(DialBridged="true", DialCallDuration="64")
            crossed.hears_who_answered("human")
        crossed.tell("agent", CallStatus="completed") if crossed.name else None
        # The callback that they answered may have been over before they rang, or they rang during it.
        owed = [one for one in town.promises() if one.state in OWED]
        assert len(owed) == 1, told
        check_that_all_is_over(told)


def check(case: str, moment: str, fate: str, call: Call) -> None:
    owed = [one for one in town.promises() if one.state in OWED]
    told = [(one.state, why(one.id)) for one in town.promises()]
    asked_again = fate == "hangs up" or (fate == "3" and call.promise is not None)
    have_spoken = fate == "60" or (moment in TALKS and not asked_again)
    assert len(owed) == (0 if have_spoken else 1), (case, told)
    assert all(one.next_at is not None for one in owed), (case, told)
    if moment in TALKS:
        assert ends_asked_for() == 0, f"{case}: cut off"
        assert attempts()[-1].outcome == AttemptOutcome.KEPT, case
    check_that_all_is_over(case)


def check_that_all_is_over(case: str) -> None:
    """Nothing is in the air, every call has its outcome, and everybody is free once they have put it down."""
    assert [one for one in attempts() if one.ended_at is None] == [], case
    with db.transaction() as session:
        assert set(session.scalars(select(Call.state))) == {CallState.ENDED}, case
        assert None not in set(session.scalars(select(Call.outcome))), case
        presence.end_overdue_wrap_ups(session, datetime.now(UTC) + timedelta(hours=1))
        assert set(session.scalars(select(Presence.activity))) == {Activity.IDLE}, case
