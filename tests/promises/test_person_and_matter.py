"""To whom is a callback owed, where people share a number? To each of them, about each of their matters."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import insert, select, update
from werkzeug.datastructures import MultiDict

import config
from app.db import transaction
from app.deployment import Deployment
from app.jobs import callbacks as jobs
from app.messages import messages
from app.records.agents import DeskEvent, Presence
from app.records.callers import Case, CaseStatus, Customer, CustomerNumber
from app.records.calls import Call
from app.records.promises import PromiseAttempt, PromiseEvent, PromiseState
from tests import factories, town
from tests.desk import office
from tests.desk.test_desk_pages import ask
from tests.factories import ADA, BEN, noon_zone
from tests.telephone import signed

HOUR = timedelta(hours=1)

Owed = Callable[..., int]


@pytest.fixture
def anna(flask_app: Flask, client: FlaskClient) -> FlaskClient:
    """Anna's browser. K1 and K2 share a number; each has an open case, K1's second is Bram's."""
    with transaction() as session:
        factories.line(session).timezone = noon_zone(datetime.now(UTC))
        factories.agent(session, "anna")
        factories.agent(session, "bram")
        office.user(session, "anna")
        factories.customer(session, "K1", ADA, name="Ada Lovelace")
        factories.customer(session, "K2", ADA, name="Bob Babbage")
        factories.case(session, "Z1", "K1", handled_by=("anna",))
        factories.case(session, "Z2", "K2", handled_by=("anna",), handled_at=datetime.now(UTC) - 50 * HOUR)
        factories.case(session, "Z3", "K1", handled_by=("bram",), handled_at=datetime.now(UTC) - 90 * HOUR)
    office.sign_in(client, "anna@example.nl")
    return client


@pytest.fixture
def owe(anna: FlaskClient) -> Owed:
    """Promise something to the number, an hour ago."""

    def owe(customer: str | None, case: str | None, *, due_in: timedelta = HOUR, agent: str = "anna") -> int:
        now = datetime.now(UTC)
        with transaction() as session:
            return factories.promise(
                session,
                origin=f"test:{customer}/{case}",
                customer=customer,
                case=case,
                agent=agent,
                due_at=now + due_in,
                now=now - HOUR,
            ).id

    return owe


def states() -> dict[int, str]:
    return {one.id: str(one.state) for one in town.promises()}


def codes(promise: int) -> list[str]:
    with transaction() as session:
        rows = select(PromiseEvent.why).where(PromiseEvent.promise == promise).order_by(PromiseEvent.id)
        return list(session.scalars(rows))


def talk(settings: config.Settings) -> str:
    sid = office.call_in(settings, ADA)
    office.pick_up(sid)
    return sid


def end(client: FlaskClient, settings: config.Settings, sid: str, seconds: int = 60) -> None:
    ended = {"DialCallStatus": "completed", "DialBridged": "true", "DialCallDuration": str(seconds)}
    form = MultiDict({"CallSid": sid} | ended)
    assert signed(client, settings, f"/voice/calls/{sid}/1/ended", form).status_code == 200
    office.hang_up(settings, sid)


def test_a_conversation_with_another_customer_of_the_number_settles_nothing_and_settles_theirs(
    anna: FlaskClient, settings: config.Settings, owe: Owed
) -> None:
    of_ada, of_bob = owe("K1", "Z1"), owe("K2", "Z2", due_in=2 * HOUR)
    sid = talk(settings)
    assert states() == {of_ada: "merged", of_bob: "open"}, "as far as the number says who calls"

    assert ask(anna, f"/desk/calls/{sid}/pick", customer="K2", case="Z2")[0] == 200
    assert states()[of_ada] in ("open", "due")
    assert states()[of_bob] == "merged"
    end(anna, settings, sid)

    assert states()[of_ada] in ("open", "due")
    assert states()[of_bob] == "merged"
    assert codes(of_ada)[-1] == "promise_of_another"


def test_a_conversation_about_one_matter_settles_that_one_alone(
    anna: FlaskClient, settings: config.Settings, owe: Owed
) -> None:
    first, second = owe("K1", "Z1"), owe("K1", "Z3", due_in=3 * HOUR, agent="bram")
    sid = talk(settings)
    end(anna, settings, sid)
    assert states() == {first: "merged", second: "open"}


def test_the_agent_who_says_that_it_was_about_the_other_matter_settles_that_one(
    anna: FlaskClient, settings: config.Settings, owe: Owed
) -> None:
    first, second = owe("K1", "Z1"), owe("K1", "Z3", due_in=3 * HOUR, agent="bram")
    sid = talk(settings)

    assert ask(anna, f"/desk/calls/{sid}/pick", customer="K1", case="Z3")[0] == 200
    end(anna, settings, sid)

    assert states()[second] == "merged"
    assert states()[first] in ("open", "due")
    assert codes(first)[-1] == "promise_of_another_matter"


def test_what_was_settled_by_the_agents_pick_is_owed_again_when_they_hardly_spoke(
    anna: FlaskClient, settings: config.Settings, owe: Owed
) -> None:
    of_bob = owe("K2", "Z2", due_in=2 * HOUR)
    sid = talk(settings)
    assert ask(anna, f"/desk/calls/{sid}/pick", customer="K2", case="Z2")[0] == 200

    end(anna, settings, sid, seconds=2)

    assert states()[of_bob] in ("open", "due")


def test_a_promise_about_a_case_that_was_closed_meanwhile_is_settled_by_whoever_speaks_with_its_customer(
    anna: FlaskClient, settings: config.Settings, owe: Owed
) -> None:
    promise = owe("K1", "Z1")
    with transaction() as session:
        session.get_one(Case, "Z1").status = CaseStatus.SOLVED

    end(anna, settings, talk(settings))

    assert states() == {promise: "merged"}


def test_what_is_not_known_keeps_two_promises_not_apart(
    anna: FlaskClient, settings: config.Settings, owe: Owed
) -> None:
    promise = owe(None, None)
    sid = talk(settings)
    asked = ask(anna, f"/desk/calls/{sid}/promise", due_at=(datetime.now(UTC) + 3 * HOUR).isoformat())

    assert asked[0] == 200
    assert len(states()) == 2, "settled as they began to talk, and agreed on anew"
    assert states()[promise] == "merged"


def test_asked_once_more_about_the_same_it_is_one_promise_which_learns_what_it_is_about(owe: Owed) -> None:
    promise = owe(None, None)

    assert owe("K1", "Z1", due_in=2 * HOUR) == promise

    [stored] = town.promises()
    assert (stored.customer, stored.case) == ("K1", "Z1")


def test_a_number_is_rung_for_one_promise_at_a_time(owe: Owed, settings: config.Settings) -> None:
    owe("K1", "Z1", due_in=timedelta(minutes=10))
    owe("K2", "Z2", due_in=timedelta(minutes=11), agent="bram")
    deployment = Deployment.of(settings)

    assert jobs.work_off(deployment, datetime.now(UTC)) == 1
    assert jobs.work_off(deployment, datetime.now(UTC) + timedelta(seconds=10)) == 0

    with transaction() as session:
        [attempt] = session.scalars(select(PromiseAttempt))
        assert attempt.agent == "anna"
        call = session.get_one(Call, attempt.call_sid)
        assert (call.customer, call.case) == ("K1", "Z1")


def test_each_promise_is_rung_for_about_its_own_customer(owe: Owed, settings: config.Settings) -> None:
    owe("K1", "Z1", due_in=5 * HOUR)
    second = owe("K2", "Z2", due_in=timedelta(minutes=11), agent="bram")

    assert jobs.work_off(Deployment.of(settings), datetime.now(UTC)) == 1

    with transaction() as session:
        pop = session.scalars(select(DeskEvent.data).where(DeskEvent.kind == "screen_pop")).one()
    assert pop["promise"]["promise"] == second
    assert pop["customers"][0]["customer"] == "K2"
    assert pop["case"]["case"] == "Z2"


def test_a_callback_that_another_customer_of_the_number_answered_is_left_to_people(
    anna: FlaskClient, settings: config.Settings, owe: Owed
) -> None:
    promise = owe("K1", "Z1", due_in=timedelta(minutes=10))
    assert jobs.work_off(Deployment.of(settings), datetime.now(UTC)) == 1
    with transaction() as session:
        name = session.scalars(select(PromiseAttempt.call_sid)).one()
    leg = {"CallSid": "CA" + "a" * 32, "Direction": "outbound-api"}
    theirs = leg | {"CallSid": "CA" + "c" * 32, "CallStatus": "in-progress"}

    def tell(what: str, form: dict[str, str]) -> None:
        assert signed(anna, settings, f"/voice/callbacks/{name}/{what}", MultiDict(form)).status_code < 300

    tell("agent", leg | {"CallStatus": "ringing"})
    tell("picked-up", leg)
    tell("customer", theirs)
    tell("customer", theirs | {"AnsweredBy": "human"})
    assert ask(anna, f"/desk/calls/{name}/pick", customer="K2", case="Z2")[0] == 200
    tell("ended", leg | {"DialCallStatus": "completed", "DialBridged": "true", "DialCallDuration": "60"})

    [stored] = town.promises()
    assert (stored.id, stored.state, stored.next_at) == (promise, PromiseState.DUE, None)
    assert codes(promise)[-1] == "promise_of_another"


def test_a_stop_is_written_with_all_that_the_number_is_owed(owe: Owed, flask_app: Flask) -> None:
    both = owe("K1", "Z1"), owe("K2", "Z2")
    with transaction() as session:
        messages.stop(session, ADA, "asked", datetime.now(UTC))
    assert all("promise_wants_no_messages" in codes(one) for one in both)


def test_what_is_owed_again_keeps_its_time_and_is_not_rung_for_at_once(
    anna: FlaskClient, settings: config.Settings, owe: Owed
) -> None:
    promise = owe("K1", "Z1", due_in=20 * HOUR)
    sid = talk(settings)
    assert states() == {promise: "merged"}
    end(anna, settings, sid, seconds=1)
    assert states() == {promise: "open"}

    with transaction() as session:
        session.execute(update(Presence).values(activity="idle", wrap_up_until=None))
    assert jobs.work_off(Deployment.of(settings), datetime.now(UTC) + timedelta(minutes=3)) == 0


def tenants(number: str) -> None:
    """Two hundred and fifty people who share a number; one of them, far down, has a case."""
    people = [f"C{place}" for place in range(250)]
    with transaction() as session:
        named = [{"key": key, "name": key, "language": "nl", "postcode": "", "tags": []} for key in people]
        session.execute(insert(Customer), named)
        session.execute(
            insert(CustomerNumber), [{"e164": number, "customer": key, "position": 0} for key in people]
        )
        factories.case(session, "Z98", "C98")


@pytest.mark.parametrize(("customer", "case"), [("C99", None), ("C98", "Z98")])
def test_of_hundreds_at_a_number_who_is_owed_a_callback_is_the_one_that_counts(
    anna: FlaskClient, settings: config.Settings, owe: Owed, customer: str, case: str | None
) -> None:
    tenants(ADA)
    owe(customer, case)

    sid = office.call_in(settings, ADA)

    with transaction() as session:
        call = session.get_one(Call, sid)
        assert (call.customer, call.case) == (customer, case)


def test_of_hundreds_at_a_number_whoever_has_a_case_counts(
    anna: FlaskClient, settings: config.Settings
) -> None:
    number = BEN
    tenants(number)

    sid = office.call_in(settings, number)

    with transaction() as session:
        assert session.get_one(Call, sid).case == "Z98"
