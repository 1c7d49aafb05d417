"""How does a caller still reach a human when the database is gone? The same telephones, with less known.

Nothing here touches the database or Redis: where the call stands is in the address that the carrier asks
next, which is signed as every other. What must be kept goes to a spool on disk, and is merged later.
"""

import fcntl
import json
import logging
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from app.carrier import twiml
from app.carrier.words import CARRIER_SAYS_ENDED, DialEnded
from app.catalogue import LANGUAGES, text
from app.voice.outage.snapshot import Keeper, KnownAgent

log = logging.getLogger(__name__)

RING_SECONDS = 25
MOST_AT_ONCE = 10

# The rungs, in order; each leads to the next when nobody answered.
OWNER, TEAM, FALLBACK, MESSAGE = "owner", "team", "fallback", "message"
RUNGS = (OWNER, TEAM, FALLBACK, MESSAGE)


@dataclass(frozen=True)
class Degraded:
    """What is left to work with."""

    public_url: str
    language: str
    fallback_numbers: tuple[str, ...]
    keeper: Keeper | None  # None in the fallback process, which knows nobody

    def answer(
        self,
        rung: str,
        line: str,
        from_e164: str | None,
        *,
        said: tuple[str, ...] = (),
        caller_id: str | None = None,
    ) -> bytes:
        """Return the first thing that can be done from this rung on; the last one always can.

        `caller_id` is what the telephones show when the carrier can't pass on the caller's own number.
        """
        team, language = self._line(line)
        for candidate in RUNGS[RUNGS.index(rung) if rung in RUNGS else 0 :]:
            sentences = [text(f"say.{code}", language) for code in said]
            if (
                reply := self._try(candidate, line, team, language, from_e164, sentences, caller_id)
            ) is not None:
                return reply
        raise AssertionError("a message can always be taken")

    def after(self, rung: str, line: str, dial: DialEnded, caller_id: str | None = None) -> bytes:
        """A rung is over: goodbye after a conversation, the next rung otherwise."""
        _, language = self._line(line)
        if talked(dial) or dial.call_status in CARRIER_SAYS_ENDED or rung not in RUNGS:
            return twiml.farewell(said=(), language=language)
        following = RUNGS[min(RUNGS.index(rung) + 1, len(RUNGS) - 1)]
        return self.answer(following, line, None, said=("something_wrong",), caller_id=caller_id)

    def thanks(self, line: str, *, kept: bool) -> bytes:
        """Thank for a message; where not even the disk could keep it, say so."""
        _, language = self._line(line)
        said = "message_thanks" if kept else "promise_not_kept_safe"
        return twiml.farewell(said=[text(f"say.{said}", language)], language=language)

    def whisper(self, line: str, action: str | None = None) -> bytes:
        """Ask whoever answered whether they are there, without knowing their name.

        `action` is where their yes goes, when the ring is one that was written down.
        """
        _, language = self._line(line)
        said = text("say.whisper_nameless", language)
        action = action or self._address("accept", line)
        return twiml.whisper_at(said=said, language=language, action=action)

    def _try(
        self,
        rung: str,
        line: str,
        team: str,
        language: str,
        from_e164: str | None,
        sentences: list[str],
        caller_id: str | None,
    ) -> bytes | None:
        action = self._address(f"after/{rung}", line)
        match rung:
            case "owner" | "team":
                agents = self._owner(from_e164) if rung == OWNER else self._team(team, from_e164)
                if not agents:
                    return None
                clients = [one.endpoint.identity for one in agents if one.endpoint.identity]
                numbers = [one.endpoint.number for one in agents if one.endpoint.number]
            case "fallback":
                clients, numbers = [], list(self.fallback_numbers)
                if not numbers:
                    return None
            case _:
                return twiml.take_message(
                    said=[text("say.leave_message", language)],
                    language=language,
                    action=self._address("thanks", line),
                    status_url=self._address("recording", line),
                    goodbye=text("say.leave_message_silent", language),
                )
        return twiml.ring_numbers(
            said=sentences,
            language=language,
            clients=clients,
            numbers=numbers,
            action=action,
            whisper=self._address("whisper", line),
            seconds=RING_SECONDS,
            caller_id=caller_id,
        )

    def _owner(self, from_e164: str | None) -> list[KnownAgent]:
        if self.keeper is None or (owner := self.keeper.owner(from_e164)) is None:
            return []
        return self.keeper.take([owner], from_e164, most=1, seconds=RING_SECONDS)

    def _team(self, team: str, from_e164: str | None) -> list[KnownAgent]:
        if self.keeper is None:
            return []
        agents = [agent for agent in self.keeper.snapshot.agents.values() if agent.free]
        # A colleague of another team who answers is better than nobody.
        nearest_first = sorted(agents, key=lambda agent: agent.team != team)
        keys = [agent.key for agent in nearest_first]
        return self.keeper.take(keys, from_e164, MOST_AT_ONCE, RING_SECONDS)

    def _line(self, line: str) -> tuple[str, str]:
        known = self.keeper.snapshot.lines.get(line) if self.keeper else None
        team, language = known or ("", self.language)
        return team, language if language in LANGUAGES else LANGUAGES[0]

    def _address(self, what: str, line: str) -> str:
        return f"{self.public_url}/voice/degraded/{what}?{urlencode({'line': line})}"


def talked(dial: DialEnded) -> bool:
    """Tell whether a ring that is over came to a conversation."""
    return dial.status in ("completed", "answered") and dial.bridged is not False


@dataclass(frozen=True)
class Spool:
    """Facts that must not be lost, as lines of JSON on this machine's disk, each fsynced before it counts."""

    folder: Path

    def keep(self, kind: str, fields: dict[str, Any]) -> bool:
        """Append one fact; False when even the disk refuses: the caller comes first all the same."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            line = json.dumps({"kind": kind, **fields}, ensure_ascii=False) + "\n"
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
