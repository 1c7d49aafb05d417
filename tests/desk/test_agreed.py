"""What comes of “I will ring you back” and “that is solved”? A promise is owed, and a case closed."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from werkzeug.datastructures import MultiDict

import config
from app.db import transaction
from app.deployment import Deployment
from app.jobs.callbacks import work_off
from app.records.agents import Activity
from app.records.callers import Case, CaseStatus, Contact
from app.records.calls import CallStep, StepOutcome
from app.records.lines import Line
from app.records.messages import Message
from app.records.promises import PromiseAttempt, PromiseState
from tests import factories, town
from tests.desk import office
from tests.desk.test_desk_pages import ask, seen
from tests.factories import ADA, LINE, noon_zone
from tests.telephone import signed

HOUR = timedelta(hours=1)


@pytest.fixture
def anna(flask_app: Flask, client: FlaskClient) -> FlaskClient:
    """Anna's browser; Ada's open case is hers, and it is about noon."""
    with transaction() as session:
        factories.line(session).timezone = noon_zone(datetime.now(UTC))
        factories.agent(session, "anna")
        office.user(session, "anna")
        factories.customer(session, "K1", ADA, name="Ada Lovelace")
        factories.case(session, "Z1", "K1", handled_by=("anna",))
    office.sign_in(client, "anna@example.nl")
    return client


def in_talk(settings: config.Settings, from_: str = ADA) -> str:
    sid = office.call_in(settings, from_)
    office.pick_up(sid)
    return sid


def promise(anna: FlaskClient, sid: str, due_in: timedelta) -> tuple[int, str]:
    due_at = (datetime.now(UTC) + due_in).isoformat()
    return ask(anna, f"/desk/calls/{sid}/promise", due_at=due_at)


def messages() -> list[Message]:
    with transaction() as session:
        found = list(session.scalars(select(Message).order_by(Message.at)))
        session.expunge_all()
        return found


def case_status() -> CaseStatus:
    with transaction() as session:
        return session.get_one(Case, "Z1").status


def test_what_an_agent_promises_in_a_call_is_owed_by_them_and_told(
    anna: FlaskClient, settings: config.Settings
) -> None:
    sid = in_talk(settings)

    status, said = promise(anna, sid, 2 * HOUR)
    office.hang_up(settings, sid)

    assert status == 200
    assert "Beloofd: u belt" in said
    assert "De klant krijgt daar een bericht van." in said
    [owed] = town.promises()
    assert (owed.state, owed.agent, owed.number, owed.case) == (PromiseState.OPEN, "anna", ADA, "Z1")
    assert timedelta(0) < datetime.now(UTC) + 2 * HOUR - owed.due_at < timedelta(minutes=1)
    [message] = messages()
    assert "Anna belt u" in message.body
    assert "U belt" in seen(anna.get(f"/desk/calls/{sid}/card").text)


def test_what_was_owed_before_and_is_agreed_on_anew_stays_owed_whatever_is_noted(
    anna: FlaskClient, settings: config.Settings
) -> None:
    now = datetime.now(UTC)
    with transaction() as session:
        factories.promise(session, number=ADA, agent="anna", case="Z1", due_at=now + HOUR, now=now - HOUR)
    sid = in_talk(settings)
    ended = {"CallSid": sid, "DialCallStatus": "completed", "DialBridged": "true", "DialCallDuration": "3"}
    assert signed(anna, settings, f"/voice/calls/{sid}/1/ended", MultiDict(ended)).status_code == 200
    office.hang_up(settings, sid)

    promise(anna, sid, 4 * HOUR)
    ask(anna, f"/desk/calls/{sid}/notes", summary="Belt morgen terug", outcome="promise_made")

    [owed] = town.promises()
    assert owed.state == PromiseState.OPEN
    assert owed.due_at > now + 3 * HOUR


def test_what_another_customer_of_the_number_is_owed_stays_as_it_is(
    anna: FlaskClient, settings: config.Settings
) -> None:
    now = datetime.now(UTC)
    with transaction() as session:
        factories.agent(session, "bram")
        factories.customer(session, "K2", ADA, name="Bob Babbage")
        factories.case(session, "Z2", "K2")
        theirs = factories.promise(
            session, number=ADA, customer="K2", case="Z2", agent="anna", due_at=now + HOUR, now=now - HOUR
        ).id
    sid = in_talk(settings)
    assert ask(anna, f"/desk/calls/{sid}/pick", customer="K1", case="Z1")[0] == 200

    _, said = promise(anna, sid, 3 * HOUR)
    promise(anna, sid, 4 * HOUR)
    ask(anna, f"/desk/calls/{sid}/notes", summary="Belt terug", outcome="promise_made")

    assert "De klant krijgt daar een bericht van." in said
    first, second = sorted(town.promises(), key=lambda owed: owed.id)
    assert (first.id, first.number, first.customer, first.due_at) == (theirs, ADA, "K2", now + HOUR)
    assert first.state in (PromiseState.OPEN, PromiseState.DUE), "as before they spoke to somebody else"
    assert (second.number, second.customer, second.case, second.agent) == (ADA, "K1", "Z1", "anna")
    assert second.state == PromiseState.OPEN


def test_agreed_on_anew_it_is_moved_and_stays_one_promise(
    anna: FlaskClient, settings: config.Settings
) -> None:
    sid = in_talk(settings)
    promise(anna, sid, 2 * HOUR)

    promise(anna, sid, 3 * HOUR)

    [owed] = town.promises()
    assert owed.due_at - datetime.now(UTC) > 2 * HOUR
    assert len(messages()) == 2


@pytest.mark.parametrize("due_in", [-HOUR, timedelta(days=60)])
def test_a_time_that_can_not_be_kept_is_refused_and_says_why(
    anna: FlaskClient, settings: config.Settings, due_in: timedelta
) -> None:
    status, said = promise(anna, in_talk(settings), due_in)

    assert status == 422
    assert "Kies een dag en een tijd" in said
    assert town.promises() == []


def test_a_time_of_ones_own_is_read_as_on_the_clock_of_the_line(
    anna: FlaskClient, settings: config.Settings
) -> None:
    sid = in_talk(settings)
    with transaction() as session:
        session.get_one(Line, LINE).timezone = "Pacific/Auckland"
    wall = (datetime.now(UTC) + timedelta(days=2)).replace(hour=10, minute=0, second=0, microsecond=0)

    ask(anna, f"/desk/calls/{sid}/promise", due_at="", own_time=wall.strftime("%Y-%m-%dT%H:%M"))

    [owed] = town.promises()
    assert owed.due_at.astimezone(ZoneInfo("Pacific/Auckland")).strftime("%H:%M") == "10:00"


def test_what_is_promised_to_a_withheld_caller_stands_on_the_agents_list(
    anna: FlaskClient, settings: config.Settings
) -> None:
    sid = in_talk(settings, "")

    _, said = promise(anna, sid, 2 * HOUR)
    promise(anna, sid, 3 * HOUR)

    assert "Het staat bij uw beloftes." in said
    [owed] = town.promises()
    assert (owed.number, owed.agent, owed.state) == (None, "anna", PromiseState.OPEN)


def test_a_callback_that_is_not_known_to_have_been_a_conversation_went_to_no_colleague(
    anna: FlaskClient, settings: config.Settings
) -> None:
    now = datetime.now(UTC)
    with transaction() as session:
        factories.promise(session, number=ADA, agent="anna", case="Z1", due_at=now + HOUR / 3, now=now - HOUR)
    assert work_off(Deployment.of(settings), now) == 1
    with transaction() as session:
        sid = session.scalars(select(PromiseAttempt.call_sid)).one()
        session.execute(
            update(CallStep)
            .where(CallStep.call_sid == sid)
            .values(answered_at=now, ended_at=now, outcome=StepOutcome.ABANDONED)
        )

    board = seen(anna.get("/desk/board").text)

    assert "terugbellen is nog niet rond" in board
    assert "ging naar een collega" not in board


def test_who_promises_again_in_a_callback_has_kept_the_first_and_goes_on_talking(
    anna: FlaskClient, settings: config.Settings
) -> None:
    now = datetime.now(UTC)
    with transaction() as session:
        first = factories.promise(
            session, number=ADA, agent="anna", case="Z1", due_at=now + HOUR / 3, now=now - HOUR
        ).id
    assert work_off(Deployment.of(settings), now) == 1
    with transaction() as session:
        sid = session.scalars(select(PromiseAttempt.call_sid)).one()

    def told(what: str, **fields: str) -> None:
        path = f"/voice/callbacks/{sid}/{what}"
        form = MultiDict({"Direction": "outbound-api"} | fields)
        assert signed(anna, settings, path, form).status_code < 300

    told("agent", CallStatus="ringing")
    card = seen(anna.get(f"/desk/calls/{sid}/card").text)
    assert "De klant is nog niet gebeld en merkt hier niets van." in card
    assert "hoort een eerlijke zin" not in card
    told("picked-up")
    told("customer", CallStatus="in-progress", CallSid="CA" + "c" * 32, AnsweredBy="human")

    status, _ = promise(anna, sid, 4 * HOUR)

    assert status == 200
    assert town.presence("anna").activity == Activity.TALKING
    told("ended", DialCallStatus="completed", DialBridged="true", DialCallDuration="64")
    states = {owed.id: owed.state for owed in town.promises()}
    assert states.pop(first) == PromiseState.KEPT
    assert list(states.values()) == [PromiseState.OPEN]
    assert town.presence("anna").activity == Activity.WRAPPING_UP
    with transaction() as session:
        assert session.get(Contact, f"call:{sid}") is not None


def test_solved_closes_the_case_and_second_thoughts_open_it_again(
    anna: FlaskClient, settings: config.Settings
) -> None:
    sid = in_talk(settings)

    def note(outcome: str) -> None:
        assert ask(anna, f"/desk/calls/{sid}/notes", summary="Klaar", outcome=outcome)[0] == 200

    note("solved")
    note("solved")
    assert case_status() == CaseStatus.SOLVED
    assert "Zaak Z1" in seen(anna.get(f"/desk/calls/{sid}/card").text)
    note("waiting")
    assert case_status() == CaseStatus.OPEN
    with transaction() as session:
        session.get_one(Case, "Z1").status = CaseStatus.SOLVED  # by another system
    note("handed_over")
    assert case_status() == CaseStatus.SOLVED


def test_how_a_conversation_ended_is_seen_afterwards(anna: FlaskClient, settings: config.Settings) -> None:
    first = in_talk(settings)
    ask(anna, f"/desk/calls/{first}/notes", summary="Formulier opgestuurd", outcome="waiting")
    office.hang_up(settings, first)
    town.everybody_free_again()

    second = in_talk(settings)

    card = seen(anna.get(f"/desk/calls/{second}/card").text)
    assert "Wacht op iemand Formulier opgestuurd" in card
