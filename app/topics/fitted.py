"""What was learnt of topics: how sentences are weighed with it, how it is kept. Arrays and names, no code."""

import io
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from math import exp, log, sqrt

import numpy as np

from app.topics import hearing
from app.topics.hearing import Compounds

# No topic of anybody's: a class of its own among the topics.
NO_TOPIC = ""
WHOLE, PIECES = 0, 1
MOST_WHY = 4
# Beneath this it is more likely about nothing than about the likeliest topic.
UNLIKELY = 0.25
_BOTH = (hearing.NL, hearing.EN)

Floats = np.ndarray[tuple[int, ...], np.dtype[np.float32]]


@dataclass(frozen=True)
class Vocabulary:
    """Which features are known, in two kinds that are weighed apart, and how rare each of them is."""

    names: tuple[tuple[str, ...], tuple[str, ...]]
    rarity: tuple[Floats, Floats]
    compounds: Compounds

    @classmethod
    def of(cls, sentences: Iterable[str], compounds: Compounds) -> "Vocabulary":
        counts: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
        number = 0
        for text in sentences:
            number += 1
            for kind, found in enumerate(features(text, compounds)):
                counts[kind].update(set(found))
        names = (tuple(sorted(counts[WHOLE])), tuple(sorted(counts[PIECES])))
        rarity = tuple(
            np.array([log((1 + number) / (1 + counts[kind][name])) + 1 for name in names[kind]], np.float32)
            for kind in (WHOLE, PIECES)
        )
        return cls(names, (rarity[0], rarity[1]), compounds)

    @cached_property
    def places(self) -> tuple[dict[str, int], dict[str, int]]:
        """Return the row of each feature: those of the second kind come after those of the first."""
        first, second = self.names
        start = len(first)
        return (
            {name: place for place, name in enumerate(first)},
            {name: start + place for place, name in enumerate(second)},
        )

    def weigh(self, text: str, language: str | None = None) -> dict[int, float]:
        """Return the rows of a sentence's known features with their weights; each kind has length one."""
        found: dict[int, float] = {}
        for kind, names in enumerate(features(text, self.compounds, language)):
            places, rarity = self.places[kind], self.rarity[kind]
            start = len(self.names[WHOLE]) if kind == PIECES else 0
            counts = Counter(place for name in names if (place := places.get(name)) is not None)
            weights = {place: (1 + log(n)) * float(rarity[place - start]) for place, n in counts.items()}
            length = sqrt(sum(weight * weight for weight in weights.values())) or 1.0
            found |= {place: weight / length for place, weight in weights.items()}
        return found


def features(text: str, compounds: Compounds, language: str | None = None) -> tuple[list[str], list[str]]:
    """Return what a sentence's words, and pieces of them, say."""
    said = hearing.words(text)
    spoken = hearing.language_of(said, language or hearing.NL)
    return list(hearing.whole(said, spoken, compounds)), list(hearing.pieces(said))


@dataclass(frozen=True)
class Guess:
    """The likeliest topic (NO_TOPIC: none), how often such a guess is right, and the words that told."""

    topic: str
    score: float
    why: tuple[str, ...]


@dataclass(frozen=True)
class Trust:
    """How right a guess is: by how far it is ahead, how much of it there is, and how much was met before."""

    weights: tuple[float, ...]
    bias: float
    sure_from: float  # a score of which nearly all are right

    def score(self, what: tuple[float, ...]) -> float:
        """Return how often such a guess is right; `what` is of Fitted.look()."""
        value = self.bias + sum(weight * one for weight, one in zip(self.weights, what, strict=True))
        return 1 / (1 + exp(-max(-30.0, min(30.0, value))))


EVIDENCE = 19
FEW_WORDS, SOME_WORDS, MANY_WORDS = 3, 6, 15


def _evidence(
    top: float, second: float, none: float, telling: int, met: int, words: int
) -> tuple[float, ...]:
    """Return what speaks for a guess, and against it.

    What it weighs, the next topic, and that it is about none; how many words there were, how many of these
    tell, and how many of those were met before. Far off, and far ahead, count otherwise than a little.
    """
    known = met / telling
    return (
        *(top, top - second, none, top - none, known, float(telling < 2)),
        *(min(telling, SOME_WORDS) / SOME_WORDS, min(telling - met, FEW_WORDS) / FEW_WORDS),
        *(min(words, MANY_WORDS) / MANY_WORDS, min(top, 0.0) ** 2, min(top - second, 0.5)),
        *(min(top - none, 0.5), min(top - none, 0.0), none**2, top * none, top**2),
        *(log(1 + exp(-4 * max(none, -10.0))), known * top, known * none),
    )


@dataclass(frozen=True)
class Fitted:
    """All that a worker learnt of one revision."""

    topics: tuple[str, ...]  # NO_TOPIC among them
    vocabulary: Vocabulary
    weights: Floats  # a row for each feature, a column for each topic
    bias: Floats
    trust: Trust
    known_words: tuple[str, ...] = field(repr=False, default=())

    def weighed(self, text: str, language: str | None = None) -> Floats:
        """Return what a sentence weighs for each topic."""
        found = self.vocabulary.weigh(text, language)
        if not found:
            return self.bias
        rows = self.weights[list(found)].astype(np.float32)
        weighed: Floats = np.array(list(found.values()), np.float32) @ rows + self.bias
        return weighed

    def look(self, text: str, language: str | None = None) -> tuple[str, tuple[float, ...]]:
        """Return the likeliest topic, and what speaks for it, EVIDENCE figures; NO_TOPIC: nothing was met."""
        said = hearing.words(text)
        telling = hearing.telling(said)
        met = sum(self._is_met(word) for word in telling)
        if not met:
            return NO_TOPIC, (0.0,) * EVIDENCE
        weighed = dict(zip(self.topics, map(float, self.weighed(text, language)), strict=True))
        none = weighed.pop(NO_TOPIC, -1.0)
        if not weighed:
            return NO_TOPIC, (0.0,) * EVIDENCE
        best = max(weighed, key=lambda topic: weighed[topic])
        top = weighed.pop(best)
        second = max(weighed.values(), default=-1.0)
        return best, _evidence(top, second, none, len(telling), met, len(said))

    def _is_met(self, word: str) -> bool:
        """Tell whether a word, or one within it, told something where this was learnt, in either language."""
        places = self.vocabulary.places[WHOLE]
        stems = [
            (one, language) for one in (word, *self.vocabulary.compounds.parts(word)) for language in _BOTH
        ]
        rows = [places.get("w:" + hearing.stem(one, language)) for one, language in stems]
        return any(row is not None and bool(self.weights[row].any()) for row in rows)

    def guess(self, text: str, language: str | None = None) -> Guess:
        topic, what = self.look(text, language)
        score = self.trust.score(what)
        if topic == NO_TOPIC or score < UNLIKELY:
            return Guess(NO_TOPIC, 0.0, ())
        why = self._why(text, self.topics.index(topic), language)
        return Guess(topic, round(score, 3), why)

    def _why(self, text: str, topic: int, language: str | None) -> tuple[str, ...]:
        """Return the words that speak most for a topic."""
        worth: dict[str, float] = {}
        for word in dict.fromkeys(hearing.telling(hearing.words(text))):
            found = self.vocabulary.weigh(word, language)
            if found:
                column = self.weights[list(found), topic].astype(np.float32)
                worth[word] = float(np.array(list(found.values()), np.float32) @ column)
        most = max(worth.values(), default=0.0)
        told = sorted(
            (word for word in worth if worth[word] > max(0.1, most / 3)), key=lambda one: -worth[one]
        )
        return tuple(told[:MOST_WHY])

    # --- kept, and read again --------------------------------------------------------------------------

    def as_bytes(self) -> bytes:
        head = {
            "topics": self.topics,
            "trust": [list(self.trust.weights), self.trust.bias, self.trust.sure_from],
        }
        kept = io.BytesIO()
        np.savez_compressed(
            kept,
            head=_text([json.dumps(head)]),
            whole=_text(self.vocabulary.names[WHOLE]),
            pieces=_text(self.vocabulary.names[PIECES]),
            words=_text(self.known_words),
            rarity_whole=self.vocabulary.rarity[WHOLE].astype(np.float16),
            rarity_pieces=self.vocabulary.rarity[PIECES].astype(np.float16),
            weights=self.weights.astype(np.float16),
            bias=self.bias,
        )
        return kept.getvalue()

    @classmethod
    def from_bytes(cls, kept: bytes) -> "Fitted":
        """Read what as_bytes() wrote. No object is ever made of it but arrays and texts."""
        with np.load(io.BytesIO(kept), allow_pickle=False) as read:
            head = json.loads(_lines(read["head"])[0])
            words = _lines(read["words"])
            vocabulary = Vocabulary(
                (_lines(read["whole"]), _lines(read["pieces"])),
                (read["rarity_whole"].astype(np.float32), read["rarity_pieces"].astype(np.float32)),
                Compounds(set(words)),
            )
            weights, bias, sure_from = head["trust"]
            trust = Trust(tuple(weights), bias, sure_from)
            return cls(tuple(head["topics"]), vocabulary, read["weights"], read["bias"], trust, words)


def _text(lines: Sequence[str]) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.frombuffer("\n".join(lines).encode(), np.uint8)


def _lines(kept: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> tuple[str, ...]:
    text = kept.tobytes().decode()
    return tuple(text.split("\n")) if text else ()
