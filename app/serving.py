"""How does one process serve both? Pages and webhooks in threads, the streams of desks on the loop.

A request's body is read on the loop and an answer is fetched piece by piece, so that a slow client never
holds a thread that a webhook needs.
"""

import asyncio
import contextvars
import io
import logging
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import FrameType
from typing import Any, TypeVar
from urllib.parse import quote

from app.agents.sessions import Proof
from app.agents.streams import HANDED_OVER, HOLDS_STREAMS, Hub, Receive, Send

log = logging.getLogger(__name__)

THREADS = 64
MOST_BODY_BYTES = 8 * 1024 * 1024
BODY_SECONDS = 15  # a body that comes in drops must not be waited for
PIECE_BYTES = 256 * 1024

WsgiApp = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
Scope = dict[str, Any]
T = TypeVar("T")
Run = Callable[..., Any]  # calls a function with its arguments in the request's own context


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
        self.handed_over: str | None = None
        self._body = app(environ, self._start)
        self._pieces: Iterator[bytes] = iter(self._body)
        self._is_whole = any(name == b"content-length" for name, _ in self.headers)

    def _start(
        self, status: str, headers: list[tuple[str, str]], exc_info: object = None
    ) -> Callable[..., None]:
        self.status = int(status.split(" ", 1)[0])
        self.headers = []
        for name, value in headers:
            if name == HANDED_OVER:
                self.handed_over = value
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

    def __init__(self, app: WsgiApp, hub: Hub) -> None:
        self.app = app
        self.hub = hub
        self.threads = ThreadPoolExecutor(THREADS, thread_name_prefix="web")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            # A stream is held from here, so that nothing of its request stays in memory with it.
            if stream := await self._answer(scope, receive, send):
                agent, after, proof = stream.split(" ")
                await self.hub.hold(agent, int(after), Proof.read(proof), receive, send)
        else:
            await send({"type": "websocket.close", "code": 1000})

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> str | None:
        """Answer the request, or return which stream it is to be held as."""
        try:
            async with asyncio.timeout(BODY_SECONDS):
                body = await _read_body(receive)
        except Unreadable as unreadable:
            await _refuse(send, unreadable.status)
            return None
        except TimeoutError:
            await _refuse(send, 408)
            return None
        in_context = contextvars.copy_context().run
        reply: Reply
        try:
            reply, piece, more = await self._in_thread(in_context, self._begin, environ_of(scope, body))
        except Exception:
            log.exception("the application failed")
            await _refuse(send, 500)
            return None
        if reply.handed_over:
            return reply.handed_over
        await send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
        await send({"type": "http.response.body", "body": piece, "more_body": more})
        if more:
            await self._send_rest(in_context, reply, receive, send)
        return None

    def _begin(self, environ: dict[str, Any]) -> tuple[Reply, bytes, bool]:
        reply = Reply(self.app, environ)
        return (reply, *reply.next_piece())

    async def _send_rest(self, in_context: Run, reply: Reply, receive: Receive, send: Send) -> None:
        """Fetch the next piece when the reader has taken the one before; stop when they have left."""
        gone = asyncio.ensure_future(receive())
        more = True
        try:
            while more and not gone.done():
                piece, more = await self._in_thread(in_context, reply.next_piece)
                await send({"type": "http.response.body", "body": piece, "more_body": more})
        finally:
            gone.cancel()
            if more:
                await self._in_thread(in_context, reply.close)

    async def _in_thread(self, function: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self.threads, function, *arguments)

    async def _live(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self.hub.start()
                _close_streams_on_signal(self.hub)
                await send({"type": "lifespan.startup.complete"})
            elif message["type"] == "lifespan.shutdown":
                await self.hub.stop()
                self.threads.shutdown(wait=False)
                await send({"type": "lifespan.shutdown.complete"})
                return


async def _read_body(receive: Receive) -> bytes:
    pieces: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Unreadable(400)
        piece = message.get("body", b"")
        size += len(piece)
        if size > MOST_BODY_BYTES:
            raise Unreadable(413)
        pieces.append(piece)
        if not message.get("more_body"):
            return b"".join(pieces)


def environ_of(scope: Scope, body: bytes) -> dict[str, Any]:
    """Return the request as PEP 3333 has it; text is bytes read as Latin-1 there."""
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
        "CONTENT_LENGTH": str(len(body)),
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


def _close_streams_on_signal(hub: Hub) -> None:
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
