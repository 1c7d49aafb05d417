"""What becomes of a promise that is worked off? News in any order, and people who get in between."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from app import db
from app.agents import presence
from app.carrier.rest import Carrier
from app.deployment import Deployment
from app.jobs import callbacks as jobs
from app.jobs import waiting
from app.outgoing import conversations, hooks
from app.promises import ledger
from app.promises.attempts import new_sid
from app.records.agents import Activity, Intent
from app.records.callers import Contact, Direction
from app.records.calls import Call, CallState, CallStep, Outcome, StepOutcome
from app.records.lines import Line
from app.records.outgoing import Outbox
from app.records.promises import AttemptOutcome, Promise, PromiseAttempt, PromiseEvent, PromiseState
from app.voice import call_control
from app.voice.outage import spool_replay
from config import Settings
from tests import factories, town
from tests.factories import ADA, BEN, LINE
from tests.rest_carrier import FakeCarrier
from tests.telephone import Another
from tests.telephone import Line as Caller

MINUTE = timedelta(minutes=1)


@pytest.fixture(autouse=True)
def noon(flask_app: Flask) -> None:
    """The town, where it is about noon at whatever hour the tests run."""
    town.settle()
    offset = 12 - datetime.now(UTC).hour
    with db.transaction() as session:
        # In these names the sign is the other way round.
        session.get_one(Line, LINE).timezone = f"Etc/GMT{-offset:+d}" if offset else "Etc/GMT"


@pytest.fixture
def deployment(settings: Settings) -> Deployment:
    return Deployment.of(settings)


def owe(number: str = ADA, *, due_in: timedelta = 20 * MINUTE, agent: str | None = "anna") -> int:
    """Somebody promised an hour ago to ring a number back, `due_in` from now; return the promise's id."""
    now = datetime.now(UTC)
    with db.transaction() as session:
        return factories.promise(
            session, number=number, agent=agent, due_at=now + due_in, now=now - timedelta(hours=1)
        ).id


def stored(promise: int) -> Promise:
    with db.transaction() as session:
        found = session.get_one(Promise, promise)
        session.expunge_all()
        return found


def attempts() -> list[PromiseAttempt]:
    with db.transaction() as session:
        found = list(session.scalars(select(PromiseAttempt).order_by(PromiseAttempt.id)))
        session.expunge_all()
        return found


def call_of(attempt: PromiseAttempt) -> Call:
    with db.transaction() as session:
        found = session.get_one(Call, attempt.call_sid)
        session.expunge_all()
        return found


def why(promise: int) -> list[str]:
    """What a promise went through, in codes."""
    with db.transaction() as session:
        rows = select(PromiseEvent.why).where(PromiseEvent.promise == promise).order_by(PromiseEvent.id)
        return list(session.scalars(rows))


class Callback(Caller):
    """One callback as the carrier sees it."""

    @classmethod
    def begin(cls, client: FlaskClient, settings: Settings, deployment: Deployment) -> "Callback":
        assert jobs.work_off(deployment, datetime.now(UTC)) == 1
        made = cls(client, settings, from_=LINE, to=attempts()[-1].address)
        made.name = attempts()[-1].call_sid
        return made

    name: str = ""

    def tell(self, what: str, **fields: str) -> None:
        self.post(f"/voice/callbacks/{self.name}/{what}", **({"Direction": "outbound-api"} | fields))

    def is_taken(self) -> "Callback":
        """The agent's desk rings and is answered."""
        self.tell("agent", CallStatus="ringing")
        self.tell("picked-up")
        return self

    def answers(self, **fields: str) -> None:
        self.tell("customer", CallStatus="in-progress", CallSid="CA" + "c" * 32, **fields)

    def hears_who_answered(self, what: str) -> None:
        """The carrier's verdict, which comes by itself some seconds into the conversation, or later."""
        self.tell("customer", CallStatus="in-progress", CallSid="CA" + "c" * 32, AnsweredBy=what)

    def ends(self, status: str = "completed", **fields: str) -> None:
        self.tell("ended", DialCallStatus=status, **fields)


@pytest.fixture
def begin(client: FlaskClient, settings: Settings, deployment: Deployment) -> "Callback":
    """A promise of Anna's to Ada whose agent is about to be rung."""
    owe()
    return Callback.begin(client, settings, deployment)


@pytest.mark.parametrize(
    ("agent", "whose"),
    [
        ("anna", "U zou iemand terugbellen"),
        (None, "Wij hebben iemand beloofd"),
        ("bram", "Een collega zou"),
    ],
)
def test_an_ordinary_phone_learns_whom_it_is_about_only_after_its_human_accepted(
    client: FlaskClient, settings: Settings, deployment: Deployment, agent: str | None, whose: str
) -> None:
    town.rings_at_phone("anna")
    town.change("bram", intent=Intent.OFF)
    town.change("carla", intent=Intent.OFF)
    owe(agent=agent, due_in=10 * MINUTE)
    call = Callback.begin(client, settings, deployment).is_taken()
    assert call.said.startswith(whose)
    assert "ada" not in call.said

    call.tell("accept", Digits="1")

    assert call.said.startswith("Ik bel Klant ada, over Zaak Z1. Beloofd van")
    assert call.rings == ADA
    first = call.raw
    call.tell("accept", Digits="1")
    assert call.raw == first


def test_the_customer_is_rung_from_our_number_once_the_agent_has_taken_it(begin: Callback) -> None:
    begin.is_taken()

    assert begin.rings == ADA
    assert begin.attribute("Dial", "callerId") == LINE
    assert begin.attribute("Number", "machineDetection") == "Enable"
    first = begin.raw
    begin.tell("picked-up")
    assert begin.raw == first
    assert town.presence("anna").activity == Activity.TALKING


NEWS = {
    "answered": lambda call: call.answers(),
    "who answered": lambda call: call.hears_who_answered("human"),
    "customer's end": lambda call: call.tell("customer", CallStatus="completed", CallDuration="64"),
    "dial's end": lambda call: call.ends(DialBridged="true", DialCallDuration="64"),
    "agent's end": lambda call: call.tell("agent", CallStatus="completed"),
}


@pytest.mark.parametrize("first", NEWS)
def test_a_conversation_keeps_a_promise_in_whatever_order_it_is_told(
    client: FlaskClient, settings: Settings, deployment: Deployment, first: str
) -> None:
    for rest in permutations([name for name in NEWS if name != first]):
        order = (first, *rest)
        with db.transaction() as session:
            session.execute(delete(Promise))  # and with them the number's dials of today
        town.everybody_free_again()
        promise = owe()
        call = Callback.begin(client, settings, deployment).is_taken()
        for name in (*order, *order[::-1]):
            NEWS[name](call)

        assert stored(promise).state == PromiseState.KEPT, order
        [attempt] = attempts()
        assert attempt.outcome == AttemptOutcome.KEPT, order
        made = call_of(attempt)
        assert (made.state, made.outcome, made.bridged_to) == (CallState.ENDED, Outcome.TALKED, "anna"), order
        assert town.presence("anna").activity in (Activity.IDLE, Activity.WRAPPING_UP), order
        assert why(promise).count("promise_kept") == 1, order


# What is told of a customer who didn't answer while the agent waited for them, and of an agent who didn't.
IN_VAIN = {
    "customer's end": lambda call: call.tell("customer", CallStatus="no-answer", CallSid=CUSTOMER_LEG),
    "dial's end": lambda call: call.ends("no-answer"),
    "agent's end": lambda call: call.tell("agent", CallStatus="completed"),
}
LEFT = {
    "customer's end": lambda call: call.tell("customer", CallStatus="canceled", CallSid=CUSTOMER_LEG),
    "dial's end": lambda call: call.ends("canceled", CallStatus="completed"),
    "agent's end": lambda call: call.tell("agent", CallStatus="completed"),
}


@pytest.mark.parametrize(
    ("news", "outcome", "tries"),
    [(IN_VAIN, AttemptOutcome.NO_ANSWER, 1), (LEFT, AttemptOutcome.AGENT_LEFT, 0)],
)
def test_whether_it_was_the_customer_who_did_not_answer_does_not_depend_on_the_order_of_the_news(
    client: FlaskClient,
    settings: Settings,
    deployment: Deployment,
    news: dict[str, Callable[[Callback], None]],
    outcome: AttemptOutcome,
    tries: int,
) -> None:
    for order in permutations(news):
        with db.transaction() as session:
            session.execute(delete(Promise))  # and with them the number's dials of today
        town.everybody_free_again()
        promise = owe()
        call = Callback.begin(client, settings, deployment).is_taken()
        for name in (*order, *order[::-1], *order):
            news[name](call)

        assert attempts()[0].outcome == outcome, order
        assert (stored(promise).state, stored(promise).tries) == (PromiseState.DUE, tries), order
        assert why(promise)[-1] == f"promise_{outcome}", order


@pytest.mark.parametrize(
    ("fields", "outcome"),
    [
        ({"status": "no-answer"}, AttemptOutcome.NO_ANSWER),
        ({"status": "busy"}, AttemptOutcome.BUSY),
        ({"status": "failed"}, AttemptOutcome.FAILED),
        ({"status": "a-new-word"}, AttemptOutcome.FAILED),
        (
            {"status": "completed", "DialBridged": "true", "DialCallDuration": "9"},
            AttemptOutcome.TOO_SHORT,
        ),
        (
            {
                "status": "completed",
                "DialBridged": "true",
                "DialCallDuration": "90",
                "AnsweredBy": "machine_start",
            },
            AttemptOutcome.MACHINE,
        ),
        (
            {"status": "completed", "DialBridged": "true", "DialCallDuration": "90", "AnsweredBy": "fax"},
            AttemptOutcome.MACHINE,
        ),
    ],
)
def test_what_is_no_conversation_keeps_nothing_and_is_tried_again(
    begin: Callback, fields: dict[str, str], outcome: AttemptOutcome
) -> None:
    begin.is_taken()

    begin.ends(**fields)

    [attempt] = attempts()
    promise = stored(attempt.promise)
    assert attempt.outcome == outcome
    assert (promise.state, promise.tries) == (PromiseState.DUE, 1)
    assert promise.next_at is not None
    assert promise.next_at > datetime.now(UTC) + 9 * MINUTE
    assert "niet opgenomen" in begin.said
    assert town.presence("anna").intent == Intent.AVAILABLE


def test_news_of_a_machine_that_comes_first_is_remembered(begin: Callback) -> None:
    begin.is_taken()
    begin.answers(AnsweredBy="machine_start")

    begin.ends(DialBridged="true", DialCallDuration="90")

    assert attempts()[0].outcome == AttemptOutcome.MACHINE


# --- a machine, says the carrier ---------------------------------------------------------------------


def notes(call_sid: str, outcome: str, agent: str = "anna") -> None:
    with db.transaction() as session:
        call_control.save_notes(session, call_sid, agent, outcome=outcome, summary="", now=datetime.now(UTC))


def texts_left() -> list[str]:
    """The keys of what still leaves as a message."""
    with db.transaction() as session:
        waiting = select(Outbox.key).where(Outbox.kind == "send_message", Outbox.done_at.is_(None))
        return list(session.scalars(waiting))


def talks_to_a_machine(begin: Callback, seconds: int) -> None:
    begin.is_taken().answers(AnsweredBy="machine_start")
    begin.ends(DialBridged="true", DialCallDuration=str(seconds))


def test_minutes_of_talk_outweigh_that_the_carrier_heard_a_machine(begin: Callback) -> None:
    talks_to_a_machine(begin, 240)

    [attempt] = attempts()
    promise = stored(attempt.promise)
    assert (promise.state, promise.tries, attempt.outcome) == (PromiseState.KEPT, 0, AttemptOutcome.KEPT)
    assert why(promise.id)[-1] == "promise_kept_long"
    assert texts_left() == []
    begin.hears_who_answered("machine_start")
    assert stored(promise.id).state == PromiseState.KEPT


def test_minutes_of_talk_outweigh_what_the_carrier_says_too_late(begin: Callback) -> None:
    talked(begin, "240").hears_who_answered("human")
    begin.hears_who_answered("machine_start")
    assert stored(attempts()[0].promise).state == PromiseState.KEPT


def test_what_the_agent_says_outweighs_that_the_carrier_heard_a_machine(begin: Callback) -> None:
    begin.is_taken().answers(AnsweredBy="machine_start")
    notes(begin.name, "solved")
    begin.ends(DialBridged="true", DialCallDuration="40")

    promise = stored(attempts()[0].promise)
    assert (promise.state, promise.tries) == (PromiseState.KEPT, 0)
    assert texts_left() == []


@pytest.mark.parametrize("seconds", [4, 40, 130])
def test_what_the_agent_says_afterwards_keeps_the_promise_and_nobody_is_rung_again(
    begin: Callback, seconds: int, deployment: Deployment
) -> None:
    talks_to_a_machine(begin, seconds)
    assert stored(attempts()[0].promise).state == PromiseState.DUE

    notes(begin.name, "solved")

    [attempt] = attempts()
    promise = stored(attempt.promise)
    assert (promise.state, attempt.outcome) == (PromiseState.KEPT, AttemptOutcome.KEPT)
    assert call_of(attempt).outcome == Outcome.TALKED
    assert texts_left() == []
    assert jobs.work_off(deployment, datetime.now(UTC) + 15 * MINUTE) == 0


def test_when_in_doubt_the_agent_is_asked_and_the_customer_neither_rung_nor_told(
    begin: Callback, deployment: Deployment
) -> None:
    talks_to_a_machine(begin, 130)

    [attempt] = attempts()
    promise = stored(attempt.promise)
    assert (promise.state, promise.next_at, promise.tries) == (PromiseState.DUE, None, 0)
    assert why(promise.id)[-1] == "promise_unclear"
    assert texts_left() == []
    assert jobs.work_off(deployment, datetime.now(UTC) + 15 * MINUTE) == 0


def test_a_late_verdict_that_is_in_doubt_asks_the_agent(begin: Callback) -> None:
    talked(begin, "130").hears_who_answered("human")
    begin.hears_who_answered("machine_start")

    promise = stored(attempts()[0].promise)
    assert (promise.state, promise.next_at, promise.tries) == (PromiseState.OPEN, None, 0)
    assert why(promise.id)[-1] == "promise_unclear"


def test_a_summary_alone_is_no_word_of_a_conversation(begin: Callback) -> None:
    begin.is_taken().answers(AnsweredBy="machine_start")
    notes(begin.name, "")
    begin.ends(DialBridged="true", DialCallDuration="40")
    assert attempts()[0].outcome == AttemptOutcome.MACHINE


# --- who answered: a human, a machine, or nobody says ------------------------------------------------


CUSTOMER_LEG = "CA" + "c" * 32


def knows_the_customers_leg(fake: FakeCarrier, answered_by: str | None) -> None:
    fake.knows(CUSTOMER_LEG, "completed", "12")
    fake.calls[CUSTOMER_LEG]["answered_by"] = answered_by


def talked(begin: Callback, seconds: str = "12") -> Callback:
    """Anna was put through and hung up, and the carrier hasn't said who or what answered."""
    begin.is_taken().answers()
    begin.ends(DialBridged="true", DialCallDuration=seconds)
    return begin


@pytest.mark.parametrize("machine", ["machine_start", "fax"])
def test_a_machine_of_which_the_word_was_lost_keeps_nothing_since_the_carrier_is_asked(
    begin: Callback, fake: FakeCarrier, carrier: Carrier, machine: str
) -> None:
    knows_the_customers_leg(fake, machine)
    talked(begin)
    [attempt] = attempts()
    assert stored(attempt.promise).state == PromiseState.CALLING
    assert town.presence("anna").activity == Activity.WRAPPING_UP

    assert jobs.reconcile(carrier, Deployment.of(begin.settings), datetime.now(UTC)) == 1

    [attempt] = attempts()
    assert attempt.outcome == AttemptOutcome.MACHINE
    assert (stored(attempt.promise).state, stored(attempt.promise).tries) == (PromiseState.DUE, 1)
    assert "promise_kept" not in why(attempt.promise)


def test_a_human_of_whom_the_word_was_lost_keeps_the_promise_as_soon_as_the_carrier_is_asked(
    begin: Callback, fake: FakeCarrier, carrier: Carrier
) -> None:
    knows_the_customers_leg(fake, "human")
    talked(begin)

    jobs.reconcile(carrier, Deployment.of(begin.settings), datetime.now(UTC))

    [attempt] = attempts()
    assert stored(attempt.promise).state == PromiseState.KEPT
    assert why(attempt.promise)[-1] == "promise_kept"


def test_a_carrier_that_can_not_tell_is_asked_again_before_the_conversation_counts(
    begin: Callback, fake: FakeCarrier, carrier: Carrier
) -> None:
    knows_the_customers_leg(fake, None)
    promise = attempts()[0].promise
    talked(begin)

    jobs.reconcile(carrier, Deployment.of(begin.settings), datetime.now(UTC))
    assert stored(promise).state == PromiseState.CALLING
    jobs.reconcile(carrier, Deployment.of(begin.settings), datetime.now(UTC) + MINUTE)

    assert stored(promise).state == PromiseState.KEPT
    assert why(promise)[-1] == "promise_kept_unclear"


def test_a_verdict_that_is_none_keeps_the_promise_and_its_story_says_so(begin: Callback) -> None:
    begin.is_taken().answers(AnsweredBy="unknown")

    begin.ends(DialBridged="true", DialCallDuration="12")

    assert stored(attempts()[0].promise).state == PromiseState.KEPT
    assert why(attempts()[0].promise)[-1] == "promise_kept_unclear"


def test_a_carrier_that_can_not_be_asked_leaves_it_to_people_and_nobody_is_rung(
    begin: Callback, fake: FakeCarrier, carrier: Carrier, deployment: Deployment
) -> None:
    fake.is_away = True
    promise = attempts()[0].promise
    talked(begin)

    jobs.reconcile(carrier, Deployment.of(begin.settings), datetime.now(UTC))
    assert stored(promise).state == PromiseState.CALLING
    jobs.reconcile(carrier, Deployment.of(begin.settings), datetime.now(UTC) + 11 * MINUTE)

    assert (stored(promise).state, stored(promise).next_at) == (PromiseState.DUE, None)
    assert why(promise)[-1] == "promise_unclear"
    assert attempts()[0].outcome == AttemptOutcome.UNCLEAR
    assert jobs.work_off(deployment, datetime.now(UTC) + 12 * MINUTE) == 0
    # A verdict that comes after that changes nothing: somebody decides.
    begin.hears_who_answered("human")
    assert stored(promise).state == PromiseState.DUE


def contacts_of_callbacks() -> list[str]:
    with db.transaction() as session:
        return list(session.scalars(select(Contact.key).where(Contact.key.startswith("call:CB"))))


def events_told() -> list[str]:
    with db.transaction() as session:
        told = session.scalars(select(Outbox).where(Outbox.kind == "call_hook").order_by(Outbox.id))
        return [one.payload["event"] for one in told if one.payload["event"].startswith("promise.")]


def test_a_machine_that_is_told_of_too_late_takes_the_kept_promise_back(begin: Callback) -> None:
    with db.transaction() as session:
        hooks.add(session, "https://crm.example.nl/", list(hooks.Event), datetime.now(UTC))
    talked(begin).hears_who_answered("human")
    promise = attempts()[0].promise
    assert stored(promise).state == PromiseState.KEPT
    assert len(contacts_of_callbacks()) == 1

    begin.hears_who_answered("machine_start")
    begin.hears_who_answered("machine_start")

    after = stored(promise)
    assert (after.state, after.tries, after.finished_at) == (PromiseState.OPEN, 1, None)
    assert after.next_at is not None
    assert after.next_at > datetime.now(UTC) + 9 * MINUTE
    assert why(promise)[-1] == "promise_taken_back"
    [attempt] = attempts()
    assert attempt.outcome == AttemptOutcome.MACHINE
    assert call_of(attempt).outcome == Outcome.NOT_REACHED
    assert contacts_of_callbacks() == []
    assert events_told() == ["promise.kept", "promise.made"]


def test_a_promise_taken_back_when_another_is_owed_already_becomes_part_of_that_one(
    begin: Callback,
) -> None:
    begin.is_taken().answers(AnsweredBy="unknown")
    begin.ends(DialBridged="true", DialCallDuration="12")
    now = datetime.now(UTC)
    with db.transaction() as session:
        another = factories.promise(session, origin="another call", due_at=now + 90 * MINUTE, now=now).id

    begin.hears_who_answered("fax")

    assert stored(attempts()[0].promise).state == PromiseState.MERGED
    assert stored(another).state == PromiseState.OPEN


@pytest.fixture
def no_database(flask_app: Flask) -> Callable[[], AbstractContextManager[None]]:
    """The database is away for the webhooks meanwhile, and the web process leaves merging to the test."""
    voice = flask_app.extensions["voice"]
    voice.keeper.when_reachable = None

    @contextmanager
    def away() -> Iterator[None]:
        real, dead = db.current(), db.bind(db.Database("postgresql+psycopg://nobody@127.0.0.1:1/gone"))
        try:
            yield
        finally:
            db.bind(real)
            dead.dispose()
            flask_app.extensions["carrier"].executor._resting_until = 0.0

    return away


def merge(flask_app: Flask, deployment: Deployment) -> int:
    return spool_replay.merge(flask_app.extensions["carrier"].spool, deployment)


def test_a_fax_that_is_told_of_while_the_database_is_away_is_remembered(
    begin: Callback,
    flask_app: Flask,
    deployment: Deployment,
    no_database: Callable[[], AbstractContextManager[None]],
) -> None:
    begin.is_taken().answers()
    with no_database():
        begin.hears_who_answered("fax")
    begin.ends(DialBridged="true", DialCallDuration="12")

    assert merge(flask_app, deployment) == 1

    [attempt] = attempts()
    assert attempt.outcome == AttemptOutcome.MACHINE
    assert stored(attempt.promise).state == PromiseState.DUE


def test_news_that_can_be_kept_nowhere_is_refused_so_that_the_carrier_tells_it_again(
    begin: Callback, flask_app: Flask, no_database: Callable[[], AbstractContextManager[None]]
) -> None:
    spool = flask_app.extensions["carrier"].spool
    spool.folder.parent.mkdir(parents=True, exist_ok=True)
    spool.folder.write_text("no folder can be here")

    with no_database():
        answer = begin.post(f"/voice/callbacks/{begin.name}/customer", AnsweredBy="fax")

    assert answer.status_code == 503


def test_an_agent_who_accepted_while_the_database_was_away_is_not_said_to_have_ignored_it(
    client: FlaskClient,
    settings: Settings,
    flask_app: Flask,
    deployment: Deployment,
    no_database: Callable[[], AbstractContextManager[None]],
) -> None:
    town.rings_at_phone("anna")
    promise = owe(due_in=10 * MINUTE)
    call = Callback.begin(client, settings, deployment).is_taken()
    with no_database():
        call.tell("accept", Digits="1")
        assert "lukt nu even niet" in call.said
        call.tell("agent", CallStatus="completed")

    merge(flask_app, deployment)

    assert attempts()[0].outcome == AttemptOutcome.CALLED_OFF
    assert why(promise)[-1] == "promise_called_off"
    assert (town.presence("anna").intent, town.presence("anna").activity) == (Intent.AVAILABLE, Activity.IDLE)


@pytest.mark.parametrize(
    ("status", "outcome", "intent"),
    [
        ("busy", AttemptOutcome.AGENT_DECLINED, Intent.AVAILABLE),
        ("no-answer", AttemptOutcome.AGENT_NO_ANSWER, Intent.AWAY),
        ("failed", AttemptOutcome.AGENT_FAILED, Intent.AVAILABLE),
        ("completed", AttemptOutcome.AGENT_NO_ANSWER, Intent.AWAY),
    ],
)
def test_an_agent_who_does_not_take_it_costs_no_try_at_the_customer(
    begin: Callback, status: str, outcome: AttemptOutcome, intent: Intent
) -> None:
    begin.tell("agent", CallStatus="ringing")

    begin.tell("agent", CallStatus=status)

    [attempt] = attempts()
    assert (attempt.outcome, attempt.dialled_at) == (outcome, None)
    assert (stored(attempt.promise).state, stored(attempt.promise).tries) == (PromiseState.DUE, 0)
    assert (town.presence("anna").intent, town.presence("anna").activity) == (intent, Activity.IDLE)


def test_nobody_is_rung_while_they_still_hear_that_the_customer_did_not_answer(begin: Callback) -> None:
    begin.is_taken()

    begin.ends("no-answer")

    assert "niet opgenomen" in begin.said
    assert town.presence("anna").activity == Activity.WRAPPING_UP
    until = town.presence("anna").wrap_up_until
    with db.transaction() as session:
        assert until is not None
        presence.end_overdue_wrap_ups(session, until)
    assert town.presence("anna").activity == Activity.IDLE


def test_an_agent_who_hangs_up_before_the_customer_answers_costs_no_try(begin: Callback) -> None:
    begin.is_taken()
    begin.tell("agent", CallStatus="completed")

    begin.ends("no-answer", CallStatus="completed")

    assert attempts()[0].outcome == AttemptOutcome.AGENT_LEFT
    assert stored(attempts()[0].promise).tries == 0


def ends_asked_for() -> int:
    with db.transaction() as session:
        return session.scalar(select(func.count()).where(Outbox.kind == "end_leg")) or 0


@pytest.mark.parametrize("taken", [False, True])
def test_a_promise_that_is_withdrawn_stops_its_callback(begin: Callback, taken: bool) -> None:
    begin.tell("agent", CallStatus="ringing")
    if taken:
        begin.is_taken()
    [attempt] = attempts()

    with db.transaction() as session:
        ledger.withdraw(session, attempt.promise, "ada", datetime.now(UTC))

    assert attempts()[0].outcome == AttemptOutcome.CALLED_OFF
    assert ends_asked_for() == 1
    # Who has taken it is not rung again before their telephone is free.
    assert town.presence("anna").activity == (Activity.WRAPPING_UP if taken else Activity.IDLE)
    begin.tell("picked-up")
    assert begin.rings is None
    assert "hoeft niet meer" in begin.said
    begin.ends(DialBridged="true", DialCallDuration="64")
    assert stored(attempt.promise).state == PromiseState.WITHDRAWN


def test_a_customer_who_rings_first_reaches_the_promiser_and_is_not_rung(
    begin: Callback, another: Another, deployment: Deployment
) -> None:
    begin.tell("agent", CallStatus="ringing")

    call = another().comes_in()

    assert call.rings == "client:anna"
    assert ends_asked_for() == 1
    [attempt] = attempts()
    assert attempt.outcome == AttemptOutcome.CUSTOMER_RANG
    begin.tell("picked-up")
    assert begin.rings is None
    assert jobs.work_off(deployment, datetime.now(UTC) + 2 * MINUTE) == 0  # they are still on the line
    call.talks()
    assert stored(attempt.promise).state == PromiseState.MERGED


@pytest.mark.parametrize("at_phone", [False, True])
def test_a_customer_who_rings_while_their_own_telephone_rings_hears_nothing_untrue(
    client: FlaskClient, settings: Settings, deployment: Deployment, another: Another, at_phone: bool
) -> None:
    if at_phone:
        town.rings_at_phone("anna")
    promise = owe()
    callback = Callback.begin(client, settings, deployment).is_taken()
    if at_phone:
        callback.tell("accept", Digits="1")
    assert callback.rings == ADA

    call = another().comes_in()

    assert attempts()[0].outcome == AttemptOutcome.CUSTOMER_RANG
    assert ends_asked_for() == 1
    # There was no conversation before this, and nobody is busy: it rings as soon as Anna has put it down.
    assert (call.verbs, call.said) == (["Enqueue"], "")
    left = call.attribute("Enqueue", "action")
    call.post(call.attribute("Enqueue", "waitUrl"), context="wait", QueueTime="1")
    assert call.said == ""
    with db.transaction() as session:
        presence.end_overdue_wrap_ups(session, datetime.now(UTC) + timedelta(seconds=6))
    waiting.serve_waiting(deployment, datetime.now(UTC))
    call.post(left, QueueResult="redirected", QueueTime="5")
    assert (call.rings, call.said) == (town.PHONE if at_phone else "client:anna", "")
    if not at_phone:
        call.talks()
        assert stored(promise).state == PromiseState.MERGED


def test_a_customer_whose_callback_a_colleague_had_taken_is_not_told_that_all_are_on_a_call(
    client: FlaskClient, settings: Settings, deployment: Deployment, another: Another
) -> None:
    promise = owe(agent=None)
    town.change("anna", intent=Intent.BREAK)
    town.change("bram", intent=Intent.BREAK)
    Callback.begin(client, settings, deployment).is_taken()
    assert attempts()[0].agent == "carla"

    call = another().comes_in()

    assert call.verbs[-1] == "Enqueue"
    assert "in gesprek" not in call.said
    assert stored(promise).state == PromiseState.DUE


def test_a_telephone_that_our_own_callback_keeps_busy_is_rung_once_more_for_its_customer(
    client: FlaskClient, settings: Settings, deployment: Deployment, another: Another
) -> None:
    town.rings_at_phone("anna")
    owe()
    Callback.begin(client, settings, deployment).is_taken()
    call = another().comes_in()
    assert call.rings == town.PHONE

    call.dial_ends("busy")

    assert (call.verbs, call.said) == (["Pause", "Redirect"], "")
    call.post(call.reply.findtext("Redirect") or "")
    assert (call.rings, call.said) == (town.PHONE, "")
    assert [step.outcome for step in town.steps(call.sid)] == [None]
    # Busy again it is somebody's no, or another conversation.
    call.dial_ends("busy")
    assert call.rings == "client:bram"
    assert "Anna" in call.said


def test_a_busy_telephone_that_rang_for_nobody_else_is_not_rung_again(another: Another) -> None:
    town.rings_at_phone("anna")
    call = another().comes_in()

    call.dial_ends("busy")

    assert call.rings == "client:bram"


def test_a_customer_who_is_on_the_line_with_a_colleague_is_not_rung(
    begin: Callback, another: Another
) -> None:
    begin.tell("agent", CallStatus="ringing")
    call = another().comes_in()
    # As it stands when a colleague was rung for the callback and nobody gave way.
    with db.transaction() as session:
        session.execute(update(PromiseAttempt).values(ended_at=None, outcome=None))
        session.execute(update(Promise).values(state=PromiseState.CALLING))

    begin.tell("picked-up")

    assert begin.rings is None
    assert attempts()[0].outcome == AttemptOutcome.CUSTOMER_RANG
    assert call.rings == "client:anna"


def test_whoever_holds_the_line_for_an_agent_goes_before_a_callback(
    another: Another, deployment: Deployment
) -> None:
    town.talks_elsewhere("anna")
    another(from_=BEN).comes_in()
    promise = owe()
    town.change("anna", activity=Activity.IDLE, call_sid=None)

    assert jobs.work_off(deployment, datetime.now(UTC)) == 0
    assert stored(promise).state == PromiseState.DUE


def was_rung(number: str, hours_ago: float, times: int = 3) -> None:
    """The number was rung so many times then, for a promise that was kept since."""
    then = datetime.now(UTC) - timedelta(hours=hours_ago)
    with db.transaction() as session:
        for _ in range(times):
            session.add(
                Call(
                    sid=(sid := new_sid()),
                    direction=Direction.OUTBOUND,
                    remote_e164=number,
                    line=LINE,
                    language="nl",
                    state=CallState.ENDED,
                    rule_version=0,
                    said=[],
                    created_at=then,
                    step=1,
                )
            )
            kept = Promise(
                origin=f"earlier {sid}",
                number=number,
                team="Burgerzaken",
                language="nl",
                due_at=then,
                state=PromiseState.KEPT,
                created_at=then,
            )
            session.add(kept)
            session.flush()
            session.add(
                PromiseAttempt(
                    promise=kept.id,
                    call_sid=sid,
                    number=number,
                    agent="anna",
                    address="client:anna",
                    started_at=then,
                    dialled_at=then,
                    ended_at=then,
                    machine=False,
                    outcome=AttemptOutcome.KEPT,
                    lease_until=then,
                )
            )


def test_a_number_is_rung_three_times_a_day_at_most_and_then_a_human_is_asked(
    client: FlaskClient, settings: Settings, deployment: Deployment
) -> None:
    promise = owe()
    for _ in range(3):
        with db.transaction() as session:
            session.execute(update(Promise).values(next_at=datetime.now(UTC), tries=0))
        Callback.begin(client, settings, deployment).is_taken().ends("busy")
        town.everybody_free_again()
    with db.transaction() as session:
        session.execute(update(Promise).values(next_at=datetime.now(UTC), tries=0))

    assert jobs.work_off(deployment, datetime.now(UTC)) == 0
    assert (why(promise)[-1], stored(promise).next_at) == ("promise_capped", None)


def test_a_time_that_was_spoken_though_the_days_dials_are_used_up_asks_a_human_at_once(
    deployment: Deployment,
) -> None:
    was_rung(ADA, hours_ago=3)
    promise = owe(due_in=120 * MINUTE)

    assert jobs.work_off(deployment, datetime.now(UTC)) == 0
    assert (why(promise)[-1], stored(promise).next_at) == ("promise_capped", None)
    assert stored(promise).state == PromiseState.OPEN

    now = datetime.now(UTC)
    with db.transaction() as session:
        ledger.set_time(session, promise, now + timedelta(hours=26), "anna", now)
    jobs.work_off(deployment, now)
    assert (stored(promise).next_at or now) > now + timedelta(hours=21)


def test_a_day_whose_dials_can_be_made_again_in_time_asks_nobody(deployment: Deployment) -> None:
    was_rung(ADA, hours_ago=23.8)
    promise = owe(due_in=20 * MINUTE)

    assert jobs.work_off(deployment, datetime.now(UTC)) == 0
    assert why(promise)[-1] == "promise_held_back"
    next_at = stored(promise).next_at
    assert next_at is not None
    assert next_at < stored(promise).due_at


# Premium, satellite, and a line of our own, which would only ring us.
@pytest.mark.parametrize("number", ["+31909123456", "+8816123456", LINE])
def test_a_number_that_must_not_be_called_is_left_to_a_human(deployment: Deployment, number: str) -> None:
    promise = owe(number)

    assert jobs.work_off(deployment, datetime.now(UTC)) == 0
    assert (why(promise)[-1], stored(promise).next_at) == ("promise_not_callable", None)


def test_a_number_that_went_to_another_customer_is_left_to_a_human(deployment: Deployment) -> None:
    now = datetime.now(UTC)
    with db.transaction() as session:
        # Ada's, and by now Ben's.
        promise = factories.promise(
            session, number=BEN, customer="ada", case="Z1", due_at=now + 20 * MINUTE, now=now - 60 * MINUTE
        ).id

    assert jobs.work_off(deployment, now) == 0

    assert (stored(promise).next_at, why(promise)[-1]) == (None, "promise_number_moved")


def test_a_promise_whose_time_passes_is_broken_and_still_worked_off(
    client: FlaskClient, settings: Settings, deployment: Deployment
) -> None:
    for agent in ("anna", "bram", "carla"):
        town.change(agent, intent=Intent.OFF)
    promise = owe(due_in=-MINUTE)
    jobs.work_off(deployment, datetime.now(UTC))
    assert stored(promise).state == PromiseState.BROKEN

    town.change("carla", intent=Intent.AVAILABLE)
    with db.transaction() as session:
        session.execute(update(Promise).values(next_at=datetime.now(UTC)))
    call = Callback.begin(client, settings, deployment).is_taken()
    call.answers(AnsweredBy="human")
    call.ends(DialBridged="true", DialCallDuration="64")

    assert stored(promise).state == PromiseState.KEPT
    assert stored(promise).broken_at is not None


@pytest.mark.parametrize(
    ("asks", "says"), [("promise_nobody", "promise_anew"), ("promise_asked", "promise_asked_anew")]
)
def test_a_broken_promise_that_is_asked_for_again_is_promised_anew(
    deployment: Deployment, asks: str, says: str
) -> None:
    promise = owe(due_in=-MINUTE)
    now = datetime.now(UTC)
    with db.transaction() as session:
        again = factories.promise(
            session, origin="another call", agent="bram", due_at=now + 90 * MINUTE, now=now, why=asks
        ).id

    assert again == promise
    assert (stored(promise).state, stored(promise).agent) == (PromiseState.OPEN, "bram")
    assert stored(promise).broken_at is not None
    assert why(promise)[-1] == says


def test_an_agent_declines_at_the_desk(begin: Callback, deployment: Deployment) -> None:
    [attempt] = attempts()
    now = datetime.now(UTC)
    with db.transaction() as session:
        assert not call_control.decline(session, attempt.call_sid, "bram", "meeting", now, deployment)
        assert call_control.decline(session, attempt.call_sid, "anna", "meeting", now, deployment)
        assert not call_control.decline(session, attempt.call_sid, "anna", "meeting", now, deployment)

    assert attempts()[0].outcome == AttemptOutcome.AGENT_DECLINED
    # Not at once again, and nobody else while there is time.
    assert jobs.work_off(deployment, now + timedelta(seconds=6)) == 0
    with db.transaction() as session:
        session.execute(update(Promise).values(next_at=now))
    assert jobs.work_off(deployment, now + timedelta(seconds=6)) == 0


def test_two_workers_at_once_ring_each_agent_and_each_customer_once(deployment: Deployment) -> None:
    for number in range(30):
        owe(f"+3161234{number:04d}", agent=None)
    together = threading.Barrier(4)

    def worker() -> int:
        together.wait()
        return jobs.work_off(deployment, datetime.now(UTC))

    with ThreadPoolExecutor(4) as pool:
        begun = [pool.submit(worker) for _ in range(4)]
        assert sum(one.result() for one in begun) == 3

    assert {one.agent for one in attempts()} == {"anna", "bram", "carla"}
    assert len({one.promise for one in attempts()}) == 3


@pytest.mark.parametrize("what", ["picked-up", "accept", "ended", "agent", "customer"])
def test_a_callback_that_there_never_was_is_answered_in_kind(
    client: FlaskClient, settings: Settings, what: str
) -> None:
    caller = Caller(client, settings)

    for name in ("CB" + "0" * 32, "nonsense"):
        response = caller.post(f"/voice/callbacks/{name}/{what}")
        assert response.status_code in (200, 204)
        assert caller.rings is None
    assert client.post(f"/voice/callbacks/CB{'0' * 32}/{what}").status_code == 403


IN_MID_TALK: dict[str, Callable[[Session, int, datetime], object]] = {
    "withdrawn": lambda session, promise, now: ledger.withdraw(session, promise, "anna", now),
    "kept": lambda session, promise, now: ledger.keep(session, promise, "anna", now),
    "open": lambda session, promise, now: ledger.set_time(session, promise, now + 180 * MINUTE, "anna", now),
}


@pytest.mark.parametrize("becomes", IN_MID_TALK)
def test_nobody_is_cut_off_in_the_conversation_that_their_promise_was_about(
    begin: Callback, becomes: str
) -> None:
    begin.is_taken().answers(AnsweredBy="human")
    [attempt] = attempts()
    with db.transaction() as session:
        IN_MID_TALK[becomes](session, attempt.promise, datetime.now(UTC))

    assert ends_asked_for() == 0
    assert (attempts()[0].ended_at, town.presence("anna").activity) == (None, Activity.TALKING)

    begin.ends(DialBridged="true", DialCallDuration="64")
    assert attempts()[0].outcome == AttemptOutcome.KEPT
    assert stored(attempt.promise).state == becomes
    assert call_of(attempts()[0]).outcome == Outcome.TALKED
    with db.transaction() as session:
        assert session.get(Contact, f"call:{attempt.call_sid}") is not None


@pytest.mark.parametrize(
    ("answered_by", "outcome", "is_contact"),
    [("human", "waiting", True), ("machine_start", "", False), ("machine_start", "waiting", True)],
)
def test_what_is_noted_during_a_callback_stays_when_it_ends(
    begin: Callback, answered_by: str, outcome: str, is_contact: bool
) -> None:
    begin.is_taken().answers()
    [attempt] = attempts()
    now = datetime.now(UTC)
    with db.transaction() as session:
        call_control.save_notes(
            session, attempt.call_sid, "anna", outcome=outcome, summary="Zoekt het formulier", now=now
        )

    begin.answers(AnsweredBy=answered_by)
    begin.ends(DialBridged="true", DialCallDuration="64")

    with db.transaction() as session:
        noted = conversations.words_of(session, attempt.call_sid, "anna")
        assert (noted.summary, noted.outcome) == ("Zoekt het formulier", outcome)
        assert (session.get(Contact, f"call:{attempt.call_sid}") is not None) == is_contact


def test_who_talks_in_a_callback_is_rung_for_nothing_else_meanwhile(
    begin: Callback, deployment: Deployment
) -> None:
    begin.is_taken().answers(AnsweredBy="human")
    now = datetime.now(UTC)
    with db.transaction() as session:
        ledger.keep(session, attempts()[0].promise, "anna", now)
    with db.transaction() as session:
        made = now - 10 * MINUTE
        owed = factories.promise(session, origin="anew", due_at=now + 4 * MINUTE, now=made).id

    assert jobs.work_off(deployment, now) == 0, "though Bram is free"
    begin.ends(DialBridged="true", DialCallDuration="64")
    assert jobs.work_off(deployment, now + timedelta(seconds=10)) == 1
    assert stored(owed).state == PromiseState.CALLING


def test_a_note_of_another_call_cuts_nobody_off(begin: Callback, another: Another) -> None:
    begin.is_taken().answers(AnsweredBy="human")
    [attempt] = attempts()
    earlier = another(from_=ADA).comes_in()
    with db.transaction() as session:
        call, step = session.get_one(Call, earlier.sid), session.get_one(CallStep, (earlier.sid, 1))
        call.bridged_to, call.bridged_at, call.promise = "bram", datetime.now(UTC), None
        step.agent, step.answered_at, step.outcome = "bram", datetime.now(UTC), StepOutcome.ANSWERED
    with db.transaction() as session:
        call_control.save_notes(
            session, earlier.sid, "bram", outcome="waiting", summary="", now=datetime.now(UTC)
        )

    assert (attempts()[0].ended_at, stored(attempt.promise).state) == (None, PromiseState.CALLING)


def test_a_promise_that_was_moved_waits_for_its_new_time(begin: Callback, deployment: Deployment) -> None:
    [attempt] = attempts()
    now = datetime.now(UTC)
    with db.transaction() as session:
        ledger.set_time(session, attempt.promise, now + 120 * MINUTE, "anna", now)

    assert attempts()[0].outcome == AttemptOutcome.CALLED_OFF
    assert stored(attempt.promise).state == PromiseState.OPEN
    assert jobs.work_off(deployment, now + timedelta(seconds=1)) == 0
