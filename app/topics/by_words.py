"""Which topic has these words? What is asked where nothing has been learnt yet. Pure.

An admin's words are met as they stand, as another form of them, in a compound, and as they sound.
"""

from collections.abc import Sequence
from math import log

from app.topics import hearing
from app.topics.hearing import Compounds
from app.topics.store import Known

# What a meeting is worth: the word itself, a part of a longer one, one that only sounds like it.
WHOLE, PART, SOUND = 1.0, 0.7, 0.6
# A word out of a phrase says less than the phrase.
OF_A_PHRASE = 0.5
# Sure: so much was met, and so much more than of the next one.
ENOUGH, AHEAD = 0.65, 1.6


class ByWords:
    """The words of all topics, ready to be met."""

    def __init__(self, known: Sequence[Known]) -> None:
        self._worth: dict[str, dict[str, float]] = {}
        self.compounds = Compounds(
            {word for one in known for phrase in (*one.words, *one.learnt) for word in hearing.words(phrase)}
        )
        for one in known:
            for phrase in (*one.words, *one.learnt):
                said = hearing.telling(hearing.words(phrase)) or hearing.words(phrase)
                worth = 1.0 if len(said) == 1 else OF_A_PHRASE
                for word in said:
                    self._add("w:" + hearing.stem(word, one.language), one.key, worth)
                    self._add("s:" + hearing.sound(word), one.key, worth * SOUND)
                    for part in self.compounds.parts(word):
                        self._add("w:" + hearing.stem(part, one.language), one.key, worth * PART)
        self._count = len(known)

    def _add(self, feature: str, topic: str, worth: float) -> None:
        of = self._worth.setdefault(feature, {})
        of[topic] = max(of.get(topic, 0.0), worth)

    def scores(self, text: str, language: str) -> tuple[dict[str, float], dict[str, list[str]]]:
        """Return how much of each topic was met, and by which words."""
        scores: dict[str, float] = {}
        why: dict[str, list[str]] = {}
        for word in dict.fromkeys(hearing.telling(hearing.words(text))):
            for topic, worth in self._met(word, language).items():
                scores[topic] = scores.get(topic, 0.0) + worth
                why.setdefault(topic, []).append(word)
        return scores, why

    def _met(self, word: str, language: str) -> dict[str, float]:
        """Return what one word is worth for each topic: the best way in which it is met counts."""
        ways = [("w:" + hearing.stem(word, language), WHOLE), ("s:" + hearing.sound(word), WHOLE)]
        ways += [("w:" + hearing.stem(part, language), PART) for part in self.compounds.parts(word)]
        best: dict[str, float] = {}
        for feature, how in ways:
            of = self._worth.get(feature, {})
            rare = log(1 + self._count / len(of)) / log(1 + self._count) if of else 0.0
            for topic, worth in of.items():
                best[topic] = max(best.get(topic, 0.0), worth * how * rare)
        return best
