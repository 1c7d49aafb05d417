"""Is the customer's page told within a second, and silent soon after the end, on the server that holds it?"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPResponse
from urllib.parse import urlsplit

import pytest
from flask import Flask
from sqlalchemy import update

from app import db, shares
from app.records.calls import Call
from app.screen import customer_views, streams
from app.screen.pages import Life
from app.screen.streams import ScreenHub
from config import Settings
from tests.desk import office
from tests.screen import table
from tests.screen.table import Agent, Customer


@pytest.fixture
def url(flask_app: Flask, settings: Settings, anna: Agent, free_port: int) -> Iterator[str]:
    def knows(environ: dict[str, object]) -> bool:
        with flask_app.request_context(environ):
            is_upload = shares.share_of("POST", str(environ["PATH_INFO"])) == "uploads"
            return is_upload and customer_views.may_upload()

    hub = ScreenHub(settings.redis_url, life=Life.of(15))
    with office.serving(flask_app, free_port, knows=knows, screen=hub) as found:
        yield found


def cookie_of(browser: Customer) -> str:
    found = browser.client.get_cookie("rechtdoor-screen")
    assert found is not None
    return f"rechtdoor-screen={found.value}"


@contextmanager
def stream(url: str, cookie: str) -> Iterator[HTTPResponse]:
    connection = HTTPConnection(urlsplit(url).netloc, timeout=10)
    connection.request("GET", "/b/events", headers={"Cookie": cookie})
    try:
        yield connection.getresponse()
    finally:
        connection.close()


def hear(response: HTTPResponse, event: str) -> str:
    """Return the data of the next such event."""
    for raw in response:
        line = raw.decode().strip()
        if line == f"event: {event}":
            return response.readline().decode()
    raise AssertionError(f"the stream ended without {event}")


def test_what_the_agent_does_is_told_and_the_end_too(url: str, anna: Agent, ada: Customer) -> None:
    with stream(url, cookie_of(ada)) as response:
        assert response.headers["Content-Type"].startswith("text/event-stream")
        anna.press("checked")
        told = json.loads(hear(response, "changed").partition("data: ")[2])
        assert told.keys() == {"stamp"}
        ada.post("/b/stop")
        hear(response, "over")
        assert response.read().strip() == b""
    with stream(url, "rechtdoor-screen=made-up") as response:
        assert response.status == 204


def test_a_stream_dies_with_the_grace_without_a_bell(url: str, anna: Agent, ada: Customer) -> None:
    with stream(url, cookie_of(ada)) as response:
        with db.transaction() as session:
            session.execute(
                update(Call)
                .where(Call.sid == anna.sid)
                .values(state="ended", ended_at=datetime.now(UTC) - timedelta(minutes=16))
            )
        hear(response, "over")


def test_a_page_has_so_many_streams_and_no_more(
    url: str, anna: Agent, ada: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "MOST_OF_PAGE", 1)
    with stream(url, cookie_of(ada)) as first:
        assert first.status == 200
        with stream(url, cookie_of(ada)) as second:
            assert second.status == 503


def test_only_whom_it_was_asked_of_may_send_more_than_a_form(url: str, anna: Agent, ada: Customer) -> None:
    anna.press("checked")
    anna.press("put", choice="foto")
    item = table.item("upload")
    large = b"x" * (shares.MOST_BYTES + 1000)

    def send(path: str, cookie: str, body: bytes) -> int:
        connection = HTTPConnection(urlsplit(url).netloc, timeout=20)
        headers = {"Cookie": cookie, "Content-Type": "application/x-www-form-urlencoded"}
        try:
            connection.request("POST", path, body, headers)
            return connection.getresponse().status
        except (BrokenPipeError, ConnectionResetError):
            return 413
        finally:
            connection.close()

    assert send(f"/b/upload/{item}", cookie_of(ada), large) != 413  # read, and refused for its form's token
    assert send(f"/b/upload/{item}", "rechtdoor-screen=made-up", large) == 413
    assert send(f"/b/upload/{item + 1}", cookie_of(ada), large) == 413
    assert send(f"/b/items/{item}", cookie_of(ada), large) == 413
    assert send(f"/b/upload/{item}", cookie_of(ada), b"x" * (shares.MOST_BYTES_OF_UPLOAD + 1000)) == 413
