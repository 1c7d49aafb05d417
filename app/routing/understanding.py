"""What did whom nobody knows say? A case, who they are, or what it is about; in doubt nothing.

Nothing of it is spoken: it chooses who is rung, and what they see as said, not as known.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, func, literal_column, select

from app.db import Reader
from app.records.callers import Case, Customer, digits_of
from app.routing.situation import Heard, TakenFor
from app.speech import names, spoken
from app.speech.kinds import Kind
from app.topics import matching

LONGEST = 1000  # of what is kept
# A recogniser that is less sure than this of all it wrote has heard no number and no name.
LEAST_CONFIDENCE = 0.35
# So many live in an area of four digits at the most, in the largest cities; of more nobody is looked for.
MOST_OF_AN_AREA = 5000
# As the index has it.
_area: ColumnElement[str] = func.substr(Customer.postcode, literal_column("1"), literal_column("4"))
_MOST_NUMBERS = 4
_LEAST_DIGITS = 3


@dataclass(frozen=True)
class Understood:
    """What was said, and what it is taken for."""

    text: str
    heard: Heard
    score: float = 0.0  # of the topic's match
    why: tuple[str, ...] = ()  # the words that told the topic
    confidence: float | None = None  # the recogniser's own

    def as_json(self) -> dict[str, Any]:
        """Return it as a call keeps it: see reading.heard_of()."""
        heard = {name: value for name, value in vars(self.heard).items() if value is not None}
        told: dict[str, Any] = {"text": self.text, "score": self.score, "why": list(self.why)}
        return told | {"confidence": self.confidence} | heard | {"taken_for": str(self.heard.taken_for)}


def understand(
    reader: Reader, text: str, *, language: str, country: str, confidence: float | None = None
) -> Understood:
    """Return what an answer to the open question is taken for; silence and doubt are answers, too."""
    said = " ".join(text.split())[:LONGEST]
    if not said:
        return Understood("", Heard(TakenFor.SILENCE))
    if confidence is None or confidence >= LEAST_CONFIDENCE:
        found = spoken.numbers(said, country)
        case = _case(reader, found)
        if case is not None:
            heard = Heard(TakenFor.CASE, customer=case.customer, case=case.key)
            return Understood(said, heard, confidence=confidence)
        customer = _customer(reader, said, found)
        if customer is not None:
            return Understood(said, Heard(TakenFor.NAME, customer=customer), confidence=confidence)
    match = matching.match(reader, said, language)
    if match.sure and match.topic is not None:
        heard = Heard(TakenFor.TOPIC, topic=match.topic, team=match.team)
        return Understood(said, heard, match.score, match.why, confidence)
    return Understood(said, Heard(TakenFor.NOTHING), match.score, match.why, confidence)


@dataclass(frozen=True)
class _Found:
    key: str
    customer: str


def _case(reader: Reader, said: list[spoken.Spoken]) -> _Found | None:
    """Return the one case whose number was said; None where there is none, or more than one."""
    numbers = [one.digits for one in said if one.kind == Kind.CASE][:_MOST_NUMBERS]
    wanted = {digits: number for number in numbers if len(digits := digits_of(number)) >= _LEAST_DIGITS}
    if not wanted:
        return None
    rows = reader.execute(
        select(Case.key, Case.customer, Case.digits).where(Case.digits.in_(list(wanted))).limit(10)
    ).all()
    fits = [row for row in rows if _letters_fit(wanted[row.digits], row.key)]
    return _Found(fits[0].key, fits[0].customer) if len(fits) == 1 else None


def _letters_fit(said: str, key: str) -> bool:
    """Tell whether letters that were said are the key's; whoever says none leaves them out."""
    letters = "".join(one for one in said.upper() if one.isalpha())
    return letters in "".join(one for one in key.upper() if one.isalpha())


def _customer(reader: Reader, text: str, said: list[spoken.Spoken]) -> str | None:
    """Return the customer whose name and whole postcode were said; None for nobody, or two alike."""
    codes = {one.digits for one in said if one.kind == Kind.POSTCODE and len(one.digits) == 6}
    if len(codes) != 1:
        return None
    code = codes.pop()
    rows = reader.execute(
        select(Customer.key, Customer.name, Customer.postcode)
        .where(_area == code[:4])
        .limit(MOST_OF_AN_AREA + 1)
    ).all()
    if len(rows) > MOST_OF_AN_AREA:
        return None
    living_there = {row.key: row.name for row in rows if row.postcode.replace(" ", "").upper() == code}
    named = names.who_was_named(text, living_there)
    return named.key if named is not None else None
