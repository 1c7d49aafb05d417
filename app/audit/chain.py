"""Is each line of the log as it was written, and is none missing? Pure: lines in, faults out."""

import hmac
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from app.audit import keys

BEGINNING = "0" * 64


class Kind(StrEnum):
    """What is wrong with a line."""

    CHANGED = "changed"  # it doesn't fit its own hash: changed, put in, or moved here from elsewhere
    MISSING = "missing"  # there is none of that number
    UNLINKED = "unlinked"  # it doesn't hold the hash of the one before
    TWICE = "twice"
    CUT_OFF = "cut_off"  # older ones are gone, and no line says that they were forgotten
    UNKNOWN_KEY = "unknown_key"  # nobody here can check it
    HEAD = "head"  # it isn't where the log stands, as was written down when it was sealed
    ANCHOR = "anchor"  # it isn't what stood here when the anchor was taken


@dataclass(frozen=True)
class Line:
    """An entry as the database has it."""

    number: int
    at: datetime
    sort: str
    what: str
    who: str
    via: str
    why: str
    subject_kind: str
    subject: str
    details: str
    forgets_until: int | None
    key_id: int
    previous: str
    hash: str


@dataclass(frozen=True)
class Head:
    """Where the log stands, as was written down with its last line."""

    number: int
    hash: str
    key_id: int
    mac: str


@dataclass(frozen=True)
class Anchor:
    """A line that somebody noted outside: `NUMBER:HASH`."""

    number: int
    hash: str

    def __str__(self) -> str:
        return f"{self.number}:{self.hash}"

    @classmethod
    def read(cls, text: str) -> "Anchor":
        """Raises ValueError for what is none."""
        number, _, hashed = text.strip().partition(":")
        if not number.isdecimal() or len(hashed) != len(BEGINNING):
            raise ValueError("an anchor is NUMBER:HASH")
        return cls(int(number), hashed)


@dataclass(frozen=True)
class Fault:
    number: int
    kind: Kind
    until: int | None = None  # of several that are missing, the last


def hash_of(key: bytes, line: Line) -> str:
    """Return what a line's hash must be."""
    return keys.mac(
        key,
        str(line.number),
        line.at.astimezone(UTC).isoformat(timespec="microseconds"),
        *(line.sort, line.what, line.who, line.via, line.why, line.subject_kind, line.subject),
        *(line.details, str(line.forgets_until or ""), str(line.key_id), line.previous),
    )


def head_mac(key: bytes, number: int, hashed: str) -> str:
    return keys.mac(key, "head", str(number), hashed)


def details_as_text(details: Mapping[str, object]) -> str:
    """Return details as they are kept: the same text for the same details, whichever database."""
    return json.dumps(details, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def faults(
    lines: Iterable[Line],
    head: Head | None,
    known: Mapping[int, bytes],
    *,
    anchor: Anchor | None = None,
    is_begun: bool = True,
) -> Iterator[Fault]:
    """Yield all that is wrong, in the order of the lines, which come by their numbers.

    With an anchor `lines` are those from it on. Each line is held against its own hash, and against the hash
    that the one before holds, so one that was changed doesn't make all others wrong. `is_begun` tells whether
    there must be lines at all.
    """
    walk = _Walk(known, anchor)
    for line in lines:
        yield from walk.step(line)
    yield from walk.end(head, is_begun)


class _Walk:
    def __init__(self, known: Mapping[int, bytes], anchor: Anchor | None) -> None:
        self.known, self.anchor = known, anchor
        self.first: Line | None = None
        self.before: Line | None = None
        # What a line that says so says was forgotten: the last of them, and its hash.
        self.forgot: set[tuple[int, str]] = set()

    def step(self, line: Line) -> Iterator[Fault]:
        before = self.before
        if before is None:
            self.first = line
            if self.anchor is not None and (line.number, line.hash) != (self.anchor.number, self.anchor.hash):
                yield Fault(self.anchor.number, Kind.ANCHOR)
        elif line.number == before.number:
            yield Fault(line.number, Kind.TWICE)
            return
        elif line.number > before.number + 1:
            yield Fault(before.number + 1, Kind.MISSING, line.number - 1)
        key = self.known.get(line.key_id)
        if key is None:
            yield Fault(line.number, Kind.UNKNOWN_KEY)
        elif not hmac.compare_digest(hash_of(key, line), line.hash):
            yield Fault(line.number, Kind.CHANGED)
        elif line.forgets_until is not None:
            self.forgot.add((line.forgets_until, str(json.loads(line.details).get("hash"))))
        if before is not None and line.number == before.number + 1 and line.previous != before.hash:
            yield Fault(line.number, Kind.UNLINKED)
        self.before = line

    def end(self, head: Head | None, is_begun: bool) -> Iterator[Fault]:
        first, last = self.first, self.before
        if first is not None and self.anchor is None:
            begins = first.number == 1 and first.previous == BEGINNING
            if not begins and (first.number - 1, first.previous) not in self.forgot:
                yield Fault(first.number, Kind.CUT_OFF)
        if first is None and self.anchor is not None:
            yield Fault(self.anchor.number, Kind.ANCHOR)
        elif head is None:
            if last is not None or is_begun:
                yield Fault(last.number if last else 1, Kind.HEAD)
        else:
            yield from self._at_head(head, last)

    def _at_head(self, head: Head, last: Line | None) -> Iterator[Fault]:
        key = self.known.get(head.key_id)
        if key is None:
            yield Fault(head.number, Kind.UNKNOWN_KEY)
        elif not hmac.compare_digest(head_mac(key, head.number, head.hash), head.mac):
            yield Fault(head.number, Kind.HEAD)
        elif last is None or last.number < head.number:
            yield Fault(last.number + 1 if last else 1, Kind.MISSING, head.number)
        elif (last.number, last.hash) != (head.number, head.hash):
            yield Fault(last.number, Kind.HEAD)
