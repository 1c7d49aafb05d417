"""What do all pages share? What people send them is such that it can be written down and looked up."""

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app import db
from app.records.agents import Role
from app.records.callers import Contact
from tests import factories
from tests.desk import office
from tests.factories import ADA

HTML = {"Accept": "text/html"}


@pytest.fixture
def promise(flask_app: Flask) -> int:
    """What Anna owes; she and a supervisor may sign in."""
    now = datetime.now(UTC)
    with db.transaction() as session:
        factories.line(session)
        factories.agent(session, "anna")
        factories.customer(session, "ada", ADA)
        factories.case(session, "Z1", "ada")
        office.user(session, "anna")
        office.user(session, None, Role.SUPERVISOR)
        due_at = now + timedelta(hours=1)
        return factories.promise(session, number=ADA, agent="anna", due_at=due_at, now=now).id


def test_who_signs_in_with_a_character_that_no_name_holds_is_a_stranger(
    client: FlaskClient, promise: int
) -> None:
    assert office.try_password(client, "an\x00na", "a\x00b").status_code == 401
    assert office.try_password(client, "anna@exa\x00mple.nl", office.PASSWORD).status_code == 303


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/admin/promises/act", {"action": "hand_over", "agent": "be\x00n"}),
        ("/admin/promises/act", {"action": "number", "number": "06\x00"}),
        ("/admin/promises/leaver", {"leaves": "an\x00na", "agent": "\x00"}),
        ("/admin/privacy/find", {"asked": "a\x00da"}),
        ("/admin/privacy/find", {"kind": "customer", "of": "\x00"}),
        ("/admin/privacy/forget", {"kind": "number", "of": "+316\x00", "sure": "yes"}),
        ("/admin/privacy/export", {"kind": "customer", "of": "a\x00"}),
        ("/admin/calls", {"number": "06\x00", "customer": "a\x00b", "before": "\x00", "rule": "\x00"}),
        ("/admin/calls", {"day": "0001-01-01", "rule": "9" * 40, "before": "CA" * 200}),
    ],
)
def test_a_supervisors_form_with_such_a_character_is_no_error_of_ours(
    client: FlaskClient, promise: int, path: str, fields: dict[str, str]
) -> None:
    token = office.sign_in(client, "supervisor@example.nl")

    answer = client.post(path, data={"csrf": token, "promise": promise, **fields}, headers=HTML)

    assert answer.status_code < 500


@pytest.mark.parametrize(
    "path",
    [
        "/admin/promises?agent=%00",
        "/admin/promises?team=a%00b",
        "/admin/promises/export.csv?agent=%00",
        "/admin/promises/figures?team=%00",
        "/admin/promises/leaver?leaves=%00&agent=%00",
    ],
)
def test_a_supervisors_search_for_such_a_character_is_no_error_of_ours(
    client: FlaskClient, promise: int, path: str
) -> None:
    office.sign_in(client, "supervisor@example.nl")

    assert client.get(path, headers=HTML).status_code < 500


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/desk/calls/CA%00/notes", {"summary": "x"}),
        ("/desk/calls/CA%00/decline", {"why": "\x00"}),
        ("/desk/calls/CA%00/pick", {"customer": "ada"}),
        ("/desk/calls/CA%00/find", {"asked": "a\x00da"}),
        ("/desk/calls/CA%00/customer", {"name": "Ada\x00", "once": "\x00"}),
        ("/desk/messages/promise/%00/answer", {"body": "Goedemiddag"}),
        ("/desk/promises/{promise}/move", {"due_at": "\x00"}),
        ("/desk/presence", {"intent": "available", "why": "\x00", "back_at": "\x00"}),
        ("/desk/wrap-up", {"what": "\x00"}),
        ("/language", {"language": "nl\x00", "next": "/\x00"}),
        ("/logout", {"everywhere": "\x00"}),
    ],
)
def test_an_agents_form_with_such_a_character_is_no_error_of_ours(
    client: FlaskClient, promise: int, path: str, fields: dict[str, str]
) -> None:
    token = office.sign_in(client, "anna@example.nl")

    answer = client.post(path.format(promise=promise), data={"csrf": token, **fields}, headers=HTML)

    assert answer.status_code < 500


def test_what_an_agent_notes_is_kept_without_such_a_character(
    client: FlaskClient, flask_app: Flask, promise: int
) -> None:
    sid = office.call_in(flask_app.config["SETTINGS"], ADA)
    office.pick_up(sid)
    token = office.sign_in(client, "anna@example.nl")

    noted = client.post(
        f"/desk/calls/{sid}/notes", data={"csrf": token, "outcome": "solved\x00", "summary": "Opge\x00lost"}
    )

    assert noted.status_code == 303
    with db.transaction() as session:
        contact = session.scalars(select(Contact).where(Contact.key == f"call:{sid}")).one()
        assert (contact.outcome, contact.summary) == ("solved", "Opgelost")
