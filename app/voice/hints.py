"""Which words is the recogniser to expect of whom nobody knows? What callers may be about to say here.

The words of our own topics, and how numbers of our cases begin; nothing of any customer.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, zip_longest

from sqlalchemy import select

from app.db import Reader
from app.records.callers import Case
from app.topics import store
from app.topics.store import Known

# https://www.twilio.com/docs/api/errors/13330 takes 500 entries of 100 characters. Fewer, since with many
# a recogniser begins to hear them where they weren't said.
MOST = 200
LONGEST = 100
# What people say at such a question whatever the organisation; in both languages, as both are understood.
_OF_EVERY_CALL = (
    *("zaaknummer", "dossiernummer", "mijn naam is", "postcode", "huisnummer", "een medewerker graag"),
    *("case number", "my name is", "postal code", "speak to someone"),
)
_CASES_LOOKED_AT = 20
_LEAST_ALIKE = 10
_BEGINS = re.compile(r"([A-Za-z]{1,4}(?![A-Za-z]))?[^A-Za-z0-9]*((?:19|20)\d\d(?=[^0-9]))?")

_read: tuple[int, tuple[Known, ...]] | None = None


def at_open_question(reader: Reader, team: str | None) -> tuple[str, ...]:
    """Return words and phrases to expect on a line of this team, its own topics' first; no comma in any."""
    known = sorted(_topics(reader), key=lambda one: one.team != team)
    of_topics = _in_turns([(one.name, *one.words, *one.learnt) for one in known])
    found = chain(_OF_EVERY_CALL, _of_cases(reader), of_topics)
    return tuple(_plain(found))


def _topics(reader: Reader) -> tuple[Known, ...]:
    """Return all topics; read again only after a change."""
    global _read
    numbers = store.revision(reader)
    if numbers is None:
        return ()
    if _read is None or _read[0] != numbers[0]:
        _read = (numbers[0], tuple(store.topics(reader)))
    return _read[1]


def _in_turns(of_each: Sequence[Iterable[str]]) -> Iterator[str]:
    """Yield the first of each, then the second of each: none is left out for another's many."""
    return (one for turn in zip_longest(*of_each) for one in turn if one is not None)


def _of_cases(reader: Reader) -> Iterator[str]:
    """Yield how numbers of our cases begin, where they all begin alike: their letters, and a year."""
    keys = reader.scalars(select(Case.key).order_by(Case.key.desc()).limit(_CASES_LOOKED_AT))
    begins = Counter(found.groups("") for key in keys if (found := _BEGINS.match(key)) is not None)
    for (letters, year), times in begins.most_common(1):
        start = " ".join(one for one in (letters.upper(), year) if one)
        if start and times >= _LEAST_ALIKE:
            yield from (f"{word} {start}" for word in ("zaaknummer", "zaak", "case number"))


def _plain(phrases: Iterable[str]) -> Iterator[str]:
    seen: set[str] = set()
    for phrase in phrases:
        plain = " ".join(re.sub(r"[^\w'’-]", " ", phrase).split())
        if plain and len(plain) <= LONGEST and plain.lower() not in seen and len(seen) < MOST:
            seen.add(plain.lower())
            yield plain
