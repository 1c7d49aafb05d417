"""What if the carrier's news comes late, twice, in another order, or not at all? The same end."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain, combinations, permutations
from urllib.parse import urlsplit

import pytest
from flask import Flask
from sqlalchemy import delete
from werkzeug.test import TestResponse

from app import db
from app.deployment import Deployment
from app.jobs import waiting
from app.records.agents import Activity, Intent
from app.records.calls import CallState, Outcome
from app.records.promises import Promise
from config import Settings
from tests import factories, town
from tests.factories import ADA, BEN, LINE
from tests.telephone import Another, Line

STRANGER = "+31655500011"

pytestmark = pytest.mark.usefixtures("settled")


@pytest.fixture
def settled(flask_app: Flask) -> None:
    town.settle()


# --- all orders of the news of one call ---------------------------------------------------------------

News = Callable[[Line, str, str], object]

# What the carrier tells of a call that came to a conversation; the addresses are those of its one ring.
CONVERSATION: dict[str, News] = {
    "rings": lambda call, leg, action: call.post(leg, CallStatus="ringing", CallSid="CA" + "e" * 32),
    "picked up": lambda call, leg, action: call.post(leg, CallStatus="in-progress", CallSid="CA" + "e" * 32),
    "dial ended": lambda call, leg, action: call.post(
        action, DialCallStatus="completed", DialBridged="true", DialCallDuration="64"
    ),
    "status": lambda call, leg, action: call.post("/voice/status", CallStatus="completed"),
}
# What it tells of a caller who hangs up while it rings.
HUNG_UP: dict[str, News] = {
    "rings": CONVERSATION["rings"],
    "dial ended": lambda call, leg, action: call.post(
        action, DialCallStatus="canceled", CallStatus="completed"
    ),
    "status": lambda call, leg, action: call.post("/voice/status", CallStatus="no-answer"),
}


def orders(news: dict[str, News]) -> list[tuple[str, ...]]:
    """Return every choice of the news, in every order."""
    chosen = chain.from_iterable(combinations(news, count) for count in range(1, len(news) + 1))
    return [order for some in chosen for order in permutations(some)]


def stands_after(
    another: Another, news: dict[str, News], order: tuple[str, ...], again: tuple[str, ...] = ()
) -> town.Standing:
    """Tell the news of a fresh call in an order, some of it `again`; return how all stands then."""
    town.everybody_free_again()
    with db.transaction() as session:
        session.execute(delete(Promise))
    call = another().comes_in()
    leg, action = call.attribute("Client", "statusCallback"), call.attribute("Dial", "action")
    for name in (*order, *again):
        news[name](call, leg, action)
    return town.standing(call.sid)


def check_conversation(stands: town.Standing, order: tuple[str, ...]) -> None:
    """Check how all stands after some news of a conversation with Anna, whatever its order."""
    over = bool({"dial ended", "status"} & {*order})
    if {"picked up", "dial ended"} & {*order}:
        assert stands.bridged_to == "anna", order
        assert stands.outcome == (Outcome.TALKED if over else None), order
        assert {*stands.promises} <= {"merged"}, order
    elif over:
        assert stands.outcome == Outcome.MISSED_PROMISED, order
        assert stands.promises == ("open",), order
    assert (stands.state == CallState.ENDED) is over, order
    [anna] = [one for one in stands.agents if one[0] == "anna"]
    assert anna[1] == Intent.AVAILABLE, order
    assert (anna[2] in (Activity.IDLE, Activity.WRAPPING_UP)) is over, order


def test_a_conversation_ends_the_same_in_whatever_order_it_is_told(another: Another) -> None:
    for order in orders(CONVERSATION):
        check_conversation(stands_after(another, CONVERSATION, order), order)


def test_a_conversation_after_a_sentence_ends_the_same_when_all_is_told_again(another: Another) -> None:
    with db.transaction() as session:
        session.get_one(factories.Line, LINE).greeting = "Welkom."
    for order in permutations(CONVERSATION):
        check_conversation(stands_after(another, CONVERSATION, order, again=order[::-1]), order)


def test_a_caller_who_hung_up_is_owed_one_call_in_whatever_order_it_is_told(another: Another) -> None:
    for order in orders(HUNG_UP):
        if order == ("rings",):
            continue
        for again in ((), order[::-1]):
            stands = stands_after(another, HUNG_UP, order, again)

            assert (stands.state, stands.outcome) == (CallState.ENDED, Outcome.MISSED_PROMISED), order
            assert stands.promises == ("open",), order
            assert {one[1:] for one in stands.agents} == {(Intent.AVAILABLE, Activity.IDLE)}, order


def looks_who_waits(deployment: Deployment) -> None:
    """Anna's conversation is over, and a worker looks who waits for her."""
    if town.presence("anna").call_sid == "CA0":
        town.frees("anna")
    waiting.serve_waiting(deployment, datetime.now(UTC))


# What is told of a caller who waits and hangs up, perhaps just as somebody is found for them.
WAITED: dict[str, Callable[[Line, str, str, Deployment], object]] = {
    "asks": lambda call, wait, left, deployment: call.post(wait, context="wait", QueueTime="3"),
    "is served": lambda call, wait, left, deployment: looks_who_waits(deployment),
    "left": lambda call, wait, left, deployment: call.post(
        left, QueueResult="hangup", CallStatus="completed"
    ),
    "status": lambda call, wait, left, deployment: call.post("/voice/status", CallStatus="completed"),
}


@pytest.mark.parametrize("who", [ADA, STRANGER])
def test_a_caller_who_hung_up_while_waiting_was_promised_a_call_in_whatever_order_it_is_told(
    another: Another, settings: Settings, who: str
) -> None:
    deployment = Deployment.of(settings)
    for order in permutations(WAITED, 3):
        if not {"left", "status"} & {*order}:
            continue
        town.everybody_free_again()
        with db.transaction() as session:
            session.execute(delete(Promise))
        for agent in ("anna", "bram", "carla"):
            town.talks_elsewhere(agent)
        call = another(from_=who).comes_in()
        wait, left = call.attribute("Enqueue", "waitUrl"), call.attribute("Enqueue", "action")

        for name in (*order, *order[::-1], *order):
            WAITED[name](call, wait, left, deployment)

        stands = town.standing(call.sid)
        assert (stands.state, stands.outcome) == (CallState.ENDED, Outcome.PROMISED), order
        assert stands.promises == ("open",), order
        [promise] = town.promises()
        assert promise.next_at is not None, order
        assert town.call(call.sid).promise == promise.id, order
        assert town.presence("anna").call_sid in (None, "CA0"), order


def test_the_news_of_an_earlier_ring_neither_frees_nor_takes_who_is_rung_now(another: Another) -> None:
    call = another().comes_in()
    leg, action = call.attribute("Client", "statusCallback"), call.attribute("Dial", "action")
    call.leg("ringing")
    call.dial_ends("no-answer")
    assert call.rings == "client:bram"
    before = town.standing(call.sid)

    for status in ("ringing", "in-progress", "completed", "no-answer"):
        call.post(leg, CallStatus=status, CallSid="CA" + "e" * 32)
    for status in ("no-answer", "completed"):
        call.post(action, DialCallStatus=status, DialBridged="true", DialCallDuration="9")

    assert town.standing(call.sid) == before
    assert call.rings == "client:bram"


def test_the_end_of_a_call_may_be_told_before_its_beginning(another: Another) -> None:
    call = another()
    assert call.post("/voice/status", CallStatus="completed").status_code == 204
    before = town.standing(call.sid)
    assert before.outcome == Outcome.MISSED_PROMISED

    assert call.post("/voice/incoming", CallStatus="ringing").status_code == 200

    assert town.standing(call.sid) == before


# --- the same news twice ------------------------------------------------------------------------------


@dataclass
class Twice(Line):
    """A call whose every webhook comes twice at the same instant, and all of them again at the end."""

    app: Flask | None = None
    sent: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def post(self, url: str, *, context: str = "voice", **fields: str) -> TestResponse:
        assert self.app is not None
        self.sent.append((url, dict(fields)))
        start = threading.Barrier(2)

        def one() -> TestResponse:
            assert self.app is not None
            line = Line(self.app.test_client(), self.settings, self.from_, self.to, self.sid)
            start.wait()
            return line.post(url, context=context, **fields)

        with ThreadPoolExecutor(2) as threads:
            first, second = (future.result() for future in [threads.submit(one), threads.submit(one)])
        assert (first.status_code, first.data) == (second.status_code, second.data), url
        self.client = self.app.test_client()
        if first.mimetype == "text/xml":
            self.raw, self.reply = first.data, town.parse(first.data)
        return first

    def sends_all_again(self) -> None:
        for url, fields in [*self.sent]:
            context = "whisper" if urlsplit(url).path.endswith(("/whisper", "/accept")) else "voice"
            if not url.endswith("/wait"):
                self.post(url, context=context, **fields)


def a_conversation(call: Line) -> None:
    call.comes_in().talks()
    call.dial_ends("completed", DialBridged="true", DialCallDuration="64")
    call.hangs_up()


def a_colleague_after_no_answer(call: Line) -> None:
    call.comes_in().leg("ringing")
    call.dial_ends("no-answer").talks()
    call.dial_ends("completed", DialBridged="true", DialCallDuration="64")
    call.hangs_up()


def an_ordinary_phone(call: Line) -> None:
    town.rings_at_phone("anna")
    call.comes_in()
    whisper, action = call.attribute("Number", "url"), call.attribute("Dial", "action")
    call.post(whisper, context="whisper")
    call.post(call.attribute("Gather", "action"), context="whisper", Digits="1")
    call.post(action, DialCallStatus="completed", DialBridged="true", DialCallDuration="64")
    call.hangs_up()


def a_promise_about_something(call: Line) -> None:
    for key in ("anna", "bram", "carla"):
        town.change(key, intent=Intent.OFF)
    call.comes_in()
    call.post(call.attribute("Gather", "action"), SpeechResult="Het gaat over mijn paspoort.")
    call.hangs_up()


def a_number_that_was_named(call: Line) -> None:
    call.from_ = "anonymous"
    for key in ("anna", "bram", "carla"):
        town.change(key, intent=Intent.OFF)
    call.comes_in()
    call.post(call.attribute("Gather", "action"), Digits="0687654321")
    call.hangs_up()


def a_full_queue(call: Line) -> None:
    town.talks_elsewhere("anna")
    call.comes_in()
    call.post(call.attribute("Enqueue", "action"), QueueResult="queue-full")
    call.leg("ringing")
    call.post("/voice/status", CallStatus="completed")


def giving_up_in_the_queue(call: Line) -> None:
    town.talks_elsewhere("anna")
    call.comes_in()
    call.post(call.attribute("Enqueue", "action"), QueueResult="hangup", CallStatus="completed")
    call.hangs_up()


STORIES = [
    a_conversation,
    a_colleague_after_no_answer,
    an_ordinary_phone,
    a_promise_about_something,
    a_number_that_was_named,
    a_full_queue,
    giving_up_in_the_queue,
]


@pytest.mark.parametrize("story", STORIES)
def test_a_webhook_that_comes_twice_at_once_and_again_later_is_one_webhook(
    story: Callable[[Line], None], flask_app: Flask, settings: Settings, another: Another
) -> None:
    once = another(from_=BEN)
    story(once)
    expected = town.standing(once.sid)
    town.everybody_free_again()
    with db.transaction() as session:
        session.execute(delete(Promise))

    call = Twice(flask_app.test_client(), settings, app=flask_app)
    story(call)

    assert town.standing(call.sid) == expected
    assert expected.outcome is not None
    call.sends_all_again()
    assert town.standing(call.sid) == expected


# --- the caller hangs up, at each point ---------------------------------------------------------------


def before_it_rings(call: Line) -> None:
    call.comes_in()


def while_it_rings(call: Line) -> None:
    call.comes_in().leg("ringing")


def while_a_colleague_is_rung(call: Line) -> None:
    call.comes_in().leg("ringing")
    call.dial_ends("no-answer").leg("ringing")


def while_the_agent_hears_the_whisper(call: Line) -> None:
    town.rings_at_phone("anna")
    call.comes_in().leg("in-progress")
    call.post(call.attribute("Number", "url"), context="whisper")


def while_waiting(call: Line) -> None:
    town.talks_elsewhere("anna")
    call.comes_in()


def while_talking(call: Line) -> None:
    call.comes_in().talks()


def while_the_promise_is_spoken(call: Line) -> None:
    for key in ("anna", "bram", "carla"):
        town.change(key, intent=Intent.BREAK)
    call.comes_in()


def at_the_question_for_a_number(call: Line) -> None:
    call.from_ = "anonymous"
    while_the_promise_is_spoken(call)


@pytest.mark.parametrize(
    ("point", "outcome", "owed"),
    [
        (before_it_rings, Outcome.MISSED_PROMISED, 1),
        (while_it_rings, Outcome.MISSED_PROMISED, 1),
        (while_a_colleague_is_rung, Outcome.MISSED_PROMISED, 1),
        (while_the_agent_hears_the_whisper, Outcome.MISSED_PROMISED, 1),
        (while_waiting, Outcome.PROMISED, 1),
        (while_talking, Outcome.TALKED, 0),
        (while_the_promise_is_spoken, Outcome.PROMISED, 1),
        (at_the_question_for_a_number, Outcome.NOT_CALLABLE, 0),
    ],
)
def test_a_caller_who_hangs_up_leaves_one_outcome_and_nobody_taken(
    another: Another, point: Callable[[Line], None], outcome: Outcome, owed: int
) -> None:
    call = another()
    point(call)

    call.post("/voice/status", CallStatus="completed")

    ended = town.call(call.sid)
    assert (ended.state, ended.outcome) == (CallState.ENDED, outcome)
    assert (ended.waiting_since, ended.waiting_for_agent, ended.waiting_for_team) == (None, None, None)
    assert [promise.number for promise in town.promises() if promise.number] == [ADA] * owed
    for key in ("anna", "bram", "carla"):
        taken = town.presence(key)
        assert taken.call_sid != call.sid or taken.activity == Activity.WRAPPING_UP
        assert taken.activity not in (Activity.RESERVED, Activity.RINGING)
    messages = [row.kind for row in town.outbox()]
    assert messages == ["send_message"] * owed


def test_an_agent_who_says_yes_to_a_caller_who_has_hung_up_hears_the_line_go_dead(another: Another) -> None:
    call = another()
    while_the_agent_hears_the_whisper(call)
    accept = call.attribute("Gather", "action")
    call.post("/voice/status", CallStatus="completed")

    call.post(accept, context="whisper", Digits="1")

    assert call.verbs == ["Hangup"]
    assert town.presence("anna").activity == Activity.IDLE
