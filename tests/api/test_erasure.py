"""Is somebody who is forgotten really gone, and nobody else?"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from click.testing import Result
from sqlalchemy import inspect, select, text

from app import db
from app.agents import desk_events
from app.clock import utcnow
from app.outgoing import outbox
from app.records.callers import Customer
from app.records.calls import Call, CallState, CallStep, Inbox, Outcome, StepKind
from app.records.messages import Message, MessageStop
from app.records.promises import (
    AttemptOutcome,
    Promise,
    PromiseAttempt,
    PromiseEvent,
    Recording,
    RecordingState,
)
from app.records.tokens import Scope
from tests import factories
from tests.api.conftest import Api, NewToken
from tests.api.test_records import CASE, CONTACT, WORLD

ADA, SHARED = "+31687654321", "+32475123456"


@pytest.fixture
def world(api: Api) -> Api:
    """Ada (K1) with a case, and Bob (K2) who shares one of her numbers and has a case of his own."""
    api.put_all(WORLD)
    api.put_all(
        {
            "/customers/K2": {"name": "Bob Canary", "phones": [SHARED]},
            "/cases/Z2": CASE | {"customer": "K2", "subject": "Canary subject"},
            "/contacts/C2": CONTACT | {"case": "Z2", "summary": "Canary summary"},
        }
    )
    return api


def call(sid: str, number: str | None, customer: str | None, case: str | None) -> None:
    now = utcnow()
    with db.transaction() as session:
        session.add(
            Call(
                sid=sid,
                remote_e164=number,
                line="+31201234567",
                customer=customer,
                case=case,
                language="nl",
                state=CallState.ENDED,
                outcome=Outcome.TALKED,
                rule_version=1,
                created_at=datetime(2026, 5, 1, tzinfo=UTC),
                ended_at=now,
            )
        )
        session.flush()
        session.add(
            CallStep(
                call_sid=sid,
                number=1,
                kind=StepKind.OWNER,
                agent="anna",
                reason="owner_free",
                started_at=now,
                situation={"customer": customer, "case": case},
            )
        )
        reply = f"<Response><Parameter>{customer}</Parameter></Response>".encode()
        session.add(Inbox(call_sid=sid, request="incoming", reply=reply, created_at=now))
        pop = {"call_sid": sid, "customers": [{"customer": customer, "name": "x"}], "case": {"case": case}}
        desk_events.tell(session, "anna", "screen_pop", pop, now)


def tried_and_written(promise: int) -> None:
    """Somebody tried to keep the promise, its story names them, and both sides wrote."""
    now = utcnow()
    with db.transaction() as session:
        session.add(
            PromiseAttempt(
                promise=promise,
                call_sid="CB1",
                number=ADA,
                agent="anna",
                address="client:anna",
                started_at=now,
                lease_until=now,
                ended_at=now,
                outcome=AttemptOutcome.NO_ANSWER,
                machine=False,
            )
        )
        told = {"agent": "anna", "number": ADA, "words": "Forgotten words"}
        note = PromiseEvent(promise=promise, at=now, state="open", why="promise_no_answer", details=told)
        session.add(note)
        for sid, direction, number in (("SM1", "inbound", ADA), ("OM1", "outbound", SHARED)):
            session.add(
                Message(
                    sid=sid,
                    direction=direction,
                    number=number,
                    line="+31201234567",
                    body="Forgotten text",
                    customer="K1",
                    status="received",
                    at=now,
                )
            )
        outbox.add(session, outbox.SEND_MESSAGE, "OM1", {"message": "OM1", "body": "Forgotten text"}, now)


def everything() -> str:
    """Return all that the database holds, as text."""
    found = ""
    with db.reading() as session:
        inspector = inspect(session.get_bind())
        for table in inspector.get_table_names():
            for row in session.execute(text(f"SELECT * FROM {table}")):
                found += "".join(
                    value.decode() if isinstance(value, bytes) else f"«{value}»" for value in row
                )
    return found


def test_nothing_of_somebody_who_is_forgotten_is_left(world: Api) -> None:
    world.put("/customers/K1", {"name": "Ada Forgotten", "phones": [ADA, SHARED], "postcode": "9999 ZZ"})
    world.put("/cases/Z1", CASE | {"subject": "Forgotten subject"})
    world.put("/contacts/C1", CONTACT | {"summary": "Forgotten summary"})
    call("CA1", ADA, "K1", "Z1")
    call("CA2", ADA, None, None)
    owed = {"number": ADA, "due_at": "2126-05-01T16:00:00Z", "case": "Z1", "agent": "anna"}
    promise = world.post("/promises", owed | {"about": "Forgotten matter"}).json["id"]
    with db.transaction() as session:
        outbox.add(session, outbox.SEND_MESSAGE, "sms/1", {"to": ADA, "body": "Forgotten"}, utcnow())
        session.add(MessageStop(number=ADA, at=utcnow(), how="asked"))
    tried_and_written(promise)

    assert world.delete("/customers/K1").status_code == 204

    left = everything()
    for trace in ("Forgotten", ADA, "9999 ZZ", "«K1»", "«Z1»", "K1</", '"K1"', "'K1'", '"Z1"', "'Z1'"):
        assert trace not in left, trace
    for path in ("/customers/K1", "/cases/Z1", "/contacts/C1"):
        assert world.get(path).status_code == 404
    assert world.delete("/customers/K1").status_code == 404
    seen = world.get("/calls/CA1").json
    assert (seen["from"], seen["customer"], seen["case"], seen["outcome"]) == (None, None, None, "talked")
    gone = world.get(f"/promises/{promise}").json
    assert (gone["state"], gone["number"], gone["customer"], gone["about"]) == ("withdrawn", None, None, "")
    assert gone["events"][-1]["who"] == "api:crm"


def test_nobody_else_is_forgotten_with_them(world: Api) -> None:
    call("CA3", SHARED, "K2", "Z2")
    owed = {"number": SHARED, "due_at": "2126-05-01T16:00:00Z", "case": "Z2"}
    promise = world.post("/promises", owed).json["id"]
    before = [world.get(path).json for path in ("/customers/K2", "/cases/Z2", "/contacts/C2", "/calls/CA3")]

    assert world.delete("/customers/K1").status_code == 204

    after = [world.get(path).json for path in ("/customers/K2", "/cases/Z2", "/contacts/C2", "/calls/CA3")]
    assert after == before
    assert world.get(f"/promises/{promise}").json["state"] == "open"
    with db.reading() as session:
        assert session.get(Inbox, ("CA3", "incoming")) is not None
        assert [event.kind for event in desk_events.after(session, "anna", 0)].count("screen_pop") == 1
        assert list(session.scalars(select(Customer.key))) == ["K2"]


def test_the_desk_learns_that_a_promise_is_off_without_being_told_whose(world: Api) -> None:
    owed = {"number": ADA, "due_at": "2126-05-01T16:00:00Z", "case": "Z1", "agent": "anna"}
    promise = world.post("/promises", owed).json["id"]
    world.delete("/customers/K1")
    with db.reading() as session:
        told = [event for event in desk_events.after(session, "anna", 0) if event.kind == "promise"]
    assert [event.data for event in told] == [
        {"promise": promise, "state": "withdrawn", "case": None, "customer": None}
    ]


# --- by number ----------------------------------------------------------------------------------------

STRANGER = "+31612345670"


def stranger_calls() -> int:
    """Somebody who is no customer calls, hides their number and tells it, is owed a call, and writes."""
    now = utcnow()
    call("CA4", STRANGER, None, None)
    call("CA5", None, None, None)
    with db.transaction() as session:
        factories.promise(session, origin="test", number=STRANGER, now=now, due_at=now + timedelta(hours=1))
        [promise] = session.scalars(select(Promise))
        promise.about = "Forgotten matter"
        told = session.get_one(Call, "CA5")
        told.promise = promise.id
        told.said = [{"at": now.isoformat(), "text": "We'll ring you back on 0 6 1 2 3 4 5 6 7 0"}]
        for sid, state in (("RE1", RecordingState.KEPT), ("RE2", RecordingState.AT_CARRIER)):
            session.add(
                Recording(
                    sid=sid, call_sid="CA4", promise=promise.id, state=state, made_at=now, sound=b"Forgotten"
                )
            )
        for sid, direction in (("SM4", "inbound"), ("OM4", "outbound")):
            session.add(
                Message(
                    sid=sid,
                    direction=direction,
                    number=STRANGER,
                    line="+31201234567",
                    body="Forgotten text",
                    status="received",
                    at=now,
                )
            )
        session.add(MessageStop(number=STRANGER, at=now, how="asked"))
        fact = {"id": "ev_1", "event": "promise.made", "data": {"number": STRANGER}}
        outbox.add_for_hook(session, 1, fact, now)
        return promise.id


def forgotten_is(promise: int, api: Api) -> None:
    left = everything()
    for trace in ("Forgotten", STRANGER, "0 6 1 2 3 4 5 6 7 0"):
        assert trace not in left, trace
    seen = api.get("/calls/CA4").json
    assert (seen["from"], seen["state"], seen["outcome"]) == (None, "ended", "talked")
    gone = api.get(f"/promises/{promise}").json
    assert (gone["state"], gone["number"], gone["about"]) == ("withdrawn", None, "")
    with db.reading() as session:
        states = dict(session.execute(select(Recording.sid, Recording.state)).all())
    # The carrier's copy is deleted by the job that talks with it.
    assert states == {"RE1": RecordingState.GONE, "RE2": RecordingState.UNWANTED}


@pytest.mark.parametrize("written", [STRANGER, quote("06 1234 5670"), STRANGER.replace("+", "%2B")])
def test_whoever_calls_from_a_number_is_forgotten_though_nobody_knows_them(world: Api, written: str) -> None:
    promise = stranger_calls()

    assert world.delete(f"/numbers/{written}").status_code == 204

    forgotten_is(promise, world)
    assert world.get(f"/promises/{promise}").json["events"][-1]["who"] == "api:crm"
    assert world.delete(f"/numbers/{written}").status_code == 404


def test_an_operator_forgets_a_number_and_may_repeat_it(
    world: Api, flask_command: Callable[..., Result]
) -> None:
    promise = stranger_calls()

    done = flask_command("erase", "number", "06-12345670")

    assert done.exit_code == 0, done.output
    assert "calls: 2, promises: 1; deleted are messages: 2" in done.output
    forgotten_is(promise, world)
    again = flask_command("erase", "number", "06-12345670")
    assert (again.exit_code, again.output) == (0, "nothing is known of this here, or no longer\n")
    refused = flask_command("erase", "number", "0612")
    assert (refused.exit_code, "NUMBER" in refused.output) == (1, True)


def test_an_operator_forgets_a_customer(world: Api, flask_command: Callable[..., Result]) -> None:
    assert flask_command("erase", "customer", "K1").exit_code == 0

    assert world.get("/customers/K1").status_code == 404
    assert world.get("/customers/K2").status_code == 200
    assert "nothing is known" in flask_command("erase", "customer", "K1").output


def test_customers_lose_a_number_that_is_forgotten_and_stay(world: Api) -> None:
    call("CA3", SHARED, "K2", "Z2")

    assert world.delete(f"/numbers/{SHARED}").status_code == 204

    assert world.get("/customers/K2").json["phones"] == []
    assert SHARED not in world.get("/customers/K1").json["phones"]
    seen = world.get("/calls/CA3").json
    assert (seen["from"], seen["customer"], seen["case"]) == (None, "K2", "Z2")
    assert SHARED not in everything()
    assert "Canary summary" in everything()


def test_a_token_that_may_only_read_forgets_nobody(world: Api, new_token: NewToken) -> None:
    reader = Api(world.client, new_token(Scope.READ))

    assert reader.delete(f"/numbers/{ADA}").status_code == 403
    assert world.delete("/numbers/0612").status_code == 404


def test_a_customer_with_more_cases_than_a_statement_can_list_is_forgotten(world: Api) -> None:
    """PostgreSQL takes 65,535 values."""
    with db.patient_transaction() as session:
        now = "'2026-01-01 00:00:00'" if db.current().is_sqlite else "now()"
        session.execute(
            text(
                "INSERT INTO cases (key, customer, subject, team, status, priority, opened_at, url) "
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 66000) "
                f"SELECT 'many-' || i, 'K1', '', 'x', 'open', 'normal', {now}, '' FROM n"
            )
        )

    assert world.delete("/customers/K1").status_code == 204
    assert world.get("/cases/many-66000").status_code == 404


def owed_to(world: Api, customer: str, **more: object) -> int:
    asked = {"number": SHARED, "due_at": "2126-05-01T16:00:00Z", "agent": "anna", "customer": customer} | more
    made = world.post("/promises", asked)
    assert made.status_code == 201, made.json
    return int(made.json["id"])


def test_what_is_owed_goes_on_with_the_customer_into_whom_another_system_merged_its_own(world: Api) -> None:
    promise = owed_to(world, "K2", case="Z2")
    world.put("/customers/K2", {"name": "Bob Canary", "phones": []})
    world.put("/cases/Z2", CASE | {"customer": "K1"})

    assert world.get(f"/promises/{promise}").json["customer"] == "K1"
    assert world.delete("/customers/K2").status_code == 204

    after = world.get(f"/promises/{promise}").json
    assert (after["state"], after["customer"], after["case"], after["number"]) == ("open", "K1", "Z2", SHARED)


def test_merged_customers_who_are_both_owed_the_same_are_owed_it_once_at_the_earlier_time(world: Api) -> None:
    later = owed_to(world, "K2", case="Z2", due_at="2126-05-02T16:00:00Z", about="Eerst dit.")
    with db.transaction() as session:
        promise = session.get_one(Promise, later)
        promise.customer = "K1"  # as one of them was before
    earlier = owed_to(world, "K2", case="Z2", about="Dan dat.")

    world.put("/cases/Z2", CASE | {"customer": "K1"})

    stays = world.get(f"/promises/{later}").json
    assert (stays["state"], stays["due_at"], stays["customer"]) == ("open", "2126-05-01T16:00:00+00:00", "K1")
    assert stays["about"] == "Eerst dit.\nDan dat."
    assert world.get(f"/promises/{earlier}").json["state"] == "merged"


def test_what_is_owed_at_a_number_that_is_another_customers_by_now_is_left_to_a_human(world: Api) -> None:
    promise = owed_to(world, "K2")
    world.put("/customers/K2", {"name": "Bob Canary", "phones": []})

    assert world.delete("/customers/K2").status_code == 204

    after = world.get(f"/promises/{promise}").json
    assert (after["state"], after["customer"], after["next_at"]) == ("open", "K1", None)
    assert "another customer" in after["events"][-1]["why"]
