"""Who is on the line, among all our customers? Found by name, key, case or telephone number."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Select, select
from sqlalchemy.orm import Session, aliased

from app.callers.numbers import to_e164
from app.desk import customer_cards
from app.desk.customer_cards import CaseCard, CustomerCard
from app.desk.masking import masked_phone
from app.records.callers import Case, Customer, CustomerNumber, CustomerWord, words_of_name

SHORTEST, LONGEST = 2, 200
FOUND_SHOWN = 10
# Of a name that many have, so many are looked at for the likeliest; more letters find the others.
MOST_OF_A_NAME = 200
CASES_SHOWN = 4


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
    if words := words_of_name(asked):
        # First the keys, then who they are: for so few of them no database looks through all customers.
        named = list(session.scalars(_named(words)))
        keys += customer_cards.likeliest(session, named, limit)
    keys = list(dict.fromkeys(keys))
    cards = customer_cards.cards(session, keys[:FOUND_SHOWN], agent, names)
    numbers = _numbers_of(session, [card.key for card in cards])
    wanted = case.key if case is not None else None
    found = tuple(_found(card, numbers.get(card.key, ()), number, wanted) for card in cards)
    return Findings(asked, found, more=len(keys) > FOUND_SHOWN, is_too_short=False)


def _spellings(key: str) -> set[str]:
    return {key, key.upper(), key.lower()}


def _case_called(session: Session, asked: str) -> Case | None:
    return session.scalar(select(Case).where(Case.key.in_(_spellings(asked))).limit(1))


def _named(words: Sequence[str]) -> Select[str]:
    """Return what selects who has a name with words that begin so; the longest leads, as few have it."""
    first, *others = sorted(words, key=len, reverse=True)
    statement = select(CustomerWord.customer).where(_begins(CustomerWord, first))
    for word in others:
        another = aliased(CustomerWord)
        statement = statement.where(
            select(another.word)
            .where(another.customer == CustomerWord.customer, _begins(another, word))
            .exists()
        )
    return statement.limit(MOST_OF_A_NAME)


def _begins(words: type[CustomerWord], with_: str) -> ColumnElement[bool]:
    # A range and no LIKE, so that either database goes by its index.
    return (words.word >= with_) & (words.word < with_ + "\U0010ffff")


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
