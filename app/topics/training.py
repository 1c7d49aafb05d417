"""What can be learnt from an admin's words and examples? Done in a worker, or by a command: it takes seconds.

scikit-learn is imported here only, and only when something is learnt.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from app.topics import background, hearing, packs
from app.topics.background import Sentence
from app.topics.fitted import NO_TOPIC, Fitted, Floats, Trust, Vocabulary, evidence
from app.topics.hearing import Compounds
from app.topics.spoiling import spoiled
from app.topics.store import Known

# How much a word of the admin's counts, beside a sentence that somebody really said.
WORTH_OF_WORD = 1.0
FOLDS = 3
PLIANCY = 1.0  # of the support vector machine: how far single sentences may bend it
# Of what is called sure so much must be right, on sentences that it had not seen, clear and spoiled.
PROMISED = 0.96
# Where there are fewer sentences than this to try it with, a guess must be surer.
ENOUGH_TRIED, SURE_WITHOUT = 60, 0.8
# However right all of it was: with less than this it is no more than a guess.
LEAST_SURE = 0.5


@dataclass(frozen=True)
class Report:
    """How right it was on sentences that it had not seen, as they stand and as a recogniser spoils them."""

    sentences: int
    tried: int
    right_of_sure: float
    to_a_human: float
    no_topic_to_a_human: float

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def fit(known: Sequence[Known], examples: Sequence[tuple[str, str | None]]) -> tuple[Fitted, Report]:
    """Learn from topics and examples, and from what the packs know of such topics."""
    taught = _everything(known, examples)
    words = {word for one in taught for word in hearing.words(one.text)}
    vocabulary = Vocabulary.of((one.text for one in taught), Compounds(words))
    topics = tuple(sorted({one.topic for one in taught}))
    rows = _rows(vocabulary, [one.text for one in taught])
    trust, report = _tried(vocabulary, rows, taught, topics)
    weights, bias = _learn(rows, taught, topics)
    # So little says nothing, and takes room.
    weights[np.abs(weights) < 0.01] = 0
    return Fitted(topics, vocabulary, weights, bias, trust, tuple(sorted(words))), report


def _everything(known: Sequence[Known], examples: Sequence[tuple[str, str | None]]) -> list[Sentence]:
    keys = {one.key for one in known}
    taught = [Sentence(text, topic or NO_TOPIC, 1.0, True) for text, topic in examples]
    taught = [one for one in taught if one.topic in keys or one.topic == NO_TOPIC]
    for one in known:
        for phrase in (one.name, *one.words, *one.learnt):
            taught.append(Sentence(phrase, one.key, WORTH_OF_WORD, False))
    taught += background.sentences(known, examples)
    taught += [Sentence(text, NO_TOPIC, 1.0, True) for text in packs.no_topic()]
    return [one for one in taught if hearing.words(one.text)]


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


def _tried(
    vocabulary: Vocabulary, rows: Any, taught: Sequence[Sentence], topics: Sequence[str]
) -> tuple[Trust, Report]:
    """Try it on sentences that it had not seen, and find out from where on it may be sure."""
    said = [place for place, one in enumerate(taught) if one.is_said]
    fold = {place: number % FOLDS for number, place in enumerate(sorted(said, key=_mixed(taught)))}
    seen: list[tuple[tuple[float, ...], bool, bool, bool]] = []  # evidence, right, routed, has a topic
    for number in range(FOLDS):
        kept = [place for place in range(len(taught)) if fold.get(place) != number]
        weights, bias = _learn(rows[kept], [taught[place] for place in kept], topics)
        tried = Fitted(tuple(topics), vocabulary, weights, bias, Trust((0, 0, 0, 0), 0, 1))
        for place in (place for place in said if fold[place] == number):
            one = taught[place]
            for text in (one.text, spoiled(one.text, place)):
                seen.append(_seen(tried, text, one.topic))
    return _trust(seen), _report(seen, _trust(seen), len(taught))


def _mixed(taught: Sequence[Sentence]) -> Any:
    """Order sentences so that each fold has some of every topic, the same each time."""
    return lambda place: (taught[place].topic, taught[place].text[::-1])


def _seen(tried: Fitted, text: str, topic: str) -> tuple[tuple[float, ...], bool, bool, bool]:
    weighed = tried.weighed(text)
    best = int(weighed.argmax())
    top = float(weighed[best])
    ahead = top - float(np.partition(weighed, -2)[-2])
    known, count = tried.vocabulary.known_share(text), len(hearing.telling(hearing.words(text)))
    guessed = tried.topics[best]
    is_routed = guessed != NO_TOPIC and known > 0
    return evidence(top, ahead, known, count), guessed == topic, is_routed, topic != NO_TOPIC


def _trust(seen: Sequence[tuple[tuple[float, ...], bool, bool, bool]]) -> Trust:
    """Find how right a guess is, and from which score on the promise holds."""
    from sklearn.linear_model import LogisticRegression

    routed = [(what, right) for what, right, is_routed, _ in seen if is_routed]
    if len(routed) < ENOUGH_TRIED or len({right for _, right in routed}) < 2:
        return Trust((2.0, 2.0, 1.0, -0.5), 0.5, SURE_WITHOUT)
    model = LogisticRegression(C=1.0).fit([what for what, _ in routed], [right for _, right in routed])
    trust = Trust(tuple(float(one) for one in model.coef_[0]), float(model.intercept_[0]), 1.0)
    scored = sorted(((_score(trust, what), right) for what, right in routed), reverse=True)
    sure_from, right_so_far = 1.0, 0
    for number, (score, right) in enumerate(scored, start=1):
        right_so_far += right
        if right_so_far / number >= PROMISED:
            sure_from = score
    return Trust(trust.weights, trust.bias, max(sure_from, LEAST_SURE))


def _score(trust: Trust, what: tuple[float, ...]) -> float:
    top, ahead, known, is_short = what
    return trust.score(top, ahead, known, 1 if is_short else 2)


def _report(
    seen: Sequence[tuple[tuple[float, ...], bool, bool, bool]], trust: Trust, sentences: int
) -> Report:
    sure = [is_routed and _score(trust, what) >= trust.sure_from for what, _, is_routed, _ in seen]
    of_topics = [place for place, one in enumerate(seen) if one[3]]
    of_none = [place for place, one in enumerate(seen) if not one[3]]
    routed = [place for place in range(len(seen)) if sure[place]]
    return Report(
        sentences,
        len(seen),
        _share(seen[place][1] for place in routed),
        _share(not sure[place] for place in of_topics),
        _share(not sure[place] for place in of_none),
    )


def _share(of: Any) -> float:
    values = list(of)
    return round(sum(values) / len(values), 3) if values else 1.0
