"""Does a supervisor hear, help and take calls, of their own teams alone, and never unseen?"""

import random
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update

from app import db
from app.audit.log import Actor, What
from app.carrier.rest import Carrier
from app.deployment import Deployment
from app.errors import NotNow
from app.records.access import UserSession
from app.records.agents import Activity, DeskEvent, Intent, Role
from app.records.audit import AuditPending, Via
from app.records.calls import CallState, Outcome, StepKind
from app.records.legs import CallLeg, LegRole
from app.voice import legs, supervising
from app.voice.supervising import Mode
from config import Settings
from tests import factories, town
from tests.desk import office
from tests.exchange import ANNAS, Exchange, rung_back
from tests.rest_carrier import FakeCarrier
from tests.telephone import Another, Line

KARIN = Actor("karin@example.nl", Via.PAGE)


@pytest.fixture(autouse=True)
def _settled(flask_app: Flask) -> None:
    town.settle()
    with db.transaction() as session:
        factories.agent(session, "karin")
        office.user(session, "karin", Role.SUPERVISOR)
        factories.agent(session, "otto", team="Belastingen")
        office.user(session, "otto", Role.SUPERVISOR)


@pytest.fixture
def talking(another: Another) -> Line:
    """Ada talks with Anna."""
    return another().comes_in().talks()


def supervise(call: Line | Exchange, mode: Mode, who: str = "karin") -> None:
    with db.transaction() as session:
        supervising.supervise(session, call.sid, who, mode, datetime.now(UTC), KARIN)


def leg_of(call: Line | Exchange, agent: str) -> CallLeg:
    with db.reading() as session:
        found = legs.leg_of(session, call.sid, agent)
        assert found is not None
        return found


def told(agent: str) -> list[tuple[str, str]]:
    with db.reading() as session:
        rows = session.scalars(select(DeskEvent).where(DeskEvent.agent == agent).order_by(DeskEvent.number))
        return [(row.kind, str(row.data)) for row in rows]


def test_who_listens_is_seen_by_the_agent_before_their_telephone_is_asked_for(talking: Line) -> None:
    supervise(talking, Mode.LISTEN)

    karin = leg_of(talking, "karin")
    assert (karin.role, karin.muted, karin.coaches) == (LegRole.SUPERVISOR, True, None)
    # Nobody has rung her yet: the carrier is asked by the room's keeper, after this.
    assert karin.asked_at is None
    _, data = next(one for one in reversed(told("anna")) if one[0] == "legs")
    assert "supervisor" in data
    assert "karin" in data
    assert town.steps(talking.sid)[-1].kind == StepKind.SUPERVISE
    assert town.presence("karin").call_sid == talking.sid


def test_whispering_is_for_the_agent_alone_and_joining_for_all(talking: Line) -> None:
    supervise(talking, Mode.LISTEN)
    supervise(talking, Mode.WHISPER)
    whispers = leg_of(talking, "karin")
    assert (whispers.muted, whispers.coaches) == (False, leg_of(talking, "anna").number)

    supervise(talking, Mode.JOIN)
    joined = leg_of(talking, "karin")
    assert (joined.muted, joined.coaches, joined.number) == (False, None, whispers.number)

    supervise(talking, Mode.LEAVE)
    assert leg_of(talking, "karin").goes


def test_each_time_is_written_down_once_with_whom_it_was_about(talking: Line) -> None:
    for mode in (Mode.LISTEN, Mode.LISTEN, Mode.WHISPER):
        supervise(talking, mode)

    with db.reading() as session:
        rows = session.scalars(select(AuditPending).where(AuditPending.what == What.SUPERVISED)).all()
        found = [(row.who, row.details["mode"], row.details["agent"], row.subjects) for row in rows]
    customer = [["customer", "ada"]]
    assert found == [
        ("karin@example.nl", "listen", "anna", customer),
        ("karin@example.nl", "whisper", "anna", customer),
    ]


def test_the_calls_story_tells_of_it(talking: Line, client: FlaskClient) -> None:
    supervise(talking, Mode.JOIN)
    talking.hangs_up()
    office.sign_in(client, "karin@example.nl")

    page = client.get(f"/admin/calls/{talking.sid}")

    assert page.status_code == 200
    assert "Helpt Anna Jansen in dit gesprek." in page.text


def test_only_a_supervisor_of_that_team_comes_in(talking: Line) -> None:
    for who in ("otto", "bram"):
        with pytest.raises(NotNow, match="supervise_not_theirs"):
            supervise(talking, Mode.LISTEN, who)
    with pytest.raises(NotNow, match="supervise_own"):
        supervise(talking, Mode.LISTEN, "anna")


def test_a_supervisor_who_is_away_for_callers_may_still_help_but_not_twice_at_once(
    talking: Line, another: Another
) -> None:
    town.change("karin", intent=Intent.AWAY)
    supervise(talking, Mode.JOIN)

    town.everybody_free_again()
    town.talks_elsewhere("karin")
    other = another(from_=factories.BEN).comes_in().talks()
    with pytest.raises(NotNow, match="supervise_busy"):
        supervise(other, Mode.LISTEN)


def test_a_supervisor_takes_a_caller_who_waits_for_somebody_else(
    another: Another, settings: Settings
) -> None:
    call = town.waiting_for_anna(another)
    left = call.attribute("Enqueue", "action")

    with db.transaction() as session:
        supervising.take(session, call.sid, "karin", datetime.now(UTC), Deployment.of(settings))
    call.post(left, QueueResult="leave")

    assert call.rings == "client:karin"
    step = town.steps(call.sid)[-1]
    assert (step.agent, step.reason) == ("karin", "supervisor_takes")
    assert town.pops("karin") == [call.sid]
    assert town.call(call.sid).state == CallState.RINGING


def test_nobody_takes_a_caller_of_another_team_or_while_they_are_busy(
    another: Another, settings: Settings
) -> None:
    call = town.waiting_for_anna(another)
    town.change("karin", intent=Intent.OFF)

    for who, why in (("otto", "supervise_not_theirs"), ("karin", "take_not_free")):
        with db.transaction() as session, pytest.raises(NotNow, match=why):
            supervising.take(session, call.sid, who, datetime.now(UTC), Deployment.of(settings))
    assert town.call(call.sid).waiting_for_agent == "anna"


def test_a_supervisors_desk_says_who_waits_for_whom_and_what_they_were_told(
    another: Another, flask_app: Flask
) -> None:
    town.waiting_for_anna(another)
    karin, otto = flask_app.test_client(), flask_app.test_client()
    office.sign_in(karin, "karin@example.nl")
    office.sign_in(otto, "otto@example.nl")

    page = karin.get("/desk/watch").text

    assert "wacht op Anna Jansen" in page
    assert "Anna is nog in gesprek" in page
    assert "wacht op Anna Jansen" not in otto.get("/desk/watch").text
    assert "watch-waiting-title" in otto.get("/desk").text


def test_whom_we_rang_can_be_listened_to_from_a_supervisors_desk_too(
    call: Line, client: FlaskClient, settings: Settings
) -> None:
    sid = rung_back(call, Deployment.of(settings))
    office.sign_in(client, "karin@example.nl")

    assert f'action="/desk/calls/{sid}/supervise"' in client.get("/desk/watch").text


def test_an_agents_desk_watches_nobody(client: FlaskClient) -> None:
    with db.transaction() as session:
        office.user(session, "anna")
    office.sign_in(client, "anna@example.nl")

    assert client.get("/desk/watch").status_code == 404
    assert "watch-waiting-title" not in client.get("/desk").text


def test_who_listens_shows_once_more_who_they_are(
    talking: Line, client: FlaskClient, flask_app: Flask
) -> None:
    token = office.sign_in(client, "karin@example.nl")
    with db.transaction() as session:
        long_ago = datetime.now(UTC) - timedelta(minutes=20)
        session.execute(update(UserSession).values(proven_at=long_ago))
    address = f"/desk/calls/{talking.sid}/supervise"
    form = {"csrf": token, "mode": "listen"}

    asked = client.post(address, data=form, headers={"X-Requested-With": "fetch"})
    assert asked.status_code == 403
    assert asked.json is not None
    assert asked.json["step_up"] == "/login/again"

    with db.transaction() as session:
        session.execute(update(UserSession).values(proven_at=datetime.now(UTC)))
    page = client.post(address, data=form, headers={"X-Requested-With": "fetch"})
    assert page.status_code == 200
    assert "uw telefoon gaat over" in page.text
    with db.transaction() as session:
        office.user(session, "anna")
    anna = flask_app.test_client()
    office.sign_in(anna, "anna@example.nl")
    assert "Karin Jansen komt zo meeluisteren of helpen." in anna.get(f"/desk?call={talking.sid}").text


# --- with a carrier whose news can't be relied on ---------------------------------------------------------


@pytest.fixture(params=["came in", "placed"])
def exchange(
    request: pytest.FixtureRequest, call: Line, fake: FakeCarrier, carrier: Carrier, settings: Settings
) -> Exchange:
    """Ada and Anna talk: Ada rang us, or Anna rang her back."""
    if request.param == "placed":
        return Exchange(call, fake, carrier, settings, placed=rung_back(call, Deployment.of(settings)))
    call.comes_in()
    made = Exchange(call, fake, carrier, settings)
    for status in ("ringing", "in-progress"):
        call.post(call.attribute("Client", "statusCallback"), CallSid=ANNAS, CallStatus=status)
    return made


def is_heard_by_the_customer(exchange: Exchange, label: str) -> bool:
    who = exchange.room.people.get(label) if exchange.room else None
    return who is not None and not who["muted"] and who.get("call_sid_to_coach", "") == ""


@pytest.mark.parametrize("seed", range(8))
def test_whatever_news_is_lost_no_customer_hears_who_only_listens_or_whispers(
    exchange: Exchange, seed: int
) -> None:
    luck = random.Random(seed)
    exchange.luck = luck
    quiet = (Mode.LISTEN, Mode.WHISPER)
    supervise(exchange, luck.choice(quiet))
    exchange.settle()
    exchange.picks_up()
    label = leg_of(exchange, "karin").label
    for _ in range(4):
        exchange.settle(rounds=1, later=luck.choice((0, 1, 3)))
        assert not is_heard_by_the_customer(exchange, label)
        if town.presence("karin").call_sid == exchange.sid:
            supervise(exchange, luck.choice(quiet))
    supervise(exchange, Mode.LEAVE)
    for _ in range(3):
        exchange.settle(later=20)

    assert exchange.room is not None
    assert sorted(exchange.labels()) == ["leg0", "leg1"]
    assert exchange.labels() == {"leg0": False, "leg1": False}
    assert town.call(exchange.sid).state == CallState.TALKING
    assert town.presence("karin").activity in (Activity.IDLE, Activity.WRAPPING_UP)


def test_who_joins_is_heard_by_all_and_their_leaving_ends_nothing(exchange: Exchange) -> None:
    supervise(exchange, Mode.JOIN)
    exchange.settle()
    exchange.picks_up()
    exchange.settle(later=3)
    assert is_heard_by_the_customer(exchange, leg_of(exchange, "karin").label)

    exchange.hangs_up(exchange.second())
    exchange.settle(later=20)

    assert exchange.labels() == {"leg0": False, "leg1": False}
    assert town.call(exchange.sid).state == CallState.TALKING


def test_when_the_customer_hangs_up_the_supervisor_is_free_too(exchange: Exchange) -> None:
    supervise(exchange, Mode.LISTEN)
    exchange.settle()
    exchange.picks_up()
    exchange.settle(later=3)

    exchange.hangs_up(exchange.customers)
    exchange.settle(later=20)

    assert exchange.room is None
    assert town.call(exchange.sid).outcome == Outcome.TALKED
    assert town.presence("karin").activity in (Activity.IDLE, Activity.WRAPPING_UP)
