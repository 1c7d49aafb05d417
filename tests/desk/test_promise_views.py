"""What can an agent do from the desk with what they owe, and with nobody else's?"""

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app import db
from app.records.messages import Message
from app.records.outgoing import Outbox
from app.records.promises import Promise, PromiseState
from tests import factories
from tests.desk import office


@pytest.fixture(autouse=True)
def town(flask_app: Flask) -> None:
    with db.transaction() as session:
        factories.line(session)
        for key, team in (("anna", "Burgerzaken"), ("bram", "Burgerzaken"), ("eva", "Vergunningen")):
            factories.agent(session, key, team=team)
            office.user(session, key)


def owe(agent: str | None = "anna") -> int:
    now = datetime.now(UTC)
    with db.transaction() as session:
        return factories.promise(session, agent=agent, due_at=now + timedelta(hours=3), now=now).id


def stored(promise: int) -> Promise:
    with db.transaction() as session:
        found = session.get_one(Promise, promise)
        session.expunge_all()
        return found


def act(client: FlaskClient, who: str, promise: int, action: str, **fields: str) -> int:
    with client.session_transaction() as session:
        session.clear()  # whoever sat here before
    token = office.sign_in(client, f"{who}@example.nl")
    return client.post(f"/desk/promises/{promise}/{action}", data={"csrf": token, **fields}).status_code


@pytest.mark.parametrize(
    ("action", "state"),
    [("now", PromiseState.DUE), ("kept", PromiseState.KEPT), ("withdraw", PromiseState.WITHDRAWN)],
)
def test_an_agent_acts_on_what_they_owe(client: FlaskClient, action: str, state: PromiseState) -> None:
    promise = owe()

    assert act(client, "anna", promise, action) == 303
    assert stored(promise).state == state


def test_a_customer_is_told_of_the_new_time(client: FlaskClient) -> None:
    promise = owe()
    wall = (datetime.now(UTC) + timedelta(days=3)).strftime("%Y-%m-%dT10:30")

    assert act(client, "anna", promise, "move", due_at=wall) == 303

    assert stored(promise).due_at > datetime.now(UTC) + timedelta(days=2)
    with db.transaction() as session:
        [message] = session.scalars(select(Message).where(Message.promise == promise)).all()
        assert "half elf" in message.body
        assert session.scalars(select(Outbox.payload)).all() == [{"message": message.sid}]


@pytest.mark.parametrize("moment", ["", "nonsense", "2020-01-01T10:00"])
def test_a_time_that_is_none_is_refused(client: FlaskClient, moment: str) -> None:
    promise = owe()
    before = stored(promise).due_at

    assert act(client, "anna", promise, "move", due_at=moment) == 422
    assert stored(promise).due_at == before


def test_what_the_whole_team_owes_is_taken_by_who_rings(client: FlaskClient) -> None:
    promise = owe(agent=None)

    assert act(client, "bram", promise, "now") == 303
    assert (stored(promise).agent, stored(promise).state) == ("bram", PromiseState.DUE)


def test_nobody_acts_on_what_another_owes(client: FlaskClient) -> None:
    mine, ours = owe(), None

    assert act(client, "bram", mine, "withdraw") == 404
    with db.transaction() as session:
        session.get_one(Promise, mine).agent = ours
    assert act(client, "eva", mine, "withdraw") == 404
    assert stored(mine).state == PromiseState.OPEN


def test_the_desk_shows_what_can_be_done(client: FlaskClient) -> None:
    promise = owe()
    office.sign_in(client, "anna@example.nl")

    assert f'action="/desk/promises/{promise}/now"' in client.get("/desk").text


def test_a_promise_is_a_line_that_opens_and_a_page_of_its_own_in_the_callers_words(
    client: FlaskClient,
) -> None:
    promise = owe()
    with db.transaction() as session:
        session.get_one(Promise, promise).about = "Is de boom <b>al</b> om?"
    office.sign_in(client, "anna@example.nl")

    board, page = client.get("/desk/board").text, client.get(f"/desk/promises/{promise}").text

    for html in (board, page):
        assert "<blockquote>Is de boom &lt;b&gt;al&lt;/b&gt; om?</blockquote>" in html
        assert f'action="/desk/promises/{promise}/now"' in html
        assert "+31612345678" not in html.replace(" ", "")
    assert f'<details class="promise" id="promise-{promise}">' in board
    assert f'href="/desk/promises/{promise}"' in board


def test_what_can_not_be_done_on_that_page_is_said_on_it(client: FlaskClient) -> None:
    promise = owe()
    token = office.sign_in(client, "anna@example.nl")

    answer = client.post(f"/desk/promises/{promise}/move", data={"csrf": token, "due_at": "gisteren"})

    assert answer.status_code == 422
    assert "Kies een dag en een tijd die nog komen." in answer.text
    assert f'action="/desk/promises/{promise}/move"' in answer.text


def test_a_promise_of_another_team_is_nobodys_page(client: FlaskClient) -> None:
    promise = owe()
    office.sign_in(client, "eva@example.nl")

    assert client.get(f"/desk/promises/{promise}").status_code == 404


def test_who_may_only_read_a_promise_finds_nothing_to_do_on_it(client: FlaskClient) -> None:
    promise = owe()
    office.sign_in(client, "bram@example.nl")

    page = client.get(f"/desk/promises/{promise}")

    assert page.status_code == 200
    assert "/now" not in page.text


@pytest.mark.parametrize("action", ["kept", "withdraw"])
def test_what_an_agent_ended_by_their_word_can_be_undone(client: FlaskClient, action: str) -> None:
    promise = owe()
    act(client, "anna", promise, action)
    board = client.get("/desk/board").text
    assert "wordt niet meer gebeld." in board
    assert f'action="/desk/promises/{promise}/undo"' in board
    assert act(client, "eva", promise, "undo") == 404
    assert act(client, "anna", promise, "undo") == 303

    assert stored(promise).state == PromiseState.OPEN
    assert "/undo" not in client.get("/desk/board").text
