"""Who may be whose telephone, what may its page ask of whom, and what is its Device given?"""

import re
import wave
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.datastructures import MultiDict

import config
from app.db import transaction
from app.desk import softphone
from app.records.agents import Activity, Intent, Presence, Softphone
from app.records.outgoing import Outbox
from app.voice import ring_tests
from phonebox.tokens import verify
from startup import sounds
from tests import factories
from tests.desk import office
from tests.telephone import signed

ROOT = Path(__file__).resolve().parents[2]
SDK = ROOT / "app" / "static" / "vendor" / "twilio-voice-sdk" / "twilio.min.js"
PRODUCTION = {
    "ENV": "production",
    "SECRET_KEY": "s" * 40,
    "PUBLIC_URL": "https://bellen.example.nl",
    "TWILIO_ACCOUNT_SID": "AC" + "1" * 32,
    "TWILIO_AUTH_TOKEN": "2" * 32,
    "TWILIO_API_KEY": "SK" + "3" * 32,
    "TWILIO_API_SECRET": "4" * 32,
}


@pytest.fixture
def anna(flask_app: Flask) -> FlaskClient:
    """Anna's browser, signed in; her desk is a telephone."""
    with transaction() as session:
        factories.line(session)
        for key in ("anna", "ben"):
            factories.agent(session, key)
            office.user(session, key)
    client = flask_app.test_client()
    office.sign_in(client, "anna@example.nl")
    return client


# --- tokens -------------------------------------------------------------------------------------------


def test_an_agent_gets_a_short_lived_token_for_their_own_telephone(
    anna: FlaskClient, settings: config.Settings
) -> None:
    answer = anna.get("/desk/access-token", headers={"X-Desk-Agent": "anna"})

    assert answer.headers["Cache-Control"] == "no-store"
    token, seconds = answer.json["token"], answer.json["seconds"]
    # https://www.twilio.com/docs/iam/access-tokens
    header = jwt.get_unverified_header(token)
    assert (header["typ"], header["alg"], header["cty"]) == ("JWT", "HS256", "twilio-fpa;v=1")
    claims = jwt.decode(token, settings.api_secret, algorithms=["HS256"])
    assert (claims["iss"], claims["sub"]) == (settings.api_key, settings.account_sid)
    assert claims["jti"].startswith(settings.api_key + "-")
    assert claims["grants"] == {"identity": "anna", "voice": {"incoming": {"allow": True}}}
    assert claims["exp"] - claims["nbf"] == seconds == 600
    access = verify(token, settings.account_sid, {settings.api_key: settings.api_secret})
    assert (access.identity, access.may_ring) == ("anna", True)


@pytest.mark.parametrize("path", ["/desk/access-token", "/desk/access-token?agent=ben&identity=ben"])
def test_nobody_gets_a_token_for_somebody_elses_telephone(
    anna: FlaskClient, flask_app: Flask, settings: config.Settings, path: str
) -> None:
    assert flask_app.test_client().get(path).status_code == 401
    assert anna.get(path, headers={"X-Desk-Agent": "ben"}).status_code == 401

    token = anna.get(path).json["token"]
    claims = jwt.decode(token, settings.api_secret, algorithms=["HS256"])
    assert claims["grants"]["identity"] == "anna"


# --- what the page may ask of whom --------------------------------------------------------------------


def sources(policy: str, directive: str) -> set[str]:
    found = re.search(rf"{directive} ([^;]+)", policy)
    assert found
    return set(found[1].split())


def test_in_production_the_page_may_speak_to_twilio_and_nobody_else() -> None:
    settings = config.load(PRODUCTION)
    policy = softphone.security_policy(settings)

    # https://www.npmjs.com/package/@twilio/voice-sdk, "Content Security Policy"
    assert sources(policy, "connect-src") == {
        *("'self'", "wss://voice-js.roaming.twilio.com"),
        *("https://eventgw.twilio.com", "https://sdk.twilio.com"),
    }
    assert sources(policy, "media-src") == {"'self'", "mediastream:", "https://sdk.twilio.com"}
    assert sources(policy, "script-src") == {"'self'"}
    assert softphone.page_settings(settings) == {
        "device": {},
        "sounds": "/static/desk/sounds/",
        "trust": None,
    }


def test_in_development_the_page_may_speak_to_the_carrier_of_development_only() -> None:
    settings = config.load({"ENV": "test", "SOFTPHONE_SIGNAL": "127.0.0.1:8002"})
    policy = softphone.security_policy(settings)

    assert sources(policy, "connect-src") == {"'self'", "wss://127.0.0.1:8002"}
    assert sources(policy, "media-src") == {"'self'", "mediastream:"}
    assert "twilio.com" not in policy


@pytest.mark.parametrize(
    ("env", "problem"),
    [
        (PRODUCTION | {"SOFTPHONE_SIGNAL": "127.0.0.1:8002"}, "SOFTPHONE_SIGNAL: desks connect to Twilio"),
        ({"ENV": "test", "SOFTPHONE_SIGNAL": "https://127.0.0.1"}, "SOFTPHONE_SIGNAL: “https://127.0.0.1”"),
    ],
)
def test_where_desks_connect_is_for_development_to_say(env: dict[str, str], problem: str) -> None:
    with pytest.raises(config.ConfigurationError, match=problem):
        config.load(env)


def test_without_a_carrier_for_softphones_the_desk_is_none_and_says_nothing_of_it(anna: FlaskClient) -> None:
    page = anna.get("/desk")

    assert 'id="telephone"' not in page.text
    assert "twilio" not in page.text.lower()
    assert sources(page.headers["Content-Security-Policy"], "connect-src") == {"'self'"}


# --- what the Device is given -------------------------------------------------------------------------


def given_by_the_page() -> Iterator[str]:
    """Yield the names of the Device options that the page's script and our settings give."""
    script = (ROOT / "app" / "static" / "desk" / "softphone.js").read_text()
    block = re.search(r"new Twilio\.Device\(token, \{(.*?)\n    \}\);", script, re.DOTALL)
    assert block
    yield from re.findall(r"^      (\w+):", block[1], re.MULTILINE)
    page = softphone.page_settings(config.load({"ENV": "test", "SOFTPHONE_SIGNAL": "127.0.0.1:8002"}))
    assert page
    yield from page["device"]


def test_the_device_is_given_options_that_this_version_of_the_sdk_knows() -> None:
    sdk = SDK.read_text(encoding="utf-8")
    given = set(given_by_the_page())

    assert {"chunderw", "publishEvents", "sounds", "logLevel", "tokenRefreshMs", "appName"} <= given
    unknown = {name for name in given if not re.search(rf"[oO]ptions\.{name}\b|[{{,]{name}:", sdk)}
    assert unknown == set()


def test_every_sound_of_the_sdk_is_one_of_ours_as_its_script_makes_them(tmp_path: Path) -> None:
    script = (ROOT / "app" / "static" / "desk" / "softphone.js").read_text()
    listed = re.search(r"const SOUNDS = \[(.*?)\]", script, re.DOTALL)
    assert listed
    named = set(re.findall(r'"(\w+)"', listed[1]))
    in_sdk = set(re.findall(r"(\w+):\{filename:", SDK.read_text(encoding="utf-8")))
    assert named == in_sdk

    sounds.write(tmp_path, sounds.sounds())
    assert {file.stem for file in sounds.OF_THE_DESK.iterdir()} == named | {"test"}
    for file in tmp_path.iterdir():
        assert file.read_bytes() == (sounds.OF_THE_DESK / file.name).read_bytes(), file.name
        with wave.open(str(file)) as sound:
            assert (sound.getnchannels(), sound.getsampwidth()) == (1, 2)


# --- does it ring? ------------------------------------------------------------------------------------


def post(client: FlaskClient, path: str) -> tuple[int, str]:
    with client.session_transaction() as session:
        token = session["csrf"]
    headers = {"X-CSRF-Token": token, "X-Requested-With": "fetch", "Origin": "http://localhost"}
    response = client.post(path, headers=headers)
    return response.status_code, response.text


def change(**values: object) -> None:
    with transaction() as session:
        status = session.get_one(Presence, "anna")
        for name, value in values.items():
            setattr(status, name, value)


def asked_for() -> list[dict[str, str]]:
    with transaction() as session:
        return [row.payload for row in session.query(Outbox).filter_by(kind="ring_test")]


@pytest.mark.parametrize(
    ("so", "sentence"),
    [
        ({"softphone": Softphone.NONE}, "niet klaar"),
        ({"heartbeat_at": None}, "niet klaar"),
        ({"activity": Activity.TALKING, "call_sid": "CA1"}, "in gesprek"),
        ({"activity": Activity.TALKING, "call_sid": "CA1", "intent": Intent.BREAK}, "in gesprek"),
    ],
)
def test_a_telephone_that_can_not_ring_now_is_not_tried(
    anna: FlaskClient, so: dict[str, object], sentence: str
) -> None:
    change(**so)

    status, panel = post(anna, "/desk/ring-test")

    assert status == 409
    assert sentence in panel
    assert asked_for() == []


@pytest.mark.parametrize("intent", [Intent.AVAILABLE, Intent.OFF])
def test_a_test_call_holds_the_agent_for_itself_and_proves_that_the_desk_rings(
    anna: FlaskClient, settings: config.Settings, intent: Intent
) -> None:
    change(intent=intent)

    assert post(anna, "/desk/ring-test")[0] == 200
    [test] = asked_for()
    reserved = intent == Intent.AVAILABLE
    assert status().activity == (Activity.RESERVED if reserved else Activity.IDLE)

    hear(anna, settings, test, "status", "ringing")
    assert status().proven_at is not None
    spoken = hear(anna, settings, test, "picked-up", "in-progress")
    assert "Uw telefoon werkt" in spoken
    assert "<Hangup" in spoken
    hear(anna, settings, test, "status", "completed")
    assert (status().activity, status().suspect_until) == (Activity.IDLE, None)


def test_a_desk_that_a_test_could_not_ring_is_not_believed_for_a_while(
    anna: FlaskClient, settings: config.Settings
) -> None:
    post(anna, "/desk/ring-test")
    [test] = asked_for()

    hear(anna, settings, test, "status", "no-answer")

    assert status().activity == Activity.IDLE
    assert status().suspect_until is not None


def status() -> Presence:
    with transaction() as session:
        return session.get_one(Presence, "anna")


def hear(client: FlaskClient, settings: config.Settings, test: dict[str, str], what: str, status: str) -> str:
    address = ring_tests.address(settings.public_url, test["agent"], test["sid"], what)
    form = MultiDict({"CallSid": "CA" + "a" * 32, "CallStatus": status, "To": "client:anna"})
    answer = signed(client, settings, address, form)
    assert answer.status_code in (200, 204)
    return answer.text
