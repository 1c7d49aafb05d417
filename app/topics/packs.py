"""What do people phone a municipality about, and in which words? The packs of topics that come with us.

A pack is a text that people can read: `= key | name | team`, then `words: a|b|c`, then ways of saying it,
grouped by what exactly it is about (`- group`; `-en` begins those in English).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent / "packs"
NO_TOPIC = "no-topic"  # what is said on every line, and what is no organisation's of ours
ENGLISH = "en"


@dataclass
class PackTopic:
    """A topic of a pack, with ways in which people say it by what exactly it is about."""

    key: str
    name: str
    team: str
    words: tuple[str, ...] = ()
    says: dict[str, list[str]] = field(default_factory=dict)
    terms: dict[str, list[str]] = field(default_factory=dict)  # words that go with it, by the same groups

    def sentences(self) -> Iterator[str]:
        for group in self.says.values():
            yield from group


def names() -> list[str]:
    return sorted(path.stem for path in FOLDER.glob("*.txt") if path.stem != NO_TOPIC)


@cache
def pack(name: str) -> tuple[PackTopic, ...]:
    """Return the topics of a pack. Raises KeyError for one that isn't there."""
    if name not in names():
        raise KeyError(name)
    return tuple(read(FOLDER / f"{name}.txt"))


@cache
def no_topic() -> tuple[str, ...]:
    """Return sentences that are about no topic of anybody."""
    lines = _lines_of_none()
    return tuple(dict.fromkeys(line for line in lines if not line.startswith(("-", "+"))))


@cache
def no_topic_terms() -> tuple[str, ...]:
    """Return words that go with no topic of anybody."""
    terms = [line.removeprefix("+").split("|") for line in _lines_of_none() if line.startswith("+")]
    return tuple(dict.fromkeys(term.strip() for some in terms for term in some))


def ways(name: str) -> dict[str, str]:
    """Return of which way of saying, or round of writing, each sentence is, of a pack and of no topic."""
    found = {
        text: f"{one.key}/{group}" for one in pack(name) for group, said in one.says.items() for text in said
    }
    way = ""
    for line in _lines_of_none():
        if line.startswith("-"):
            way = line.removeprefix("-").strip()
        elif not line.startswith("+"):
            found.setdefault(line, f"/{way}")
    return found


def _lines_of_none() -> list[str]:
    return list(filter(None, (FOLDER / f"{NO_TOPIC}.txt").read_text(encoding="utf-8").splitlines()))


def read(path: Path) -> list[PackTopic]:
    """Read a text of topics, as a pack has it."""
    found: list[PackTopic] = []
    group = ""
    for line in filter(None, map(str.strip, path.read_text(encoding="utf-8").splitlines())):
        if line.startswith("= "):
            key, *more = (part.strip() for part in line.removeprefix("= ").split("|"))
            name, team = more if more else (key, "")
            found.append(PackTopic(key, name, team))
            group = ""
        elif line.startswith("words:"):
            found[-1].words = tuple(word.strip() for word in line.removeprefix("words:").split("|"))
        elif line.startswith("+"):
            found[-1].terms.setdefault(group, []).extend(
                term.strip() for term in line.removeprefix("+").split("|")
            )
        elif line.startswith("-"):
            group = line.removeprefix("-").strip()
        else:
            found[-1].says.setdefault(group, []).append(line)
    return found
