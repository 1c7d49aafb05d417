"""What if two people share a number, and all happens in any order? Each keeps what they are owed."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, select, update
from werkzeug.datastructures import MultiDict

from app import db
from app.agents import presence
from app.deployment import Deployment
from app.errors import InvalidField
from app.forgetting.erasure import erase_customer
from app.jobs import callbacks as jobs
from app.promises import ledger, owed, second_thoughts, whose
from app.records.agents import Presence
from app.records.callers import Case, Customer, CustomerNumber
from app.records.calls import Call, CallState, CallStep
from app.records.promises import OWED, Promise, PromiseAttempt, PromiseEvent, PromiseState
from app.voice import agreed, call_control
from config import Settings
from tests import factories, town
from tests.callbacks.test_callbacks import Callback
from tests.factories import ADA, LINE, noon_zone
from tests.telephone import Another, Line, signed

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
CASES = {"Z1": "K1", "Z3": "K1", "Z2": "K2"}
# By which a promise may be owed no longer though nobody has spoken: a word, or being one with another.
OWED_AGAIN = ("promise_of_another", "promise_of_another_matter", "promise_hardly_spoken")
BY_WORD = ("promise_withdrawn", "promise_kept_by_word", "promise_of_merged")


@pytest.fixture(autouse=True)
def settled(flask_app: Flask) -> None:
    with db.transaction() as session:
        factories.line(session).timezone = noon_zone(datetime.now(UTC))
        for key in ("anna", "bram", "carla"):
            factories.agent(session, key)


def begin_anew() -> None:
    """K1 and K2 share a number; each has a case of Anna's, K1's second is Bram's."""
    with db.transaction() as session:
        session.execute(delete(Promise))
        session.execute(delete(CustomerNumber))
        session.execute(delete(Case))
        session.execute(delete(Customer))
        session.execute(
            update(Call).values(
                remote_e164=None,
                promise=None,
                state=CallState.ENDED,
                waiting_since=None,
                waiting_for_agent=None,
                waiting_for_team=None,
            )
        )
        factories.customer(session, "K1", ADA, name="Ada Lovelace")
        factories.customer(session, "K2", ADA, name="Bob Babbage")
        for case, customer in CASES.items():
            factories.case(session, case, customer, handled_by=("bram" if case == "Z3" else "anna",))
    town.everybody_free_again()


@dataclass
class Story:
    client: FlaskClient
    settings: Settings
    deployment: Deployment
    chance: random.Random
    calls: list[Line] = field(default_factory=list)
    callback: Callback | None = None
    heard: list[str] = field(default_factory=list)
    talks_since: dict[str, datetime] = field(default_factory=dict)
    spoken: dict[str, int] = field(default_factory=dict)  # seconds that each call was talked
    count: int = 0

    # --- promises ---

    def owe(self) -> None:
        case = self.chance.choice([None, *CASES])
        customer = CASES[case] if case else self.chance.choice([None, "K1", "K2"])
        now = datetime.now(UTC)
        self.count += 1
        with db.transaction() as session:
            if customer and session.get(Customer, customer) is None:
                return
            if case and session.get(Case, case) is None:
                case = None
            factories.promise(
                session,
                origin=f"api:{self.count}",
                customer=customer,
                case=case,
                due_at=now + timedelta(minutes=self.chance.choice([1, 300])),
                now=now,
            )

    def _any(self, *states: PromiseState) -> int | None:
        found = [one.id for one in town.promises() if one.state in states]
        return self.chance.choice(found) if found else None

    def withdraw(self) -> None:
        if (one := self._any(*OWED)) is not None:
            with db.transaction() as session:
                ledger.withdraw(session, one, "anna", datetime.now(UTC))

    def keeps_by_word(self) -> None:
        if (one := self._any(*OWED)) is not None:
            with db.transaction() as session:
                ledger.keep(session, one, "anna", datetime.now(UTC))

    def wants_it_after_all(self) -> None:
        if (one := self._any(PromiseState.WITHDRAWN, PromiseState.KEPT)) is not None:
            try:
                with db.transaction() as session:
                    second_thoughts.owe_again(session, one, "anna", datetime.now(UTC))
            except InvalidField:
                pass

    # --- calls ---

    def rings_us(self) -> None:
        if len(self.calls) < 2:
            line = Line(self.client, self.settings)
            line.comes_in()
            self.calls.append(line)

    def _call(self, state: CallState) -> Line | None:
        found = [one for one in self.calls if town.call(one.sid).state == state]
        return self.chance.choice(found) if found else None

    def is_put_through(self) -> None:
        call = self._call(CallState.RINGING)
        if call is not None and call.rings is not None:
            call.leg("in-progress")
            self.talks_since[call.sid] = datetime.now(UTC)

    def picks(self) -> None:
        call = self._talked()
        if call is None:
            return
        case = self.chance.choice([*CASES])
        with db.transaction() as session:
            found = session.get(Case, case)
            if found is None:
                return
            agent = session.get_one(Call, call).bridged_to or "anna"
            call_control.pick(session, call, agent, found.customer, case, datetime.now(UTC))

    def notes(self) -> None:
        call = self._talked()
        if call is not None:
            with db.transaction() as session:
                agent = session.get_one(Call, call).bridged_to or "anna"
                outcome = self.chance.choice(["solved", "waiting"])
                call_control.save_notes(
                    session, call, agent, outcome=outcome, summary="", now=datetime.now(UTC)
                )
                self.spoken[call] = 99

    def agrees(self) -> None:
        call = self._talked()
        if call is not None:
            with db.transaction() as session:
                held = session.get_one(Call, call)
                now = datetime.now(UTC)
                agreed.owe(session, held, held.bridged_to or "anna", now + 5 * HOUR, now)

    def _talked(self) -> str | None:
        """A call that is talked, or was a moment ago."""
        with db.transaction() as session:
            found = session.scalars(
                select(Call.sid).where(Call.bridged_at.is_not(None), Call.remote_e164 == ADA)
            ).all()
        return self.chance.choice(found) if found else None

    def talk_ends(self) -> None:
        call = self._call(CallState.TALKING)
        if call is None:
            return
        seconds = self.chance.choice([2, 60])
        with db.transaction() as session:
            made = session.get_one(Call, call.sid)
            step = session.get_one(CallStep, (call.sid, made.step))
            was = step.answered_at
            assert was is not None
            made.bridged_at = step.answered_at = was - seconds * SECOND
            session.execute(
                update(Promise).where(Promise.finished_at == was).values(finished_at=step.answered_at)
            )
        self.spoken[call.sid] = max(seconds, self.spoken.get(call.sid, 0))
        status = self.chance.choice(["completed", "completed", "failed"])
        call.dial_ends(status, DialBridged="true", DialCallDuration=str(seconds))
        call.hangs_up()
        self.calls.remove(call)

    def hangs_up(self) -> None:
        call = (
            self._call(CallState.RINGING) or self._call(CallState.WAITING) or self._call(CallState.PROMISING)
        )
        if call is not None:
            call.post("/voice/status", CallStatus="completed")
            self.calls.remove(call)
            ended = town.call(call.sid)
            if ended.remote_e164 is None:
                return
            [promise] = [one for one in town.promises() if one.id == ended.promise]
            ways = events()[promise.id]
            assert promise.state in OWED or {*ways} & {*BY_WORD}, (promise.id, promise.state, ways)

    # --- callbacks ---

    def works_off(self) -> None:
        with db.transaction() as session:
            presence.end_overdue_wrap_ups(session, datetime.now(UTC) + HOUR)
        later = datetime.now(UTC) + timedelta(seconds=30)
        with db.transaction() as session:
            session.execute(update(Presence).values(heartbeat_at=later))
        if jobs.work_off(self.deployment, later):
            with db.transaction() as session:
                [attempt] = session.scalars(select(PromiseAttempt).where(PromiseAttempt.ended_at.is_(None)))
                self.callback = Callback(self.client, self.settings, from_=LINE, to=attempt.address)
                self.callback.name = attempt.call_sid

    def callback_goes_on(self) -> None:
        if self.callback is None:
            return
        it, self.callback = self.callback, None
        it.is_taken()
        if it.rings is None:
            it.tell("agent", CallStatus="completed")
            return
        match self.chance.choice(["talks", "talks", "no-answer", "agent"]):
            case "talks":
                it.answers()
                self.callback = it
                self.talks_since[it.name] = datetime.now(UTC)
            case "no-answer":
                it.ends("no-answer")
                it.tell("agent", CallStatus="completed")
            case "agent":
                it.tell("agent", CallStatus="completed")
                it.ends("canceled", CallStatus="completed")

    def callback_ends(self) -> None:
        it = self.callback
        if it is None or it.name not in self.talks_since:
            return
        seconds = self.chance.choice([3, 64])
        self.spoken[it.name] = max(seconds, self.spoken.get(it.name, 0))
        it.ends(DialBridged="true", DialCallDuration=str(seconds))
        it.hears_who_answered(self.chance.choice(["human", "human", "machine_start"]))
        it.tell("agent", CallStatus="completed")
        self.callback = None

    # --- others ---

    def writes(self) -> None:
        self.count += 1
        body = self.chance.choice(["bel mij maar na vijven", "laat maar, is opgelost", "ja", "ok", "hallo?"])
        form = MultiDict({"MessageSid": f"SM{self.count:032}", "From": ADA, "To": LINE, "Body": body})
        self.heard.append(body)
        assert signed(self.client, self.settings, "/messages/incoming", form).status_code == 200

    def case_moves(self) -> None:
        case, customer = self.chance.choice([*CASES]), self.chance.choice(["K1", "K2"])
        with db.transaction() as session:
            found = session.get(Case, case)
            if found is None or session.get(Customer, customer) is None:
                return
            found.customer = customer
            session.flush()
            whose.cases_moved(session, [case], datetime.now(UTC))

    def is_erased(self) -> None:
        if self.chance.random() < 0.3:
            with db.transaction() as session:
                erase_customer(session, self.chance.choice(["K1", "K2"]), "admin", datetime.now(UTC))


# What may happen, and how often beside the others.
RULES: dict[Callable[[Story], None], int] = {
    Story.owe: 4,
    Story.withdraw: 1,
    Story.keeps_by_word: 1,
    Story.wants_it_after_all: 2,
    Story.rings_us: 4,
    Story.is_put_through: 4,
    Story.picks: 4,
    Story.notes: 1,
    Story.agrees: 1,
    Story.talk_ends: 3,
    Story.hangs_up: 2,
    Story.works_off: 3,
    Story.callback_goes_on: 3,
    Story.callback_ends: 3,
    Story.writes: 1,
    Story.case_moves: 1,
    Story.is_erased: 1,
}
STORIES, STEPS = 3, 25
# What is logged when a webhook is answered without the database's help.
FAILURES = ("webhook failed", "answered with less known")
MOVES_TIMES = ("owe", "agrees", "writes", "wants_it_after_all", "case_moves", "is_erased")


def events() -> dict[int, list[str]]:
    with db.transaction() as session:
        found: dict[int, list[str]] = {}
        for one in session.scalars(select(PromiseEvent).order_by(PromiseEvent.id)):
            found.setdefault(one.promise, []).append(one.why)
        return found


def has_been_spoken(promise: Promise, story: Story) -> bool:
    """Whether somebody has talked who may be whoever is owed it."""
    with db.transaction() as session:
        for call in session.scalars(
            select(Call).where(Call.bridged_at.is_not(None), Call.sid.in_(story.talks_since))
        ):
            live = call.state == CallState.TALKING
            if (live or story.spoken.get(call.sid, 0) >= 10) and not owed.is_anothers(promise, call.customer):
                return True
    return False


def became_part_of_another(promise: Promise) -> bool:
    """Whether it was to be owed again, and another one served it by then."""
    with db.transaction() as session:
        states = select(PromiseEvent.state).where(
            PromiseEvent.promise == promise.id, PromiseEvent.why.in_(OWED_AGAIN)
        )
        return PromiseState.MERGED in session.scalars(states).all()


def check(story: Story, told: list[str], before: dict[int, Promise]) -> None:
    now = {one.id: one for one in town.promises()}
    why = events()
    for one in now.values():
        case = f"{told}: {one.id} {one.customer}/{one.case} is {one.state}: {why[one.id]}"
        is_settled = one.state not in OWED and one.forgotten_at is None
        if is_settled and not {*why[one.id]} & {*BY_WORD} and not has_been_spoken(one, story):
            theirs = [
                other.id
                for other in now.values()
                if other.state in OWED and not owed.is_anothers(other, one.customer)
            ]
            assert theirs or became_part_of_another(one), f"lost, {case}"
        if one.id in before and one.state in OWED and before[one.id].due_at != one.due_at:
            assert told[-1] in MOVES_TIMES, f"its time moved, {case}"
    with db.transaction() as session:
        open_ = session.scalars(select(PromiseAttempt).where(PromiseAttempt.ended_at.is_(None))).all()
        assert len(open_) <= 1, told
        calling = session.scalars(select(Promise.id).where(Promise.state == PromiseState.CALLING)).all()
        assert set(calling) <= {one.promise for one in open_}, told


@pytest.mark.parametrize("seed", range(4))
def test_each_of_two_people_keeps_what_they_are_owed_whatever_happens(
    seed: int, client: FlaskClient, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    chance = random.Random(seed)
    rules, weights = list(RULES), list(RULES.values())
    for _ in range(STORIES):
        begin_anew()
        story = Story(client, settings, Deployment.of(settings), chance)
        told: list[str] = []
        for _ in range(STEPS):
            rule = chance.choices(rules, weights)[0]
            before = {one.id: one for one in town.promises()}
            told.append(rule.__name__)
            rule(story)
            failed = [one.getMessage() for one in caplog.records if one.getMessage() in FAILURES]
            assert failed == [], f"{told}: {caplog.text}"
            check(story, told, before)


def test_who_hangs_up_after_another_of_their_number_was_spoken_to_is_owed_what_they_were_told(
    another: Another,
) -> None:
    begin_anew()
    town.talks_elsewhere("anna")
    first, second = another().comes_in(), another().comes_in()
    told = town.promises()[0].due_at
    queue, wish = second.attribute("Enqueue", "action"), second.attribute("Enqueue", "waitUrl")
    second.post(wish.replace("/wait", "/wish"), context="wait", SpeechResult="Iemand anders graag")
    second.post(queue, QueueResult="redirected", QueueTime="5")
    second.talks()
    assert [one.state for one in town.promises()] == [PromiseState.MERGED]

    first.post("/voice/status", CallStatus="completed")
    second.dial_ends("completed", DialBridged="true", DialCallDuration="60")
    second.hangs_up()

    [settled, owed_now] = town.promises()
    assert (settled.state, owed_now.state, owed_now.due_at) == ("merged", "open", told)
    assert town.call(first.sid).promise == owed_now.id


def test_whom_the_agent_picks_after_they_hardly_spoke_is_still_owed_it(another: Another) -> None:
    begin_anew()
    now = datetime.now(UTC)
    with db.transaction() as session:
        factories.promise(session, customer="K1", case="Z1", due_at=now + 5 * HOUR, now=now - HOUR)
    call = another().comes_in().talks()
    call.dial_ends("completed", DialBridged="true", DialCallDuration="2")
    call.hangs_up()

    with db.transaction() as session:
        call_control.pick(session, call.sid, "anna", "K1", "Z1", datetime.now(UTC))

    [promise] = town.promises()
    assert (promise.state, promise.due_at) == (PromiseState.OPEN, now + 5 * HOUR)
