"""Does every path end in a human or a promise, in time and never in silence? Walked, whoever is there.

The walk asks the very function that decides calls, with each way in which a step can end, until it promises.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import product

from app.agents.presence import Endpoint, Reachability
from app.callers.recognition import Caller, KnownCustomer, OpenCase
from app.catalogue import text
from app.lines.hours import calendar
from app.records.calls import StepKind, StepOutcome
from app.routing.decision import Ask, AskForNumber, MakePromise, Ring, Step, Wait, next_step
from app.routing.ladder import First, FirstKind, Ladder, Resolved
from app.routing.rules import Rules
from app.routing.situation import AgentFacts, Heard, LineFacts, Situation, TakenFor, Tried

Decide = Callable[[Situation], Step]

# More steps than any path can have: each ring is tried once, and each wait.
_NO_END = 50


class ProblemKind(StrEnum):
    NO_END = "no_end"  # it goes on for ever, or to nobody
    TOO_LONG = "too_long"  # longer than the rules allow
    SILENT = "silent"  # somebody waits without a word
    NOBODY_THERE = "nobody_there"  # rings who can't be rung
    NEVER_MATCHES = "never_matches"  # a rule that no call can come to
    UNKNOWN_NAME = "unknown_name"  # an agent or a team that there isn't (any more)


@dataclass(frozen=True)
class Scene:
    """Who calls, whether the line is open, and where everybody is: what is said of a path that breaks."""

    caller: str  # a code of the catalogue, as are the others: rule.caller_…, rule.line_…, rule.is_…
    hours: str
    places: tuple[tuple[str, str], ...]  # of each person

    def say(self, language: str) -> str:
        people = ", ".join(
            f"{text(f'rule.person_{key}', language)} {text(f'rule.is_{place}', language)}"
            for key, place in self.places
        )
        who = text(f"rule.caller_{self.caller}", language)
        return f"{who}, {text(f'rule.line_{self.hours}', language)}; {people}"


@dataclass(frozen=True)
class Problem:
    """One path that breaks the rule of rules, the first of its kind in its situation."""

    kind: ProblemKind
    scene: Scene | None = None
    steps: tuple[str, ...] = ()  # up to the one that breaks it
    rule: str = ""  # its id; empty: the default ladder
    name: str = ""  # that isn't known; or the numbers of the rules that take everything

    def say(self, language: str) -> str:
        code = str(self.kind)
        if self.kind == ProblemKind.NEVER_MATCHES:
            code += "_above" if self.name else "_itself"
        what = text(f"rule.problem_{code}", language, name=self.name)
        if self.scene is None:
            return what
        path = " → ".join(self.steps)
        return f"{self.scene.say(language)}: {what} ({path})"

    @property
    def contradicts_itself(self) -> bool:
        """Tell whether it is about a rule whose own conditions leave no call: there is none to show."""
        return self.kind == ProblemKind.NEVER_MATCHES and not self.name

    @property
    def situation(self) -> str:
        return self.scene.say("en") if self.scene is not None else ""

    @property
    def words(self) -> str:
        return self.say("en")


def problems(ladder: Ladder, decide: Decide = next_step) -> list[Problem]:
    """Return what breaks the rule of rules under this ladder; nothing when it is proven.

    Every caller, every presence of the owner, a colleague who knows the case and a member of the team, and
    every way in which each ring and each wait may end.
    """
    return _broken(_every_situation(Resolved(ladder)), decide)


@dataclass(frozen=True)
class Names:
    """What there is for a rule to name."""

    agents: frozenset[str]
    teams: frozenset[str]


def problems_of(rules: Rules, names: Names | None = None) -> list[Problem]:
    """Return what breaks the rule of rules in a whole version, each with its rule; what is off is not asked.

    Each outcome is walked once, however many rules come to it; `names`: what they may name.
    """
    found = [*_proven(_shape(rules.ladder)), *_unknown(rules.ladder, names)]
    for rule, ladder in rules.in_use:
        # What it leaves out is the ladder's, of which it was told.
        own = rule.then.ladder(Ladder())
        of_it = (*_unknown(own, names), *_proven_outcome(_shape(ladder)))
        found += [replace(one, rule=rule.id) for one in of_it]
    return found


def _unknown(ladder: Ladder, names: Names | None) -> Iterator[Problem]:
    if names is None:
        return
    if ladder.first is not None and ladder.first.agent is not None and ladder.first.key not in names.agents:
        yield Problem(ProblemKind.UNKNOWN_NAME, name=ladder.first.key)
    for team in ladder.teams:
        if team not in names.teams:
            yield Problem(ProblemKind.UNKNOWN_NAME, name=team)


def _shape(ladder: Ladder) -> Ladder:
    """Return a ladder with the same paths: what only words, moments and names differ in is proven once."""
    usual = Ladder()
    first = ladder.first
    if first is not None and first.key:
        first = First(first.kind, "named" if first.agent is not None else "named_team")
    return replace(
        ladder,
        **{name: getattr(usual, name) for name in _CHANGES_NO_PATH},
        # A wait is taken or it isn't; that there are no more of them than there may be shows at any length.
        wait_for_owner_seconds=min(ladder.wait_for_owner_seconds, 1),
        wait_for_team_seconds=min(ladder.wait_for_team_seconds, 1),
        first=first,
        extra_teams=("another",) * bool(ladder.extra_teams),
    )


_CHANGES_NO_PATH = (
    *("look_back_days", "wrap_up_seconds", "promise_minutes", "speaks_names", "recordings_days"),
    *("greeting", "records_messages"),
)


@lru_cache(maxsize=64)
def _proven(ladder: Ladder) -> tuple[Problem, ...]:
    return tuple(problems(ladder))


@lru_cache(maxsize=1024)
def _proven_outcome(ladder: Ladder) -> tuple[Problem, ...]:
    """Walk what a rule comes to, with fewer sorts of people: the ladder itself is proven for all of them."""
    closed = replace(ladder, rings_when_closed=ladder.first is not None)
    return tuple(_broken(_situations_of_a_rule(Resolved(ladder), Resolved(closed)), next_step))


def _broken(situations: Iterable[tuple[Situation, Scene]], decide: Decide) -> list[Problem]:
    found: dict[tuple[Scene, ProblemKind], Problem] = {}
    proven: set[Hashable] = set()
    for situation, scene in situations:
        for problem in _Walk(decide, scene, proven).problems(situation):
            found.setdefault((scene, problem.kind), problem)
    return list(found.values())


# --- the walk -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Walk:
    decide: Decide
    scene: Scene
    proven: set[Hashable] = field(default_factory=set)  # from where nothing breaks, by whichever way one came

    def problems(
        self, known: Situation, waited: float = 0.0, path: tuple[str, ...] = ()
    ) -> Iterator[Problem]:
        """Yield what breaks on the way from here; `waited` is in seconds, beside those that were rung."""
        if len(path) >= _NO_END:
            yield self._problem(ProblemKind.NO_END, path)
            return
        seen = _state(known, waited)
        if seen in self.proven:
            return
        is_proven = True
        for problem in self._onwards(known, waited, path):
            is_proven = False
            yield problem
        if is_proven:
            self.proven.add(seen)

    def _onwards(self, known: Situation, waited: float, path: tuple[str, ...]) -> Iterator[Problem]:
        step = self.decide(known)
        path = (*path, _in_a_word(step))
        ladder = known.ladder
        match step:
            case MakePromise() | AskForNumber():
                if not step.say:
                    yield self._problem(ProblemKind.SILENT, path)
            case Ask():
                if any(one.kind == StepKind.ASKED for one in known.tried):
                    # Asked twice it is a loop, however short.
                    yield self._problem(ProblemKind.NO_END, path)
                elif not step.say:
                    yield self._problem(ProblemKind.SILENT, path)
                else:
                    # It takes what the carrier listens for, and counts towards nothing: it comes once.
                    for after in _after_question(known):
                        yield from self.problems(after, waited, path)
            case Ring():
                agent = known.agents.get(step.agent)
                if agent is None or agent.reachability != Reachability.FREE:
                    yield self._problem(ProblemKind.NOBODY_THERE, path)
                elif known.rung_seconds + step.seconds > ladder.total_seconds:
                    yield self._problem(ProblemKind.TOO_LONG, path)
                else:
                    for after, seconds in _after_ring(known, step, agent):
                        # What was rung counts towards the limit, what was not doesn't.
                        rung = known.rung_seconds + seconds
                        yield from self.problems(replace(after, rung_seconds=rung), waited, path)
            case Wait():
                makes_way = any(one.makes_way and not one.callers_waiting for one in known.agents.values())
                if not step.say and not makes_way:
                    yield self._problem(ProblemKind.SILENT, path)
                limit = ladder.wait_for_owner_seconds + ladder.wait_for_team_seconds
                if waited + step.seconds > limit:
                    yield self._problem(ProblemKind.TOO_LONG, path)
                else:
                    for after, seconds in _after_wait(known, step):
                        yield from self.problems(after, waited + seconds, path)

    def _problem(self, kind: ProblemKind, path: tuple[str, ...]) -> Problem:
        return Problem(kind, self.scene, path)


def _state(known: Situation, waited: float) -> Hashable:
    """Return on what the way from here depends: of what was tried the last, and what came of each."""
    return (
        known.tried[-1:],
        frozenset(known.tried),
        len(known.tried),
        tuple((one.key, one.reachability, one.makes_way) for one in known.agents.values()),
        known.rung_seconds,
        waited,
        known.caller.is_known,
        known.heard,
        known.can_be_rung_back,
        known.line.calendar.hours.text,
        known.ladder.rings_when_closed,
    )


def _in_a_word(step: Step) -> str:
    target = getattr(step, "agent", None) or getattr(step, "team", None) or ""
    return f"{step.kind} {target}".strip()


def _after_question(known: Situation) -> Iterator[Situation]:
    """Yield what is known after the open question: nothing, a topic of another team, or whose it may be."""
    silent = Tried(StepKind.ASKED, None, StepOutcome.SILENT)
    yield replace(known, tried=(*known.tried, silent))
    answered = replace(known, tried=(*known.tried, Tried(StepKind.ASKED, None, StepOutcome.HEARD)))
    yield replace(answered, heard=Heard(TakenFor.TOPIC, "topic", "named_team"))
    claimed = replace(_CALLERS["known"], e164=known.caller.e164)
    heard = Heard(TakenFor.CASE, customer="customer", case="case")
    yield replace(answered, heard=heard, caller=claimed, owner="owner")


def _after_ring(known: Situation, step: Ring, agent: AgentFacts) -> Iterator[tuple[Situation, float]]:
    """Yield what is known after a ring that came to nothing, and how many seconds it took."""
    ends = [(StepOutcome.NO_ANSWER, Reachability.AWAY, step.seconds), (StepOutcome.DECLINED, None, 0)]
    if step.kind == StepKind.OWNER:
        ends.append((StepOutcome.FAILED, None, 0))
    for outcome, becomes, seconds in ends:
        why = "meeting" if outcome == StepOutcome.DECLINED else ""
        tried = Tried(step.kind, step.agent, outcome, why, step.endpoint.kind)
        left = replace(agent, reachability=becomes) if becomes else agent
        yield _with(known, tried, left), float(seconds)


def _after_wait(known: Situation, step: Wait) -> Iterator[tuple[Situation, float]]:
    """Yield what is known after a wait: it was too long, or whom it was for is free, or gone, at its end."""
    waited_for = known.agents.get(step.agent) if step.agent else None
    too_long = Tried(StepKind.WAIT, step.agent, StepOutcome.WAITED_TOO_LONG)
    yield _with(known, too_long), float(step.seconds)
    if waited_for is None:
        return
    gone = replace(waited_for, reachability=Reachability.OFF, makes_way=False)
    yield _with(known, too_long, gone), float(step.seconds)
    freed = replace(waited_for, reachability=Reachability.FREE, makes_way=False)
    yield _with(known, Tried(StepKind.WAIT, step.agent, StepOutcome.FREED), freed), float(step.seconds)


def _with(known: Situation, tried: Tried, agent: AgentFacts | None = None) -> Situation:
    agents = {**known.agents, agent.key: agent} if agent else known.agents
    return replace(known, tried=(*known.tried, tried), agents=agents)


# --- every situation ----------------------------------------------------------------------------------

_AT = datetime(2026, 1, 7, 12, tzinfo=UTC)  # a Wednesday noon
_HOURS = {"open": "", "closed": "Sa 09:00-10:00"}
_PLACES: tuple[tuple[Reachability, bool], ...] = (
    *((one, False) for one in Reachability),
    # About to have rung this very caller, and putting the telephone down.
    (Reachability.WRAPPING_UP, True),
)
# Of everybody but the owner nobody says why they can't be rung.
_OF_OTHERS = tuple(
    (one, makes_way)
    for one, makes_way in _PLACES
    if one not in (Reachability.BREAK, Reachability.AWAY, Reachability.UNPROVEN)
)
_CASE = OpenCase("case", "", "team", "open", "", _AT, "owner", _AT - timedelta(days=1))
_CALLERS = {
    "known": Caller("+31612345678", (KnownCustomer("customer", "", "nl", (), (_CASE,)),)),
    "nothing_open": Caller("+31612345678", (KnownCustomer("customer", "", "nl", (), ()),)),
    "unknown": Caller("+31612345678"),
    "withheld": Caller(None),
}


# Whom nobody knows is asked there: so it is proven with the question, and from what may follow it.
_LINES = {
    hours: LineFacts("+31200000000", "team", "nl", calendar(times, "Europe/Amsterdam", "NL"), asks=True)
    for hours, times in _HOURS.items()
}


def _every_situation(resolved: Resolved) -> Iterator[tuple[Situation, Scene]]:
    for owner, colleague, member in product(_PLACES, _OF_OTHERS, _OF_OTHERS):
        places = {"owner": owner, "colleague": colleague, "member": member}
        for hours, who in product(_HOURS, _CALLERS):
            yield _situation(resolved, who, hours, places)


_FREE, _BUSY, _OFF = (Reachability.FREE, False), (Reachability.BUSY, False), (Reachability.OFF, False)
_MAKES_WAY = (Reachability.WRAPPING_UP, True)


def _situations_of_a_rule(resolved: Resolved, when_closed: Resolved) -> Iterator[tuple[Situation, Scene]]:
    first = resolved.ladder.first
    is_named = first is not None and first.kind not in (FirstKind.OWNER, FirstKind.KNOWS_CASE)
    each = (_FREE, _BUSY, _OFF)
    others = ((_FREE, _FREE), (_OFF, _BUSY), (_OFF, _OFF))
    scenes = [
        *product(("known",), each, others),
        ("known", _MAKES_WAY, (_OFF, _OFF)),
        *(("unknown", _OFF, (_OFF, member)) for member in (_FREE, _BUSY, _OFF)),
        ("withheld", _OFF, (_OFF, _OFF)),
    ]
    for (who, owner, (colleague, member)), one in product(scenes, each if is_named else (None,)):
        places = {"owner": owner, "colleague": colleague, "member": member}
        if one is not None:
            places["named"] = one
        yield _situation(resolved, who, "open", places)
        if (colleague, member) == (_OFF, _OFF):
            yield _situation(resolved, who, "closed", places)
            yield _situation(when_closed, who, "closed", places)


Place = tuple[Reachability, bool]


def _situation(
    resolved: Resolved, who: str, hours: str, places: Mapping[str, Place]
) -> tuple[Situation, Scene]:
    caller = _CALLERS[who]
    situation = Situation(
        now=_AT,
        line=_LINES[hours],
        caller=caller,
        owner="owner" if caller.is_known else None,
        agents={key: _agent(key, *place) for key, place in places.items()},
        resolved=resolved,
        can_be_rung_back=caller.e164 is not None,
    )
    seen = tuple((key, "makes_way" if makes_way else str(how)) for key, (how, makes_way) in places.items())
    return situation, Scene(who, hours, seen)


_HANDLED = {"owner": _AT - timedelta(days=1), "colleague": _AT - timedelta(days=2)}


@lru_cache(maxsize=256)
def _agent(key: str, reachability: Reachability, makes_way: bool) -> AgentFacts:
    return AgentFacts(
        key=key,
        spoken_name=key,
        team="named_team" if key == "named" else "team",
        reachability=reachability,
        endpoint=Endpoint("client", key),
        phone="+31612345679",
        handled_at=_HANDLED.get(key),
        makes_way=makes_way,
        is_supervisor=key == "named",
    )
