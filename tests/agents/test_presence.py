"""Who can be rung, and where? What agents say, what proves it, and how one is taken for a ring."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from app import db
from app.agents import presence, presence_view
from app.agents.presence import Endpoint, Reachability
from app.errors import InvalidField
from app.records.agents import Activity, Agent, Intent, Presence, Reach, Softphone
from tests import factories

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
PHONE = "+31201112233"
SID, OTHER = "CA" + "1" * 32, "CA" + "2" * 32
LEASE = timedelta(seconds=45)


def ago(**units: float) -> datetime:
    return NOW - timedelta(**units)


HOUR_AGO, JUST_NOW = ago(hours=1), ago(seconds=4)


@dataclass(frozen=True)
class AtDesk:
    """An agent who said an hour ago that they are available, at a desk that is alive."""

    agent: str = "anna"
    intent: Intent = Intent.AVAILABLE
    intent_since: datetime | None = HOUR_AGO
    reach: Reach = Reach.DESK
    activity: Activity = Activity.IDLE
    lease_until: datetime | None = None
    heartbeat_at: datetime | None = JUST_NOW
    softphone: Softphone = Softphone.READY
    suspect_until: datetime | None = None


BY_DESK, BY_PHONE = Endpoint("client", "anna"), Endpoint("phone", PHONE)
BY_BOTH = Endpoint("both", "anna", PHONE)


@pytest.mark.parametrize(
    ("changed", "phone", "where"),
    [
        ({}, None, BY_DESK),
        ({}, PHONE, BY_DESK),
        ({"heartbeat_at": ago(seconds=15)}, PHONE, BY_DESK),
        ({"heartbeat_at": ago(seconds=16)}, PHONE, BY_PHONE),
        ({"heartbeat_at": ago(seconds=16)}, None, None),
        ({"heartbeat_at": ago(minutes=16)}, PHONE, None),
        ({"heartbeat_at": None}, PHONE, None),
        ({"softphone": Softphone.NONE}, PHONE, BY_PHONE),
        ({"softphone": Softphone.NONE}, None, None),
        ({"suspect_until": NOW + timedelta(seconds=1)}, PHONE, BY_PHONE),
        ({"suspect_until": NOW + timedelta(seconds=1)}, None, None),
        ({"suspect_until": NOW}, PHONE, BY_DESK),
        ({"reach": Reach.PHONE, "heartbeat_at": None}, PHONE, BY_PHONE),
        ({"reach": Reach.PHONE}, None, None),
        ({"reach": Reach.BOTH}, PHONE, BY_BOTH),
        ({"reach": Reach.BOTH}, None, BY_DESK),
        ({"reach": Reach.BOTH, "softphone": Softphone.NONE}, PHONE, BY_PHONE),
        ({"reach": Reach.BOTH, "suspect_until": NOW + timedelta(seconds=1)}, PHONE, BY_PHONE),
        ({"reach": Reach.BOTH, "heartbeat_at": None}, PHONE, BY_PHONE),
    ],
)
def test_a_ring_goes_where_it_is_proved_to_be_heard(
    changed: dict, phone: str | None, where: Endpoint | None
) -> None:
    assert presence.endpoint(AtDesk(**changed), phone, NOW) == where


@pytest.mark.parametrize(
    ("changed", "enabled", "reachable"),
    [
        ({}, True, Reachability.FREE),
        ({}, False, Reachability.LEFT),
        ({"activity": Activity.RESERVED, "lease_until": NOW}, True, Reachability.BUSY),
        ({"activity": Activity.RINGING, "lease_until": NOW}, True, Reachability.BUSY),
        ({"activity": Activity.RINGING, "lease_until": None}, True, Reachability.BUSY),
        ({"activity": Activity.RESERVED, "lease_until": ago(seconds=1)}, True, Reachability.FREE),
        ({"activity": Activity.TALKING}, True, Reachability.BUSY),
        ({"activity": Activity.TALKING, "intent": Intent.OFF}, True, Reachability.BUSY),
        ({"activity": Activity.WRAPPING_UP}, True, Reachability.WRAPPING_UP),
        ({"intent": Intent.BREAK}, True, Reachability.BREAK),
        ({"intent": Intent.AWAY}, True, Reachability.AWAY),
        ({"intent": Intent.OFF}, True, Reachability.OFF),
        ({"intent": Intent.OFF, "heartbeat_at": None}, True, Reachability.OFF),
        ({"heartbeat_at": ago(seconds=20)}, True, Reachability.UNPROVEN),
        ({"softphone": Softphone.BUSY}, True, Reachability.BUSY),
        ({"softphone": Softphone.BUSY, "reach": Reach.BOTH}, True, Reachability.BUSY),
    ],
)
def test_an_agent_can_be_rung_or_the_reason_why_not_is_known(
    changed: dict, enabled: bool, reachable: Reachability
) -> None:
    assert presence.reachability(AtDesk(**changed), enabled=enabled, phone=None, now=NOW) == reachable


# --- reservations -------------------------------------------------------------------------------------


@pytest.fixture
def anna(database: db.Database) -> None:
    with db.transaction() as session:
        factories.agent(session, "anna", now=NOW)


def take(sid: str = SID, fence: int = 1, now: datetime = NOW) -> int | None:
    with db.transaction() as session:
        return presence.reserve(session, "anna", sid, fence, now, LEASE)


def status() -> Presence:
    with db.transaction() as session:
        found = session.get_one(Presence, "anna")
        session.expunge_all()
        return found


def news(kind: str, sid: str = SID, fence: int = 1, *more: object) -> bool:
    with db.transaction() as session:
        return bool(getattr(presence, kind)(session, "anna", sid, fence, NOW, *more))


@pytest.mark.usefixtures("anna")
def test_an_agent_is_taken_for_one_ring_and_the_number_of_their_next_event_is_handed_out() -> None:
    before = status().event_number

    assert take() == before + 1
    assert take(OTHER) is None
    taken = status()
    assert (taken.activity, taken.call_sid, taken.fence) == (Activity.RESERVED, SID, 1)
    assert taken.event_number == before + 1


@pytest.mark.usefixtures("anna")
def test_a_reservation_ends_by_itself_when_its_lease_is_over() -> None:
    take()

    assert take(OTHER, now=NOW + LEASE) is None
    assert take(OTHER, now=NOW + LEASE + timedelta(seconds=1)) is not None
    assert status().call_sid == OTHER


@pytest.mark.usefixtures("anna")
@pytest.mark.parametrize("intent", [Intent.BREAK, Intent.AWAY, Intent.OFF])
def test_nobody_is_taken_who_does_not_want_to_be_rung(intent: Intent) -> None:
    with db.transaction() as session:
        presence.set_intent(session, "anna", intent, NOW)

    assert take() is None


@pytest.mark.usefixtures("anna")
@pytest.mark.parametrize("kind", ["rings", "freed", "did_not_answer", "could_not_be_rung"])
@pytest.mark.parametrize(("sid", "fence"), [(OTHER, 1), (SID, 2)])
def test_news_of_another_ring_neither_frees_nor_moves_the_agent(kind: str, sid: str, fence: int) -> None:
    take()

    assert not news(kind, sid, fence)

    assert (status().activity, status().intent) == (Activity.RESERVED, Intent.AVAILABLE)


@pytest.mark.usefixtures("anna")
def test_news_of_another_conversation_does_not_take_who_is_reserved_and_ends_none() -> None:
    take()
    assert not news("talks", OTHER)
    assert news("talks")
    assert not news("hung_up", OTHER, 1, 30)
    assert not news("hung_up", SID, 2, 30)
    assert status().activity == Activity.TALKING


@pytest.mark.usefixtures("anna")
def test_a_ring_becomes_a_conversation_becomes_wrapping_up_becomes_idle() -> None:
    take()
    assert news("rings")
    assert not news("rings"), "said twice"
    assert status().activity == Activity.RINGING
    assert news("talks")
    assert status().lease_until is None
    assert news("hung_up", SID, 1, 30)
    assert not news("hung_up", SID, 1, 30), "said twice"
    assert status().activity == Activity.WRAPPING_UP
    with db.transaction() as session:
        assert presence.end_overdue_wrap_ups(session, NOW + timedelta(seconds=29)) == []
        assert presence.extend_wrap_up(session, "anna", NOW, seconds=60)
        assert presence.end_overdue_wrap_ups(session, NOW + timedelta(seconds=31)) == []
        assert presence.end_overdue_wrap_ups(session, NOW + timedelta(seconds=60)) == ["anna"]
    assert (status().activity, status().call_sid) == (Activity.IDLE, None)


@pytest.mark.usefixtures("anna")
def test_rules_without_wrapping_up_free_the_agent_at_once() -> None:
    take()
    news("talks")

    assert news("hung_up", SID, 1, 0)

    assert (status().activity, status().call_sid) == (Activity.IDLE, None)


@pytest.mark.usefixtures("anna")
def test_whoever_does_not_pick_up_is_away_and_says_when_they_are_back() -> None:
    take()

    assert news("did_not_answer")

    away = status()
    assert (away.activity, away.intent, away.intent_why) == (Activity.IDLE, Intent.AWAY, "unanswered_ring")
    with db.transaction() as session:
        presence.set_intent(session, "anna", Intent.AVAILABLE, NOW)
    assert take() is not None


@pytest.mark.usefixtures("anna")
def test_a_desk_that_could_not_be_rung_is_not_believed_until_it_has_rung_again() -> None:
    take()
    assert news("could_not_be_rung")
    assert status().intent == Intent.AVAILABLE
    assert status().suspect_until == NOW + presence.SUSPECT_FOR

    take(fence=2)
    assert news("rings", SID, 2)

    assert status().suspect_until is None


@pytest.mark.usefixtures("anna")
def test_a_call_goes_on_when_its_agent_wants_a_break() -> None:
    take()
    news("talks")

    with db.transaction() as session:
        presence.set_intent(session, "anna", Intent.BREAK, NOW, back_at=NOW + timedelta(minutes=15))

    assert (status().activity, status().intent) == (Activity.TALKING, Intent.BREAK)


@pytest.mark.usefixtures("anna")
def test_nobody_can_be_rung_on_a_phone_that_nobody_knows() -> None:
    with (
        pytest.raises(InvalidField, match="reach: this agent has no phone number"),
        db.transaction() as session,
    ):
        presence.set_intent(session, "anna", Intent.AVAILABLE, NOW, reach=Reach.PHONE)

    with db.transaction() as session:
        session.get_one(Agent, "anna").phone = PHONE
        session.flush()
        presence.set_intent(session, "anna", Intent.AVAILABLE, NOW, reach=Reach.PHONE)
        seen = presence.view(session, "anna", NOW)
    assert seen is not None
    assert (seen.reachable, seen.rings_at) == (True, "phone")


@pytest.mark.usefixtures("anna")
def test_a_desk_that_fell_silent_shows_its_agent_away_and_why() -> None:
    later = NOW + timedelta(minutes=1)

    with db.transaction() as session:
        seen = presence.view(session, "anna", later)
        assert seen is not None
        assert (seen.state, seen.why, seen.reachable) == ("away", "desk_silent", False)

        presence.beat(session, "anna", visible=True, softphone=Softphone.READY, now=later)
        seen = presence.view(session, "anna", later)
    assert seen is not None
    assert (seen.state, seen.reachable, seen.rings_at) == ("available", True, "client")


def beats(desk: str, softphone: Softphone, at: datetime) -> presence_view.PresenceView:
    with db.transaction() as session:
        presence.beat(session, "anna", visible=False, softphone=softphone, now=at, desk=desk)
    with db.transaction() as session:
        seen = presence.view(session, "anna", at)
    assert seen is not None
    return seen


def told() -> int:
    with db.transaction() as session:
        return session.get_one(Presence, "anna").event_number


def test_of_two_desks_the_one_that_can_ring_counts_and_nothing_is_told_again_and_again(anna: None) -> None:
    beats("laptop", Softphone.READY, NOW)
    before = told()

    for second in range(0, 20, 5):
        at = NOW + timedelta(seconds=second)
        assert beats("front office", Softphone.NONE, at).rings_at == "client"
        assert beats("laptop", Softphone.READY, at + timedelta(seconds=2)).rings_at == "client"

    assert told() == before


def test_who_talks_at_one_desk_is_rung_at_none(anna: None) -> None:
    beats("laptop", Softphone.READY, NOW)
    assert beats("front office", Softphone.BUSY, NOW).reachable is False
    assert beats("front office", Softphone.READY, NOW).reachable is True


def test_a_desk_that_loses_its_microphone_says_so_at_once_and_one_that_falls_silent_counts_no_more(
    anna: None,
) -> None:
    beats("laptop", Softphone.READY, NOW)
    beats("front office", Softphone.NONE, NOW)
    assert beats("laptop", Softphone.NONE, NOW).rings_at is None

    beats("laptop", Softphone.READY, NOW)
    later = NOW + timedelta(seconds=20)
    assert beats("front office", Softphone.NONE, later).rings_at is None


@pytest.mark.usefixtures("anna")
def test_somebody_who_is_not_an_agent_has_no_presence() -> None:
    with db.transaction() as session:
        assert presence.view(session, "nobody", NOW) is None
        presence.beat(session, "nobody", visible=True, softphone=Softphone.READY, now=NOW)
        assert presence.reserve(session, "nobody", SID, 1, NOW, LEASE) is None


def test_a_living_desk_without_a_telephone_is_away_and_says_why(anna: None) -> None:
    with db.transaction() as session:
        presence.beat(session, "anna", visible=True, softphone=Softphone.NONE, now=NOW)
        seen = presence.view(session, "anna", NOW)
    assert seen is not None
    assert (seen.state, seen.why, seen.rings_at) == ("away", "no_telephone", None)
