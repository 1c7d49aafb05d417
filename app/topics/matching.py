"""Which topic is this about, and may we be sure? What the call, the API and the page all ask."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from app.db import Reader
from app.topics import hearing, store
from app.topics.by_words import AHEAD, ENOUGH, ByWords
from app.topics.store import Known


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
    return _current(reader).match(text, language)


class Matcher:
    """All that is known of topics at one revision."""

    def __init__(self, known: Sequence[Known]) -> None:
        self._known = {one.key: one for one in known}
        self._by_words = ByWords(known)

    def match(self, text: str, language: str | None) -> Match:
        spoken = hearing.language_of(hearing.words(text), language or hearing.NL)
        scores, why = self._by_words.scores(text, spoken)
        if not scores:
            return NOTHING
        first, second = sorted([*scores.values(), 0.0], reverse=True)[:2]
        topic = max(scores, key=lambda one: scores[one])
        is_sure = first >= ENOUGH and first >= AHEAD * second
        score = round(first / (first + second + 0.5), 3)
        return Match(topic, self._known[topic].team, score, tuple(why[topic]), is_sure)


_lock = threading.Lock()
_read: tuple[int, Matcher] | None = None


def _current(reader: Reader) -> Matcher:
    """Return the matcher of what stands in the database now; read again only after a change."""
    global _read
    number = store.revision(reader)
    if number is None:
        return Matcher(())
    read = _read
    if read is None or read[0] != number:
        with _lock:
            read = _read
            if read is None or read[0] != number:
                read = _read = (number, Matcher(store.topics(reader)))
    return read[1]
