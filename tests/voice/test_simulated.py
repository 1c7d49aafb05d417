"""Does the simulator say what a call says, and ring whom it rings? The same way, walked and phoned."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from app import db
from app.deployment import Deployment
from app.records.agents import Activity, Intent, Presence, Softphone
from app.records.calls import Call, CallState, CallStep
from app.records.promises import Promise, PromiseState
from app.routing import heard, simulation
from app.routing.answers import Answer, AnswerKind
from app.routing.asked_call import AskedCall
from app.routing.decision import Ring, Wait
from app.routing.simulation import Simulated, target_of
from app.routing.walk import End, Walked
from app.voice import call_control, webhooks
from config import Settings
from tests.factories import LINE
from tests.telephone import Line
from tests.voice.test_one_way import FREE, NOW, Town, any_town

TALKS = {"activity": Activity.TALKING, "activity_since": NOW - timedelta(minutes=3), "call_sid": "CAother"}
BREAK = {"intent": Intent.BREAK}
OF_ANNA = ({"handled_by": ("bram", "anna")},)


@dataclass
class Phoned:
    """A call by the carrier's webhooks, at the moments that the simulator names."""

    line: Line
    deployment: Deployment
    clock: list[datetime]

    def go_to(self, seconds: float) -> None:
        """Let time pass; who isn't part of this call stays as they are, and their desks stay alive."""
        moment = NOW + timedelta(seconds=seconds)
        passed = moment - self.clock[0]
        self.clock[0] = moment
        with db.transaction() as session:
            for one in session.scalars(select(Presence)):
                for name in ("heartbeat_at", "activity_since", "suspect_until", "lease_until"):
                    at = getattr(one, name)
                    if at is not None and one.call_sid != self.line.sid:
                        setattr(one, name, at + passed)

    def step(self) -> CallStep:
        with db.reading() as session:
            steps = (
                select(CallStep).where(CallStep.call_sid == self.line.sid).order_by(CallStep.number.desc())
            )
            found = session.scalars(steps.limit(1)).one()
            session.expunge_all()
            return found

    def call(self) -> Call:
        with db.reading() as session:
            found = session.get_one(Call, self.line.sid)
            session.expunge_all()
            return found

    def promise(self) -> Promise | None:
        with db.reading() as session:
            call = session.get_one(Call, self.line.sid)
            found = session.get(Promise, call.promise) if call.promise is not None else None
            session.expunge_all()
            return found

    # --- what becomes of a step ---------------------------------------------------------------------

    def goes_on(self, walked: Walked, following: Walked | None) -> None:
        for again in walked.again:
            self.go_to(again.at)
            self.asks_what_to_hear()
        # What is said in the end is said before the clock of the step is over.
        self.go_to(walked.after[0].at if walked.after else walked.ends_at)
        match walked.step:
            case Ring():
                self.ring_ends(walked.answer)
            case Wait():
                if following is not None:
                    people_become(walked, following)
                self.wait_ends(walked.answer)
            case _:
                self.answers(walked)

    def ring_ends(self, answer: Answer) -> None:
        match answer.kind:
            case AnswerKind.ANSWERED if self.step().endpoint == "client":
                self.line.talks()
            case AnswerKind.ANSWERED:
                number = self.line.reply.find(".//Number")
                assert number is not None
                self.line.post(number.attrib["url"], context="whisper", CallSid="CA" + "e" * 32)
                self.line.post(self.line.attribute("Gather", "action"), context="whisper", Digits="1")
            case AnswerKind.HUNG_UP:
                self.line.hangs_up()
            case AnswerKind.DECLINED:
                step = self.step()
                with db.transaction() as session:
                    why = answer.why or "not_now"
                    assert step.agent is not None
                    args = (session, self.line.sid, step.agent, why, self.clock[0], self.deployment)
                    assert call_control.decline(*args)
                self.goes_to_its_own_step()
            case _:
                if answer.kind == AnswerKind.NO_ANSWER:
                    with db.transaction() as session:
                        session.get_one(CallStep, (self.line.sid, self.step().number)).rang_at = NOW
                self.line.dial_ends(str(answer.kind).replace("_", "-"))

    def goes_to_its_own_step(self) -> None:
        number = self.call().step
        self.line.post(f"/voice/calls/{self.line.sid}/{number}")

    def asks_what_to_hear(self) -> None:
        self.line.post(
            f"/voice/calls/{self.line.sid}/{self.step().number}/wait", context="queue", QueueTime="9"
        )

    def wait_ends(self, answer: Answer) -> None:
        number = self.step().number
        if answer.kind == AnswerKind.HUNG_UP:
            self.line.post(f"/voice/calls/{self.line.sid}/{number}/left", QueueResult="hangup")
            return
        if answer.kind == AnswerKind.ANOTHER:
            words = "Iemand anders graag"
            url = f"/voice/calls/{self.line.sid}/{number}/wish"
            self.line.post(url, context="queue", SpeechResult=words)
        else:
            self.asks_what_to_hear()
        self.line.post(f"/voice/calls/{self.line.sid}/{number}/left", QueueResult="leave")

    def answers(self, walked: Walked) -> None:
        if walked.answer.kind == AnswerKind.HUNG_UP:
            self.line.hangs_up()
            return
        words = {AnswerKind.SAID: "Over mijn paspoort", AnswerKind.ANOTHER: "Iemand anders graag"}
        # A number to which nothing is owed: which one they name the simulator cannot know.
        words |= {AnswerKind.NUMBER: "0613572468"}
        if self.line.reply.find(".//Record") is not None:
            recording = {"RecordingSid": "RE" + "a" * 32, "RecordingDuration": "5"}
            said = walked.answer.kind == AnswerKind.SAID
            if said:
                self.line.post(self.line.attribute("Record", "action"), **recording)
            return
        url = self.line.attribute("Gather", "action")
        self.line.post(url, SpeechResult=words.get(walked.answer.kind, ""))


def people_become(walked: Walked, following: Walked) -> None:
    """Put people where the simulator has them after a wait: somebody is free, or nobody is there any more."""
    with db.transaction() as session:
        for key, after in following.known.agents.items():
            if walked.known.agents[key].reachability == after.reachability:
                continue
            status = session.get_one(Presence, key)
            status.activity, status.call_sid, status.lease_until = Activity.IDLE, None, None
            if status.softphone == Softphone.BUSY:
                status.softphone = Softphone.READY
            status.intent = Intent.AVAILABLE if walked.answer.kind == AnswerKind.FREED else Intent.OFF


def simulated(town: Town, answers: list[Answer], deployment: Deployment) -> Simulated:
    with db.reading() as session:
        asked = AskedCall.model_validate({"from": town.from_, "at": NOW, "answers": answers})
        return simulation.simulate(session, asked, now=NOW, deployment=deployment)


def is_the_same(phoned: Phoned, one: Simulated, so_far: list[Walked]) -> None:
    """Compare what was decided and said up to a step."""
    walked, step = so_far[-1], phoned.step()
    expected = (str(walked.step.kind), target_of(walked.step), walked.step.reason.code)
    assert (str(step.kind), step.agent or step.team, step.reason) == expected
    said = [words for earlier in so_far for words in _words(one, earlier, with_end=earlier is not walked)]
    assert [told["text"] for told in phoned.call().said] == said


def _words(one: Simulated, walked: Walked, *, with_end: bool) -> list[str]:
    facts, began = one.start.facts, walked.known.now
    spoken = heard.in_words([each.said for each in walked.heard], facts, began)
    if with_end:
        spoken += heard.in_words([each.said for each in (*walked.again, *walked.after)], facts, began)
    return spoken


Compare = Callable[[Town, list[Answer]], Simulated]


@pytest.fixture
def compare(
    flask_app: Flask, client: FlaskClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Compare:
    clock = [NOW]
    monkeypatch.setattr(webhooks, "utcnow", lambda: clock[0])
    deployment = Deployment.of(settings)

    def both(town: Town, answers: list[Answer]) -> Simulated:
        clock[0] = NOW
        town.settle()
        one = simulated(town, answers, deployment)
        phoned = Phoned(Line(client, settings, from_=town.from_, to=LINE), deployment, clock)
        phoned.line.comes_in()
        way = one.way.steps
        for number, walked in enumerate(way, 1):
            is_the_same(phoned, one, list(way[:number]))
            phoned.goes_on(walked, way[number] if number < len(way) else None)
        ends_the_same(phoned, one)
        return one

    return both


def ends_the_same(phoned: Phoned, one: Simulated) -> None:
    call, promise = phoned.call(), phoned.promise()
    if one.way.ends == End.HUMAN:
        assert (call.state, call.bridged_to) == (CallState.TALKING, target_of(one.way.steps[-1].step))
        return
    if call.state != CallState.ENDED:
        phoned.line.hangs_up()
        promise = phoned.promise()
    owes = one.way.owes
    assert (promise is None) == (owes is None)
    if promise is not None and owes is not None:
        assert (promise.agent, promise.due_at) == (owes.agent, owes.due_at)
        assert (promise.number is None) == (one.way.ends == End.MESSAGE)


A = AnswerKind
any_answer = st.sampled_from(
    [
        *(A.ANSWERED, A.NO_ANSWER, A.NO_ANSWER, A.DECLINED, A.BUSY, A.FAILED, A.FREED, A.FREED, A.TOO_LONG),
        *(A.ANOTHER, A.NUMBER, A.SAID, A.NOTHING, A.HUNG_UP),
    ]
).map(Answer)


def can_be_told_beforehand(town: Town) -> Town:
    """Leave out what depends on other calls: a callback in the air, and who waits for the same agent."""
    if town.promise is not None and town.promise["state"] == PromiseState.CALLING:
        town = replace(town, promise=None)
    return replace(town, waits_for=None)


@example(town=Town((TALKS, FREE, FREE, FREE), OF_ANNA), answers=[Answer(A.FREED), Answer(A.NO_ANSWER)])
@example(town=Town((TALKS, TALKS, TALKS, FREE), OF_ANNA), answers=[Answer(A.ANOTHER), Answer(A.FREED)])
@example(town=Town((BREAK, BREAK, BREAK, BREAK), OF_ANNA, from_=""), answers=[])
@given(town=any_town.map(can_be_told_beforehand), answers=st.lists(any_answer, max_size=5))
@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_a_simulated_call_says_and_rings_what_the_same_call_does(
    compare: Compare, town: Town, answers: list[Answer]
) -> None:
    compare(town, answers)
