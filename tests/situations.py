"""Situations to decide in, for tests of the pure parts: a usual one, and any that could be."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from hypothesis import strategies as st

from app.agents.presence import Endpoint, Reachability
from app.callers.recognition import Caller, KnownCustomer, OpenCase, OwedPromise
from app.lines.hours import calendar
from app.records.calls import StepKind, StepOutcome
from app.routing.rules import Ladder, Resolved
from app.routing.situation import AgentFacts, LineFacts, Situation, Tried
from tests.factories import ADA, LINE

# A Tuesday, eleven o'clock in Amsterdam.
NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
OFFICE = "Mo-Fr 09:00-17:30; Sa 10:00-14:00"

# Words that belong to the customer or the case: none of them may ever be spoken.
SECRET = "Geheim"


def agent(key: str, reachability: Reachability = Reachability.FREE, **more: object) -> AgentFacts:
    """An agent at their desk who has been idle for ten minutes."""
    values: dict[str, object] = {
        "spoken_name": key.title(),
        "team": "Burgerzaken",
        "endpoint": Endpoint("client", key),
        "idle_since": NOW - timedelta(minutes=10),
    }
    return AgentFacts(key=key, reachability=reachability, **(values | more))  # type: ignore[arg-type]


def caller(*, case_team: str = "Burgerzaken", owner: str | None = "anna", promised: bool = False) -> Caller:
    case = OpenCase(
        f"Z1{SECRET}",
        f"Onderwerp {SECRET}",
        case_team,
        "open",
        f"https://zaken.example.nl/{SECRET}",
        NOW - timedelta(days=20),
        owner,
        NOW - timedelta(days=1),
        handled_by=owner,
    )
    known = KnownCustomer(f"ada{SECRET}", f"Ada {SECRET}", "nl", (f"tag{SECRET}",), (case,))
    promise = OwedPromise(1, "anna", case.key, known.key, NOW + timedelta(minutes=30)) if promised else None
    return Caller(ADA, (known,), promise)


def line(hours: str = OFFICE, **more: object) -> LineFacts:
    values: dict[str, object] = {"number": LINE, "team": "Burgerzaken", "language": "nl"}
    values["calendar"] = calendar(hours, "Europe/Amsterdam", "NL")
    return LineFacts(**(values | more))  # type: ignore[arg-type]


def agents(*several: AgentFacts) -> dict[str, AgentFacts]:
    return {one.key: one for one in several}


def by(**values: object) -> Resolved:
    """What rules say that differ from the default in these parameters."""
    return Resolved(Ladder(**values))  # type: ignore[arg-type]


# Anna owns Ada's case, Bram handled it before her, Carla is of the team, Dirk of another.
ANNA = agent("anna", handled_at=NOW - timedelta(days=1))
BRAM = agent("bram", handled_at=NOW - timedelta(days=2))
CARLA = agent("carla", idle_since=NOW - timedelta(minutes=30))
DIRK = agent("dirk", team="Belastingen")

USUAL = Situation(
    now=NOW,
    line=line(),
    caller=caller(),
    owner="anna",
    agents=agents(ANNA, BRAM, CARLA, DIRK),
    can_be_rung_back=True,
)


def with_agent(changed: AgentFacts) -> dict[str, AgentFacts]:
    return {**USUAL.agents, changed.key: changed}


def owner(reachability: Reachability, **more: object) -> dict[str, AgentFacts]:
    return with_agent(replace(ANNA, reachability=reachability, **more))  # type: ignore[arg-type]


# --- any situation that could be ----------------------------------------------------------------------

KEYS = ("anna", "bram", "carla", "dirk", "els", "fons", "gijs")
TEAMS = ("Burgerzaken", "Belastingen", "Zorg")
RINGS = (StepKind.OWNER, StepKind.COLLEAGUE, StepKind.TEAM)
AFTER_A_RING = (StepOutcome.NO_ANSWER, StepOutcome.DECLINED, StepOutcome.BUSY, StepOutcome.FAILED)
AFTER_A_WAIT = (StepOutcome.FREED, StepOutcome.WAITED_TOO_LONG)
DECLINED_WHY = ("", "meeting", "finishing", "not_now", "wrong_person")

# What one draws from is made once: anew for each of thousands of examples it costs more than the drawing.
_ago = st.none() | st.integers(0, 60 * 24 * 30).map(lambda minutes: NOW - timedelta(minutes=minutes))
_back = st.none() | st.integers(-60, 600).map(lambda minutes: NOW + timedelta(minutes=minutes))
_nows = st.integers(0, 60 * 24 * 40).map(lambda minutes: NOW + timedelta(minutes=minutes))
_either = st.booleans()
_teams = st.sampled_from(TEAMS)
_some_teams = st.lists(_teams, unique=True).map(tuple)
_telephones = st.sampled_from(
    list(itertools.product([None, "+31201112233"], ["client", "phone", None], Reachability))
)
_agents = st.fixed_dictionaries(
    {
        "team": _teams,
        "idle_since": _ago,
        "handled_at": _ago,
        "back_at": _back,
        "free_in_minutes": st.none() | st.integers(1, 20),
        "makes_way": _either,
        "callers_waiting": st.integers(0, 2),
        "direct_calls": st.integers(0, 12),
    }
)
_ladders = st.builds(
    Ladder,
    owner_ring_seconds=st.integers(10, 60),
    colleague_ring_seconds=st.integers(10, 60),
    most_rings=st.integers(0, 6),
    wait_for_owner_seconds=st.sampled_from([0, 60, 240]),
    wait_for_team_seconds=st.sampled_from([0, 60, 180]),
    total_seconds=st.integers(0, 300),
    promise_minutes=st.integers(1, 600),
    extra_teams=_some_teams,
    direct_calls_per_hour=st.none() | st.integers(0, 10),
)
_lines = st.builds(
    line,
    st.sampled_from(["", OFFICE, "Mo 09:00-17:00", ";", "Mo-Su 00:00-24:00"]),
    team=st.sampled_from([*TEAMS, None]),
)
_callers = st.builds(caller, case_team=_teams, promised=_either)
_numbers = st.sampled_from([ADA, None])
_present = st.lists(st.sampled_from(KEYS), unique=True)


def any_agent(key: str) -> st.SearchStrategy[AgentFacts]:
    return _any_agent[key]


def _agent(key: str, telephone: tuple[str | None, str | None, Reachability], **more: Any) -> AgentFacts:
    phone, where, reachability = telephone
    if where == "phone":
        phone = "+31201112233"
    endpoint = None if where is None else Endpoint(where, key if where == "client" else str(phone))
    if reachability == Reachability.FREE and endpoint is None:
        endpoint = Endpoint("client", key)  # nobody is free whom nothing can ring
    return AgentFacts(
        key=key,
        spoken_name=key.title(),
        reachability=reachability,
        endpoint=endpoint,
        phone=phone,
        **more,
    )


def _strategy_of(key: str) -> st.SearchStrategy[AgentFacts]:
    return st.tuples(_telephones, _agents).map(lambda drawn: _agent(key, drawn[0], **drawn[1]))


_any_agent = {key: _strategy_of(key) for key in KEYS}
_kinds = st.sampled_from([*RINGS, StepKind.WAIT])
_whom = st.sampled_from([*KEYS, "somebody_of_old"])
_after_a_ring = st.sampled_from(AFTER_A_RING)
_after_a_wait = st.sampled_from(AFTER_A_WAIT)
_declined_why = st.sampled_from(DECLINED_WHY)
_at = st.sampled_from(["client", "phone"])


@st.composite
def any_tried(draw: st.DrawFn) -> Tried:
    kind, who = draw(_kinds), draw(_whom)
    if kind == StepKind.WAIT:
        return Tried(kind, who if draw(_either) else None, draw(_after_a_wait))
    outcome = draw(_after_a_ring)
    why = draw(_declined_why) if outcome == StepOutcome.DECLINED else ""
    return Tried(kind, who, outcome, why, draw(_at))


_all_tried = st.lists(any_tried(), max_size=5).map(tuple)
_rung = st.floats(0, 300)


@st.composite
def any_situation(draw: st.DrawFn) -> Situation:
    """Any agents in any presence, any steps behind, any moment of the week, any rules, known or not."""
    present = draw(_present)
    e164 = draw(_numbers)
    who = Caller(None)
    if e164 is not None:
        who = Caller(e164)
        if draw(_either):
            who = draw(_callers)
            if draw(_either):
                who = replace(who, customers=(replace(who.customers[0], cases=()),))
    return Situation(
        now=draw(_nows),
        line=draw(_lines),
        caller=who,
        owner=draw(_owners(tuple(present))) if present else None,
        agents=agents(*(draw(any_agent(key)) for key in present)),
        resolved=Resolved(draw(_ladders)),
        can_be_rung_back=e164 is not None and draw(_either),
        tried=draw(_all_tried),
        rung_seconds=draw(_rung),
    )


@cache
def _owners(present: tuple[str, ...]) -> st.SearchStrategy[str | None]:
    return st.none() | st.sampled_from(present)
