"""Is all of somebody handed out, and nothing of them left once they are forgotten, wherever one looks?"""

import io
import json
import logging
import zipfile
from collections.abc import Iterator
from datetime import timedelta

import pytest
import redis
from sqlalchemy import select

from app import db
from app.jobs import erasures, recordings
from app.logs import JsonLines
from app.outgoing import outbox
from app.records.privacy import Erasure
from tests.forgetting import lives
from tests.forgetting.lives import House, Life

KLANT, STRANGER = "+31618273645", "+31619283746"
# Those who stay.
BUUR, VOORBIJGANGER = "+31615243342", "+31616253443"


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[io.StringIO]:
    """Everything that was logged, as it is written."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(JsonLines())
    logging.getLogger().addHandler(handler)
    caplog.set_level(logging.DEBUG, logger="app")
    yield written
    logging.getLogger().removeHandler(handler)


@pytest.fixture
def everybody(log: io.StringIO, house: House) -> dict[str, Life]:
    """Two who are to be forgotten, a customer and somebody whom nobody knows, and one of each who stays."""
    klant = Life(house, "kanarieklant", KLANT)
    buur = Life(house, "blijftbuur", BUUR)
    for one in (klant, buur):
        one.is_a_customer()
    strangers = Life(house, "kanarievreemd", STRANGER), Life(house, "blijftvoorbij", VOORBIJGANGER)
    for life in (klant, buur, *strangers):
        lives.live(life)
    return {"klant": klant, "buur": buur, "vreemd": strangers[0], "voorbij": strangers[1]}


def handed_out(house: House, path: str) -> tuple[bytes, dict[str, list[dict[str, object]]]]:
    """Return all that an export holds, as bytes, and its JSON by the names of its files."""
    answer = house.api.get(path)
    assert answer.status_code == 200, answer.text
    assert (answer.mimetype, answer.headers["Cache-Control"]) == ("application/zip", "no-store")
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    return b"\n".join(parts.values()).lower(), {
        name: json.loads(part) for name, part in parts.items() if name.endswith(".json")
    }


def found(life: Life, house: House, log: io.StringIO) -> list[str]:
    """Return where there is a trace of somebody: in the database, in files, in Redis, in the log."""
    places = [(f"{table}.{column}", value) for table, column, value in lives.cells()]
    places += lives.files(house.folder)
    with redis.Redis.from_url(house.settings.redis_url) as client:
        places += lives.redis_keys(client)
    places.append(("log", log.getvalue().lower().encode()))
    return [
        f"{trace.decode()} in {name}" for name, value in places for trace in life.traces if trace in value
    ]


def theirs(life: Life) -> list[str]:
    """Return their words; how another system named its request is its own."""
    return [word for word in life.words if not word.endswith("idem")]


def work_off(house: House) -> None:
    """What a worker does of it."""
    erasures.work_off(lives.now() + timedelta(seconds=20))
    recordings.carry(house.carrier, lives.now() + timedelta(seconds=20))
    house.deliver(outbox.CARRIER_COPY)


# Columns that hold somebody's words or keys must have been filled, or the search would prove nothing.
MUST_HOLD_A_CUSTOMERS = {
    *("customers.key", "customers.name", "customers.postcode", "customers.tags", "customer_numbers.customer"),
    *("cases.key", "cases.customer", "cases.subject", "cases.url"),
    *("contacts.key", "contacts.case", "contacts.outcome", "contacts.summary"),
    *("calls.customer", "calls.case", "inbox.reply", "call_steps.situation", "desk_events.data"),
    *("messages.body", "messages.customer", "promises.about", "promises.customer", "promises.origin"),
    "outbox.payload",
}
MUST_HOLD_A_STRANGERS = {
    *("call_notes.summary", "messages.body", "promises.about", "promises.origin", "call_notes.summary"),
}
MUST_HOLD_A_NUMBER = {
    *("calls.from_e164", "messages.number", "promises.number", "message_stops.number", "call_notes.number"),
    *("promise_attempts.number", "outbox.payload"),
}


def filled_of(life: Life) -> set[str]:
    """Return where they stand; what waits to be sealed into the audit log is on its way to another table."""
    return {column for column in lives.columns_filled(life.mark) if not column.startswith("audit_")}


def test_all_of_them_is_handed_out_and_nothing_of_them_is_left(
    house: House, everybody: dict[str, Life], log: io.StringIO
) -> None:
    klant, vreemd, stay = everybody["klant"], everybody["vreemd"], [everybody["buur"], everybody["voorbij"]]
    assert lives.columns_filled(klant.mark) >= MUST_HOLD_A_CUSTOMERS
    assert lives.columns_filled(vreemd.mark) >= MUST_HOLD_A_STRANGERS
    assert lives.columns_filled(vreemd.number[3:]) >= MUST_HOLD_A_NUMBER
    recordings.carry(house.carrier, lives.now() + timedelta(seconds=1))

    # --- export
    for life, path in (
        (klant, f"/customers/{klant.customer}/export"),
        (klant, f"/numbers/{KLANT}/export"),
        (vreemd, f"/numbers/{STRANGER}/export"),
    ):
        everything, _ = handed_out(house, path)
        assert [word for word in theirs(life) if word.lower().encode() not in everything] == [], path
        assert life.number.encode() in everything
        for other in everybody.values():
            assert other is life or not [one for one in other.traces if one in everything], other.mark

    _, of_stranger = handed_out(house, f"/numbers/{STRANGER}/export")
    calls = {str(call["sid"]) for call in of_stranger["calls.json"]}
    assert calls >= {*vreemd.calls}, "also those in which they hid their number"
    assert house.api.get("/numbers/+31612121212/export").status_code == 404

    # --- erasure
    before = {life.mark: filled_of(life) for life in stay}
    at_carrier = {life.mark: house.archive.of(life.number) for life in stay}
    assert house.archive.of(KLANT)
    assert house.archive.of(STRANGER)
    assert house.api.delete(f"/customers/{klant.customer}").status_code == 204
    assert house.api.delete(f"/numbers/{STRANGER}").status_code == 204
    work_off(house)

    db.current().dispose()  # pages that a connection holds in memory are in no file
    assert found(klant, house, log) == []
    assert found(vreemd, house, log) == []
    assert (house.archive.of(KLANT), house.archive.of(STRANGER)) == (set(), set())
    for life in stay:
        assert filled_of(life) == before[life.mark]
        everything, _ = handed_out(house, f"/numbers/{life.number}/export")
        assert [word for word in theirs(life) if word.lower().encode() not in everything] == []
        assert house.archive.of(life.number) == at_carrier[life.mark]
    with db.reading() as session:
        receipts = session.scalars(select(Erasure)).all()
    assert [(one.whom, one.next_at, one.done_at is not None) for one in receipts] == [(None, None, True)] * 2
