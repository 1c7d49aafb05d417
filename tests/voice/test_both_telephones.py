"""What becomes of a call when the agent's desk and ordinary phone ring at the same time?"""

import xml.etree.ElementTree as ET
from datetime import UTC, datetime

import pytest
from flask import Flask

from app.db import transaction
from app.deployment import Deployment
from app.records.agents import Activity, Presence, Reach
from app.records.calls import CallStep
from app.records.outgoing import Outbox
from app.voice import call_control
from config import Settings
from tests import factories
from tests.factories import ADA
from tests.telephone import Line

PHONE = "+31612344567"


@pytest.fixture
def ringing(flask_app: Flask, call: Line) -> Line:
    """Ada's call, ringing at Anna's desk and phone."""
    with transaction() as session:
        factories.line(session)
        factories.agent(session, "anna", phone=PHONE)
        session.get_one(Presence, "anna").reach = Reach.BOTH
        factories.agent(session, "ben")
        factories.customer(session, "ada", ADA)
        factories.case(session, "Z1", "ada", handled_by=("ben", "anna"))
    return call.comes_in()


def noun(call: Line, tag: str) -> ET.Element:
    found = call.reply.find(f".//{tag}")
    assert found is not None
    return found


def news(call: Line, tag: str, status: str) -> None:
    call.post(noun(call, tag).attrib["statusCallback"], CallStatus=status, CallSid="CA" + tag[0].lower() * 32)


def status() -> Presence:
    with transaction() as session:
        return session.get_one(Presence, "anna")


def test_both_ring_and_the_desk_is_told_which_call_it_is(ringing: Line) -> None:
    assert ringing.verbs == ["Dial"]
    assert ringing.attribute("Dial", "answerOnBridge") == "true"
    client = noun(ringing, "Client")
    assert client.findtext("Identity") == "anna"
    told = {one.attrib["name"]: one.attrib["value"] for one in client.iter("Parameter")}
    assert told == {"call_sid": ringing.sid, "case": "Z1", "customer": "ada"}
    assert noun(ringing, "Number").text == PHONE
    assert noun(ringing, "Number").attrib["url"].endswith("/whisper")


def test_the_desk_is_a_human_and_the_phone_must_say_so(ringing: Line) -> None:
    ringing.leg("ringing")
    news(ringing, "Number", "in-progress")
    assert status().activity == Activity.RINGING

    news(ringing, "Client", "in-progress")
    assert status().activity == Activity.TALKING


def test_who_accepts_on_the_phone_has_the_call(ringing: Line) -> None:
    news(ringing, "Number", "ringing")
    news(ringing, "Number", "in-progress")
    ringing.post(noun(ringing, "Number").attrib["url"].replace("whisper", "accept"), Digits="1")

    assert status().activity == Activity.TALKING


def test_a_desk_that_fails_at_once_is_suspect_while_the_phone_rings_on(ringing: Line) -> None:
    news(ringing, "Client", "no-answer")
    news(ringing, "Number", "ringing")

    assert status().suspect_until is not None
    assert status().activity == Activity.RINGING


def test_a_decline_stops_both(ringing: Line, settings: Settings) -> None:
    ringing.leg("ringing")
    with transaction() as session:
        deployment = Deployment.of(settings)
        assert call_control.decline(session, ringing.sid, "anna", "meeting", datetime.now(UTC), deployment)

    with transaction() as session:
        assert [row.payload for row in session.query(Outbox).filter_by(kind="end_leg")] == [
            {"call_sid": ringing.sid, "step": 1}
        ]
        assert session.get_one(CallStep, (ringing.sid, 2)).agent == "ben"
