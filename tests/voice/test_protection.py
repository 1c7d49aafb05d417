"""Is an agent protected from a caller who abuses them, and does everybody else go on serving that caller?"""

from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app import db
from app.agents import protection as protections
from app.agents.presence import Reachability
from app.audit.log import Actor
from app.carrier.rest import Carrier
from app.deployment import Deployment
from app.errors import NotNow
from app.forgetting import erasure
from app.jobs import protecting as carried
from app.jobs import sweep
from app.outgoing import outbox
from app.records.agents import Intent, Role
from app.records.audit import Via
from app.records.calls import Call, CallState
from app.records.legs import CallLeg, CallRoom, HandOverKind
from app.records.protections import Protection, Review
from app.routing import kept, reading
from app.routing.decision import Ring, decide
from app.voice import handing_over, protecting
from app.voice.handing_over import Wish
from app.voice.protecting import Press
from config import Settings
from tests import factories, town
from tests.desk import office
from tests.exchange import ADAS, rung_back
from tests.factories import ADA, BEN, LINE
from tests.rest_carrier import FakeCarrier
from tests.telephone import Another, Line

ANNA = Actor("anna@example.nl", Via.PAGE)


@pytest.fixture(autouse=True)
def _settled(flask_app: Flask) -> None:
    town.settle()


@pytest.fixture
def abusive(another: Another) -> Line:
    """Ada talks with Anna, and shouts."""
    call = another().comes_in().talks()
    assert town.call(call.sid).bridged_to == "anna"
    return call


def press(call: Line, step: Press, now: datetime | None = None) -> None:
    with db.transaction() as session:
        protecting.press(session, call.sid, "anna", step, now or datetime.now(UTC), ANNA)


def kinds() -> list[str]:
    return [row.kind for row in town.outbox()]


def test_one_press_warns_and_no_more_however_often_it_is_pressed(abusive: Line, another: Another) -> None:
    press(abusive, Press.WARN)
    press(abusive, Press.WARN)

    assert kinds().count(outbox.SAY_WARNING) == 1
    assert town.presence("anna").intent == Intent.AVAILABLE
    abusive.post(f"/voice/calls/{abusive.sid}/1/warning", context="room")
    assert "uitgescholden of bedreigd" in abusive.said
    assert abusive.verbs == ["Say"]


def test_a_second_press_ends_it_politely_and_the_two_are_not_connected_again(
    abusive: Line, another: Another
) -> None:
    with db.transaction() as session:
        factories.promise(session, now=datetime.now(UTC), due_at=datetime.now(UTC) + timedelta(hours=2))
    press(abusive, Press.WARN)
    press(abusive, Press.END)
    press(abusive, Press.END)

    assert kinds().count(outbox.END_POLITELY) == 1
    assert [(one.agent, one.team) for one in town.promises()] == [(None, "Burgerzaken")]
    # As the carrier does: the action of what was broken off first, then the document.
    abusive.dial_ends("completed", DialBridged="true")
    abusive.post(f"/voice/calls/{abusive.sid}/1/goodbye")
    assert abusive.verbs == ["Say", "Hangup"]
    assert "een andere collega" in abusive.said
    abusive.hangs_up()
    assert town.call(abusive.sid).state == CallState.ENDED

    town.everybody_free_again()
    assert another().comes_in().rings == "client:bram"
    # Whoever else rings reaches Anna as before.
    assert another(from_=BEN).comes_in().rings == "client:anna"


def test_the_agent_has_a_pause_that_ends_by_itself(abusive: Line) -> None:
    press(abusive, Press.END)
    now = datetime.now(UTC)

    anna = town.presence("anna")
    assert (anna.intent, anna.back_at is not None) == (Intent.BREAK, True)
    assert sweep.end_pauses(now + timedelta(minutes=9)) == []
    assert sweep.end_pauses(now + timedelta(minutes=11)) == ["anna"]
    assert town.presence("anna").intent == Intent.AVAILABLE


def test_who_was_shouted_at_may_say_so_after_the_caller_hung_up(abusive: Line) -> None:
    abusive.dial_ends("completed", DialBridged="true")
    abusive.hangs_up()

    with pytest.raises(NotNow):
        press(abusive, Press.WARN)
    press(abusive, Press.END)

    assert outbox.END_POLITELY not in kinds()
    with pytest.raises(NotNow):
        press(abusive, Press.END, datetime.now(UTC) + timedelta(hours=1))


def test_nobody_else_protects_an_agent(abusive: Line) -> None:
    with db.transaction() as session, pytest.raises(NotNow):
        protecting.press(session, abusive.sid, "bram", Press.WARN, datetime.now(UTC), ANNA)


def test_nobody_hands_that_caller_over_to_whom_they_abused(
    abusive: Line, another: Another, settings: Settings
) -> None:
    press(abusive, Press.END)
    town.everybody_free_again()
    call = another().comes_in().talks()
    wish, now, deployment = Wish("anna", HandOverKind.WARM), datetime.now(UTC), Deployment.of(settings)

    with db.transaction() as session:
        ours = session.get_one(Call, call.sid)
        with pytest.raises(NotNow, match="colleague_apart"):
            handing_over.begin(session, ours, "bram", wish, now, deployment)


def test_a_caller_is_served_even_by_nobody_but_whom_they_abused(abusive: Line, another: Another) -> None:
    press(abusive, Press.END)
    town.everybody_free_again()
    for key in ("bram", "carla"):
        town.change(key, intent=Intent.OFF)

    call = another().comes_in()

    assert call.rings is None
    assert "terug" in call.said
    assert "Anna" not in call.said


def test_what_was_decided_can_be_decided_once_more_from_what_is_kept(
    abusive: Line, settings: Settings
) -> None:
    press(abusive, Press.END)
    town.everybody_free_again()
    with db.reading() as session:
        now = datetime.now(UTC)
        facts = reading.read(session, "CA9", LINE, ADA, now, Deployment.of(settings).defaults)
        known = facts.situation(now, can_be_rung_back=True)

    stored = kept.situation_as_json(known)
    again = kept.situation_of(stored, known.resolved)

    assert (known.agents["anna"].reachability, known.agents["anna"].is_apart) == (Reachability.LEFT, True)
    assert again.agents["anna"].is_apart
    first, repeated = decide(known).first, decide(again).first
    assert isinstance(first, Ring)
    assert isinstance(repeated, Ring)
    assert (first.agent, repeated.agent) == ("bram", "bram")


def test_no_opinion_is_asked_of_that_caller_until_it_was_lifted(abusive: Line, another: Another) -> None:
    quiet, later = another(from_=BEN).comes_in(), another().comes_in()
    press(abusive, Press.WARN)

    def spared(call: Line) -> bool:
        with db.reading() as session:
            return protections.spares_opinion(session, session.get_one(Call, call.sid))

    assert (spared(abusive), spared(later), spared(quiet)) == (True, True, False)
    with db.transaction() as session:
        row = protections.of_call(session, abusive.sid, "anna")
        assert row is not None
        row.review = Review.LIFTED
    assert not spared(abusive)


def test_who_is_forgotten_is_kept_apart_from_nobody(abusive: Line, another: Another) -> None:
    press(abusive, Press.END)
    town.everybody_free_again()

    with db.transaction() as session:
        erasure.erase_number(session, ADA, "anna@example.nl", datetime.now(UTC))
        row = session.get_one(Protection, 1, populate_existing=True)
        assert (row.number, row.customer, row.keeps_apart) == (None, "ada", True)
        erasure.erase_customer(session, "ada", "anna@example.nl", datetime.now(UTC))
    with db.reading() as session:
        row = session.get_one(Protection, 1)
        assert (row.number, row.customer, row.keeps_apart) == (None, None, False)


def test_the_warning_waits_for_the_room_and_is_for_the_caller_alone(
    abusive: Line, carrier: Carrier, fake: FakeCarrier, settings: Settings
) -> None:
    press(abusive, Press.WARN)
    now = datetime.now(UTC)
    with db.transaction() as session:
        session.get_one(CallLeg, (abusive.sid, 0)).joined_at = now
    conference = fake.opens("room")
    conference.joins("leg0", abusive.sid)
    with db.transaction() as session:
        session.get_one(CallRoom, abusive.sid).conference_sid = conference.sid

    assert carried.warn(carrier, settings.public_url, abusive.sid) == "warned"
    assert conference.announced == [("leg0", f"{settings.public_url}/voice/calls/{abusive.sid}/1/warning")]


def test_whom_we_rang_is_warned_and_hears_goodbye_as_who_rang_us(
    call: Line, carrier: Carrier, fake: FakeCarrier, settings: Settings
) -> None:
    sid = rung_back(call, Deployment.of(settings))
    with db.transaction() as session:
        protecting.press(session, sid, "anna", Press.WARN, datetime.now(UTC), ANNA)
    conference = fake.opens("room")
    conference.joins("leg0", ADAS)
    with db.transaction() as session:
        session.get_one(CallLeg, (sid, 0)).joined_at = datetime.now(UTC)
        session.get_one(CallRoom, sid).conference_sid = conference.sid

    assert carried.warn(carrier, settings.public_url, sid) == "warned"
    [(label, warning)] = conference.announced
    call.post(warning)
    assert (label, "dan stopt dit gesprek" in call.said) == ("leg0", True)

    assert carried.end_politely(carrier, settings.public_url, sid) == "said goodbye"
    [(side, goodbye)] = fake.redirects
    call.post(goodbye)
    assert (side, call.verbs) == (ADAS, ["Say", "Hangup"])


@pytest.fixture
def supervisor(client: FlaskClient) -> FlaskClient:
    with db.transaction() as session:
        factories.agent(session, "karin")
        email = office.user(session, "karin", Role.SUPERVISOR)
    office.sign_in(client, email)
    return client


def test_a_supervisor_lifts_it_with_a_reason_and_the_two_may_talk_again(
    abusive: Line, supervisor: FlaskClient, another: Another
) -> None:
    press(abusive, Press.END)
    page = supervisor.get("/admin/protections")
    token = office.token_in(page.text)
    assert "Anna Jansen" in page.text
    assert "Nog te beoordelen" in page.text

    no_reason = supervisor.post("/admin/protections/1", data={"csrf": token, "verdict": "lifted", "why": " "})
    assert no_reason.status_code == 422
    assert "Schrijf op waarom" in no_reason.text
    form = {"csrf": token, "verdict": "lifted", "why": "Het ging over iets anders."}
    assert supervisor.post("/admin/protections/1", data=form).status_code == 303

    assert "Het ging over iets anders." in supervisor.get("/admin/protections").text
    town.everybody_free_again()
    assert another().comes_in().rings == "client:anna"


def test_another_teams_supervisor_sees_nothing_of_it(abusive: Line, client: FlaskClient) -> None:
    press(abusive, Press.END)
    with db.transaction() as session:
        factories.agent(session, "otto", team="Belastingen")
        email = office.user(session, "otto", Role.SUPERVISOR)
        factories.agent(session, "karin")
        office.user(session, "karin", Role.SUPERVISOR)
    token = office.sign_in(client, email)

    assert "Anna Jansen" not in client.get("/admin/protections").text
    form = {"csrf": token, "verdict": "lifted", "why": "zomaar"}
    assert client.post("/admin/protections/1", data=form).status_code == 404


def test_the_agent_presses_at_their_desk(abusive: Line, client: FlaskClient) -> None:
    with db.transaction() as session:
        email = office.user(session, "anna")
    office.sign_in(client, email)
    page = client.get(f"/desk?call={abusive.sid}")
    assert "Waarschuw de klant" in page.text

    form = {"csrf": office.token_in(page.text), "step": "warn"}
    client.post(f"/desk/calls/{abusive.sid}/protect", data=form)
    page = client.get(f"/desk?call={abusive.sid}")
    assert "Beëindig dit gesprek netjes" in page.text
    client.post(f"/desk/calls/{abusive.sid}/protect", data=form | {"step": "end"})

    assert "U spreekt deze klant niet meer" in client.get(f"/desk?call={abusive.sid}").text
