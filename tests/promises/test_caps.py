"""Are strangers rung and written to without end because somebody calls in their name? Is anything lost?"""

import logging
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest
from click.testing import Result
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from sqlalchemy.orm import Session

import config
from app import db
from app.callbacks import due
from app.carrier import delivery
from app.carrier.rest import Carrier
from app.clock import utcnow
from app.deployment import Deployment
from app.jobs import deliver
from app.messages import messages
from app.outgoing import outbox
from app.promises import caps, ledger
from app.records.agents import Agent, Intent
from app.records.lines import Line
from app.records.messages import Message
from app.records.promises import Promise, PromiseAttempt, PromiseEvent
from config import Caps, Settings
from tests import factories, town
from tests.factories import ADA, BEN, LINE, noon_zone
from tests.telephone import Another

ESTONIANS = [f"+372{place}4567" for place in range(5000, 5080)]
NEIGHBOURS = [f"+32475123{place:03d}" for place in range(20)]


@pytest.fixture(autouse=True)
def settled(flask_app: Flask, settings: Settings) -> Iterator[None]:
    """The town at noon; what is set for a test holds for that test."""
    town.settle()
    with db.transaction() as session:
        session.get_one(Line, LINE).timezone = noon_zone(utcnow())
    yield
    caps.bind(settings.caps, settings.default_country)


def owe(session: Session, number: str, now: datetime, **more: object) -> Promise:
    """Somebody called from this number, and is to be rung."""
    origin = f"call:{number}"
    values = {"origin": origin, "number": number, "due_at": now + timedelta(minutes=5)} | more
    return factories.promise(session, now=now - timedelta(hours=2), **values)


def tell(numbers: list[str], carrier: Carrier, settings: Settings, **more: object) -> None:
    """Confirm a promise to each of these, who wrote to us, and let the messages leave."""
    now = utcnow()
    with db.transaction() as session:
        for number in numbers:
            promise = owe(session, number, now, **({"origin": f"message:{number}"} | more))
            messages.inform(session, promise, "Wij bellen u terug.", f"told/{number}", now)
    for _ in numbers:
        deliver.deliver_due(carrier, Deployment.of(settings), outbox.SEND_MESSAGE, utcnow())


def fates() -> list[tuple[str, int | None]]:
    with db.reading() as session:
        rows = session.execute(select(Message.status, Message.error).order_by(Message.at, Message.number))
        return [(status, error) for status, error in rows]


def test_texts_to_one_country_ring_an_alarm_and_then_are_held_back_and_the_promises_stay(
    carrier: Carrier,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
    client: FlaskClient,
    flask_command: Callable[..., Result],
) -> None:
    caps.bind(Caps(texts_country=6), "NL")
    with caplog.at_level(logging.WARNING, caps.log.name):
        tell(ESTONIANS[:2], carrier, settings)
        assert caplog.messages == []
        assert "ok    caps" in flask_command("doctor", "--offline").output
        tell(ESTONIANS[2:4], carrier, settings)
    assert set(caplog.messages) == {"a cap is near"}, "before anything is held back"
    assert [one for record in caplog.records if (one := vars(record))["where"] != "+372"] == []
    assert fates() == [("queued", None)] * 4
    told = flask_command("doctor", "--offline").output
    assert "SICK  caps: within the hour 4 texts of at most 6 to +372" in told
    assert 'rechtdoor_cap_share{scope="country",what="texts"} 0.66' in client.get("/metrics").text

    tell(ESTONIANS[4:20], carrier, settings)

    assert sorted(fates()) == [("failed", delivery.HELD_BACK)] * 14 + [("queued", None)] * 6
    promises = town.promises()
    assert len(promises) == 20
    assert all(promise.next_at is not None for promise in promises), "each is rung all the same"
    with db.reading() as session:
        held = session.scalars(select(Message).where(Message.error == delivery.HELD_BACK)).all()
        assert all(message.handled_at is None for message in held), "a human sees to it"
        told_of = select(PromiseEvent.promise).where(PromiseEvent.why == "promise_not_told")
        assert len(session.scalars(told_of).all()) == 14


def test_one_block_of_numbers_is_held_back_before_its_country_is(
    carrier: Carrier, settings: Settings
) -> None:
    caps.bind(Caps(texts_prefix=5), "NL")
    tell(NEIGHBOURS, carrier, settings)
    assert sorted(fates()) == [("failed", delivery.HELD_BACK)] * 15 + [("queued", None)] * 5


def test_a_block_at_home_is_a_neighbourhood_and_holds_ten_times_as_many(
    carrier: Carrier, settings: Settings
) -> None:
    caps.bind(Caps(texts_prefix=1), "BE")
    tell(NEIGHBOURS, carrier, settings)
    assert sorted(fates()) == [("failed", delivery.HELD_BACK)] * 10 + [("queued", None)] * 10


def test_all_together_have_a_cap_and_customers_no_other(carrier: Carrier, settings: Settings) -> None:
    caps.bind(Caps(texts=12, texts_prefix=2, texts_country=2), "NL")
    tell(NEIGHBOURS[:10], carrier, settings, customer="ada")
    assert fates() == [("queued", None)] * 10
    tell(ESTONIANS[:10], carrier, settings, customer="ben")
    assert sorted(fates()) == [("failed", delivery.HELD_BACK)] * 8 + [("queued", None)] * 12


def test_whoever_was_written_to_already_is_told_the_rest(carrier: Carrier, settings: Settings) -> None:
    caps.bind(Caps(texts_country=1), "NL")
    tell(ESTONIANS[:2], carrier, settings)
    now = utcnow()
    with db.transaction() as session:
        promise = session.scalars(select(Promise).where(Promise.number == ESTONIANS[0])).one()
        messages.inform(session, promise, "Het wordt later.", "again", now)
    deliver.deliver_due(carrier, Deployment.of(settings), outbox.SEND_MESSAGE, utcnow())
    with db.reading() as session:
        sent = select(Message.number).where(Message.status == "queued").order_by(Message.at)
        assert session.scalars(sent).all() == [ESTONIANS[0]] * 2


def test_an_agents_own_words_are_neither_counted_nor_held_back(carrier: Carrier, settings: Settings) -> None:
    caps.bind(Caps(texts=1), "NL")
    tell(ESTONIANS[:1], carrier, settings)
    now = utcnow()
    with db.transaction() as session:
        promise = session.scalars(select(Promise)).one()
        messages.answer(session, promise, "Ik bel u zo.", session.get_one(Agent, "anna"), now)
    deliver.deliver_due(carrier, Deployment.of(settings), outbox.SEND_MESSAGE, utcnow())
    assert fates() == [("queued", None)] * 2


def worked_off(promise_id: int, deployment: Deployment) -> str | None:
    with db.transaction() as session:
        return due.work_off(session, promise_id, utcnow(), deployment)


def test_callbacks_to_strangers_abroad_wait_for_a_human_who_may_ring_them_all_the_same(
    settings: Settings, another: Another
) -> None:
    caps.bind(Caps(callbacks_country=2), "NL")
    deployment, now = Deployment.of(settings), utcnow()
    with db.transaction() as session:
        ids = [owe(session, number, now, agent=None).id for number in ESTONIANS[:3]]
        for key in ("dora", "emma"):
            factories.agent(session, key)
    begun = [worked_off(one, deployment) is not None for one in ids]
    assert begun == [True, True, False]
    with db.reading() as session:
        held = session.get_one(Promise, ids[2])
        assert (held.next_at, held.finished_at) == (None, None), "it is owed, and waits for a human"
        why = select(PromiseEvent.why).where(PromiseEvent.promise == held.id).order_by(PromiseEvent.id)
        assert session.scalars(why).all()[-1] == "promise_over_cap"

    call = another(from_=ESTONIANS[5]).comes_in()
    assert call.verbs == ["Dial"], "who rings us is put through as always"

    with db.transaction() as session:
        ledger.ring_now(session, ids[2], "anna", utcnow())
    assert worked_off(ids[2], deployment) is not None, "a human decided"
    with db.reading() as session:
        assert len(session.scalars(select(PromiseAttempt.id)).all()) == 3


def test_numbers_that_hidden_callers_named_have_a_cap_of_their_own(settings: Settings) -> None:
    caps.bind(Caps(callbacks_named=2), "NL")
    now, named = utcnow(), [f"+3161800000{place}" for place in range(3)]
    with db.transaction() as session:
        ids = [owe(session, number, now, agent=None).id for number in named]
        factories.agent(session, "dora")
    begun = [worked_off(one, Deployment.of(settings)) is not None for one in ids]
    assert begun == [True, True, False]
    with db.transaction() as session:
        rang = owe(session, ADA, now, agent=None, origin="message:SM1").id
    assert worked_off(rang, Deployment.of(settings)) is not None, "who wrote to us isn't merely named"


def test_our_own_country_has_no_cap_but_that_of_all(settings: Settings) -> None:
    caps.bind(Caps(callbacks_country=1), "NL")
    now = utcnow()
    with db.transaction() as session:
        ids = [owe(session, number, now, agent=None).id for number in (ADA, BEN, "+31611112222")]
    assert all(worked_off(one, Deployment.of(settings)) for one in ids)


def test_a_number_that_a_hidden_caller_named_is_written_to_only_once_it_was_spoken_to(
    another: Another,
) -> None:
    for key in ("anna", "bram", "carla"):
        town.change(key, intent=Intent.BREAK)
    for place in range(8):
        call = another(from_="anonymous").comes_in()
        call.post(call.attribute("Gather", "action"), Digits=f"061800000{place}")
        assert "Wij bellen u" in call.said
        call.hangs_up()
    assert len(town.promises()) == 8
    with db.reading() as session:
        assert session.scalars(select(Message)).all() == []

    town.everybody_free_again()
    call = another(from_="+31618000003").comes_in()
    call.talks().dial_ends("completed", DialBridged="true")
    call.hangs_up()
    now = utcnow()
    with db.transaction() as session:
        promise = owe(session, "+31618000003", now, origin="call:again")
        messages.inform(session, promise, "Wij bellen u terug.", "told", now)
    with db.reading() as session:
        assert [message.number for message in session.scalars(select(Message))] == ["+31618000003"]


def test_the_caps_are_settings_that_say_what_is_wrong() -> None:
    read = config.load({"TEXTS_AN_HOUR": "40", "CALLBACKS_AN_HOUR_PREFIX": "0"}).caps
    assert read == Caps(texts=40, callbacks_prefix=None)
    with pytest.raises(config.ConfigurationError, match="TEXTS_AN_HOUR_COUNTRY: “many”"):
        config.load({"TEXTS_AN_HOUR_COUNTRY": "many"})
