"""What may a caller who waits rely on? What was spoken is true, and what is promised is owed."""

import io
import re
import wave
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import db
from app.outgoing import outbox
from app.promises import ledger, owed
from app.records.agents import Intent
from app.records.calls import CallState, StepKind
from app.records.promises import PromiseState
from tests import town
from tests.factories import ADA
from tests.telephone import Another

pytestmark = pytest.mark.usefixtures("settled")


@pytest.fixture
def settled(flask_app: Flask) -> None:
    town.settle()


def test_a_promise_spoken_after_the_first_was_settled_is_owed_anew(another: Another) -> None:
    town.talks_elsewhere("anna")
    call = another().comes_in()
    wait, left = call.attribute("Enqueue", "waitUrl"), call.attribute("Enqueue", "action")
    with db.transaction() as session:
        # Meanwhile somebody spoke to them in another call from the same number.
        [promise] = owed.to_number(session, ADA)
        ledger.merge(session, promise, "bram", datetime.now(UTC))
    for key in ("anna", "bram", "carla"):
        town.change(key, intent=Intent.OFF, activity="idle")

    call.post(wait, context="wait")
    call.post(left, QueueResult="leave")

    assert re.search(r"Anna belt u \w+ vóór [\w ]+ terug", call.said)
    assert [promise.state for promise in town.promises()] == [PromiseState.MERGED, PromiseState.OPEN]
    call.post(left, QueueResult="leave")
    call.hangs_up()
    assert len(town.promises()) == 2
    assert town.call(call.sid).promise == town.promises()[1].id


def test_a_broken_promise_that_is_made_anew_in_a_call_is_told_again_by_message(another: Another) -> None:
    for key in ("anna", "bram", "carla"):
        town.change(key, intent=Intent.OFF, activity="idle")
    another().comes_in().hangs_up()
    with db.transaction() as session:
        [promise] = owed.to_number(session, ADA)
        promise.due_at = promise.broken_at = datetime(2026, 1, 1, tzinfo=UTC)
        promise.state = PromiseState.BROKEN

    another().comes_in().hangs_up()

    [promise] = town.promises()
    assert (promise.state, promise.due_at > datetime.now(UTC)) == (PromiseState.OPEN, True)
    told = [row for row in town.outbox() if row.kind == outbox.SEND_MESSAGE]
    assert len(told) == 2


def test_a_caller_who_waits_hears_a_sign_of_life_and_no_music(another: Another, client: FlaskClient) -> None:
    call = town.waiting_for_anna(another)
    wait = call.attribute("Enqueue", "waitUrl")

    call.post(wait, context="wait", QueueTime="3")

    assert call.verbs == ["Play", "Pause"]
    assert call.attribute("Pause", "length") == "1"
    sound = call.reply.findtext("Play")
    assert sound is not None
    with client.get(urlsplit(sound).path) as heard:
        assert (heard.status_code, heard.mimetype) == (200, "audio/x-wav")
        made = heard.data
    with wave.open(io.BytesIO(made)) as file:
        assert file.getnframes() / file.getframerate() < 1, "with the pause after it less than two seconds"


def test_a_caller_who_is_first_again_hears_that_and_keeps_the_promised_time(another: Another) -> None:
    town.talks_elsewhere("anna")
    call = another().comes_in()
    [promise] = town.promises()
    assert promise.agent == "anna"

    again = another().comes_in()

    assert "er is nog één wachtende vóór u" in again.said
    [still] = town.promises()
    assert (still.id, still.due_at) == (promise.id, promise.due_at)
    for one in (call, again):
        one.hangs_up()
    assert [one.state for one in town.promises()] == [PromiseState.OPEN]


@pytest.mark.parametrize("result", ["queue-full", "error", "system-error", ""])
def test_a_queue_that_fails_sends_the_caller_to_a_colleague(another: Another, result: str) -> None:
    town.talks_elsewhere("anna")
    call = another().comes_in()

    call.post(call.attribute("Enqueue", "action"), QueueResult=result)

    assert call.rings == "client:bram"
    assert call.said == "Anna is nog niet vrij. Ik verbind u door met Bram."


@pytest.mark.parametrize("result", ["redirected", "redirected-from-bridged"])
def test_a_queue_that_was_left_since_the_caller_is_sent_on_ends_no_wait(
    another: Another, result: str
) -> None:
    town.talks_elsewhere("anna")
    call = another().comes_in()

    call.post(call.attribute("Enqueue", "action"), QueueResult=result)

    assert town.call(call.sid).state == CallState.WAITING
    [step] = town.steps(call.sid)
    assert (step.kind, step.outcome) == (StepKind.WAIT, None)
