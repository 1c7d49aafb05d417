"""How do other systems hear of what they subscribed to? Sends what is due, signed; safe when several do it.

Each receiver is told by itself, so that one who is slow or away holds up nobody else.
"""

import http.client
import json
import logging
import socket
import ssl
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Select
from sqlalchemy.orm import Session

from app import db
from app.clock import Clock, going_on_from, utcnow
from app.db import Moment
from app.jobs import in_hand
from app.outgoing import hooks, outbox
from app.outgoing.outbox import Taken
from app.records.outgoing import Hook

log = logging.getLogger(__name__)

ANSWER_SECONDS = 5.0
# One receiver's turn; then all are looked at again, also those who had nothing before.
TURN_SECONDS = 10.0
AT_ONCE = 8  # receivers
USER_AGENT = "Rechtdoor-Hooks/1"
# The receiver was there and said something else than yes to this one; others may be to its liking.
_NOT_THIS_ONE = frozenset(range(400, 500)) - {408, 410, 425, 429}
GONE = 410


@dataclass(frozen=True)
class Answer:
    """What came of sending one fact: an HTTP status, or why there is none, in a word."""

    status: int | None
    word: str

    @property
    def is_yes(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


def due(now: Moment) -> Select[int]:
    """Return what is due for somebody, if anybody may be told something now."""
    return outbox.due(outbox.CALL_HOOK, now).where(hooks.to_tell(now).exists())


def deliver_due(
    now: datetime,
    *,
    strict: bool,
    left_over: bool = True,
    stopped: Callable[[], bool] = lambda: False,
) -> int:
    """Tell everybody what is due; return how much was tried. `strict`: see hooks.problem_with.

    `left_over`: see outbox.take. Nothing more is begun once we are `stopped`.
    """
    with db.reading() as session:
        if session.scalar(due(now).limit(1)) is None:
            return 0
        receivers = session.scalars(hooks.to_tell(now)).all()
    clock = going_on_from(now)
    with ThreadPoolExecutor(min(AT_ONCE, len(receivers)), "hooks") as pool:
        return sum(
            pool.map(lambda hook: _turn(hook, clock, stopped, strict=strict, left_over=left_over), receivers)
        )


def _turn(hook: Hook, clock: Clock, stopped: Callable[[], bool], *, strict: bool, left_over: bool) -> int:
    tried, ends = 0, time.monotonic() + TURN_SECONDS
    keys = outbox.keys_of_hook(hook.id)
    try:
        while time.monotonic() < ends and not stopped():
            with db.transaction() as session:
                taken = outbox.take(session, outbox.CALL_HOOK, clock(), keys=keys, left_over=left_over)
            if taken is None:
                break
            tried += 1
            if not _tell(hook, taken, clock, strict=strict):
                break
    except Exception:
        # What it has in hand comes up again; the other receivers have their turn all the same.
        log.exception("a receiver's turn failed", extra={"hook": hook.id})
    return tried


def _tell(hook: Hook, taken: Taken, clock: Clock, *, strict: bool) -> bool:
    """Send one fact; tell whether the receiver may be sent more at once."""
    with in_hand.held(partial(outbox.hold, taken)):
        answer = send(hook.url, hook.secret, taken.payload, strict=strict)
    if answer.is_yes:
        in_hand.written(lambda session: _is_told(session, hook, taken, answer, clock()))
        return True
    goes_on = answer.status in _NOT_THIS_ONE
    is_over = in_hand.written(lambda session: _is_not_told(session, hook, taken, answer, clock()))
    fact = taken.payload["id"]
    log.warning("a receiver took nothing", extra={"hook": hook.id, "fact": fact, "why": answer.word})
    if is_over:
        log.error("a receiver is told nothing any more", extra={"hook": hook.id})
    return goes_on and not is_over


def _is_told(session: Session, hook: Hook, taken: Taken, answer: Answer, now: datetime) -> None:
    outbox.delivered(session, taken, answer.word, now)
    hooks.took(session, hook.id, answer.word)


def _is_not_told(session: Session, hook: Hook, taken: Taken, answer: Answer, now: datetime) -> bool:
    """It is tried again later; tell whether this receiver is told nothing more."""
    outbox.failed(session, taken, answer.word, now, for_good=False)
    hold = answer.status not in _NOT_THIS_ONE
    return hooks.not_taken(session, hook.id, answer.word, now, hold=hold, gone=answer.status == GONE)


# --- one request --------------------------------------------------------------------------------------


def send(url: str, secret: str, fact: dict[str, Any], *, strict: bool) -> Answer:
    """Post a fact to an address that somebody else chose, and return what came of it; nothing is raised."""
    body = json.dumps(fact, ensure_ascii=False, separators=(",", ":")).encode()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": USER_AGENT,
        "Rechtdoor-Event": str(fact["event"]),
        "Rechtdoor-Delivery": str(fact["id"]),
        "Rechtdoor-Signature": hooks.signature(secret, int(utcnow().timestamp()), body),
    }
    if (problem := hooks.problem_with(url, strict=strict)) is not None:
        return Answer(None, problem)
    try:
        status = _post(url, body, headers, strict=strict)
    except _Inside:
        return Answer(None, "address_inside")
    except TimeoutError:
        return Answer(None, "timeout")
    except ssl.SSLError:
        return Answer(None, "tls")
    except (OSError, ValueError, http.client.HTTPException) as error:
        return Answer(None, type(error).__name__)
    return Answer(status, f"status {status}")


class _Inside(Exception):
    """The name leads to a machine that is none of the public internet."""


def _post(url: str, body: bytes, headers: dict[str, str], *, strict: bool) -> int:
    """Return the answer's status; its body is of no interest, and where it redirects to isn't followed."""
    parts = urlsplit(url)
    host, port = str(parts.hostname), parts.port or (443 if parts.scheme == "https" else 80)
    deadline = time.monotonic() + ANSWER_SECONDS
    connection = http.client.HTTPConnection(host, port)
    connection.sock = _connect(host, port, deadline, strict=strict)
    is_late = threading.Event()

    def break_off() -> None:
        is_late.set()
        # Past TLS, whose own way to shut down isn't made for another thread.
        socket.socket.shutdown(connection.sock, socket.SHUT_RDWR)

    # Each read has a time-out; this bounds them all, for who answers in drops.
    watch = threading.Timer(max(0.1, deadline - time.monotonic()), break_off)
    watch.daemon = True
    watch.start()
    try:
        if parts.scheme == "https":
            connection.sock = ssl.create_default_context().wrap_socket(
                connection.sock, server_hostname=host, do_handshake_on_connect=False
            )
            connection.sock.do_handshake()
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", target, body, {"Host": parts.netloc, **headers})
        return connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        if is_late.is_set():
            raise TimeoutError("no answer in time") from error
        raise
    finally:
        watch.cancel()
        connection.close()


def _connect(host: str, port: int, deadline: float, *, strict: bool) -> socket.socket:
    """Connect to an address that was looked at: a name may lead elsewhere a moment later."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    if strict and not all(hooks.is_outside(str(address[0])) for *_, address in found):
        raise _Inside
    failed: OSError = OSError("the name leads nowhere")
    for family, kind, protocol, _, address in found:
        attempt = socket.socket(family, kind, protocol)
        attempt.settimeout(max(0.1, deadline - time.monotonic()))
        try:
            attempt.connect(address)
        except OSError as error:
            attempt.close()
            failed = error
        else:
            return attempt
    raise failed
