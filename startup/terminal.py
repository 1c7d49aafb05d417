"""How do the words of several processes become readable in one terminal?"""

import json
import os
import sys
from contextlib import suppress
from datetime import datetime
from typing import TextIO

COLOURS = (36, 33, 32, 35, 34, 31)
OUR_NAME = "start"
# What a log line carries besides its message; all else in it is shown as name=value.
SHOWN_APART = ("message", "level", "at", "logger")
LEVELS_WORTH_SHOWING = ("WARNING", "ERROR", "CRITICAL")


class Terminal:
    """Whole lines, each with the name of who says it. Falls silent, without failing, when nobody listens."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream: TextIO | None = stream or sys.stdout
        self._colourful = self._stream.isatty() and not os.environ.get("NO_COLOR")
        self._colours: dict[str, int] = {}
        self._unfinished: dict[str, bytes] = {}

    def say(self, line: str = "") -> None:
        """Say something of our own."""
        self._write(line)

    def feed(self, name: str, words: bytes) -> None:
        """Take what a process said, in whatever pieces it arrives; show its whole lines."""
        *lines, rest = (self._unfinished.pop(name, b"") + words).split(b"\n")
        if rest:
            self._unfinished[name] = rest
        for line in lines:
            self._show(name, line)

    def finish(self, name: str) -> None:
        """The process said its last: show also what did not end in a line's end."""
        if rest := self._unfinished.pop(name, b""):
            self._show(name, rest)

    def _show(self, name: str, line: bytes) -> None:
        text = readable(line.decode("utf-8", "replace").rstrip("\r"))
        label = f"{name:<9}│"
        if self._colourful:
            label = f"\x1b[{self._colour(name)}m{label}\x1b[0m"
        self._write(f"{label} {text}")

    def _colour(self, name: str) -> int:
        return self._colours.setdefault(name, COLOURS[len(self._colours) % len(COLOURS)])

    def _write(self, line: str) -> None:
        if self._stream is None:
            return
        try:
            self._stream.write(line + "\n")
            self._stream.flush()
        except (OSError, ValueError):
            # The terminal was closed, or the pager at the other end quit; stopping in order matters more.
            self._stream = None
            # The interpreter would flush standard output once more at its end, and fail there.
            with suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def readable(line: str) -> str:
    """Return a JSON log line as a person reads it; any other line as it is."""
    if not line.startswith("{"):
        return line
    try:
        record = json.loads(line)
    except ValueError:
        return line
    if not isinstance(record, dict) or "message" not in record:
        return line
    level = str(record.get("level", "")).upper()
    more = [
        f"{name}={value}" for name, value in record.items() if name not in SHOWN_APART and value is not None
    ]
    words = [
        _clock(record.get("at")),
        level if level in LEVELS_WORTH_SHOWING else "",
        str(record["message"]),
    ]
    return " ".join([*filter(None, words), *more])


def _clock(moment: object) -> str:
    """`2026-11-22T01:02:03.456+00:00` -> the local `02:02:03`, or nothing when it is no such moment."""
    try:
        return datetime.fromisoformat(str(moment)).astimezone().strftime("%H:%M:%S")
    except ValueError:
        return ""
