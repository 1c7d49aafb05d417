"""Situations to decide in, for tests of the pure parts: a usual one, and any that could be."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

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

_ago = st.integers(0, 60 * 24 * 30).map(lambda minutes: NOW - timedelta(minutes=minutes))
_endpoints = st.sampled_from(["client", "phone", None])


@st.composite
def any_agent(draw: st.DrawFn, key: str) -> AgentFacts:
    phone = draw(st.sampled_from([None, "+31201112233"]))
    where = draw(_endpoints)
    reachability = draw(st.sampled_from(Reachability))
    if where == "phone":
        phone = "+31201112233"
    endpoint = None if where is None else Endpoint(where, key if where == "client" else str(phone))
    if reachability == Reachability.FREE and endpoint is None:
        endpoint = Endpoint("client", key)  # nobody is free whom nothing can ring
    return AgentFacts(
        key=key,
        spoken_name=key.title(),
        team=draw(st.sampled_from(TEAMS)),
        reachability=reachability,
        endpoint=endpoint,
        phone=phone,
        idle_since=draw(st.none() | _ago),
        handled_at=draw(st.none() | _ago),
        back_at=draw(st.none() | st.integers(-60, 600).map(lambda m: NOW + timedelta(minutes=m))),
        free_in_minutes=draw(st.none() | st.integers(1, 20)),
        makes_way=draw(st.booleans()),
        callers_waiting=draw(st.integers(0, 2)),
        direct_calls=draw(st.integers(0, 12)),
    )


@st.composite
def any_tried(draw: st.DrawFn) -> Tried:
    kind = draw(st.sampled_from([*RINGS, StepKind.WAIT]))
    who = draw(st.sampled_from([*KEYS, "somebody_of_old"]))
    if kind == StepKind.WAIT:
        return Tried(kind, draw(st.sampled_from([who, None])), draw(st.sampled_from(AFTER_A_WAIT)))
    outcome = draw(st.sampled_from(AFTER_A_RING))
    why = draw(st.sampled_from(DECLINED_WHY)) if outcome == StepOutcome.DECLINED else ""
    return Tried(kind, who, outcome, why, draw(st.sampled_from(["client", "phone"])))


@st.composite
def any_situation(draw: st.DrawFn) -> Situation:
    """Any agents in any presence, any steps behind, any moment of the week, any rules, known or not."""
    present = draw(st.lists(st.sampled_from(KEYS), unique=True))
    e164 = draw(st.sampled_from([ADA, None]))
    who = Caller(None)
    if e164 is not None:
        who = Caller(e164)
        if draw(st.booleans()):
            who = caller(case_team=draw(st.sampled_from(TEAMS)), promised=draw(st.booleans()))
            if draw(st.booleans()):
                who = replace(who, customers=(replace(who.customers[0], cases=()),))
    ladder = Ladder(
        owner_ring_seconds=draw(st.integers(10, 60)),
        colleague_ring_seconds=draw(st.integers(10, 60)),
        most_rings=draw(st.integers(0, 6)),
        wait_for_owner_seconds=draw(st.sampled_from([0, 60, 240])),
        wait_for_team_seconds=draw(st.sampled_from([0, 60, 180])),
        total_seconds=draw(st.integers(0, 300)),
        promise_minutes=draw(st.integers(1, 600)),
        extra_teams=tuple(draw(st.lists(st.sampled_from(TEAMS), unique=True))),
        direct_calls_per_hour=draw(st.none() | st.integers(0, 10)),
    )
    hours = draw(st.sampled_from(["", OFFICE, "Mo 09:00-17:00", ";", "Mo-Su 00:00-24:00"]))
    return Situation(
        now=draw(st.integers(0, 60 * 24 * 40).map(lambda minutes: NOW + timedelta(minutes=minutes))),
        line=line(hours, team=draw(st.sampled_from([*TEAMS, None]))),
        caller=who,
        owner=draw(st.none() | st.sampled_from(present)) if present else None,
        agents=agents(*(draw(any_agent(key)) for key in present)),
        resolved=Resolved(ladder),
        can_be_rung_back=e164 is not None and draw(st.booleans()),
        tried=tuple(draw(st.lists(any_tried(), max_size=5))),
        rung_seconds=draw(st.floats(0, 300)),
    )
