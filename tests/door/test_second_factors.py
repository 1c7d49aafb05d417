"""Who comes in with a password alone, who needs more, and what becomes of apps and recovery codes?"""

import re
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pyotp
import pytest
from click.testing import Result
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from app.carrier.rest import Carrier
from app.carrier.spool import Spool
from app.clock import utcnow
from app.db import reading, transaction
from app.deployment import Deployment
from app.door import authenticators, factor_views, guessing, recovery_codes, sealing, sessions
from app.jobs.timetable import Timetable
from app.records.access import AccessEvent, AccessKind, UserSession
from app.records.agents import Role, User
from app.records.factors import Authenticator, RecoveryCode
from config import ConfigurationError, Settings, load
from tests import factories
from tests.desk import office
from tests.desk.office import PASSWORD, try_password

PAGE = {"Accept": "text/html"}
EMAIL = "admin@example.nl"
OVERSEERS = frozenset({"supervisor", "admin", "auditor"})


@pytest.fixture
def needed(flask_app: Flask) -> None:
    """Supervisors, admins and auditors need a second factor, as in production."""
    settings: Settings = flask_app.config["SETTINGS"]
    flask_app.config["SETTINGS"] = replace(settings, second_factor_roles=OVERSEERS)


@pytest.fixture
def admin(flask_app: Flask) -> str:
    with transaction() as session:
        return office.user(session, None, Role.ADMIN)


def with_app(settings: Settings, email: str = EMAIL) -> pyotp.TOTP:
    """Give somebody an app, of which no code was used."""
    secret = authenticators.new_secret()
    with transaction() as session:
        authenticators.add(session, email, secret, 0, utcnow(), settings.all_secret_keys)
    return pyotp.TOTP(secret)


def post(client: FlaskClient, where: str, **form: str) -> TestResponse:
    with client.session_transaction() as session:
        token = session.setdefault("csrf", "a token")
    return client.post(where, data={"csrf": token, **form}, headers=PAGE)


def is_signed_in(client: FlaskClient) -> bool:
    return client.get("/account", headers=PAGE).status_code == 200


def kinds(email: str = EMAIL) -> list[AccessKind]:
    with reading() as session:
        asked = select(AccessEvent.kind).where(AccessEvent.email == email).order_by(AccessEvent.id)
        return list(session.scalars(asked))


def set_up_app(client: FlaskClient) -> tuple[pyotp.TOTP, TestResponse]:
    """Set up an app as a person does; return it, and the page that comes of it."""
    page = client.get("/account/factors/app", headers=PAGE).text
    found = re.search(r'class="secret[^>]*>([A-Z2-7 ]+)<', page)
    assert found, page
    totp = pyotp.TOTP(found[1].replace(" ", ""))
    return totp, post(client, "/account/factors/app", code=totp.now())


# --- signing in ---------------------------------------------------------------------------------------


def test_after_the_password_comes_the_code_and_then_what_was_asked_for(
    client: FlaskClient, admin: str, settings: Settings
) -> None:
    totp = with_app(settings)

    half = try_password(client, admin, PASSWORD, goes_to="/admin/promises?view=late")

    assert (half.status_code, half.location) == (303, "/login/second")
    assert not is_signed_in(client)
    assert AccessKind.SIGNED_IN not in kinds()
    done = post(client, "/login/second", again_code=totp.now())
    assert (done.status_code, done.location) == (303, "/admin/promises?view=late")
    assert is_signed_in(client)
    assert kinds() == [AccessKind.SIGNED_IN]


def test_half_signed_in_one_can_do_nothing_else(client: FlaskClient, admin: str, settings: Settings) -> None:
    with_app(settings)
    try_password(client, admin, PASSWORD)

    pages = ("/account", "/account/factors", "/account/factors/app", "/admin", "/desk", "/login/again")
    assert {client.get(page, headers=PAGE).location for page in pages} == {
        f"/login?next={page}" for page in pages
    }
    for where in ("/account/factors/app/remove", "/account/factors/recovery-codes", "/account/end"):
        assert post(client, where).status_code == 401


def test_a_code_counts_once_and_for_half_a_minute_before_and_after(
    client: FlaskClient, admin: str, settings: Settings
) -> None:
    totp = with_app(settings)
    keys, now = settings.all_secret_keys, utcnow()

    def accept(code: str, at: datetime = now) -> bool:
        with transaction() as session:
            return authenticators.accept(session, admin, code, at, keys)

    step = timedelta(seconds=30)
    assert not accept(totp.at(now - 2 * step))
    assert not accept(totp.at(now + 2 * step))
    assert accept(totp.at(now - step))
    assert not accept(totp.at(now - step)), "the same code again"
    written = totp.at(now)
    assert accept(f"{written[:3]} {written[3:]}")
    assert accept(totp.at(now + step))
    assert not accept(totp.at(now)), "a code before the one that was used last"


@pytest.mark.parametrize("code", ["", "12345", "1234567", "abcdef", "１２３４５６", "x" * 1000])
def test_what_is_no_code_is_none(code: str) -> None:
    assert authenticators.step_of(authenticators.new_secret(), code, utcnow()) is None


def test_a_wrong_code_is_refused_in_words_and_seen_by_its_owner(
    client: FlaskClient, admin: str, settings: Settings
) -> None:
    with_app(settings)
    try_password(client, admin, PASSWORD)

    refused = post(client, "/login/second", again_code="000000")

    assert refused.status_code == 401
    assert "Deze code klopt niet" in refused.text
    assert kinds() == [AccessKind.FACTOR_REFUSED]


def test_guessing_codes_is_slowed_down(client: FlaskClient, admin: str, settings: Settings) -> None:
    totp = with_app(settings)
    try_password(client, admin, PASSWORD)
    for _ in range(guessing.FREE_FOR_ACCOUNT):
        assert post(client, "/login/second", again_code="000000").status_code == 401

    slowed = post(client, "/login/second", again_code=totp.now())

    assert slowed.status_code == 429
    assert not is_signed_in(client)
    # Beginning anew with the password makes no difference.
    try_password(client, admin, PASSWORD)
    assert post(client, "/login/second", again_code=totp.now()).status_code == 429


def test_whoever_takes_too_long_or_was_signed_out_everywhere_begins_anew(
    client: FlaskClient, admin: str, settings: Settings
) -> None:
    totp = with_app(settings)
    try_password(client, admin, PASSWORD)
    with transaction() as session:
        sessions.end_all(session, admin, utcnow())

    assert post(client, "/login/second", again_code=totp.now()).location == "/login"

    try_password(client, admin, PASSWORD)
    with client.session_transaction() as session:
        session["half_in"] = [*session["half_in"][:3], int(utcnow().timestamp()) - 1]
    assert client.get("/login/second").location == "/login"


def test_a_session_by_a_password_alone_is_over_once_there_is_more(
    client: FlaskClient, admin: str, settings: Settings
) -> None:
    elsewhere = client.application.test_client()
    office.sign_in(elsewhere, admin)
    office.sign_in(client, admin)

    _, codes = set_up_app(client)

    assert codes.status_code == 200
    assert is_signed_in(client)
    assert not is_signed_in(elsewhere)
    # Nor can a process of the release before begin one that counts.
    with transaction() as session:
        session.execute(update(UserSession).values(proven_by=""))
    assert not is_signed_in(client)


# --- who needs one ------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [Role.SUPERVISOR, Role.ADMIN, Role.AUDITOR])
def test_who_needs_a_factor_and_has_none_sets_one_up_before_anything_else(
    needed: None, client: FlaskClient, role: Role
) -> None:
    with transaction() as session:
        email = office.user(session, None, role, email=EMAIL)

    led = try_password(client, email, PASSWORD, goes_to="/admin")

    assert led.location == "/account/factors"
    assert "Stel hier eerst een app of een passkey in" in client.get(led.location).text
    assert client.get("/admin", headers=PAGE).location == "/login?next=/admin"
    _, codes = set_up_app(client)
    assert is_signed_in(client)
    assert 'href="/admin"' in codes.text
    assert kinds() == [
        AccessKind.AUTHENTICATOR_ADDED,
        AccessKind.RECOVERY_CODES_MADE,
        AccessKind.SIGNED_IN,
    ]


def test_two_who_have_the_password_do_not_both_set_up_the_first_factor(
    needed: None, client: FlaskClient, admin: str
) -> None:
    other = client.application.test_client()
    for one in (client, other):
        try_password(one, admin, PASSWORD)
        one.get("/account/factors/app", headers=PAGE)

    set_up_app(client)

    assert other.get("/account/factors", headers=PAGE).location.startswith("/login?")
    assert post(other, "/account/factors/app", code="000000").status_code == 401
    with transaction() as session:
        assert not factor_views._may_add(session, factor_views.Owner(admin, None, "/"))
        assert factor_views._may_add(session, factor_views.Owner(admin, "a session", "/"))


def test_agents_are_not_held_up(needed: None, client: FlaskClient) -> None:
    with transaction() as session:
        factories.agent(session, "anna")
        email = office.user(session, "anna")

    assert try_password(client, email, PASSWORD).location == "/desk"
    assert client.get("/desk").status_code == 200


def test_a_session_of_before_the_rule_is_over(
    client: FlaskClient, admin: str, request: pytest.FixtureRequest
) -> None:
    office.sign_in(client, admin)
    assert is_signed_in(client)

    request.getfixturevalue("needed")

    assert not is_signed_in(client)


def test_an_upgrade_takes_nobodys_desk_in_the_middle_of_a_shift(
    needed: None, client: FlaskClient, admin: str, settings: Settings
) -> None:
    client.application.config["SETTINGS"] = settings
    office.sign_in(client, admin)
    client.application.config["SETTINGS"] = replace(settings, second_factor_roles=OVERSEERS)
    with transaction() as session:
        session.execute(update(UserSession).values(proven_by="", proven_at=None))  # as the release before did

    assert is_signed_in(client)
    with_app(settings)
    assert not is_signed_in(client)


def test_the_last_factor_stays_where_one_is_needed(
    needed: None, client: FlaskClient, admin: str, settings: Settings
) -> None:
    totp = with_app(settings)
    try_password(client, admin, PASSWORD)
    post(client, "/login/second", again_code=totp.now())

    refused = post(client, "/account/factors/app/remove")

    assert refused.status_code == 409
    assert "Dit is het laatste" in refused.text
    with reading() as session:
        assert session.get(Authenticator, admin) is not None


def test_where_none_is_needed_the_last_may_go_and_its_recovery_codes_with_it(
    client: FlaskClient, admin: str
) -> None:
    office.sign_in(client, admin)
    set_up_app(client)

    assert post(client, "/account/factors/app/remove").location == "/account/factors"

    with reading() as session:
        assert session.get(Authenticator, admin) is None
        assert recovery_codes.left(session, admin) == 0
    elsewhere = client.application.test_client()
    assert try_password(elsewhere, admin, PASSWORD).location == "/admin"


@pytest.mark.parametrize(
    ("env", "value", "roles"),
    [
        ("production", None, OVERSEERS),
        ("development", None, frozenset()),
        ("production", "none", frozenset()),
        ("test", "admin, agent", frozenset({"admin", "agent"})),
    ],
)
def test_the_deployment_says_who_needs_one(env: str, value: str | None, roles: frozenset[str]) -> None:
    values = {
        "ENV": env,
        "PUBLIC_URL": "https://bellen.example.nl",
        "SECRET_KEY": "k" * 40,
        "TWILIO_ACCOUNT_SID": "AC" + "1" * 32,
        **dict.fromkeys(("TWILIO_AUTH_TOKEN", "TWILIO_API_KEY", "TWILIO_API_SECRET"), "t" * 32),
    }
    assert load(values | ({"SECOND_FACTOR_ROLES": value} if value else {})).second_factor_roles == roles


def test_a_role_that_there_is_not_stops_the_start_by_name() -> None:
    with pytest.raises(ConfigurationError, match="SECOND_FACTOR_ROLES: “boss” is no role"):
        load({"SECOND_FACTOR_ROLES": "admin,boss"})


def test_the_settings_know_every_role() -> None:
    load({"SECOND_FACTOR_ROLES": ",".join(Role)})


# --- apps ---------------------------------------------------------------------------------------------


def test_nothing_is_kept_until_a_code_was_right(client: FlaskClient, admin: str) -> None:
    office.sign_in(client, admin)
    page = client.get("/account/factors/app").text
    assert "<svg" in page
    assert client.get("/account/factors/app").text == page, "a page that is loaded again shows another secret"

    refused = post(client, "/account/factors/app", code="000000")

    assert refused.status_code == 422
    with reading() as session:
        assert session.get(Authenticator, admin) is None


def test_the_code_that_set_an_app_up_lets_nobody_in(client: FlaskClient, admin: str) -> None:
    office.sign_in(client, admin)
    totp, _ = set_up_app(client)
    with reading() as session:
        used = session.get_one(Authenticator, admin).last_step
    elsewhere = client.application.test_client()
    try_password(elsewhere, admin, PASSWORD)

    assert post(elsewhere, "/login/second", again_code=totp.generate_otp(used)).status_code == 401


def test_to_change_anything_one_shows_again_who_one_is(client: FlaskClient, admin: str) -> None:
    office.sign_in(client, admin)
    set_up_app(client)
    with transaction() as session:
        session.execute(update(UserSession).values(proven_at=utcnow() - timedelta(minutes=6)))

    assert client.get("/account/factors").status_code == 200
    assert client.get("/account/factors/app", headers=PAGE).location.startswith("/login/again")
    for where in ("app/remove", "recovery-codes", "passkeys", "passkeys/1/remove", "passkeys/1/name"):
        assert "Bent u het nog?" in post(client, f"/account/factors/{where}").text


def test_a_secret_is_kept_so_that_the_database_alone_gives_no_codes(settings: Settings, admin: str) -> None:
    totp = with_app(settings)

    with reading() as session:
        kept = session.get_one(Authenticator, admin)
    assert totp.secret not in kept.sealed
    assert sealing.unseal(kept.sealed, ["another key, of which nobody has sealed it"]) is None


def test_codes_work_on_while_the_key_is_rotated_and_after_the_old_one_went(
    settings: Settings, admin: str
) -> None:
    totp = with_app(settings)
    old, new, now = settings.secret_key, "n" * 40, utcnow()
    step = timedelta(seconds=30)

    with transaction() as session:
        assert authenticators.accept(session, admin, totp.at(now - step), now, [old, new])
        assert authenticators.seal_anew(session, [old, new]) == 1
        assert authenticators.seal_anew(session, [old, new]) == 0
    with transaction() as session:
        assert authenticators.accept(session, admin, totp.at(now), now, [new])
    with transaction() as session:
        assert not authenticators.accept(session, admin, totp.at(now + step), now, [old])


def test_the_worker_seals_anew_all_that_the_old_key_has_sealed(
    settings: Settings, admin: str, tmp_path: Path, carrier: Carrier
) -> None:
    totp = with_app(settings)
    new = "n" * 40
    timetable = Timetable(
        carrier,
        Deployment.of(settings),
        Spool(tmp_path),
        threading.Event(),
        settings.keep,
        secret_keys=[settings.secret_key, new],
    )

    done = [timetable.jobs()["seals"].do() for _ in range(2)]

    assert done == [1, 0]
    with reading() as session:
        assert sealing.unseal(session.get_one(Authenticator, admin).sealed, [new]) == totp.secret


# --- recovery codes -----------------------------------------------------------------------------------


def test_ten_codes_are_shown_once_and_each_lets_in_once(client: FlaskClient, admin: str) -> None:
    office.sign_in(client, admin)
    _, page = set_up_app(client)
    codes = re.findall(r"<li>([0-9a-z-]{29})</li>", page.text)
    assert len(codes) == len(set(codes)) == 10
    with reading() as session:
        kept = session.scalars(select(RecoveryCode.hash)).all()
    assert not set(kept) & set(codes)
    assert codes[0] not in client.get("/account/factors").text

    elsewhere = client.application.test_client()
    try_password(elsewhere, admin, PASSWORD)
    done = post(elsewhere, "/login/second", again_recovery=f" {codes[0].upper().replace('-', ' ')} ")
    assert (done.status_code, is_signed_in(elsewhere)) == (303, True)

    third = client.application.test_client()
    try_password(third, admin, PASSWORD)
    assert post(third, "/login/second", again_recovery=codes[0]).status_code == 401
    assert "nog 9 over" in client.get("/account").text


def test_new_codes_end_the_old_ones(client: FlaskClient, admin: str) -> None:
    office.sign_in(client, admin)
    _, page = set_up_app(client)
    old = re.findall(r"<li>([0-9a-z-]{29})</li>", page.text)

    new = re.findall(r"<li>([0-9a-z-]{29})</li>", post(client, "/account/factors/recovery-codes").text)

    with transaction() as session:
        assert not recovery_codes.accept(session, admin, old[0])
        assert recovery_codes.accept(session, admin, new[0])


def test_nobody_gets_in_by_the_code_of_somebody_else(flask_app: Flask, admin: str) -> None:
    with transaction() as session:
        other = office.user(session, None, Role.AUDITOR)
        [code, *_] = recovery_codes.renew(session, other, utcnow())
    with transaction() as session:
        assert not recovery_codes.accept(session, admin, code)


def test_an_operator_takes_away_what_somebody_lost(
    needed: None, client: FlaskClient, admin: str, settings: Settings, flask_command: Callable[..., Result]
) -> None:
    totp = with_app(settings)
    try_password(client, admin, PASSWORD)
    post(client, "/login/second", again_code=totp.now())

    done = flask_command("users", "reset-factors", " Admin@example.nl")

    assert done.exit_code == 0, done.output
    assert not is_signed_in(client)
    assert AccessKind.FACTORS_RESET in kinds()
    assert try_password(client, admin, PASSWORD).location == "/account/factors"
    with reading() as session:
        assert session.get_one(User, admin).session_number == 1


def test_an_operator_who_mistypes_is_told(flask_app: Flask, flask_command: Callable[..., Result]) -> None:
    done = flask_command("users", "reset-factors", "nobody@example.nl")

    assert done.exit_code == 1
    assert "nobody@example.nl" in done.output


def test_the_doctor_says_when_the_old_key_may_go(
    admin: str, settings: Settings, flask_app: Flask, flask_command: Callable[..., Result]
) -> None:
    with_app(settings)

    def second_factors(**keys: object) -> str:
        flask_app.config["SETTINGS"] = replace(settings, **keys)  # type: ignore[arg-type]  # names of keys
        [line] = [
            line
            for line in flask_command("doctor", "--offline").output.splitlines()
            if "second factors" in line
        ]
        return line

    assert second_factors() == "ok    second factors: for nobody"
    new = "n" * 40
    rotating = second_factors(secret_key=new, old_secret_keys=(settings.secret_key,))
    assert rotating.startswith("NOTE  second factors: 1 apps are sealed with the old SECRET_KEY")
    assert second_factors(secret_key=new).startswith(
        "SICK  second factors: 1 apps were sealed with a SECRET_KEY that is gone"
    )
