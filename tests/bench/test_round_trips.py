"""How often does a usual call cross the network before it is answered? Counted on the wire."""

import re
import selectors
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask import Flask

import config
from app import bells, create_app, db
from app.routing import rules
from app.routing.rules import Rules
from app.voice import webhooks
from startup.postgres_server import PostgresServer
from startup.process import Process
from tests import factories
from tests.databases import PostgresDatabases
from tests.parts import test_settings as settings_over
from tests.telephone import Line

# After this many a statement is prepared by the driver, and its plan is kept.
CALLS_UNTIL_IT_IS_AS_EVER = 12


@dataclass
class Wire:
    """Passes bytes on between clients and a server, and counts how often a client waits for an answer."""

    connect: Callable[[], socket.socket]
    round_trips: int = 0
    _listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))
    _selector: selectors.BaseSelector = field(default_factory=selectors.DefaultSelector)
    _client_spoke: dict[socket.socket, bool] = field(default_factory=dict)

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def serve(self) -> None:
        self._selector.register(self._listener, selectors.EVENT_READ, None)
        while True:
            for key, _ in self._selector.select():
                try:
                    if key.fileobj is self._listener:
                        self._take()
                    else:
                        self._pass_on(*key.data)
                except OSError:
                    return

    def _take(self) -> None:
        client, _ = self._listener.accept()
        server = self.connect()
        self._client_spoke[client] = False
        self._selector.register(client, selectors.EVENT_READ, (client, server, client))
        self._selector.register(server, selectors.EVENT_READ, (server, client, client))

    def _pass_on(self, source: socket.socket, target: socket.socket, client: socket.socket) -> None:
        data = b""
        with suppress(ConnectionError):
            data = source.recv(1 << 16)
        if not data:
            for end in (source, target):
                self._selector.unregister(end)
                end.close()
            return
        if source is client:
            self._client_spoke[client] = True
        elif self._client_spoke[client]:
            self._client_spoke[client] = False
            self.round_trips += 1
        target.sendall(data)

    def close(self) -> None:
        for key in list(self._selector.get_map().values()):
            socket.socket.close(key.fileobj)  # type: ignore[arg-type]  # only sockets are in it
        self._listener.close()


@pytest.fixture
def to_database(
    postgres_server: PostgresServer, postgres_databases: PostgresDatabases
) -> Iterator[tuple[Wire, str]]:
    """A migrated PostgreSQL behind a wire, and its address."""
    server = postgres_server
    postgres_databases.fresh("wired")

    def connect() -> socket.socket:
        found = socket.socket(socket.AF_UNIX)
        found.connect(str(server.folder / ".s.PGSQL.5432"))
        return found

    wire = Wire(connect)
    threading.Thread(target=wire.serve, daemon=True).start()
    yield (
        wire,
        f"postgresql+psycopg://postgres@127.0.0.1:{wire.port}/wired?sslmode=disable&gssencmode=disable",
    )
    wire.close()


@pytest.fixture
def to_redis(redis_server: tuple[Process, str], redis_url: str) -> Iterator[tuple[Wire, str]]:
    """A Redis behind a wire, and its address."""
    port = urlsplit(redis_url).port
    wire = Wire(lambda: socket.create_connection(("127.0.0.1", port)))
    threading.Thread(target=wire.serve, daemon=True).start()
    yield wire, re.sub(r":\d+/", f":{wire.port}/", redis_url)
    wire.close()


@pytest.fixture
def wired_app(
    to_database: tuple[Wire, str],
    to_redis: tuple[Wire, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[tuple[Flask, config.Settings]]:
    """The application at the far end of both wires, with a line and twenty agents who each own a case."""
    # What is counted is how often it is asked, not how soon a busy machine answers.
    monkeypatch.setattr(bells, "TIMEOUT_SECONDS", 10.0)
    settings = config.load(settings_over(to_database[1], to_redis[1], tmp_path))
    rules.forget_published()  # by the test before, in another database
    application = create_app(settings)
    with db.transaction() as session:
        factories.line(session)
        for i in range(20):
            factories.agent(session, f"agent{i}")
            factories.customer(session, f"c{i}", f"+316100000{i:02}")
            factories.case(session, f"Z{i}", f"c{i}", handled_by=(f"agent{i}",))
    yield application, settings
    webhooks.stop(application)
    db.current().dispose()


def test_a_usual_call_takes_two_round_trips_to_the_database_and_waits_for_no_redis(
    wired_app: tuple[Flask, config.Settings],
    to_database: tuple[Wire, str],
    to_redis: tuple[Wire, str],
) -> None:
    application, settings = wired_app
    client = application.test_client()
    for i in range(CALLS_UNTIL_IT_IS_AS_EVER):
        Line(client, settings, from_=f"+316100000{i:02}").comes_in()
    application.extensions["voice"].keeper.stop()  # it reads by itself, now and then
    database, redis = to_database[0], to_redis[0]
    before = database.round_trips, redis.round_trips

    call = Line(client, settings, from_="+31610000019").comes_in()

    assert call.rings == "client:agent19"
    assert (database.round_trips - before[0], redis.round_trips - before[1]) == (2, 0)


FIFTY_RULES = [
    {
        "id": f"r{number}",
        "when": [{"fact": "customer.tag", "is": [f"tag{number}"]}, {"fact": "case.calls", "at_least": 3}],
        "then": {"first": "supervisor"},
    }
    for number in range(49)
] + [{"id": "last", "when": [{"fact": "case.team", "is_not": ["Zorg"]}], "then": {"owner_ring_seconds": 33}}]


def test_fifty_rules_that_look_at_nothing_more_of_this_call_cost_no_round_trip(
    wired_app: tuple[Flask, config.Settings],
    to_database: tuple[Wire, str],
    to_redis: tuple[Wire, str],
) -> None:
    application, settings = wired_app
    client = application.test_client()
    with db.transaction() as session:
        rules.publish(session, Rules.written({"rules": FIFTY_RULES}), "test", "", datetime.now(UTC))
    for i in range(CALLS_UNTIL_IT_IS_AS_EVER):
        Line(client, settings, from_=f"+316100000{i:02}").comes_in()
    application.extensions["voice"].keeper.stop()
    database, redis = to_database[0], to_redis[0]
    before = database.round_trips, redis.round_trips

    call = Line(client, settings, from_="+31610000019").comes_in()

    assert (call.rings, call.attribute("Dial", "timeout")) == ("client:agent19", "28")
    assert (database.round_trips - before[0], redis.round_trips - before[1]) == (2, 0)


def test_a_repeated_webhook_takes_one_round_trip_and_rings_no_bell(
    wired_app: tuple[Flask, config.Settings],
    to_database: tuple[Wire, str],
    to_redis: tuple[Wire, str],
) -> None:
    application, settings = wired_app
    client = application.test_client()
    for i in range(CALLS_UNTIL_IT_IS_AS_EVER):
        call = Line(client, settings, from_=f"+316100000{i:02}").comes_in()
    application.extensions["voice"].keeper.stop()
    database, redis = to_database[0], to_redis[0]
    first = call.raw
    before = database.round_trips, redis.round_trips

    call.comes_in()

    assert call.raw == first
    assert (database.round_trips - before[0], redis.round_trips - before[1]) == (1, 0)
