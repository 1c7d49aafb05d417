"""What would a caller hear, and who would ring? The real decision, without a call."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from app.agents.presence import Endpoint, Reachability
from app.callers.numbers import to_e164
from app.deployment import Deployment
from app.lines import places
from app.routing import reading, sentences
from app.routing.decision import decide
from app.routing.situation import AgentFacts


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
    situation = facts.situation(at, can_be_rung_back=places.may_ring(session, e164))
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
