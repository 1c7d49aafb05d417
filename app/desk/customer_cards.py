"""Whom may a call be about? Customers with their cases as the desk shows them, the likeliest first."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import Session

from app.records.callers import IS_OPEN, Case, CaseStatus, Customer, CustomerNumber
from app.records.calls import Call
from app.records.promises import IS_OWED, Promise

CUSTOMERS_SHOWN = 20  # a switchboard stands with hundreds


@dataclass(frozen=True)
class CaseCard:
    key: str
    subject: str
    team: str
    status: CaseStatus
    priority: str
    opened_at: datetime
    url: str  # https, or empty
    owner: str | None  # a name
    owner_is_reader: bool
    avoided: str | None  # the name of whom the customer would rather not speak to about it
    last_contact_at: datetime | None

    @property
    def is_open(self) -> bool:
        return self.status != CaseStatus.SOLVED


@dataclass(frozen=True)
class CustomerCard:
    key: str
    name: str
    postcode: str
    tags: tuple[str, ...]
    language: str
    cases: tuple[CaseCard, ...]  # what is owed first, then open ones


def of_call(
    session: Session, call: Call, agent: str, names: dict[str, str]
) -> tuple[tuple[CustomerCard, ...], bool]:
    """Return whom it may be: whom the call is about, then who else has its number; and if there are more."""
    of_number = select(CustomerNumber.customer).where(CustomerNumber.e164 == call.remote_e164)
    keys = likeliest(session, of_number, CUSTOMERS_SHOWN + 1) if call.remote_e164 is not None else []
    more = len(keys) > CUSTOMERS_SHOWN
    # Whom the call is about, or who they say to be.
    if (first := call.customer or call.claimed) is not None:
        keys = [first, *(key for key in keys if key != first)]
    return cards(session, keys[:CUSTOMERS_SHOWN], agent, names), more


def likeliest(session: Session, wanted: Select[str] | Sequence[str], limit: int) -> list[str]:
    """Return the keys of the likeliest of these customers: of all of them, however many they are.

    Whoever is owed a callback comes first, then who has an open case, the one last handled foremost: as
    recognise() has it for the few that a call is decided by.
    """
    is_theirs: ColumnElement[bool] = Case.customer == Customer.key
    is_owed = select(Promise.id).where(Promise.customer == Customer.key, IS_OWED).exists()
    has_open = select(Case.key).where(is_theirs, IS_OPEN).exists()
    handled = select(func.max(Case.last_contact_at)).where(is_theirs, IS_OPEN).scalar_subquery()
    order = (is_owed.desc(), has_open.desc(), handled.desc().nulls_last(), Customer.name, Customer.key)
    statement = select(Customer.key).where(Customer.key.in_(wanted)).order_by(*order).limit(limit)
    return list(session.scalars(statement))


def cards(
    session: Session, keys: Sequence[str], agent: str, names: dict[str, str]
) -> tuple[CustomerCard, ...]:
    """Return these customers in this order, for one read each of customers, cases and what is owed."""
    if not keys:
        return ()
    rows = {row.key: row for row in session.scalars(select(Customer).where(Customer.key.in_(keys)))}
    cases = session.scalars(select(Case).where(Case.customer.in_(keys))).all()
    owed = set(session.scalars(select(Promise.case).where(Promise.customer.in_(keys), IS_OWED)))
    return tuple(
        _customer_card(rows[key], [case for case in cases if case.customer == key], owed, agent, names)
        for key in keys
        if key in rows
    )


def _customer_card(
    customer: Customer, cases: list[Case], owed: set[str | None], agent: str, names: dict[str, str]
) -> CustomerCard:
    newest_first = sorted(cases, key=lambda case: case.last_contact_at or case.opened_at, reverse=True)
    open_first = sorted(newest_first, key=lambda case: (case.key not in owed, not case.is_open))
    return CustomerCard(
        key=customer.key,
        name=customer.name,
        postcode=customer.postcode,
        tags=tuple(customer.tags),
        language=customer.language,
        cases=tuple(_case_card(case, agent, names) for case in open_first),
    )


def _case_card(case: Case, agent: str, names: dict[str, str]) -> CaseCard:
    return CaseCard(
        key=case.key,
        subject=case.subject,
        team=case.team,
        status=case.status,
        priority=case.priority,
        opened_at=case.opened_at,
        # A link is opened by a person who trusts it: nothing but the web, encrypted.
        url=case.url if case.url.startswith("https://") else "",
        owner=names.get(case.owner or "", case.owner),
        owner_is_reader=case.owner == agent,
        avoided=names.get(case.avoided_agent or "", case.avoided_agent),
        last_contact_at=case.last_contact_at,
    )
