"""Does one process serve pages and webhooks whole, whatever its clients do?"""

import contextlib
import http.client
import itertools
import socket
import threading
from collections.abc import Iterator

import httpx
import pytest
from flask import Flask, Response, request

import config
from app import serving
from tests.desk import office

CROWD = serving.THREADS + 8


@pytest.fixture
def closed() -> threading.Event:
    """Set when the endless answer was closed."""
    return threading.Event()


@pytest.fixture
def url(free_port: int, closed: threading.Event) -> Iterator[str]:
    app = Flask("a_few_views")
    app.config["SETTINGS"] = config.load({"ENV": "test", "REDIS_URL": "redis://127.0.0.1:1/0"})

    @app.post("/echo")
    def echo() -> Response:
        return Response(request.get_data(), headers={"X-Length": str(request.content_length)})

    @app.route("/quick")
    def quick() -> str:
        return "quick"

    @app.get("/nothing")
    def nothing() -> Response:
        return Response(status=204)

    @app.get("/asked/<path:what>")
    def asked(what: str) -> dict[str, str]:
        return {
            "uri": request.environ["REQUEST_URI"],
            "path": what,
            "cookies": "|".join(f"{name}={value}" for name, value in sorted(request.cookies.items())),
            "real": request.headers.get("X-Real", ""),
        }

    @app.get("/endless")
    def endless() -> Response:
        def pieces() -> Iterator[bytes]:
            try:
                for _ in itertools.count():
                    yield b"x" * 100_000
            finally:
                closed.set()

        return Response(pieces())

    @app.get("/three")
    def three() -> Response:
        return Response(iter([b"one ", b"two ", b"three"]))

    def broken(environ: dict[str, object], start_response: object) -> list[bytes]:
        if environ["PATH_INFO"] == "/broken":
            raise RuntimeError("before anything was answered")
        return real(environ, start_response)  # type: ignore[arg-type,return-value]

    real = app.wsgi_app
    app.wsgi_app = broken  # type: ignore[assignment,method-assign]
    with office.serving(app, free_port) as address:
        yield address


def connect(url: str) -> socket.socket:
    host, port = url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=20)


def test_a_body_arrives_byte_by_byte_the_same(url: str) -> None:
    body = bytes(range(256)) * 4000

    sent_at_once = httpx.post(f"{url}/echo", content=body)
    in_chunks = httpx.post(f"{url}/echo", content=iter([body[:7], body[7:90_000], body[90_000:]]))

    assert sent_at_once.content == in_chunks.content == body
    assert sent_at_once.headers["X-Length"] == in_chunks.headers["X-Length"] == str(len(body))


def test_a_body_beyond_all_measure_is_refused(url: str) -> None:
    answer = httpx.post(f"{url}/echo", content=b"x" * (serving.MOST_BODY_BYTES + 1))

    assert answer.status_code == 413
    assert httpx.get(f"{url}/quick").text == "quick"


def test_bodies_that_never_come_take_no_thread_from_a_call(url: str) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(CROWD):
            stalled = stack.enter_context(connect(url))
            stalled.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nonly this")

        assert httpx.get(f"{url}/quick", timeout=20).text == "quick"


def test_readers_who_do_not_read_take_no_thread_from_a_call(url: str) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(CROWD):
            stuck = stack.enter_context(connect(url))
            stuck.sendall(b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")
            assert stuck.recv(12) == b"HTTP/1.1 200"

        assert httpx.get(f"{url}/quick", timeout=20).text == "quick"


def test_an_answer_whose_reader_left_is_closed(url: str, closed: threading.Event) -> None:
    with httpx.stream("GET", f"{url}/endless") as answer:
        next(answer.iter_bytes())

    assert closed.wait(timeout=20)


def test_an_answer_in_pieces_arrives_whole(url: str) -> None:
    assert httpx.get(f"{url}/three").text == "one two three"


def test_a_failure_before_the_answer_is_an_answer_too(url: str, caplog: pytest.LogCaptureFixture) -> None:
    assert httpx.get(f"{url}/broken").status_code == 500
    assert "the application failed" in caplog.text
    assert httpx.get(f"{url}/quick").text == "quick"


def test_answers_without_a_body_have_none(url: str) -> None:
    assert httpx.get(f"{url}/nothing").status_code == 204
    head = httpx.head(f"{url}/quick")
    assert (head.status_code, head.content, head.headers["Content-Length"]) == (200, b"", "5")


def test_an_address_is_kept_as_it_was_written_for_signatures(url: str) -> None:
    asked = httpx.get(f"{url}/asked/caf%C3%A9/%2B31?from=%2B316%201").json()

    assert asked["uri"] == "/asked/caf%C3%A9/%2B31?from=%2B316%201"
    assert asked["path"] == "café/+31"


def test_a_header_with_an_underscore_can_not_pass_for_another(url: str) -> None:
    host, port = url.removeprefix("http://").split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=20)
    connection.putrequest("GET", "/asked/x")
    connection.putheader("X_Real", "forged")
    connection.putheader("Cookie", "a=1")
    connection.putheader("Cookie", "b=2")
    connection.endheaders()

    answer = connection.getresponse().read().decode()
    connection.close()

    assert "forged" not in answer
    assert '"cookies":"a=1|b=2"' in answer.replace(" ", "")
