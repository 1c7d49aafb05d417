"""Who works here, who rings, and which server shows it? What the tests of desks and streams share."""

import re
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import flask
import uvicorn
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Page
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.agents import desk_events
from app.agents.teams import ALL
from app.db import transaction
from app.deployment import Deployment
from app.desk.streams import Hub
from app.door import passwords
from app.door import sign_in as door
from app.door.sessions import BY_PASSWORD
from app.doors import Patient
from app.records.agents import Role, User
from app.records.calls import CallStep
from app.screen.streams import ScreenHub
from app.serving import Application, Knows
from app.voice import incoming as incoming_calls
from app.voice import last_word, rings
from config import Settings
from tests import factories

PASSWORD = "een zin die niemand raadt"
# Which application answers at an address, while it does.
_SERVED: dict[str, Flask] = {}


def user(
    session: Session,
    agent: str | None,
    role: Role = Role.AGENT,
    language: str = "nl",
    email: str = "",
    *,
    teams: list[str] | None = None,
) -> str:
    """Let somebody sign in, at the desk of `agent` if they have one; return their e-mail address.

    A supervisor without a desk sees all teams, unless told otherwise.
    """
    email = email or f"{agent or role}@example.nl"
    session.add(
        User(
            email=email,
            password_hash=passwords.hash_password(PASSWORD),
            role=role,
            agent=agent,
            language=language,
            teams=[ALL] if role == Role.SUPERVISOR and agent is None and teams is None else teams,
        )
    )
    session.flush()
    return email


def token_in(page: str) -> str:
    """Return the token that the forms of a page carry."""
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found, "the page has no form with a token"
    return found[1]


def try_password(
    client: FlaskClient, email: str, password: str, address: str = "192.0.2.1", goes_to: str = ""
) -> TestResponse:
    """Fill in the sign-in form as a visitor from `address`, whoever was signed in before."""
    token = token_in(client.get("/login", headers={"Accept": "text/html"}).text)
    return client.post(
        "/login",
        data={"email": email, "password": password, "csrf": token, "next": goes_to},
        environ_base={"REMOTE_ADDR": address},
        headers={"Accept": "text/html"},
    )


def sign_in_by_form(client: FlaskClient, email: str) -> str:
    """Fill in the right password, and return the token for what is posted from then on."""
    assert try_password(client, email, PASSWORD).status_code == 303
    with client.session_transaction() as session:
        return str(session.setdefault("csrf", "a token of this session"))


def sign_in(client: FlaskClient, email: str) -> str:
    """Let somebody who showed their password in, and return the token for what is posted from then on.

    Straight to where the form leads, which is tests/door's matter: it costs as much as many a test.
    """
    with client.application.test_request_context("/login", method="POST"):
        with transaction() as session:
            door.enter(session, session.get_one(User, email), BY_PASSWORD, "/desk")
        begun = dict(flask.session)
    with client.session_transaction() as cookie:
        cookie.clear()
        cookie.update(begun)
        return str(cookie.setdefault("csrf", "a token of this session"))


def let_in(page: Page, url: str, email: str) -> None:
    """Let a browser's page in at the address that `serving` gave, as whoever showed their password is."""
    visitor = _SERVED[url].test_client()
    sign_in(visitor, email)
    name = _SERVED[url].config["SESSION_COOKIE_NAME"]
    cookie = visitor.get_cookie(name)
    assert cookie
    page.context.add_cookies([{"name": name, "value": cookie.value, "url": url, "httpOnly": True}])


def call_in(settings: Settings, from_: str, sid: str = "", to: str = factories.LINE) -> str:
    """Let a call come in, as the webhook does; return its sid."""
    sid = sid or "CA" + secrets.token_hex(16)
    with transaction() as session:
        incoming = incoming_calls.IncomingCall(sid, from_, to)
        now, deployment = datetime.now(UTC), Deployment.of(settings)
        incoming_calls.answer(
            session, incoming_calls.look_up(session, incoming, now, deployment), now, deployment
        )
    return sid


def pick_up(sid: str, step: int = 1) -> None:
    """The agent answers the telephone that rings in this step, and takes the call."""
    now = datetime.now(UTC)
    with transaction() as session:
        rings.leg(session, sid, step, "ringing", "CAleg", now)
        rings.leg(session, sid, step, "in-progress", "CAleg", now)
        if session.get_one(CallStep, (sid, step)).endpoint == "phone":
            rings.accept(session, sid, step, "1", "", now)


def hang_up(settings: Settings, sid: str) -> None:
    with transaction() as session:
        last_word.status(session, sid, "completed", datetime.now(UTC), Deployment.of(settings))


def tell(agent: str, *what: int, kind: str = "message") -> None:
    """Tell a desk something, each in a transaction of its own."""
    for one in what:
        with transaction() as session:
            desk_events.tell(session, agent, kind, {"what": one}, datetime.now(UTC))


def tell_screen_pop(sid: str, agent: str = "anna") -> None:
    """Tell a desk once more of a call that rings there."""
    with transaction() as session:
        desk_events.tell(session, agent, "screen_pop", {"call_sid": sid}, datetime.now(UTC))


@contextmanager
def serving(
    app: Flask,
    port: int,
    hub: Hub | None = None,
    knows: Knows = lambda environ: False,
    screen: ScreenHub | None = None,
) -> Iterator[str]:
    """Serve the application as in production, from this process; yield its address."""
    settings: Settings = app.config["SETTINGS"]
    application = Application(app, hub or Hub(settings.redis_url), knows, screen)
    config = uvicorn.Config(
        application, http=Patient, port=port, log_config=None, lifespan="on", timeout_graceful_shutdown=3
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="uvicorn")
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            time.sleep(0.01)
        address = f"http://127.0.0.1:{port}"
        _SERVED[address] = app
        yield address
    finally:
        _SERVED.pop(f"http://127.0.0.1:{port}", None)
        if application.hub:
            application.hub.close_soon()
        if screen:
            screen.close_soon()
        server.should_exit = True
        thread.join()
