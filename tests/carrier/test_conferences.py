"""Do we ask of conferences what we mean, and believe what the carrier has, not what it was told?"""

import pytest

from app.carrier.rest import Carrier, Participant
from app.errors import CarrierError
from tests.rest_carrier import FakeCarrier, FakeRoom

CUSTOMER, ANNA = "CA" + "1" * 32, "CA" + "2" * 32


@pytest.fixture
def room(fake: FakeCarrier) -> FakeRoom:
    room = fake.opens("room-1")
    room.joins("leg0", CUSTOMER)
    room.joins("leg1", ANNA)
    return room


def test_a_conference_is_found_by_our_own_name_while_it_is_open(
    carrier: Carrier, fake: FakeCarrier, room: FakeRoom
) -> None:
    assert carrier.conference_of("room-1") == room.sid
    assert carrier.conference_of("room-2") is None

    carrier.close_conference(room.sid)

    assert carrier.conference_of("room-1") is None
    assert carrier.participants(room.sid) == []


def test_who_is_in_it_is_told_with_how_they_stand(carrier: Carrier, room: FakeRoom) -> None:
    carrier.set_participant(room.sid, "leg0", on_hold=True, hold_url="https://x.example/hold")
    carrier.set_participant(room.sid, "leg1", coaches=CUSTOMER, muted=True)

    assert carrier.participants(room.sid) == [
        Participant(CUSTOMER, "leg0", on_hold=True, muted=False, coaches="", closes_room=False),
        Participant(ANNA, "leg1", on_hold=False, muted=True, coaches=CUSTOMER, closes_room=False),
    ]
    assert room.people["leg0"]["hold_url"] == "https://x.example/hold"


def test_what_the_carrier_ignores_without_a_word_is_seen_when_it_is_read_back(
    carrier: Carrier, room: FakeRoom
) -> None:
    carrier.set_participant(room.sid, "leg1", on_hold=True, hold_url="https://x.example/hold")
    carrier.set_participant(room.sid, "leg1", closes_room=True)

    assert [one.closes_room for one in carrier.participants(room.sid)] == [False, False]

    carrier.set_participant(room.sid, "leg1", on_hold=False)
    carrier.set_participant(room.sid, "leg1", closes_room=True)

    assert [one.closes_room for one in carrier.participants(room.sid)] == [False, True]


def test_who_has_gone_already_is_taken_out_as_well(carrier: Carrier, room: FakeRoom) -> None:
    carrier.remove_participant(room.sid, "leg1")
    carrier.remove_participant(room.sid, "leg1")

    assert [one.label for one in carrier.participants(room.sid)] == ["leg0"]
    with pytest.raises(CarrierError):
        carrier.set_participant(room.sid, "leg1", muted=True)


def test_somebody_is_rung_into_it(carrier: Carrier, room: FakeRoom) -> None:
    rung = carrier.add_participant(
        "room-1", label="leg2", to="client:ben", from_="+31201234500", status_url="u", ring_seconds=20
    )

    assert rung.startswith("CA")
