"""Who rings somebody back, and why? One pure function from what is known of a promise to one agent."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from app.agents.presence import Reachability
from app.records.calls import StepKind
from app.routing.decision import Ring
from app.routing.ladder import BY_DEFAULT, Resolved
from app.routing.sentences import Sentence
from app.routing.situation import AgentFacts


@dataclass(frozen=True)
class Owed:
    """Everything on which it may depend who is rung to keep a promise."""

    now: datetime
    debtor: str | None  # who owes it; None: the team
    team: str
    agents: Mapping[str, AgentFacts]
    colleagues_from: datetime  # when others may help out of whoever owes it and isn't there
    anybody_from: datetime  # the same of one who is busy
    refused: frozenset[str] = field(default_factory=frozenset)  # who isn't asked again just now
    has_dropped: bool = False  # the line, in the middle of a conversation with who owes it
    is_wanted: bool = False  # by who is to ring, now: nobody else is asked
    resolved: Resolved = BY_DEFAULT


def choose(owed: Owed) -> Ring | None:
    """Return whom to ring; None while nobody can be, or whoever owes it is waited for."""
    for agent, reason in _candidates(owed):
        if agent.endpoint is not None:
            seconds = owed.resolved.ladder.owner_ring_seconds
            return Ring(StepKind.CALLBACK, agent.key, agent.endpoint, seconds, reason)
    return None


def by_weight(owed: Owed) -> list[str]:
    """Return the keys of everybody known, those first on whom the choice may depend, as in decision."""
    debtor = [owed.debtor] if owed.debtor is not None and owed.debtor in owed.agents else []
    may_be_rung = [agent.key for agent, _ in _candidates(owed)]
    return list(dict.fromkeys([*debtor, *may_be_rung, *sorted(owed.agents)]))


def _candidates(owed: Owed) -> Iterator[tuple[AgentFacts, Sentence]]:
    """Yield who owes it and, as the time comes near, who may help out: who knows the case, then the team."""
    free = [
        agent
        for agent in owed.agents.values()
        if agent.reachability == Reachability.FREE
        and agent.key not in owed.refused
        and not agent.callers_waiting
    ]
    owes = owed.agents.get(owed.debtor) if owed.debtor else None
    if owed.is_wanted:
        if owes in free and owes is not None:
            yield owes, _of("callback_wanted", owes)
        return
    if owes is not None:
        if owes in free:
            yield owes, _of("callback_dropped" if owed.has_dropped else "callback_owner", owes)
        is_busy = owes.reachability in (Reachability.BUSY, Reachability.WRAPPING_UP)
        has_left = owes.reachability == Reachability.LEFT
        if not has_left and owed.now < (owed.anybody_from if is_busy else owed.colleagues_from):
            return
    others = [agent for agent in free if agent is not owes]
    knowing = [agent for agent in others if agent.handled_at is not None]
    for agent in sorted(knowing, key=lambda one: (one.handled_at, one.key), reverse=True):
        yield agent, _of("callback_colleague", agent)
    rest = [agent for agent in others if agent.handled_at is None]
    for agent in sorted(rest, key=lambda one: (one.team != owed.team, one.idle_since or owed.now, one.key)):
        yield agent, _of("callback_team", agent)


def _of(code: str, agent: AgentFacts) -> Sentence:
    # Who rings back at once needs no name: it is they who read it.
    return Sentence(code, {} if code == "callback_dropped" else {"agent": agent.spoken_name})
