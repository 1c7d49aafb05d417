"""Which topic is this about, and may we be sure? What the call, the API and the page all ask."""

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.db import Reader
from app.topics import hearing, store
from app.topics.by_words import AHEAD, ENOUGH, ByWords
from app.topics.store import Known

if TYPE_CHECKING:
    from app.topics.fitted import Fitted

log = logging.getLogger(__name__)

# A longer story is heard up to here: what it is about is said first.
LONGEST_HEARD = 1000


@dataclass(frozen=True)
class Match:
    """What a sentence is about. Where `sure` is false a human decides, and `topic` is but the likeliest."""

    topic: str | None
    team: str | None
    score: float  # of 0 to 1: how often such a guess is right
    why: tuple[str, ...]  # the words that told, the most telling first
    sure: bool


NOTHING = Match(None, None, 0.0, (), False)


def match(reader: Reader, text: str, language: str | None = None) -> Match:
    """Tell which topic a sentence is about. Asks the database one thing, and nobody outside.

    `language` is what the speaker is taken to speak; it is heard from the sentence where that tells.
    """
    return _current(reader).match(text[:LONGEST_HEARD], language)


class Matcher:
    """All that is known of topics at one revision, and what was learnt, be it from an earlier one."""

    def __init__(
        self, known: Sequence[Known], learnt: "Fitted | None" = None, *, is_current: bool = True
    ) -> None:
        """`is_current`: nothing was changed since it was learnt."""
        self._known = {one.key: one for one in known}
        self._learnt = learnt
        # Until it is learnt from, what was changed is met by its words alone; new topics come first.
        new = [one for one in known if learnt is None or one.key not in learnt.topics]
        self._new = ByWords(new) if new else None
        self._all = ByWords(known) if learnt is not None and not is_current else None

    def match(self, text: str, language: str | None) -> Match:
        new = self._met(self._new, text, language)
        if self._learnt is None or new.sure:
            return new
        guess = self._learnt.guess(text, language)
        topic = self._known.get(guess.topic)
        if topic is not None and guess.score >= self._learnt.trust.sure_from:
            return Match(topic.key, topic.team, guess.score, guess.why, True)
        met = self._met(self._all, text, language)
        if topic is None or met.sure:
            return met if met.sure else new
        return Match(topic.key, topic.team, guess.score, guess.why, False)

    def _met(self, by_words: ByWords | None, text: str, language: str | None) -> Match:
        if by_words is None:
            return NOTHING
        spoken = hearing.language_of(hearing.words(text), language or hearing.NL)
        scores, why = by_words.scores(text, spoken)
        if not scores:
            return NOTHING
        first, second = sorted([*scores.values(), 0.0], reverse=True)[:2]
        topic = max(scores, key=lambda one: scores[one])
        is_sure = first >= ENOUGH and first >= AHEAD * second
        score = round(first / (first + second + 0.5), 3)
        return Match(topic, self._known[topic].team, score, tuple(why[topic]), is_sure)


_lock = threading.Lock()
_read: tuple[tuple[int, int | None], Matcher] | None = None


def _current(reader: Reader) -> Matcher:
    """Return the matcher of what stands in the database now; read again only after a change."""
    global _read
    numbers = store.revision(reader)
    if numbers is None:
        return Matcher(())
    read = _read
    if read is None or read[0] != numbers:
        with _lock:
            read = _read
            if read is None or read[0] != numbers:
                read = _read = (numbers, _read_all(reader, is_current=numbers[0] == numbers[1]))
    return read[1]


def _read_all(reader: Reader, *, is_current: bool) -> Matcher:
    known = store.topics(reader)
    kept = store.learnt(reader)
    if kept is None:
        return Matcher(known)
    # Only here are arrays needed, which a process that hears nobody does without.
    from app.topics.fitted import Fitted

    try:
        return Matcher(known, Fitted.from_bytes(kept), is_current=is_current)
    except (ValueError, KeyError, OSError):
        # The words still serve, and what can't be read is learnt anew with the next change.
        log.exception("what was learnt of topics can't be read")
        return Matcher(known)
