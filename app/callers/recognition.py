"""Who is calling, and about which open case? Known from the number alone: a hint, never proof."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class OpenCase:
    key: str
    subject: str
    team: str
    status: str
    url: str
    opened_at: datetime
    owner: str | None  # an agent's key
    handled_at: datetime | None  # the last contact on it
    handled_by: str | None = None  # the agent of that contact
    avoided: str | None = None  # the agent whom the caller would rather not speak to about it
    priority: str = "normal"


@dataclass(frozen=True)
class OwedPromise:
    """A callback that is still owed to the caller's number."""

    id: int
    agent: str | None
    case: str | None
    customer: str | None
    due_at: datetime
    is_being_rung: bool = False  # somebody is about to ring them, or was a moment ago
    made_at: datetime | None = None  # None: long ago
    was_broken: bool = False  # an earlier time passed, and it was promised anew


@dataclass(frozen=True)
class KnownCustomer:
    key: str
    name: str
    language: str
    tags: tuple[str, ...]
    cases: tuple[OpenCase, ...]  # the likeliest first


@dataclass(frozen=True)
class Caller:
    """Everybody whom the number may belong to, the likeliest first; nobody when it is unknown or withheld."""

    e164: str | None
    customers: tuple[KnownCustomer, ...] = ()
    promise: OwedPromise | None = None  # the most urgent that is owed to the number

    @property
    def customer(self) -> KnownCustomer | None:
        return self.customers[0] if self.customers else None

    @property
    def case(self) -> OpenCase | None:
        customer = self.customer
        return customer.cases[0] if customer is not None and customer.cases else None

    @property
    def is_known(self) -> bool:
        return bool(self.customers)


def recognise(
    e164: str | None, customers: Sequence[KnownCustomer], promises: Sequence[OwedPromise] = ()
) -> Caller:
    """Put the customers of a number, and their open cases, in the order in which they are likely meant.

    Whom and what an open promise is about comes first, the most urgent before the others; then the most
    recent contact on an open case; then the case that was opened most recently.
    """
    if e164 is None:
        return Caller(None)
    urgent_first = sorted(promises, key=lambda promise: (promise.due_at, promise.id))
    # The earlier it is due, the higher; zero for whom or what nothing is owed.
    urgency = {promise: len(urgent_first) - at for at, promise in enumerate(urgent_first)}
    of_case = {promise.case: urgency[promise] for promise in reversed(urgent_first)}
    of_customer = {promise.customer: urgency[promise] for promise in reversed(urgent_first)}

    def case_order(case: OpenCase) -> tuple[int, datetime, datetime]:
        return of_case.get(case.key, 0), case.handled_at or _NEVER, case.opened_at

    sorted_customers = [
        replace(customer, cases=tuple(sorted(customer.cases, key=case_order, reverse=True)))
        # Of most callers there is one, with one case.
        if len(customer.cases) > 1
        else customer
        for customer in customers
    ]

    def customer_order(customer: KnownCustomer) -> tuple[int, datetime, bool]:
        handled = max((case.handled_at or _NEVER for case in customer.cases), default=_NEVER)
        return of_customer.get(customer.key, 0), handled, bool(customer.cases)

    sorted_customers.sort(key=customer_order, reverse=True)
    return Caller(e164, tuple(sorted_customers), urgent_first[0] if urgent_first else None)
