"""Who gets in, who is slowed down, and who is let go again?"""

import re
import threading
from collections.abc import Callable
from datetime import timedelta

import argon2
import pytest
from click.testing import Result
from flask import Flask, Response
from flask.testing import FlaskClient
from sqlalchemy import delete, func, select, update

import app.db
import config
from app import create_app
from app.agents import presence
from app.clock import utcnow
from app.db import reading, transaction
from app.door import guessing, passwords, sign_in
from app.errors import InvalidField
from app.forgetting import retention
from app.records.access import AccessEvent, AccessKind, UserSession
from app.records.agents import Agent, Intent, Reach, Role, SignInAttempt, Softphone, User
from tests import factories
from tests.desk import office
from tests.desk.office import PASSWORD, try_password


@pytest.fixture
def anna(flask_app: Flask) -> str:
    """Anna, who has a desk; her e-mail address."""
    with transaction() as session:
        factories.agent(session, "anna")
        return office.user(session, "anna")


def is_signed_in(client: FlaskClient) -> bool:
    return client.get("/desk/presence").status_code == 200


def test_the_right_password_opens_the_desk(client: FlaskClient, anna: str) -> None:
    response = try_password(client, "  Anna@Example.NL ", PASSWORD)

    assert (response.status_code, response.location) == (303, "/desk")
    assert "Anna Jansen" in client.get("/desk").text


def test_who_has_no_desk_comes_to_all_that_they_may_see(flask_app: Flask, client: FlaskClient) -> None:
    with transaction() as session:
        email = office.user(session, None, Role.AUDITOR)

    response = try_password(client, email, PASSWORD)

    assert (response.status_code, response.location) == (303, "/admin")
    assert client.get(response.location).status_code == 200


def test_a_wrong_password_and_an_unknown_account_get_the_same_answer(client: FlaskClient, anna: str) -> None:
    wrong = try_password(client, anna, "iets anders dan dat")
    unknown = try_password(client, "nobody@example.nl", "iets anders dan dat")

    assert (wrong.status_code, unknown.status_code) == (401, 401)
    assert wrong.text.replace(anna, "") == unknown.text.replace("nobody@example.nl", "")
    assert "horen niet bij elkaar" in wrong.text
    assert not is_signed_in(client)


def test_nobody_has_the_password_of_the_account_that_nobody_has() -> None:
    assert not passwords.fits(None, "the account that nobody has")


@pytest.mark.parametrize("password", ["kort", "elf tekens.", "x" * 1001])
def test_a_password_that_is_too_short_or_absurdly_long_is_refused_in_words(password: str) -> None:
    with pytest.raises(InvalidField, match=r"password: too (short|long)"):
        passwords.hash_password(password)


def test_a_password_is_kept_at_the_cost_that_was_chosen(
    full_cost: argon2.PasswordHasher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(passwords, "_hasher", full_cost)

    # RFC 9106, section 4: argon2id with 64 MiB and three passes.
    assert passwords.hash_password(PASSWORD).startswith("$argon2id$v=19$m=65536,t=3,p=4$")


def test_guessing_is_slowed_down_with_a_clear_sentence(client: FlaskClient, anna: str) -> None:
    for _ in range(guessing.FREE_FOR_ACCOUNT):
        assert try_password(client, anna, "mis mis mis mis").status_code == 401

    refused = try_password(client, anna, PASSWORD)

    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= guessing.FIRST_WAIT_FOR_ACCOUNT
    assert f"Wacht {refused.headers['Retry-After']} seconden" in refused.text
    assert not is_signed_in(client)


def test_guesses_from_elsewhere_do_not_lock_the_owner_out(client: FlaskClient, anna: str) -> None:
    for _ in range(guessing.FREE_FOR_ACCOUNT + 2):
        try_password(client, anna, "mis mis mis mis", address="203.0.113.9")

    assert try_password(client, anna, PASSWORD, address="192.0.2.1").status_code == 303


def test_one_colleagues_mistakes_do_not_lock_out_the_office(client: FlaskClient, anna: str) -> None:
    for _ in range(guessing.FREE_FOR_ACCOUNT + 2):
        try_password(client, "ben@example.nl", "mis mis mis mis")

    assert try_password(client, anna, PASSWORD).status_code == 303


def test_many_accounts_tried_from_one_network_are_slowed_down(client: FlaskClient, anna: str) -> None:
    now = sign_in.utcnow()
    settings: config.Settings = client.application.config["SETTINGS"]
    with transaction() as session:
        for number in range(guessing.FREE_FOR_ADDRESS):
            throttle = guessing.Throttle.of(f"{number}@example.nl", "2001:db8::1", settings.secret_key)
            assert guessing.register_attempt(session, throttle, now) == 0

    assert try_password(client, anna, PASSWORD, address="2001:db8::ffff:1").status_code == 429
    assert try_password(client, anna, PASSWORD, address="2001:db8:0:1::1").status_code == 303


def test_after_the_wait_one_may_try_again_and_the_wait_grows(client: FlaskClient, anna: str) -> None:
    settings: config.Settings = client.application.config["SETTINGS"]
    throttle = guessing.Throttle.of(anna, "192.0.2.1", settings.secret_key)
    now = sign_in.utcnow()
    waits = []
    for _ in range(guessing.FREE_FOR_ACCOUNT + 3):
        with transaction() as session:
            if wait := guessing.register_attempt(session, throttle, now):
                waits.append(wait)
                now += timedelta(seconds=wait)
                assert guessing.register_attempt(session, throttle, now) == 0

    assert waits == [15, 30, 60]


def test_signing_in_forgets_the_mistakes_before(client: FlaskClient, anna: str) -> None:
    for _ in range(guessing.FREE_FOR_ACCOUNT - 1):
        try_password(client, anna, "mis mis mis mis")
    assert try_password(client, anna, PASSWORD).status_code == 303

    assert try_password(client.application.test_client(), anna, "mis mis mis mis").status_code == 401


def test_guesses_at_the_same_instant_do_not_slip_through(flask_app: Flask, anna: str) -> None:
    settings: config.Settings = flask_app.config["SETTINGS"]
    throttle = guessing.Throttle.of(anna, "192.0.2.1", settings.secret_key)
    now = sign_in.utcnow()
    allowed: list[bool] = []
    start = threading.Barrier(12)

    def guess() -> None:
        start.wait()
        with transaction() as session:
            may = guessing.register_attempt(session, throttle, now) == 0
        allowed.append(may)

    threads = [threading.Thread(target=guess) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(allowed) == 12
    assert sum(allowed) == guessing.FREE_FOR_ACCOUNT


def test_the_table_of_attempts_names_nobody(client: FlaskClient, anna: str) -> None:
    try_password(client, anna, "mis mis mis mis", address="203.0.113.9")

    with transaction() as session:
        subjects = session.scalars(select(SignInAttempt.subject)).all()
    assert len(subjects) == 3
    assert all("anna" not in subject and subject[:3] != "203" for subject in subjects)


def test_a_hash_of_yesterdays_cost_is_renewed_at_sign_in(client: FlaskClient, anna: str) -> None:
    cheap = argon2.PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD)
    with transaction() as session:
        session.execute(update(User).values(password_hash=cheap))

    assert try_password(client, anna, PASSWORD).status_code == 303

    with transaction() as session:
        kept = session.scalars(select(User.password_hash)).one()
    assert kept != cheap
    assert passwords.fits(kept, PASSWORD)
    assert not passwords.needs_rehash(kept)


def test_signing_out_ends_the_session(client: FlaskClient, anna: str) -> None:
    token = office.sign_in_by_form(client, anna)
    assert is_signed_in(client)

    assert client.post("/logout", data={"csrf": token}).location == "/login"

    assert not is_signed_in(client)


@pytest.mark.parametrize("reach", [Reach.DESK, Reach.BOTH])
def test_who_signs_out_is_rung_no_more(client: FlaskClient, anna: str, reach: Reach) -> None:
    token = office.sign_in_by_form(client, anna)
    now = utcnow()
    with transaction() as session:
        session.execute(update(Agent).where(Agent.key == "anna").values(phone="+31612345670"))
        presence.set_intent(session, "anna", Intent.AVAILABLE, now, reach=reach)
        presence.beat(session, "anna", visible=True, softphone=Softphone.READY, now=now)

    client.post("/logout", data={"csrf": token})

    with transaction() as session:
        view = presence.view(session, "anna", now)
    assert view is not None
    assert (view.state, view.reachable, view.why) == ("off", False, "signed_out")


def test_who_chose_their_phone_alone_is_rung_there_after_signing_out(client: FlaskClient, anna: str) -> None:
    token = office.sign_in_by_form(client, anna)
    with transaction() as session:
        session.execute(update(Agent).where(Agent.key == "anna").values(phone="+31612345670"))
        presence.set_intent(session, "anna", Intent.AVAILABLE, utcnow(), reach=Reach.PHONE)

    client.post("/logout", data={"csrf": token})

    with transaction() as session:
        view = presence.view(session, "anna", utcnow())
    assert view is not None
    assert (view.reachable, view.rings_at) == (True, "phone")


def test_signing_out_everywhere_ends_the_session_on_the_other_machine(client: FlaskClient, anna: str) -> None:
    other = client.application.test_client()
    office.sign_in_by_form(other, anna)
    token = office.sign_in_by_form(client, anna)

    client.post("/logout", data={"csrf": token, "everywhere": "1"})

    assert not is_signed_in(other)
    assert try_password(client, anna, PASSWORD).status_code == 303


def test_somebody_who_left_is_signed_out_and_stays_out(client: FlaskClient, anna: str) -> None:
    office.sign_in_by_form(client, anna)
    with transaction() as session:
        session.execute(update(Agent).where(Agent.key == "anna").values(enabled=False))

    assert not is_signed_in(client)
    assert try_password(client, anna, PASSWORD).status_code == 401


def test_a_session_ends_with_the_shift(client: FlaskClient, anna: str) -> None:
    office.sign_in_by_form(client, anna)
    with transaction() as session:
        session.execute(update(UserSession).values(started_at=utcnow() - timedelta(hours=14)))

    assert not is_signed_in(client)


def test_nothing_planted_before_signing_in_survives_it(client: FlaskClient, anna: str) -> None:
    with client.session_transaction() as session:
        session["csrf"] = "planted"
        session["checked"] = ["CA1"]
    response = client.post("/login", data={"email": anna, "password": PASSWORD, "csrf": "planted"})
    assert response.status_code == 303

    with client.session_transaction() as session:
        assert session.get("csrf") != "planted"
        assert "checked" not in session


@pytest.mark.parametrize(
    ("asked", "goes"),
    [
        ("/desk?call=CA1", "/desk?call=CA1"),
        ("", "/desk"),
        ("https://evil.example/", "/desk"),
        ("//evil.example/", "/desk"),
        ("/\\evil.example", "/desk"),
        ("/\t/evil.example", "/desk"),
        ("\\\\evil.example", "/desk"),
        ("javascript:alert(1)", "/desk"),
        ("desk", "/desk"),
    ],
)
def test_after_signing_in_one_stays_with_us(client: FlaskClient, anna: str, asked: str, goes: str) -> None:
    assert try_password(client, anna, PASSWORD, goes_to=asked).location == goes


def test_a_page_asked_for_before_signing_in_opens_afterwards(client: FlaskClient, anna: str) -> None:
    response = client.get("/desk?call=CA1", headers={"Accept": "text/html"})

    assert response.location == "/login?next=/desk?call%3DCA1"


@pytest.mark.parametrize(
    ("who", "page", "status"),
    [
        (None, "/desk", 401),
        (None, "/supervisors", 401),
        ("agent", "/desk", 200),
        ("agent", "/supervisors", 403),
        ("supervisor", "/desk", 403),
        ("supervisor", "/supervisors", 200),
        ("admin", "/supervisors", 200),
        ("auditor", "/supervisors", 403),
    ],
)
def test_each_page_is_for_its_roles(flask_app: Flask, who: str | None, page: str, status: int) -> None:
    @sign_in.require_role(Role.SUPERVISOR, Role.ADMIN)
    def supervisors() -> Response:
        return Response("for supervisors")

    flask_app.add_url_rule("/supervisors", view_func=supervisors)
    with transaction() as session:
        factories.agent(session, "anna")
        email = office.user(session, "anna" if who == "agent" else None, Role(who)) if who else ""
    client = flask_app.test_client()
    if email:
        office.sign_in_by_form(client, email)

    assert client.get(page).status_code == status


def test_who_asks_for_what_is_not_theirs_is_written_down_without_a_name(
    client: FlaskClient, anna: str, caplog: pytest.LogCaptureFixture
) -> None:
    office.sign_in_by_form(client, anna)

    assert client.get("/admin/promises").status_code == 403

    [refused] = [vars(record) for record in caplog.records if record.message == "not allowed"]
    assert (refused["endpoint"], refused["role"]) == ("admin_promises.overview", "agent")
    assert anna not in str(refused)


# What each role reads where it may not come, and the way on that it is shown first.
REFUSED = [
    (None, "/nowhere", 404, "Werkt u hier? Log dan in.", "/login"),
    ("agent", "/admin/promises", 403, "Vraag uw leidinggevende", "/desk"),
    ("agent", "/nowhere", 404, "Het adres klopt niet", "/desk"),
    ("supervisor", "/desk", 403, "Vraag uw beheerder om een werkplek", "/admin"),
    ("admin", "/desk", 403, "Log dan in met een account dat er een heeft", "/admin"),
    ("admin", "/admin/nowhere", 404, "Het adres klopt niet", "/admin"),
    ("agent", "/desk/wrap-up", 405, "Er is niets veranderd", "/desk"),
    ("auditor", "/admin/promises/leaver", 403, "niets veranderen", "/admin"),
]


@pytest.mark.parametrize(("who", "page", "status", "said", "way_on"), REFUSED)
def test_a_refused_page_says_what_is_true_for_who_reads_it_and_leads_on(
    flask_app: Flask, who: str | None, page: str, status: int, said: str, way_on: str
) -> None:
    client = client_of(flask_app, who)

    refusal = client.get(page, headers={"Accept": "text/html"})

    assert refusal.status_code == status
    assert said in refusal.text
    links = re.findall(r'<a [^>]*href="(/[^"]*)"', refusal.text)
    assert links[0] == way_on
    assert page not in links
    assert {one: client.get(one).status_code for one in links} == dict.fromkeys(links, 200)


@pytest.mark.parametrize(
    ("who", "first"),
    [("agent", "/desk"), ("supervisor", "/admin"), ("admin", "/admin"), ("auditor", "/admin")],
)
def test_each_role_begins_at_a_page_that_it_may_see(flask_app: Flask, who: str, first: str) -> None:
    client = client_of(flask_app, who)

    assert client.get("/").location == client.get("/login?next=/desk").location == first
    page = client.get(first)
    assert page.status_code == 200
    doors = re.findall(r'<a class="panel" href="([^"]+)"', page.text)
    assert {door: client.get(door).status_code for door in doors} == dict.fromkeys(doors, 200)
    assert bool(doors) == (who != "agent")


def client_of(flask_app: Flask, who: str | None) -> FlaskClient:
    """Return the browser of somebody with this role; only an agent has a desk. None: of nobody."""
    client = flask_app.test_client()
    if who is not None:
        with transaction() as session:
            factories.line(session)
            factories.agent(session, "anna")
            email = office.user(session, "anna" if who == "agent" else None, Role(who))
        office.sign_in_by_form(client, email)
    return client


def test_the_reader_sees_their_own_language_from_the_first_page_on(client: FlaskClient, anna: str) -> None:
    assert "Wachtwoord" in client.get("/login").text
    for asked in ("en-GB,en;q=0.9", "en-GB,nl;q=0.5", "fr,en-GB;q=0.8,nl;q=0.2"):
        assert "Password" in client.get("/login", headers={"Accept-Language": asked}).text, asked
    for asked in ("nl-NL,en;q=0.5", "nl-BE", "fr"):
        assert "Wachtwoord" in client.get("/login", headers={"Accept-Language": asked}).text, asked

    token = office.sign_in_by_form(client, anna)
    assert "Beschikbaar" in client.get("/desk", headers={"Accept-Language": "en"}).text
    client.post("/language", data={"language": "en", "csrf": token, "next": "/desk"})

    page = client.get("/desk").text
    assert '<html lang="en">' in page
    assert "Available" in page
    with transaction() as session:
        assert session.scalars(select(User.language)).one() == "en"


def test_in_production_the_cookie_belongs_to_this_host_alone(settings: config.Settings) -> None:
    production = config.load(
        {
            "ENV": "production",
            "DATABASE_URL": settings.database_url,
            "REDIS_URL": settings.redis_url,
            "SECRET_KEY": "k" * 40,
            "PUBLIC_URL": "https://bellen.example.nl",
            "TWILIO_ACCOUNT_SID": settings.account_sid,
            "TWILIO_AUTH_TOKEN": "t" * 32,
            "TWILIO_API_KEY": settings.api_key,
            "TWILIO_API_SECRET": "a" * 32,
            "FALLBACK_NUMBERS": "+31201234500",
        }
    )
    client = create_app(production).test_client()

    page = client.get("/login", base_url="https://bellen.example.nl")

    cookie = page.headers["Set-Cookie"]
    assert cookie.startswith("__Host-rechtdoor=")
    for word in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
        assert word in cookie
    assert "Domain" not in cookie
    assert page.headers["Strict-Transport-Security"].startswith("max-age=")
    app.db.current().dispose()


def test_the_attempts_of_an_hour_ago_are_forgotten(client: FlaskClient, anna: str) -> None:
    settings: config.Settings = client.application.config["SETTINGS"]
    throttle = guessing.Throttle.of(anna, "192.0.2.1", settings.secret_key)
    now = sign_in.utcnow()
    with transaction() as session:
        guessing.register_attempt(session, throttle, now - timedelta(hours=2))
        guessing.register_attempt(session, throttle, now)

        assert session.scalar(select(func.count()).select_from(SignInAttempt)) == 3


# --- many places, one account --------------------------------------------------------------------------


def make_known(client: FlaskClient, email: str) -> None:
    """Sign in and out again."""
    client.post("/logout", data={"csrf": office.sign_in_by_form(client, email)})


def guess_from_many_places(client: FlaskClient, email: str, places: int = 24, first: int = 0) -> list[int]:
    """Let a crowd guess, each place below what one place may; return what each guess was answered."""
    return [
        try_password(
            client.application.test_client(), email, "mis mis mis mis", address=f"203.0.113.{place}"
        ).status_code
        for place in range(first, first + places)
        for _ in range(5)
    ]


def test_guesses_from_many_places_are_slowed_down_together(client: FlaskClient, anna: str) -> None:
    answers = guess_from_many_places(client, anna)

    assert answers.count(401) == guessing.FREE_EVERYWHERE
    assert answers.count(429) == 120 - guessing.FREE_EVERYWHERE


def test_nobody_is_locked_out_of_a_browser_they_know(client: FlaskClient, anna: str) -> None:
    make_known(client, anna)
    guess_from_many_places(client, anna, 5)

    assert try_password(client, anna, "mis mis mis mis").status_code == 401
    assert try_password(client, anna, PASSWORD, address="198.51.100.7").status_code == 303


def test_who_is_slowed_down_elsewhere_is_told_where_they_can_go_on(client: FlaskClient, anna: str) -> None:
    guess_from_many_places(client, anna, 5)

    refused = try_password(client, anna, PASSWORD)

    assert refused.status_code == 429
    assert "In de browser waarin u eerder inlogde" in refused.text


def test_a_known_browser_has_no_endless_patience_either(client: FlaskClient, anna: str) -> None:
    make_known(client, anna)
    for place in range(guessing.FREE_FOR_ACCOUNT):
        # However often it changes its address.
        assert try_password(client, anna, "mis mis mis mis", address=f"192.0.2.{place}").status_code == 401

    refused = try_password(client, anna, PASSWORD, address="192.0.2.99")

    assert refused.status_code == 429
    assert "In de browser" not in refused.text


def test_a_browser_is_known_for_whoever_signed_in_there_and_nobody_else(
    client: FlaskClient, anna: str
) -> None:
    with transaction() as session:
        factories.agent(session, "ben")
        ben = office.user(session, "ben")
    make_known(client, anna)
    guess_from_many_places(client, ben, 5)

    assert try_password(client, ben, PASSWORD).status_code == 429


@pytest.mark.parametrize("planted", ["", "nonsense", "eyJpZCI6ICJ4In0.aaaaaa.bbbbbb"])
def test_nobody_makes_their_own_known_browser(client: FlaskClient, anna: str, planted: str) -> None:
    guess_from_many_places(client, anna, 5)
    client.set_cookie("rechtdoor-device", planted)

    assert try_password(client, anna, PASSWORD).status_code == 429


def test_the_right_password_in_a_new_browser_does_not_wipe_out_the_guesses_of_others(
    client: FlaskClient, anna: str
) -> None:
    guess_from_many_places(client, anna, 3)
    assert try_password(client, anna, PASSWORD).status_code == 303

    answers = guess_from_many_places(client, anna, 3, first=100)

    assert answers.count(401) == guessing.FREE_EVERYWHERE - 15


# --- what is kept of it --------------------------------------------------------------------------------


def test_a_person_sees_who_signed_in_and_who_tried(client: FlaskClient, anna: str) -> None:
    guess_from_many_places(client, anna, 5)
    with transaction() as session:
        session.execute(delete(SignInAttempt))
    office.sign_in_by_form(client, anna)

    page = client.get("/account").text

    assert page.count("Poging met een verkeerd wachtwoord") >= 15
    assert page.count("Te veel pogingen: moest wachten") == 1
    assert "netwerk 203.0.113.0" in page
    assert ">Ingelogd<" in page


def test_changes_of_access_are_kept_and_shown(
    client: FlaskClient, anna: str, flask_command: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECHTDOOR_PASSWORD", "een heel andere zin")
    flask_command("users", "create", anna, "--role", "supervisor", "--agent", "anna")
    flask_command("tokens", "create", "crm", "--scope", "read")
    flask_command("tokens", "revoke", "crm")
    try_password(client, anna, "een heel andere zin")

    page = client.get("/account").text

    assert "Toegang gewijzigd door de beheerder: supervisor anna" in page
    assert "Nieuw wachtwoord ingesteld" in page
    with reading() as session:
        kinds = session.scalars(select(AccessEvent.kind).where(AccessEvent.email.is_(None))).all()
    assert kinds == [AccessKind.TOKEN_CREATED, AccessKind.TOKEN_REVOKED]


def test_who_has_no_account_leaves_no_name_behind(
    client: FlaskClient, anna: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    try_password(client, "nobody@example.nl", "mis mis mis mis", address="203.0.113.9")
    try_password(client, anna, "mis mis mis mis", address="203.0.113.9")

    with reading() as session:
        kept = session.scalars(select(AccessEvent).order_by(AccessEvent.id)).all()
    assert [(one.email, one.kind, one.network) for one in kept] == [
        (None, "refused", "203.0.113.0"),
        (anna, "refused", "203.0.113.0"),
    ]
    told = [str(vars(record)) for record in caplog.records]
    assert any("at the door" in one for one in told)
    assert not any("example.nl" in one or "203.0.113.9" in one for one in told)


def test_what_happened_at_the_door_is_forgotten_in_time(client: FlaskClient, anna: str) -> None:
    try_password(client, anna, "mis mis mis mis")
    now = utcnow()
    with transaction() as session:
        for days in (364, 366):
            for old in retention.everything(config.Keep(), now + timedelta(days=days)):
                if old.name == "access":
                    old.some(session, now)
            left = session.scalar(select(func.count()).select_from(AccessEvent))
            assert left == (1 if days < 365 else 0)
