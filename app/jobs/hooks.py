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
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from app import db
from app.clock import utcnow
from app.outgoing import hooks, outbox
from app.records.outgoing import Hook

log = logging.getLogger(__name__)

ANSWER_SECONDS = 5.0
# One receiver's turn; then all are looked at again, also those who had nothing before.
TURN_SECONDS = 10.0
AT_ONCE = 8  # receivers
# Taken together, they are sent before another worker would take them for left over.
TAKEN_AT_ONCE = 3
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


def deliver_due(now: datetime, *, strict: bool) -> int:
    """Tell everybody what is due; return how much was tried. `strict`: see hooks.problem_with."""
    with db.reading() as session:
        if not outbox.is_due(session, outbox.CALL_HOOK, now):
            return 0
        receivers = hooks.to_tell(session, now)
    if not receivers:
        return 0
    with ThreadPoolExecutor(min(AT_ONCE, len(receivers)), "hooks") as pool:
        return sum(pool.map(lambda hook: _turn(hook, now, strict=strict), receivers))


def _turn(hook: Hook, now: datetime, *, strict: bool) -> int:
    tried, ends = 0, time.monotonic() + TURN_SECONDS
    try:
        while time.monotonic() < ends:
            with db.transaction() as session:
                rows = outbox.take_due(
                    session, outbox.CALL_HOOK, now, TAKEN_AT_ONCE, keys=outbox.keys_of_hook(hook.id)
                )
                taken = [(row.id, row.payload) for row in rows]
            for place, (row_id, fact) in enumerate(taken):
                tried += 1
                if not _tell(hook, row_id, fact, now, strict=strict):
                    _give_back([left for left, _ in taken[place + 1 :]], now)
                    return tried
            if not taken:
                break
    except Exception:
        # Its rows come up again; the other receivers have their turn all the same.
        log.exception("a receiver's turn failed", extra={"hook": hook.id})
    return tried


def _tell(hook: Hook, row_id: int, fact: dict[str, Any], now: datetime, *, strict: bool) -> bool:
    """Send one fact; tell whether the receiver may be sent more at once."""
    answer = send(hook.url, hook.secret, fact, strict=strict)
    with db.transaction() as session:
        if answer.is_yes:
            outbox.delivered(session, row_id, answer.word, now)
            hooks.took(session, hook.id, answer.word)
            return True
        goes_on = answer.status in _NOT_THIS_ONE
        outbox.failed(session, row_id, answer.word, now, for_good=False)
        is_over = hooks.not_taken(
            session, hook.id, answer.word, now, hold=not goes_on, gone=answer.status == GONE
        )
    log.warning("a receiver took nothing", extra={"hook": hook.id, "fact": fact["id"], "why": answer.word})
    if is_over:
        log.error("a receiver is told nothing any more", extra={"hook": hook.id})
    return goes_on and not is_over


def _give_back(row_ids: list[int], now: datetime) -> None:
    """What was taken and not tried is due as before."""
    if row_ids:
        with db.transaction() as session:
            outbox.give_back(session, row_ids, now)


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
