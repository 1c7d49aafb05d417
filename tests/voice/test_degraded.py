"""What if Redis, the database or both are gone? Still a human, and what was kept counts afterwards."""

import json
import os
import signal
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import func, make_url, select, text
from sqlalchemy.exc import OperationalError

import config
from app import bus, db
from app.carrier.spool import Spool
from app.deployment import Deployment
from app.promises import recordings
from app.records.agents import Activity, Intent
from app.records.calls import Call, CallState, Inbox, Outcome
from app.records.legs import CallRoom
from app.records.promises import Promise, PromiseState
from app.voice import held, holding
from app.voice.outage import spool_replay
from app.voice.outage.snapshot import Keeper
from config import Settings
from startup.postgres_server import PostgresServer
from tests import factories, town
from tests.exchange import rung_back
from tests.factories import ADA, BEN, LINE
from tests.parts import test_settings as values_for_tests
from tests.telephone import Another, Line

pytestmark = pytest.mark.gives_up_in_time


EMERGENCY = "+31880001122"
NOWHERE = "redis://127.0.0.1:1/0"
RECORDING = "RE" + "4" * 32


@pytest.fixture
def settings(database_url: str, redis_url: str, tmp_path: Path) -> Settings:
    """Settings with a number for emergencies."""
    values = values_for_tests(database_url, redis_url, tmp_path) | {"FALLBACK_NUMBERS": EMERGENCY}
    return config.load(values)


@pytest.fixture(autouse=True)
def settled(flask_app: Flask) -> None:
    """The town, and a web process that has looked around, and won't for the next seconds."""
    with unhurried():
        town.settle()
    keeper = flask_app.extensions["voice"].keeper
    # It would begin with the first call, and see who is rung or not yet, as it happens.
    keeper.start()
    while keeper.snapshot.taken_at is None:
        time.sleep(0.005)
    look_around(flask_app)


@contextmanager
def unhurried() -> Iterator[None]:
    """Take all the time that a busy machine needs: before the story begins nobody is to give up.

    Only where no other thread speaks to the database: its connection would be left behind.
    """
    real, patient = db.current(), db.bind(db.Database(db.current().url, patient=True))
    try:
        yield
    finally:
        db.bind(real)
        patient.dispose()


def look_around(flask_app: Flask) -> None:
    """Let the web process remember who is there, as it does every few seconds, however busy the machine."""
    keeper = flask_app.extensions["voice"].keeper
    until = time.monotonic() + 60
    while True:
        try:
            with db.transaction() as session:
                keeper.refresh(session, datetime.now(UTC))
                keeper.refresh_owners(session)
        except OperationalError:
            if time.monotonic() > until:
                raise
        else:
            return


@pytest.fixture
def spool(flask_app: Flask) -> Spool:
    found: Spool = flask_app.extensions["carrier"].spool
    return found


@pytest.fixture
def merge(flask_app: Flask, spool: Spool, settings: Settings) -> Callable[[], int]:
    """Do what the worker does when the database is back: again and again, until nothing is in the way."""
    # The web process does the same as soon as it can; here it leaves that to the test.
    flask_app.extensions["voice"].keeper.when_reachable = None

    def until_merged() -> int:
        until = time.monotonic() + 60
        while True:
            try:
                return spool_replay.merge(spool, Deployment.of(settings))
            except OperationalError:
                # A webhook that was given up goes on once its database does, and holds its call until then.
                if time.monotonic() > until:
                    raise
                time.sleep(0.1)

    return until_merged


# --- ways in which a database can be gone -------------------------------------------------------------


@contextmanager
def bound_to(url: str) -> Iterator[None]:
    """Speak to another address until the story is told, then to the database again."""
    real, dead = db.current(), db.bind(db.Database(url))
    try:
        yield
    finally:
        db.bind(real)
        dead.dispose()


@contextmanager
def silent_listener() -> Iterator[int]:
    """A port that accepts whoever comes and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(50)
        yield listener.getsockname()[1]


@contextmanager
def refusing(url: str, server: PostgresServer | None) -> Iterator[None]:
    """Nobody listens there; or the file can't be opened."""
    dead = "postgresql+psycopg://nobody@127.0.0.1:1/none" if server else f"sqlite:///{Path(__file__).parent}"
    with bound_to(dead):
        yield


@contextmanager
def never_answering(url: str, server: PostgresServer | None) -> Iterator[None]:
    """It takes the connection and says nothing; or the file is no database any more."""
    if server is None:
        broken = Path(str(make_url(url).database)).with_name("broken.db")
        broken.write_bytes(b"no database " * 1000)
        with bound_to(f"sqlite:///{broken}"):
            yield
        return
    with silent_listener() as port, bound_to(f"postgresql+psycopg://nobody@127.0.0.1:{port}/none"):
        yield


@contextmanager
def locked(url: str) -> Iterator[None]:
    other = sqlite3.connect(str(make_url(url).database), isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


@contextmanager
def frozen(url: str, server: PostgresServer | None) -> Iterator[None]:
    """The machine that it runs on stands still; or another program holds the file."""
    if server is None:
        with locked(url):
            yield
        return
    processes = [server.process.pid, *children(server.process.pid)]
    for pid in processes:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in reversed(processes):
            os.kill(pid, signal.SIGCONT)


def children(parent: int) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        if int(fields[1]) == parent:
            found.append(int(folder.name))
    return found


@dataclass
class Outage:
    """The database of a test, and how it can be taken away."""

    url: str
    server: PostgresServer | None

    def __call__(self, way: Callable[..., AbstractContextManager[None]]) -> AbstractContextManager[None]:
        return way(self.url, self.server)


@pytest.fixture
def outage(request: pytest.FixtureRequest, database_url: str, database_kind: str) -> Outage:
    server = request.getfixturevalue("postgres_server") if database_kind == "postgresql" else None
    return Outage(database_url, server)


WAYS = [refusing, never_answering, frozen]


def numbers(call: Line) -> list[str | None]:
    return [number.text for number in call.reply.iter("Number")]


def clients(call: Line) -> list[str | None]:
    return sorted(str(client.findtext("Identity")) for client in call.reply.iter("Client"))


def in_the_usual_way(another: Another, **fields: str) -> Line:
    """Call until a call is answered from the database again."""
    give_up_at = time.monotonic() + 60
    while True:
        call = another(**fields).comes_in()
        with db.transaction() as session:
            if session.get(Call, call.sid) is not None:
                return call
        assert time.monotonic() < give_up_at, "the database is back, and calls don't know it"
        time.sleep(0.2)


# --- Redis --------------------------------------------------------------------------------------------


def test_a_dead_redis_changes_nothing_for_a_caller(another: Another) -> None:
    bus.bind(NOWHERE)

    call = another().comes_in()

    assert call.verbs == ["Dial"]
    assert call.rings == "client:anna"
    assert town.pops("anna") == [call.sid]
    call.talks()
    call.dial_ends("completed", DialBridged="true", DialCallDuration="9")
    call.hangs_up()
    assert town.call(call.sid).outcome == Outcome.TALKED


def test_a_redis_that_never_answers_changes_nothing_for_a_caller(another: Another) -> None:
    with silent_listener() as port:
        bus.bind(f"redis://127.0.0.1:{port}/0")
        call = another().comes_in()

        assert (call.verbs, call.rings) == (["Dial"], "client:anna")
        assert town.pops("anna") == [call.sid]


# --- the database -------------------------------------------------------------------------------------


def test_who_is_there_is_remembered_also_where_the_owners_of_cases_cannot_be_read(
    flask_app: Flask, settings: Settings, outage: Outage, another: Another
) -> None:
    keeper = flask_app.extensions["voice"].keeper
    keeper.stop()
    with unhurried(), db.transaction() as session:
        session.execute(text("ALTER TABLE customer_numbers RENAME TO out_of_reach"))
    late = Keeper(settings.secret_key)
    try:
        late.start()
        until = time.monotonic() + 60
        while not late.snapshot.agents and time.monotonic() < until:
            time.sleep(0.01)
    finally:
        late.stop()
        with unhurried(), db.transaction() as session:
            session.execute(text("ALTER TABLE out_of_reach RENAME TO customer_numbers"))

    assert sorted(late.snapshot.agents) == ["anna", "bram", "carla"]
    assert late.snapshot.owners == {}


@pytest.mark.parametrize("way", WAYS)
def test_without_a_database_a_call_goes_down_every_rung_and_counts_afterwards(
    way: Callable[..., Iterator[None]],
    outage: Outage,
    another: Another,
    merge: Callable[[], int],
) -> None:
    bus.bind(NOWHERE)  # nor a Redis
    call = another()
    with outage(way):
        call.comes_in()
        assert (call.verbs, call.rings) == (["Dial"], "client:anna"), "the owner, from what is remembered"
        assert call.attribute("Dial", "answerOnBridge") == "true"
        call.dial_ends("no-answer")
        assert clients(call) == ["bram", "carla"], "whoever just did not pick up is not rung again"
        assert call.said == "Er gaat bij ons iets mis. Ik zoek een collega voor u."
        call.dial_ends("busy")
        assert numbers(call) == [EMERGENCY]
        whisper = call.attribute("Number", "url")
        following = call.attribute("Dial", "action")
        call.post(whisper, context="whisper")
        assert "Toets een of zeg ja" in call.said
        call.post(following, DialCallStatus="completed", DialBridged="false")
        assert call.verbs == ["Say", "Record", "Say", "Hangup"]
        call.post(call.attribute("Record", "action"), RecordingSid=RECORDING)
        assert call.said == "Dank u wel. Een collega luistert uw bericht af."
        call.hangs_up()

    assert merge() > 0
    assert merge() == 0
    ended = town.call(call.sid)
    assert (ended.state, ended.outcome) == (CallState.ENDED, Outcome.PROMISED)
    [promise] = town.promises()
    assert (promise.number, promise.agent) == (ADA, "anna")
    with db.transaction() as session:
        assert [one.sid for one in recordings.of_promise(session, promise.id)] == [RECORDING]
    town.everybody_free_again()
    assert in_the_usual_way(another, from_="anonymous").verbs == ["Dial"]


@pytest.mark.parametrize("way", [refusing, never_answering])
def test_a_conversation_without_a_database_is_no_missed_call_afterwards(
    way: Callable[..., Iterator[None]], outage: Outage, another: Another, merge: Callable[[], int]
) -> None:
    call = another()
    with outage(way):
        call.comes_in()
        call.dial_ends("completed", DialBridged="true", DialCallDuration="30")
        assert call.verbs == ["Hangup"]
        call.hangs_up()

    merge()

    ended = town.call(call.sid)
    assert (ended.state, ended.outcome) == (CallState.ENDED, Outcome.TALKED)
    assert town.promises() == []
    assert [row.kind for row in town.outbox() if row.done_at is None] == []


def test_a_hidden_caller_shows_our_own_number_which_the_carrier_passes_on(
    outage: Outage, another: Another
) -> None:
    call = another(from_="anonymous")
    with outage(refusing):
        call.comes_in()
        assert clients(call) == ["anna", "bram", "carla"]
        assert call.attribute("Dial", "callerId") == LINE
        call.dial_ends("no-answer")
        assert call.attribute("Dial", "callerId") == LINE
        call.post("/voice/fallback", ErrorCode="11200")
        assert (numbers(call), call.attribute("Dial", "callerId")) == ([EMERGENCY], LINE)


def test_the_message_of_a_hidden_caller_is_heard_by_somebody_all_the_same(
    outage: Outage, another: Another, merge: Callable[[], int]
) -> None:
    call = another(from_="anonymous")
    with outage(refusing):
        call.comes_in()
        for _ in range(2):
            call.dial_ends("no-answer")
        status_url = call.attribute("Record", "recordingStatusCallback")
        call.post(call.attribute("Record", "action"), RecordingSid=RECORDING, RecordingDuration="9")
        call.post(status_url, RecordingSid=RECORDING, RecordingStatus="completed", RecordingDuration="9")
        call.hangs_up()

    merge()

    ended = town.call(call.sid)
    assert (ended.state, ended.outcome) == (CallState.ENDED, Outcome.NOT_CALLABLE)
    [promise] = town.promises()
    assert (promise.number, promise.next_at, promise.team) == (None, None, "Burgerzaken")
    with db.transaction() as session:
        [recording] = recordings.of_promise(session, promise.id)
        assert (recording.sid, recording.seconds) == (RECORDING, 9)


def test_a_call_that_waited_when_the_database_went_is_not_fetched_from_whom_it_reached(
    flask_app: Flask, outage: Outage, another: Another, merge: Callable[[], int]
) -> None:
    town.talks_elsewhere("anna")
    look_around(flask_app)
    call = another().comes_in()
    left = call.attribute("Enqueue", "action")
    with outage(refusing):
        call.post(call.attribute("Enqueue", "waitUrl"), context="wait")
        assert call.verbs == ["Leave"]
        call.post(left, QueueResult="leave")
        assert clients(call) == ["bram", "carla"]

    merge()

    stands = town.call(call.sid)
    assert (stands.state, stands.waiting_since) == (CallState.RINGING, None)
    assert [step.kind for step in town.steps(call.sid)] == ["wait", "fallback"]


def test_a_caller_whose_row_is_held_up_is_asked_about_again_not_sent_elsewhere(
    flask_app: Flask, outage: Outage, another: Another
) -> None:
    town.talks_elsewhere("anna")
    look_around(flask_app)
    call = another().comes_in()
    executor = flask_app.extensions["carrier"].executor
    usual, executor.deadline = executor.deadline, 0.5
    left = call.attribute("Enqueue", "action")

    with held_up(outage, call.sid):
        call.post(left, QueueResult="leave")
    executor.deadline = usual

    if outage.server is None:
        # One writer holds everybody up: it is the database that is late, and others are rung.
        assert call.verbs[-1] == "Dial"
        return
    assert call.verbs == ["Pause", "Redirect"]
    call.post(str(call.reply.findtext("Redirect")))
    # What was asked at first may have been done meanwhile: either way it is the call's own next step.
    assert call.raw == stored_reply(call)
    assert "fallback" not in [step.kind for step in town.steps(call.sid)]


def stored_reply(call: Line) -> bytes:
    with db.transaction() as session:
        step = session.get_one(Call, call.sid).step
        return session.get_one(Inbox, (call.sid, f"step/{step}")).reply


@contextmanager
def held_up(outage: Outage, sid: str) -> Iterator[None]:
    """Somebody else is busy with this call's row."""
    if outage.server is None:
        with locked(outage.url):
            yield
        return
    with db.transaction() as session:
        session.get(Call, sid, with_for_update=True)
        yield


def test_whoever_was_rung_when_the_database_went_is_free_again(
    outage: Outage, another: Another, merge: Callable[[], int]
) -> None:
    call = another().comes_in()
    call.leg("ringing")
    with outage(refusing):
        call.dial_ends("no-answer")
        assert clients(call) == ["anna", "bram", "carla"]

    merge()

    assert (town.presence("anna").activity, town.presence("anna").intent) == (Activity.IDLE, Intent.AVAILABLE)


def test_an_agent_who_accepts_while_the_database_is_gone_gets_the_caller(
    outage: Outage, another: Another
) -> None:
    town.rings_at_phone("anna")
    call = another().comes_in()
    action = call.attribute("Dial", "action")
    with outage(refusing):
        call.post(call.attribute("Number", "url"), context="whisper")
        call.post(call.attribute("Gather", "action"), context="whisper", Digits="1")
        assert call.verbs == []

    in_the_usual_way(another, from_="anonymous")
    call.post(action, DialCallStatus="completed", DialBridged="true", DialCallDuration="12")
    assert town.call(call.sid).outcome == Outcome.TALKED


def test_a_ring_that_is_answered_while_the_database_is_gone_is_a_conversation_afterwards(
    outage: Outage, another: Another, merge: Callable[[], int]
) -> None:
    call = another().comes_in()
    with outage(refusing):
        call.talks()

    assert merge() == 2

    stands = town.call(call.sid)
    assert (stands.state, stands.bridged_to) == (CallState.TALKING, "anna")
    assert (town.presence("anna").activity, town.presence("anna").call_sid) == (Activity.TALKING, call.sid)
    assert town.steps(call.sid)[0].leg_sid == "CA" + "e" * 32


@pytest.mark.parametrize("way", [refusing, frozen])
@pytest.mark.parametrize("phone", [True, False])
def test_a_conversation_that_began_and_ended_without_a_database_was_with_who_had_it(
    way: Callable[..., Iterator[None]],
    flask_app: Flask,
    outage: Outage,
    another: Another,
    merge: Callable[[], int],
    phone: bool,
) -> None:
    flask_app.extensions["carrier"].executor.deadline = 1.0
    if phone:
        town.rings_at_phone("anna")
    call = another().comes_in()
    action, picture = call.attribute("Dial", "action"), call.reply
    with outage(way):
        call.leg("ringing")
        call.leg("in-progress")
        if phone:
            call.post(call.attribute("Number", "url"), context="whisper")
            call.post(call.attribute("Gather", "action"), context="whisper", Digits="1")
            call.reply = picture
        call.post(action, DialCallStatus="completed", DialBridged="true", DialCallDuration="30")
        assert call.verbs == ["Hangup"]
        call.post("/voice/status", CallStatus="completed", CallDuration="30")

    merge()

    ended = town.call(call.sid)
    assert (ended.state, ended.outcome, ended.bridged_to) == (CallState.ENDED, Outcome.TALKED, "anna")
    assert [(one.agent, one.outcome) for one in town.steps(call.sid)] == [("anna", "answered")]
    assert (town.presence("anna").activity, town.presence("anna").suspect_until) == (
        Activity.WRAPPING_UP,
        None,
    )
    assert (ended.said, town.promises(), town.outbox()) == ([], [], [])


@pytest.mark.parametrize("placed", [False, True])
def test_two_who_are_moving_into_a_room_when_the_database_goes_meet_there_once_it_is_back(
    outage: Outage, another: Another, settings: Settings, placed: bool
) -> None:
    call = another()
    sid = rung_back(call, Deployment.of(settings)) if placed else call.comes_in().talks().sid
    action = call.attribute("Dial", "action")
    with db.transaction() as session:
        holding.hold(session, held.held(session, sid), "anna", datetime.now(UTC), on=True)
        name = session.get_one(CallRoom, sid).name
    with outage(refusing):
        call.post(action, DialCallStatus="completed", DialBridged="true")
        for _ in range(2):
            assert "Hangup" not in call.verbs
            again = str(call.reply.findtext("Redirect"))
            call.post(again)

    in_the_usual_way(another, from_="anonymous")
    call.post(again)

    assert call.reply.findtext(".//Conference") == name


def test_an_agent_who_accepted_while_the_database_was_gone_talks(
    outage: Outage, another: Another, merge: Callable[[], int]
) -> None:
    town.rings_at_phone("anna")
    call = another().comes_in()
    with outage(refusing):
        call.post(call.attribute("Number", "url"), context="whisper")
        call.post(call.attribute("Gather", "action"), context="whisper", Digits="1")

    merge()

    stands = town.call(call.sid)
    assert (stands.state, stands.bridged_to) == (CallState.TALKING, "anna")


@pytest.mark.parametrize("says_yes_in_the_outage", [False, True])
def test_a_yes_that_was_never_put_through_is_no_conversation_in_an_outage_either(
    outage: Outage, another: Another, merge: Callable[[], int], says_yes_in_the_outage: bool
) -> None:
    now = datetime.now(UTC)
    with db.transaction() as session:
        factories.promise(
            session, number=ADA, agent="anna", due_at=now + timedelta(hours=2), now=now - timedelta(hours=1)
        )
    town.rings_at_phone("anna")
    call = another().comes_in()
    whisper, action = call.attribute("Number", "url"), call.attribute("Dial", "action")

    def says_yes() -> None:
        call.post(whisper, context="whisper")
        call.post(call.attribute("Gather", "action"), context="whisper", Digits="1")

    if not says_yes_in_the_outage:
        says_yes()
    with outage(refusing):
        if says_yes_in_the_outage:
            says_yes()
        call.post(action, DialCallStatus="completed", DialBridged="false", DialCallDuration="12")
        assert call.rings is not None, "the caller goes on to somebody"

    merge()

    stands = town.call(call.sid)
    assert (stands.state, stands.bridged_to, stands.bridged_at) == (CallState.RINGING, None, None)
    assert town.presence("anna").activity == Activity.IDLE
    assert [promise.state for promise in town.promises()] == [PromiseState.OPEN]


def test_the_news_of_one_call_that_several_processes_kept_is_told_in_its_order(
    spool: Spool, another: Another, merge: Callable[[], int]
) -> None:
    call = another().comes_in()
    moments = [(datetime.now(UTC) + timedelta(seconds=second)).isoformat() for second in (1, 2)]
    answered = {
        "call_sid": call.sid,
        "step": 1,
        "call_status": "in-progress",
        "leg_sid": "",
        "on_phone": False,
    }
    put(spool, {"kind": "ended", "call_status": "completed"} | {"call_sid": call.sid, "at": moments[1]})
    [file] = spool.folder.glob("*.jsonl")
    file.rename(spool.folder / "1.jsonl")
    put(spool, {"kind": "leg"} | answered | {"at": moments[0]})
    [file] = [path for path in spool.folder.glob("*.jsonl") if path.name != "1.jsonl"]
    file.rename(spool.folder / "2.jsonl")

    assert merge() == 2

    assert (town.call(call.sid).outcome, town.call(call.sid).bridged_to) == (Outcome.TALKED, "anna")
    assert town.outbox() == [], "no message was asked for and taken back"


def test_nothing_is_promised_that_could_not_be_written_down(
    flask_app: Flask, outage: Outage, another: Another, spool: Spool
) -> None:
    spool.folder.parent.mkdir(parents=True, exist_ok=True)
    spool.folder.write_text("no folder can be here")
    call = another()
    with outage(refusing):
        assert call.comes_in().rings == "client:anna"
        call.post("/voice/degraded/thanks?line=" + LINE, RecordingSid=RECORDING)

    assert call.said.startswith("Er gaat bij ons iets mis en we kunnen nu niets voor u opschrijven.")


def test_the_last_resort_asks_neither_database_nor_redis(outage: Outage, another: Another) -> None:
    bus.bind(NOWHERE)
    call = another()
    with outage(refusing):
        assert call.post("/voice/fallback", ErrorCode="11200").status_code == 200
        assert numbers(call) == [EMERGENCY]
        call.dial_ends("no-answer")
        assert call.verbs == ["Say", "Record", "Say", "Hangup"]


def test_without_numbers_for_emergencies_the_last_resort_takes_a_message(
    flask_app: Flask, another: Another
) -> None:
    left = flask_app.extensions["last_resort"]
    flask_app.extensions["last_resort"] = replace(left, degraded=replace(left.degraded, fallback_numbers=()))
    call = another()

    call.post("/voice/fallback")

    assert call.verbs == ["Say", "Record", "Say", "Hangup"]


# --- what is kept on disk -----------------------------------------------------------------------------


def kept(sid: str, kind: str = "incoming", **more: object) -> dict[str, object]:
    return {"call_sid": sid, "from": ADA, "to": LINE, "at": datetime.now(UTC).isoformat(), **more} | (
        {"kind": kind}
    )


def put(spool: Spool, fact: dict[str, object]) -> None:
    assert spool.keep(str(fact.pop("kind")), fact)


def test_what_is_kept_while_it_is_merged_is_not_lost(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    found: list[str] = []
    done = threading.Event()

    def taking() -> None:
        while True:
            last = done.is_set()
            for path, facts in spool.take():
                found.extend(str(fact["call_sid"]) for fact in facts)
                path.unlink()
            if last:
                return

    def keeping(name: int) -> None:
        for number in range(150):
            assert spool.keep("incoming", {"call_sid": f"{name}-{number}"})

    with ThreadPoolExecutor(5) as threads:
        taker = threads.submit(taking)
        for keeper in [threads.submit(keeping, name) for name in range(4)]:
            keeper.result()
        done.set()
        taker.result()
    assert sorted(found) == sorted(f"{name}-{number}" for name in range(4) for number in range(150))


def test_a_line_that_was_torn_by_a_crash_spoils_no_other(spool: Spool, merge: Callable[[], int]) -> None:
    first, last = "CA" + "1" * 32, "CA" + "2" * 32
    put(spool, kept(first))
    [file] = spool.folder.glob("*.jsonl")
    file.write_text(
        file.read_text() + '{"kind": "incoming", "call_sid": "CA' + "\n" + json.dumps(kept(last)) + "\n"
    )

    assert merge() == 2
    assert town.call(first).state == town.call(last).state == CallState.RINGING


@pytest.mark.parametrize(
    "poison", [{"at": "yesterday"}, {"at": None}, {"from": ["x"]}, {"to": "\x00"}, {"seconds": "x"}]
)
def test_a_fact_that_makes_no_sense_is_set_aside_and_the_others_count(
    spool: Spool, merge: Callable[[], int], poison: dict[str, object]
) -> None:
    wrong, right = "CA" + "3" * 32, "CA" + "4" * 32
    put(spool, kept(wrong, "talked", seconds=1) | poison)
    put(spool, kept(right))

    merge()

    assert town.call(right).state == CallState.RINGING
    assert [*spool.folder.glob("*.jsonl"), *spool.folder.glob("*.merging")] == []


def test_a_caller_with_odd_separators_in_their_name_is_one_fact(
    spool: Spool, merge: Callable[[], int]
) -> None:
    put(spool, kept("CA" + "5" * 32) | {"from": "a\u2028b\x85c\x0bd"})

    assert merge() == 1


def test_two_processes_that_merge_the_same_facts_make_each_of_them_count_once(
    spool: Spool, settings: Settings, merge: Callable[[], int]
) -> None:
    sids = [f"CA{number:032x}" for number in range(8)]
    for sid in sids:
        put(spool, kept(sid))
        put(spool, kept(sid, "message", recording_sid=RECORDING))
        put(spool, kept(sid, "ended", call_status="completed"))
    # One of them died after it had claimed them.
    [file] = spool.folder.glob("*.jsonl")
    file.rename(spool.folder / "1-dead.merging")

    with ThreadPoolExecutor(2) as threads:
        for future in [threads.submit(merge), threads.submit(merge)]:
            future.result()
    merge()

    with db.transaction() as session:
        assert session.scalar(select(func.count()).select_from(Call)) == len(sids)
        assert set(session.scalars(select(Call.outcome))) == {Outcome.PROMISED}
        assert session.scalar(select(func.count()).select_from(Promise)) == 1, "one is owed to the number"


def test_without_a_database_two_callers_do_not_ring_one_agent(outage: Outage, another: Another) -> None:
    with outage(refusing):
        first, second = another().comes_in(), another(from_=BEN).comes_in()

        assert set(clients(first)) & set(clients(second)) == set()
        assert clients(first) == ["anna"]


def test_a_line_of_ours_among_the_numbers_for_emergencies_is_left_out_and_the_doctor_says_so(
    flask_app: Flask, outage: Outage, another: Another, flask_command: Callable[..., Result]
) -> None:
    left = flask_app.extensions["last_resort"]
    both = (LINE, EMERGENCY)
    flask_app.extensions["last_resort"] = replace(
        left, degraded=replace(left.degraded, fallback_numbers=both)
    )
    call = another()
    call.post("/voice/fallback", ErrorCode="11200")
    assert numbers(call) == [EMERGENCY], "the line would ring itself"

    flask_app.config["SETTINGS"] = replace(flask_app.config["SETTINGS"], fallback_numbers=both)
    told = flask_command("doctor", "--offline").output
    assert "SICK  fallback numbers: FALLBACK_NUMBERS names our own +31…00" in told
