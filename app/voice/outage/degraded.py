"""How does a caller still reach a human when the database is gone? The same telephones, with less known.

Nothing here touches the database or Redis: where the call stands is in the address that the carrier asks
next, which is signed as every other. What must be kept goes to a spool on disk, and is merged later.
"""

from dataclasses import dataclass
from urllib.parse import urlencode

from app.carrier import twiml
from app.carrier.words import CARRIER_SAYS_ENDED, DialEnded
from app.catalogue import LANGUAGES, text
from app.voice.outage.snapshot import Keeper, KnownAgent

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
                clients, numbers = [], self._fallback(line)
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

    def _fallback(self, line: str) -> list[str]:
        """Return the telephones for emergencies, without lines of ours: a call there would ring itself."""
        ours = {line, *(self.keeper.snapshot.lines if self.keeper else ())}
        return [number for number in self.fallback_numbers if number not in ours]

    def _line(self, line: str) -> tuple[str, str]:
        known = self.keeper.snapshot.lines.get(line) if self.keeper else None
        team, language = known or ("", self.language)
        return team, language if language in LANGUAGES else LANGUAGES[0]

    def _address(self, what: str, line: str) -> str:
        return f"{self.public_url}/voice/degraded/{what}?{urlencode({'line': line})}"


def talked(dial: DialEnded) -> bool:
    """Tell whether a ring that is over came to a conversation."""
    return dial.status in ("completed", "answered") and dial.bridged is not False
