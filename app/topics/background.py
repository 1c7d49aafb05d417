"""What may be taken from a pack for topics that somebody else thought of?

A pack knows how people talk about some hundred small matters. An admin's fifteen words, or their examples,
tell which of these are theirs: then all that is known of it helps. What belongs to no topic of theirs is told
as such, so that a caller with another organisation's matter reaches a human.
"""

from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import dataclass

from app.topics import hearing, packs
from app.topics.by_words import ByWords
from app.topics.fitted import NO_TOPIC
from app.topics.store import Known

# A large matter is a topic's when so much of it has its words, and so much more than the next one's; all its
# small matters go with it.
SHARE_OF_ALL, AHEAD_OF_ALL = 0.1, 2.5
# One of these by itself takes more; against the large one that it is of, more still.
SHARE, SHARE_AGAINST, AHEAD = 0.25, 0.4, 1.5
# From here on it is doubtful whose it is, and nobody learns from it.
DOUBT = 0.15
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
    explained: set[str] = set()
    for name in packs.names():
        for topic in packs.pack(name):
            of_groups = {group: _hits(topic, group, by_words, labels) for group in _groups(topic)}
            of_all: Counter[str] = sum((hits for hits, _ in of_groups.values()), Counter())
            size = sum(number for _, number in of_groups.values())
            lent = _owner(of_all, size, SHARE_OF_ALL, AHEAD_OF_ALL)
            explained |= {lent} if lent else set()
            for group, (hits, number) in of_groups.items():
                own = _owner(hits, number, SHARE_AGAINST if lent else SHARE, AHEAD)
                if own is None and _is_doubtful(hits, number, lent):
                    continue
                found += _of_group(topic, group, own or lent or NO_TOPIC, labels)
    found += [Sentence(text, NO_TOPIC, 1.0, True) for text in packs.no_topic()]
    found += [Sentence(text, NO_TOPIC, 1.0, False) for text in packs.no_topic_terms()]
    return [one for one in found if one.topic or not _is_met(one.text, by_words, explained)]


def _is_met(text: str, by_words: ByWords, explained: Set[str]) -> bool:
    """Tell whether what others take for nobody's matter may be a topic's of theirs.

    A bank's customer who speaks of a card means one of the bank's topics. Of a topic that a pack knows it is
    known what it isn't: who reports a theft to the police says “aangifte” and means no birth.
    """
    scores, _ = by_words.scores(text, hearing.language_of(hearing.words(text)))
    return any(score >= MET for topic, score in scores.items() if topic not in explained)


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


def _is_doubtful(hits: Counter[str], number: int, lent: str | None) -> bool:
    """Tell whether another topic than that of the large matter has much of a small one."""
    return any(topic != lent and count >= max(3, DOUBT * number) for topic, count in hits.items())


def _of_group(topic: packs.PackTopic, group: str, owner: str, labels: dict[str, str]) -> list[Sentence]:
    worth = WORTH if owner else WORTH_NOBODYS
    said = [Sentence(text, owner, worth, True) for text in topic.says.get(group, ()) if text not in labels]
    return said + [Sentence(text, owner, worth, False) for text in topic.terms.get(group, ())]
