"""Does the link in our message show what was agreed, to nobody else, and let the caller change it?"""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import db
from app.promises import links
from app.records.promises import Promise, PromiseState
from config import Settings
from tests import factories
from tests.desk.office import token_in
from tests.factories import ADA


@pytest.fixture
def promise(flask_app: Flask) -> int:
    now = datetime.now(UTC)
    with db.transaction() as session:
        factories.line(session, hours="24/7")
        factories.agent(session, "anna")
        factories.customer(session, "ada", ADA, name="Ada Lovelace")
        factories.case(session, "Z1", "ada")
        return factories.promise(
            session,
            customer="ada",
            case="Z1",
            due_at=now + timedelta(minutes=40),
            now=now,
            about="Mijn scheiding",
        ).id


@pytest.fixture
def address(promise: int, settings: Settings) -> str:
    return links.to_promise("", settings.secret_key, promise)


def stored(promise: int) -> Promise:
    with db.transaction() as session:
        found = session.get_one(Promise, promise)
        session.expunge_all()
        return found


def send(client: FlaskClient, address: str, **fields: str) -> str:
    """Fill in a form of the page; return the page that follows."""
    token = token_in(client.get(address).text)
    answer = client.post(address, data={"csrf": token, **fields})
    assert answer.status_code == 303
    return client.get(answer.location).text


def test_the_caller_reads_who_rings_and_by_when_and_nothing_private(
    client: FlaskClient, address: str
) -> None:
    page = client.get(address).text

    assert re.search(r"Anna belt u (morgen )?vóór \d\d:\d\d terug\.", page)
    assert "eindigt op 78" in page
    for private in ("Lovelace", "Z1", ADA, "scheiding", "Jansen"):
        assert private not in page
    assert "Anna will ring you back before" in client.get(f"{address}?lang=en").text


@pytest.mark.parametrize("made_up", ["/c/1", "/c/MQ.AAAA", "/c/MQ"])
def test_a_link_that_we_never_gave_shows_nothing(client: FlaskClient, promise: int, made_up: str) -> None:
    assert client.get(made_up).status_code == 404
    assert client.get(links.to_promise("", "another key", promise)).status_code == 404


def test_the_caller_chooses_another_moment(client: FlaskClient, address: str, promise: int) -> None:
    moment = (datetime.now(UTC) + timedelta(hours=5)).replace(minute=0, second=0, microsecond=0)

    page = send(client, address, what="move", due_at=moment.isoformat())

    assert "De nieuwe tijd is genoteerd." in page
    assert (stored(promise).due_at, stored(promise).state) == (moment, PromiseState.OPEN)


def offered(page: str) -> list[datetime]:
    return [datetime.fromisoformat(one) for one in re.findall(r'<option value="([^"]+)"', page)]


def test_only_other_moments_are_offered_and_only_by_day(
    client: FlaskClient, address: str, promise: int
) -> None:
    first, *others = offered(client.get(address).text)
    for one in (first, *others):
        last_minute = (one - timedelta(minutes=1)).astimezone(ZoneInfo("Europe/Amsterdam"))
        assert 8 <= last_minute.hour < 21
    with db.transaction() as session:
        session.get_one(Promise, promise).due_at = first

    assert first not in offered(client.get(address).text)


@pytest.mark.parametrize("moment", ["", "2020-01-01T00:00:00+00:00", "2090-01-01T00:00:00+00:00", "nonsense"])
def test_a_moment_that_was_not_offered_changes_nothing(
    client: FlaskClient, address: str, promise: int, moment: str
) -> None:
    before = stored(promise).due_at

    page = send(client, address, what="move", due_at=moment)

    assert "Kies een ander moment." in page
    assert stored(promise).due_at == before


def test_the_caller_need_not_be_rung_any_more(client: FlaskClient, address: str, promise: int) -> None:
    page = send(client, address, what="withdraw")

    assert stored(promise).state == PromiseState.WITHDRAWN
    assert "niet meer teruggebeld" in page


def test_what_the_caller_writes_reaches_whoever_rings(
    client: FlaskClient, address: str, promise: int
) -> None:
    send(client, address, what="about", about="Ook over <i>de auto</i>")

    assert stored(promise).about == "Mijn scheiding\nOok over <i>de auto</i>"


def test_what_no_database_takes_is_left_out_of_what_the_caller_writes(
    client: FlaskClient, address: str, promise: int
) -> None:
    send(client, address, what="about", about="Ook over\x00 de auto")

    assert stored(promise).about == "Mijn scheiding\nOok over de auto"


def test_a_promise_that_is_late_says_so(client: FlaskClient, address: str, promise: int) -> None:
    with db.transaction() as session:
        session.get_one(Promise, promise).due_at = datetime.now(UTC) - timedelta(minutes=1)

    assert "Dat spijt ons" in client.get(address).text
