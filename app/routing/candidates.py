"""Who may be rung for a call, in which order, and why? Of all who are known, those who are free."""

from collections.abc import Iterator

from app.agents.presence import Reachability
from app.records.calls import StepKind
from app.routing.ladder import FirstKind
from app.routing.sentences import Sentence, name
from app.routing.situation import AgentFacts, Situation

Candidate = tuple[AgentFacts, StepKind, Sentence]


def whom_a_rule_names(situation: Situation) -> Iterator[Candidate]:
    """List those of whom a rule has any rung first, in their order."""
    first, case = situation.ladder.first, situation.caller.case
    if first is None or first.kind in (FirstKind.OWNER, FirstKind.AGENT):
        return
    gone = {tried.agent for tried in situation.tried} | {case.avoided if case else None}
    free = [
        agent
        for agent in situation.agents.values()
        if agent.key not in gone and agent.reachability == Reachability.FREE and not agent.callers_waiting
    ]
    kind = StepKind.COLLEAGUE
    match first.kind:
        case FirstKind.KNOWS_CASE:
            knowing = [agent for agent in free if agent.handled_at is not None]
            found = sorted(knowing, key=lambda one: (one.handled_at, one.key), reverse=True)
        case FirstKind.SUPERVISOR:
            team = case.team if case else situation.line.team
            in_charge = [agent for agent in free if agent.is_supervisor]
            found = sorted(in_charge, key=lambda one: (one.team != team, one.key))
        case _:
            kind = StepKind.TEAM
            members = [agent for agent in free if agent.team == first.team]
            found = sorted(members, key=lambda one: (one.idle_since or situation.now, one.key))
    for agent in found:
        yield agent, kind, Sentence(f"rule_{first.kind}", name(agent) | {"team": agent.team})


def colleagues(situation: Situation, owner: AgentFacts | None) -> Iterator[Candidate]:
    """List who may help instead: who handled this case, newest first; then the teams, longest idle first."""
    case = situation.caller.case
    gone = {tried.agent for tried in situation.tried} | {situation.owner, case.avoided if case else None}
    free = [
        agent
        for agent in situation.agents.values()
        if agent.key not in gone and agent.reachability == Reachability.FREE and not agent.callers_waiting
    ]
    knowing = [agent for agent in free if agent.handled_at is not None]
    for agent in sorted(knowing, key=lambda one: (one.handled_at, one.key), reverse=True):
        yield agent, StepKind.COLLEAGUE, Sentence("colleague_handled", name(agent))
    listed = {agent.key for agent in knowing}
    if case is not None and situation.goes_round:
        # Their own team's supervisor first; whoever talks with the caller owns the case from then on.
        in_charge = [agent for agent in free if agent.is_supervisor and agent.key not in listed]
        for agent in sorted(in_charge, key=lambda one: (one.team != case.team, one.key)):
            listed.add(agent.key)
            yield agent, StepKind.COLLEAGUE, Sentence("supervisor_takes_charge", name(agent))
    for team in teams_of(situation):
        members = [agent for agent in free if agent.key not in listed and team in (None, agent.team)]
        for agent in sorted(members, key=lambda one: (one.idle_since or situation.now, one.key)):
            listed.add(agent.key)
            kind = StepKind.COLLEAGUE if owner is not None else StepKind.TEAM
            yield agent, kind, Sentence(_why_team(situation, owner, team), name(agent) | {"team": agent.team})


def _why_team(situation: Situation, owner: AgentFacts | None, team: str | None) -> str:
    case = situation.caller.case
    if case is not None and case.avoided is not None:
        return "team_another_wanted"
    if owner is not None:
        return "team_instead_of_owner"
    # Nobody of the topic's team may be there: whoever else is rung isn't of it.
    if situation.heard is not None and situation.heard.topic is not None and team == situation.heard.team:
        return "team_of_topic"
    if situation.caller.e164 is None:
        return "team_withheld"
    return "team_known" if situation.caller.is_known else "team_unknown"


def teams_of(situation: Situation) -> list[str | None]:
    case = situation.caller.case
    first = situation.ladder.first.team if situation.ladder.first is not None else None
    topic = situation.heard.team if situation.heard is not None else None
    teams = [first, case.team if case else None, topic, situation.line.team, *situation.ladder.extra_teams]
    named: list[str | None] = list(dict.fromkeys(team for team in teams if team))
    # A line that nobody described has no team: whoever is there is better than nobody.
    return named if situation.line.team else [*named, None]


def busy_of_the_teams(situation: Situation) -> list[AgentFacts]:
    teams, case = teams_of(situation), situation.caller.case
    # Nobody waits for the owner alone who only says to be somebody.
    in_person = None if situation.is_claimed else situation.owner
    return [
        agent
        for agent in situation.agents.values()
        if agent.key not in (in_person, case.avoided if case else None)
        and agent.reachability in (Reachability.BUSY, Reachability.WRAPPING_UP)
        and (agent.team in teams or None in teams)
    ]


def makes_way_to_this_caller(agent: AgentFacts) -> bool:
    return agent.makes_way and not agent.callers_waiting
