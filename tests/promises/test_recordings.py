"""Does a message come from the carrier to whoever may hear it, once, and is it forgotten in time?"""

import http.server
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app import db
from app.carrier.rest import Carrier
from app.deployment import Deployment
from app.forgetting import erasure
from app.jobs import recordings as jobs
from app.promises import ledger, recordings
from app.records.agents import Intent, Role
from app.records.lines import Line as OurLine
from app.records.promises import PromiseEvent, Recording, RecordingState
from config import Settings
from tests import factories, town
from tests.desk import office
from tests.factories import LINE
from tests.servers import answering
from tests.telephone import Another, Line

SOUND = b"ID3" + bytes(200)
RECORDING = "RE" + "6" * 32


@dataclass
class Shelf:
    """The carrier's recordings, over real HTTP; what it was asked, and how it feels today."""

    sounds: dict[str, bytes] = field(default_factory=dict)
    calls: dict[str, str] = field(default_factory=dict)  # of which call each is
    asked: list[tuple[str, str]] = field(default_factory=list)
    status: int = 200
    more: dict[str, str] = field(default_factory=dict)  # headers


class Handler(http.server.BaseHTTPRequestHandler):
    shelf: Shelf

    def log_message(self, *args: Any) -> None:
        """Say nothing."""

    def answer(self, status: int, body: bytes = b"", content_type: str = "application/json") -> None:
        self.send_response(status)
        for name, value in ({"Content-Type": content_type} | self.shelf.more).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def handle_it(self) -> None:
        path = urlsplit(self.path).path
        self.shelf.asked.append((self.command, path))
        name = path.rpartition("/")[2].partition(".")[0]
        if self.shelf.status != 200:
            self.answer(self.shelf.status, b'{"code": 20500, "message": "no"}')
        elif "/Calls/" in path:
            call = path.split("/Calls/")[1].split("/")[0]
            listed = [{"sid": sid, "duration": "4"} for sid, of in self.shelf.calls.items() if of == call]
            self.answer(200, json.dumps({"recordings": listed}).encode())
        elif name not in self.shelf.sounds:
            self.answer(404, b'{"code": 20404, "message": "not found"}')
        elif self.command == "DELETE":
            del self.shelf.sounds[name]
            self.answer(204)
        else:
            self.answer(200, self.shelf.sounds[name], "audio/mpeg")

    do_GET = do_DELETE = handle_it


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def carrier(shelf: Shelf, settings: Settings) -> Iterator[Carrier]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Of", (Handler,), {"shelf": shelf}))
    with answering(server) as url:
        yield Carrier(replace(settings, api_url=url))


@pytest.fixture
def call(flask_app: Flask, another: Another) -> Line:
    """Ada rang, nobody was there, and she hears the tone."""
    town.settle()
    with db.transaction() as session:
        session.get_one(OurLine, LINE).records_messages = True
    for key in ("anna", "bram", "carla"):
        town.change(key, intent=Intent.BREAK)
    call = another().comes_in()
    assert "We nemen het op voor degene die u terugbelt." in call.said
    assert "We nemen het op" in town.call(call.sid).said[-1]["text"], "it can be shown that they were told"
    return call


def speaks(call: Line, shelf: Shelf, *, told: bool = True) -> None:
    shelf.sounds[RECORDING], shelf.calls[RECORDING] = SOUND, call.sid
    if told:
        # Only its SID counts; where the form says that it lies is nothing to us.
        form = {
            "RecordingUrl": "http://127.0.0.1:1/evil",
            "RecordingSid": RECORDING,
            "RecordingDuration": "4",
        }
        call.post(call.attribute("Record", "recordingStatusCallback"), RecordingStatus="completed", **form)


def stored() -> Recording:
    with db.transaction() as session:
        [found] = session.scalars(select(Recording)).all()
        session.expunge_all()
        return found


def later(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


def test_a_message_is_fetched_then_deleted_there_and_can_be_heard(
    call: Line, shelf: Shelf, carrier: Carrier, client: FlaskClient
) -> None:
    speaks(call, shelf)
    call.hangs_up()

    assert jobs.carry(carrier, later(1)) == 1
    assert jobs.carry(carrier, later(100)) == 0, "nothing is left to do"

    assert [method for method, _ in shelf.asked] == ["GET", "DELETE"]
    assert (stored().state, shelf.sounds) == (RecordingState.KEPT, {})
    [promise] = town.promises()
    with db.transaction() as session:
        for key in ("anna", "bram", "eva"):
            if key == "eva":
                factories.agent(session, key, team="Vergunningen")
            office.user(session, key)
    path = f"/desk/promises/{promise.id}/recordings/{RECORDING}"
    for who, status in (("eva", 404), ("bram", 200), ("anna", 200)):
        with client.session_transaction() as visit:
            visit.clear()
        office.sign_in(client, f"{who}@example.nl")
        heard = client.get(path)
        assert heard.status_code == status, who
    assert (heard.data, heard.mimetype, heard.headers["Cache-Control"]) == (
        SOUND,
        "audio/mpeg",
        "private, no-store",
    )
    part = client.get(path, headers={"Range": "bytes=0-2"})
    assert (part.status_code, part.data) == (206, b"ID3")
    assert client.get(path.replace("6", "7", 1)).status_code == 404
    assert f'src="{path}"' in client.get("/desk/board").text
    with db.transaction() as session:
        listened = select(PromiseEvent.who).where(PromiseEvent.why == "promise_listened")
        assert session.scalars(listened.order_by(PromiseEvent.id)).all() == ["bram", "anna"], "each once"


def test_what_the_carrier_answers_wrongly_is_asked_again_and_nothing_is_lost(
    call: Line, shelf: Shelf, carrier: Carrier
) -> None:
    speaks(call, shelf)
    wrong: list[tuple[int, dict[str, str]]]
    wrong = [(500, {}), (302, {"Location": "http://127.0.0.1:1/evil"}), (404, {})]
    for turn, (shelf.status, shelf.more) in enumerate(wrong, start=1):
        assert jobs.carry(carrier, later(turn * 5_000)) == 1
        assert stored().state == RecordingState.AT_CARRIER
    shelf.status, shelf.more = 200, {}

    jobs.carry(carrier, later(20_000))

    assert stored().state == RecordingState.KEPT


def test_a_message_that_was_kept_but_not_yet_deleted_there_is_not_fetched_again(
    call: Line, shelf: Shelf, carrier: Carrier
) -> None:
    speaks(call, shelf)
    with db.transaction() as session:
        recordings.fetched(session, RECORDING, recordings.Sound("audio/mpeg", SOUND), datetime.now(UTC))

    assert jobs.carry(carrier, later(1)) == 0, "whoever fetched it goes on to delete it there"
    jobs.carry(carrier, later(20))

    assert [method for method, _ in shelf.asked] == ["DELETE"]
    assert stored().state == RecordingState.KEPT


def test_one_that_never_turns_up_is_told_of(call: Line, shelf: Shelf, carrier: Carrier) -> None:
    speaks(call, shelf)
    shelf.sounds.clear()
    with db.transaction() as session:
        session.get_one(Recording, RECORDING).made_at = datetime.now(UTC) - timedelta(days=2)

    jobs.carry(carrier, later(1))

    assert stored().state == RecordingState.GONE
    with db.transaction() as session:
        assert "promise_recording_lost" in session.scalars(select(PromiseEvent.why)).all()


def test_a_message_of_which_all_news_was_lost_is_asked_for_after_the_call(
    call: Line, shelf: Shelf, carrier: Carrier, settings: Settings
) -> None:
    speaks(call, shelf, told=False)
    call.hangs_up()
    deployment = Deployment.of(settings)
    assert jobs.reconcile(carrier, deployment, later(10)) == 0

    assert jobs.reconcile(carrier, deployment, later(90)) == 1

    assert (stored().promise, stored().seconds) == (town.promises()[0].id, 4)
    assert jobs.reconcile(carrier, deployment, later(200)) == 0


@pytest.mark.parametrize("action_came", [False, True])
def test_whoever_says_nothing_is_not_asked_about(
    call: Line, carrier: Carrier, settings: Settings, action_came: bool
) -> None:
    status_url = call.attribute("Record", "recordingStatusCallback")
    if action_came:
        call.post(call.attribute("Record", "action"), RecordingSid=RECORDING, RecordingDuration="1")
    call.post(status_url, RecordingStatus="absent", RecordingSid=RECORDING)
    call.hangs_up()

    assert jobs.reconcile(carrier, Deployment.of(settings), later(90)) == 0
    assert jobs.carry(carrier, later(90)) == 0
    [promise] = town.promises()
    with db.transaction() as session:
        assert recordings.of_promise(session, promise.id) == []


@pytest.mark.parametrize("fetched", [True, False])
def test_who_is_forgotten_is_not_heard_any_more_here_or_there(
    call: Line, shelf: Shelf, carrier: Carrier, fetched: bool
) -> None:
    speaks(call, shelf)
    call.hangs_up()
    if fetched:
        jobs.carry(carrier, later(1))

    with db.transaction() as session:
        assert erasure.erase_customer(session, "ada", "api:crm", datetime.now(UTC))
    jobs.carry(carrier, later(2))

    assert (stored().state, shelf.sounds) == (RecordingState.GONE, {})
    with db.transaction() as session:
        assert recordings.sound_of(session, town.promises()[0].id, RECORDING) is None
    if not fetched:
        assert [method for method, _ in shelf.asked] == ["DELETE"], "nobody listens to it first"


def test_a_message_is_forgotten_so_long_after_it_was_dealt_with(
    call: Line, shelf: Shelf, carrier: Carrier
) -> None:
    speaks(call, shelf)
    jobs.carry(carrier, later(1))
    [promise] = town.promises()
    jobs.forget_old(later(400 * 86400))
    assert stored().state == RecordingState.KEPT, "it is owed an answer still"
    with db.transaction() as session:
        ledger.keep(session, promise.id, "anna", datetime.now(UTC))

    jobs.forget_old(later(29 * 86400))
    assert stored().state == RecordingState.KEPT
    jobs.forget_old(later(31 * 86400))
    assert stored().state == RecordingState.GONE


@pytest.mark.parametrize(("role", "status"), [(Role.SUPERVISOR, 200), (Role.AUDITOR, 403), (Role.AGENT, 403)])
def test_supervisors_listen_in_the_story_of_a_promise(
    call: Line, shelf: Shelf, carrier: Carrier, client: FlaskClient, role: Role, status: int
) -> None:
    speaks(call, shelf)
    jobs.carry(carrier, later(1))
    with db.transaction() as session:
        office.user(session, "anna", role=role)
    office.sign_in(client, "anna@example.nl")
    [promise] = town.promises()

    assert client.get(f"/admin/promises/{promise.id}/recordings/{RECORDING}").status_code == status
    if role != Role.AGENT:
        page = client.get(f"/admin/promises/{promise.id}").text
        assert "Ingesproken bericht van 4 seconden" in page
        assert ("<audio" in page) == (status == 200)
