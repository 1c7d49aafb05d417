"""Is what is old forgotten in time, and nothing before, nor anything that is still to be done?"""

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from app import db
from app.agents import desk_events
from app.db import Database
from app.forgetting import retention
from app.jobs.retention import forget_old
from app.outgoing import outbox
from app.promises import ledger
from app.records.agents import DeskEvent
from app.records.callers import Direction
from app.records.calls import Call, CallState, CallStep, Inbox, Outcome, StepKind
from app.records.messages import Message, MessageStop
from app.records.outgoing import Outbox
from app.records.promises import (
    AttemptOutcome,
    Promise,
    PromiseAttempt,
    PromiseEvent,
    PromiseState,
    Recording,
    RecordingState,
)
from config import ConfigurationError, Keep, load
from tests import factories
from tests.asked import watched
from tests.factories import ADA, BEN, LINE, NOW

YEAR = timedelta(days=365)
# All that can grow old does so after this.
SHORT = Keep(calls=30, numbers=30, promises=30, messages=30, sent=30)
OLD, YOUNG = NOW - timedelta(days=31), NOW - timedelta(days=29)


@pytest.fixture(autouse=True)
def town(database: Database) -> None:
    with db.transaction() as session:
        factories.line(session)
        factories.agent(session, "anna")


def call(sid: str, at: datetime, number: str | None = ADA, **more: Any) -> str:
    """A call with its step and what was answered in it."""
    usual = {"state": CallState.ENDED, "outcome": Outcome.TALKED, "ended_at": at, "customer": "K1"}
    with db.transaction() as session:
        session.add(
            Call(
                sid=sid,
                remote_e164=number,
                line=LINE,
                language="nl",
                rule_version=1,
                said=[{"at": at.isoformat(), "text": "Op 0 6 1 2"}],
                created_at=at,
                **(usual | more),
            )
        )
        session.flush()
        session.add(
            CallStep(
                call_sid=sid,
                number=1,
                kind=StepKind.OWNER,
                reason="owner_free",
                started_at=at,
                situation={"customer": "K1"},
            )
        )
        session.add(Inbox(call_sid=sid, request="incoming", reply=b"<Response/>", created_at=NOW))
    return sid


def promise(at: datetime, number: str = ADA, *, kept: bool = True) -> int:
    """A promise with a try and something written down of it, kept at that moment if so."""
    with db.transaction() as session:
        made = factories.promise(
            session,
            origin=f"test:{at}",
            number=number,
            now=at,
            due_at=at + timedelta(hours=1),
            about="Paspoort",
        )
        session.add(
            PromiseAttempt(
                promise=made.id,
                call_sid=f"CB{made.id}",
                number=number,
                agent="anna",
                address="client:anna",
                started_at=at,
                lease_until=at,
                ended_at=at,
                outcome=AttemptOutcome.KEPT,
            )
        )
        ledger.note(session, made, "promise_handed_over", at, details={"agent": "anna", "words": "Paspoort"})
        if kept:
            ledger.keep(session, made.id, "anna", at)
        return made.id


def message(sid: str, at: datetime, *, handled: bool = True, of: int | None = None) -> str:
    with db.transaction() as session:
        session.add(
            Message(
                sid=sid,
                direction=Direction.INBOUND,
                number=ADA,
                line=LINE,
                body="Dank u",
                promise=of,
                status="received",
                at=at,
                handled_at=at if handled else None,
            )
        )
    return sid


def found(model: Any, key: Any) -> Any:
    with db.reading() as session:
        return session.get(model, key)


def count(model: Any) -> int:
    with db.reading() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


# --- calls --------------------------------------------------------------------------------------------


def test_a_call_goes_with_all_that_hangs_on_it_when_its_days_are_over() -> None:
    call("CA1", OLD)
    call("CA2", YOUNG)
    with db.transaction() as session:
        session.add(Recording(sid="RE1", call_sid="CA1", state=RecordingState.GONE, made_at=OLD))

    forget_old(SHORT, NOW)

    assert found(Call, "CA1") is None
    for model in (Call, CallStep, Inbox):
        assert count(model) == 1, model
    assert count(Recording) == 0
    assert found(Call, "CA2").remote_e164 == ADA


def test_calls_and_numbers_are_kept_for_ever_where_the_house_wants_it() -> None:
    call("CA1", NOW - 20 * YEAR)
    promise(NOW - 20 * YEAR)

    forget_old(Keep(calls=None, numbers=None, promises=None, messages=None), NOW)

    assert found(Call, "CA1").remote_e164 == ADA
    with db.reading() as session:
        assert session.scalar(select(Promise.number)) == ADA


@pytest.mark.parametrize(
    "more",
    [
        {"state": CallState.TALKING, "outcome": None, "ended_at": None},
        {"state": CallState.WAITING, "outcome": None, "ended_at": None, "waiting_since": OLD},
    ],
)
def test_a_call_that_goes_on_is_never_old(more: dict[str, Any]) -> None:
    call("CA1", OLD, **more)

    forget_old(SHORT, NOW)

    assert found(Call, "CA1").remote_e164 == ADA
    assert found(Inbox, ("CA1", "incoming")) is not None


def test_the_calls_of_a_promise_that_is_owed_are_kept_whole() -> None:
    owed = promise(OLD, kept=False)
    call("CA1", OLD, None, promise=owed)
    # The same number called before, about nothing that is owed.
    call("CA2", OLD)

    forget_old(SHORT, NOW)

    assert found(Call, "CA1").forgotten_at is None
    assert found(Promise, owed).number == ADA
    assert found(Promise, owed).about == "Paspoort"

    forget_old(Keep(calls=None, numbers=30), NOW)

    assert found(Call, "CA1").said != []


def test_the_number_of_somebody_who_is_owed_a_call_stays_on_their_calls() -> None:
    promise(OLD, kept=False)
    call("CA1", OLD)

    forget_old(Keep(calls=None, numbers=30), NOW)

    assert found(Call, "CA1").remote_e164 == ADA


def test_a_call_whose_recording_is_kept_longer_waits_for_it() -> None:
    call("CA1", OLD)
    with db.transaction() as session:
        kept = RecordingState.KEPT
        session.add(Recording(sid="RE1", call_sid="CA1", state=kept, made_at=OLD, sound=b"sound"))

    forget_old(Keep(calls=30, numbers=None), NOW)

    assert found(Call, "CA1") is not None


# --- numbers ------------------------------------------------------------------------------------------


def test_after_their_days_calls_and_promises_name_nobody_and_stay_as_facts() -> None:
    over = promise(OLD)
    call("CA1", OLD)
    call("CA2", OLD, None, promise=over)
    call("CA3", YOUNG)
    with db.transaction() as session:
        at_carrier = RecordingState.AT_CARRIER
        session.add(Recording(sid="RE1", call_sid="CA1", state=at_carrier, made_at=OLD))

    forgotten = forget_old(Keep(calls=None, numbers=30, promises=None), NOW)

    assert (forgotten["numbers_of_calls"], forgotten["numbers_of_promises"]) == (2, 1)
    for sid in ("CA1", "CA2"):
        seen = found(Call, sid)
        assert (seen.remote_e164, seen.said, seen.outcome, seen.created_at) == (None, [], Outcome.TALKED, OLD)
        # Whoever is a customer stays one; their record is erased by whoever keeps it.
        assert seen.customer == "K1"
        with db.reading() as session:
            assert session.scalar(select(CallStep.situation).where(CallStep.call_sid == sid)) is None
    assert found(Call, "CA3").remote_e164 == ADA
    kept = found(Promise, over)
    assert (kept.number, kept.about, kept.state, kept.agent) == (None, "", PromiseState.KEPT, "anna")
    with db.reading() as session:
        assert set(session.scalars(select(PromiseAttempt.number))) == {""}
        details = list(session.scalars(select(PromiseEvent.details)))
        assert {"agent": "anna"} in details
        assert "Paspoort" not in str(details)
        # The carrier's copy goes as soon as the carrier answers.
        assert session.scalar(select(Recording.state)) == RecordingState.UNWANTED
    assert forget_old(Keep(calls=None, numbers=30, promises=None), NOW) == {}


# --- promises, messages, and what was sent ------------------------------------------------------------


def test_promises_are_kept_as_long_as_the_house_says() -> None:
    over, young = promise(OLD), promise(YOUNG, BEN)

    forget_old(Keep(promises=None), NOW + 20 * YEAR)
    assert found(Promise, over) is not None

    forget_old(SHORT, NOW)
    assert found(Promise, over) is None
    assert found(Promise, young) is not None
    assert count(PromiseAttempt) == 1


def test_a_message_goes_once_somebody_has_seen_to_it() -> None:
    owed = promise(OLD, BEN, kept=False)
    message("SM1", OLD)
    message("SM2", OLD, handled=False)
    message("SM3", OLD, of=owed)
    message("SM4", YOUNG)
    with db.transaction() as session:
        session.add(MessageStop(number=BEN, at=OLD, how="asked"))

    forget_old(SHORT, NOW)

    with db.reading() as session:
        assert set(session.scalars(select(Message.sid))) == {"SM2", "SM3", "SM4"}
    # Whoever wants no messages gets none in twenty years.
    assert found(MessageStop, BEN) is not None


def test_what_has_left_goes_and_what_still_waits_stays() -> None:
    with db.transaction() as session:
        for key in ("done", "waits"):
            outbox.add(session, outbox.END_LEG, key, {"leg_sid": "CA1"}, OLD)
        outbox.add(session, outbox.END_LEG, "young", {"leg_sid": "CA1"}, YOUNG)
        session.flush()
        for key, at in (("done", OLD), ("young", YOUNG)):
            outbox.withdraw(session, key, at)

    forget_old(SHORT, NOW)

    with db.reading() as session:
        assert set(session.scalars(select(Outbox.key))) == {"waits", "young"}


def test_what_is_needed_for_a_while_goes_after_that_while() -> None:
    with db.transaction() as session:
        for hours in (1, 25, 26):
            desk_events.tell(session, "anna", "call", {}, NOW - timedelta(hours=hours))
        for days in (2, 4):
            at = NOW - timedelta(days=days)
            session.add(Inbox(call_sid=f"CA{days}", request="incoming", reply=b"", created_at=at))

    forget_old(Keep(), NOW)

    assert (count(DeskEvent), count(Inbox)) == (1, 1)


# --- a little at a time, and several at once ----------------------------------------------------------


@pytest.fixture
def few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "AT_A_TIME", 5)


def test_what_is_old_goes_in_small_transactions(few_at_a_time: None) -> None:
    for number in range(12):
        call(f"CA{number}", OLD)

    with watched() as asked:
        assert forget_old(Keep(calls=30, numbers=None), NOW)["calls"] == 12

    deletes = [statement for statement, _ in asked if statement.startswith("DELETE FROM calls")]
    assert len(deletes) == 3
    assert count(Call) == 0


def at_once(*work: Callable[[], object]) -> None:
    failed: list[BaseException] = []

    def run(one: Callable[[], object]) -> None:
        try:
            one()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=[one]) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_several_workers_forget_everything_once(few_at_a_time: None) -> None:
    for number in range(40):
        call(f"CA{number}", OLD)
        message(f"SM{number}", OLD)
    counts: list[dict[str, int]] = []

    at_once(*[lambda: counts.append(forget_old(SHORT, NOW))] * 4)
    # Whoever found that others held the rest was done early.
    counts.append(forget_old(SHORT, NOW))

    assert sum(one.get("calls", 0) for one in counts) == 40
    assert sum(one.get("messages", 0) for one in counts) == 40
    assert (count(Call), count(CallStep), count(Message)) == (0, 0, 0)


def test_what_somebody_holds_is_left_to_them_and_the_rest_goes(database: Database) -> None:
    if database.is_sqlite:
        pytest.skip("there is one lock for all")
    call("CA1", OLD)
    call("CA2", OLD, BEN)
    with db.transaction() as session:
        session.get_one(Call, "CA1", with_for_update=True)
        forget_old(SHORT, NOW)
        assert found(Call, "CA2") is None

    assert found(Call, "CA1") is not None
    forget_old(SHORT, NOW)
    assert found(Call, "CA1") is None


def test_one_kind_that_can_not_be_forgotten_keeps_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*arguments: object) -> int:
        raise RuntimeError("no")

    monkeypatch.setattr(retention, "_calls", fails)
    call("CA1", OLD)
    message("SM1", OLD)

    forget_old(SHORT, NOW)

    assert (count(Call), count(Message)) == (1, 0)


# --- how long ------------------------------------------------------------------------------------------


def test_a_house_says_how_long_it_keeps_what() -> None:
    env = {
        "KEEP_CALLS_DAYS": "0",
        "KEEP_NUMBERS_DAYS": "90",
        "KEEP_PROMISES_DAYS": "400",
        "KEEP_SENT_DAYS": "1",
        "KEEP_RECORDINGS_DAYS": "7",
        "KEEP_NOTES_DAYS": "60",
    }

    assert load(env).keep == Keep(
        calls=None, numbers=90, promises=400, messages=365, sent=1, recordings=7, notes=60
    )
    assert load({}).keep == Keep()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KEEP_CALLS_DAYS", "29"),
        ("KEEP_NUMBERS_DAYS", "a year"),
        ("KEEP_MESSAGES_DAYS", "-1"),
        ("KEEP_SENT_DAYS", "0"),
    ],
)
def test_days_that_make_no_sense_stop_the_start(name: str, value: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{name}: “{value}” is no number of days from"):
        load({name: value})
