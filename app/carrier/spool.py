"""Where is the carrier's news kept while there is no database? On this machine's disk."""

import fcntl
import json
import logging
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app import fibers

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Spool:
    """Facts that must not be lost, as lines of JSON on this machine's disk, each fsynced before it counts."""

    folder: Path

    def keep(self, kind: str, fields: dict[str, Any]) -> bool:
        """Append one fact; False when even the disk refuses: the caller comes first all the same."""
        line = json.dumps({"kind": kind, **fields}, ensure_ascii=False) + "\n"
        return fibers.elsewhere(lambda: self._append(line))

    def _append(self, line: str) -> bool:
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            with _held(self.folder / f"{os.getpid()}.jsonl") as descriptor:
                os.write(descriptor, line.encode())
                os.fsync(descriptor)
            return True
        except OSError as error:
            log.error("spool could not be written", extra={"errno": error.errno})
            return False

    def take(self) -> Iterator[tuple[Path, list[dict[str, Any]]]]:
        """Yield each spool file, claimed by renaming it, with its facts; whoever merged them removes it."""
        if not self.folder.is_dir():
            return
        for path in sorted([*self.folder.glob("*.jsonl"), *self.folder.glob("*.merging")]):
            claimed = self.folder / f"{path.stem}-{secrets.token_hex(4)}.merging"
            try:
                claimed = path.rename(claimed) if path.suffix == ".jsonl" else path
                # Whoever opened it before it was renamed is still writing while it is held.
                with claimed.open(encoding="utf-8") as file:
                    fcntl.flock(file, fcntl.LOCK_EX)
                    lines = file.read().split("\n")
            except FileNotFoundError:
                continue  # another process was quicker
            yield claimed, [fact for line in lines if (fact := _parsed(line)) is not None]

    def set_aside(self, fact: dict[str, Any]) -> None:
        """Keep a fact that can't be merged where a person can look at it."""
        with _held(self.folder / "set-aside.txt") as descriptor:
            os.write(descriptor, (json.dumps(fact, ensure_ascii=False) + "\n").encode())
            os.fsync(descriptor)

    def sift(self, is_forgotten: Callable[[dict[str, Any]], bool]) -> None:
        """Take out of what was set aside the facts of whom is forgotten by now."""
        path = self.folder / "set-aside.txt"
        if not path.exists():
            return
        with _held(path) as descriptor:
            lines = path.read_text(encoding="utf-8").split("\n")
            kept = [line for line in lines if (fact := _parsed(line)) is None or not is_forgotten(fact)]
            if len(kept) < len(lines):
                os.ftruncate(descriptor, 0)
                os.write(descriptor, "\n".join(kept).encode())
                os.fsync(descriptor)


@contextmanager
def _held(path: Path) -> Iterator[int]:
    """Open a file to append to, and hold it: whoever takes it away for merging waits for what is written."""
    while True:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _is_still_there(path, descriptor):
                yield descriptor
                return
        finally:
            os.close(descriptor)


def _is_still_there(path: Path, descriptor: int) -> bool:
    """Tell whether the open file is the one that stands at the path; it may just have been taken away."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        fact = json.loads(line)
    except ValueError:
        return None  # torn by a crash in the middle of the write: it never counted
    return fact if isinstance(fact, dict) else None
