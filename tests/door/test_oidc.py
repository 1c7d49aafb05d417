"""Who comes in by the organisation's own sign-in, who doesn't whatever they send, and what ends it?"""

import base64
import hmac
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from click.testing import Result
from flask import Flask
from flask.testing import FlaskClient
from joserfc import jwk, jwt
from sqlalchemy import select
from werkzeug.test import TestResponse

import app.db
import config
from app import create_app
from app.clock import utcnow
from app.db import reading, transaction
from app.door import oidc
from app.records.access import AccessEvent, AccessKind, UserSession
from app.records.agents import Agent, Role, User
from app.records.directory import Identity, Person
from app.voice import webhooks
from config.directory import Oidc
from tests import factories
from tests.desk import office
from tests.door.issuer import CLIENT_ID, CLIENT_SECRET, Issuer, issuer
from tests.door.issuer import Json as Claims

HTML = {"Accept": "text/html"}
ROLES = (("Balie", "agent"), ("Chefs", "supervisor"), ("it/Beheer", "admin"))


@pytest.fixture
def provider() -> Iterator[Issuer]:
    with issuer() as running:
        yield running


@pytest.fixture
def settings(settings: config.Settings, provider: Issuer) -> config.Settings:
    elsewhere = Oidc(issuer=provider.url, client_id=CLIENT_ID, client_secret=CLIENT_SECRET, name="Waterrijk")
    return replace(settings, oidc=elsewhere, group_roles=ROLES)


@pytest.fixture
def ada(flask_app: Flask) -> str:
    """Ada, who has a desk; her e-mail address. No account yet."""
    with transaction() as session:
        factories.agent(session, "ada")
        session.get_one(Agent, "ada").email = "ada@example.nl"
    return "ada@example.nl"


def come_in(client: FlaskClient, provider: Issuer, goes_to: str = "") -> TestResponse:
    leaving = client.get("/login/oidc", query_string={"next": goes_to} if goes_to else {})
    assert leaving.status_code == 302
    return client.get(provider.visit(leaving.location), headers=HTML)


def is_signed_in(client: FlaskClient) -> bool:
    return client.get("/account", headers={"Accept": "application/json"}).status_code == 200


def kinds() -> list[str]:
    with reading() as session:
        return [str(one) for one in session.scalars(select(AccessEvent.kind).order_by(AccessEvent.id))]


# --- coming in ----------------------------------------------------------------------------------------


def test_an_agent_of_the_directory_comes_to_their_own_desk(
    client: FlaskClient, provider: Issuer, ada: str
) -> None:
    response = come_in(client, provider)

    assert (response.status_code, response.location) == (303, "/desk")
    with reading() as session:
        user = session.get_one(User, ada)
        assert (user.role, user.agent) == (Role.AGENT, "ada")
        row = session.scalars(select(UserSession)).one()
        assert (row.how, row.proven_by) == ("oidc", "password")
        assert session.get(Identity, (provider.url, "ada-1")) is not None
    assert kinds() == ["access_changed", "identity_linked", "signed_in"]


def test_somebody_goes_where_they_were_going_but_nowhere_outside(
    client: FlaskClient, provider: Issuer, ada: str
) -> None:
    assert come_in(client, provider, "/account").location == "/account"
    assert come_in(client, provider, "https://elsewhere.example/").location == "/desk"


def test_the_provider_is_asked_for_a_code_with_a_challenge_a_state_and_a_nonce(
    client: FlaskClient, provider: Issuer, settings: config.Settings
) -> None:
    first, second = (client.get("/login/oidc").location for _ in range(2))

    for part in ("response_type=code", "code_challenge_method=S256", "code_challenge=", "scope=openid+email"):
        assert part in first
    asked = [dict(part.split("=") for part in one.split("?")[1].split("&")) for one in (first, second)]
    assert all(asked[0][name] != asked[1][name] for name in ("state", "nonce", "code_challenge"))


def test_two_windows_at_the_provider_both_come_back(client: FlaskClient, provider: Issuer, ada: str) -> None:
    first = client.get("/login/oidc?next=/account").location
    second = client.get("/login/oidc").location

    assert client.get(provider.visit(first)).location == "/account"
    assert client.get(provider.visit(second)).location == "/desk"


def test_the_highest_role_of_ones_groups_holds_and_follows_the_directory(
    client: FlaskClient, provider: Issuer, ada: str, flask_app: Flask
) -> None:
    provider.person["groups"] = ["/Balie", "Chefs", "Zwemclub"]
    come_in(client, provider)
    elsewhere = flask_app.test_client()
    come_in(elsewhere, provider)
    assert elsewhere.get("/admin/promises").status_code == 200

    provider.person["groups"] = ["/Balie"]
    come_in(client, provider)

    assert not is_signed_in(elsewhere), "what was opened with the higher role is over"
    assert client.get("/admin/promises", headers=HTML).status_code == 403


def test_the_only_admin_is_not_made_anything_else_by_coming_in(
    client: FlaskClient, provider: Issuer, flask_app: Flask
) -> None:
    with transaction() as session:
        office.user(session, None, Role.ADMIN, email="ada@example.nl")
    inside = flask_app.test_client()
    office.sign_in(inside, "ada@example.nl")
    provider.person["groups"] = ["Chefs"]

    refused = come_in(client, provider)

    assert refused.status_code == 403
    assert "de enige beheerder" in refused.text
    assert not is_signed_in(inside), "the directory no longer gives what is open here"
    with reading() as session:
        assert session.get_one(User, "ada@example.nl").role == Role.ADMIN
    with transaction() as session:
        office.user(session, None, Role.ADMIN, email="another@example.nl")
    assert come_in(client, provider).status_code == 303


def test_who_is_taken_out_of_all_groups_is_out_everywhere(
    client: FlaskClient, provider: Issuer, ada: str, flask_app: Flask
) -> None:
    come_in(client, provider)
    provider.person["groups"] = []

    refused = come_in(flask_app.test_client(), provider)

    assert refused.status_code == 403
    assert "geen groep" in refused.text
    assert not is_signed_in(client)


@pytest.mark.parametrize(
    ("person", "words"),
    [
        ({"groups": ["Zwemclub"]}, "geen groep"),
        ({"groups": ["Beheer"]}, "geen groep"),  # another group of that name, elsewhere in the tree
        ({"groups": None, "_claim_names": {"groups": "src1"}}, "zoveel groepen"),
        ({"email_verified": None}, "geen e-mailadres door dat gecontroleerd is"),
        ({"email_verified": False}, "geen e-mailadres door dat gecontroleerd is"),
        ({"email": "ben@example.nl"}, "nog geen medewerker"),
    ],
)
def test_who_gets_nothing_here_reads_why(
    client: FlaskClient, provider: Issuer, ada: str, person: Claims, words: str
) -> None:
    provider.person |= person

    refused = come_in(client, provider)

    assert refused.status_code == 403
    assert words in refused.text
    assert not is_signed_in(client)


@pytest.mark.parametrize(
    ("claim", "groups"),
    [("realm_access.roles", {"realm_access": {"roles": ["Balie"]}}), ("https://x.nl/groups", None)],
)
def test_groups_are_found_where_the_provider_puts_them(
    settings: config.Settings, client: FlaskClient, provider: Issuer, ada: str, claim: str, groups: Claims
) -> None:
    provider.person |= (groups or {"https://x.nl/groups": "Balie"}) | {"groups": None}
    object.__setattr__(settings.oidc, "groups_claim", claim)

    assert come_in(client, provider).location == "/desk"


def test_what_the_token_leaves_out_is_asked_for(client: FlaskClient, provider: Issuer, ada: str) -> None:
    provider.userinfo = dict(provider.person)
    provider.person = {"sub": "ada-1"}

    assert come_in(client, provider).location == "/desk"


def test_what_is_told_of_another_than_the_token_names_is_not_believed(
    client: FlaskClient, provider: Issuer, ada: str
) -> None:
    provider.userinfo = {**provider.person, "sub": "somebody-else"}
    provider.person = {"sub": "ada-1"}

    assert come_in(client, provider).status_code == 400


def test_an_account_that_stands_here_is_linked_once_and_then_known_by_its_identity(
    client: FlaskClient, provider: Issuer, ada: str
) -> None:
    with transaction() as session:
        office.user(session, "ada", email=ada)
    come_in(client, provider)
    provider.person |= {"email": "ada.jansen@example.nl"}

    assert come_in(client, provider).location == "/desk"
    with reading() as session:
        assert session.scalars(select(User.email)).all() == [ada]


def test_an_address_that_was_given_out_anew_does_not_open_the_account_of_who_had_it(
    client: FlaskClient, provider: Issuer, ada: str
) -> None:
    come_in(client, provider)
    provider.person |= {"sub": "another-ada"}

    refused = come_in(client, provider)

    assert refused.status_code == 403
    assert "iemand anders" in refused.text


@pytest.mark.parametrize(("seconds_ago", "status"), [(5, 303), (3600, 400), (None, 400)])
def test_who_is_asked_once_more_shows_it_now(
    client: FlaskClient, provider: Issuer, ada: str, seconds_ago: int | None, status: int
) -> None:
    come_in(client, provider)
    leaving = client.get("/login/oidc?again=1&next=/account").location
    assert "prompt=login" in leaving
    provider.person |= {"auth_time": int(time.time()) - seconds_ago if seconds_ago is not None else None}

    assert client.get(provider.visit(leaving), headers=HTML).status_code == status


@pytest.mark.parametrize(
    ("said", "is_strong"),
    [({"amr": ["pwd", "mfa"]}, True), ({"acr": "phr"}, True), ({"amr": ["pwd"]}, False)],
)
def test_a_session_is_as_strong_as_the_provider_says(
    client: FlaskClient, provider: Issuer, ada: str, said: Claims, is_strong: bool
) -> None:
    provider.person |= said
    come_in(client, provider)

    with reading() as session:
        assert [by == "factor" for by in session.scalars(select(UserSession.proven_by))] == [is_strong]


def test_an_account_without_a_password_opens_with_none(
    client: FlaskClient, provider: Issuer, ada: str
) -> None:
    come_in(client, provider)
    another = client.application.test_client()

    for password in ("", "the account that nobody has"):
        assert office.try_password(another, ada, password).status_code == 401


# --- lies ---------------------------------------------------------------------------------------------


def _written(*parts: Claims) -> str:
    return ".".join(_in_letters(json.dumps(part).encode()) for part in parts)


def _in_letters(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _unsigned(claims: Claims) -> str:
    return _written({"alg": "none"}, claims) + "."


def _by_a_secret(claims: Claims, kid: str, secret: bytes) -> str:
    text = _written({"alg": "HS256", "kid": kid}, claims)
    return f"{text}.{_in_letters(hmac.digest(secret, text.encode(), 'sha256'))}"


FORGED = {
    "another nonce": lambda claims: claims | {"nonce": "another"},
    "no nonce": lambda claims: claims | {"nonce": None},
    "for another": lambda claims: claims | {"aud": "another"},
    "for several without saying for whom": lambda claims: claims | {"aud": [CLIENT_ID, "another"]},
    "for several and another": lambda claims: claims | {"aud": [CLIENT_ID, "another"], "azp": "another"},
    "of another": lambda claims: claims | {"iss": "https://another.example"},
    "over": lambda claims: claims | {"exp": int(time.time()) - 120},
    "made long ago": lambda claims: claims | {"iat": int(time.time()) - 7200},
    "made tomorrow": lambda claims: claims | {"iat": int(time.time()) + 7200},
    "not yet": lambda claims: claims | {"nbf": int(time.time()) + 7200},
    "without an end": lambda claims: claims | {"exp": None},
    "of nobody": lambda claims: claims | {"sub": None},
    "of somebody whose name is endless": lambda claims: claims | {"sub": "x" * 256},
    "a nonce of another alphabet": lambda claims: claims | {"nonce": "é"},
    "for a list of nothing": lambda claims: claims | {"aud": []},
    "with words for times": lambda claims: claims | {"exp": "tomorrow"},
    "with another access token": lambda claims: claims | {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
}


@pytest.mark.parametrize("forged", FORGED)
def test_a_token_that_says_something_else_opens_nothing(
    client: FlaskClient, provider: Issuer, ada: str, forged: str
) -> None:
    provider.forge = FORGED[forged]

    assert come_in(client, provider).status_code == 400
    assert not is_signed_in(client)


def test_a_token_that_is_signed_otherwise_opens_nothing(
    client: FlaskClient, provider: Issuer, ada: str
) -> None:
    stranger = jwk.RSAKey.generate_key(2048, {"kid": provider.kid})
    public = provider.key.as_pem(private=False)
    signed = {
        "not at all": _unsigned,
        "by a stranger's key of that name": lambda claims: jwt.encode(
            {"alg": "RS256", "kid": provider.kid}, claims, stranger
        ),
        "by what everybody knows": lambda claims: _by_a_secret(claims, provider.kid, public),
        "by our secret": lambda claims: _by_a_secret(claims, provider.kid, CLIENT_SECRET.encode()),
        "by nothing": lambda claims: "",
        "no token": lambda claims: "a.b.c",
    }
    for way, sign in signed.items():
        provider.sign = sign
        assert come_in(client, provider).status_code == 400, way
    assert not is_signed_in(client)


def test_a_code_works_once_and_in_the_browser_that_asked_for_it(
    client: FlaskClient, provider: Issuer, ada: str, flask_app: Flask
) -> None:
    back = provider.visit(client.get("/login/oidc").location)
    provider.reuses_codes = True

    assert flask_app.test_client().get(back, headers=HTML).status_code == 400, "another's browser"
    assert client.get(back).status_code == 303
    assert client.get(back, headers=HTML).status_code == 400, "a second time"


def test_what_another_provider_sends_back_is_not_taken_for_ours(
    client: FlaskClient, provider: Issuer, ada: str
) -> None:
    provider.metadata_more = {"authorization_response_iss_parameter_supported": True}
    for more, status in (("", 400), ("&iss=https://another.example", 400), (f"&iss={provider.url}", 303)):
        back = provider.visit(client.get("/login/oidc").location)
        assert client.get(back + more).status_code == status


@pytest.mark.parametrize("state", ["", "x", "é", "%00", "x" * 5000])
def test_a_state_that_nobody_was_given_opens_nothing(
    client: FlaskClient, provider: Issuer, ada: str, state: str
) -> None:
    client.get("/login/oidc")

    assert client.get(f"/login/oidc/callback?code=x&state={state}", headers=HTML).status_code == 400


def test_a_code_that_the_provider_does_not_know_opens_nothing(
    client: FlaskClient, provider: Issuer, ada: str
) -> None:
    back = provider.visit(client.get("/login/oidc").location)
    provider.codes.clear()

    assert client.get(back, headers=HTML).status_code == 403


def test_a_visit_that_took_too_long_begins_anew(
    client: FlaskClient, provider: Issuer, ada: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    back = provider.visit(client.get("/login/oidc").location)
    monkeypatch.setattr("app.door.oidc_views.VISIT_SECONDS", -1)

    assert client.get(back, headers=HTML).status_code == 400


def test_who_breaks_off_reads_that_they_may_try_again(
    client: FlaskClient, provider: Issuer, ada: str
) -> None:
    state = client.get("/login/oidc").location.split("state=")[1].split("&")[0]

    refused = client.get(f"/login/oidc/callback?error=access_denied&state={state}", headers=HTML)

    assert refused.status_code == 403
    assert "Inloggen bij Waterrijk" in refused.text


# --- when it is away, or changes its keys -------------------------------------------------------------


def test_a_provider_that_is_away_is_said_and_passwords_still_work(
    client: FlaskClient, provider: Issuer, ada: str
) -> None:
    provider.is_away = True
    with transaction() as session:
        office.user(session, "ada", email=ada)

    page = client.get("/login/oidc", headers=HTML)
    asked = len(provider.asked)
    client.get("/login/oidc", headers=HTML)

    assert page.status_code == 200
    assert "niet te bereiken" in page.text
    assert len(provider.asked) == asked, "the next one isn't kept waiting"
    assert office.try_password(client, ada, office.PASSWORD).status_code == 303


def test_a_provider_that_goes_away_meanwhile_is_no_error_of_ours(
    client: FlaskClient, provider: Issuer, ada: str
) -> None:
    back = provider.visit(client.get("/login/oidc").location)
    provider.is_away = True

    assert client.get(back, headers=HTML).status_code == 200


def test_a_provider_may_change_its_keys(client: FlaskClient, provider: Issuer, ada: str) -> None:
    assert come_in(client, provider).status_code == 303
    provider.change_key("two")

    assert come_in(client, provider).status_code == 303
    assert provider.asked.count("/keys") == 2


def test_a_provider_under_another_name_is_not_ours(client: FlaskClient, provider: Issuer) -> None:
    provider.metadata_more = {"issuer": "https://login.microsoftonline.com/{tenantid}/v2.0"}

    assert client.get("/login/oidc", headers=HTML).status_code == 400


# --- without passwords --------------------------------------------------------------------------------


@pytest.fixture
def without_passwords(settings: config.Settings) -> Iterator[FlaskClient]:
    application = create_app(replace(settings, passwords=False))
    yield application.test_client()
    webhooks.stop(application)
    app.db.current().dispose()


def test_without_passwords_only_the_provider_lets_in(
    without_passwords: FlaskClient, provider: Issuer
) -> None:
    with transaction() as session:
        email = office.user(session, None, Role.ADMIN)
    page = without_passwords.get("/login", headers=HTML).text

    assert "Inloggen bij Waterrijk" in page
    assert 'type="password"' not in page
    refused = without_passwords.post(
        "/login", data={"email": email, "password": office.PASSWORD, "csrf": office.token_in(page)}
    )
    assert refused.status_code == 403
    assert not is_signed_in(without_passwords)


# --- out ----------------------------------------------------------------------------------------------


def test_who_signs_out_is_led_on_to_sign_out_there(client: FlaskClient, provider: Issuer, ada: str) -> None:
    come_in(client, provider)
    page = client.get("/account", headers=HTML)

    gone = client.post("/logout", data={"csrf": office.token_in(page.text)})

    assert gone.location.startswith(f"{provider.url}/sign-out?")
    assert "id_token_hint=" in gone.location
    assert "post_logout_redirect_uri=" in gone.location
    assert f"form-action 'self' {provider.url};" in page.headers["Content-Security-Policy"]
    assert not is_signed_in(client)


def test_who_came_in_with_a_password_signs_out_here_alone(client: FlaskClient, ada: str) -> None:
    with transaction() as session:
        office.user(session, "ada", email=ada)
    csrf = office.sign_in(client, ada)

    assert client.post("/logout", data={"csrf": csrf}).location == "/login"


def test_a_provider_that_signs_people_out_on_another_host_gets_them_by_a_page(
    client: FlaskClient, provider: Issuer, ada: str
) -> None:
    provider.metadata_more = {"end_session_endpoint": "https://out.example.nl/bye?for=all"}
    come_in(client, provider)
    csrf = office.token_in(client.get("/account", headers=HTML).text)

    gone = client.post("/logout", data={"csrf": csrf})

    assert gone.status_code == 200
    assert "https://out.example.nl/bye?for=all&amp;client_id=" in gone.text


@pytest.mark.parametrize("about", [{"sub": "ada-1"}, {"sid": "S1"}, {"sub": "ada-1", "sid": "S1"}])
def test_the_provider_ends_what_it_opened(
    client: FlaskClient, provider: Issuer, ada: str, flask_app: Flask, about: Claims
) -> None:
    provider.person |= {"sid": "S1"}
    come_in(client, provider)
    another = flask_app.test_client()
    provider.person |= {"sub": "ada-1", "sid": "S2"}
    come_in(another, provider)

    answer = flask_app.test_client().post(
        "/login/oidc/backchannel", data={"logout_token": provider.logout_token(**about)}
    )

    assert answer.status_code == 200
    assert not is_signed_in(client)
    assert is_signed_in(another) == ("sid" in about)
    assert kinds()[-1] == AccessKind.SESSION_ENDED


@pytest.mark.parametrize(
    "about",
    [
        {"sub": None},
        {"sub": "ada-1", "nonce": "x"},
        {"sub": "ada-1", "events": {}},
        {"sub": "ada-1", "jti": None},
        {"sub": "ada-1", "aud": "another"},
        {"sub": "ada-1", "iss": "https://another.example"},
        {"sub": "ada-1", "iat": int(time.time()) - 7200},
        {"sub": "ada-1", "exp": int(time.time()) - 120},
    ],
)
def test_nobody_else_ends_a_session_in_the_providers_name(
    client: FlaskClient, provider: Issuer, ada: str, about: Claims
) -> None:
    come_in(client, provider)

    for token in (provider.logout_token(**about), "", "a.b.c"):
        answer = client.post("/login/oidc/backchannel", data={"logout_token": token})
        assert answer.status_code == 400
    assert is_signed_in(client)


def test_an_account_that_is_closed_opens_in_no_way(client: FlaskClient, provider: Issuer, ada: str) -> None:
    come_in(client, provider)
    with transaction() as session:
        session.get_one(User, ada).is_active = False

    assert not is_signed_in(client)
    assert come_in(client, provider).status_code == 403


def test_without_a_provider_there_is_no_such_address(settings: config.Settings) -> None:
    assert oidc.found_at({"a": {"b": ["x"]}}, "a.b") == ["x"]
    application = create_app(replace(settings, oidc=None))
    try:
        assert application.test_client().get("/login/oidc").status_code == 404
        assert "oidc" not in application.test_client().get("/login", headers=HTML).text
    finally:
        webhooks.stop(application)


# --- with what an operator can do -----------------------------------------------------------------------


def test_an_operator_lets_somebody_in_once_when_there_is_no_other_way(
    client: FlaskClient, ada: str, flask_command: Callable[..., Result], flask_app: Flask
) -> None:
    with transaction() as session:
        office.user(session, "ada", email=ada)
    made = flask_command("directory", "let-in", ada)
    link = urlsplit(made.stdout.strip().splitlines()[-1]).path

    page = client.get(link, headers=HTML)
    assert ada in page.text
    assert client.get(link).status_code == 200, "looking at it doesn't use it up"
    came_in = client.post(link, data={"csrf": office.token_in(page.text)})
    assert (came_in.status_code, came_in.location) == (303, "/desk")
    assert is_signed_in(client)
    another = flask_app.test_client()
    assert another.get(link, headers=HTML).status_code == 403, "a second time"
    assert another.get(f"{link}x", headers=HTML).status_code == 403
    assert flask_command("directory", "let-in", "nobody@example.nl").exit_code == 1


def test_an_operator_opens_an_account_that_was_closed_by_mistake(
    client: FlaskClient, provider: Issuer, ada: str, flask_command: Callable[..., Result]
) -> None:
    come_in(client, provider)
    with transaction() as session:
        session.get_one(User, ada).is_active = False

    assert flask_command("directory", "reopen", ada).exit_code == 0

    assert come_in(client, provider).status_code == 303


def test_the_doctor_asks_the_provider_too(flask_command: Callable[..., Result], provider: Issuer) -> None:
    assert "ok    directory" in flask_command("doctor").output
    provider.is_away = True

    assert "SICK  directory: it answered 500: check OIDC_ISSUER" in flask_command("doctor").output


def test_an_operator_releases_an_account_for_who_has_its_address_now(
    client: FlaskClient, provider: Issuer, ada: str, flask_command: Callable[..., Result]
) -> None:
    come_in(client, provider)
    provider.person |= {"sub": "another-ada"}
    assert come_in(client, provider).status_code == 403

    assert flask_command("directory", "unlink", ada).exit_code == 0

    assert come_in(client, provider).status_code == 303


def test_whom_the_directory_told_of_comes_to_the_account_that_it_made(
    client: FlaskClient, provider: Issuer, ada: str
) -> None:
    now = utcnow()
    with transaction() as session:
        office.user(session, "ada", email="ada.before@example.nl")
        told = {"userName": ada}
        session.add(
            Person(
                id="1",
                name_key=ada,
                email="ada.before@example.nl",
                role="agent",
                told=told,
                created_at=now,
                changed_at=now,
                version=1,
            )
        )

    for groups in (["Balie"], []):  # by the sign-in's groups, or by the role that was told
        provider.person["groups"] = groups
        assert come_in(client, provider).location == "/desk"
    with reading() as session:
        assert session.scalars(select(User.email)).all() == ["ada.before@example.nl"]


# --- with a second factor of ours -----------------------------------------------------------------------


def test_who_needs_more_than_a_password_shows_the_rest_here_unless_the_provider_asked_for_it(
    settings: config.Settings, client: FlaskClient, provider: Issuer, ada: str
) -> None:
    object.__setattr__(settings, "second_factor_roles", frozenset({"agent"}))

    assert come_in(client, provider).location == "/account/factors"
    assert not is_signed_in(client)

    provider.person |= {"amr": ["pwd", "mfa"]}
    assert come_in(client, provider).location == "/desk"
    assert is_signed_in(client)


def test_without_passwords_none_is_chosen(without_passwords: FlaskClient) -> None:
    assert without_passwords.get("/login/forgot", headers=HTML).status_code == 403
