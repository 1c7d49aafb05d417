"""Is a desk told everything, once and in order, whatever breaks in between?"""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from flask import Flask

import config
from app.db import transaction
from app.desk import streams
from app.desk.streams import Hub
from app.records.agents import Agent
from startup import commands, probes
from startup.process import Process
from startup.warden import Warden
from tests import factories
from tests.desk import office
from tests.parts import ROOT, clean_environment

PATIENCE = httpx.Timeout(20)


@dataclass
class Event:
    id: int | None
    kind: str
    data: Any


@dataclass
class Server:
    """The application, served, with Anna and Ben signed in."""

    url: str
    hub: Hub
    settings: config.Settings
    cookies: dict[str, dict[str, str]]

    @contextlib.contextmanager
    def stream(self, agent: str, query: str = "", **headers: str) -> Iterator[Iterator[Event]]:
        with (
            httpx.Client(base_url=self.url, cookies=self.cookies[agent], timeout=PATIENCE) as client,
            client.stream("GET", f"/desk/events{query}", headers=headers) as response,
        ):
            assert response.status_code == 200, response.read()
            yield events_in(response)


def events_in(response: httpx.Response) -> Iterator[Event]:
    """Read text/event-stream as a browser does, ticks left out."""
    number, kind, data = None, "message", ""
    for line in response.iter_lines():
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if line == "":
            if data and kind != "tick":
                yield Event(number, kind, json.loads(data))
            number, kind, data = None, "message", ""
        elif name == "id":
            number = int(value)
        elif name == "event":
            kind = value
        elif name == "data":
            data += value


def take(stream: Iterator[Event], count: int) -> list[Event]:
    return [next(stream) for _ in range(count)]


def numbers(events: list[Event]) -> list[int | None]:
    return [event.id for event in events]


def cookies_of(app: Flask, email: str) -> dict[str, str]:
    client = app.test_client()
    office.sign_in(client, email)
    cookie = client.get_cookie("rechtdoor")
    assert cookie
    return {"rechtdoor": cookie.value}


@pytest.fixture
def people(flask_app: Flask) -> dict[str, dict[str, str]]:
    with transaction() as session:
        factories.line(session)
        for key in ("anna", "ben"):
            factories.agent(session, key)
            office.user(session, key)
    return {key: cookies_of(flask_app, f"{key}@example.nl") for key in ("anna", "ben")}


@pytest.fixture
def server(
    flask_app: Flask, settings: config.Settings, people: dict[str, dict[str, str]], free_port: int
) -> Iterator[Server]:
    hub = Hub(settings.redis_url)
    with office.serving(flask_app, free_port, hub) as url:
        yield Server(url, hub, settings, people)


def test_a_desk_hears_what_it_is_told(server: Server) -> None:
    with server.stream("anna") as heard:
        office.tell("anna", 1, 2)

        events = take(heard, 2)

    assert [(event.id, event.kind, event.data) for event in events] == [
        (1, "message", {"what": 1}),
        (2, "message", {"what": 2}),
    ]


def test_a_cut_stream_resumes_without_loss_and_without_doubles(server: Server) -> None:
    with server.stream("anna") as heard:
        office.tell("anna", 1, 2, 3)
        last = take(heard, 3)[-1].id
    office.tell("anna", *range(4, 9))

    with server.stream("anna", **{"Last-Event-ID": str(last)}) as heard:
        office.tell("anna", 9)
        events = take(heard, 6)

    assert numbers(events) == [4, 5, 6, 7, 8, 9]
    assert [event.data["what"] for event in events] == [4, 5, 6, 7, 8, 9]


def test_the_last_event_wins_over_the_address_that_a_reconnecting_browser_repeats(server: Server) -> None:
    office.tell("anna", *range(1, 6))

    with server.stream("anna", "?after=1", **{"Last-Event-ID": "4"}) as heard:
        assert numbers(take(heard, 1)) == [5]
    with server.stream("anna", "?after=3") as heard:
        assert numbers(take(heard, 2)) == [4, 5]


@pytest.mark.parametrize("asked", ["7000", "-1", "soon", "9" * 30, "²"])
def test_an_event_that_never_was_starts_anew_instead_of_waiting_for_ever(server: Server, asked: str) -> None:
    office.tell("anna", 1, 2)

    with server.stream("anna", f"?after={asked}") as heard:
        office.tell("anna", 3)

        assert numbers(take(heard, 1)) == [3]


def test_a_new_desk_is_told_of_the_call_that_rings_and_of_nothing_before_it(server: Server) -> None:
    office.tell("anna", 1, 2)
    with transaction() as session:
        factories.customer(session, "K1", factories.ADA)
        factories.case(session, "Z1", "K1", handled_by=("anna",))
    sid = office.call_in(server.settings, factories.ADA)

    with server.stream("anna") as heard:
        event = next(heard)

    assert (event.kind, event.data["call_sid"]) == ("screen_pop", sid)


def test_the_delay_of_a_pop_is_measured_once_whoever_hears_it_again(server: Server) -> None:
    def popped() -> float:
        told = httpx.get(f"{server.url}/metrics", timeout=PATIENCE).text
        found = re.search(r"^rechtdoor_pop_delay_seconds_count (\S+)", told, re.M)
        assert found
        return float(found[1])

    before = popped()
    with server.stream("anna") as heard, server.stream("anna") as heard_too:
        office.call_in(server.settings, factories.ADA)
        assert next(heard).kind == next(heard_too).kind == "screen_pop"
    with server.stream("anna") as heard:
        assert next(heard).kind == "screen_pop"

    assert popped() == before + 1


def test_two_desks_never_hear_each_others_events(server: Server) -> None:
    with server.stream("anna") as of_anna, server.stream("ben") as of_ben:
        writers = [
            threading.Thread(target=office.tell, args=("anna", *range(1, 21))),
            threading.Thread(target=office.tell, args=("ben", *range(101, 121))),
        ]
        for writer in writers:
            writer.start()
        told_anna, told_ben = take(of_anna, 20), take(of_ben, 20)
        for writer in writers:
            writer.join()

    assert [event.data["what"] for event in told_anna] == list(range(1, 21))
    assert [event.data["what"] for event in told_ben] == list(range(101, 121))


def test_the_order_holds_when_many_write_at_once(server: Server) -> None:
    with server.stream("anna") as heard:
        writers = [
            threading.Thread(target=office.tell, args=("anna", *range(start, start + 15)))
            for start in (100, 200, 300, 400)
        ]
        for writer in writers:
            writer.start()
        events = take(heard, 60)
        for writer in writers:
            writer.join()

    assert numbers(events) == list(range(1, 61))
    for start in (100, 200, 300, 400):
        of_one_writer = [event.data["what"] for event in events if start <= event.data["what"] < start + 100]
        assert of_one_writer == list(range(start, start + 15))


def test_two_desks_of_one_agent_both_hear_everything(server: Server) -> None:
    office.tell("anna", 1, 2, 3)
    with server.stream("anna", "?after=0") as first, server.stream("anna", "?after=2") as second:
        office.tell("anna", 4)

        assert numbers(take(first, 4)) == [1, 2, 3, 4]
        assert numbers(take(second, 2)) == [3, 4]


def test_a_desk_that_opens_while_the_log_is_read_for_another_misses_nothing(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    has_read, goes_on, read = threading.Event(), threading.Event(), streams._read_events

    def read_and_rest(wanted: list[tuple[str, int]]) -> list[Any]:
        events = read(wanted)
        if 3 in [number for _, number, *_ in events] and not has_read.is_set():
            has_read.set()
            assert goes_on.wait(20)
        return events

    monkeypatch.setattr(streams, "_read_events", read_and_rest)
    with server.stream("anna") as first:
        office.tell("anna", 1, 2)
        take(first, 2)
        office.tell("anna", 3)
        assert has_read.wait(20)
        with server.stream("anna", "?after=0") as second:
            goes_on.set()
            assert numbers(take(first, 1)) == [3]
            office.tell("anna", 4)

            assert numbers(take(second, 2)) == [1, 2]
            assert numbers(take(second, 2)) == [3, 4]


def test_nothing_is_lost_while_redis_is_killed_and_comes_back(
    server: Server, redis_server: tuple[Process, str]
) -> None:
    redis, _ = redis_server
    with server.stream("anna") as heard:
        office.tell("anna", 1)
        events = take(heard, 1)
        redis.kill()
        try:
            office.tell("anna", 2, 3)
            events += take(heard, 2)
        finally:
            redis.start()
        office.tell("anna", 4)
        events += take(heard, 1)

    assert numbers(events) == [1, 2, 3, 4]


def test_more_than_one_look_brings_is_told_in_full(server: Server) -> None:
    with transaction() as session:
        for number in range(1, streams.desk_events.OF_SEVERAL_AT_ONCE + 30):
            streams.desk_events.tell(session, "anna", "message", {"what": number}, factories.NOW)

    with server.stream("anna", "?after=0") as heard:
        events = take(heard, streams.desk_events.OF_SEVERAL_AT_ONCE + 29)

    assert numbers(events) == list(range(1, streams.desk_events.OF_SEVERAL_AT_ONCE + 30))


def test_a_desk_that_stops_reading_holds_up_nobody_and_resumes(server: Server) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as stuck:
        cookie = "; ".join(f"{name}={value}" for name, value in server.cookies["anna"].items())
        stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stuck.sendall(
            f"GET /desk/events?after=0 HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\n\r\n".encode()
        )
        assert stuck.recv(15) == b"HTTP/1.1 200 OK"
        with server.stream("ben") as of_ben, transaction() as session:
            for _ in range(399):
                streams.desk_events.tell(session, "anna", "message", {"x": "y" * 20_000}, factories.NOW)
            streams.desk_events.tell(session, "ben", "message", {"what": 1}, factories.NOW)
            session.commit()

            assert next(of_ben).data == {"what": 1}

    with server.stream("anna", "?after=0") as heard:
        assert numbers(take(heard, 399)) == list(range(1, 400))


def test_a_full_process_sends_desks_elsewhere(
    flask_app: Flask, settings: config.Settings, people: dict[str, dict[str, str]], free_port: int
) -> None:
    hub = Hub(settings.redis_url, most_desks=1)
    with office.serving(flask_app, free_port, hub) as url:
        server = Server(url, hub, settings, people)
        with server.stream("anna"):
            refused = httpx.get(f"{url}/desk/events", cookies=people["ben"], timeout=PATIENCE)

        assert refused.status_code == 503
        assert int(refused.headers["Retry-After"]) > 0


def test_a_desk_that_was_closed_makes_room_again(server: Server) -> None:
    for _ in range(streams.MOST_DESKS_OF_AGENT * 2):
        with server.stream("anna") as heard:
            office.tell("anna", 1)
            next(heard)
        # The server learns of the end when the connection closes, a moment later.
        while server.hub.count:
            threading.Event().wait(0.005)

    assert server.hub.count == 0


def test_what_hands_a_stream_over_never_leaves_the_server(server: Server) -> None:
    with (
        httpx.Client(base_url=server.url, cookies=server.cookies["anna"], timeout=PATIENCE) as client,
        client.stream("GET", "/desk/events", headers={streams.HANDED_OVER: "ben 0"}) as response,
    ):
        office.tell("ben", 1)
        office.tell("anna", 2)

        assert streams.HANDED_OVER not in response.headers
        assert response.headers["Content-Type"] == "text/event-stream; charset=utf-8"
        assert response.headers["Cache-Control"] == "no-cache, no-transform"
        assert response.headers["X-Accel-Buffering"] == "no"
        assert next(events_in(response)).data == {"what": 2}


def test_nobody_hears_a_desk_without_signing_in(server: Server) -> None:
    refused = httpx.get(f"{server.url}/desk/events", timeout=PATIENCE)

    assert refused.status_code == 401


def test_a_page_sees_by_the_tick_that_the_stream_lives(server: Server) -> None:
    with (
        httpx.Client(base_url=server.url, cookies=server.cookies["anna"], timeout=PATIENCE) as client,
        client.stream("GET", "/desk/events") as response,
    ):
        lines = response.iter_lines()
        opening = [next(lines) for _ in range(6)]

    assert opening == ["retry: 1000", "", ": tick", "event: tick", "data: {}", ""]


def test_a_stream_whose_time_is_up_ends_properly_and_is_resumed(
    flask_app: Flask,
    settings: config.Settings,
    people: dict[str, dict[str, str]],
    free_port: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(streams, "TICK_SECONDS", 0.05)
    monkeypatch.setattr(streams, "LIFETIME_SECONDS", 0.0)
    hub = Hub(settings.redis_url)
    with office.serving(flask_app, free_port, hub) as url:
        server = Server(url, hub, settings, people)
        with server.stream("anna") as heard:
            assert list(heard) == []  # half an answer would be an error
        office.tell("anna", 1)
        monkeypatch.setattr(hub, "_lifetime_seconds", 60.0)
        with server.stream("anna", "?after=0") as heard:
            assert numbers(take(heard, 1)) == [1]


def test_without_the_loop_the_stream_is_the_same(flask_app: Flask, people: dict[str, dict[str, str]]) -> None:
    client = flask_app.test_client()
    office.sign_in(client, "anna@example.nl")
    office.tell("anna", 1, 2)

    response = client.get("/desk/events?after=0", buffered=False)
    body = iter(response.response)
    heard = [next(body), next(body), next(body)]
    response.close()

    assert heard[1:] == [
        b'id: 1\nevent: message\ndata: {"what":1}\n\n',
        b'id: 2\nevent: message\ndata: {"what":2}\n\n',
    ]


def test_where_no_stream_passes_polling_brings_the_same(
    flask_app: Flask, people: dict[str, dict[str, str]]
) -> None:
    client = flask_app.test_client()
    office.sign_in(client, "anna@example.nl")
    office.tell("anna", 1, 2, 3)

    first = client.get("/desk/poll?after=1").get_json()
    second = client.get(f"/desk/poll?after={first['after']}").get_json()

    assert [event["id"] for event in first["events"]] == [2, 3]
    assert first["events"][0] == {"id": 2, "kind": "message", "data": {"what": 2}}
    assert second == {"events": [], "after": 3}


def test_an_agent_who_left_hears_nothing_more_when_reconnecting(server: Server) -> None:
    with server.stream("anna"), transaction() as session:
        session.get_one(Agent, "anna").enabled = False

    refused = httpx.get(f"{server.url}/desk/events", cookies=server.cookies["anna"], timeout=PATIENCE)

    assert refused.status_code == 401


def test_stopping_the_server_ends_streams_properly_and_at_once(
    people: dict[str, dict[str, str]],
    settings: config.Settings,
    free_port: int,
    warden: Warden,
    tmp_path: Path,
) -> None:
    env = {
        "ENV": "test",
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "SECRET_KEY": settings.secret_key,
        "SPOOL_DIR": str(tmp_path / "spool"),
    }
    url = f"http://127.0.0.1:{free_port}"
    web = Process(
        name="web",
        command=commands.web("127.0.0.1", free_port),
        warden=warden,
        env={**clean_environment(), **env},
        folder=ROOT,
        output=tmp_path / "web.log",
        ready=lambda: probes.answers_http(f"{url}/healthz"),
    )
    web.start()
    try:
        with (
            httpx.Client(base_url=url, cookies=people["anna"], timeout=PATIENCE) as client,
            client.stream("GET", "/desk/events?after=0") as response,
        ):
            office.tell("anna", 1)
            heard = events_in(response)
            assert next(heard).id == 1

            os.kill(web.pid, signal.SIGTERM)

            # An answer that was broken off would raise instead of ending.
            assert list(heard) == []
        assert web.popen is not None
        # uvicorn ends as the signal would have ended it.
        assert web.popen.wait(timeout=60) in (0, -signal.SIGTERM)
        assert "Cancel" not in (tmp_path / "web.log").read_text()
    except subprocess.TimeoutExpired:
        web.kill()
        raise
    finally:
        web.stop()
