"""Does a case always know who handled it last?"""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from app.callers import history
from app.db import Database
from app.records.callers import Case, Channel, Contact, Customer, Direction

NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def session(database: Database) -> Iterator[Session]:
    with database.transaction() as session:
        session.add(Customer(key="K1", name="Ada de Vries", language="nl"))
        session.flush()
        for key in ("Z1", "Z2"):
            session.add(Case(key=key, customer="K1", subject="Paspoort", team="Balie", opened_at=NOON))
        session.flush()
        yield session


def record(session: Session, contact: str, agent: str, hours: int, case: str = "Z1") -> bool:
    return history.record(
        session,
        contact=contact,
        case=case,
        agent=agent,
        channel=Channel.CALL,
        direction=Direction.INBOUND,
        started_at=NOON + timedelta(hours=hours),
        summary="Afgesproken terug te bellen",
    )


def last_of(session: Session, case: str = "Z1") -> tuple[str | None, datetime | None]:
    row = session.get_one(Case, case, populate_existing=True)
    return row.last_contact_agent, row.last_contact_at


def test_the_agent_of_the_newest_contact_owns_the_case(session: Session) -> None:
    assert record(session, "C1", "anna", 0)
    assert record(session, "C2", "ben", 1)
    assert last_of(session) == ("ben", NOON + timedelta(hours=1))
    assert session.get_one(Case, "Z1").owner == "ben"


def test_a_named_owner_stays_the_owner_whoever_handles_the_case(session: Session) -> None:
    session.get_one(Case, "Z1").named_owner = "anna"
    record(session, "C1", "ben", 0)
    assert session.get_one(Case, "Z1").owner == "anna"


def test_a_case_in_memory_learns_of_the_contact_too(session: Session) -> None:
    case = session.get_one(Case, "Z1")
    record(session, "C1", "anna", 0)
    assert case.last_contact_agent == "anna"


def test_an_older_contact_that_arrives_late_changes_nothing(session: Session) -> None:
    record(session, "C2", "ben", 1)
    record(session, "C1", "anna", 0)
    assert last_of(session) == ("ben", NOON + timedelta(hours=1))


def test_a_contact_told_twice_is_one_contact(session: Session) -> None:
    assert record(session, "C1", "anna", 0)
    assert not record(session, "C1", "anna", 0)
    assert [contact.key for contact in history.contacts_of(session, "Z1")] == ["C1"]


def test_the_newest_contact_corrected_to_an_earlier_time_gives_the_case_back(session: Session) -> None:
    record(session, "C1", "anna", 0)
    record(session, "C2", "ben", 1)
    record(session, "C2", "ben", -1)
    assert last_of(session) == ("anna", NOON)


def test_the_newest_contact_corrected_to_another_agent_hands_the_case_over(session: Session) -> None:
    record(session, "C1", "anna", 0)
    record(session, "C1", "chris", 0)
    assert last_of(session) == ("chris", NOON)


def test_a_contact_moved_to_another_case_counts_there_and_no_longer_here(session: Session) -> None:
    record(session, "C1", "anna", 0)
    record(session, "C2", "ben", 1)
    record(session, "C2", "ben", 1, case="Z2")
    assert last_of(session, "Z1") == ("anna", NOON)
    assert last_of(session, "Z2") == ("ben", NOON + timedelta(hours=1))
    record(session, "C1", "anna", 0, case="Z2")
    assert last_of(session, "Z1") == (None, None)


def test_cases_are_true_again_after_contacts_in_bulk(session: Session) -> None:
    usual = {"channel": Channel.EMAIL, "direction": Direction.INBOUND}
    for number in range(5):
        at = NOON + timedelta(hours=number % 4)
        session.add(Contact(key=f"C{number}", case="Z1", agent=f"agent{number}", started_at=at, **usual))
    session.flush()
    history.refresh(session, {"Z1", "Z2", "unknown"})
    assert last_of(session, "Z1") == ("agent3", NOON + timedelta(hours=3))
    assert last_of(session, "Z2") == (None, None)


def test_contacts_are_listed_from_the_newest_and_no_more_than_asked(session: Session) -> None:
    for hours, key in enumerate(("C1", "C2", "C3")):
        record(session, key, "anna", hours)
    record(session, "C4", "anna", 9, case="Z2")
    assert [contact.key for contact in history.contacts_of(session, "Z1", limit=2)] == ["C3", "C2"]


def test_whoever_handled_a_case_is_listed_once_the_last_first(session: Session) -> None:
    for hours, agent in enumerate(("anna", "ben", "anna", "chris", "ben")):
        record(session, f"C{hours}", agent, hours)
    assert history.agents_of(session, "Z1") == ["ben", "chris", "anna"]
    assert history.agents_of(session, "Z2") == []


def test_of_two_contacts_at_once_the_newest_wins_whichever_is_committed_last(database: Database) -> None:
    with database.transaction() as session:
        session.add(Customer(key="K1", name="Ada de Vries", language="nl"))
        session.flush()
        session.add(Case(key="Z1", customer="K1", subject="Paspoort", team="Balie", opened_at=NOON))
    unhurried = Database(database.url, patient=True)
    written = threading.Event()

    def write_the_older_one() -> None:
        with unhurried.transaction() as session:
            record(session, "C1", "anna", 0)
        written.set()

    older = threading.Thread(target=write_the_older_one)
    with unhurried.transaction() as session:
        record(session, "C2", "ben", 1)
        older.start()
        written.wait(0.2)  # it can't get past this transaction; let it come as far as it can
        assert not written.is_set()
    older.join()
    with unhurried.reading() as session:
        assert session.get_one(Case, "Z1").last_contact_agent == "ben"
    unhurried.dispose()
