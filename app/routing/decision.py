"""Where does this call go, and why? One pure function from what is known to an ordered list of steps."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime

from app.agents.presence import Endpoint, Reachability
from app.lines.hours import due_at
from app.records.calls import StepKind, StepOutcome
from app.routing import asking, closed
from app.routing.candidates import (
    Candidate,
    busy_of_the_teams,
    colleagues,
    makes_way_to_this_caller,
    teams_of,
    whom_a_rule_names,
)
from app.routing.ladder import FirstKind, Only
from app.routing.sentences import Sentence, name
from app.routing.situation import AgentFacts, Situation, Tried, answering_team

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


@dataclass(frozen=True)
class Ask:
    """Nobody knows the caller: ask, once, what it is about. Whatever they say, or don't, leads on."""

    reason: Sentence
    say: tuple[Sentence | str, ...]
    kind: StepKind = StepKind.ASKED


Step = Ring | Wait | MakePromise | AskForNumber | Ask


@dataclass(frozen=True)
class Decision:
    """What to do now, and what would follow if it came to nothing."""

    steps: tuple[Step, ...]

    @property
    def first(self) -> Step:
        return self.steps[0]


def decide(situation: Situation) -> Decision:
    """Return the ladder from this moment on: never empty, and the last step is always a promise.

    Whom a rule has rung first, if one does; who of us tried to reach the caller; then 1 the owner; 2 waiting
    for the owner; 3 colleagues who handled this case, then its team; 4 the line's team and the teams that the
    rules name; 5 a promise. What was already tried is left out. Without a number the promise comes after the
    one question that makes it possible.
    """
    return Decision(tuple(_ladder(situation)))


def next_step(situation: Situation) -> Step:
    """Return the first step of `decide`; what would follow it is not thought out."""
    return next(_ladder(situation))


def first_for_somebody(situation: Situation) -> Step:
    """Return the first step that leads to somebody, the question before it left out: for comparing rules.

    As if nothing were made of the answer: what is made of it is no rule's.
    """
    return next(step for step in _ladder(situation) if not isinstance(step, Ask))


def by_weight(situation: Situation) -> list[str]:
    """Return the keys of everybody known, those first on whom the next step may depend.

    The owner, whom a rule names, whom was spoken of last, and who tried to reach the caller; one busy agent
    of the teams, who stands for all that make a caller wait; as many of those who handled the case as make it
    go round; those who may be rung, in their order. On who is left the step does not depend.
    """
    last = situation.tried[-1].agent if situation.tried else None
    first = situation.ladder.first
    named_by_rule = first.agent if first is not None else None
    who_tried = situation.missed.agent if situation.missed is not None else None
    said = (situation.owner, named_by_rule, last, who_tried)
    named = [key for key in said if key is not None and key in situation.agents]
    handlers = [agent.key for agent in situation.agents.values() if agent.handled_at is not None]
    busy = sorted(busy_of_the_teams(situation), key=makes_way_to_this_caller, reverse=True)
    owner = situation.agents.get(situation.owner) if situation.owner else None
    may_be_rung = [agent.key for agent, _, _ in whom_a_rule_names(situation)]
    may_be_rung += [agent.key for agent, _, _ in colleagues(situation, owner)]
    counted = sorted(handlers)[: situation.ladder.counter_to_counter or 0]
    one_who_is_busy = [agent.key for agent in busy[:1]]
    return list(dict.fromkeys([*named, *one_who_is_busy, *counted, *may_be_rung, *sorted(situation.agents)]))


def needs_others(situation: Situation, step: Step) -> bool:
    """Tell whether a step, thought out with nobody but the owner known, may be another one once all are.

    An owner who is rung at once is rung whoever else is there.
    """
    is_rung_at_once = isinstance(step, Ring) and step.kind == StepKind.OWNER
    promise, missed = situation.caller.promise, situation.missed
    if missed is not None and missed.agent not in situation.agents:
        return True
    # Their callback gives way to them first, which sets somebody free.
    return not is_rung_at_once or (promise is not None and promise.is_being_rung)


def _ladder(situation: Situation) -> Iterator[Step]:
    calendar, ladder = situation.line.calendar, situation.ladder
    if ladder.only == Only.REFUSE:
        yield _refused(situation)
        return
    # Whoever came in before closing time and was told to stay is not sent away when the clock strikes.
    is_closed = not situation.tried and not calendar.is_open(situation.now)
    is_outside = ladder.rings_when_closed and not calendar.is_open(situation.began_at)
    if is_closed and not is_outside:
        yield _promise(situation, "closed", (_closed(situation),))
        return
    if ladder.only == Only.PROMISE:
        yield _promise(situation, "by_rule", (Sentence("not_put_through"),))
        return

    if asking.is_to_be_asked(situation):
        yield Ask(Sentence("asked"), (situation.line.question or asking.question(situation),))
    so_far = _SoFar.of(situation)
    owner = situation.agents.get(situation.owner) if situation.owner else None
    yield from _whom_a_rule_names(situation, so_far)
    if is_outside:
        yield _promise(situation, "closed", (*so_far.said, _closed(situation)))
        return
    yield from _who_tried(situation, so_far)
    if owner is not None and owner.key not in so_far.rung:
        yield from _person(situation, owner, so_far)
    yield from _rings(situation, colleagues(situation, owner), so_far)
    if (team_wait := _team_wait(situation, so_far.said)) is not None:
        yield team_wait
        so_far.said = (Sentence("team_still_busy"),)
    yield _promise(situation, "nobody", (*so_far.said, Sentence("nobody_free")))


@dataclass
class _SoFar:
    """How far the ladder has been thought out: what is left of its limits, and what there is to say."""

    said: tuple[Sentence, ...]
    budget: float  # seconds of ringing
    rings_left: int
    waited_for: str | None  # in person: there is one such wait in a call
    rung: set[str] = field(default_factory=set)  # in thought, beside those who were tried

    @classmethod
    def of(cls, situation: Situation) -> "_SoFar":
        tried = situation.tried
        return cls(
            said=_about_what_was_tried(situation),
            budget=situation.ladder.total_seconds - situation.rung_seconds,
            rings_left=situation.ladder.most_rings - sum(one.kind in _RINGS for one in tried),
            waited_for=next((one.agent for one in tried if one.kind == StepKind.WAIT and one.agent), None),
        )

    def rang(self, step: Ring, said: Sentence) -> None:
        self.said = (said,)
        self.budget -= step.seconds
        self.rings_left -= 1
        self.rung.add(step.agent)


_RINGS = (StepKind.OWNER, StepKind.COLLEAGUE, StepKind.TEAM)


def _whom_a_rule_names(situation: Situation, so_far: _SoFar) -> Iterator[Step]:
    """Try whom a rule has rung first; then the ladder goes its usual way."""
    first, case = situation.ladder.first, situation.caller.case
    if first is None:
        return
    named = situation.agents.get(first.agent) if first.agent is not None else None
    if first.kind == FirstKind.OWNER and situation.owner is not None:
        named = situation.agents.get(situation.owner)
    if named is not None and (case is None or named.key != case.avoided):
        yield from _person(situation, named, so_far)
        # Tried, or not to be: as their owner they aren't thought of once more.
        so_far.rung.add(named.key)
    yield from _rings(situation, whom_a_rule_names(situation), so_far)


def _who_tried(situation: Situation, so_far: _SoFar) -> Iterator[Step]:
    """Ring who of us tried to reach this caller and didn't, while they are free: it is they who know why.

    The caller hears that they did, unless the carrier says that the number may be forged.
    """
    missed, case = situation.missed, situation.caller.case
    agent = situation.agents.get(missed.agent) if missed is not None else None
    if agent is None or agent.endpoint is None or agent.reachability != Reachability.FREE:
        return
    was_rung = agent.key in so_far.rung or any(one.agent == agent.key for one in situation.tried)
    is_avoided = case is not None and case.avoided == agent.key
    wants_another = any(one.outcome == StepOutcome.ANOTHER_WANTED for one in situation.tried)
    seconds = min(situation.ladder.owner_ring_seconds, int(so_far.budget))
    if was_rung or is_avoided or wants_another or so_far.rings_left <= 0 or seconds < LEAST_RING_SECONDS:
        return
    is_doubtful = situation.attestation.startswith("TN-Validation-Failed")
    say = () if is_doubtful else (*so_far.said, Sentence("we_tried", name(agent)))
    kind = StepKind.OWNER if agent.key == situation.owner else StepKind.COLLEAGUE
    step = Ring(kind, agent.key, agent.endpoint, seconds, Sentence("tried_to_reach", name(agent)), say)
    yield step
    so_far.rang(step, Sentence("no_answer", name(agent)))


def _person(situation: Situation, agent: AgentFacts, so_far: _SoFar) -> Iterator[Step]:
    """Ring or wait for the owner, or whom a rule names; nothing when they aren't tried, and why is noted."""
    step, why_not = _person_step(situation, agent)
    is_owner = agent.key == situation.owner
    if isinstance(step, Wait) and so_far.waited_for not in (None, agent.key):
        step, why_not = None, Sentence("owner_still_busy", name(agent))
    if isinstance(step, Ring):
        step = replace(step, seconds=min(step.seconds, int(so_far.budget)))
    if isinstance(step, Ring) and step.seconds < LEAST_RING_SECONDS:
        step, why_not = None, Sentence("owner_out_of_reach", name(agent))
    if situation.is_claimed and is_owner and not isinstance(step, Ring):
        # Who only says to be somebody waits for no owner of theirs, and hears nothing of one.
        return
    if step is None:
        # Of somebody for whom the caller never asked nothing need be said.
        if why_not is not None and is_owner:
            so_far.said = (why_not,)
        return
    yield step
    if isinstance(step, Ring):
        so_far.rang(step, Sentence("no_answer", name(agent)))
    else:
        so_far.waited_for, so_far.said = agent.key, (Sentence("owner_still_busy", name(agent)),)


def _rings(situation: Situation, several: Iterator[Candidate], so_far: _SoFar) -> Iterator[Step]:
    """Ring one after the other, as long as the limits allow."""
    for agent, kind, reason in several:
        if agent.key in so_far.rung:
            continue
        seconds = min(situation.ladder.colleague_ring_seconds, int(so_far.budget))
        if so_far.rings_left <= 0 or seconds < LEAST_RING_SECONDS or agent.endpoint is None:
            break
        said = so_far.said
        announce = (*said, Sentence("connecting", name(agent))) if said else ()
        step = Ring(kind, agent.key, agent.endpoint, seconds, reason, announce)
        yield step
        so_far.rang(step, Sentence("no_answer", name(agent)))


def _person_step(situation: Situation, owner: AgentFacts) -> tuple[Step | None, Sentence | None]:
    """Return the step that tries the owner, or whom a rule names; or why they aren't tried (or neither)."""
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
            cap = situation.ladder.direct_calls_per_hour if owner.key == situation.owner else None
            if cap is not None and owner.direct_calls >= cap and not tried:
                return None, Sentence("owner_out_of_reach", name(owner))
            why = _why_owner(situation) if owner.key == situation.owner else _why_named(situation)
            reason = Sentence("owner_freed" if tried else why, name(owner))
            return _ring_owner(situation, owner, owner.endpoint, reason), None
        case Reachability.BUSY | Reachability.WRAPPING_UP:
            is_over = any(step.outcome == StepOutcome.WAITED_TOO_LONG for step in tried)
            if is_over or situation.ladder.wait_for_owner_seconds == 0:
                return None, Sentence("owner_still_busy", name(owner))
            return _wait_for(situation, owner), None
        case Reachability.BREAK:
            return None, _back(situation, owner, "owner_on_break")
        case Reachability.UNPROVEN:
            return None, Sentence("owner_out_of_reach", name(owner))
        case _:
            return None, _back(situation, owner, "owner_not_there")


def _ring_owner(
    situation: Situation,
    owner: AgentFacts,
    endpoint: Endpoint,
    reason: Sentence,
) -> Ring:
    kind = StepKind.OWNER if owner.key == situation.owner else StepKind.COLLEAGUE
    return Ring(kind, owner.key, endpoint, situation.ladder.owner_ring_seconds, reason)


def _second_telephone(situation: Situation, owner: AgentFacts, rang: list[Tried]) -> Ring | None:
    """A desk whose telephone fails at once is suspect: the owner's ordinary phone rings instead, once."""
    failed_at_desk = len(rang) == 1 and rang[0].outcome == StepOutcome.FAILED and rang[0].endpoint == "client"
    if not failed_at_desk or owner.phone is None or owner.reachability != Reachability.FREE:
        return None
    return _ring_owner(
        situation, owner, Endpoint("phone", owner.phone), Sentence("owner_desk_failed", name(owner))
    )


def _why_named(situation: Situation) -> str:
    """Say why somebody is rung who isn't the owner: a rule names them, or a supervisor took the call."""
    return "rule_agent" if situation.resolved.rule else "supervisor_takes"


def _why_owner(situation: Situation) -> str:
    if situation.is_claimed:
        return "owner_claimed"
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
        return Wait(owner.key, None, seconds, due_at, Sentence("owner_makes_way", name(owner)))
    first = Sentence("owner_busy", name(owner))
    if owner.makes_way:
        first = Sentence("owner_still_busy", name(owner))
    elif owner.reachability == Reachability.WRAPPING_UP:
        first = Sentence("owner_wrapping_up", name(owner))
    elif owner.free_in_minutes is not None:
        code = "owner_busy_minutes" if owner.free_in_minutes > 1 else "owner_busy_nearly_done"
        first = Sentence(code, name(owner) | {"minutes": ("number", owner.free_in_minutes)})
    turn = Sentence("stay_first", name(owner))
    if owner.callers_waiting:
        turn = Sentence("stay_after", name(owner) | {"count": ("number", owner.callers_waiting)})
    say = [first, turn]
    if due_at is not None:
        say.append(Sentence("or_hang_up", name(owner) | {"time": ("before", due_at)}))
    return Wait(
        agent=owner.key,
        team=None,
        seconds=situation.ladder.wait_for_owner_seconds,
        due_at=due_at,
        reason=Sentence("owner_busy", name(owner)),
        say=tuple(say),
    )


def _back(situation: Situation, owner: AgentFacts, code: str) -> Sentence:
    if owner.back_at is not None and owner.back_at > situation.now:
        return Sentence(f"{code}_until", name(owner) | {"time": ("at", owner.back_at)})
    return Sentence(code, name(owner))


def _outcome_of(step: Step) -> str:
    """Say, for what would follow this step, how it would have ended."""
    return "no_answer" if isinstance(step, Ring) else "owner_still_busy"


def _about_what_was_tried(situation: Situation) -> tuple[Sentence, ...]:
    # To what they said nothing is answered but a telephone that rings.
    if not situation.tried or situation.tried[-1].kind == StepKind.ASKED:
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
            return (Sentence(f"declined_{last.declined_why or 'not_now'}", name(agent)),)
        case StepOutcome.FAILED:
            return (Sentence("owner_out_of_reach", name(agent)),)
        case StepOutcome.BUSY | StepOutcome.WAITED_TOO_LONG:
            return (Sentence("owner_still_busy", name(agent)),)
        case _:
            return (Sentence("no_answer", name(agent)),)


def _team_wait(situation: Situation, said: tuple[Sentence, ...]) -> Wait | None:
    """Wait for the first of the team who is free, when somebody of it is only busy."""
    waited = any(
        tried.outcome == StepOutcome.WAITED_TOO_LONG and tried.agent is None for tried in situation.tried
    )
    teams, busy = teams_of(situation), busy_of_the_teams(situation)
    if waited or not busy or situation.ladder.wait_for_team_seconds <= 0:
        return None
    due_at = promised_by(situation) if situation.can_be_rung_back else None
    makes_way = any(makes_way_to_this_caller(agent) for agent in busy)
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


def _closed(situation: Situation) -> Sentence:
    return closed.sentence(situation.line.calendar, situation.now)


def _promise(situation: Situation, why: str, say: tuple[Sentence, ...]) -> MakePromise | AskForNumber:
    owner = situation.agents.get(situation.owner) if situation.owner else None
    is_wanted = not any(tried.outcome == StepOutcome.ANOTHER_WANTED for tried in situation.tried)
    debtor = owner if owner is not None and is_wanted and owner.reachability != Reachability.LEFT else None
    due_at = promised_by(situation)
    agent = debtor.key if debtor else None
    team = _team_of(situation)
    reason = Sentence(f"promise_{why}")
    if not situation.can_be_rung_back:
        question = "ask_for_number" if situation.caller.e164 is None else "ask_for_other_number"
        return AskForNumber(agent, team, due_at, reason, (*say, Sentence(question)))
    is_named = debtor is not None and not situation.is_claimed
    code = "promise_by_agent" if is_named else "promise"
    values = (name(debtor) if debtor is not None and is_named else {}) | {"time": ("before", due_at)}
    return MakePromise(agent, team, due_at, reason, (*say, Sentence(code, values)))


def _refused(situation: Situation) -> MakePromise | AskForNumber:
    """Ring nobody: a supervisor sees what they say, and answers. What was owed before stays owed."""
    say = Sentence("not_put_through")
    owed, customer = situation.caller.promise, situation.caller.customer
    is_theirs = owed is not None and owed.customer in (None, customer.key if customer else None)
    if is_theirs or not situation.can_be_rung_back:
        return _promise(situation, "refused", (say,))
    due_at = promised_by(situation)
    team = _team_of(situation)
    reviewed = Sentence("promise_reviewed", {"time": ("before", due_at)})
    return MakePromise(None, team, due_at, Sentence("promise_refused"), (say, reviewed))


def _team_of(situation: Situation) -> str | None:
    return answering_team(situation.caller, situation.heard, situation.line, situation.agents)


def promised_by(situation: Situation) -> datetime:
    """Return by when this caller is rung back: a promise that is already owed keeps its time."""
    owed = situation.caller.promise
    if owed is not None and owed.due_at > situation.now:
        return owed.due_at
    return _due_at(situation)


def _due_at(situation: Situation) -> datetime:
    return due_at(situation.line.calendar, situation.now, situation.ladder.promise_minutes)
