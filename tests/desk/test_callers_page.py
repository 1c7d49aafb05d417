"""Does the link in our message show what was agreed, to nobody else, and let the caller change it?"""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from app import db
from app.catalogue import text
from app.promises import ledger, links
from app.records.messages import Message
from app.records.promises import Promise, PromiseEvent, PromiseState
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


def test_the_caller_reads_before_when_they_asked_not_to_be_rung(
    client: FlaskClient, promise: int, address: str
) -> None:
    assert "zoals u vroeg" not in client.get(address).text
    with db.transaction() as session:
        owed = session.get_one(Promise, promise)
        owed.not_before = owed.due_at - timedelta(minutes=1)

    assert re.search(r"En niet (morgen )?vóór \d\d:\d\d, zoals u vroeg\.", client.get(address).text)


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


def written(promise: int) -> list[str]:
    """Return what was written to the caller about their promise."""
    with db.reading() as session:
        bodies = select(Message.body).where(Message.promise == promise).order_by(Message.at)
        return list(session.scalars(bodies))


def test_the_caller_need_not_be_rung_any_more_once_they_have_said_so_twice(
    client: FlaskClient, address: str, promise: int
) -> None:
    page = client.get(address).text
    assert 'value="withdraw"' not in page
    asked = client.get(address + re.findall(r'href="(\?ask=[^"]+)"', page)[0]).text
    assert "Weet u het zeker?" in asked
    assert stored(promise).state == PromiseState.OPEN

    page = send(client, f"{address}?ask=withdraw", what="withdraw")

    assert stored(promise).state == PromiseState.WITHDRAWN
    assert re.search(r"Genoteerd op \w\w \d+ \w+ \d\d:\d\d: we bellen u niet terug\.", page)
    assert written(promise) == [text("message.withdrawn", "nl")]


def test_who_withdrew_it_may_want_it_after_all_at_the_same_time(
    client: FlaskClient, address: str, promise: int
) -> None:
    due_at = stored(promise).due_at
    page = send(client, address, what="withdraw")
    assert "Wilt u toch teruggebeld worden?" in page

    page = send(client, address, what="again")

    assert "we bellen u toch terug" in page
    assert (stored(promise).state, stored(promise).due_at) == (PromiseState.OPEN, due_at)
    assert stored(promise).next_at is not None
    assert "wij bellen u toch terug" in written(promise)[-1]
    send(client, address, what="again")  # pressed twice
    assert len(written(promise)) == 2


def test_whose_time_has_passed_meanwhile_chooses_another(
    client: FlaskClient, address: str, promise: int
) -> None:
    send(client, address, what="withdraw")
    with db.transaction() as session:
        session.get_one(Promise, promise).due_at = datetime.now(UTC) - timedelta(minutes=5)
    assert "Kies een ander moment." in send(client, address, what="again")

    moment = offered(client.get(address).text)[0]
    send(client, address, what="again", due_at=moment.isoformat())

    assert (stored(promise).state, stored(promise).due_at) == (PromiseState.OPEN, moment)


def test_what_one_of_us_withdrew_the_caller_asks_us_about(
    client: FlaskClient, address: str, promise: int
) -> None:
    token = token_in(client.get(address).text)
    with db.transaction() as session:
        ledger.withdraw(session, promise, "joke@example.nl", datetime.now(UTC))

    answer = client.post(address, data={"csrf": token, "what": "again"})

    page = client.get(answer.location).text
    assert "toch teruggebeld" not in page
    assert 'href="tel:+31201234500"' in page
    assert stored(promise).state == PromiseState.WITHDRAWN


def test_who_is_owed_another_callback_by_now_is_led_to_that_one(
    client: FlaskClient, address: str, promise: int, settings: Settings
) -> None:
    send(client, address, what="withdraw")
    now = datetime.now(UTC)
    with db.transaction() as session:
        other = factories.promise(session, origin="call:2", now=now, due_at=now + timedelta(hours=2)).id

    answer = client.post(address, data={"csrf": token_in(client.get(address).text), "what": "again"})

    assert answer.location == links.to_promise("", settings.secret_key, other) + "?done=again"
    assert stored(promise).state == PromiseState.MERGED, "one call serves both"


@pytest.mark.parametrize(
    ("state", "finished", "works"),
    [
        (PromiseState.OPEN, None, False),
        (PromiseState.KEPT, timedelta(days=29), True),
        (PromiseState.KEPT, timedelta(days=31), False),
    ],
)
def test_a_link_works_for_a_month_after_its_promise_also_when_it_was_never_settled(
    client: FlaskClient,
    address: str,
    promise: int,
    state: PromiseState,
    finished: timedelta | None,
    works: bool,
) -> None:
    now = datetime.now(UTC)
    with db.transaction() as session:
        found = session.get_one(Promise, promise)
        found.due_at, found.state = now - timedelta(days=31), state
        found.finished_at = now - finished if finished else None

    page = client.get(address, headers={"Accept": "text/html"})

    assert page.status_code == (200 if works else 410)
    assert ("Deze link is verlopen" in page.text) is not works
    assert 'href="tel:+31201234500"' in page.text


def test_a_caller_from_abroad_sees_the_number_as_they_dial_it(
    client: FlaskClient, address: str, promise: int
) -> None:
    with db.transaction() as session:
        session.get_one(Promise, promise).number = "+4930123456"

    assert '<a href="tel:+31201234500">+31 20 123 4500</a>' in client.get(address).text


def test_a_wrong_link_tells_a_citizen_whom_to_ring_and_of_no_desk(client: FlaskClient, promise: int) -> None:
    page = client.get("/c/MQ.AAAA", headers={"Accept": "text/html"})

    assert page.status_code == 404
    assert "Deze link klopt niet" in page.text
    assert 'href="tel:+31201234500"' in page.text
    assert "/login" not in page.text
    assert "werkplek" not in page.text


def test_who_changes_too_much_is_told_kindly_and_can_still_withdraw(
    client: FlaskClient, address: str, promise: int
) -> None:
    for number in range(links.MOST_A_DAY):
        assert "we geven het door" in send(client, address, what="about", about=f"{number}")

    page = send(client, address, what="about", about="nog iets")
    assert "vandaag al vaak veranderd" in page
    assert "nog iets" not in stored(promise).about
    send(client, address, what="withdraw")
    assert stored(promise).state == PromiseState.WITHDRAWN
    send(client, address, what="again")

    with db.transaction() as session:
        yesterday = datetime.now(UTC) - timedelta(days=1, minutes=1)
        session.execute(update(PromiseEvent).values(at=yesterday))
    assert "we geven het door" in send(client, address, what="about", about="nog iets")


def test_nothing_that_a_caller_writes_is_cut_off_unseen(
    client: FlaskClient, address: str, promise: int
) -> None:
    for letter in "abc":
        page = send(client, address, what="about", about=letter * 900)

    assert "U hebt al veel opgeschreven" in page
    assert "c" not in stored(promise).about.removeprefix("Mijn scheiding")
    room = re.findall(r'maxlength="(\d+)"', client.get(address).text)
    assert room == [str(ledger.LONGEST_ABOUT - len(stored(promise).about) - 1)]


def test_while_nothing_can_be_looked_up_a_citizen_is_told_so_and_nothing_about_desks(
    client: FlaskClient, address: str, tmp_path: Path
) -> None:
    real, away = db.current(), db.bind(db.Database(f"sqlite:///{tmp_path}"))  # a folder is no database
    try:
        page = client.get(address, headers={"Accept": "text/html"})
    finally:
        db.bind(real)
        away.dispose()

    assert page.status_code == 503
    assert re.findall(r'<a [^>]*href="([^"]+)"', page.text) == [address]
    assert "werkplek" not in page.text


@pytest.mark.parametrize("organisation", ["Gemeente Waterrijk", ""])
def test_the_page_says_whose_it_is_and_on_which_number_they_are(
    client: FlaskClient, flask_app: Flask, address: str, settings: Settings, organisation: str
) -> None:
    flask_app.config["SETTINGS"] = replace(settings, organisation=organisation)

    page = client.get(address).text

    assert f'<p class="organisation">{organisation}</p>' in page or not organisation
    assert f"<title>Uw afspraak · {organisation or 'Rechtdoor'}</title>" in page
    assert '<a href="tel:+31201234500">020 123 4500</a>' in page


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
