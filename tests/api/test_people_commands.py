"""Can an operator let people and systems in, and out again?"""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import Result
from flask.testing import FlaskClient
from sqlalchemy import select, update

from app import db
from app.door.passwords import fits
from app.records.agents import Role, User
from app.records.audit import AuditPending
from app.records.tokens import ApiToken
from tests import factories
from tests.api.conftest import Api, errors_of

Command = Callable[..., Result]


def user(email: str) -> User:
    with db.reading() as session:
        return session.get_one(User, email)


@pytest.fixture
def anna(flask_app: object) -> str:
    with db.transaction() as session:
        factories.agent(session, "anna", language="en")
    return "anna"


def test_a_new_user_gets_a_password_that_is_shown_once(flask_command: Command, anna: str) -> None:
    done = flask_command("users", "create", "Anna@Example.nl", "--role", "agent", "--agent", anna)
    assert done.exit_code == 0
    password = done.stdout.strip().splitlines()[-1].rpartition(" ")[2]
    made = user("anna@example.nl")
    assert fits(made.password_hash, password)
    assert (made.role, made.agent, made.language) == (Role.AGENT, "anna", "en")


def test_a_password_from_the_environment_is_taken_and_not_shown(
    flask_command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECHTDOOR_PASSWORD", "een hele lange zin")
    done = flask_command("users", "create", "sup@example.nl", "--role", "supervisor")
    assert done.exit_code == 0
    assert "hele lange" not in done.output
    assert fits(user("sup@example.nl").password_hash, "een hele lange zin")


def test_the_same_user_again_keeps_their_password_and_may_get_another_role(flask_command: Command) -> None:
    flask_command("users", "create", "sup@example.nl", "--role", "supervisor")
    before = user("sup@example.nl")
    done = flask_command("users", "create", "sup@example.nl", "--role", "admin")
    assert done.exit_code == 0
    after = user("sup@example.nl")
    assert (after.password_hash, after.role) == (before.password_hash, Role.ADMIN)
    assert after.session_number == before.session_number + 1, "what was open with the old role goes on"


def test_a_new_password_signs_everybody_out_who_knew_the_old_one(
    flask_command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    flask_command("users", "create", "sup@example.nl", "--role", "supervisor")
    monkeypatch.setenv("RECHTDOOR_PASSWORD", "een andere lange zin")
    for _ in range(2):
        assert flask_command("users", "create", "sup@example.nl", "--role", "supervisor").exit_code == 0
    assert fits(user("sup@example.nl").password_hash, "een andere lange zin")
    assert user("sup@example.nl").session_number == 1


def test_the_last_who_gives_roles_keeps_that_role(flask_command: Command, anna: str) -> None:
    flask_command("users", "create", "admin@example.nl", "--role", "admin")
    refused = flask_command("users", "create", "admin@example.nl", "--role", "auditor")
    assert refused.exit_code == 1
    assert "--role: this is the only administrator; make another one first" in refused.stderr
    flask_command("users", "create", "anna@example.nl", "--role", "admin", "--agent", anna)
    assert flask_command("users", "create", "admin@example.nl", "--role", "auditor").exit_code == 0
    with db.reading() as session:
        changed = session.scalars(select(AuditPending).order_by(AuditPending.id.desc())).first()
    assert changed is not None
    assert (changed.via, changed.what, changed.details["about"]) == ("command", "access_changed", "auditor")


def test_an_admin_who_may_no_longer_sit_at_their_desk_is_no_admin(
    flask_command: Command, api: Api, anna: str
) -> None:
    flask_command("users", "create", "anna@example.nl", "--role", "admin", "--agent", anna)
    said = {"name": "Anna", "team": "Balie", "enabled": False}
    refused = api.put("/agents/anna", said)
    assert "the only administrator" in errors_of(refused)["enabled"]
    flask_command("users", "create", "admin@example.nl", "--role", "admin")
    assert api.put("/agents/anna", said).status_code == 200
    assert "--role" in flask_command("users", "create", "admin@example.nl", "--role", "auditor").stderr


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("anna", "--role", "admin"), "EMAIL: “anna” isn't an e-mail address"),
        (("a@b.nl", "--role", "agent"), "--agent: is missing; the role agent needs the agent"),
        (("a@b.nl", "--role", "agent", "--agent", "zoe"), "--agent: there is no agent “zoe”"),
    ],
)
def test_what_cannot_be_used_of_a_user_is_said(
    flask_command: Command, words: tuple[str, ...], complaint: str
) -> None:
    done = flask_command("users", "create", *words)
    assert done.exit_code == 1
    assert complaint in done.stderr
    assert "no" not in flask_command("users", "list").stdout


def test_a_password_that_is_too_short_is_refused(
    flask_command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECHTDOOR_PASSWORD", "kort")
    done = flask_command("users", "create", "a@b.nl", "--role", "admin")
    assert done.exit_code == 1
    assert "RECHTDOOR_PASSWORD: too short" in done.stderr


def test_users_are_listed_without_their_passwords(flask_command: Command, anna: str) -> None:
    flask_command("users", "create", "anna@example.nl", "--role", "agent", "--agent", anna)
    assert flask_command("users", "list").stdout == "anna@example.nl\tagent\tanna\n"


def test_a_token_works_until_it_is_revoked(flask_command: Command, client: FlaskClient) -> None:
    done = flask_command("tokens", "create", "crm", "--scope", "read")
    token = done.stdout.strip()
    assert token.startswith("rd_")
    assert Api(client, token).get("/agents").status_code == 200
    assert token not in flask_command("tokens", "list").output
    assert flask_command("tokens", "revoke", "crm").exit_code == 0
    assert Api(client, token).get("/agents").status_code == 401
    assert flask_command("tokens", "revoke", "crm").exit_code == 1


def test_a_name_stands_for_one_token(flask_command: Command) -> None:
    assert flask_command("tokens", "create", "crm", "--scope", "read").exit_code == 0
    again = flask_command("tokens", "create", "crm", "--scope", "write")
    assert again.exit_code == 1
    assert "revoke it first" in again.stderr
    assert flask_command("tokens", "list").stdout.startswith("crm\tread\t-\t")


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("desk", "--scope", "desk"), "--agent: is missing"),
        (("crm", "--scope", "read", "--agent", "anna"), "--agent: is only for the scope desk"),
        (("desk", "--scope", "desk", "--agent", "zoe"), "--agent: there is no agent “zoe”"),
        (("crm", "--scope", "read:people"), "--scope: “read:people” is no scope"),
        (("crm", "--scope", "read,desk"), "--scope: “desk” is no scope"),
        ((" ", "--scope", "read"), "NAME: give the token a name"),
    ],
)
def test_what_cannot_be_used_of_a_token_is_said(
    flask_command: Command, anna: str, words: tuple[str, ...], complaint: str
) -> None:
    done = flask_command("tokens", "create", *words)
    assert done.exit_code == 1
    assert complaint in done.stderr
    assert flask_command("tokens", "list").stdout == ""


def test_a_token_is_for_some_nouns_and_so_is_the_one_in_its_place(
    flask_command: Command, client: FlaskClient
) -> None:
    flask_command("tokens", "create", "crm", "--scope", "write:cases,customers,read:contacts")
    assert "crm\tread:contacts,write:cases,customers\t" in flask_command("tokens", "list").stdout

    crm = Api(client, flask_command("tokens", "rotate", "crm").stdout.splitlines()[-1])

    assert [crm.get(path).status_code for path in ("/contacts", "/cases", "/calls")] == [200, 200, 403]


@pytest.mark.parametrize("whom", ["sup@example.nl", "--everybody"])
def test_an_operator_signs_somebody_out_everywhere(flask_command: Command, whom: str) -> None:
    flask_command("users", "create", "sup@example.nl", "--role", "supervisor")

    done = flask_command("users", "sign-out", whom)

    assert done.output == "1 person was signed out everywhere\n"
    assert user("sup@example.nl").session_number == 1


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("nobody@example.nl",), "EMAIL: there is nobody with the address “nobody@example.nl”"),
        ((), "give an EMAIL, or --everybody"),
        (("sup@example.nl", "--everybody"), "give an EMAIL, or --everybody"),
    ],
)
def test_whom_an_operator_can_not_sign_out_is_said(
    flask_command: Command, words: tuple[str, ...], complaint: str
) -> None:
    done = flask_command("users", "sign-out", *words)

    assert done.exit_code != 0
    assert complaint in done.output


def bearer(done: Result) -> dict[str, str]:
    return {"Authorization": f"Bearer {done.stdout.splitlines()[-1]}"}


def test_a_token_ends_on_its_day_and_tells_when_it_was_last_used(
    client: FlaskClient, flask_command: Command
) -> None:
    today = datetime.now(UTC).date()
    crm = bearer(flask_command("tokens", "create", "crm", "--scope", "read", "--until", str(today)))
    assert flask_command("tokens", "list").stdout.split("\t")[-1] == "-\n"

    assert client.get("/api/v1/lines", headers=crm).status_code == 200
    assert flask_command("tokens", "list").stdout.split("\t")[-2:] == [
        str(today + timedelta(days=1)),
        f"{today}\n",
    ]
    with db.transaction() as session:
        session.execute(update(ApiToken).values(ends_at=datetime.now(UTC)))
    assert client.get("/api/v1/lines", headers=crm).status_code == 401

    past = flask_command("tokens", "create", "old", "--scope", "read", "--until", "2020-01-01")
    assert "--until" in past.stderr


def test_a_token_is_rotated_without_a_moment_in_which_none_works(
    client: FlaskClient, flask_command: Command
) -> None:
    old = bearer(flask_command("tokens", "create", "crm", "--scope", "read"))
    new = bearer(flask_command("tokens", "rotate", "crm"))

    assert [client.get("/api/v1/lines", headers=one).status_code for one in (old, new)] == [200, 200]
    names = [row.split("\t")[0] for row in flask_command("tokens", "list").stdout.splitlines()]
    assert names[0] == "crm"
    assert names[1].startswith("crm (until ")

    third = bearer(flask_command("tokens", "rotate", "crm", "--hours", "0"))
    assert [client.get("/api/v1/lines", headers=one).status_code for one in (new, third)] == [401, 200]
    assert flask_command("tokens", "rotate", "unknown").exit_code == 1
