"""Where does this call go, and why? One pure function from what is known to an ordered list of steps."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from app.agents.presence import Endpoint, Reachability
from app.lines.hours import due_at
from app.records.calls import StepKind, StepOutcome
from app.routing.sentences import Sentence
from app.routing.situation import AgentFacts, Situation, Tried

# A ring shorter than this is over before anybody can reach for the telephone.
LEAST_RING_SECONDS = 10


@dataclass(frozen=True)
class Ring:
    kind: StepKind  # owner, colleague or team
    agent: str
    endpoint: Endpoint
    seconds: int
    reason: Sentence
    say: tuple[Sentence, ...] = ()


@dataclass(frozen=True)
class Wait:
    """The caller stays on the line until the agent, or anybody of the team, is free."""

    agent: str | None
    team: str | None
    seconds: int
    due_at: datetime | None  # by when they are rung back if they hang up; None when they can't be
    reason: Sentence
    say: tuple[Sentence, ...] = ()
    kind: StepKind = StepKind.WAIT


@dataclass(frozen=True)
class MakePromise:
    agent: str | None
    team: str | None
    due_at: datetime
    reason: Sentence
    say: tuple[Sentence, ...] = ()
    kind: StepKind = StepKind.PROMISE


@dataclass(frozen=True)
class AskForNumber:
    """Nobody can be rung and the caller's number is unknown: ask for one, so that a promise can be made."""

    agent: str | None
    team: str | None
    due_at: datetime
    reason: Sentence
    say: tuple[Sentence, ...] = ()
    kind: StepKind = StepKind.MESSAGE


Step = Ring | Wait | MakePromise | AskForNumber


@dataclass(frozen=True)
class Decision:
    """What to do now, and what would follow if it came to nothing."""

    steps: tuple[Step, ...]

    @property
    def first(self) -> Step:
        return self.steps[0]


def decide(situation: Situation) -> Decision:
    """Return the ladder from this moment on: never empty, and the last step is always a promise.

    1 the owner; 2 waiting for the owner; 3 colleagues who handled this case, then its team; 4 the line's team
    and the teams that the rules name; 5 a promise. What was already tried is left out. With an unknown
    number the promise is preceded by the one question that makes it possible.
    """
    return Decision(tuple(_ladder(situation)))


def next_step(situation: Situation) -> Step:
    """Return the first step of `decide`; what would follow it is not thought out."""
    return next(_ladder(situation))


def by_weight(situation: Situation) -> list[str]:
    """Return the keys of everybody known, those first on whom the next step may depend.

    The owner and whom was spoken of last; one busy agent of the teams, who stands for all that make a caller
    wait; as many of those who handled the case as make it go round; those who may be rung, in their order.
    On who is left the step does not depend.
    """
    last = situation.tried[-1].agent if situation.tried else None
    named = [key for key in (situation.owner, last) if key is not None and key in situation.agents]
    handlers = [agent.key for agent in situation.agents.values() if agent.handled_at is not None]
    busy = sorted(_busy_of_the_teams(situation), key=_makes_way_to_this_caller, reverse=True)
    owner = situation.agents.get(situation.owner) if situation.owner else None
    may_be_rung = [agent.key for agent, _, _ in _colleagues(situation, owner)]
    counted = sorted(handlers)[: situation.ladder.counter_to_counter or 0]
    one_who_is_busy = [agent.key for agent in busy[:1]]
    return list(dict.fromkeys([*named, *one_who_is_busy, *counted, *may_be_rung, *sorted(situation.agents)]))


def needs_others(situation: Situation, step: Step) -> bool:
    """Tell whether a step, thought out with nobody but the owner known, may be another one once all are.

    An owner who is rung at once is rung whoever else is there.
    """
    is_rung_at_once = isinstance(step, Ring) and step.kind == StepKind.OWNER
    promise = situation.caller.promise
    # Their callback gives way to them first, which sets somebody free.
    return not is_rung_at_once or (promise is not None and promise.is_being_rung)


def _ladder(situation: Situation) -> Iterator[Step]:
    # Whoever came in before closing time and was told to stay is not sent away when the clock strikes.
    if not situation.tried and not situation.line.calendar.is_open(situation.now):
        yield _promise(situation, "closed", (_closed(situation),))
        return

    owner = situation.agents.get(situation.owner) if situation.owner else None
    said = _about_what_was_tried(situation)
    budget = situation.ladder.total_seconds - situation.rung_seconds
    rings_left = situation.ladder.most_rings - sum(
        tried.kind in (StepKind.OWNER, StepKind.COLLEAGUE, StepKind.TEAM) for tried in situation.tried
    )

    if owner is not None:
        step, why_not = _owner_step(situation, owner)
        if isinstance(step, Ring):
            step = replace(step, seconds=min(step.seconds, int(budget)))
        if isinstance(step, Ring) and step.seconds < LEAST_RING_SECONDS:
            said = (Sentence("owner_out_of_reach", _name(owner)),)
        elif step is not None:
            yield step
            said = (Sentence(f"{_outcome_of(step)}", _name(owner)),)
            if isinstance(step, Ring):
                budget -= step.seconds
                rings_left -= 1
        elif why_not is not None:
            said = (why_not,)

    for agent, kind, reason in _colleagues(situation, owner):
        seconds = min(situation.ladder.colleague_ring_seconds, int(budget))
        if rings_left <= 0 or seconds < LEAST_RING_SECONDS or agent.endpoint is None:
            break
        announce = (*said, Sentence("connecting", _name(agent))) if said else ()
        yield Ring(kind, agent.key, agent.endpoint, seconds, reason, announce)
        said = (Sentence("no_answer", _name(agent)),)
        budget -= seconds
        rings_left -= 1

    if (team_wait := _team_wait(situation, said)) is not None:
        yield team_wait
        said = (Sentence("team_still_busy"),)
    yield _promise(situation, "nobody", (*said, Sentence("nobody_free")))


def _owner_step(situation: Situation, owner: AgentFacts) -> tuple[Step | None, Sentence | None]:
    """Return the step that tries the owner, or the sentence that says why they aren't tried (or neither)."""
    tried = [step for step in situation.tried if step.agent == owner.key]
    if any(step.outcome == StepOutcome.ANOTHER_WANTED for step in tried):
        return None, None
    rang = [step for step in tried if step.kind != StepKind.WAIT]
    if rang:
        return _second_telephone(situation, owner, rang), None
    match owner.reachability:
        case Reachability.LEFT:
            return None, None  # nobody need hear that somebody left
        case Reachability.FREE if owner.endpoint is not None:
            cap = situation.ladder.direct_calls_per_hour
            if cap is not None and owner.direct_calls >= cap and not tried:
                return None, Sentence("owner_out_of_reach", _name(owner))
            reason = Sentence("owner_freed" if tried else _why_owner(situation), _name(owner))
            return _ring_owner(situation, owner, owner.endpoint, reason), None
        case Reachability.BUSY | Reachability.WRAPPING_UP:
            if any(step.outcome == StepOutcome.WAITED_TOO_LONG for step in tried):
                return None, Sentence("owner_still_busy", _name(owner))
            return _wait_for(situation, owner), None
        case Reachability.BREAK:
            return None, _back(situation, owner, "owner_on_break")
        case Reachability.UNPROVEN:
            return None, Sentence("owner_out_of_reach", _name(owner))
        case _:
            return None, _back(situation, owner, "owner_not_there")


def _ring_owner(
    situation: Situation,
    owner: AgentFacts,
    endpoint: Endpoint,
    reason: Sentence,
) -> Ring:
    return Ring(StepKind.OWNER, owner.key, endpoint, situation.ladder.owner_ring_seconds, reason)


def _second_telephone(situation: Situation, owner: AgentFacts, rang: list[Tried]) -> Ring | None:
    """A desk whose telephone fails at once is suspect: the owner's ordinary phone rings instead, once."""
    failed_at_desk = len(rang) == 1 and rang[0].outcome == StepOutcome.FAILED and rang[0].endpoint == "client"
    if not failed_at_desk or owner.phone is None or owner.reachability != Reachability.FREE:
        return None
    return _ring_owner(
        situation, owner, Endpoint("phone", owner.phone), Sentence("owner_desk_failed", _name(owner))
    )


def _why_owner(situation: Situation) -> str:
    if situation.caller.promise and situation.caller.promise.agent == situation.owner:
        return "owner_promised"
    case = situation.caller.case
    if case is None:
        return "owner_last_contact"
    return "owner_free" if case.handled_by == situation.owner else "owner_named"


def _wait_for(situation: Situation, owner: AgentFacts) -> Wait:
    due_at = promised_by(situation) if situation.can_be_rung_back else None
    if owner.makes_way and not owner.callers_waiting:
        # In a few seconds it rings: there is nothing to tell, and nothing that keeps the agent busy.
        seconds = situation.ladder.wait_for_owner_seconds
        return Wait(owner.key, None, seconds, due_at, Sentence("owner_makes_way", _name(owner)))
    first = Sentence("owner_busy", _name(owner))
    if owner.makes_way:
        first = Sentence("owner_still_busy", _name(owner))
    elif owner.reachability == Reachability.WRAPPING_UP:
        first = Sentence("owner_wrapping_up", _name(owner))
    elif owner.free_in_minutes is not None:
        code = "owner_busy_minutes" if owner.free_in_minutes > 1 else "owner_busy_nearly_done"
        first = Sentence(code, _name(owner) | {"minutes": ("number", owner.free_in_minutes)})
    turn = Sentence("stay_first", _name(owner))
    if owner.callers_waiting:
        turn = Sentence("stay_after", _name(owner) | {"count": ("number", owner.callers_waiting)})
    say = [first, turn]
    if due_at is not None:
        say.append(Sentence("or_hang_up", _name(owner) | {"time": ("before", due_at)}))
    return Wait(
        agent=owner.key,
        team=None,
        seconds=situation.ladder.wait_for_owner_seconds,
        due_at=due_at,
        reason=Sentence("owner_busy", _name(owner)),
        say=tuple(say),
    )


def _back(situation: Situation, owner: AgentFacts, code: str) -> Sentence:
    if owner.back_at is not None and owner.back_at > situation.now:
        return Sentence(f"{code}_until", _name(owner) | {"time": ("at", owner.back_at)})
    return Sentence(code, _name(owner))


def _outcome_of(step: Step) -> str:
    """Say, for what would follow this step, how it would have ended."""
    return "no_answer" if isinstance(step, Ring) else "owner_still_busy"


def _about_what_was_tried(situation: Situation) -> tuple[Sentence, ...]:
    if not situation.tried:
        return ()
    last = situation.tried[-1]
    agent = situation.agents.get(last.agent) if last.agent else None
    match last.outcome:
        case StepOutcome.WAITED_TOO_LONG if agent is None:
            return (Sentence("team_still_busy"),)
        case StepOutcome.ANOTHER_WANTED:
            return (Sentence("another_wanted"),)
        case _ if agent is None or agent.reachability == Reachability.LEFT:
            return ()
        case StepOutcome.DECLINED:
            return (Sentence(f"declined_{last.declined_why or 'not_now'}", _name(agent)),)
        case StepOutcome.FAILED:
            return (Sentence("owner_out_of_reach", _name(agent)),)
        case StepOutcome.BUSY | StepOutcome.WAITED_TOO_LONG:
            return (Sentence("owner_still_busy", _name(agent)),)
        case _:
            return (Sentence("no_answer", _name(agent)),)


def _colleagues(
    situation: Situation, owner: AgentFacts | None
) -> Iterator[tuple[AgentFacts, StepKind, Sentence]]:
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
        yield agent, StepKind.COLLEAGUE, Sentence("colleague_handled", _name(agent))
    listed = {agent.key for agent in knowing}
    if case is not None and situation.goes_round:
        # Their own team's supervisor first; whoever talks with the caller owns the case from then on.
        in_charge = [agent for agent in free if agent.is_supervisor and agent.key not in listed]
        for agent in sorted(in_charge, key=lambda one: (one.team != case.team, one.key)):
            listed.add(agent.key)
            yield agent, StepKind.COLLEAGUE, Sentence("supervisor_takes_charge", _name(agent))
    for team in _teams(situation):
        members = [agent for agent in free if agent.key not in listed and team in (None, agent.team)]
        for agent in sorted(members, key=lambda one: (one.idle_since or situation.now, one.key)):
            listed.add(agent.key)
            kind = StepKind.COLLEAGUE if owner is not None else StepKind.TEAM
            yield agent, kind, Sentence(_why_team(situation, owner), _name(agent) | {"team": agent.team})


def _why_team(situation: Situation, owner: AgentFacts | None) -> str:
    case = situation.caller.case
    if case is not None and case.avoided is not None:
        return "team_another_wanted"
    if owner is not None:
        return "team_instead_of_owner"
    if situation.caller.e164 is None:
        return "team_withheld"
    return "team_known" if situation.caller.is_known else "team_unknown"


def _teams(situation: Situation) -> list[str | None]:
    case = situation.caller.case
    teams = [case.team if case else None, situation.line.team, *situation.ladder.extra_teams]
    named: list[str | None] = list(dict.fromkeys(team for team in teams if team))
    # A line that nobody described has no team: whoever is there is better than nobody.
    return named if situation.line.team else [*named, None]


def _team_wait(situation: Situation, said: tuple[Sentence, ...]) -> Wait | None:
    """Wait for the first of the team who is free, when somebody of it is only busy."""
    waited = any(
        tried.outcome == StepOutcome.WAITED_TOO_LONG and tried.agent is None for tried in situation.tried
    )
    teams, busy = _teams(situation), _busy_of_the_teams(situation)
    if waited or not busy or situation.ladder.wait_for_team_seconds <= 0:
        return None
    due_at = promised_by(situation) if situation.can_be_rung_back else None
    makes_way = any(_makes_way_to_this_caller(agent) for agent in busy)
    say = list(said) if makes_way else [*said, Sentence("team_busy")]
    if due_at is not None and not makes_way:
        say.append(Sentence("team_or_hang_up", {"time": ("before", due_at)}))
    return Wait(
        agent=None,
        team=teams[0] or "",
        seconds=situation.ladder.wait_for_team_seconds,
        due_at=due_at,
        reason=Sentence("team_busy"),
        say=tuple(say),
    )


def _busy_of_the_teams(situation: Situation) -> list[AgentFacts]:
    teams, case = _teams(situation), situation.caller.case
    return [
        agent
        for agent in situation.agents.values()
        if agent.key not in (situation.owner, case.avoided if case else None)
        and agent.reachability in (Reachability.BUSY, Reachability.WRAPPING_UP)
        and (agent.team in teams or None in teams)
    ]


def _makes_way_to_this_caller(agent: AgentFacts) -> bool:
    return agent.makes_way and not agent.callers_waiting


def _closed(situation: Situation) -> Sentence:
    opening = situation.line.calendar.next_opening(situation.now)
    holiday = situation.line.calendar.holiday(situation.now)
    if opening is None:
        return Sentence("closed")
    return Sentence("closed_holiday" if holiday else "closed_until", {"time": ("at", opening)})


def _promise(situation: Situation, why: str, say: tuple[Sentence, ...]) -> MakePromise | AskForNumber:
    owner = situation.agents.get(situation.owner) if situation.owner else None
    is_wanted = not any(tried.outcome == StepOutcome.ANOTHER_WANTED for tried in situation.tried)
    debtor = owner if owner is not None and is_wanted and owner.reachability != Reachability.LEFT else None
    case = situation.caller.case
    due_at = promised_by(situation)
    agent = debtor.key if debtor else None
    team = case.team if case else situation.line.team
    reason = Sentence(f"promise_{why}")
    if not situation.can_be_rung_back:
        question = "ask_for_number" if situation.caller.e164 is None else "ask_for_other_number"
        return AskForNumber(agent, team, due_at, reason, (*say, Sentence(question)))
    code = "promise_by_agent" if debtor else "promise"
    values = (_name(debtor) if debtor else {}) | {"time": ("before", due_at)}
    return MakePromise(agent, team, due_at, reason, (*say, Sentence(code, values)))


def promised_by(situation: Situation) -> datetime:
    """Return by when this caller is rung back: a promise that is already owed keeps its time."""
    owed = situation.caller.promise
    if owed is not None and owed.due_at > situation.now:
        return owed.due_at
    return _due_at(situation)


def _due_at(situation: Situation) -> datetime:
    return due_at(situation.line.calendar, situation.now, situation.ladder.promise_minutes)


def _name(agent: AgentFacts) -> dict[str, Any]:
    return {"agent": agent.spoken_name}
