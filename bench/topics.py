"""Is it heard what callers are about? `python -m bench.topics`: shares of sentences that nobody learnt from.

The held-out sentences stand in tests/topics/held_out.txt: other topics than a pack's, each with fifteen words
as an admin would give them. Each way of teaching is tried on them, and on what a recogniser makes of them.
So are those of tests/topics/asked.txt, which are about the pack's topics or near to them. Its first half may
be looked at where something is mended, its second half tells what came of it.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.topics import packs, training
from app.topics.fitted import Fitted
from app.topics.spoiling import spoiled
from app.topics.store import Known
from app.topics.training import Report

_TESTS = Path(__file__).parent.parent / "tests/topics"
HELD_OUT, ASKED = _TESTS / "held_out.txt", _TESTS / "asked.txt"
FIRST_HALF, SECOND_HALF = 0, 1
NONE = "geen"  # what is no topic


@dataclass(frozen=True)
class Said:
    """A held-out sentence, and which topics are right; none: it is a human's."""

    text: str
    right: frozenset[str]


@dataclass(frozen=True)
class Shares:
    """What came of sentences: shares of 1."""

    right_of_routed: float
    to_a_human: float
    no_topic_to_a_human: float
    right_of_sure: float  # with what is about no topic
    milliseconds: float  # each

    def __str__(self) -> str:
        return (
            f"right of routed {self.right_of_routed:.1%}, to a human {self.to_a_human:.1%}, "
            f"no topic to a human {self.no_topic_to_a_human:.1%}, right of sure {self.right_of_sure:.1%}, "
            f"{self.milliseconds:.2f} ms each"
        )


@dataclass(frozen=True)
class HeldOut:
    """The topics of the held-out set, and what was said of each."""

    topics: tuple[Known, ...]
    said: Mapping[str, Sequence[str]]
    of_pack: Mapping[str, frozenset[str]]  # what each is called in the pack

    def sentences(self, *, by_pack: bool = False, every: int = 1, start: int = 0) -> list[Said]:
        """Return the sentences, or each `every`th from `start` on, with the right topics."""
        found = []
        for key, texts in self.said.items():
            names = self.of_pack.get(key, frozenset()) if by_pack else frozenset({key} - {NONE})
            found += [Said(text, names) for text in texts[start::every]]
        return found


def held_out() -> HeldOut:
    said, of_pack, known = {}, {}, []
    for one in packs.read(HELD_OUT):
        texts = list(one.sentences())
        marks = [text for text in texts if text.startswith("pack:")]
        said[one.key] = [text for text in texts if text not in marks]
        of_pack[one.key] = frozenset(name.strip() for mark in marks for name in mark[5:].split(","))
        if one.key != NONE:
            known.append(Known(one.key, one.name, one.team, one.words, "nl"))
    return HeldOut(tuple(known), said, of_pack)


def asked(half: int, of: HeldOut | None = None) -> list[Said]:
    """Return half of the sentences that are near to the pack's topics or about them.

    With `of` its topics are the right ones, and what none of them is about is left out.
    """
    found = []
    for one in packs.read(ASKED):
        right = frozenset({one.key} - {NONE})
        if of is not None:
            right = frozenset(key for key, names in of.of_pack.items() if names & right)
        if right or one.key == NONE:
            found += [Said(text, right) for text in list(one.sentences())[half::2]]
    return found


def by_words(of: HeldOut) -> Fitted:
    """Learn from fifteen words a topic alone."""
    return training.fit(of.topics, [])[0]


def by_pack() -> Fitted:
    """Learn from the pack as it is loaded."""
    pack = packs.pack("nl-municipality")
    known = [Known(one.key, one.name, one.team, one.words, "nl") for one in pack]
    return training.fit(known, [(text, one.key) for one in pack for text in one.sentences()])[0]


def by_examples(of: HeldOut, said: Sequence[Said]) -> Fitted:
    """Learn from the words, and from sentences that belong to one topic."""
    examples = [(one.text, key) for one in said if len(one.right) == 1 for key in one.right]
    return training.fit(of.topics, examples)[0]


def shares(fitted: Fitted, said: Sequence[Said], *, is_spoiled: bool = False) -> Shares:
    """Return what comes of sentences, as they stand or as a recogniser spoils them."""
    texts = [spoiled(one.text, place) if is_spoiled else one.text for place, one in enumerate(said)]
    began = time.perf_counter()
    guesses = [fitted.guess(text) for text in texts]
    milliseconds = 1000 * (time.perf_counter() - began) / len(texts)
    sure = [bool(guess.topic) and guess.score >= fitted.trust.sure_from for guess in guesses]
    routed = [place for place, one in enumerate(said) if sure[place] and one.right]
    with_topic = sum(bool(one.right) for one in said)
    without = len(said) - with_topic
    wrongly = sum(sure) - len(routed)
    right = sum(guesses[place].topic in said[place].right for place in routed)
    return Shares(
        right / len(routed) if routed else 1.0,
        1 - len(routed) / with_topic if with_topic else 0.0,
        1 - wrongly / without if without else 1.0,
        right / sum(sure) if any(sure) else 1.0,
        milliseconds,
    )


def tried() -> Iterator[tuple[str, Shares]]:
    """Yield each way of teaching with what came of it."""
    of = held_out()
    words, pack = by_words(of), by_pack()
    halves = [of.sentences(every=2, start=half) for half in (FIRST_HALF, SECOND_HALF)]
    first, second = asked(FIRST_HALF), asked(SECOND_HALF)
    ways = [
        ("fifteen words", words, of.sentences()),
        ("the pack", pack, of.sentences(by_pack=True)),
        ("words and one half as examples", by_examples(of, halves[0]), halves[1]),
        ("words and the other half as examples", by_examples(of, halves[1]), halves[0]),
        ("fifteen words, asked, first half", words, asked(FIRST_HALF, of)),
        ("fifteen words, asked, second half", words, asked(SECOND_HALF, of)),
        ("the pack, asked, first half", pack, first),
        ("the pack, asked, second half", pack, second),
        (
            "words and the first half as examples, asked",
            by_examples(of, asked(FIRST_HALF, of)),
            asked(SECOND_HALF, of),
        ),
    ]
    for name, fitted, said in ways:
        yield name, shares(fitted, said)
        yield f"{name}, spoiled", shares(fitted, said, is_spoiled=True)


def by_ways() -> Report:
    """Learn from the pack without whole ways of saying, a sixth of them at a time, and try those."""
    pack = packs.pack("nl-municipality")
    known = [Known(one.key, one.name, one.team, one.words, "nl") for one in pack]
    way_of = packs.ways("nl-municipality")
    part = {way: place % 6 for place, way in enumerate(sorted(set(way_of.values())))}
    examples = [(text, one.key) for one in pack for text in one.sentences()]
    return training.without(known, examples, {text: part[way] for text, way in way_of.items()})


def main() -> None:
    for name, found in tried():
        print(f"{name:52s} {found}", flush=True)
    print("the pack, whole ways of saying left out:", by_ways())


if __name__ == "__main__":
    main()
