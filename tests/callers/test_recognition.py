"""Who is calling, when the number alone says so?"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from app.callers.recognition import Caller, KnownCustomer, OpenCase, OwedPromise, recognise
from tests.factories import ADA

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


def case(key: str, *, opened: int = 30, handled: int | None = None) -> OpenCase:
    """A case opened and last handled so many days ago."""
    return OpenCase(
        key=key,
        subject=f"Zaak {key}",
        team="Burgerzaken",
        status="open",
        url="",
        opened_at=NOW - timedelta(days=opened),
        owner="anna",
        handled_at=None if handled is None else NOW - timedelta(days=handled),
    )


def customer(key: str, *cases: OpenCase) -> KnownCustomer:
    return KnownCustomer(key, f"Klant {key}", "nl", (), cases)


def promise(*, case: str | None = None, customer: str | None = None) -> OwedPromise:
    return OwedPromise(1, "anna", case, customer, NOW + timedelta(hours=1))


def cases_of(caller: Caller) -> list[str]:
    return [one.key for known in caller.customers for one in known.cases]


def test_a_withheld_number_is_nobody_whoever_was_found() -> None:
    caller = recognise(None, [customer("ada", case("Z1"))], [promise(case="Z1", customer="ada")])

    assert caller == Caller(None)
    assert (caller.customer, caller.case, caller.is_known) == (None, None, False)


def test_a_number_of_nobody_is_a_caller_without_a_customer() -> None:
    caller = recognise(ADA, [])

    assert (caller.e164, caller.customer, caller.case, caller.is_known) == (ADA, None, None, False)


def test_of_several_open_cases_the_one_handled_last_comes_first_and_the_unhandled_by_opening() -> None:
    cases = (
        case("never_old", opened=9),
        case("handled_long_ago", handled=5),
        case("never_new", opened=1),
        case("handled_lately", handled=2),
    )

    caller = recognise(ADA, [customer("ada", *cases)])

    assert cases_of(caller) == ["handled_lately", "handled_long_ago", "never_new", "never_old"]
    assert caller.case is not None
    assert caller.case.key == "handled_lately"


def test_the_case_of_an_open_promise_comes_before_the_one_handled_last() -> None:
    known = customer("ada", case("handled_lately", handled=1), case("promised", handled=9))

    caller = recognise(ADA, [known], [promise(case="promised", customer="ada")])

    assert cases_of(caller) == ["promised", "handled_lately"]


def test_of_several_customers_the_promised_one_then_the_one_handled_last_then_one_with_a_case() -> None:
    customers = [
        customer("without_case"),
        customer("unhandled", case("Z1")),
        customer("lately", case("Z2", handled=1)),
        customer("promised", case("Z3", handled=9)),
        customer("long_ago", case("Z4", handled=5)),
    ]

    caller = recognise(ADA, customers, [promise(customer="promised")])

    expected = ["promised", "lately", "long_ago", "unhandled", "without_case"]
    assert [known.key for known in caller.customers] == expected


def test_the_order_in_which_the_database_hands_them_over_does_not_matter() -> None:
    customers = [
        customer("a", case("Z1", handled=3), case("Z2", handled=1)),
        customer("b", case("Z3", handled=2)),
    ]

    there = recognise(ADA, customers)
    back = recognise(ADA, [replace(one, cases=one.cases[::-1]) for one in customers[::-1]])

    assert there == back
    assert cases_of(there) == ["Z2", "Z1", "Z3"]
