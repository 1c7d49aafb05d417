"""Does one process serve pages and webhooks whole, whatever its clients do?"""

import contextlib
import http.client
import itertools
import select
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace

import httpx
import pytest
from flask import Flask, Response, request

import config
from app import doors, shares
from tests.desk import office

CROWD = shares.SIZES["carrier"].threads + 8
# Seconds; a machine that is busy with others may take some of them for anything.
PATIENCE = 20


@pytest.fixture
def closed() -> threading.Event:
    """Set when the endless answer was closed."""
    return threading.Event()


@pytest.fixture
def stuck() -> Iterator[threading.Event]:
    """Set to let go of whoever waits in a view."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def url(
    free_port: int, closed: threading.Event, stuck: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    # How long eight megabytes take here is the machine's matter.
    patient = {name: replace(size, body_seconds=300) for name, size in shares.SIZES.items()}
    monkeypatch.setattr(shares, "SIZES", patient)
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

    @app.post("/login")
    @app.get("/admin/slow")
    @app.get("/api/v1/slow")
    @app.get("/desk/slow")
    def slow() -> str:
        stuck.wait(60)
        return "slow"

    @app.post("/voice/call")
    def call() -> dict[str, int | None]:
        return {"length": request.content_length, "read": len(request.environ["wsgi.input"].read())}

    def broken(environ: dict[str, object], start_response: object) -> list[bytes]:
        if environ["PATH_INFO"] == "/broken":
            raise RuntimeError("before anything was answered")
        return real(environ, start_response)  # type: ignore[arg-type,return-value]

    real = app.wsgi_app
    app.wsgi_app = broken  # type: ignore[assignment,method-assign]
    with office.serving(app, free_port, knows=lambda environ: environ.get("HTTP_COOKIE") == "known") as at:
        yield at
        stuck.set()


@pytest.fixture
def asks(url: str) -> Iterator[httpx.Client]:
    """Somebody who asks, each time on a connection of its own, and has patience."""
    limits = httpx.Limits(max_keepalive_connections=0)
    with httpx.Client(base_url=url, timeout=PATIENCE, limits=limits) as client:
        yield client


def connect(url: str) -> socket.socket:
    host, port = url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=PATIENCE)


def first_answer(waiting: list[socket.socket]) -> bytes:
    """Return how the first answer begins that any of them gets."""
    answered, _, _ = select.select(waiting, [], [], PATIENCE)
    return bytes(answered[0].recv(12)) if answered else b""


KNOWN = {"Cookie": "known"}


def test_a_body_arrives_byte_by_byte_the_same(asks: httpx.Client) -> None:
    body = bytes(range(256)) * 4000

    sent_at_once = asks.post("/echo", content=body, headers=KNOWN)
    in_chunks = asks.post("/echo", content=iter([body[:7], body[7:90_000], body[90_000:]]), headers=KNOWN)

    assert sent_at_once.content == in_chunks.content == body
    assert sent_at_once.headers["X-Length"] == in_chunks.headers["X-Length"] == str(len(body))


@pytest.mark.parametrize(("most", "headers"), [(shares.MOST_BYTES, {}), (shares.MOST_BYTES_OF_KNOWN, KNOWN)])
def test_a_body_beyond_all_measure_is_refused(asks: httpx.Client, most: int, headers: dict[str, str]) -> None:
    fits = asks.post("/echo", content=b"x" * most, headers=headers)
    answer = asks.post("/echo", content=b"x" * (most + 1), headers=headers)

    assert (fits.status_code, answer.status_code) == (200, 413)
    assert asks.get("/quick").text == "quick"


def test_a_webhook_too_long_to_be_read_is_answered_by_the_application_which_knows_its_length(
    asks: httpx.Client,
) -> None:
    length = shares.MOST_BYTES + 100_000

    answer = asks.post("/voice/call", content=b"x" * length)

    assert answer.json() == {"length": length, "read": 0}


def test_unfinished_bodies_of_strangers_hold_little_memory(
    url: str, asks: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shares, "MOST_BYTES_AT_ONCE", 2 * shares.MOST_BYTES)
    half = b"x" * (shares.MOST_BYTES - 1000)
    with contextlib.ExitStack() as stack:
        stalled: dict[str, list[socket.socket]] = {"echo": [], "voice/call": []}
        for path, of_path in stalled.items():
            for _ in range(4):
                of_path.append(stack.enter_context(connect(url)))
                head = f"POST /{path} HTTP/1.1\r\nHost: x\r\nContent-Length: {shares.MOST_BYTES}\r\n\r\n"
                # Who is refused may have been hung up on before all was sent.
                with contextlib.suppress(ConnectionError):
                    of_path[-1].sendall(head.encode() + half)

        assert first_answer(stalled["echo"]) == b"HTTP/1.1 503"
        # A call comes in all the same.
        form = b"CallSid=CA1&" + b"x" * 10_000
        assert asks.post("/voice/call", content=form).json()["read"] == len(form)


# --- a crowd at one door ------------------------------------------------------------------------------


@contextlib.contextmanager
def crowd(url: str, method: str, path: str, many: int) -> Iterator[list[socket.socket]]:
    """So many who ask for something that takes long."""
    with contextlib.ExitStack() as stack:
        people = [stack.enter_context(connect(url)) for _ in range(many)]
        for one in people:
            asks = f"{method} {path} HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\nContent-Length: 0\r\n\r\n"
            one.sendall(asks.encode())
        yield people


@pytest.mark.parametrize(
    ("method", "path", "share"),
    [
        ("POST", "/login", "sign_in"),
        ("GET", "/admin/slow", "reports"),
        ("GET", "/api/v1/slow", "api"),
        ("GET", "/desk/slow", "desk"),
    ],
)
def test_a_crowd_at_one_door_takes_no_thread_from_a_call(
    url: str, asks: httpx.Client, stuck: threading.Event, method: str, path: str, share: str
) -> None:
    size = shares.SIZES[share]
    assert size.waiting is not None
    many = min(80, size.threads + size.waiting)
    with crowd(url, method, path, many):
        assert asks.post("/voice/call", content=b"a=b").json()["read"] == 3
        assert asks.get("/quick").text == "quick"
        stuck.set()


def test_who_finds_a_door_full_is_told_to_come_back(
    url: str, asks: httpx.Client, stuck: threading.Event
) -> None:
    size = shares.SIZES["reports"]
    assert size.waiting is not None
    with crowd(url, "GET", "/admin/slow", size.threads + size.waiting + 1) as people:
        refused = first_answer(people)
        page = asks.get("/admin/slow", headers={"Accept": "text/html", "Accept-Language": "en"})
        script = asks.get("/admin/slow")
        stuck.set()

    assert refused == b"HTTP/1.1 503"
    assert (page.status_code, page.headers["Retry-After"]) == (503, "3")
    assert "It is too busy right now" in page.text
    assert script.json()["status"] == 503
    assert "te druk" in script.json()["title"]


@pytest.mark.parametrize(
    ("method", "path", "share"),
    [
        ("POST", "/voice/calls/CA1/1/ended", "carrier"),
        ("POST", "/messages/incoming", "carrier"),
        ("GET", "/healthz", "health"),
        ("POST", "/login", "sign_in"),
        ("GET", "/login", "public"),
        ("GET", "/c/abc", "public"),
        ("GET", "/voices", "public"),
        ("POST", "/desk/heartbeat", "desk"),
        ("POST", "/api/v1/agents/anna/heartbeat", "desk"),
        ("GET", "/api/v1/agents", "api"),
        ("GET", "/login/oidc/callback", "elsewhere"),
        ("PUT", "/api/v1/customers/heartbeat", "api"),
        ("GET", "/admin/promises/export.csv", "reports"),
        ("GET", "/desk/promises/1/recordings/RE1", "reports"),
    ],
)
def test_each_request_has_its_share(method: str, path: str, share: str) -> None:
    assert shares.share_of(method, path) == share


# --- who knocks and says nothing ----------------------------------------------------------------------


def asked_once(connection: socket.socket) -> None:
    """Ask for a page and read it to its end."""
    connection.sendall(b"GET /quick HTTP/1.1\r\nHost: x\r\n\r\n")
    said = b""
    while not said.endswith(b"quick"):
        more = connection.recv(4096)
        assert more
        said += more


@pytest.mark.parametrize("begun", [b"", b"GET /quick HTTP/1.1\r\nHost: x\r\nX-Slow: "])
def test_a_head_that_never_comes_is_not_waited_for(
    url: str, monkeypatch: pytest.MonkeyPatch, begun: bytes
) -> None:
    monkeypatch.setattr(doors, "HEAD_SECONDS", 0.2)
    with connect(url) as silent:
        silent.sendall(begun)

        assert silent.recv(100) == b""


def test_a_second_head_on_the_same_connection_is_not_waited_for_either(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect(url) as kept:
        asked_once(kept)
        monkeypatch.setattr(doors, "HEAD_SECONDS", 0.2)
        kept.sendall(b"GET /quick HTTP/1.1\r\nHost: x\r\nX-Slow: ")

        assert kept.recv(100) == b""


def test_an_answer_that_takes_long_is_not_cut_off_by_that(
    url: str, stuck: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    with connect(url) as patient:
        # From the second on, the time begins with the first byte of the head: here it is all of it.
        asked_once(patient)
        monkeypatch.setattr(doors, "HEAD_SECONDS", 0.05)
        patient.sendall(b"GET /desk/slow HTTP/1.1\r\nHost: x\r\n\r\n")
        assert not stuck.wait(0.3)
        stuck.set()

        assert patient.recv(12) == b"HTTP/1.1 200"


def test_a_head_without_end_is_not_read(url: str) -> None:
    with connect(url) as endless, contextlib.suppress(ConnectionError):
        endless.sendall(b"GET /quick HTTP/1.1\r\nHost: x\r\nX-Long: ")
        for _ in range(40):
            endless.sendall(b"x" * 8192)

        assert endless.recv(100) == b""


def test_bodies_that_never_come_take_no_thread_from_a_call(url: str, asks: httpx.Client) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(CROWD):
            stalled = stack.enter_context(connect(url))
            stalled.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nonly this")

        assert asks.get("/quick").text == "quick"


def test_readers_who_do_not_read_take_no_thread_from_a_call(url: str, asks: httpx.Client) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(CROWD):
            stuck = stack.enter_context(connect(url))
            stuck.sendall(b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")
            assert stuck.recv(12) == b"HTTP/1.1 200"

        assert asks.get("/quick").text == "quick"


def test_an_answer_whose_reader_left_is_closed(asks: httpx.Client, closed: threading.Event) -> None:
    with asks.stream("GET", "/endless") as answer:
        next(answer.iter_bytes())

    assert closed.wait(timeout=20)


def test_an_answer_in_pieces_arrives_whole(asks: httpx.Client) -> None:
    assert asks.get("/three").text == "one two three"


def test_a_failure_before_the_answer_is_an_answer_too(
    asks: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    assert asks.get("/broken").status_code == 500
    assert "the application failed" in caplog.text
    assert asks.get("/quick").text == "quick"


def test_answers_without_a_body_have_none(asks: httpx.Client) -> None:
    assert asks.get("/nothing").status_code == 204
    head = asks.head("/quick")
    assert (head.status_code, head.content, head.headers["Content-Length"]) == (200, b"", "5")


def test_an_address_is_kept_as_it_was_written_for_signatures(asks: httpx.Client) -> None:
    asked = asks.get("/asked/caf%C3%A9/%2B31?from=%2B316%201").json()

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
