"""Who sees what of which team? Each page and action, for each role, for one's own team and another's."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import Result
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update
from werkzeug.test import TestResponse

from app import db
from app.agents import teams
from app.desk import threads
from app.desk.board import board_of
from app.records.access import UserSession
from app.records.agents import Role, User
from app.records.callers import Direction
from app.records.messages import Message
from app.records.promises import Promise, PromiseState, Recording, RecordingState
from tests import factories
from tests.desk import office
from tests.factories import ADA, BEN

OWN, OTHER = "Burgerzaken", "Belastingen"
LINE_OF_OTHER = "+31201234600"


@pytest.fixture(autouse=True)
def house(flask_app: Flask) -> None:
    """Two teams, each with an agent who owes a callback, of which something is recorded and written."""
    now = datetime.now(UTC)
    with db.transaction() as session:
        factories.line(session, team=OWN)
        factories.line(session, LINE_OF_OTHER, team=OTHER)
        for team, agent, number in ((OWN, "anna", ADA), (OTHER, "bram", BEN)):
            factories.agent(session, agent, team=team)
            factories.customer(session, f"of_{agent}", number, name=f"Customer of {agent}")
            due = now + timedelta(hours=1)
            made = factories.promise(
                session, number=number, customer=f"of_{agent}", due_at=due, now=now, agent=agent, team=team
            )
            made.next_at = None
            session.add(
                Recording(
                    sid=f"RE{agent}",
                    call_sid=f"CA{agent}",
                    promise=made.id,
                    state=RecordingState.KEPT,
                    made_at=now,
                    content_type="audio/mpeg",
                    sound=b"ID3",
                )
            )
            session.add(
                Message(
                    sid=f"SM{agent}",
                    direction=Direction.INBOUND,
                    number=number,
                    line=factories.LINE if team == OWN else LINE_OF_OTHER,
                    body=f"Message to {agent}",
                    customer=f"of_{agent}",
                    agent=agent,
                    team=team,
                    status="received",
                    at=now - timedelta(hours=2),
                )
            )
        factories.agent(session, "eva", team=OWN)
        office.user(session, "eva", Role.SUPERVISOR, language="en")
        office.user(session, None, Role.SUPERVISOR, "en", "given@example.nl", teams=[OTHER])
        office.user(session, None, Role.SUPERVISOR, "en", "all@example.nl", teams=[teams.ALL])
        for role in (Role.ADMIN, Role.AUDITOR):
            office.user(session, None, role, "en")


def promise_of(agent: str) -> int:
    with db.transaction() as session:
        found = session.query(Promise).filter_by(agent=agent).one()
        return found.id


SEES = {
    "eva@example.nl": ("anna",),
    "given@example.nl": ("bram",),
    "all@example.nl": ("anna", "bram"),
    "admin@example.nl": ("anna", "bram"),
    "auditor@example.nl": ("anna", "bram"),
}
MAY_ACT = [email for email in SEES if not email.startswith("auditor")]


def shown(page: str) -> tuple[str, ...]:
    return tuple(agent for agent in ("anna", "bram") if f"Customer of {agent}" in page)


@pytest.mark.parametrize("email", SEES)
def test_everybody_reads_of_their_own_teams_alone(client: FlaskClient, email: str) -> None:
    office.sign_in(client, email)
    overview = client.get("/admin/promises").text
    assert shown(overview) == SEES[email]
    assert shown(client.get("/admin/promises/export.csv?plain").get_data(as_text=True)) == SEES[email]
    assert f'<dd class="figures">{len(SEES[email])}</dd>' in overview
    for agent in ("anna", "bram"):
        sees = agent in SEES[email]
        assert (f"Message to {agent}" in overview) is sees
        assert (f'<option value="{agent}">' in overview.partition('name="team"')[0]) is sees
        story = client.get(f"/admin/promises/{promise_of(agent)}")
        assert story.status_code == (200 if sees else 404)
        sound = client.get(f"/admin/promises/{promise_of(agent)}/recordings/RE{agent}")
        assert sound.status_code == (403 if email not in MAY_ACT else 200 if sees else 404)


@pytest.mark.parametrize("email", SEES)
def test_the_figures_are_those_of_ones_own_teams(client: FlaskClient, email: str) -> None:
    now = datetime.now(UTC)
    with db.transaction() as session:
        for promise in session.query(Promise):
            promise.state, promise.due_at = PromiseState.BROKEN, now - timedelta(days=1)
            promise.broken_at = promise.due_at
    office.sign_in(client, email)
    page = client.get("/admin/promises/figures").text
    assert (OWN in page) is ("anna" in SEES[email])
    assert (OTHER in page) is ("bram" in SEES[email])


@pytest.mark.parametrize("action", ["withdraw", "hand_over", "now"])
@pytest.mark.parametrize("email", MAY_ACT)
def test_nobody_acts_on_what_they_do_not_see(client: FlaskClient, email: str, action: str) -> None:
    token = office.sign_in(client, email)
    ids = {agent: promise_of(agent) for agent in ("anna", "bram")}
    before = _told()
    data = {"csrf": token, "action": action, "sure": "1", "agent": "eva", "promise": list(ids.values())}
    assert client.post("/admin/promises/act", data=data).status_code == 303
    changed = {agent for agent, promise in ids.items() if _told()[promise] != before[promise]}
    assert changed == set(SEES[email])


def _told() -> dict[int, tuple[object, ...]]:
    with db.reading() as session:
        return {one.id: (one.agent, one.state, one.next_at) for one in session.query(Promise)}


@pytest.mark.parametrize("email", MAY_ACT)
def test_whoever_leaves_is_of_a_team_that_one_sees(client: FlaskClient, email: str) -> None:
    token = office.sign_in(client, email)
    for agent in ("anna", "bram"):
        preview = client.get(f"/admin/promises/leaver?leaves={agent}&agent=eva")
        done: TestResponse = client.post(
            "/admin/promises/leaver", data={"csrf": token, "leaves": agent, "agent": "eva"}
        )
        expected = 200 if agent in SEES[email] else 400
        assert (preview.status_code, done.status_code) == (expected, expected)


def test_the_desk_of_a_supervisor_asks_about_their_own_teams(flask_app: Flask) -> None:
    now = datetime.now(UTC)
    with db.reading() as session:
        board = board_of(session, "eva", now)
        assert [one.customer for one in board.asking] == ["Customer of anna"]
        assert [one.customer for one in board.messages] == ["Customer of anna"]
        assert not threads.may_read(session, session.get_one(Message, "SMbram"), "eva")
        assert teams.supervising(session, OWN) == ["eva"]
        assert teams.supervising(session, OTHER) == []


def test_what_is_owed_by_ones_own_agent_for_another_team_is_seen(client: FlaskClient) -> None:
    with db.transaction() as session:
        session.get_one(Promise, promise_of("bram")).agent = "anna"
    office.sign_in(client, "eva@example.nl")
    assert shown(client.get("/admin/promises").text) == ("anna", "bram")


# --- which teams somebody is given --------------------------------------------------------------------

FlaskCommand = Callable[..., Result]


@pytest.mark.parametrize(
    ("words", "given"),
    [
        (("--agent", "anna"), None),
        ((), [teams.ALL]),
        (("--teams", "all"), [teams.ALL]),
        (("--agent", "anna", "--teams", f"{OWN}, {OTHER}"), [OWN, OTHER]),
    ],
)
def test_a_new_supervisor_sees_their_own_team_or_what_is_said(
    flask_command: FlaskCommand, words: tuple[str, ...], given: list[str] | None
) -> None:
    done = flask_command("users", "create", "new@example.nl", "--role", "supervisor", *words)
    assert done.exit_code == 0, done.output
    assert ("all teams" in done.output) is (given == [teams.ALL])
    with db.reading() as session:
        assert session.get_one(User, "new@example.nl").teams == given


def test_teams_are_kept_until_others_are_named_and_are_those_that_there_are(
    flask_command: FlaskCommand,
) -> None:
    base = ("users", "create", "new@example.nl", "--role", "supervisor")
    flask_command(*base, "--teams", OTHER)
    flask_command(*base)
    with db.reading() as session:
        assert session.get_one(User, "new@example.nl").teams == [OTHER]
    assert "--teams: there is no team “Nowhere”" in flask_command(*base, "--teams", "Nowhere").output
    auditor = ("users", "create", "new@example.nl", "--role", "auditor")
    assert "--teams" in flask_command(*auditor, "--teams", OTHER).output
    assert flask_command(*auditor).exit_code == 0


def test_what_nobody_supervises_is_every_supervisors_to_see(client: FlaskClient) -> None:
    with db.transaction() as session:
        for email in ("given@example.nl", "all@example.nl"):
            session.delete(session.get_one(User, email))
    with db.reading() as session:
        assert teams.supervising(session, OTHER) == ["eva"]
    office.sign_in(client, "eva@example.nl")
    assert shown(client.get("/admin/promises").text) == ("anna", "bram")


def test_who_oversees_shows_once_more_who_they_are_before_they_listen(client: FlaskClient) -> None:
    office.sign_in(client, "eva@example.nl")
    address = f"/admin/promises/{promise_of('anna')}"
    assert "<audio" in client.get(address).text
    with db.transaction() as session:
        session.execute(update(UserSession).values(proven_at=datetime.now(UTC) - timedelta(minutes=6)))

    page = client.get(address).text

    assert "<audio" not in page
    assert f"/login/again?next={address}" in page
    assert client.get(f"{address}/recordings/REanna").status_code == 403
