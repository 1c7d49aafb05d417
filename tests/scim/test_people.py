"""Who may come in because the directory says so, and is everything over at once when it says no more?"""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

import config
from app.api import auth
from app.clock import utcnow
from app.db import reading, transaction
from app.desk import streams
from app.desk.board import board_of
from app.desk.streams import Hub
from app.promises import ledger
from app.records.access import AccessEvent
from app.records.agents import Agent, Intent, Presence, Role, User
from app.records.audit import AuditPending
from app.records.promises import OWED, Promise, PromiseEvent
from app.records.tokens import ApiToken, Scope
from app.scim.telling import AGENT_URN, ENTERPRISE_URN
from tests import factories
from tests.agents.test_streams import PATIENCE, events_in
from tests.desk import office

USER = "urn:ietf:params:scim:schemas:core:2.0:User"
GROUP = "urn:ietf:params:scim:schemas:core:2.0:Group"
PATCH = "urn:ietf:params:scim:api:messages:2.0:PatchOp"
Json = dict[str, Any]
Ask = Callable[..., Any]


@pytest.fixture
def settings(settings: config.Settings) -> config.Settings:
    roles = (("Balie", "agent"), ("Chefs", "supervisor"), ("Beheer", "admin"))
    return replace(settings, group_roles=roles)


@pytest.fixture
def ask(flask_app: Flask) -> Ask:
    """Ask as the organisation's directory does: ask("POST", "/Users", {...})."""
    with transaction() as session:
        token = auth.create(session, "entra", Scope.DIRECTORY, None, utcnow())

    def run(method: str, path: str, body: Json | str | None = None, **headers: str) -> Any:
        return flask_app.test_client().open(
            f"/scim/v2{path}",
            method=method,
            data=json.dumps(body) if isinstance(body, dict) else body,
            content_type="application/scim+json",
            headers={"Authorization": f"Bearer {token}"}
            | {k.replace("_", "-"): v for k, v in headers.items()},
        )

    return run


def anna(**more: Any) -> Json:
    said = {
        "schemas": [USER],
        "userName": "Anna.Jansen@example.nl",
        "externalId": "a-1",
        "displayName": "Anna Jansen",
        "preferredLanguage": "en-GB",
        "emails": [{"value": "Anna@example.nl", "primary": True, "type": "work"}],
        "active": True,
    }
    return said | more


def role(name: str) -> Json:
    return {"roles": [{"value": name}]}


def patch(*operations: Json) -> Json:
    return {"schemas": [PATCH], "Operations": list(operations)}


def made(ask: Ask, said: Json) -> str:
    response = ask("POST", "/Users", said)
    assert response.status_code == 201, response.text
    return str(response.json["id"])


def account(email: str = "anna@example.nl") -> User | None:
    with reading() as session:
        return session.get(User, email)


# --- coming ---------------------------------------------------------------------------------------------


def test_a_new_agent_gets_an_account_and_a_desk(ask: Ask) -> None:
    with transaction() as session:
        factories.line(session)
    desk = {"agent": "a.jansen", "team": "Burgerzaken", "spokenName": "Anna", "phone": "06 12345678"}
    said = anna(**role("agent") | {AGENT_URN: desk, "schemas": [USER, AGENT_URN]})

    made(ask, said)

    user = account()
    assert user is not None
    assert (user.role, user.agent, user.language, user.password_hash) == (Role.AGENT, "a_jansen", "en", "")
    with reading() as session:
        agent = session.get_one(Agent, "a_jansen")
        assert (agent.name, agent.spoken_name, agent.team) == ("Anna Jansen", "Anna", "Burgerzaken")
        assert (agent.phone, agent.email, agent.enabled) == ("+31612345678", "anna@example.nl", True)
        assert session.get(Presence, "a_jansen") is not None


def test_an_agent_without_more_gets_a_key_and_the_team_of_the_department(ask: Ask) -> None:
    made(ask, anna(**role("agent") | {ENTERPRISE_URN: {"department": "Belastingen"}}))

    with reading() as session:
        agent = session.get_one(Agent, "anna_jansen")
        assert (agent.team, agent.spoken_name) == ("Belastingen", "Anna Jansen")


def test_an_agent_who_is_here_already_is_linked_by_their_address(ask: Ask) -> None:
    with transaction() as session:
        factories.agent(session, "anna")

    made(ask, anna(**role("agent")))

    user = account()
    assert user is not None
    assert user.agent == "anna"


def test_a_group_gives_a_role_and_takes_it_again(ask: Ask, client: FlaskClient) -> None:
    person = made(ask, anna())
    assert account() is None, "who has no role has no account"
    group = ask("POST", "/Groups", {"schemas": [GROUP], "displayName": "Chefs"}).json["id"]

    ask("PATCH", f"/Groups/{group}", patch({"op": "add", "path": "members", "value": [{"value": person}]}))
    user = account()
    assert user is not None
    assert (user.role, user.is_active) == (Role.SUPERVISOR, True)
    assert ask("GET", f"/Users/{person}").json["groups"][0]["display"] == "Chefs"

    ask("PATCH", f"/Groups/{group}", patch({"op": "remove", "path": f'members[value eq "{person}"]'}))
    user = account()
    assert user is not None
    assert not user.is_active


def test_an_account_that_was_here_before_keeps_its_role_while_the_directory_gives_none(ask: Ask) -> None:
    with transaction() as session:
        office.user(session, None, Role.ADMIN, email="anna@example.nl")

    made(ask, anna())

    user = account()
    assert user is not None
    assert (user.role, user.is_active) == (Role.ADMIN, True)


def test_another_role_ends_what_was_open_with_the_one_before(ask: Ask, client: FlaskClient) -> None:
    with transaction() as session:
        office.user(session, None, Role.ADMIN, email="anna@example.nl")
        office.user(session, None, Role.ADMIN, email="another@example.nl")
    office.sign_in(client, "anna@example.nl")
    person = made(ask, anna(**role("admin")))
    assert client.get("/account").status_code == 200

    ask("PATCH", f"/Users/{person}", patch({"op": "replace", "value": role("auditor")}))

    assert client.get("/account", headers={"Accept": "application/json"}).status_code == 401
    with reading() as session:
        changed = session.scalars(select(AuditPending).order_by(AuditPending.id.desc())).first()
    assert changed is not None
    assert (changed.who, changed.via, changed.what) == ("scim:entra", "api", "access_changed")
    assert changed.details["about"] == "auditor scim:entra"


def test_the_last_who_gives_roles_keeps_that_role_until_somebody_else_has_it_but_may_leave(ask: Ask) -> None:
    person = made(ask, anna(**role("admin")))

    for said in (role("auditor"), {"roles": []}):
        refused = ask("PATCH", f"/Users/{person}", patch({"op": "replace", "value": said}))
        assert refused.status_code == 400
        assert "this is the only administrator" in refused.json["detail"]
    user = account()
    assert user is not None
    assert (user.role, user.is_active) == (Role.ADMIN, True)

    ask("PATCH", f"/Users/{person}", patch({"op": "replace", "value": {"active": False}}))
    user = account()
    assert user is not None
    assert not user.is_active, "whoever has gone has nothing open, whatever comes of it"


# --- going ----------------------------------------------------------------------------------------------

OFF = {
    "as Entra says it": ("PATCH", patch({"op": "Replace", "path": "active", "value": "False"})),
    "as Okta says it": ("PATCH", patch({"op": "replace", "value": {"active": False}})),
    "all anew": ("PUT", anna(**role("agent") | {"active": False})),
    "deleted": ("DELETE", None),
}


@pytest.fixture
def url(
    flask_app: Flask, settings: config.Settings, free_port: int, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """The application, served, looking often at who may still listen."""
    monkeypatch.setattr(streams, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(streams, "PROVE_SECONDS", 0.1)
    with office.serving(flask_app, free_port, Hub(settings.redis_url)) as url:
        yield url


@pytest.mark.parametrize("off", OFF)
def test_whoever_is_off_has_nothing_open_and_owes_nothing_a_moment_later(
    ask: Ask, client: FlaskClient, url: str, off: str
) -> None:
    now = utcnow()
    with transaction() as session:
        factories.line(session)
        factories.agent(session, "anna")
        factories.agent(session, "ben")
        office.user(session, "anna")
        token = auth.create(session, "annas telephone", Scope.DESK, "anna", now)
        factories.customer(session, "K1", factories.ADA)
        factories.case(session, "Z1", "K1", owner="anna")
        owed = factories.promise(
            session, now=now, due_at=now + timedelta(days=1), customer="K1", case="Z1"
        ).id
    person = made(ask, anna(**role("agent")))
    office.sign_in(client, "anna@example.nl")
    cookie = client.get_cookie("rechtdoor")
    assert cookie is not None
    with (
        httpx.Client(base_url=url, timeout=PATIENCE) as one,
        one.stream("GET", "/desk/events?after=0", cookies={"rechtdoor": cookie.value}) as desk,
        one.stream(
            "GET", "/api/v1/agents/anna/events?after=0", headers={"Authorization": f"Bearer {token}"}
        ) as system,
    ):
        method, body = OFF[off]
        answer = ask(method, f"/Users/{person}", body)
        assert answer.status_code in (200, 204), answer.text

        # Both end properly, and by themselves.
        assert desk.status_code == system.status_code == 200
        assert [list(events_in(desk)), list(events_in(system))]

    assert client.get("/desk/presence").status_code == 401
    assert office.try_password(client, "anna@example.nl", office.PASSWORD).status_code == 401
    with reading() as session:
        assert session.scalars(select(ApiToken.name)).all() == ["entra"]
        assert session.get_one(Presence, "anna").intent == Intent.OFF
        assert not session.get_one(Agent, "anna").enabled
        promise = session.get_one(Promise, owed)
        assert (promise.agent, promise.team, promise.state in OWED) == (None, "Burgerzaken", True)
        event = session.scalars(select(PromiseEvent).order_by(PromiseEvent.id.desc())).first()
        assert event is not None
        assert (event.why, event.details, event.who) == (ledger.LEFT_TO_TEAM, {"from": "anna"}, "scim:entra")
        shown = [(one.id, one.left_by) for one in board_of(session, "ben", now).promises]
        assert shown == [(owed, "Anna Jansen")], "on every colleague's board"
        noted = session.execute(select(AccessEvent.kind, AccessEvent.about)).all()
        assert ("left", "scim:entra") in [tuple(one) for one in noted]
        assert ("token_revoked", "annas telephone scim:entra") in [tuple(one) for one in noted]


def test_who_comes_back_signs_in_again(ask: Ask, client: FlaskClient) -> None:
    with transaction() as session:
        factories.agent(session, "anna")
        office.user(session, "anna")
    person = made(ask, anna(**role("agent")))
    for value in (False, True):
        ask("PATCH", f"/Users/{person}", patch({"op": "replace", "path": "active", "value": value}))

    assert office.try_password(client, "anna@example.nl", office.PASSWORD).status_code == 303
    with reading() as session:
        assert session.get_one(Agent, "anna").enabled


def test_who_was_deleted_and_is_told_of_anew_has_the_account_of_before(ask: Ask) -> None:
    person = made(ask, anna(**role("agent")))
    assert ask("DELETE", f"/Users/{person}").status_code == 204
    assert ask("GET", f"/Users/{person}").status_code == 404
    gone = account()
    assert gone is not None
    assert not gone.is_active

    made(ask, anna(**role("agent")))

    user = account()
    assert user is not None
    assert (user.is_active, user.agent) == (True, "anna_jansen")


# --- how they say it ------------------------------------------------------------------------------------


def test_entras_way_of_changing_is_understood(ask: Ask) -> None:
    person = made(ask, anna())

    answer = ask(
        "PATCH",
        f"/Users/{person}",
        patch(
            {"op": "Add", "path": 'emails[type eq "work"].value', "value": "a.jansen@example.nl"},
            {"op": "Replace", "path": "name.familyName", "value": "Jansen-Bakker"},
            {"op": "Add", "path": 'phoneNumbers[type eq "mobile"].value', "value": "0612345678"},
            {"op": "Replace", "value": {"displayName": "Anna Jansen-Bakker", "active": "True"}},
            {"op": "Add", "path": f"{AGENT_URN}:team", "value": "Belastingen"},
            {"op": "Add", "path": "roles", "value": [{"value": "agent"}]},
        ),
    )

    assert answer.status_code == 200, answer.text
    said = answer.json
    assert said["emails"][0]["value"] == "a.jansen@example.nl"
    assert (said["name"]["familyName"], said["displayName"]) == ("Jansen-Bakker", "Anna Jansen-Bakker")
    assert "phoneNumbers" not in said, "what isn't used isn't kept"
    assert said[AGENT_URN]["team"] == "Belastingen"


def test_entra_takes_members_out_by_naming_them(ask: Ask) -> None:
    person = made(ask, anna())
    group = ask(
        "POST", "/Groups", {"schemas": [GROUP], "displayName": "Chefs", "members": [{"value": person}]}
    ).json["id"]

    answer = ask(
        "PATCH",
        f"/Groups/{group}",
        patch({"op": "Remove", "path": "members", "value": [{"value": person}]}),
    )

    assert answer.status_code in (200, 204), answer.text
    assert "members" not in ask("GET", f"/Groups/{group}").json


@pytest.mark.parametrize(
    ("asked", "count"),
    [
        ('userName eq "ANNA.jansen@example.nl"', 1),
        ('externalId eq "a-1"', 1),
        ('userName eq "nobody"', 0),
        ("active eq true", 1),
        ('active eq true and userName sw "anna"', 1),
        ('userName eq "x" or externalId eq "a-1"', 1),
        ('emails[type eq "work" and value co "example"]', 1),
        ('emails.value eq "anna@example.nl"', 1),
    ],
)
def test_people_are_found_by_what_the_directory_knows(ask: Ask, asked: str, count: int) -> None:
    made(ask, anna())

    found = ask("GET", f"/Users?filter={asked}").json

    assert found["totalResults"] == count
    assert len(found.get("Resources", [])) == count


def test_the_list_comes_in_pages(ask: Ask) -> None:
    for number in range(5):
        made(ask, anna(userName=f"u{number}", externalId=f"x{number}", emails=[]))

    page = ask("GET", "/Users?startIndex=2&count=2").json

    assert (page["totalResults"], page["startIndex"], page["itemsPerPage"]) == (5, 2, 2)
    assert [one["userName"] for one in page["Resources"]] == ["u1", "u2"]
    assert ask("GET", "/Users?count=0").json["totalResults"] == 5
    assert (
        next(
            one["userName"]
            for one in ask("GET", "/Users?sortBy=userName&sortOrder=descending").json["Resources"]
        )
        == "u4"
    )


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "kind"),
    [
        ("POST", "/Users", anna(), 409, "uniqueness"),
        ("POST", "/Users", anna(userName="other"), 400, "invalidValue"),  # another's address
        ("POST", "/Users", {"schemas": [USER]}, 400, "invalidValue"),
        (
            "POST",
            "/Users",
            anna(userName="b", emails=[], **{AGENT_URN: {"agent": "b", "phone": "x"}}),
            400,
            None,
        ),
        ("POST", "/Users", anna(userName="nul\x00", emails=[]), 400, None),
        (
            "POST",
            "/Groups",
            {"schemas": [GROUP], "displayName": "x", "members": [{"value": "no"}]},
            400,
            None,
        ),
        ("GET", "/Users?filter=userName", None, 400, "invalidFilter"),
        ("GET", "/Users/nobody", None, 404, None),
        ("GET", "/Nothing", None, 404, None),
    ],
)
def test_what_cannot_be_done_is_said_in_scims_shape(
    ask: Ask, method: str, path: str, body: Json | None, status: int, kind: str | None
) -> None:
    made(ask, anna(**role("agent")))

    answer = ask(method, path, body)

    assert answer.status_code == status, answer.text
    assert answer.mimetype == "application/scim+json"
    assert answer.json["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:Error"]
    assert answer.json["status"] == str(status)
    assert kind is None or answer.json["scimType"] == kind


def test_a_change_over_somebodys_newer_one_is_refused(ask: Ask) -> None:
    person = made(ask, anna())
    before = ask("GET", f"/Users/{person}").headers["ETag"]
    change = patch({"op": "replace", "path": "displayName", "value": "Anna"})

    assert ask("PATCH", f"/Users/{person}", change, If_Match=before).status_code == 200
    assert ask("PATCH", f"/Users/{person}", change, If_Match=before).status_code == 412


@pytest.mark.parametrize("scope", [Scope.READ, Scope.WRITE])
def test_no_other_token_speaks_for_the_directory_and_its_own_for_nothing_else(
    flask_app: Flask, scope: Scope
) -> None:
    with transaction() as session:
        other = auth.create(session, "crm", scope, None, utcnow())
        directory = auth.create(session, "entra", Scope.DIRECTORY, None, utcnow())
    client = flask_app.test_client()

    def status(path: str, token: str) -> int:
        return client.get(path, headers={"Authorization": f"Bearer {token}"} if token else {}).status_code

    assert status("/scim/v2/Users", other) == 403
    assert status("/scim/v2/Users", "") == status("/scim/v2/ServiceProviderConfig", "") == 401
    assert status("/scim/v2/Users", directory) == 200
    assert status("/api/v1/agents", directory) == 403


def test_members_that_are_added_at_the_same_time_are_all_there(ask: Ask, flask_app: Flask) -> None:
    people = [made(ask, anna(userName=f"u{number}", emails=[], externalId=None)) for number in range(4)]
    group = ask("POST", "/Groups", {"schemas": [GROUP], "displayName": "Zwemclub"}).json["id"]

    def add(person: str) -> int:
        change = patch({"op": "Add", "path": "members", "value": [{"value": person}]})
        return int(ask("PATCH", f"/Groups/{group}", change).status_code)

    with ThreadPoolExecutor(len(people)) as threads:
        assert set(threads.map(add, people)) == {200}

    found = ask("GET", f"/Groups/{group}").json["members"]
    assert {one["value"] for one in found} == set(people)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (f"/Users?filter={'(' * 2000}userName eq 1{')' * 2000}", None),
        (f"/Users?filter={'not (' * 500}active eq true{')' * 500}", None),
        ("/Users?startIndex=99999999999999999999", None),
        ("/Users/%00", None),
        ("/Users", "[" * 5000 + "]" * 5000),
        ("/Users", "\xff"),
    ],
)
def test_what_nobody_means_is_no_failure_of_ours(ask: Ask, path: str, body: str | None) -> None:
    answer = ask("POST" if body else "GET", path, body)

    assert answer.status_code in (400, 404)
    assert answer.mimetype == "application/scim+json"
