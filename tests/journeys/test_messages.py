"""Can people write to us and we to them? Whole messages through the carrier's own eyes."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select

from app.messages import agreements, messages
from app.records.lines import Line
from app.records.messages import Message, MessageStop
from app.records.promises import PromiseEvent
from tests import factories
from tests.factories import ADA, LINE, noon_zone
from tests.journeys.conftest import Town

HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def midday(town: Town) -> None:
    """Let it be about noon where the line is, which is always open."""
    with town.written() as session:
        line = session.get_one(Line, LINE)
        line.hours, line.timezone = "24/7", noon_zone(datetime.now(UTC))


def owe(town: Town) -> int:
    now = datetime.now(UTC)
    with town.written() as session:
        return factories.promise(session, customer="ada", case="Z1", due_at=now + 4 * HOUR, now=now).id


def move(town: Town, promise: int, hours: int) -> None:
    """An agent agrees on another time, which is told to the customer."""
    now = datetime.now(UTC)
    with town.written() as session:
        agreements.agree_on(session, promise, now + hours * HOUR, "anna", now)


def ours(town: Town) -> list[Message]:
    with town.written() as session:
        wanted = select(Message).where(Message.direction == "outbound").order_by(Message.at)
        found = list(session.scalars(wanted))
        session.expunge_all()
        return found


def test_an_answer_moves_the_callback_and_the_confirmation_arrives_the_same_way(town: Town) -> None:
    owe(town)

    town.phonebox.write(f"whatsapp:{ADA}", f"whatsapp:{LINE}", "Bel mij maar na vijven")

    confirmed = town.phonebox.wait_for_message(f"whatsapp:{ADA}", "niet eerder dan vanmiddag om vijf uur")
    assert confirmed["from"] == f"whatsapp:{LINE}"
    assert "/c/" in confirmed["body"]  # the link to their own page
    town.until(lambda: ours(town)[0].status == "delivered", "the carrier told that it arrived")
    assert ours(town)[0].carrier_sid == confirmed["sid"]
    assert ours(town)[0].channel == messages.MessageChannel.WHATSAPP


def test_a_message_that_is_lost_or_refused_is_told_at_the_promise(town: Town) -> None:
    promise = owe(town)
    town.phonebox.undeliverable(ADA, code=30003)
    move(town, promise, 5)
    town.until(lambda: [one.error for one in ours(town)] == [30003], "the carrier told why")

    # They say stop, and we never hear of it: the carrier refuses what we send then.
    town.phonebox.fault("/messages/incoming", "drop")
    town.phonebox.write(ADA, LINE, "STOP")
    move(town, promise, 6)
    town.until(lambda: [one.error for one in ours(town)] == [30003, 21610], "the carrier refused")

    with town.written() as session:
        assert session.get_one(MessageStop, ADA).how == "carrier"
        told = select(PromiseEvent.details).where(PromiseEvent.why == "promise_not_told")
        assert [details["error"] for details in session.scalars(told)] == ["30003", "21610"]
    move(town, promise, 7)
    assert len(ours(town)) == 2  # no more from now on
    assert town.told("anna", "message")[0]["status"] == "undelivered"
