"""Is what was ended over? Sessions, what they opened, and the page on which one ends them."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta

import httpx
import pytest
from click.testing import Result
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Page, expect
from sqlalchemy import func, select, update

import config
from app.agents import presence
from app.api import auth
from app.clock import utcnow
from app.db import reading, transaction
from app.desk import streams
from app.desk.streams import Hub
from app.door import sessions
from app.forgetting import retention
from app.records.access import UserSession
from app.records.agents import Agent, Intent, Role, Softphone
from app.records.tokens import Scope
from tests import axe, factories
from tests.agents.test_streams import PATIENCE, events_in
from tests.asked import watched
from tests.desk import office
from tests.desk.office import PASSWORD, try_password

FIREFOX = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture
def anna(flask_app: Flask) -> str:
    with transaction() as session:
        factories.line(session)
        factories.agent(session, "anna")
        return office.user(session, "anna")


def is_signed_in(client: FlaskClient) -> bool:
    return client.get("/desk/presence").status_code == 200


def elsewhere(client: FlaskClient, email: str) -> FlaskClient:
    """Sign in with another browser."""
    other = client.application.test_client()
    other.environ_base["HTTP_USER_AGENT"] = FIREFOX
    office.sign_in_by_form(other, email)
    return other


def cookie_of(client: FlaskClient) -> str:
    cookie = client.get_cookie("rechtdoor")
    assert cookie
    return cookie.value


def hashes(page: str) -> list[str]:
    return re.findall(r'name="which" value="([0-9a-f]{64})"', page)


# --- what a session is worth ---------------------------------------------------------------------------


def test_a_cookie_that_was_copied_is_worth_nothing_after_signing_out(client: FlaskClient, anna: str) -> None:
    token = office.sign_in_by_form(client, anna)
    copied = cookie_of(client)
    client.post("/logout", data={"csrf": token})
    client.set_cookie("rechtdoor", copied)

    assert not is_signed_in(client)
    assert client.get("/desk/access-token").status_code == 401


def test_signing_out_in_one_browser_leaves_the_other_alone(client: FlaskClient, anna: str) -> None:
    token = office.sign_in_by_form(client, anna)
    other = elsewhere(client, anna)
    now = utcnow()
    with transaction() as session:
        presence.set_intent(session, "anna", Intent.AVAILABLE, now)
        presence.beat(session, "anna", visible=True, softphone=Softphone.READY, now=now)

    client.post("/logout", data={"csrf": token})

    assert is_signed_in(other)
    with reading() as session:
        view = presence.view(session, "anna", now)
    assert view is not None
    assert view.reachable, "the desk that is open elsewhere is rung no more"


def test_who_signs_in_anew_in_the_same_browser_leaves_no_session_behind(
    client: FlaskClient, anna: str
) -> None:
    office.sign_in_by_form(client, anna)
    copied = cookie_of(client)
    client.post("/login", data={"email": anna, "password": PASSWORD, "csrf": _csrf(client)})

    client.set_cookie("rechtdoor", copied)
    assert not is_signed_in(client)


def _csrf(client: FlaskClient) -> str:
    with client.session_transaction() as session:
        session.setdefault("csrf", "a token of this session")
        return str(session["csrf"])


def test_the_table_of_sessions_opens_nothing(client: FlaskClient, anna: str) -> None:
    office.sign_in_by_form(client, anna)

    with client.session_transaction() as session:
        secret = session["session"]
    with reading() as db:
        kept = db.scalars(select(UserSession)).one()
    assert secret not in (kept.hash, kept.email, kept.browser)


def test_a_session_of_which_nothing_is_heard_ends(client: FlaskClient, anna: str) -> None:
    office.sign_in_by_form(client, anna)
    with transaction() as session:
        session.execute(update(UserSession).values(seen_at=utcnow() - timedelta(minutes=60)))

    assert not is_signed_in(client)
    assert "Uw vorige sessie is voorbij" in client.get("/login").text


def test_the_pulse_of_an_open_desk_keeps_its_session(client: FlaskClient, anna: str) -> None:
    token = office.sign_in_by_form(client, anna)
    with transaction() as session:
        session.execute(update(UserSession).values(seen_at=utcnow() - timedelta(minutes=59)))

    beat = client.post(
        "/desk/heartbeat", json={"visible": False, "softphone": "none"}, headers={"X-CSRF-Token": token}
    )

    assert beat.status_code == 204
    with reading() as session:
        seen_at = session.scalars(select(UserSession.seen_at)).one()
    assert utcnow() - seen_at < timedelta(minutes=1)


def test_a_pulse_writes_no_more_than_the_pulse(client: FlaskClient, anna: str) -> None:
    token = office.sign_in_by_form(client, anna)

    with watched() as asked:
        client.post(
            "/desk/heartbeat", json={"visible": False, "softphone": "none"}, headers={"X-CSRF-Token": token}
        )

    assert [text for text, _ in asked if "UPDATE user_sessions" in text] == []
    assert len([text for text, _ in asked if "user_sessions" in text]) == 1


def test_a_cookie_of_before_the_upgrade_is_asked_kindly_to_sign_in_anew(
    client: FlaskClient, anna: str
) -> None:
    with client.session_transaction() as session:
        session.update(user=anna, number=0, since=int(utcnow().timestamp()))

    assert not is_signed_in(client)
    assert "Rechtdoor is vernieuwd. Log één keer opnieuw in" in client.get("/login").text


def test_a_stranger_is_told_nothing_of_earlier_sign_ins(client: FlaskClient, anna: str) -> None:
    page = client.get("/login").text

    assert "vernieuwd" not in page
    assert "voorbij" not in page


@pytest.mark.parametrize("words", [("--role", "supervisor", "--agent", "anna"), ("--role", "supervisor")])
def test_another_role_or_desk_ends_what_was_open_with_the_old_one(
    client: FlaskClient, anna: str, flask_command: Callable[..., Result], words: tuple[str, ...]
) -> None:
    office.sign_in_by_form(client, anna)

    assert flask_command("users", "create", anna, *words).exit_code == 0

    assert not is_signed_in(client)


def test_a_session_of_an_agent_who_left_does_not_come_back_with_them(client: FlaskClient, anna: str) -> None:
    office.sign_in_by_form(client, anna)
    with transaction() as session:
        token = auth.create(session, "crm", Scope.WRITE, None, utcnow())
    record = {"name": "Anna", "spoken_name": "Anna", "email": "", "team": "x", "phone": "", "language": "nl"}
    for enabled in (False, True):
        written = client.put(
            "/api/v1/agents/anna",
            json={**record, "enabled": enabled},
            headers={"Authorization": f"Bearer {token}"},
        )
        assert written.status_code == 200, written.text

    assert not is_signed_in(client)


# --- the page ------------------------------------------------------------------------------------------


def test_a_person_sees_where_they_are_signed_in_and_ends_one(client: FlaskClient, anna: str) -> None:
    token = office.sign_in_by_form(client, anna)
    others = [elsewhere(client, anna), elsewhere(client, anna)]
    page = client.get("/account").text
    assert page.count("Firefox, Windows</strong>") == 2
    assert "(dit venster)" in page

    ended = client.post("/account/end", data={"csrf": token, "which": hashes(page)[0]}, follow_redirects=True)

    assert "Die sessie is beëindigd" in ended.text
    assert sorted(map(is_signed_in, others)) == [False, True]
    assert is_signed_in(client)
    assert "Die sessie is beëindigd" not in client.get("/account").text


def test_a_person_ends_all_others(client: FlaskClient, anna: str) -> None:
    token = office.sign_in_by_form(client, anna)
    others = [elsewhere(client, anna), elsewhere(client, anna)]

    client.post("/account/end", data={"csrf": token, "which": "others"})

    assert [*map(is_signed_in, others), is_signed_in(client)] == [False, False, True]


def test_nobody_ends_the_session_of_somebody_else(client: FlaskClient, anna: str) -> None:
    with transaction() as session:
        factories.agent(session, "ben")
        ben = office.user(session, "ben")
    bens = elsewhere(client, ben)
    token = office.sign_in_by_form(client, anna)
    with reading() as session:
        of_ben = session.scalars(select(UserSession.hash).where(UserSession.email == ben)).one()

    answer = client.post("/account/end", data={"csrf": token, "which": of_ben}, follow_redirects=True)

    assert "was al voorbij" in answer.text
    assert is_signed_in(bens)
    assert of_ben not in client.get("/account").text


@pytest.mark.parametrize(
    ("user_agent", "named"),
    [
        (FIREFOX, "Firefox, Windows"),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/140.0 Safari/537.36", "Chrome, Linux"),
        ("Mozilla/5.0 (Macintosh) AppleWebKit/605 Version/18 Safari/605.1.15", "Safari, macOS"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/140 Safari/537.36 Edg/140.0", "Edge, Windows"),
        ("curl/8", ""),
        ("<script>", ""),
    ],
)
def test_a_browser_is_named_by_what_tells_it_apart_and_no_more(user_agent: str, named: str) -> None:
    assert sessions.browser_named(user_agent) == named


def test_old_sessions_are_forgotten(client: FlaskClient, anna: str) -> None:
    office.sign_in_by_form(client, anna)
    office.sign_in_by_form(client.application.test_client(), anna)
    now = utcnow()
    with transaction() as session:
        newest = select(func.max(UserSession.hash)).scalar_subquery()
        session.execute(
            update(UserSession).where(UserSession.hash == newest).values(seen_at=now - timedelta(days=3))
        )
        for old in retention.everything(config.Keep(), now):
            if old.name == "sessions":
                old.some(session, now)

        assert session.scalar(select(func.count()).select_from(UserSession)) == 1


# --- what stays open -----------------------------------------------------------------------------------


@pytest.fixture
def url(
    flask_app: Flask,
    settings: config.Settings,
    anna: str,
    free_port: int,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[str]:
    """The application, served, looking often at who may still listen."""
    monkeypatch.setattr(streams, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(streams, "PROVE_SECONDS", 0.1)
    with office.serving(flask_app, free_port, Hub(settings.redis_url)) as url:
        yield url


def sign_out(client: FlaskClient) -> None:
    client.post("/logout", data={"csrf": _csrf(client)})


def sign_out_everywhere(client: FlaskClient) -> None:
    other = elsewhere(client, "anna@example.nl")
    other.post("/logout", data={"csrf": _csrf(other), "everywhere": "1"})


def end_from_elsewhere(client: FlaskClient) -> None:
    other = elsewhere(client, "anna@example.nl")
    other.post("/account/end", data={"csrf": _csrf(other), "which": "others"})


def disable(client: FlaskClient) -> None:
    with transaction() as session:
        session.execute(update(Agent).where(Agent.key == "anna").values(enabled=False))


def change_role(client: FlaskClient) -> None:
    done = client.application.test_cli_runner().invoke(
        args=["users", "create", "anna@example.nl", "--role", "auditor"]
    )
    assert done.exit_code == 0, done.output


@pytest.mark.parametrize("end", [sign_out, sign_out_everywhere, end_from_elsewhere, disable, change_role])
def test_a_desks_stream_ends_with_its_session(
    url: str, client: FlaskClient, anna: str, end: Callable[[FlaskClient], None]
) -> None:
    office.sign_in_by_form(client, anna)
    cookies = {"rechtdoor": cookie_of(client)}
    with (
        httpx.Client(base_url=url, cookies=cookies, timeout=PATIENCE) as browser,
        browser.stream("GET", "/desk/events?after=0") as response,
    ):
        heard = events_in(response)
        office.tell("anna", 1)
        assert next(heard).data == {"what": 1}

        end(client)

        # It ends properly, and by itself.
        assert [event.data for event in heard if event.data != {"what": 1} and event.kind == "message"] == []
        assert browser.get("/desk/events").status_code == 401


@pytest.mark.parametrize("scope", [Scope.DESK, Scope.READ])
def test_a_stream_ends_with_its_token(url: str, scope: Scope) -> None:
    with transaction() as session:
        agent = "anna" if scope == Scope.DESK else None
        token = auth.create(session, "looks on", scope, agent, utcnow())
    with (
        httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=PATIENCE) as system,
        system.stream("GET", "/api/v1/agents/anna/events?after=0") as response,
    ):
        heard = events_in(response)
        office.tell("anna", 1)
        assert next(heard).data == {"what": 1}

        with transaction() as session:
            assert auth.revoke(session, "looks on")

        assert list(heard) == []
        assert system.get("/api/v1/agents/anna/events").status_code == 401


def test_a_stream_goes_on_while_its_session_does(url: str, client: FlaskClient, anna: str) -> None:
    office.sign_in_by_form(client, anna)
    other = elsewhere(client, anna)
    with (
        httpx.Client(base_url=url, cookies={"rechtdoor": cookie_of(client)}, timeout=PATIENCE) as browser,
        browser.stream("GET", "/desk/events?after=0") as response,
        httpx.Client(base_url=url, cookies={"rechtdoor": cookie_of(other)}, timeout=PATIENCE) as second,
        second.stream("GET", "/desk/events?after=0") as of_other,
    ):
        heard, heard_there = events_in(response), events_in(of_other)
        sign_out(other)
        list(heard_there)  # until it ends

        office.tell("anna", 7)

        assert next(event for event in heard if event.data == {"what": 7}).kind == "message"


def test_systems_that_look_on_leave_the_agents_own_desk_its_place(
    url: str, client: FlaskClient, anna: str
) -> None:
    office.sign_in_by_form(client, anna)
    with transaction() as session:
        token = auth.create(session, "looks on", Scope.READ, None, utcnow())
    onlookers = httpx.Client(base_url=url, headers={"Authorization": f"Bearer {token}"}, timeout=PATIENCE)
    opened = []
    try:
        for _ in range(streams.MOST_DESKS_OF_AGENT + 1):
            asked = onlookers.build_request("GET", "/api/v1/agents/anna/events")
            opened.append(onlookers.send(asked, stream=True))

        assert {answer.status_code for answer in opened} == {200, 503}
        with (
            httpx.Client(base_url=url, cookies={"rechtdoor": cookie_of(client)}, timeout=PATIENCE) as browser,
            browser.stream("GET", "/desk/events") as own,
        ):
            assert own.status_code == 200
    finally:
        for answer in opened:
            answer.close()
        onlookers.close()


def test_without_the_loop_a_stream_ends_with_its_session_too(
    client: FlaskClient, anna: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "PROVE_SECONDS", 0.1)
    token = office.sign_in_by_form(client, anna)
    copied = client.application.test_client()
    copied.set_cookie("rechtdoor", cookie_of(client))
    response = copied.get("/desk/events?after=0", buffered=False)
    pieces = iter(response.response)
    next(pieces)

    client.post("/logout", data={"csrf": token, "everywhere": "1"})

    assert b'"what"' not in b"".join(pieces)


def test_many_desks_are_proven_by_few_questions(flask_app: Flask, anna: str) -> None:
    opened = {(f"agent{n}", sessions.Proof.of_session(f"{n:064}")) for n in range(400)}

    with watched() as asked, reading() as session:
        assert sessions.living(session, opened, utcnow(), sessions.Limits()) == set()

    assert len([text for text, _ in asked if "SELECT" in text]) == 1


def test_a_role_without_a_desk_has_sessions_too(client: FlaskClient, anna: str) -> None:
    with transaction() as session:
        email = office.user(session, None, Role.AUDITOR)
    assert try_password(client, email, PASSWORD).status_code == 303

    assert "Nu ingelogd" in client.get("/account").text


def test_the_page_of_sessions_stands_in_nobodys_way(
    url: str, client: FlaskClient, anna: str, page: Page
) -> None:
    office.sign_in_by_form(client, anna)
    elsewhere(client, anna)
    page.context.add_cookies([{"name": "rechtdoor", "value": cookie_of(client), "url": url}])

    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(f"{url}/account")
        expect(page.get_by_role("heading", name="Nu ingelogd")).to_be_visible()
        assert axe.violations(page) == []
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    page.get_by_role("button", name=re.compile("^Beëindigen: Firefox, Windows")).click()
    expect(page.get_by_role("status")).to_contain_text("Die sessie is beëindigd")
