"""What would a caller hear, and who would ring? The real decision without a call; a proof of the rules."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

from sqlalchemy.orm import Session

from app.agents.presence import Endpoint, Reachability
from app.callers.numbers import to_e164
from app.callers.recognition import Caller, KnownCustomer, OpenCase
from app.deployment import Deployment
from app.lines import places
from app.lines.hours import calendar
from app.records.calls import Call
from app.routing import reading, sentences
from app.routing.decision import AskForNumber, MakePromise, Ring, Wait, decide
from app.routing.rules import Ladder, Resolved
from app.routing.situation import AgentFacts, LineFacts, Situation
from app.voice import steps as call_steps


@dataclass(frozen=True)
class SimulatedStep:
    """One step that a call would take if those before it came to nothing."""

    kind: str
    target: str | None  # an agent or a team
    seconds: int  # that it rings or waits at most
    reason_code: str
    reason: str
    say: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "target": self.target,
            "seconds": self.seconds,
            "reason_code": self.reason_code,
            "reason": self.reason,
            "say": list(self.say),
        }


def simulate(
    session: Session,
    *,
    from_raw: str,
    line: str,
    at: datetime,
    now: datetime,
    deployment: Deployment,
    language: str,
    presence: Mapping[str, Reachability] | None = None,
) -> list[SimulatedStep]:
    """Return the ladder for a caller at a moment; people are where they are now, or where `presence` says.

    Reasons are in `language`, sentences in the caller's own. Nothing is written and nobody is rung.
    """
    country = places.country_of(session, line) or deployment.defaults.country
    e164 = to_e164(from_raw, country)
    facts = reading.read(session, "", line, e164, now, deployment.defaults)
    call = Call(sid="", from_e164=e164, line=line, attestation="", step=0, said=[])
    situation = call_steps.situation(call, facts, (), at, may_ring=places.may_ring(session, e164))
    agents = {key: _placed(agent, (presence or {}).get(key)) for key, agent in situation.agents.items()}
    zone = facts.line.calendar.timezone
    return [
        SimulatedStep(
            kind=str(step.kind),
            target=getattr(step, "agent", None) or getattr(step, "team", None),
            seconds=getattr(step, "seconds", 0),
            reason_code=step.reason.code,
            reason=sentences.words(step.reason, language, zone, at, kind="reason"),
            say=tuple(sentences.words(sentence, facts.language, zone, at) for sentence in step.say),
        )
        for step in decide(replace(situation, agents=agents)).steps
    ]


def _placed(agent: AgentFacts, reachability: Reachability | None) -> AgentFacts:
    if reachability is None:
        return agent
    return replace(agent, reachability=reachability, endpoint=agent.endpoint or Endpoint("client", agent.key))


# --- the proof ----------------------------------------------------------------------------------------

_AT = datetime(2026, 1, 7, 12, tzinfo=UTC)  # a Wednesday noon
_PLACES = tuple(Reachability)


def broken_paths(rules: Ladder) -> list[str]:
    """Return the paths, of every caller and presence, that don't end in a human or a promise in time."""
    problems = []
    for situation, what in _every_situation(rules):
        steps = decide(situation).steps
        last = steps[-1] if steps else None
        if not isinstance(last, MakePromise | AskForNumber):
            problems.append(f"{what}: ends without a promise")
        rung = sum(step.seconds for step in steps if isinstance(step, Ring))
        if rung > rules.total_seconds + rules.owner_ring_seconds:
            problems.append(f"{what}: rings for {rung} s, more than the {rules.total_seconds} s allowed")
        for step in steps:
            if isinstance(step, Wait) and not step.say:
                problems.append(f"{what}: lets the caller wait without a word")
            if isinstance(step, Ring) and situation.agents[step.agent].reachability != Reachability.FREE:
                problems.append(f"{what}: rings {step.agent}, who can't be reached")
    return problems


def _every_situation(rules: Ladder) -> Iterator[tuple[Situation, str]]:
    hours = {"open": "", "closed": "Sa 09:00-10:00"}
    callers = {"known": True, "unknown": False}
    for owner, colleague, member in product(_PLACES, repeat=3):
        agents = {
            "owner": _agent("owner", owner, _AT - timedelta(days=1)),
            "colleague": _agent("colleague", colleague, _AT - timedelta(days=2)),
            "member": _agent("member", member, None),
        }
        for (when, text), (who, known), callable_number in product(
            hours.items(), callers.items(), (True, False)
        ):
            situation = Situation(
                now=_AT,
                line=LineFacts("+31200000000", "team", "nl", calendar(text, "Europe/Amsterdam", "NL")),
                caller=_CALLER if known else Caller("+31612345678" if callable_number else None),
                owner="owner" if known else None,
                agents=agents,
                resolved=Resolved(rules),
                can_be_rung_back=callable_number,
            )
            number = "a number" if callable_number else "no number"
            yield situation, f"{who} caller with {number}, {when}; {owner}, {colleague}, {member}"


def _agent(key: str, reachability: Reachability, handled_at: datetime | None) -> AgentFacts:
    return AgentFacts(key, key, "team", reachability, Endpoint("client", key), handled_at=handled_at)


_CALLER = Caller(
    "+31612345678",
    (
        KnownCustomer(
            "customer",
            "",
            "nl",
            (),
            (OpenCase("case", "", "team", "open", "", _AT, "owner", _AT - timedelta(days=1)),),
        ),
    ),
)
