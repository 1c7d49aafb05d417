"""What can be learnt from an admin's words and examples? Done in a worker, or by a command: it takes seconds.

scikit-learn is imported here only, and only when something is learnt.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np

from app.topics import background, hearing, packs
from app.topics.background import Sentence
from app.topics.fitted import EVIDENCE, NO_TOPIC, Fitted, Floats, Trust, Vocabulary
from app.topics.hearing import Compounds
from app.topics.spoiling import spoiled
from app.topics.store import Known

# How much a word of the admin's counts, beside a sentence that somebody really said.
WORTH_OF_WORD = 1.0
# And a sentence as a recogniser may write it, beside the sentence.
WORTH_AS_HEARD = 0.5
_OTHERWISE = 100_000  # spoiled otherwise than what it is tried with
FOLDS = 3
PLIANCY = 1.0  # of the support vector machine: how far single sentences may bend it
# Of what is called sure so much must be right, on sentences that it had not seen, and so much of what is
# about no topic must go to a human. Of what has a topic more than is promised, since callers are no authors
# of packs; of what has none no more, since half of it was written to be as near to topics as can be.
PROMISED, PROMISED_OF_NONE = 0.96, 0.95
# A topic that is mistaken for another counts less than a matter of nobody's that is taken for one: there are
# hardly any of the former left.
WORTH_OF_A_NEIGHBOUR = 0.4
# Where there are fewer sentences than this to try it with, a guess must be surer.
ENOUGH_TRIED, SURE_WITHOUT = 60, 0.8
UNTRIED = (2.0, 2.0, 0.0, 0.0, 1.0, -0.5, *(0.0 for _ in range(6)), 8.0, *(0.0 for _ in range(EVIDENCE - 13)))
# However right all of it was, with less than this it is a guess: callers say what no example says.
LEAST_SURE = 0.75


@dataclass(frozen=True)
class Report:
    """How right it was on sentences that it had not seen, as they stand and as a recogniser spoils them.

    Shares of 1: of those with a topic and called sure how many were right, of those with a topic how many
    went to a human, and of those without one.
    """

    sentences: int
    tried: int
    right_of_sure: float
    to_a_human: float
    no_topic_to_a_human: float
    right_when_spoiled: float
    human_when_spoiled: float
    # How many sentences of the packs taught each topic, whoever made it.
    of_packs: Mapping[str, int] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def fit(known: Sequence[Known], examples: Sequence[tuple[str, str | None]]) -> tuple[Fitted, Report]:
    """Learn from topics and examples, and from what the packs know of such topics."""
    taught = _everything(known, examples)
    words = {word for one in taught for word in hearing.words(one.text)}
    vocabulary = Vocabulary.of((one.text for one in taught), Compounds(words))
    topics = tuple(sorted({one.topic for one in taught}))
    taught = _with_as_heard(taught)
    rows = _rows(vocabulary, [one.text for one in taught])
    trust, report = _tried(vocabulary, rows, taught, topics)
    weights, bias = _learn(rows, taught, topics)
    # So little says nothing, and takes room.
    weights[np.abs(weights) < 0.01] = 0
    learnt = Fitted(topics, vocabulary, weights, bias, trust, tuple(sorted(words)))
    return learnt, replace(report, of_packs=_of_packs(taught))


def _of_packs(taught: Sequence[Sentence]) -> dict[str, int]:
    said = {text for name in packs.names() for topic in packs.pack(name) for text in topic.sentences()}
    theirs = [one for one in taught if one.is_said and one.text in said]
    return dict(Counter(one.topic for one in theirs if one.topic != NO_TOPIC))


def without(
    known: Sequence[Known], examples: Sequence[tuple[str, str | None]], part_of: Mapping[str, int]
) -> Report:
    """Return how right it is on parts of what was said, each left out in turn: nothing alike is learnt.

    `part_of` gives the part of each sentence; what it doesn't name is always learnt from. The trust is
    that of what is learnt from everything.
    """
    trust = fit(known, examples)[0].trust
    taught = _everything(known, examples)
    topics = tuple(sorted({one.topic for one in taught}))
    seen: list[Seen] = []
    for part in sorted(set(part_of.values())):
        out = [one for one in taught if one.is_said and part_of.get(one.text) == part]
        kept = [one for one in taught if not (one.is_said and part_of.get(one.text) == part)]
        words = {word for one in kept for word in hearing.words(one.text)}
        vocabulary = Vocabulary.of((one.text for one in kept), Compounds(words))
        kept = _with_as_heard(kept)
        weights, bias = _learn(_rows(vocabulary, [one.text for one in kept]), kept, topics)
        tried = Fitted(topics, vocabulary, weights, bias, trust)
        for place, one in enumerate(out):
            seen.append(_seen(tried, one.text, one.topic))
            seen.append(_seen(tried, spoiled(one.text, place), one.topic, is_spoiled=True))
    return _report(seen, trust, len(taught))


def _everything(known: Sequence[Known], examples: Sequence[tuple[str, str | None]]) -> list[Sentence]:
    keys = {one.key for one in known}
    taught = [Sentence(text, topic or NO_TOPIC, 1.0, True) for text, topic in examples]
    taught = [one for one in taught if one.topic in keys or one.topic == NO_TOPIC]
    for one in known:
        for phrase in (one.name, *one.words, *one.learnt):
            taught.append(Sentence(phrase, one.key, WORTH_OF_WORD, False))
    taught += background.sentences(known, examples)
    return [one for one in taught if hearing.words(one.text)]


def _with_as_heard(taught: Sequence[Sentence]) -> list[Sentence]:
    """Return what there is to learn from, and behind it each sentence again as a recogniser may write it.

    A word that was heard otherwise then weighs what it should, and what is left of a sentence still tells.
    """
    return [
        *taught,
        *(
            Sentence(spoiled(one.text, _OTHERWISE + place), one.topic, one.worth * WORTH_AS_HEARD, False)
            for place, one in enumerate(taught)
            if one.is_said
        ),
    ]


def _rows(vocabulary: Vocabulary, texts: Sequence[str]) -> Any:
    from scipy.sparse import csr_matrix

    weighed = [vocabulary.weigh(text) for text in texts]
    places = [place for one in weighed for place in one]
    values = [value for one in weighed for value in one.values()]
    starts = np.cumsum([0, *map(len, weighed)])
    width = sum(map(len, vocabulary.names))
    return csr_matrix((values, places, starts), shape=(len(texts), width), dtype=np.float64)


def _learn(rows: Any, taught: Sequence[Sentence], topics: Sequence[str]) -> tuple[Floats, Floats]:
    """Return the weights of each feature for each topic, one topic against all others."""
    from sklearn.svm import LinearSVC

    place = {topic: column for column, topic in enumerate(topics)}
    weights = np.zeros((rows.shape[1], len(topics)), np.float32)
    bias = np.full(len(topics), -1.0, np.float32)
    machine = LinearSVC(C=PLIANCY, random_state=7)
    machine.fit(rows, [one.topic for one in taught], sample_weight=[one.worth for one in taught])
    if len(machine.classes_) == 2:  # one column for the two of them
        pairs = [(machine.classes_[0], -1.0), (machine.classes_[1], 1.0)]
        for topic, sign in pairs:
            weights[:, place[topic]] = sign * machine.coef_[0]
            bias[place[topic]] = sign * machine.intercept_[0]
        return weights, bias
    for column, topic in enumerate(machine.classes_):
        weights[:, place[topic]] = machine.coef_[column]
        bias[place[topic]] = machine.intercept_[column]
    return weights, bias


@dataclass(frozen=True)
class Seen:
    """What it made of a sentence that it had not learnt from."""

    what: tuple[float, ...]  # see Fitted.look()
    is_right: bool
    is_routed: bool
    has_topic: bool
    is_spoiled: bool


def _tried(
    vocabulary: Vocabulary, rows: Any, taught: Sequence[Sentence], topics: Sequence[str]
) -> tuple[Trust, Report]:
    """Try it on sentences that it had not seen, and find out from where on it may be sure."""
    said = [place for place, one in enumerate(taught) if one.is_said]
    # Some of every topic in each fold, the same each time.
    mixed = sorted(said, key=lambda place: (taught[place].topic, taught[place].text[::-1]))
    fold = {place: number % FOLDS for number, place in enumerate(mixed)}
    # What was made of a sentence is left out with it.
    clear = len(taught) - len(said)
    fold |= {clear + number: fold[place] for number, place in enumerate(said)}
    seen: list[Seen] = []
    for number in range(FOLDS):
        kept = [place for place in range(len(taught)) if fold.get(place) != number]
        weights, bias = _learn(rows[kept], [taught[place] for place in kept], topics)
        tried = Fitted(tuple(topics), vocabulary, weights, bias, Trust((0.0,) * EVIDENCE, 0, 1))
        for place in (place for place in said if fold[place] == number):
            text, topic = taught[place].text, taught[place].topic
            seen += [_seen(tried, text, topic), _seen(tried, spoiled(text, place), topic, is_spoiled=True)]
    trust = _trust(seen)
    return trust, _report(seen, trust, len(taught))


def _seen(tried: Fitted, text: str, topic: str, *, is_spoiled: bool = False) -> Seen:
    guessed, what = tried.look(text)
    return Seen(what, guessed == topic, guessed != NO_TOPIC, topic != NO_TOPIC, is_spoiled)


def _trust(seen: Sequence[Seen]) -> Trust:
    """Find how right a guess is, and from which score on the promise holds."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    routed = [one for one in seen if one.is_routed]
    if len(routed) < ENOUGH_TRIED or len({one.is_right for one in routed}) < 2:
        return Trust(UNTRIED, 0.5, SURE_WITHOUT)
    scale = StandardScaler().fit([one.what for one in routed])
    worth = [WORTH_OF_A_NEIGHBOUR if one.has_topic and not one.is_right else 1.0 for one in routed]
    model = LogisticRegression(C=1.0, max_iter=500).fit(
        scale.transform([one.what for one in routed]), [one.is_right for one in routed], sample_weight=worth
    )
    weights = model.coef_[0] / scale.scale_
    bias = float(model.intercept_[0] - weights @ scale.mean_)
    trust = Trust(tuple(map(float, weights)), bias, 1.0)
    clear = sorted(
        ((trust.score(one.what), one) for one in routed if not one.is_spoiled), key=lambda pair: -pair[0]
    )
    of_none = sum(not one.has_topic and not one.is_spoiled for one in seen)
    sure_from, right, wrongly = 1.0, 0, 0
    for number, (score, one) in enumerate(clear, start=1):
        right += one.is_right
        wrongly += not one.has_topic
        if right >= PROMISED * (number - wrongly) and wrongly <= (1 - PROMISED_OF_NONE) * of_none:
            sure_from = score
    return Trust(trust.weights, trust.bias, max(sure_from, LEAST_SURE))


def _report(seen: Sequence[Seen], trust: Trust, sentences: int) -> Report:
    def is_sure(one: Seen) -> bool:
        return one.is_routed and trust.score(one.what) >= trust.sure_from

    def shares(part: Sequence[Seen]) -> tuple[float, float, float]:
        return (
            _share(one.is_right for one in part if one.has_topic and is_sure(one)),
            _share(not is_sure(one) for one in part if one.has_topic),
            _share(not is_sure(one) for one in part if not one.has_topic),
        )

    clear = shares([one for one in seen if not one.is_spoiled])
    as_heard = shares([one for one in seen if one.is_spoiled])
    return Report(sentences, len(seen) // 2, *clear, *as_heard[:2])


def _share(of: Iterable[bool]) -> float:
    values = list(of)
    return round(sum(values) / len(values), 3) if values else 1.0
