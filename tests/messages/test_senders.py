"""What if our line can't send texts? Another number does it, or the operator hears of it once."""

import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import select

import config
from app import db
from app.carrier.rest import Carrier
from app.clock import utcnow
from app.deployment import Deployment
from app.jobs import deliver
from app.messages import messages, senders
from app.outgoing import outbox
from app.records.agents import Agent, DeskEvent
from app.records.messages import Message, TextRefusal
from app.records.promises import Promise, PromiseEvent
from config import ConfigurationError, Settings
from tests import factories, town
from tests.factories import ADA, BEN, LINE
from tests.parts import test_settings as values_for_tests
from tests.rest_carrier import FakeCarrier

MOBILE_LINE, OTHER_TEAMS = "+31651234567", "+31201234999"
SET_SENDER = "+31657654321"
STRANGERS = ["+31611110001", "+31622220002", "+31633330003", "+31644440004"]


@pytest.fixture(autouse=True)
def settled(flask_app: Flask, settings: Settings) -> Iterator[None]:
    town.settle()
    yield
    senders.bind(settings.text_sender)


@pytest.fixture
def tell(carrier: Carrier, settings: Settings) -> Callable[[str], Message]:
    """Write to somebody about a promise, and let it leave."""

    def told(number: str = ADA) -> Message:
        now = utcnow()
        with db.transaction() as session:
            promise = session.scalar(select(Promise).where(Promise.number == number))
            promise = promise or factories.promise(
                session, number=number, now=now, due_at=now + timedelta(hours=2)
            )
            messages.inform(session, promise, "Wij bellen u terug.", f"told/{number}/{now}", now)
        deliver.deliver_due(carrier, Deployment.of(settings), outbox.SEND_MESSAGE, utcnow())
        with db.transaction() as session:
            newest = select(Message).where(Message.number == number).order_by(Message.at.desc()).limit(1)
            message = session.scalars(newest).one()
            session.expunge_all()
            return message

    return told


def lines(*numbers: str, team: str = "Burgerzaken") -> None:
    with db.transaction() as session:
        for number in numbers:
            factories.line(session, number, team=team)


@pytest.mark.parametrize("code", sorted(senders.CANT_SEND))
def test_another_line_of_the_team_sends_for_one_that_cannot_and_is_asked_first_from_then_on(
    tell: Callable[..., Message], fake: FakeCarrier, flask_command: Callable[..., Result], code: int
) -> None:
    lines(OTHER_TEAMS, team="Balie")
    lines(MOBILE_LINE)
    fake.silent = {LINE: code}
    assert tell(ADA).status == "queued"
    assert tell(BEN).status == "queued"
    assert fake.sent_from == [MOBILE_LINE, MOBILE_LINE]
    assert "ok    texts: another number sends for +31…00" in flask_command("doctor", "--offline").output


def test_the_number_that_is_set_comes_before_other_lines(
    tell: Callable[..., Message], fake: FakeCarrier
) -> None:
    lines(MOBILE_LINE)
    senders.bind(SET_SENDER)
    fake.silent = {LINE: 21606}
    assert tell().status == "queued"
    assert fake.sent_from == [SET_SENDER]


def test_where_nothing_can_send_the_operator_is_told_once_and_no_desk(
    tell: Callable[..., Message],
    fake: FakeCarrier,
    flask_command: Callable[..., Result],
    caplog: pytest.LogCaptureFixture,
) -> None:
    fake.silent = {LINE: 21606}
    with caplog.at_level(logging.ERROR, senders.log.name):
        told = [tell(number) for number in STRANGERS]
    assert {(message.status, message.error) for message in told} == {("failed", 21606)}
    assert all(message.handled_at is not None for message in told), "no desk has anything to see to"
    assert len([record for record in caplog.records if record.name == senders.log.name]) == 1
    assert STRANGERS[0] not in caplog.text
    assert LINE not in caplog.text
    with db.reading() as session:
        told_desks = session.scalars(select(DeskEvent.kind).where(DeskEvent.kind == "message")).all()
        assert told_desks == []
        story = select(PromiseEvent.why).where(PromiseEvent.why == "promise_not_told")
        assert len(session.scalars(story).all()) == len(STRANGERS), (
            "the promise tells that nothing was written"
        )
    doctor = flask_command("doctor", "--offline").output
    [line] = [line for line in doctor.splitlines() if "texts" in line]
    assert line.startswith("SICK  texts: no number of ours can send texts (error 21606)")
    assert "TEXT_SENDER" in line


def test_whoever_wrote_by_hand_is_told_that_it_did_not_leave(
    carrier: Carrier, settings: Settings, fake: FakeCarrier
) -> None:
    fake.silent = {LINE: 21606}
    now = utcnow()
    with db.transaction() as session:
        promise = factories.promise(session, now=now, due_at=now + timedelta(hours=2))
        messages.answer(session, promise, "Ik bel u zo.", session.get_one(Agent, "anna"), now)
    deliver.deliver_due(carrier, Deployment.of(settings), outbox.SEND_MESSAGE, utcnow())
    with db.reading() as session:
        written = session.scalars(select(Message)).one()
        assert (written.status, written.handled_at) == ("failed", None)


def test_what_was_mended_is_found_out_after_a_day_and_forgotten(
    tell: Callable[..., Message], fake: FakeCarrier
) -> None:
    lines(MOBILE_LINE)
    fake.silent = {LINE: 21606}
    tell()
    fake.silent = {}
    tell(BEN)
    assert fake.sent_from == [MOBILE_LINE, MOBILE_LINE], "it isn't tried for each message"
    with db.transaction() as session:
        session.scalars(select(TextRefusal)).one().at -= senders.REMEMBERED_FOR
    tell(STRANGERS[0])
    assert fake.sent_from[-1] == LINE
    with db.reading() as session:
        assert session.scalars(select(TextRefusal)).all() == []


def test_two_numbers_that_do_not_reach_each_other_cost_the_sender_nothing_with_others(
    tell: Callable[..., Message], fake: FakeCarrier
) -> None:
    lines(MOBILE_LINE)
    fake.silent = {LINE: senders.NOT_BETWEEN}
    tell()
    fake.silent = {}
    tell(BEN)
    assert fake.sent_from == [MOBILE_LINE, LINE]


def test_a_country_that_the_account_may_not_write_to_is_the_operators_matter(
    tell: Callable[..., Message], fake: FakeCarrier, flask_command: Callable[..., Result]
) -> None:
    lines(MOBILE_LINE)
    fake.silent = {LINE: senders.COUNTRY_NOT_ALLOWED}
    message = tell("+37250004567")
    assert (message.status, message.error) == ("failed", 21408)
    assert message.handled_at is not None
    assert fake.sent_from == [], "it is refused whoever sends it"
    doctor = flask_command("doctor", "--offline").output
    assert "SICK  texts: the account may not write to +372 (error 21408)" in doctor


@pytest.mark.parametrize("said", ["GEMEENTE", "0612", "MG0123"])
def test_a_sender_that_nobody_could_answer_stops_the_start(tmp_path: Path, said: str) -> None:
    values = values_for_tests("sqlite:///x.db", "redis://127.0.0.1:1/0", tmp_path)
    with pytest.raises(ConfigurationError, match=f"TEXT_SENDER: “{said}”"):
        config.load(values | {"TEXT_SENDER": said})
    assert config.load(values | {"TEXT_SENDER": "06 57654321"}).text_sender == SET_SENDER
