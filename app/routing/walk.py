"""How would a call go, second by second? The decision of the real call, asked step after step.

Who is there changes along the way as it does on the telephone: a ring that nobody answers makes the agent
away, a telephone that fails at once is not believed for a while, what a waiting caller was promised is owed.
Pure: nobody is rung and nothing is written.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from app.agents.presence import Endpoint, Reachability
from app.callers.recognition import OwedPromise
from app.carrier.words import dial_outcome
from app.lines.hours import due_at
from app.records.calls import StepKind, StepOutcome
from app.routing import heard, resolving
from app.routing.answers import (
    OF_A_MESSAGE,
    OF_A_PROMISE,
    OF_A_QUESTION,
    OF_A_RING,
    OF_A_WAIT,
    OF_AN_OPEN_QUESTION,
    USUALLY_AFTER,
    Answer,
    AnswerKind,
)
from app.routing.decision import Ask, AskForNumber, MakePromise, Ring, Step, Wait, next_step
from app.routing.facts import Facts
from app.routing.sentences import Sentence
from app.routing.situation import AgentFacts, Situation, Tried

# How quickly a voice of the carrier speaks: an estimate, to place what follows; see docs/simulate.md.
CHARACTERS_A_SECOND = 15
# More steps than any path can have; see routing/proof.py.
MOST_STEPS = 50
# Of a promise that stands in no table: its number is nobody's.
OF_NO_ROW = -1


class End(StrEnum):
    HUMAN = "human"
    PROMISE = "promise"
    MESSAGE = "message"
    # They hung up themselves, and there is no number on which they could be rung.
    NOTHING = "nothing"


@dataclass(frozen=True)
class Heard:
    """A sentence that the caller hears, so many seconds after the call came in."""

    at: float
    said: Sentence | str


@dataclass(frozen=True)
class Owes:
    """Who owes the caller a callback, and by when; nobody and no team: it is anybody's."""

    agent: str | None
    team: str | None
    due_at: datetime


@dataclass(frozen=True)
class Walked:
    """One step of the way, and what became of it."""

    step: Step
    known: Situation  # on which it was decided
    begins_at: float
    heard: tuple[Heard, ...]  # as it begins
    possible: tuple[AnswerKind, ...]
    answer: Answer
    is_assumed: bool  # nobody said what becomes of it
    ends_at: float
    rings_at: float | None = None
    again: tuple[Heard, ...] = ()  # while they wait
    after: tuple[Heard, ...] = ()  # before it is over
    owes: Owes | None = None


@dataclass(frozen=True)
class Way:
    """A whole call."""

    steps: tuple[Walked, ...]
    ends: End
    owes: Owes | None  # when it is over

    @property
    def seconds(self) -> float:
        return self.steps[-1].ends_at

    @property
    def codes(self) -> frozenset[str]:
        """The codes of all that is said."""
        spoken = [one for step in self.steps for one in (*step.heard, *step.again, *step.after)]
        return frozenset(one.said.code for one in spoken if isinstance(one.said, Sentence))


def seconds_of(said: Sequence[str]) -> float:
    """Return how long it takes to say something, to half a second."""
    return round(2 * sum(map(len, said)) / CHARACTERS_A_SECOND) / 2


def walk(
    facts: Facts,
    at: datetime,
    answers: Sequence[Answer],
    *,
    may_be_rung: bool,
    then: AnswerKind = AnswerKind.NO_ANSWER,
    having_heard: Mapping[str, Facts] | None = None,
) -> Way:
    """Go the way of a call that comes in `at` a moment.

    `having_heard` is what is known after each answer to the open question, by its words.

    `then` is what becomes of a ring for which there is no answer, or one that it can't have; a wait is too
    long then, and nothing is said.
    """
    walker = _Walker(replace(facts, came_in_at=at), at, may_be_rung, list(answers), then)
    walker.having_heard = having_heard or {}
    return walker.way()


@dataclass
class _Walker:
    facts: Facts
    came_in_at: datetime
    may_be_rung: bool
    answers: list[Answer]
    then: AnswerKind = AnswerKind.NO_ANSWER
    having_heard: Mapping[str, Facts] = field(default_factory=dict)
    clock: float = 0.0  # seconds since the call came in
    tried: list[Tried] = field(default_factory=list)
    rung_seconds: float = 0.0
    waits: tuple[tuple[str | None, str | None], float] | None = None  # for whom, since when
    owes: Owes | None = None
    ends: End | None = None
    walked: list[Walked] = field(default_factory=list)

    def way(self) -> Way:
        while self.ends is None and len(self.walked) < MOST_STEPS:
            known = self._situation()
            step = next_step(known)
            match step:
                case Ring():
                    self._ring(known, step)
                case Wait():
                    self._wait(known, step)
                case MakePromise():
                    self._promise(known, step)
                case AskForNumber():
                    self._ask(known, step)
                case Ask():
                    self._ask_openly(known, step)
        return Way(tuple(self.walked), self.ends or End.NOTHING, self.owes)

    @property
    def now(self) -> datetime:
        return self._moment(self.clock)

    def _moment(self, seconds: float) -> datetime:
        return self.came_in_at + timedelta(seconds=seconds)

    def _situation(self) -> Situation:
        return self.facts.situation(
            self.now,
            can_be_rung_back=self.may_be_rung,
            tried=self.tried,
            rung_seconds=self.rung_seconds,
        )

    def _opening(self, known: Situation, step: Step) -> list[Sentence | str]:
        return heard.at_first(step, known, is_first=not self.walked)

    def _records(self, known: Situation) -> bool:
        return resolving.records_messages(known.ladder, known.line)

    def _says(self, said: Sequence[Sentence | str]) -> tuple[Heard, ...]:
        """Let the caller hear sentences one after the other, from now on; the clock goes on meanwhile."""
        told = []
        for one, words in zip(said, heard.in_words(said, self.facts, self.now), strict=True):
            told.append(Heard(self.clock, one))
            self.clock += seconds_of([words])
        return tuple(told)

    def _answer(self, possible: tuple[AnswerKind, ...], otherwise: AnswerKind) -> tuple[Answer, bool]:
        if self.answers:
            given = self.answers.pop(0)
            if given.kind in possible:
                return given, False
        return Answer(otherwise), True

    # --- rings ------------------------------------------------------------------------------------

    def _ring(self, known: Situation, step: Ring) -> None:
        began = self.clock
        said = self._says(self._opening(known, step))
        rings_at, longest = self.clock, float(step.seconds)
        answer, assumed = self._answer(OF_A_RING, self.then)
        wanted = answer.after_seconds
        if wanted is None:
            wanted = USUALLY_AFTER.get(answer.kind, longest)
        lasted = longest if answer.kind == AnswerKind.NO_ANSWER else min(wanted, longest)
        self.clock += lasted
        self.waits = None
        owes = None
        match answer.kind:
            case AnswerKind.ANSWERED:
                self.ends, self.owes = End.HUMAN, None
            case AnswerKind.HUNG_UP:
                owes = self._hangs_up(known)
            case _:
                outcome = outcome_of(answer.kind)
                why = answer.why or ("not_now" if answer.kind == AnswerKind.DECLINED else "")
                self.tried.append(Tried(step.kind, step.agent, outcome, why, step.endpoint.kind))
                # From when it was decided, with what was said first: so a call counts, too.
                self.rung_seconds += self.clock - began
                self._becomes(after_ring(self.facts.agents[step.agent], outcome))
        self._note(known, step, began, said, OF_A_RING, answer, assumed, rings_at=rings_at, owes=owes)

    # --- waits ------------------------------------------------------------------------------------

    def _wait(self, known: Situation, step: Wait) -> None:
        began, for_whom = self.clock, (step.agent, step.team)
        since = self.waits[1] if self.waits is not None and self.waits[0] == for_whom else began
        self.waits = (for_whom, since)
        said = self._says(self._opening(known, step))
        if step.due_at is not None:
            # It is written down before it is said: who hangs up is owed it.
            self._owe(step.agent, step.team, step.due_at, known)
        becomes_free = self._becomes_free(step)
        possible = tuple(
            one
            for one in OF_A_WAIT
            if (one != AnswerKind.ANOTHER or step.agent) and (one != AnswerKind.FREED or becomes_free)
        )
        answer, assumed = self._answer(possible, AnswerKind.TOO_LONG)
        limit = max(since + step.seconds - self.clock, 0.0)
        wanted = answer.after_seconds
        if wanted is None:
            wanted = USUALLY_AFTER.get(answer.kind, limit)
        lasted = limit if answer.kind == AnswerKind.TOO_LONG else min(wanted, limit)
        spoken_at = began if said else since
        again = self._patience(step, spoken_at, self.clock, self.clock + lasted)
        self.clock += lasted
        owes = self._after_wait(known, step, answer, becomes_free)
        self._note(known, step, began, said, possible, answer, assumed, again=again, owes=owes)

    def _patience(self, step: Wait, spoken_at: float, begins: float, ends: float) -> tuple[Heard, ...]:
        agent = self.facts.agents.get(step.agent) if step.agent else None
        name = self._situation().agents[agent.key].spoken_name if agent else None
        every, told = heard.SPEAK_AGAIN_AFTER.total_seconds(), []
        at = max(spoken_at + every, begins)
        while at < ends:
            due = self.owes.due_at if self.owes is not None else None
            due = due if due is not None and due > self._moment(at) else None
            told.append(Heard(at, heard.patience(name, for_team=step.agent is None, due_at=due)))
            at += every
        return tuple(told)

    def _after_wait(
        self, known: Situation, step: Wait, answer: Answer, becomes_free: AgentFacts | None
    ) -> Owes | None:
        waited_for = self.facts.agents.get(step.agent) if step.agent else None
        match answer.kind:
            case AnswerKind.HUNG_UP:
                return self._hangs_up(known)
            case AnswerKind.ANOTHER if waited_for is not None:
                self.tried.append(Tried(StepKind.WAIT, step.agent, StepOutcome.ANOTHER_WANTED))
                self._avoid(waited_for.key)
            case AnswerKind.FREED:
                self.tried.append(Tried(StepKind.WAIT, step.agent, StepOutcome.FREED))
                self._becomes(becomes_free)
            case _:
                self.tried.append(Tried(StepKind.WAIT, step.agent, StepOutcome.WAITED_TOO_LONG))
                if answer.kind == AnswerKind.GONE:
                    self._gone(known, waited_for)
        return None

    def _becomes_free(self, step: Wait) -> AgentFacts | None:
        """Return whom the wait is for, once free; of a team one of the busy who is rung then: not all are."""
        waited_for = self.facts.agents.get(step.agent) if step.agent else None
        if waited_for is not None:
            return _free(waited_for) if waited_for.endpoint is not None else None
        for agent in self._busy():
            if agent.endpoint is None:
                continue
            agents = {**self.facts.agents, agent.key: _free(agent)}
            facts = replace(self.facts, agents=agents)
            after = facts.situation(
                self.now,
                can_be_rung_back=self.may_be_rung,
                tried=self.tried,
                rung_seconds=self.rung_seconds,
            )
            if isinstance(next_step(after), Ring):
                return _free(agent)
        return None

    def _busy(self) -> list[AgentFacts]:
        busy = (Reachability.WRAPPING_UP, Reachability.BUSY)
        found = [agent for agent in self.facts.agents.values() if agent.reachability in busy]
        return sorted(found, key=lambda one: (busy.index(one.reachability), one.key))

    def _gone(self, known: Situation, waited_for: AgentFacts | None) -> None:
        for agent in [waited_for] if waited_for is not None else self._busy():
            self._becomes(replace(agent, reachability=Reachability.OFF, makes_way=False))

    # --- promises, and the questions after them -----------------------------------------------------

    def _promise(self, known: Situation, step: MakePromise) -> None:
        began, records = self.clock, self._records(known)
        said = self._says([*self._opening(known, step), heard.what_about(is_recorded=records)])
        self._owe(step.agent, step.team, step.due_at, known)
        possible = tuple(
            one for one in OF_A_PROMISE if one != AnswerKind.ANOTHER or (step.agent and not records)
        )
        answer, assumed = self._answer(possible, AnswerKind.NOTHING)
        self._pause(answer)
        after: tuple[Heard, ...] = ()
        match answer.kind:
            case AnswerKind.SAID:
                after = self._says([Sentence("about_thanks")])
            case AnswerKind.ANOTHER if step.agent is not None and self.owes is not None:
                self._avoid(step.agent)
                after = self._says([Sentence("another_promised", {"time": ("before", self.owes.due_at)})])
            case AnswerKind.NOTHING:
                after = self._says([Sentence("goodbye")])
        self.ends = End.PROMISE
        self._note(known, step, began, said, possible, answer, assumed, after=after, owes=self.owes)

    def _ask(self, known: Situation, step: AskForNumber) -> None:
        """Ask for a number, once more, and then for a message: as in voice/withheld.py."""
        questions: tuple[tuple[list[Sentence | str], tuple[AnswerKind, ...]], ...] = (
            (self._opening(known, step), OF_A_QUESTION),
            ([Sentence("number_again")], OF_A_QUESTION),
            ([], OF_A_MESSAGE),
        )
        kept: Owes | None = None
        for question, possible in questions:
            began = self.clock
            if not question:
                calendar, records = self.facts.line.calendar, self._records(known)
                question = [*heard.not_understood(calendar, self.now, is_recorded=records)]
            said = self._says(question)
            answer, assumed = self._answer(possible, AnswerKind.NOTHING)
            self._pause(answer)
            after: tuple[Heard, ...] = ()
            if kept is None:
                # From the first answer on, whatever it is, it is kept that they rang.
                due = due_at(self.facts.line.calendar, self.now, known.ladder.promise_minutes)
                kept = Owes(self.facts.owner, step.team, due)
            if answer.kind == AnswerKind.NUMBER:
                # Read back digit by digit; which digits they are nobody knows here.
                told = {"number": "…", "time": ("before", kept.due_at)}
                after = self._says([Sentence("number_promised", told)])
                self.ends, self.owes = End.PROMISE, kept
            elif answer.kind == AnswerKind.HUNG_UP or possible is OF_A_MESSAGE:
                self.ends, self.owes = End.MESSAGE, kept
                said_something = answer.kind == AnswerKind.SAID
                if answer.kind != AnswerKind.HUNG_UP:
                    after = self._says([Sentence("hidden_thanks" if said_something else "goodbye")])
            owes = self.owes if self.ends else None
            self._note(known, step, began, said, possible, answer, assumed, after=after, owes=owes)
            if self.ends is not None:
                return

    def _ask_openly(self, known: Situation, step: Ask) -> None:
        """Ask what it is about: once, and whatever they say leads on, as in voice/asking.py."""
        began = self.clock
        said = self._says(self._opening(known, step))
        answer, assumed = self._answer(OF_AN_OPEN_QUESTION, AnswerKind.NOTHING)
        self._pause(answer)
        owes = None
        if answer.kind == AnswerKind.HUNG_UP:
            owes = self._hangs_up(known)
        else:
            heard_something = answer.kind == AnswerKind.HEARD and answer.words
            outcome = StepOutcome.HEARD if heard_something else StepOutcome.SILENT
            self.tried.append(Tried(step.kind, None, outcome))
            self.facts = self.having_heard.get(answer.words, self.facts) if heard_something else self.facts
        self._note(known, step, began, said, OF_AN_OPEN_QUESTION, answer, assumed, owes=owes)

    def _pause(self, answer: Answer) -> None:
        self.clock += USUALLY_AFTER[answer.kind] if answer.after_seconds is None else answer.after_seconds

    # --- what changes -----------------------------------------------------------------------------

    def _note(
        self,
        known: Situation,
        step: Step,
        began: float,
        said: tuple[Heard, ...],
        possible: tuple[AnswerKind, ...],
        answer: Answer,
        assumed: bool,
        *,
        rings_at: float | None = None,
        again: tuple[Heard, ...] = (),
        after: tuple[Heard, ...] = (),
        owes: Owes | None = None,
    ) -> None:
        self.walked.append(
            Walked(
                step, known, began, said, possible, answer, assumed, self.clock, rings_at, again, after, owes
            )
        )

    def _becomes(self, agent: AgentFacts | None) -> None:
        if agent is not None:
            self.facts = replace(self.facts, agents={**self.facts.agents, agent.key: agent})

    def _hangs_up(self, known: Situation) -> Owes | None:
        """End the call before anybody answered: who is owed what is worked out as voice/ending.py does."""
        if self.owes is None and self.may_be_rung:
            due = due_at(self.facts.line.calendar, self.now, known.ladder.promise_minutes)
            self._owe(self.facts.debtor, None, due, known)
        self.ends = End.PROMISE if self.owes is not None else End.NOTHING
        return self.owes

    def _owe(self, agent: str | None, team: str | None, due: datetime, known: Situation) -> None:
        """Owe a callback. Who is owed one about this is owed that same one; a time that was told stands."""
        caller = self.facts.caller
        case = caller.case
        before, customer = caller.promise, caller.customer
        if before is not None and before.customer in (None, customer.key if customer else None):
            if before.due_at <= self.now:
                before = replace(before, due_at=due, agent=agent or before.agent)
        else:
            before = OwedPromise(
                *(OF_NO_ROW, agent, case.key if case else None, customer.key if customer else None, due),
                made_at=self.now,
            )
        self.owes = Owes(before.agent, team or (case.team if case else self.facts.line.team), before.due_at)
        self.facts = replace(self.facts, caller=replace(caller, promise=before))
        self._find_owner()

    def _find_owner(self) -> None:
        """Whoever promised to ring back goes first; then whose matter it is: as in routing/reading.py."""
        caller, last = self.facts.caller, self.facts.last_contact
        promiser = caller.promise.agent if caller.promise is not None else None
        of_the_matter = caller.case.owner if caller.case is not None else last.agent if last else None
        owner = promiser or of_the_matter
        self.facts = replace(self.facts, owner=owner if owner in self.facts.agents else None)

    def _avoid(self, agent: str) -> None:
        """Remember for the case whom the caller doesn't want; what was promised is the whole team's."""
        caller = self.facts.caller
        customers = list(caller.customers)
        if customers and customers[0].cases:
            first, *others = customers[0].cases
            customers[0] = replace(customers[0], cases=(replace(first, avoided=agent), *others))
        promise = replace(caller.promise, agent=None) if caller.promise is not None else None
        self.facts = replace(self.facts, caller=replace(caller, customers=tuple(customers), promise=promise))
        self._find_owner()
        if self.owes is not None:
            self.owes = replace(self.owes, agent=None)


# What the telephone of an agent says, in the carrier's words.
_CARRIER_SAYS = {AnswerKind.NO_ANSWER: "no-answer", AnswerKind.BUSY: "busy", AnswerKind.FAILED: "failed"}


def outcome_of(kind: AnswerKind) -> StepOutcome:
    """Return how a ring ended, read from the carrier's word as a call reads it."""
    if kind == AnswerKind.DECLINED:
        return StepOutcome.DECLINED  # at the desk, without the carrier
    return dial_outcome(_CARRIER_SAYS[kind], bridged=False, at_once=kind != AnswerKind.NO_ANSWER)


def after_ring(agent: AgentFacts, outcome: StepOutcome) -> AgentFacts:
    """Return how an agent stands after a ring that came to nothing; see ending.release() and presence."""
    match outcome:
        case StepOutcome.NO_ANSWER:
            return replace(agent, reachability=Reachability.AWAY)
        case StepOutcome.FAILED:
            # The desk is not believed for a while: what is left is the ordinary phone.
            if agent.phone is not None:
                return replace(agent, endpoint=Endpoint("phone", agent.phone))
            return replace(agent, endpoint=None, reachability=Reachability.UNPROVEN)
        case _:
            return agent


def _free(agent: AgentFacts) -> AgentFacts:
    return replace(agent, reachability=Reachability.FREE, makes_way=False)
