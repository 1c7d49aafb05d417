"""Who is on the line, among all our customers? Found by name, key, case or telephone number."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, column, func, literal_column, select, table
from sqlalchemy.orm import Session

from app.callers.numbers import to_e164
from app.desk import customer_cards
from app.desk.customer_cards import CaseCard, CustomerCard
from app.desk.masking import masked_phone
from app.records.callers import Case, Customer, CustomerNumber

SHORTEST, LONGEST = 2, 200
FOUND_SHOWN = 10
# Of a name that many have, so many are looked at for the likeliest; more letters find the others.
MOST_OF_A_NAME = 200
CASES_SHOWN = 4
# A word of a name is found without what stands on or under its letters; the same as in migration 0013.
_PLAIN = {
    ord(letter): plain
    for plain, letters in {
        "a": "àáâãäåāăąæ",
        "c": "çćč",
        "d": "ďđ",
        "e": "èéêëēėęě",
        "g": "ğ",
        "i": "ìíîïīįı",
        "l": "ľł",
        "n": "ñńň",
        "o": "òóôõöøőœ",
        "r": "ŕř",
        "s": "śšșşß",
        "t": "ťț",
        "u": "ùúûüūůűų",
        "y": "ýÿ",
        "z": "źžż",
    }.items()
    for letter in letters
}


@dataclass(frozen=True)
class Found:
    """One customer who may be meant."""

    customer: CustomerCard
    phone: str  # masked; empty: none is known
    has_this_number: bool  # the one that the call comes from
    cases: tuple[CaseCard, ...]  # open ones, and the one that was asked for
    more_cases: bool


@dataclass(frozen=True)
class Findings:
    asked: str
    found: tuple[Found, ...]
    more: bool  # there are others; more letters, or a number, tell them apart
    is_too_short: bool


def find(
    session: Session, asked: str, number: str | None, country: str, agent: str, names: dict[str, str]
) -> Findings:
    """Return the likeliest customers for what an agent typed; `number` is the one that the call comes from.

    What names one customer or case comes before who merely has such a name. National telephone numbers are
    those of `country`.
    """
    asked = " ".join(asked[:LONGEST].split())
    if len(asked) < SHORTEST:
        return Findings(asked, (), more=False, is_too_short=True)
    case = _case_called(session, asked)
    keys = [case.customer] if case is not None else []
    keys += session.scalars(select(Customer.key).where(Customer.key.in_(_spellings(asked))))
    limit = FOUND_SHOWN + 1
    if (e164 := to_e164(asked, country)) is not None:
        having = select(CustomerNumber.customer).where(CustomerNumber.e164 == e164)
        keys += customer_cards.likeliest(session, having, limit)
    if words := _words_of(asked):
        # First the keys, then who they are: for so few of them no database looks through all customers.
        named = list(session.scalars(_named(session, words)))
        keys += customer_cards.likeliest(session, named, limit)
    keys = list(dict.fromkeys(keys))
    cards = customer_cards.cards(session, keys[:FOUND_SHOWN], agent, names)
    numbers = _numbers_of(session, [card.key for card in cards])
    wanted = case.key if case is not None else None
    found = tuple(_found(card, numbers.get(card.key, ()), number, wanted) for card in cards)
    return Findings(asked, found, more=len(keys) > FOUND_SHOWN, is_too_short=False)


def keys_of(session: Session, asked: str) -> list[str]:
    """Return the keys of the customers who are called so: by their key, else by words of their name."""
    asked = " ".join(asked[:LONGEST].split())
    if keys := session.scalars(select(Customer.key).where(Customer.key.in_(_spellings(asked)))).all():
        return list(keys)
    words = _words_of(asked) if len(asked) >= SHORTEST else []
    return list(session.scalars(_named(session, words))) if words else []


def _spellings(key: str) -> set[str]:
    return {key, key.upper(), key.lower()}


def _case_called(session: Session, asked: str) -> Case | None:
    return session.scalar(select(Case).where(Case.key.in_(_spellings(asked))).limit(1))


def _words_of(name: str) -> list[str]:
    """Return the words of a name as the databases keep them: small and plain letters."""
    return re.findall(r"[^\W_]+", unicodedata.normalize("NFC", name).lower().translate(_PLAIN))


def _named(session: Session, words: Sequence[str]) -> Select[str]:
    """Return what selects who has a name with words that begin so, as each database finds it."""
    if session.get_bind().dialect.name == "sqlite":
        return _named_in_sqlite(session, words)
    # A word has letters and digits alone: nothing in it means anything to the query.
    asked = " & ".join(f"{word}:*" for word in words)
    simple: ColumnElement[str] = literal_column("'simple'")
    name = func.to_tsvector(simple, func.plain_name(Customer.name))
    return select(Customer.key).where(name.op("@@")(func.to_tsquery(simple, asked))).limit(MOST_OF_A_NAME)


_words = table("customer_words", column("word"), column("customer"))


def _named_in_sqlite(session: Session, words: Sequence[str]) -> Select[str]:
    # The longest leads, as few have it, unless another is rarer by far.
    first, *others = sorted(words, key=len, reverse=True)
    if others:
        first, *others = sorted(words, key=lambda word: _how_many_have(session, word))
    statement: Select[str] = select(_words.c.customer).where(*_begins(_words.c.word, first))
    for word in others:
        another = _words.alias()
        same = another.c.customer == _words.c.customer
        statement = statement.where(
            select(another.c.word).where(same, *_begins(another.c.word, word)).exists()
        )
    return statement.distinct().limit(MOST_OF_A_NAME)


def _how_many_have(session: Session, word: str) -> int:
    """Return how many names have such a word; a few hundred are many."""
    some = select(_words.c.word).where(*_begins(_words.c.word, word)).limit(MOST_OF_A_NAME).subquery()
    return session.scalar(select(func.count()).select_from(some)) or 0


def _begins(column: ColumnElement[str], word: str) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions for a word that begins so: a range and no LIKE, so that it goes by the index."""
    return column >= word, column < word + "\U0010ffff"


def _numbers_of(session: Session, keys: Sequence[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    rows = (
        select(CustomerNumber)
        .where(CustomerNumber.customer.in_(keys))
        .order_by(CustomerNumber.customer, CustomerNumber.position)
    )
    for row in session.scalars(rows) if keys else ():
        found.setdefault(row.customer, []).append(row.e164)
    return found


def _found(card: CustomerCard, numbers: Sequence[str], number: str | None, wanted: str | None) -> Found:
    ours = [case for case in card.cases if case.key == wanted or case.is_open]
    ours.sort(key=lambda case: case.key != wanted)
    has_this_number = number is not None and number in numbers
    shown = number if number is not None and has_this_number else next(iter(numbers), None)
    return Found(
        customer=card,
        phone=masked_phone(shown) if shown is not None else "",
        has_this_number=has_this_number,
        cases=tuple(ours[:CASES_SHOWN]),
        more_cases=len(ours) > CASES_SHOWN,
    )
