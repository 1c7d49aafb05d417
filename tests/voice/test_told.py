"""Does the call's story hold every sentence that its caller heard, in the order in which they were spoken?"""

from collections.abc import Callable

import pytest
from flask import Flask

from app import db
from app.records.agents import Intent
from app.records.calls import Call
from app.records.lines import Line as OurLine
from tests import town
from tests.factories import LINE
from tests.telephone import Another, Line


@pytest.fixture(autouse=True)
def settled(flask_app: Flask) -> None:
    town.settle()


def nobody_is_there() -> None:
    for key in ("anna", "bram", "carla"):
        town.change(key, intent=Intent.BREAK)


def recorded() -> None:
    with db.transaction() as session:
        session.get_one(OurLine, LINE).records_messages = True


def answers(call: Line, **fields: str) -> str:
    call.post(call.attribute("Gather", "action"), **fields)
    return call.said


def is_promised(call: Line) -> list[str]:
    nobody_is_there()
    call.comes_in()
    return [call.said, answers(call, SpeechResult="Het gaat over mijn paspoort.")]


def is_promised_and_recorded(call: Line) -> list[str]:
    nobody_is_there()
    recorded()
    call.comes_in()
    # The last is for whoever says nothing after the tone.
    *heard, _ = ["".join(say.itertext()) for say in call.reply.iter("Say")]
    call.post(call.attribute("Record", "action"), RecordingSid="RE" + "5" * 32, RecordingDuration="9")
    return [*heard, call.said]


def waits_in_vain(call: Line) -> list[str]:
    for key in ("anna", "bram", "carla"):
        town.talks_elsewhere(key)
    call.comes_in()
    heard = [call.said]
    action = call.attribute("Enqueue", "action")
    call.post(action, QueueResult="error")
    while call.verbs[-1] == "Enqueue":
        heard.append(call.said)
        call.post(call.attribute("Enqueue", "action"), QueueResult="error")
    return [*heard, call.said, answers(call)]


def names_no_number(call: Line) -> list[str]:
    nobody_is_there()
    call.from_ = "anonymous"
    call.comes_in()
    heard = [call.said, answers(call, SpeechResult="dat weet ik niet"), answers(call, SpeechResult="nee")]
    return [*heard, answers(call, SpeechResult="mijn paspoort")]


@pytest.mark.parametrize("story", [is_promised, is_promised_and_recorded, waits_in_vain, names_no_number])
def test_every_sentence_that_was_spoken_is_in_the_story_in_order(
    another: Another, story: Callable[[Line], list[str]]
) -> None:
    call = another()

    heard = story(call)

    with db.transaction() as session:
        told = [one["text"] for one in session.get_one(Call, call.sid).said]
    assert " ".join(told) == " ".join(heard)


def test_the_question_after_a_promise_is_a_sentence_of_its_own(another: Another) -> None:
    call = another()
    is_promised(call)

    with db.transaction() as session:
        told = [one["text"] for one in session.get_one(Call, call.sid).said]
    assert told[-2].startswith("Als u wilt, zegt u nu kort waar het over gaat.")
