"""Who may take how much of this process? The carrier first: what others ask for never grows into its threads.

Each kind of request has threads of its own and a place to wait; whoever finds both full is told to come back.
What is neither signed nor signed in yet may hold little memory.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from app.web import OF_CARRIER

# https://www.twilio.com/docs/voice/twiml: the carrier's longest, a message with its sender's particulars, has
# some ten thousand.
MOST_BYTES = 256 * 1024
USUAL_BYTES = 32 * 1024
# What a person or system that we know may send at once: a file to be loaded.
MOST_BYTES_OF_KNOWN = 8 * 1024 * 1024
# A file of a customer who holds the page beside a call, with the form around it; see app/screen/uploads.py.
MOST_BYTES_OF_UPLOAD = 10 * 1024 * 1024 + 64 * 1024
BODY_SECONDS = 15  # a body that comes in drops must not be waited for
UPLOAD_SECONDS = 180  # ten megabytes over a poor mobile line
# Of all bodies of one share that are in memory at the same time, what is beyond the usual.
MOST_BYTES_AT_ONCE = 24 * 1024 * 1024
MOST_UPLOADS_AT_ONCE = 64 * 1024 * 1024


@dataclass(frozen=True)
class Size:
    threads: int
    waiting: int | None = None  # None: however many, since a caller is on the line
    most_bytes: int = MOST_BYTES_OF_KNOWN  # of one body, of somebody whom we know
    body_seconds: int = BODY_SECONDS
    bytes_at_once: int | None = None  # MOST_BYTES_AT_ONCE


# Together the threads of all but the carrier are fewer than the connections to the database that calls leave
# free (see app/db.py and app/carrier/executor.py).
SIZES = {
    "carrier": Size(64),
    "health": Size(2, 16),
    "desk": Size(8, 400),  # heartbeats and pages of who is signed in
    "api": Size(4, 200),
    "reports": Size(4, 16),  # what may look through everything
    "public": Size(2, 200),  # who isn't signed in: the page to do so, a caller's own page, files
    "screen": Size(2, 200),  # customers' pages beside their calls
    # One at a time is looked at, in a process of its own.
    "uploads": Size(1, 12, MOST_BYTES_OF_UPLOAD, UPLOAD_SECONDS, MOST_UPLOADS_AT_ONCE),
    # A crowd at the beginning of a shift waits here, some seconds at most: a password takes a moment.
    "sign_in": Size(2, 100),
    # They wait for the organisation's own provider, which may be slow: nobody else waits with them.
    "elsewhere": Size(2, 100),
}
_INCOMING = "/voice/incoming"
_HEALTH = ("/healthz", "/readyz", "/metrics")
_UPLOADS = "/b/upload/"
_SCREEN = ("/b/", "/s/")
_REPORTS = ("/admin/", "/reports", "/wallboard")
_DESK = ("/desk", "/account", "/logout")
_PULSES = ("/heartbeat", "/presence", "/events")


def share_of(method: str, path: str) -> str:
    """Return the name of the share that a request is of; an address that we don't know is the public's."""
    if path.startswith(OF_CARRIER):
        return "carrier"
    if path in _HEALTH:
        return "health"
    if path == "/login" and method == "POST":
        return "sign_in"
    if path.startswith("/login/oidc"):
        return "elsewhere"
    if path.startswith("/scim/"):
        return "api"
    if path.startswith("/api/"):
        if path.endswith("/export"):
            return "reports"
        return "desk" if path.startswith("/api/v1/agents/") and path.endswith(_PULSES) else "api"
    if path.startswith(_UPLOADS):
        return "uploads"
    if path in ("/b", "/s") or path.startswith(_SCREEN):
        return "screen"
    if path.startswith(_REPORTS) or "/recordings/" in path:
        return "reports"
    return "desk" if path.startswith(_DESK) else "public"


def waits_on_loop(method: str, path: str, size: int) -> bool:
    """Tell whether a request is answered on the loop, where it takes no thread: a call that comes in.

    A body that takes long to be read would keep others waiting there.
    """
    return path == _INCOMING and method == "POST" and size <= USUAL_BYTES


class Share:
    """The threads of one kind of request, and how much it holds now. Used on the loop alone."""

    def __init__(self, name: str, size: Size) -> None:
        self.name = name
        self.size = size
        self.threads = ThreadPoolExecutor(size.threads, thread_name_prefix=f"web-{name}")
        self._most = None if size.waiting is None else size.threads + size.waiting
        self._inside = 0
        self._bytes = 0

    @property
    def is_full(self) -> bool:
        return self._most is not None and self._inside >= self._most

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Count somebody in, from when they may wait for a thread until they are answered."""
        self._inside += 1
        try:
            yield
        finally:
            self._inside -= 1

    def holds(self, more: int) -> bool:
        """Count bytes of a body, negative ones when it is let go; False when there is no room for them."""
        most = MOST_BYTES_AT_ONCE if self.size.bytes_at_once is None else self.size.bytes_at_once
        if more > 0 and self._bytes + more > most:
            return False
        self._bytes += more
        return True


def shares() -> dict[str, Share]:
    return {name: Share(name, size) for name, size in SIZES.items()}
