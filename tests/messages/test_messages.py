"""What becomes of a message: theirs, which may move a callback, and ours, which may not arrive?"""

import secrets
from datetime import datetime, timedelta
from itertools import permutations

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, select
from werkzeug.datastructures import MultiDict

from app import db
from app.callbacks import due
from app.carrier.rest import Carrier
from app.catalogue import text
from app.clock import utcnow
from app.deployment import Deployment
from app.desk.promise_cards import promise_cards
from app.jobs import deliver
from app.messages import agreements, messages
from app.outgoing import outbox
from app.promises import ledger
from app.records.agents import Agent, DeskEvent
from app.records.callers import Contact
from app.records.lines import Line
from app.records.messages import Message, MessageStop
from app.records.promises import Promise, PromiseEvent, PromiseState
from config import Settings
from tests import factories, town
from tests.factories import ADA, BEN, LINE, noon_zone
from tests.rest_carrier import FakeCarrier
from tests.telephone import signed

STRANGER = "+31611111112"
LANDLINE = "+31201112233"


class People:
    """Those who write to us, and what becomes of it."""

    def __init__(self, client: FlaskClient, settings: Settings) -> None:
        self.client, self.settings = client, settings

    def write(self, body: str, from_: str = ADA, sid: str = "", to: str = LINE, **more: str) -> Message:
        sid = sid or "SM" + secrets.token_hex(16)
        form = MultiDict({"MessageSid": sid, "From": from_, "To": to, "Body": body, **more})
        assert signed(self.client, self.settings, "/messages/incoming", form).status_code == 200
        return message(sid)

    def hears(self, sid: str, status: str, **more: str) -> None:
        """The carrier tells how far a message of ours has come."""
        form = MultiDict({"MessageSid": "SM" + sid[2:], "MessageStatus": status, **more})
        assert signed(self.client, self.settings, f"/messages/status?message={sid}", form).status_code == 204


@pytest.fixture
def people(client: FlaskClient, settings: Settings) -> People:
    return People(client, settings)


@pytest.fixture(autouse=True)
def noon(flask_app: Flask) -> None:
    """The town, always open, where it is about noon at whatever hour the tests run."""
    town.settle()
    with db.transaction() as session:
        line = session.get_one(Line, LINE)
        line.hours, line.timezone = "24/7", noon_zone(utcnow())


def owe(number: str = ADA) -> int:
    """Anna promised to ring back in two hours; return the promise's id."""
    now = utcnow()
    with db.transaction() as session:
        return factories.promise(session, number=number, due_at=now + timedelta(hours=2), now=now).id


def message(sid: str) -> Message:
    with db.transaction() as session:
        found = session.get_one(Message, sid)
        session.expunge_all()
        return found


def ours(number: str = ADA) -> list[Message]:
    """What was written to a number, oldest first."""
    with db.transaction() as session:
        wanted = select(Message).where(Message.number == number, Message.direction == "outbound")
        found = list(session.scalars(wanted.order_by(Message.at)))
        session.expunge_all()
        return found


def promise(promise_id: int) -> Promise:
    with db.transaction() as session:
        found = session.get_one(Promise, promise_id)
        session.expunge_all()
        return found


def story(promise_id: int) -> list[str]:
    with db.transaction() as session:
        return list(session.scalars(select(PromiseEvent.why).where(PromiseEvent.promise == promise_id)))


def told(agent: str) -> list[str]:
    """Whose messages popped at an agent's desk."""
    with db.transaction() as session:
        wanted = select(DeskEvent.data).where(DeskEvent.agent == agent, DeskEvent.kind == "message")
        return [data["message_sid"] for data in session.scalars(wanted.order_by(DeskEvent.number))]


def stop_of(number: str) -> str | None:
    with db.transaction() as session:
        return session.scalar(select(MessageStop.how).where(MessageStop.number == number))


def tell(number: str = ADA) -> Message:
    """Write to whom something is owed, as the product does by itself; return the message."""
    owed = owe(number)
    with db.transaction() as session:
        messages.inform(
            session, session.get_one(Promise, owed), "Wij bellen u.", secrets.token_hex(8), utcnow()
        )
    return ours(number)[-1]


def test_nobody_is_flooded_with_our_messages(people: People) -> None:
    for _ in range(12):
        tell()

    assert len(ours()) == messages.MOST_A_DAY
    [owed] = {one.promise for one in ours()}
    assert story(int(str(owed))).count("promise_told_enough") == 2


# --- what they ask for --------------------------------------------------------------------------------


def test_a_wish_moves_the_callback_and_is_confirmed_once(people: People) -> None:
    owed = owe()

    first = people.write("Bel mij maar na vijven", sid="SM" + "a" * 32)
    people.write("Bel mij maar na vijven", sid=first.sid)  # the carrier repeats itself

    moved = promise(owed)
    assert moved.not_before is not None
    assert (moved.not_before - utcnow() > timedelta(hours=3), moved.state) == (True, PromiseState.OPEN)
    assert moved.due_at - moved.not_before == timedelta(hours=1)
    [confirmed] = ours()
    assert "niet eerder dan vanmiddag om vijf uur" in confirmed.body
    assert (first.read_as, first.handled_at is not None) == ("moved", True)
    assert told("anna") == [first.sid]


def test_nobody_is_rung_before_the_time_they_asked_for(people: People, settings: Settings) -> None:
    owed = owe()
    people.write("na vijven graag")
    moved = promise(owed)
    assert moved.not_before is not None

    with db.transaction() as session:
        [card] = promise_cards(session, [session.get_one(Promise, owed)], "anna", utcnow(), {})
        assert (card.not_before, card.no_messages) == (moved.not_before, False)
        due.work_off(session, owed, utcnow(), Deployment.of(settings))
    assert promise(owed).next_at == moved.not_before + timedelta(minutes=30)


def test_who_was_told_long_ago_is_reminded_shortly_before(settings: Settings) -> None:
    owed, now = owe(), utcnow()
    with db.transaction() as session:
        made = session.get_one(Promise, owed)
        made.created_at, made.next_at = now - timedelta(days=1), now + timedelta(minutes=90)
    for moment in (now + timedelta(minutes=91), now + timedelta(minutes=92)):
        with db.transaction() as session:
            due.work_off(session, owed, moment, Deployment.of(settings))

    [reminder] = ours()
    assert "Wij bellen u zo terug" in reminder.body


def test_who_was_told_today_is_not_reminded(settings: Settings) -> None:
    owed, now = owe(), utcnow()
    with db.transaction() as session:
        session.get_one(Promise, owed).next_at = now + timedelta(minutes=90)
    with db.transaction() as session:
        due.work_off(session, owed, now + timedelta(minutes=91), Deployment.of(settings))

    assert ours() == []


def test_a_picture_is_said_to_be_there_and_read_by_a_human(people: People) -> None:
    owe()

    one = people.write("na vijven graag", NumMedia="1")
    two = people.write("na vijven graag", NumMedia="2")

    assert one.body == "na vijven graag\n[met een bijlage, die hier niet te zien is]"
    assert two.body == "na vijven graag\n[met 2 bijlagen, die hier niet te zien zijn]"
    assert (one.handled_at, two.handled_at) == (None, None)


def test_what_is_not_understood_waits_for_whoever_owes_the_call_and_is_not_answered(people: People) -> None:
    owed = owe()
    before = promise(owed).due_at

    written = people.write("Kan het om half drie? Mijn paspoort is ook gestolen.")

    assert (promise(owed).due_at, written.read_as, written.handled_at) == (before, "", None)
    assert "gestolen" in promise(owed).about
    assert ours() == []
    assert told("anna") == [written.sid]


def test_who_is_owed_nothing_and_asks_for_a_call_is_promised_one_by_their_own_agent(people: People) -> None:
    written = people.write("Kunt u mij morgen na 10 uur bellen?")

    [made] = town.promises()
    assert (made.number, made.agent, made.case, made.origin) == (
        ADA,
        "anna",
        "Z1",
        f"message:{written.sid}",
    )
    assert story(made.id) == ["promise_written"]
    assert "morgenochtend om tien uur" in ours()[0].body
    assert (written.read_as, written.promise) == ("made", made.id)


def test_a_call_that_is_not_needed_any_more_is_asked_back_and_not_made_after_a_yes(people: People) -> None:
    owed = owe()

    asked = people.write("Laat maar, is opgelost")

    assert promise(owed).state == PromiseState.OPEN, "a forged sender withdrew it"
    assert "Antwoord JA" in ours()[0].body
    assert asked.read_as == "withdraw_asked"

    people.write("Ja.")

    assert promise(owed).state == PromiseState.WITHDRAWN
    assert "bellen u niet terug" in ours()[1].body


@pytest.mark.parametrize(
    ("answer", "read_as"),
    [("Nee!", "withdraw_not"), ("misschien", ""), ("ja maar bel me wel even over die andere zaak", "")],
)
def test_without_a_yes_the_promise_stands(people: People, answer: str, read_as: str) -> None:
    owed = owe()
    people.write("laat maar, is opgelost")

    written = people.write(answer)

    assert (promise(owed).state, written.read_as) == (PromiseState.OPEN, read_as)


def test_a_yes_to_our_question_is_heard_however_much_was_written_of_late(people: People) -> None:
    owed = owe()
    for body in ("bel mij om vier uur", "bel mij om vijf uur", "laat maar, is opgelost"):
        people.write(body)
    assert len(ours()) == messages.MOST_BY_ITSELF

    people.write("JA")

    assert promise(owed).state == PromiseState.WITHDRAWN
    assert ours()[-1].body.splitlines()[0].endswith(text("message.withdrawn", "nl").splitlines()[0])


def test_a_yes_to_nothing_withdraws_nothing(people: People) -> None:
    owed = owe()
    people.write("ja")
    people.write("laat maar, is opgelost")
    people.write("Wie komt er eigenlijk?")

    people.write("ja")

    assert promise(owed).state == PromiseState.OPEN


def test_a_yes_of_the_day_after_is_read_by_a_human(people: People) -> None:
    owed = owe()
    asked = people.write("laat maar, is opgelost")
    with db.transaction() as session:
        session.get_one(Message, asked.sid).at = utcnow() - timedelta(hours=25)

    late = people.write("ja")

    assert (promise(owed).state, late.handled_at) == (PromiseState.OPEN, None)


def test_a_yes_of_somebody_else_withdraws_nothing(people: People) -> None:
    owed = owe()
    people.write("laat maar, is opgelost")

    people.write("ja", from_=BEN)

    assert promise(owed).state == PromiseState.OPEN


def test_what_was_heard_once_does_nothing_when_it_is_told_again_however_late(people: People) -> None:
    owed = owe()
    people.write("laat maar, is opgelost", sid="SM" + "1" * 32)
    people.write("ja", sid="SM" + "2" * 32)
    assert promise(owed).state == PromiseState.WITHDRAWN
    with db.transaction() as session:
        # As retention and erasure do, in time.
        session.execute(delete(Message))
        in_two_hours = utcnow() + timedelta(hours=2)
        again = factories.promise(session, origin="again", due_at=in_two_hours, now=utcnow()).id

    for sid, body in (("1", "laat maar, is opgelost"), ("2", "ja")):
        form = MultiDict({"MessageSid": "SM" + sid * 32, "From": ADA, "To": LINE, "Body": body})
        assert signed(people.client, people.settings, "/messages/incoming", form).status_code == 200

    assert promise(again).state == PromiseState.OPEN
    assert ours() == []


def test_a_message_of_somebody_nobody_knows_waits_for_the_whole_team(people: People) -> None:
    written = people.write("Wanneer bent u open?", from_=STRANGER)

    assert (written.agent, written.team, written.handled_at) == (None, "Burgerzaken", None)
    assert all(told(agent) == [written.sid] for agent in ("anna", "bram", "carla"))
    assert town.promises() == []


def test_a_message_for_somebody_who_has_left_waits_for_the_team(people: People) -> None:
    with db.transaction() as session:
        session.get_one(Agent, "anna").enabled = False

    written = people.write("Hoe staat het ermee?")

    assert written.agent is None
    assert told("bram") == [written.sid]


def test_whoever_was_written_to_by_a_human_answers_that_human(people: People) -> None:
    owed = owe()
    question = people.write("Wat moet ik meenemen?")
    with db.transaction() as session:
        anna = session.get_one(Agent, "anna")
        to = session.get_one(Message, question.sid)
        messages.answer(session, to, "Uw paspoort. Wanneer komt u langs?", anna, utcnow())
    assert message(question.sid).handled_by == "anna"

    answer = people.write("morgen om 10 uur")

    assert (answer.handled_at, promise(owed).not_before) == (None, None)
    with db.transaction() as session:
        contacts = session.scalars(select(Contact).where(Contact.channel == "message"))
        assert [(one.agent, one.summary[:12]) for one in contacts] == [("anna", "Uw paspoort.")]


def test_two_machines_do_not_keep_each_other_awake(people: People) -> None:
    owed = owe()

    for _ in range(10):
        last = people.write("na vijven graag")

    assert len(ours()) == messages.MOST_BY_ITSELF
    assert last.handled_at is None
    assert promise(owed).state == PromiseState.OPEN


@pytest.mark.parametrize("sender", ["1888", "PostNL", LINE])
def test_short_codes_names_and_ourselves_are_never_answered(people: People, sender: str) -> None:
    written = people.write("STOP", from_=sender)
    asked = people.write("bel mij na vijven", from_=sender)

    assert (ours(asked.number), town.promises(), stop_of(written.number)) == ([], [], None)
    assert asked.handled_at is None


def test_a_message_by_whatsapp_is_of_the_same_person_and_answered_there(
    people: People,
    carrier: Carrier,
    fake: FakeCarrier,
    settings: Settings,
) -> None:
    owed = owe()

    written = people.write("na vijven aub", from_=f"whatsapp:{ADA}", to=f"whatsapp:{LINE}")

    assert (written.number, written.line, written.promise) == (ADA, LINE, owed)
    assert deliver.deliver_due(carrier, Deployment.of(settings), outbox.SEND_MESSAGE, utcnow()) == 1
    assert fake.messages == [f"whatsapp:{ADA}"]
    with db.transaction() as session:
        assert messages.channel_to(session, ADA, utcnow() + timedelta(hours=25)) == "sms"


# --- who wants none -----------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["STOP", "stop.", "Afmelden", "CANCEL"])
def test_who_says_stop_gets_no_message_until_they_say_so_but_is_still_rung(people: People, word: str) -> None:
    owed = owe()
    assert people.write(word).read_as == "stop"

    with db.transaction() as session:
        agreements.agree_on(session, owed, utcnow() + timedelta(hours=5), "anna", utcnow())
    people.write("na vijven graag")

    assert ours() == []
    assert (promise(owed).state, stop_of(ADA)) == (PromiseState.OPEN, "asked")
    assert "promise_wants_no_messages" in story(owed)
    assert people.write("Ja").read_as == "start"
    assert people.write("na vijven graag").read_as == "moved"
    assert len(ours()) == 1


def test_a_message_that_waits_to_be_sent_is_not_sent_after_a_stop(
    people: People,
    carrier: Carrier,
    fake: FakeCarrier,
    settings: Settings,
) -> None:
    waiting = tell()
    people.write("STOP")

    deliver.deliver_due(carrier, Deployment.of(settings), outbox.SEND_MESSAGE, utcnow())

    assert fake.messages == []
    assert (message(waiting.sid).status, message(waiting.sid).error) == ("failed", 21610)


def test_an_ordinary_yes_is_read_by_a_human(people: People) -> None:
    owe()
    assert people.write("Ja").handled_at is None


def test_a_fixed_line_is_never_written_to(people: People) -> None:
    owed = owe(LANDLINE)
    with db.transaction() as session:
        agreements.agree_on(session, owed, utcnow() + timedelta(hours=5), "anna", utcnow())

    assert (ours(LANDLINE), town.outbox()) == ([], [])


# --- what becomes of ours -----------------------------------------------------------------------------


def test_news_of_a_message_comes_in_any_order_and_twice(people: People) -> None:
    for order in permutations(["queued", "sent", "delivered"]):
        sent = tell(BEN)
        for word in (*order, *order):
            people.hears(sent.sid, word)
        assert message(sent.sid).status == "delivered", order
        with db.transaction() as session:
            session.delete(session.get_one(Promise, sent.promise))


def test_what_does_not_arrive_is_told_at_the_promise_and_stands_at_the_desk(people: People) -> None:
    sent = tell()

    for _ in range(2):
        people.hears(sent.sid, "undelivered", ErrorCode="30003")
    people.hears(sent.sid, "sent")

    lost = message(sent.sid)
    assert (lost.status, lost.error, lost.handled_at) == ("undelivered", 30003, None)
    assert lost.promise is not None
    assert story(lost.promise).count("promise_not_told") == 1
    assert told("anna") == [sent.sid]


def test_news_that_is_quicker_than_the_carriers_own_answer_is_not_lost(
    people: People,
    carrier: Carrier,
    settings: Settings,
) -> None:
    sent = tell()
    people.hears(sent.sid, "failed", ErrorCode="30005")

    deliver.deliver_due(carrier, Deployment.of(settings), outbox.SEND_MESSAGE, utcnow())

    assert (message(sent.sid).status, message(sent.sid).error) == ("failed", 30005)


@pytest.mark.parametrize(("code", "stopped"), [(21614, None), (21610, "carrier")])
def test_a_message_that_the_carrier_refuses_is_told_too(
    people: People,
    carrier: Carrier,
    fake: FakeCarrier,
    settings: Settings,
    code: int,
    stopped: str | None,
) -> None:
    sent = tell()
    fake.refuses = code

    deliver.deliver_due(carrier, Deployment.of(settings), outbox.SEND_MESSAGE, utcnow())

    refused = message(sent.sid)
    assert (refused.status, refused.error, stop_of(ADA)) == ("failed", code, stopped)
    assert refused.promise is not None
    assert "promise_not_told" in story(refused.promise)


def test_a_message_waits_for_a_carrier_that_is_away_and_after_half_an_hour_people_are_told(
    people: People,
    carrier: Carrier,
    fake: FakeCarrier,
    settings: Settings,
) -> None:
    def deliver_for(minutes: int, since: datetime) -> datetime:
        for second in range(0, minutes * 60, 20):
            now = since + timedelta(seconds=second)
            deliver.deliver_due(carrier, Deployment.of(settings), outbox.SEND_MESSAGE, now)
        return since + timedelta(minutes=minutes)

    fake.is_away = True
    waited = tell()
    later = deliver_for(15, utcnow())
    assert message(waited.sid).status == "waiting"
    fake.is_away = False
    later = deliver_for(10, later)
    assert message(waited.sid).status == "queued"
    assert fake.messages == [ADA]

    fake.is_away = True
    lost = tell()
    deliver_for(60, later)
    assert message(lost.sid).status == "failed"
    assert lost.promise is not None
    assert "promise_not_told" in story(lost.promise)


@pytest.mark.parametrize(
    ("meanwhile", "becomes"),
    [("nothing", "queued"), ("kept", "withdrawn"), ("said_anew", "withdrawn"), ("too_late", "failed")],
)
def test_a_message_that_had_to_wait_leaves_only_if_it_is_still_true(
    people: People, carrier: Carrier, fake: FakeCarrier, settings: Settings, meanwhile: str, becomes: str
) -> None:
    waited = tell()
    with db.transaction() as session:
        session.get_one(Message, waited.sid).at = utcnow() - timedelta(minutes=5)
        promise = session.get_one(Promise, waited.promise)
        if meanwhile == "kept":
            ledger.move(session, promise, PromiseState.KEPT, "promise_kept", utcnow())
        elif meanwhile == "too_late":
            promise.due_at = utcnow() - timedelta(minutes=1)
        elif meanwhile == "said_anew":
            messages.inform(session, promise, "Iets anders.", "anew", utcnow())

    deliver.deliver_due(carrier, Deployment.of(settings), outbox.SEND_MESSAGE, utcnow())

    assert message(waited.sid).status == becomes
    assert fake.messages == ([ADA] if meanwhile in ("nothing", "said_anew") else [])


def test_who_withdraws_a_callback_is_told_so_however_late(
    people: People, carrier: Carrier, fake: FakeCarrier, settings: Settings
) -> None:
    owed = owe()
    people.write("laat maar, is opgelost")
    people.write("ja")
    question, answer = ours()
    with db.transaction() as session:
        five_minutes_ago = utcnow() - timedelta(minutes=5)
        session.get_one(Message, question.sid).at = five_minutes_ago - timedelta(minutes=1)
        session.get_one(Message, answer.sid).at = five_minutes_ago
        session.get_one(Promise, owed).finished_at = five_minutes_ago

    deliver.deliver_due(carrier, Deployment.of(settings), outbox.SEND_MESSAGE, utcnow())

    assert (message(answer.sid).status, fake.messages) == ("queued", [ADA])


@pytest.mark.parametrize("body", ["24-11 graag", "op 10.12 graag", "bel me maar op 24/11"])
def test_a_date_is_decided_by_a_human_and_the_time_that_was_agreed_stands(people: People, body: str) -> None:
    owed = owe()
    due_at = promise(owed).due_at

    asked = people.write(body)

    assert (promise(owed).due_at, promise(owed).not_before) == (due_at, None)
    assert asked.handled_at is None


@pytest.mark.parametrize("body", ["liever op 06 8765 4321", "Bel na vijven op 06-87654321 aub"])
def test_who_would_be_rung_on_another_number_is_not_rung_on_the_old_one_by_itself(
    people: People, body: str
) -> None:
    owed = owe()

    asked = people.write(body)

    assert asked.handled_at is None, "a human reads it"
    assert (promise(owed).number, promise(owed).next_at) == (ADA, None)
    assert "promise_another_number" in story(owed)
    with db.transaction() as session:
        ledger.ring_now(session, owed, "anna", utcnow())
    assert promise(owed).next_at is not None, "and may decide to ring the old one"


def test_who_names_their_own_number_is_rung_as_agreed(people: People) -> None:
    owed = owe()
    people.write(f"bel me op 0{ADA[3:]}")
    assert promise(owed).next_at is not None
