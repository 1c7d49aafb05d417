"""Who rings a customer back? Whoever owes it, and near the deadline whoever may help."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.agents.presence import Endpoint, Reachability
from app.promises.times import Window
from app.routing import kept
from app.routing.decision import Ring
from app.routing.ringing_back import Owed, choose
from app.routing.situation import AgentFacts
from tests.situations import KEYS, NOW, TEAMS, any_agent, by

AMSTERDAM = ZoneInfo("Europe/Amsterdam")


def at(text: str) -> datetime:
    """Return a moment on the clock in Amsterdam."""
    return datetime.fromisoformat(text).replace(tzinfo=AMSTERDAM).astimezone(UTC)


WINDOW = Window(at("2026-11-24 10:00"), at("2026-11-24 12:00"), AMSTERDAM)
EARLY, LATE, LAST = at("2026-11-24 11:40"), at("2026-11-24 11:46"), at("2026-11-24 12:10")
_FREE = Reachability.FREE


def agent(
    key: str, reachability: Reachability = _FREE, *, handled: int | None = None, idle: int = 5
) -> AgentFacts:
    """An agent at a desk, who handled the case so many days ago and is free for so many minutes."""
    return AgentFacts(
        key=key,
        spoken_name=key.title(),
        team="Burgerzaken",
        reachability=reachability,
        endpoint=Endpoint("client", key),
        idle_since=EARLY - timedelta(minutes=idle),
        handled_at=None if handled is None else EARLY - timedelta(days=handled),
    )


def owed(
    known: Mapping[str, AgentFacts],
    now: datetime,
    window: Window | None = None,
    *,
    debtor: str | None = "anna",
    refused: frozenset[str] = frozenset(),
) -> Owed:
    window = window or WINDOW
    return Owed(
        now, debtor, "Burgerzaken", known, window.colleagues_from, window.anybody_from, refused=refused
    )


def all_in_order(asked: Owed) -> list[str]:
    """Return whom is rung, one after the other, while each of them declines."""
    rung = []
    while (ring := choose(asked)) is not None:
        rung.append(ring.agent)
        asked = replace(asked, refused=asked.refused | {ring.agent})
    return rung


def rung(
    now: datetime, *agents: AgentFacts, debtor: str | None = "anna", refused: frozenset[str] = frozenset()
) -> list[str]:
    known = {one.key: one for one in agents}
    return all_in_order(owed(known, now, debtor=debtor, refused=refused))


OTHERS = (agent("carla", idle=3), agent("dirk", idle=9), agent("bram", handled=2), agent("eva", handled=1))


@pytest.mark.parametrize(
    ("now", "anna", "expected"),
    [
        (EARLY, agent("anna"), ["anna"]),
        (EARLY, agent("anna", Reachability.BUSY), []),
        (EARLY, agent("anna", Reachability.BREAK), []),
        (EARLY, agent("anna", Reachability.LEFT), ["eva", "bram", "dirk", "carla"]),
        (LATE, agent("anna"), ["anna", "eva", "bram", "dirk", "carla"]),
        (LATE, agent("anna", Reachability.BUSY), ["eva", "bram", "dirk", "carla"]),
        (LATE, agent("anna", Reachability.OFF), ["eva", "bram", "dirk", "carla"]),
        (LAST, agent("anna", Reachability.UNPROVEN), ["eva", "bram", "dirk", "carla"]),
    ],
)
def test_who_owes_it_rings_and_near_the_deadline_whoever_knows_the_case(
    now: datetime, anna: AgentFacts, expected: list[str]
) -> None:
    assert rung(now, anna, *OTHERS) == expected


def test_a_promise_of_the_whole_team_is_anybodys() -> None:
    assert rung(EARLY, *OTHERS, debtor=None) == ["eva", "bram", "dirk", "carla"]


def test_whoever_refused_a_moment_ago_is_left_alone() -> None:
    assert rung(LATE, agent("anna"), *OTHERS, refused=frozenset({"anna", "eva"})) == ["bram", "dirk", "carla"]
    assert rung(EARLY, agent("anna"), *OTHERS, refused=frozenset({"anna"})) == []


def test_a_short_promise_gives_a_busy_debtor_half_of_its_time() -> None:
    short = Window(at("2026-11-24 10:00"), at("2026-11-24 10:10"), AMSTERDAM)
    busy = {"anna": agent("anna", Reachability.BUSY), "bram": agent("bram", handled=1)}
    away = busy | {"anna": agent("anna", Reachability.AWAY)}

    def first(known: dict[str, AgentFacts], clock: str) -> list[str]:
        return all_in_order(owed(known, at(f"2026-11-24 {clock}"), short))

    assert (first(busy, "10:04"), first(busy, "10:06")) == ([], ["bram"])
    assert first(away, "10:03") == ["bram"]


def taken(ring: Ring | None) -> tuple[object, ...] | None:
    return ring and (ring.agent, ring.endpoint.kind, ring.seconds, ring.reason.code)


_soon = st.integers(-60, 60).map(lambda minutes: NOW + timedelta(minutes=minutes))
any_owed = st.builds(
    Owed,
    now=st.just(NOW),
    debtor=st.none() | st.sampled_from(KEYS),
    team=st.sampled_from(TEAMS),
    agents=st.tuples(*(any_agent(key) for key in KEYS)).map(lambda them: {one.key: one for one in them}),
    colleagues_from=_soon,
    anybody_from=_soon,
    refused=st.frozensets(st.sampled_from(KEYS)),
    has_dropped=st.booleans(),
    resolved=st.builds(by, owner_ring_seconds=st.integers(10, 60)),
)


@given(asked=any_owed)
@settings(max_examples=300, deadline=None)
def test_whoever_was_chosen_is_chosen_again_from_what_was_kept(asked: Owed) -> None:
    stored = json.loads(json.dumps(kept.owed_as_json(asked)))

    assert taken(choose(kept.owed_of(stored, asked.resolved))) == taken(choose(asked))


@given(asked=any_owed, people=st.sampled_from([60, 300]))
@settings(max_examples=60, deadline=None)
def test_a_choice_among_hundreds_is_kept_in_eight_kilobytes_and_is_the_same(asked: Owed, people: int) -> None:
    several = list(asked.agents.values())
    more = {
        f"agent{place:03}": replace(several[place % len(several)], key=f"agent{place:03}")
        for place in range(people)
    }
    crowd = replace(asked, agents={**asked.agents, **more})

    stored = json.dumps(kept.owed_as_json(crowd))

    assert len(stored.encode()) <= kept.LONGEST
    assert taken(choose(kept.owed_of(json.loads(stored), crowd.resolved))) == taken(choose(crowd))
