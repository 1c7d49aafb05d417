"""Is somebody forgotten whatever happens meanwhile, and once only? And is nobody else harmed?"""

import io
import json
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from app import db
from app.audit import sealing
from app.audit.log import What
from app.carrier.spool import Spool
from app.forgetting import requests
from app.jobs import deliver, erasures, recordings
from app.messages import messages
from app.outgoing import outbox
from app.records.audit import AuditEntry
from app.records.calls import Call, CallState
from app.records.messages import Message
from app.records.outgoing import Outbox
from app.records.privacy import Erasure, Whom
from app.records.promises import Recording, RecordingState
from app.voice.outage import spool_replay
from tests import factories, town
from tests.factories import ADA, LINE
from tests.forgetting import lives
from tests.forgetting.lives import House, Life

STRANGER = "+31619283746"


def requested(number: str = STRANGER) -> int:
    """Somebody asked, and the process died before it did anything."""
    with db.transaction() as session:
        return requests.ask(session, Whom.NUMBER, number, "carla", lives.now(), "key")


def receipt(erasure: int) -> Erasure:
    with db.reading() as session:
        return session.get_one(Erasure, erasure)


def calls_of(number: str) -> int:
    with db.reading() as session:
        return session.scalar(select(func.count()).where(Call.remote_e164 == number)) or 0


def call(sid: str, number: str = STRANGER, *, days_ago: int = 0) -> Call:
    at = lives.now() - timedelta(days=days_ago)
    return Call(
        sid=sid,
        remote_e164=number,
        line=LINE,
        language="nl",
        state=CallState.ENDED,
        rule_version=1,
        created_at=at,
        ended_at=at,
    )


def written(sid: str, *, days_ago: int) -> Message:
    at = lives.now() - timedelta(days=days_ago)
    message = Message(sid=sid, direction="inbound", number=STRANGER, line=LINE, body="x", status="received")
    message.at, message.handled_at = at, at
    return message


def test_who_was_to_be_forgotten_when_the_process_died_is_forgotten_by_a_worker(house: House) -> None:
    Life(house, "kanarie", STRANGER).talks()
    asked = requested()
    assert erasures.work_off(lives.now()) == 0, "whoever asked is given a moment"

    assert erasures.work_off(lives.now() + timedelta(seconds=20)) == 1

    assert calls_of(STRANGER) == 0
    done = receipt(asked)
    assert (done.whom, done.calls, done.next_at) == (None, 1, None)
    assert erasures.work_off(lives.now() + timedelta(seconds=40)) == 0


def test_more_than_one_transaction_should_hold_is_a_workers(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(requests, "MOST_AT_ONCE", 10)
    monkeypatch.setattr("app.forgetting.erasure.AT_A_TIME", 4)
    with db.transaction() as session:
        session.add_all(call(f"CA{one:032}", days_ago=3 if one < 9 else 0) for one in range(14))
        session.add_all(written(f"SM{one:032}", days_ago=3 if one < 11 else 0) for one in range(12))

    answer = house.api.delete(f"/numbers/{STRANGER}")

    assert (answer.status_code, answer.json["done_at"]) == (202, None)
    assert calls_of(STRANGER) == 14
    assert erasures.work_off(lives.now() + timedelta(seconds=20)) == 1
    shown = house.api.get(answer.headers["Location"].removeprefix("/api/v1")).json
    assert (shown["calls"], shown["done_at"] is not None, shown["at_carrier"]) == (14, True, 26)
    assert shown["messages"] == 12
    assert STRANGER not in json.dumps(shown)
    assert calls_of(STRANGER) == 0


def test_forgetting_again_says_that_nothing_is_known_and_leaves_no_receipt(house: House) -> None:
    Life(house, "kanarie", STRANGER).talks()
    assert house.api.delete(f"/numbers/{STRANGER}").status_code == 204
    assert house.api.delete(f"/numbers/{STRANGER}").status_code == 404
    with db.reading() as session:
        assert session.scalar(select(func.count()).select_from(Erasure)) == 1


def test_what_was_noted_of_a_number_alone_is_handed_out_and_forgotten(house: House) -> None:
    house.api.put(f"/numbers/{STRANGER}", {"nobodys": True, "note": "Kanarie"})

    answer = house.api.get(f"/numbers/{STRANGER}/export")
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        assert "Kanarie" in archive.read("numbers.json").decode()
    assert house.api.delete(f"/numbers/{STRANGER}").status_code == 204

    assert lives.columns_filled("kanarie") == set()
    assert house.api.get(f"/numbers/{STRANGER}/export").status_code == 404
    assert house.api.delete(f"/numbers/{STRANGER}").status_code == 404


def test_the_carriers_copies_are_asked_for_until_they_are_gone(house: House) -> None:
    life = Life(house, "kanarie", STRANGER)
    life.talks()
    life.writes("Kanarie")
    answer = house.api.delete(f"/numbers/{STRANGER}")
    where = answer.headers["Location"].removeprefix("/api/v1")
    house.archive.refuses = 500

    house.deliver(outbox.CARRIER_COPY)
    assert house.api.get(where).json["at_carrier"] == 2
    house.archive.refuses = None
    deliver.deliver_due(
        house.carrier, house.deployment, outbox.CARRIER_COPY, lives.now() + timedelta(minutes=5)
    )

    assert house.archive.of(STRANGER) == set()
    assert house.api.get(where).json["at_carrier"] == 0


def test_a_copy_is_asked_for_a_year_long(house: House) -> None:
    with db.transaction() as session:
        row = Outbox(kind=outbox.CARRIER_COPY, key="copy/0/SM1", payload={"sid": "SM1"}, attempts=999)
        row.created_at = row.next_at = lives.now()
        session.add(row)
    house.archive.refuses = 503

    house.deliver(outbox.CARRIER_COPY)

    [row] = [row for row in town.outbox() if row.kind == outbox.CARRIER_COPY]
    assert row.done_at is None
    assert lives.now() < row.next_at <= lives.now() + timedelta(hours=1, seconds=5)


def test_a_message_that_left_while_they_were_forgotten_is_deleted_at_the_carrier(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    with db.transaction() as session:
        owed = factories.promise(
            session, number=STRANGER, due_at=lives.now() + timedelta(hours=2), now=lives.now()
        )
        messages.inform(session, owed, "Kanarie", "told", lives.now())
    sends = house.carrier.send_message

    def forgotten_meanwhile(**fields: str) -> str:
        sid = sends(**fields)  # type: ignore[arg-type]  # as it was asked
        assert house.api.delete(f"/numbers/{STRANGER}").status_code == 204
        return sid

    monkeypatch.setattr(house.carrier, "send_message", forgotten_meanwhile)
    house.deliver(outbox.SEND_MESSAGE)
    assert len(house.archive.of(STRANGER)) == 1

    house.deliver(outbox.CARRIER_COPY)

    assert house.archive.of(STRANGER) == set()
    with db.reading() as session:
        assert session.scalars(select(Message)).all() == []


def test_what_they_said_is_not_kept_when_its_news_comes_after_they_were_forgotten(house: House) -> None:
    """Nothing was promised, so that nothing but the call says that they were forgotten."""
    life = Life(house, "kanarie", STRANGER)
    lives.nobody_is_there(records=True)
    call = life.line().comes_in()
    assert house.api.delete(f"/numbers/{STRANGER}").status_code == 204
    with db.transaction() as session:
        session.get_one(Call, call.sid).promise = None

    life.speaks(call)
    call.hangs_up()
    recordings.carry(house.carrier, lives.now() + timedelta(seconds=1))

    with db.reading() as session:
        [row] = session.scalars(select(Recording))
    assert row.state == RecordingState.GONE
    assert not [sid for sid in house.archive.of(STRANGER) if sid.startswith("RE")]


def test_what_lay_on_a_disk_meanwhile_names_them_no_more(house: House, tmp_path: Path) -> None:
    spool = Spool(tmp_path / "elsewhere")
    before = (lives.now() - timedelta(minutes=1)).isoformat()
    theirs = {"call_sid": "CA" + "1" * 32, "from": "0619283746", "to": LINE, "at": before}
    another = theirs | {"call_sid": "CA" + "2" * 32, "from": ADA}
    Life(house, "kanarie", STRANGER).writes("Kanarie")
    assert house.api.delete(f"/numbers/{STRANGER}").status_code == 204
    for fact in (theirs, another):
        spool.keep("incoming", fact)
        spool.set_aside({"kind": "incoming"} | fact)

    assert spool_replay.merge(spool, house.deployment) == 2

    assert town.call(theirs["call_sid"]).remote_e164 is None
    assert town.call(another["call_sid"]).remote_e164 == ADA
    left = (spool.folder / "set-aside.txt").read_text()
    assert ("619283746" in left, ADA in left) == (False, True)


def test_it_is_written_down_who_had_somebody_forgotten_or_took_all_of_them_out(house: House) -> None:
    Life(house, "kanarie", STRANGER).talks()
    assert house.api.get(f"/numbers/{STRANGER}/export").status_code == 200
    assert house.api.delete(f"/numbers/{STRANGER}").status_code == 204
    with db.transaction() as session:
        sealing.seal_all(session, lives.now())
        told = (AuditEntry.what.in_([What.PERSON_EXPORTED, What.ERASED]),)
        done = session.scalars(select(AuditEntry).where(*told).order_by(AuditEntry.number)).all()
        assert [one.what for one in done] == [What.PERSON_EXPORTED, What.ERASED]
        assert all(one.who == "api:crm" and STRANGER[3:] not in one.subject for one in done)
        assert done[0].subject == done[1].subject, "of the same person"
