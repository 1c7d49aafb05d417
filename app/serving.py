"""How does one process serve both? Pages and webhooks in threads, the streams of desks on the loop.

A request's body is read on the loop and an answer is fetched piece by piece, so that a slow client never
holds a thread that a webhook needs; nor does a crowd of any other kind, see app/shares.py.
"""

import asyncio
import contextvars
import io
import json
import logging
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from html import escape
from types import FrameType
from typing import Any, TypeVar
from urllib.parse import quote

from app import fibers
from app.catalogue import LANGUAGES, text
from app.desk.streams import HANDED_OVER, Hub
from app.door.sessions import Proof
from app.held_streams import HOLDS_STREAMS, Receive, Send
from app.screen import streams as screen_streams
from app.screen.streams import ScreenHub
from app.shares import MOST_BYTES, USUAL_BYTES, Share, share_of, shares, waits_on_loop

log = logging.getLogger(__name__)

MOST_DRAINED = 64 * 1024 * 1024  # of an upload that is too large: told so, a browser must have sent it
COME_BACK_SECONDS = 3
PIECE_BYTES = 256 * 1024

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
Scope = dict[str, Any]
T = TypeVar("T")
Run = Callable[..., Any]  # calls a function with its arguments in the request's own context
# Tells whether a request, its body apart, is of somebody whom we know.
Knows = Callable[[dict[str, Any]], bool]


class Unreadable(Exception):
    """The request's body can't be had; `status` says why."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Reply:
    """What a WSGI application answers, taken from it piece by piece, in whatever thread asks."""

    def __init__(self, app: WsgiApp, environ: dict[str, Any]) -> None:
        self.status = 500
        self.headers: list[tuple[bytes, bytes]] = []
        # Which stream it is to be held as, and by whom.
        self.handed_over: tuple[str, str] | None = None
        self._body = app(environ, self._start)
        self._pieces: Iterator[bytes] = iter(self._body)
        self._is_whole = any(name == b"content-length" for name, _ in self.headers)

    def _start(
        self, status: str, headers: list[tuple[str, str]], exc_info: object = None
    ) -> Callable[..., None]:
        self.status = int(status.split(" ", 1)[0])
        self.headers = []
        for name, value in headers:
            if name in (HANDED_OVER, screen_streams.HANDED_OVER):
                self.handed_over = (name, value)
            else:
                self.headers.append((name.lower().encode("latin-1"), value.encode("latin-1")))
        return _refuse_to_write

    def next_piece(self) -> tuple[bytes, bool]:
        """Return the next bytes, and whether there may be more; closes the answer after the last.

        An answer of known length comes in large pieces, one of unknown length as it is made.
        """
        piece = bytearray()
        try:
            for part in self._pieces:
                piece += part
                if len(piece) >= PIECE_BYTES or (piece and not self._is_whole):
                    return bytes(piece), True
        except BaseException:
            self.close()
            raise
        self.close()
        return bytes(piece), False

    def close(self) -> None:
        if close := getattr(self._body, "close", None):
            close()


def _refuse_to_write(data: bytes) -> None:
    raise NotImplementedError("return the body instead of writing it")


class Application:
    """One application for both: what takes a moment runs in a thread, what stays open is held on the loop."""

    def __init__(
        self,
        app: WsgiApp,
        hub: Hub | None,
        knows: Knows = lambda environ: False,
        screen: ScreenHub | None = None,
    ) -> None:
        """`hub` holds the streams of desks, `screen` those of customers, None where there are none.

        `knows` tells who may send more than a form.

        It is asked in a thread, before the body is read.
        """
        self.app = app
        self.hub = hub
        self.screen = screen
        self.knows = knows
        self.shares = shares()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            # A stream is held from here, so that nothing of its request stays in memory with it.
            handed_over = await self._answer(scope, receive, send)
            if handed_over is not None and isinstance(scope["headers"], list):
                scope["headers"].clear()  # which the server has in its hands as well
            match handed_over:
                case (screen_streams.HANDED_OVER, order) if self.screen:
                    await self.screen.hold(order, receive, send)
                case (_, order) if self.hub:
                    agent, after, proof = order.split(" ")
                    await self.hub.hold(agent, int(after), Proof.read(proof), receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> tuple[str, str] | None:
        """Answer the request, or return which stream it is to be held as."""
        share = self.shares[share_of(scope["method"], scope["path"])]
        if share.is_full:
            await _come_back(scope, send)
            return None
        body = _Body(share)
        try:
            with share.taken():
                async with asyncio.timeout(share.size.body_seconds):
                    await self._read(scope, body, receive)
                return await self._answer_read(scope, body, share, receive, send)
        except Unreadable as unreadable:
            if unreadable.status == 503:
                await _come_back(scope, send)
            elif unreadable.status == 413 and share.name == "uploads":
                await _say_page(scope, send, 413, ("page.error_413_title", "screen.upload_large"))
            else:
                await _refuse(send, unreadable.status)
        except TimeoutError:
            await _refuse(send, 408)
        finally:
            body.let_go()
        return None

    async def _read(self, scope: Scope, body: "_Body", receive: Receive) -> None:
        """Read the body; one that is longer than a form only from somebody whom we know.

        The carrier's is read no further than a form goes, and the application told how long it was: it knows
        what to answer, since a caller may be on the line.
        """
        is_carriers, is_known = body.share.name == "carrier", False
        most = body.share.size.most_bytes
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Unreadable(400)
            piece = message.get("body", b"")
            body.size += len(piece)
            if body.size > MOST_BYTES and is_carriers:
                body.let_go()
            elif body.size > MOST_BYTES and not is_known:
                is_known = await self._in_thread(body.share, self.knows, environ_of(scope, b""))
                if not is_known:
                    raise Unreadable(413)
            if body.size > most:
                await self._drain(body, receive, message)
                raise Unreadable(413)
            if not (is_carriers and body.size > MOST_BYTES):
                body.add(piece)
            if not message.get("more_body"):
                return

    async def _drain(self, body: "_Body", receive: Receive, message: MutableMapping[str, Any]) -> None:
        """Let go of a file that is too large, and of what still comes: then its sender reads why."""
        body.let_go()
        while body.share.name == "uploads" and message.get("more_body") and body.size < MOST_DRAINED:
            message = await receive()
            body.size += len(message.get("body", b""))

    async def _answer_read(
        self, scope: Scope, body: "_Body", share: Share, receive: Receive, send: Send
    ) -> tuple[str, str] | None:
        in_context = contextvars.copy_context().run
        environ = environ_of(scope, body.whole(), body.size)
        reply: Reply
        try:
            if waits_on_loop(scope["method"], scope["path"], body.size):
                reply, piece, more = await fibers.run(asyncio.get_running_loop(), self._begin, environ)
            else:
                reply, piece, more = await self._in_thread(share, in_context, self._begin, environ)
        except Exception:
            log.exception("the application failed")
            await _refuse(send, 500)
            return None
        if reply.handed_over:
            return reply.handed_over
        await send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
        await send({"type": "http.response.body", "body": piece, "more_body": more})
        if more:
            await self._send_rest(share, in_context, reply, receive, send)
        return None

    def _begin(self, environ: dict[str, Any]) -> tuple[Reply, bytes, bool]:
        reply = Reply(self.app, environ)
        return (reply, *reply.next_piece())

    async def _send_rest(
        self, share: Share, in_context: Run, reply: Reply, receive: Receive, send: Send
    ) -> None:
        """Fetch the next piece when the reader has taken the one before; stop when they have left."""
        gone = asyncio.ensure_future(receive())
        more = True
        try:
            while more and not gone.done():
                piece, more = await self._in_thread(share, in_context, reply.next_piece)
                await send({"type": "http.response.body", "body": piece, "more_body": more})
        finally:
            gone.cancel()
            if more:
                await self._in_thread(share, in_context, reply.close)

    async def _in_thread(self, share: Share, function: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(share.threads, function, *arguments)

    def _hubs(self) -> list[Hub | ScreenHub]:
        return [hub for hub in (self.hub, self.screen) if hub is not None]

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                for hub in self._hubs():
                    hub.start()
                    _close_streams_on_signal(hub)
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                for hub in self._hubs():
                    await hub.stop()
                for share in self.shares.values():
                    share.threads.shutdown(wait=False)
                await send({"type": "lifespan.shutdown.complete"})
                return


class _Body:
    """The body of a request as far as it is kept, counted into what its share holds."""

    def __init__(self, share: Share) -> None:
        self.share = share
        self.size = 0  # of all that was sent
        self._pieces: list[bytes] = []
        self._held = 0

    def add(self, piece: bytes) -> None:
        """Keep a piece. Raises Unreadable when the share holds too much already.

        A form of the usual length is taken all the same: nobody may crowd out the carrier.
        """
        self._pieces.append(piece)
        counted = max(0, sum(map(len, self._pieces)) - USUAL_BYTES)
        if not self.share.holds(counted - self._held):
            raise Unreadable(503)
        self._held = counted

    def whole(self) -> bytes:
        return b"".join(self._pieces)

    def let_go(self) -> None:
        self.share.holds(-self._held)
        self._held = 0
        self._pieces = []


def environ_of(scope: Scope, body: bytes, size: int | None = None) -> dict[str, Any]:
    """Return the request as PEP 3333 has it; text is bytes read as Latin-1 there.

    `size` is that of the body as it was sent, when it was too long to be kept.
    """
    path = scope["path"].encode().decode("latin-1")
    root = scope.get("root_path", "").encode().decode("latin-1")
    query = scope["query_string"].decode("latin-1")
    raw_path = scope.get("raw_path") or quote(scope["path"]).encode()
    host, port = scope.get("server") or ("localhost", 80)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": root,
        "PATH_INFO": path.removeprefix(root),
        "QUERY_STRING": query,
        # As it came over the wire: signatures are computed over these bytes.
        "REQUEST_URI": raw_path.decode("latin-1") + (f"?{query}" if query else ""),
        "SERVER_NAME": host,
        "SERVER_PORT": str(port or 0),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "CONTENT_LENGTH": str(len(body) if size is None else size),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.get("scheme", "http"),
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        HOLDS_STREAMS: True,
    }
    if client := scope.get("client"):
        environ["REMOTE_ADDR"], environ["REMOTE_PORT"] = client[0], str(client[1])
    for raw_name, raw_value in scope["headers"]:
        name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
        # X_Real is X-Real to WSGI, so an underscore could pass for a proxy's header; how the body travelled
        # is over, now that all of it is here.
        if "_" in name or name in ("content-length", "transfer-encoding"):
            continue
        key = "CONTENT_TYPE" if name == "content-type" else f"HTTP_{name.upper().replace('-', '_')}"
        if key in environ:
            value = f"{environ[key]}{'; ' if name == 'cookie' else ','}{value}"
        environ[key] = value
    return environ


async def _refuse(send: Send, status: int) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"the request could not be answered\n"})


async def _come_back(scope: Scope, send: Send) -> None:
    """Say that it is too busy, and when to come back."""
    later = (b"retry-after", str(COME_BACK_SECONDS).encode())
    await _say_page(scope, send, 503, ("page.error_503_title", "page.error_503_help"), later)


async def _say_page(
    scope: Scope, send: Send, status: int, codes: tuple[str, str], *more: tuple[bytes, bytes]
) -> None:
    """Say in words what can't be done: a page for a person, problem JSON for a script."""
    asked = dict(scope["headers"])
    language = _language(asked.get(b"accept-language", b"").decode("latin-1"))
    title, help_ = (text(code, language) for code in codes)
    if b"text/html" in asked.get(b"accept", b""):
        kind = b"text/html; charset=utf-8"
        body = _SHORT_PAGE.format(language=language, title=escape(title), help=escape(help_))
    else:
        kind = b"application/problem+json"
        body = json.dumps({"title": title, "status": status, "detail": help_}, ensure_ascii=False)
    headers = [
        *((b"content-type", kind), *more),
        *((b"cache-control", b"no-store"), (b"x-content-type-options", b"nosniff")),
        *(
            (b"content-security-policy", b"default-src 'self'; frame-ancestors 'none'"),
            (b"connection", b"close"),
        ),
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body.encode()})


def _language(accepted: str) -> str:
    """Return the first language asked for that we speak: nothing of ours is read for it."""
    asked = (part.strip()[:2].lower() for part in accepted.split(","))
    return next((one for one in asked if one in LANGUAGES), LANGUAGES[0])


# Made without the application, whose threads are all taken.
_SHORT_PAGE = """<!doctype html>
<html lang="{language}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title><link rel="stylesheet" href="/static/rechtdoor.css"></head>
<body class="door"><main class="door-card"><h1>{title}</h1><p>{help}</p></main></body></html>
"""


def _close_streams_on_signal(hub: Hub | ScreenHub) -> None:
    """End the streams as soon as the server is told to stop: it waits for all answers before it says so."""
    if threading.current_thread() is not threading.main_thread():
        return
    for number in (signal.SIGTERM, signal.SIGINT):
        before = signal.getsignal(number)

        def stop(received: int, frame: FrameType | None, before: Any = before) -> None:
            hub.close_soon()
            if callable(before):
                before(received, frame)

        signal.signal(number, stop)
