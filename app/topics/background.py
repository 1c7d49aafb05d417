"""What may be taken from a pack for topics that somebody else thought of?

A pack knows how people talk about some hundred small matters. An admin's fifteen words, or their examples,
tell which of these are theirs: then all that is known of it helps. What belongs to no topic of theirs is told
as such, so that a caller with another organisation's matter reaches a human.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from app.topics import hearing, packs
from app.topics.by_words import ByWords
from app.topics.fitted import NO_TOPIC
from app.topics.store import Known

# A small matter is a topic's when so much of it has its words, and so much more than the next one's.
SHARE, AHEAD = 0.06, 1.5
# A large one may lend its small ones to the topic, when it is clearer still.
SHARE_OF_ALL, AHEAD_OF_ALL = 0.1, 2.5
# So little of it has anybody's words that it is nobody's here.
NOBODYS = 0.03
MET = 0.5
WORTH, WORTH_NOBODYS = 0.5, 0.4


@dataclass(frozen=True)
class Sentence:
    """Something to learn from: what was said, the topic (NO_TOPIC: none), and what it counts for."""

    text: str
    topic: str
    worth: float
    is_said: bool  # a whole sentence, rather than a word


def sentences(known: Sequence[Known], examples: Sequence[tuple[str, str | None]]) -> list[Sentence]:
    """Return what the packs know that is of use for these topics, beside what they have themselves."""
    by_words = ByWords(known)
    labels = {text: topic for text, topic in examples if topic}
    found: list[Sentence] = []
    for name in packs.names():
        for topic in packs.pack(name):
            of_groups = {group: _hits(topic, group, by_words, labels) for group in _groups(topic)}
            of_all: Counter[str] = sum((hits for hits, _ in of_groups.values()), Counter())
            size = sum(number for _, number in of_groups.values())
            lent = _owner(of_all, size, SHARE_OF_ALL, AHEAD_OF_ALL)
            for group, (hits, number) in of_groups.items():
                owner = _owner(hits, number, SHARE, AHEAD) or lent
                if owner is None and sum(hits.values()) > NOBODYS * number:
                    continue  # somebody's, and nobody knows whose
                found += _of_group(topic, group, owner or NO_TOPIC, labels)
    return found


def _groups(topic: packs.PackTopic) -> list[str]:
    return list(dict.fromkeys([*topic.says, *topic.terms]))


def _hits(
    topic: packs.PackTopic, group: str, by_words: ByWords, labels: dict[str, str]
) -> tuple[Counter[str], int]:
    """Return how many of a group's sentences and words are whose, and of how many."""
    hits: Counter[str] = Counter()
    texts = [*topic.says.get(group, ()), *topic.terms.get(group, ())]
    for text in texts:
        if text in labels:
            hits[labels[text]] += 1
            continue
        scores, _ = by_words.scores(text, hearing.EN if group == packs.ENGLISH else hearing.NL)
        first, second = sorted([*scores.values(), 0.0, 0.0], reverse=True)[:2]
        if first >= MET and first > second:
            hits[max(scores, key=lambda one: scores[one])] += 1
    return hits, len(texts)


def _owner(hits: Counter[str], number: int, share: float, ahead: float) -> str | None:
    (first, most), (_, next_most) = [*hits.most_common(2), ("", 0), ("", 0)][:2]
    return first if most >= max(2, share * number) and most >= ahead * next_most else None


def _of_group(topic: packs.PackTopic, group: str, owner: str, labels: dict[str, str]) -> list[Sentence]:
    worth = WORTH if owner else WORTH_NOBODYS
    said = [Sentence(text, owner, worth, True) for text in topic.says.get(group, ()) if text not in labels]
    return said + [Sentence(text, owner, worth, False) for text in topic.terms.get(group, ())]
