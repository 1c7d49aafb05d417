"""What would a caller hear, second by second, who would ring, and why? The real decision, without a call."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.audit import log as audit
from app.audit.log import Subject
from app.callers.recognition import KnownCustomer
from app.deployment import Deployment
from app.records.calls import Call, CallState
from app.routing import heard, screen_pop, sentences, starting, walk
from app.routing.answers import Answer, AnswerKind
from app.routing.asked_call import AskedCall
from app.routing.decision import MakePromise, Ring, Step, Wait
from app.routing.rules import Rules
from app.routing.sentences import Sentence
from app.routing.starting import MADE_UP, Start
from app.routing.walk import Heard, Owes, Walked, Way

Json = dict[str, Any]


def claims(start: Start) -> list[KnownCustomer]:
    """Return whom the caller says to be, by what was tried as an answer to the open question."""
    return [facts.caller.customers[0] for facts in start.having_heard.values() if facts.is_claimed]


def whose(start: Start) -> list[Subject]:
    """Return whose data a call from a real number, or a claim, shows, as the audit log knows them."""
    seen = start.facts.caller
    keys = dict.fromkeys(one.key for one in (*seen.customers, *claims(start)) if one.key != MADE_UP)
    theirs = [audit.customer(key) for key in keys]
    return theirs or audit.person(None, seen.e164)


@dataclass(frozen=True)
class Simulated:
    """A call that didn't take place."""

    start: Start
    way: Way

    def as_json(self, language: str) -> Json:
        """Return it for people and scripts: reasons in `language`, sentences in the caller's own."""
        first = self.way.steps[0].known.resolved
        return {
            "rule": first.rule or None,
            "rule_version": first.version,
            "line": self.start.facts.line.number,
            "at": self.start.at.isoformat(),
            "language": self.start.facts.language,
            "steps": [self._step(number, one, language) for number, one in enumerate(self.way.steps, 1)],
            "ends": str(self.way.ends),
            "owes": _owes(self.way.owes),
            "seconds": self.way.seconds,
        }

    def _step(self, number: int, walked: Walked, language: str) -> Json:
        step = walked.step
        zone = self.start.facts.line.calendar.timezone
        again = walked.again[0].said if walked.again else None
        return {
            "number": number,
            "kind": str(step.kind),
            "target": target_of(step),
            "seconds": getattr(step, "seconds", 0),
            "reason": sentences.words(step.reason, language, zone, walked.known.now, kind="reason"),
            "reason_code": step.reason.code,
            "rule": walked.known.resolved.rule or None,
            "say": self._in_words([one.said for one in walked.heard], walked),
            "says": codes_of([*walked.heard, *walked.again, *walked.after]),
            "heard_at": walked.begins_at,
            "rings_at": walked.rings_at,
            # The screen-pop leaves before the carrier is told to ring.
            "pops_at": walked.begins_at if isinstance(step, Ring) else None,
            "desk": self._desk(walked),
            "again": again
            and {"say": self._in_words([again], walked)[0], "at": [one.at for one in walked.again]},
            "answer": str(walked.answer),
            "assumed": walked.is_assumed,
            "understood": self._understood(walked),
            "answers": [str(one) for one in walked.possible],
            "after": [
                {"at": one.at, "say": words}
                for one, words in zip(
                    walked.after, self._in_words([one.said for one in walked.after], walked), strict=True
                )
            ],
            "owes": _owes(walked.owes),
            "ends_at": walked.ends_at,
        }

    def _understood(self, walked: Walked) -> Json | None:
        """Return what an answer to the open question was taken for, as a call keeps it."""
        facts = self.start.having_heard.get(walked.answer.words) if walked.answer.words else None
        if facts is None or facts.heard is None:
            return None
        said = facts.heard
        told = {"taken_for": str(said.taken_for), "topic": said.topic, "team": said.team}
        return told | {"customer": said.customer, "case": said.case}

    def _in_words(self, said: Sequence[Sentence | str], walked: Walked) -> list[str]:
        return heard.in_words(said, self.start.facts, walked.known.now)

    def _desk(self, walked: Walked) -> Json | None:
        """Return whose desk shows what as the step begins, as the desk is told in a call."""
        match walked.step:
            case Ring(agent=agent):
                return {"agent": agent, "shows": "screen_pop", "screen_pop": self._pop(walked, agent)}
            case Wait(agent=str(agent)):
                return {"agent": agent, "shows": "waiting", "screen_pop": None}
            case MakePromise(agent=str(agent)):
                return {"agent": agent, "shows": "promise", "screen_pop": None}
        return None

    def _pop(self, walked: Walked, agent: str) -> Json:
        known, facts = walked.known, self.start.facts
        why = sentences.to_agent(walked.step.reason)
        reason = sentences.words(
            why, known.agents[agent].language, facts.line.calendar.timezone, known.now, kind="reason"
        )
        facts = replace(facts, caller=known.caller, owner=known.owner, heard=known.heard)
        return screen_pop.screen_pop(_no_call(), facts, reason=reason, ring_expected=True)


def _no_call() -> Call:
    """Return a call that stands in no table, and never will."""
    return Call(sid="", line="", attestation="", language="", state=CallState.RINGING, said=[], step=0)


def target_of(step: Step) -> str | None:
    """Return whom a step is about: an agent, or a team."""
    return getattr(step, "agent", None) or getattr(step, "team", None)


def codes_of(spoken: Sequence[Heard]) -> list[str]:
    """Return the codes of what is said, each once; a line's own greeting has none."""
    return list(dict.fromkeys(one.said.code for one in spoken if isinstance(one.said, Sentence)))


def _owes(owes: Owes | None) -> Json | None:
    if owes is None:
        return None
    return {"agent": owes.agent, "team": owes.team, "due_at": owes.due_at.isoformat()}


def simulate(
    session: Session,
    asked: AskedCall,
    *,
    now: datetime,
    deployment: Deployment,
    rules: Rules | None = None,
) -> Simulated:
    """Go the way of a call that doesn't take place, by the rules in force or others.

    Nothing is written and nobody is rung. Raises NotACall for a line or an agent that isn't there.
    """
    start = starting.of(session, asked, rules, now, deployment)
    return go_as_asked(starting.with_answers(session, start, asked.answers, now, deployment), asked.answers)


def go_as_asked(start: Start, answers: Sequence[Answer]) -> Simulated:
    """Go the way that somebody asked for: whoever is rung after their answers picks up.

    Without any, nobody ever does: that is the whole ladder.
    """
    return go(start, answers, AnswerKind.ANSWERED if answers else AnswerKind.NO_ANSWER)


def go(start: Start, answers: Sequence[Answer], then: AnswerKind = AnswerKind.NO_ANSWER) -> Simulated:
    """Go the way of a call from where it starts."""
    way = walk.walk(
        *(start.facts, start.at, answers),
        may_be_rung=start.may_be_rung,
        then=then,
        having_heard=start.having_heard,
    )
    return Simulated(start, way)
