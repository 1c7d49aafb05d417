"""Does a message say who writes it, in letters of which an SMS holds most?"""

from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

import config
from app.catalogue import LANGUAGES, text, times
from app.deployment import Deployment
from app.messages import letters, messages
from app.promises import links

OURS = "Gemeente Waterrijk"
BY_ITSELF = [
    *("say.promise_message", "say.promise_message_by_agent"),
    *("message.wished", "message.withdrawn", "message.wanted_again", "message.soon"),
    *("promise.message_again", "promise.message_not_reached", "promise.message_moved"),
]


@pytest.mark.parametrize(
    ("body", "organisation", "leaves_as"),
    [
        ("Anna belt u terug.", OURS, "Gemeente Waterrijk: Anna belt u terug."),
        ("gemeente waterrijk hier, met Anna.", OURS, "gemeente waterrijk hier, met Anna."),
        ("Anna belt u terug.", "", "Anna belt u terug."),
    ],
)
def test_a_message_begins_with_who_writes_it_once_and_never_with_nobody(
    body: str, organisation: str, leaves_as: str
) -> None:
    assert letters.from_us(body, organisation) == leaves_as


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", BY_ITSELF)
def test_what_we_write_by_ourselves_needs_no_letter_that_makes_it_cost_double(
    code: str, language: str
) -> None:
    now = datetime(2026, 11, 27, 10, tzinfo=UTC)
    time = times.spoken(datetime(2026, 11, 30, 8, 30, tzinfo=UTC), now, ZoneInfo("UTC"), language, "before")

    body = letters.for_sms(text(code, language, **{"agent": "Anna", "time": time, "from": time}))

    assert set(body) <= letters.GSM_7


def test_the_usual_message_fits_in_one_sms_with_its_link() -> None:
    now = datetime(2026, 11, 27, 10, tzinfo=UTC)
    time = times.spoken(datetime(2026, 11, 30, 8, 30, tzinfo=UTC), now, ZoneInfo("UTC"), "nl", "before")
    body = letters.from_us(text("say.promise_message_by_agent", "nl", agent="Daan", time=time), OURS)
    whole = f"{letters.for_sms(body)}\n{links.to_promise('https://bellen.waterrijk.nl', 'key', 12345)}"

    assert whole.startswith("Gemeente Waterrijk: Daan belt u maandagochtend voor half negen terug. ")
    assert len(whole) <= 160


def test_a_name_keeps_its_letters() -> None:
    assert letters.for_sms("Zoë Ramón belt u “vóór” vijven…") == 'Zoë Ramón belt u "voor" vijven...'


def test_an_agents_longest_message_leaves_room_for_who_writes_it(settings: config.Settings) -> None:
    longest = "x" * messages.LONGEST
    name = "y" * config.LONGEST_ORGANISATION

    assert len(letters.from_us(longest, name)) == messages.CARRIER_TAKES
    assert Deployment.of(replace(settings, organisation=name)).organisation == name


@pytest.mark.parametrize("name", ["Gemeente " * 5, "Gemeente\x07Waterrijk"])
def test_a_name_that_can_not_stand_before_a_message_stops_the_start(name: str) -> None:
    with pytest.raises(config.ConfigurationError, match="ORGANISATION: stands before each message"):
        config.load({"ENV": "test", "ORGANISATION": name})
