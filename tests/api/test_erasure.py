"""Is somebody who is forgotten really gone, and nobody else?"""

from datetime import UTC, datetime

import pytest
from sqlalchemy import inspect, select, text

from app import db
from app.agents import desk_events
from app.clock import utcnow
from app.outgoing import outbox
from app.records.callers import Customer
from app.records.calls import Call, CallState, CallStep, Inbox, Outcome, StepKind
from app.records.messages import Message, MessageStop
from app.records.promises import AttemptOutcome, PromiseAttempt, PromiseEvent
from tests.api.conftest import Api
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
                from_e164=number,
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
        # What a decision depended on names the customer and the case.
        decided = CallStep(call_sid=sid, number=1, kind=StepKind.OWNER, agent="anna", reason="owner_free")
        decided.situation = {"customer": customer, "case": case, "number": number}
        decided.started_at = now
        session.add(decided)
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
