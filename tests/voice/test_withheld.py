"""What is kept of a caller whose number is hidden, when nobody can be reached?"""

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import delete, select
from werkzeug.datastructures import MultiDict

from app import db
from app.deployment import Deployment
from app.forgetting import erasure
from app.jobs import callbacks as jobs
from app.promises import ledger, numbers, recordings
from app.records.agents import DeskEvent, Intent
from app.records.calls import Outcome
from app.records.lines import Line as OurLine
from app.records.promises import Promise, PromiseEvent, PromiseState
from config import Settings
from tests import factories, town
from tests.api.test_erasure import everything
from tests.factories import ADA, BEN, LINE
from tests.telephone import Another, Line, signed

HOUR = timedelta(hours=1)
RECORDING = "RE" + "5" * 32


@pytest.fixture
def call(flask_app: Flask, another: Another) -> Line:
    """A hidden caller, at the question for a number: nobody is there."""
    town.settle()
    for key in ("anna", "bram", "carla"):
        town.change(key, intent=Intent.BREAK)
    return another(from_="anonymous").comes_in()


def answers(call: Line, **fields: str) -> None:
    call.post(call.attribute("Gather", "action"), **fields)


def line(**values: object) -> None:
    with db.transaction() as session:
        for name, value in values.items():
            setattr(session.get_one(OurLine, LINE), name, value)


def kept() -> Promise:
    [found] = town.promises()
    return found


def why(promise: Promise) -> list[str]:
    with db.transaction() as session:
        return list(
            session.scalars(
                select(PromiseEvent.why).where(PromiseEvent.promise == promise.id).order_by(PromiseEvent.id)
            )
        )


def test_a_number_that_is_not_understood_is_asked_for_once_more(call: Line) -> None:
    answers(call, SpeechResult="Het gaat over mijn paspoort.")
    assert "Noemt u het nog eens, cijfer voor cijfer" in call.said
    assert (kept().number, kept().about) == (None, "Het gaat over mijn paspoort."), "kept before it is asked"

    answers(call, SpeechResult="nul zes achttien nul nul nul nul nul een")

    assert "terug, op 0 6 1 8 0 0 0 0 0 1" in call.said
    promise = kept()
    assert (promise.number, promise.about) == ("+31618000001", "Het gaat over mijn paspoort.")
    assert promise.next_at is not None, "it is worked off like any other"
    call.hangs_up()
    assert town.call(call.sid).outcome == Outcome.PROMISED


@pytest.mark.parametrize("number", ["+14158675309", "+31900123456", LINE])
@pytest.mark.usefixtures("call")
def test_who_calls_from_a_number_that_we_never_ring_is_asked_for_another(
    another: Another, number: str
) -> None:
    foreign = another(from_=number).comes_in()

    assert "Dit nummer kunnen we niet terugbellen. Noemt u een ander nummer" in foreign.said
    assert "niet zien" not in foreign.said


def test_who_names_a_line_of_ours_is_asked_once_more(call: Line) -> None:
    answers(call, Digits=LINE.replace("+31", "0"))

    assert "Noemt u het nog eens, cijfer voor cijfer" in call.said
    assert kept().number is None, "we would ring ourselves"


def test_a_number_that_comes_after_somebody_saw_to_it_is_promised_all_the_same(call: Line) -> None:
    answers(call, SpeechResult="Hallo?")
    with db.transaction() as session:
        ledger.withdraw(session, kept().id, "carla", datetime.now(UTC))

    answers(call, Digits="0687654321")

    assert "terug, op 0 6 8 7 6 5 4 3 2 1" in call.said
    assert [(one.number, one.state) for one in town.promises()] == [
        (None, PromiseState.WITHDRAWN),
        (BEN, PromiseState.OPEN),
    ]


@pytest.mark.parametrize(
    ("hours", "truth"),
    [
        ("24/7", "Belt u ons straks gerust nog eens, op ditzelfde nummer."),
        ("Mo 09:00-09:01", "weer open. U bereikt ons dan op ditzelfde nummer."),
    ],
)
def test_without_a_number_the_caller_hears_the_truth_and_the_team_what_it_is_about(
    call: Line, hours: str, truth: str
) -> None:
    line(hours=hours)
    answers(call, Digits="0612")
    answers(call)
    assert "Ik heb wel genoteerd dat u hebt gebeld." in call.said
    assert truth in call.said

    answers(call, SpeechResult="Met Mieke, over de paspoorten.")

    assert (call.said, call.verbs) == ("Dank u wel. Dat geef ik door.", ["Say", "Hangup"])
    promise = kept()
    assert (promise.number, promise.agent, promise.team) == (None, None, "Burgerzaken")
    assert promise.about == "0612\nMet Mieke, over de paspoorten."
    with db.transaction() as session:
        told = set(session.scalars(select(DeskEvent.agent).where(DeskEvent.kind == "promise")))
    assert told == {"anna", "bram", "carla"}, "it asks for somebody of the team"


def test_on_a_line_that_nobody_described_it_asks_whoever_is_there(call: Line, another: Another) -> None:
    with db.transaction() as session:
        session.execute(delete(DeskEvent))

    another(from_="anonymous", to="+31201234599").comes_in().hangs_up()

    assert kept().team == ""
    with db.transaction() as session:
        told = set(session.scalars(select(DeskEvent.agent).where(DeskEvent.kind == "promise")))
    assert told == {"anna", "bram", "carla"}


def test_where_the_line_records_a_message_is_taken(call: Line) -> None:
    line(records_messages=True)
    answers(call)
    answers(call, SpeechResult="nul")
    assert "Spreek na de toon in" in call.said
    assert "We nemen het op" in call.said

    form = {"RecordingSid": RECORDING, "RecordingDuration": "7"}
    call.post(call.attribute("Record", "recordingStatusCallback"), RecordingStatus="completed", **form)
    call.post(call.attribute("Record", "action"), **form)

    assert call.said == "Dank u wel. Dat geef ik door."
    with db.transaction() as session:
        [recording] = recordings.of_promise(session, kept().id)
    assert (recording.call_sid, recording.seconds) == (call.sid, 7)
    assert why(kept()).count("promise_recorded") == 1


def test_nobody_is_dialled_for_it_and_its_time_passes_visibly(call: Line, settings: Settings) -> None:
    answers(call, SpeechResult="Hallo?")
    later = datetime.now(UTC) + timedelta(days=7)

    assert jobs.work_off(Deployment.of(settings), later) == 0

    assert (kept().state, kept().next_at) == (PromiseState.BROKEN, None)


def test_hanging_up_at_the_question_is_kept_and_the_next_who_does_adds_to_it(
    call: Line, another: Another
) -> None:
    call.hangs_up()
    other = another(from_="+266696687").comes_in()
    other.hangs_up()

    assert why(kept()) == ["promise_hidden", "promise_hidden_again"]
    assert [town.call(one.sid).outcome for one in (call, other)] == [Outcome.NOT_CALLABLE] * 2
    assert [town.call(one.sid).promise for one in (call, other)] == [kept().id] * 2
    assert [row.kind for row in town.outbox()] == []

    third = another(from_="anonymous").comes_in()
    answers(third, SpeechResult="Ik ben het.")
    assert len(town.promises()) == 2, "somebody who said something is somebody of their own"


@pytest.mark.parametrize("owed_already", [False, True])
def test_whoever_finds_out_the_number_makes_it_a_callback(
    call: Line, settings: Settings, owed_already: bool
) -> None:
    answers(call, SpeechResult="Over mijn paspoort.")
    hidden, deployment, now = kept().id, Deployment.of(settings), datetime.now(UTC)
    if owed_already:
        with db.transaction() as session:
            ledger.make(
                session, origin="test", number=BEN, line=LINE, customer=None, case=None, agent=None,
                team="Burgerzaken", language="nl", due_at=now + timedelta(hours=1),
                why="promise_asked", now=now,
            )  # fmt: skip

    with db.transaction() as session:
        owed = numbers.learn_number(session, hidden, "06 87654321", "anna", now, deployment)
        assert (owed.number, owed.about) == (BEN, "Over mijn paspoort.")

    with db.transaction() as session:
        mine = session.get_one(Promise, hidden)
        assert mine.state == (PromiseState.MERGED if owed_already else PromiseState.OPEN)
        assert mine.next_at is None if owed_already else mine.next_at is not None


def test_what_a_form_says_wrongly_is_not_said(call: Line, settings: Settings) -> None:
    wrongly = MultiDict([("CallSid", call.sid), ("Digits", ADA)])

    signed(call.client, settings, call.attribute("Gather", "action"), wrongly)

    assert (kept().number, kept().about) == (None, "")


def digits_in(everything: str) -> str:
    return "".join(filter(str.isdigit, everything))


@pytest.mark.parametrize("forgotten", ["after", "during"])
def test_a_number_that_was_spoken_is_forgotten_with_its_customer_however_it_was_said(
    call: Line, settings: Settings, forgotten: str
) -> None:
    now = datetime.now(UTC)
    with db.transaction() as session:
        factories.promise(
            session, origin="before", customer="ada", case="Z1", due_at=now + HOUR, now=now - HOUR
        )
    answers(call, SpeechResult="Eh, nul zes twaalf vierendertig. Nee: 06 12 34 56")
    answers(call, SpeechResult="nul zes, een twee drie vier vijf zes zeven acht")
    assert "0 6 1 2 3 4 5 6 7 8" in call.said
    if forgotten == "after":
        call.hangs_up()

    with db.transaction() as session:
        erasure.erase_customer(session, "ada", "an operator", now)
    if forgotten == "during":
        call.hangs_up()

    left = everything()
    assert "123456" not in digits_in(left)
    assert "vierendertig" not in left


def test_of_a_form_that_says_something_twice_nothing_is_read_and_the_caller_leaves_a_message(
    call: Line, settings: Settings
) -> None:
    twice = MultiDict([("CallSid", call.sid), ("SpeechResult", ADA), ("SpeechResult", BEN)])

    answer = signed(call.client, settings, call.attribute("Gather", "action"), twice)

    assert "<Record" in answer.text
    assert town.promises() == []
