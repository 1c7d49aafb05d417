"""Does every path end in a human or a promise, in time and never in silence? Walked, whoever is there.

The walk asks the very function that decides calls, with each way in which a step can end, until it promises.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import product

from app.agents.presence import Endpoint, Reachability
from app.callers.recognition import Caller, KnownCustomer, OpenCase
from app.lines.hours import calendar
from app.records.calls import StepKind, StepOutcome
from app.routing.decision import AskForNumber, MakePromise, Ring, Step, Wait, next_step
from app.routing.ladder import Ladder, Resolved
from app.routing.situation import AgentFacts, LineFacts, Situation, Tried

Decide = Callable[[Situation], Step]

# More steps than any path can have: each ring is tried once, and each wait.
_NO_END = 50


class ProblemKind(StrEnum):
    NO_END = "no_end"  # it goes on for ever, or to nobody
    TOO_LONG = "too_long"  # longer than the rules allow
    SILENT = "silent"  # somebody waits without a word
    NOBODY_THERE = "nobody_there"  # rings who can't be rung


@dataclass(frozen=True)
class Problem:
    """One path that breaks the rule of rules, the first of its kind in its situation."""

    kind: ProblemKind
    situation: str
    steps: tuple[str, ...]  # up to the one that breaks it

    @property
    def words(self) -> str:
        what = {
            ProblemKind.NO_END: "never ends in a human or a promise",
            ProblemKind.TOO_LONG: "takes longer than the rules allow",
            ProblemKind.SILENT: "lets the caller wait without a word",
            ProblemKind.NOBODY_THERE: "rings somebody who can't be rung",
        }[self.kind]
        return f"{self.situation}: {what} ({' → '.join(self.steps) or 'at once'})"


def problems(ladder: Ladder, decide: Decide = next_step) -> list[Problem]:
    """Return what breaks the rule of rules under this ladder; nothing when it is proven.

    Every caller, every presence of the owner, a colleague who knows the case and a member of the team, and
    every way in which each ring and each wait may end.
    """
    found: dict[tuple[str, ProblemKind], Problem] = {}
    for situation, what in _every_situation(Resolved(ladder)):
        for problem in _Walk(decide, what).problems(situation):
            found.setdefault((what, problem.kind), problem)
    return list(found.values())


# --- the walk -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Walk:
    decide: Decide
    what: str

    def problems(
        self, known: Situation, waited: float = 0.0, path: tuple[str, ...] = ()
    ) -> Iterator[Problem]:
        """Yield what breaks on the way from here; `waited` is in seconds, beside those that were rung."""
        if len(path) >= _NO_END:
            yield self._problem(ProblemKind.NO_END, path)
            return
        step = self.decide(known)
        path = (*path, _in_a_word(step))
        ladder = known.ladder
        match step:
            case MakePromise() | AskForNumber():
                if not step.say:
                    yield self._problem(ProblemKind.SILENT, path)
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
        return Problem(kind, self.what, path)


def _in_a_word(step: Step) -> str:
    target = getattr(step, "agent", None) or getattr(step, "team", None) or ""
    return f"{step.kind} {target}".strip()


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
    "known, nothing open": Caller("+31612345678", (KnownCustomer("customer", "", "nl", (), ()),)),
    "unknown": Caller("+31612345678"),
    "withheld": Caller(None),
}


def _every_situation(resolved: Resolved) -> Iterator[tuple[Situation, str]]:
    for owner, colleague, member in product(_PLACES, _OF_OTHERS, _OF_OTHERS):
        agents = {
            "owner": _agent("owner", *owner, handled_at=_AT - timedelta(days=1)),
            "colleague": _agent("colleague", *colleague, handled_at=_AT - timedelta(days=2)),
            "member": _agent("member", *member),
        }
        presence = ", ".join(
            _place(key, *where) for key, where in zip(agents, (owner, colleague, member), strict=True)
        )
        for (when, hours), (who, caller) in product(_HOURS.items(), _CALLERS.items()):
            situation = Situation(
                now=_AT,
                line=LineFacts("+31200000000", "team", "nl", calendar(hours, "Europe/Amsterdam", "NL")),
                caller=caller,
                owner="owner" if caller.is_known else None,
                agents=agents,
                resolved=resolved,
                can_be_rung_back=caller.e164 is not None,
            )
            yield situation, f"{who} caller, {when}; {presence}"


def _agent(
    key: str, reachability: Reachability, makes_way: bool, handled_at: datetime | None = None
) -> AgentFacts:
    return AgentFacts(
        key=key,
        spoken_name=key,
        team="team",
        reachability=reachability,
        endpoint=Endpoint("client", key),
        phone="+31612345679",
        handled_at=handled_at,
        makes_way=makes_way,
    )


def _place(key: str, reachability: Reachability, makes_way: bool) -> str:
    return f"{key} {'makes way' if makes_way else reachability}"
