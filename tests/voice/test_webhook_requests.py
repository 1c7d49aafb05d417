"""What if the carrier asks in another way than the usual one: with GET, or with a form without end?"""

import io
import xml.etree.ElementTree as ET
from collections.abc import Callable
from functools import cache
from urllib.parse import urlencode

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from twilio.request_validator import RequestValidator
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

from app import db
from app.carrier import forms
from app.carrier.spool import Spool
from app.records.calls import Call, CallState, Inbox, Outcome
from app.records.messages import Message
from config import Settings
from phonebox.twilio_spec.twiml import problems_in_twiml
from tests import town
from tests.factories import ADA, LINE
from tests.telephone import signed

SID = "CA" + "7" * 32
STEP = f"/voice/calls/{SID}/1"
CALLBACK = "/voice/callbacks/CB" + "7" * 32
EVERY_TABLE = (Call, Inbox, Message)

Get = Callable[..., TestResponse]


@pytest.fixture(autouse=True)
def settled(flask_app: Flask) -> None:
    town.settle()


@pytest.fixture
def get(client: FlaskClient, settings: Settings) -> Get:
    """Ask with GET as the carrier does: the fields in the address, which alone is signed."""

    def ask(path: str, *, token: str | None = None, **fields: str) -> TestResponse:
        query = urlencode({"CallSid": SID, "From": ADA, "To": LINE, "Direction": "inbound"} | fields)
        address = f"{path}{'&' if '?' in path else '?'}{query}"
        validator = RequestValidator(token or settings.auth_tokens[0])
        signature = validator.compute_signature(settings.public_url + address, {})
        return client.get(address, headers={"X-Twilio-Signature": signature})

    return ask


def spooled(flask_app: Flask) -> list[str]:
    spool: Spool = flask_app.extensions["last_resort"].spool
    return [fact["kind"] for _, facts in spool.take() for fact in facts]


def verbs(response: TestResponse) -> list[str]:
    assert (response.status_code, response.mimetype) == (200, "text/xml"), response.text
    assert problems_in_twiml(response.text, context="voice") == [], response.text
    return [verb.tag for verb in ET.fromstring(response.data)]


def nothing_is_left_behind(flask_app: Flask) -> None:
    with db.transaction() as session:
        assert [session.scalar(select(func.count()).select_from(table)) for table in EVERY_TABLE] == [0, 0, 0]
    assert spooled(flask_app) == []


# --- with GET -----------------------------------------------------------------------------------------


def test_a_number_that_was_set_to_get_rings_the_owner_like_any_other(get: Get) -> None:
    response = get("/voice/incoming", CallStatus="ringing")

    assert verbs(response) == ["Dial"]
    assert ET.fromstring(response.data).findtext(".//Identity") == "anna"


def test_a_call_asked_about_with_post_and_then_with_get_is_one_call(
    get: Get, client: FlaskClient, settings: Settings
) -> None:
    form = MultiDict({"CallSid": SID, "From": ADA, "To": LINE, "CallStatus": "ringing"})
    first = signed(client, settings, "/voice/incoming", form)

    again = get("/voice/incoming", CallStatus="ringing")

    assert again.data == first.data
    with db.transaction() as session:
        assert session.scalar(select(func.count()).select_from(Call)) == 1


def test_what_is_answered_to_get_is_asked_anew_each_time(get: Get) -> None:
    assert get("/voice/incoming", CallStatus="ringing").headers["Cache-Control"] == "no-store"


def test_the_end_of_a_call_told_with_get_is_its_end(get: Get) -> None:
    get("/voice/incoming", CallStatus="ringing")

    assert get("/voice/status", CallStatus="completed").status_code == 204

    with db.transaction() as session:
        call = session.get_one(Call, SID)
        assert (call.state, call.outcome) == (CallState.ENDED, Outcome.MISSED_PROMISED)


@pytest.mark.parametrize("host", ["", "pbx.example", "a host that can't be one"])
def test_the_carrier_is_answered_whatever_host_it_says_that_it_asks(
    client: FlaskClient, settings: Settings, host: str
) -> None:
    form = MultiDict({"CallSid": "CA" + "7" * 32, "From": ADA, "To": LINE, "CallStatus": "ringing"})
    signature = RequestValidator(settings.auth_tokens[0]).compute_signature(
        f"{settings.public_url}/voice/incoming", form
    )

    answer = client.post(
        "/voice/incoming", data=form, headers={"X-Twilio-Signature": signature, "Host": host}
    )

    assert answer.status_code == 200
    assert ET.fromstring(answer.data).findtext(".//Identity") == "anna"


def test_the_last_resort_asked_with_get_takes_a_message_and_remembers_the_call(
    flask_app: Flask, get: Get
) -> None:
    assert verbs(get("/voice/fallback", ErrorCode="11200")) == ["Say", "Record", "Say", "Hangup"]
    assert spooled(flask_app) == ["fallback"]


def test_a_message_brought_with_get_is_kept(get: Get) -> None:
    sid = "SM" + "1" * 32

    assert get("/messages/incoming", MessageSid=sid, Body="Bel mij maar.").status_code == 200

    with db.transaction() as session:
        assert session.get_one(Message, sid).body == "Bel mij maar."


def test_every_address_of_the_carriers_answers_get_as_it_answers_post(flask_app: Flask) -> None:
    ours = [
        rule for rule in flask_app.url_map.iter_rules() if rule.rule.startswith(("/voice/", "/messages/"))
    ]

    assert len(ours) > 25
    assert [rule.rule for rule in ours if not {"GET", "POST"} <= (rule.methods or set())] == []


@pytest.mark.parametrize(
    "path", ["/voice/incoming", "/voice/fallback", "/voice/status", "/messages/incoming"]
)
def test_get_of_a_stranger_is_refused_and_leaves_nothing_behind(
    flask_app: Flask, client: FlaskClient, get: Get, path: str
) -> None:
    fields = {"CallStatus": "completed", "MessageSid": "SM" + "1" * 32}

    assert get(path, token="somebody's own", **fields).status_code == 403
    assert client.get(f"{path}?{urlencode({'CallSid': SID, 'To': LINE} | fields)}").status_code == 403

    nothing_is_left_behind(flask_app)


# --- with a form without end --------------------------------------------------------------------------


@cache
def form_without_end() -> bytes:
    """Several megabytes, which would take longer to put together than each test takes with them."""
    usual = urlencode({"CallSid": SID, "From": ADA, "To": LINE, "CallStatus": "ringing"})
    return "&".join((usual, *(f"f{number}=1" for number in range(400_000)))).encode()


@pytest.fixture
def post_at_length(client: FlaskClient, settings: Settings) -> Callable[..., TestResponse]:
    """Post a form of several megabytes, of as many fields as it can hold; signed as the carrier would."""

    def post(path: str, signature: str | None = "x" * 28, body: io.BytesIO | None = None) -> TestResponse:
        headers = {} if signature is None else {"X-Twilio-Signature": signature}
        kind = "application/x-www-form-urlencoded"
        form = form_without_end()
        return client.post(
            path,
            input_stream=body or io.BytesIO(form),
            content_length=len(form),
            content_type=kind,
            headers=headers,
        )

    return post


@pytest.mark.parametrize("path", ["/voice/incoming", "/voice/fallback", STEP, f"{STEP}/ended"])
def test_a_caller_behind_a_form_without_end_can_leave_a_message(
    flask_app: Flask, post_at_length: Callable[..., TestResponse], path: str
) -> None:
    body = io.BytesIO(form_without_end())

    response = post_at_length(path, body=body)

    assert body.tell() == 0, "nobody reads what is too long"
    assert verbs(response) == ["Say", "Record", "Say", "Hangup"]
    # It may be anybody's: nobody is rung, nothing is written, no number of ours is told.
    assert "+31" not in response.text
    nothing_is_left_behind(flask_app)


@pytest.mark.parametrize(
    ("path", "leads_on"),
    [
        (f"{STEP}/wait", ["Leave"]),
        (f"{STEP}/wish", ["Leave"]),
        (f"{STEP}/whisper", ["Hangup"]),
        (f"{STEP}/accept", ["Hangup"]),
        ("/voice/degraded/accept", ["Hangup"]),
        (f"{CALLBACK}/picked-up", ["Say", "Hangup"]),
        (f"/voice/ring-tests/anna/{SID}/picked-up", ["Hangup"]),
    ],
)
def test_whoever_is_on_the_line_elsewhere_is_let_go_on(
    post_at_length: Callable[..., TestResponse], path: str, leads_on: list[str]
) -> None:
    response = post_at_length(path)

    assert (response.status_code, response.mimetype) == (200, "text/xml")
    assert [verb.tag for verb in ET.fromstring(response.data)] == leads_on


@pytest.mark.parametrize(
    "path",
    [
        *("/voice/status", f"{STEP}/leg", f"{STEP}/recording", "/voice/degraded/recording"),
        *(f"{CALLBACK}/agent", f"/voice/ring-tests/anna/{SID}/status"),
        *("/messages/incoming", "/messages/status"),
    ],
)
def test_news_without_end_is_refused(post_at_length: Callable[..., TestResponse], path: str) -> None:
    assert post_at_length(path).status_code == 413


@pytest.mark.parametrize(
    "path", ["/voice/incoming", "/voice/fallback", "/voice/status", "/messages/incoming"]
)
def test_a_form_without_end_and_without_a_signature_is_refused_unread(
    flask_app: Flask, post_at_length: Callable[..., TestResponse], path: str
) -> None:
    assert post_at_length(path, signature=None).status_code == 403
    nothing_is_left_behind(flask_app)


def test_the_longest_form_that_is_read_is_far_beyond_the_carriers(
    client: FlaskClient, settings: Settings
) -> None:
    form = MultiDict({"CallSid": SID, "From": ADA, "To": LINE, "CallStatus": "ringing"})
    form["StirPassportToken"] = "e" * (forms.LONGEST_BODY - 1000)

    assert verbs(signed(client, settings, "/voice/incoming", form)) == ["Dial"]
