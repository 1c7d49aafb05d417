"""Where does a call go, and why? Each row is one change to a usual situation."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings

from app.agents.presence import Endpoint, Reachability
from app.callers.recognition import Caller
from app.catalogue import LANGUAGES
from app.lines.hours import calendar, due_at
from app.records.calls import StepKind, StepOutcome
from app.routing import sentences
from app.routing.decision import AskForNumber, Decision, MakePromise, Ring, Step, Wait, decide
from app.routing.sentences import Sentence
from app.routing.situation import AgentFacts, Situation, Tried
from tests.factories import ADA
from tests.situations import (
    ANNA,
    BRAM,
    CARLA,
    DIRK,
    NOW,
    OFFICE,
    SECRET,
    USUAL,
    agent,
    agents,
    any_situation,
    by,
    caller,
    line,
    owner,
    with_agent,
)

AMSTERDAM = ZoneInfo("Europe/Amsterdam")


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=AMSTERDAM).astimezone(UTC)


def whom(step: Step) -> str:
    """Return a step in a word: `owner anna`, `wait anna`, `wait team`, `promise anna`, `ask`."""
    match step:
        case Ring(kind=kind, agent=key):
            return f"{kind} {key}"
        case Wait(agent=key):
            return f"wait {key or 'team'}"
        case MakePromise(agent=key):
            return f"promise {key or 'team'}"
        case AskForNumber(agent=key):
            return f"ask {key or 'team'}"


def path(decision: Decision) -> list[str]:
    return [whom(step) for step in decision.steps]


def spoken(step: Step, language: str = "nl") -> str:
    return " ".join(sentences.words(one, language, AMSTERDAM, NOW) for one in step.say)


def reason(step: Step, language: str = "nl") -> str:
    return sentences.words(step.reason, language, AMSTERDAM, NOW, kind="reason")


def test_the_usual_ladder_is_owner_who_knows_team_and_a_promise() -> None:
    assert path(decide(USUAL)) == ["owner anna", "colleague bram", "colleague carla", "promise anna"]


SAID_BUSY = (
    "Anna is nog in gesprek. Blijft u aan de lijn, dan bent u de eerste die Anna spreekt. "
    "Of u hangt gewoon op: dan belt Anna u vanmiddag vóór twaalf uur terug."
)
PROMISED = "op het nummer waarmee u nu belt."

ROWS = [
    # --- the owner
    ("the owner is free", {}, "owner anna", "owner_free", ""),
    (
        "the owner had promised to ring back",
        {"caller": caller(promised=True)},
        "owner anna",
        "owner_promised",
        "",
    ),
    (
        "there is no open case",
        {"caller": replace(caller(), customers=(replace(caller().customers[0], cases=()),))},
        "owner anna",
        "owner_last_contact",
        "",
    ),
    ("the owner talks", {"agents": owner(Reachability.BUSY)}, "wait anna", "owner_busy", SAID_BUSY),
    (
        "the owner writes things down",
        {"agents": owner(Reachability.WRAPPING_UP)},
        "wait anna",
        "owner_busy",
        SAID_BUSY.replace("is nog in gesprek", "rondt het vorige gesprek nog even af"),
    ),
    (
        "the owner puts the telephone down, having been about to ring this caller",
        {"agents": owner(Reachability.WRAPPING_UP, makes_way=True)},
        "wait anna",
        "owner_makes_way",
        "",
    ),
    (
        "the owner puts it down, and another caller has waited longer",
        {"agents": owner(Reachability.WRAPPING_UP, makes_way=True, callers_waiting=2)},
        "wait anna",
        "owner_busy",
        SAID_BUSY.replace("is nog in gesprek", "is nog niet vrij").replace(
            "bent u de eerste die Anna spreekt",
            "spreekt u Anna zodra het uw beurt is; er zijn nog twee wachtenden vóór u",
        ),
    ),
    (
        "how long it takes is known",
        {"agents": owner(Reachability.BUSY, free_in_minutes=4)},
        "wait anna",
        "owner_busy",
        SAID_BUSY.replace("in gesprek.", "in gesprek; dat duurt meestal nog een minuut of vier."),
    ),
    (
        "it is nearly done",
        {"agents": owner(Reachability.BUSY, free_in_minutes=1)},
        "wait anna",
        "owner_busy",
        SAID_BUSY.replace("in gesprek.", "in gesprek; dat duurt meestal niet lang meer."),
    ),
    (
        "another waits already",
        {"agents": owner(Reachability.BUSY, callers_waiting=1)},
        "wait anna",
        "owner_busy",
        SAID_BUSY.replace(
            "bent u de eerste die Anna spreekt",
            "spreekt u Anna zodra het uw beurt is; er is nog één wachtende vóór u",
        ),
    ),
    (
        "two others wait already",
        {"agents": owner(Reachability.BUSY, callers_waiting=2)},
        "wait anna",
        "owner_busy",
        SAID_BUSY.replace(
            "bent u de eerste die Anna spreekt",
            "spreekt u Anna zodra het uw beurt is; er zijn nog twee wachtenden vóór u",
        ),
    ),
    (
        "the number can't be rung back, so nothing is promised",
        {"agents": owner(Reachability.BUSY), "can_be_rung_back": False},
        "wait anna",
        "owner_busy",
        SAID_BUSY.split(" Of u")[0],
    ),
    (
        "the owner is on a break",
        {"agents": owner(Reachability.BREAK)},
        "colleague bram",
        "colleague_handled",
        "Anna heeft even pauze. Ik verbind u door met Bram.",
    ),
    (
        "the owner said when the break is over",
        {"agents": owner(Reachability.BREAK, back_at=NOW + timedelta(minutes=30))},
        "colleague bram",
        "colleague_handled",
        "Anna heeft even pauze en is er vanochtend om half twaalf weer. Ik verbind u door met Bram.",
    ),
    (
        "the break should be over already",
        {"agents": owner(Reachability.BREAK, back_at=NOW - timedelta(minutes=5))},
        "colleague bram",
        "colleague_handled",
        "Anna heeft even pauze. Ik verbind u door met Bram.",
    ),
    *(
        (
            f"the owner is {gone}",
            {"agents": owner(gone)},
            "colleague bram",
            "colleague_handled",
            "Anna is er op dit moment niet. Ik verbind u door met Bram.",
        )
        for gone in (Reachability.AWAY, Reachability.OFF)
    ),
    (
        "nothing proves that a ring would be heard",
        {"agents": owner(Reachability.UNPROVEN)},
        "colleague bram",
        "colleague_handled",
        "Anna is op dit moment niet te bereiken. Ik verbind u door met Bram.",
    ),
    (
        "the owner left, which nobody needs to hear",
        {"agents": owner(Reachability.LEFT)},
        "colleague bram",
        "colleague_handled",
        "",
    ),
    (
        "the owner has had enough direct calls",
        {
            "agents": owner(Reachability.FREE, direct_calls=8),
            "resolved": by(direct_calls_per_hour=8),
        },
        "colleague bram",
        "colleague_handled",
        "Anna is op dit moment niet te bereiken. Ik verbind u door met Bram.",
    ),
    ("there is no owner", {"owner": None}, "colleague anna", "colleague_handled", ""),
    # --- what was tried
    (
        "the owner did not pick up",
        {"tried": (Tried(StepKind.OWNER, "anna", StepOutcome.NO_ANSWER, "", "client"),)},
        "colleague bram",
        "colleague_handled",
        "Anna neemt nu niet op. Ik verbind u door met Bram.",
    ),
    *(
        (
            f"the owner declined: {why}",
            {"tried": (Tried(StepKind.OWNER, "anna", StepOutcome.DECLINED, why, "client"),)},
            "colleague bram",
            "colleague_handled",
            f"{said} Ik verbind u door met Bram.",
        )
        for why, said in {
            "": "Anna kan u nu niet te woord staan.",
            "meeting": "Anna zit in een gesprek of overleg.",
            "finishing": "Anna is nog met iets anders bezig.",
            "wrong_person": "Een collega van Anna kan u hier beter mee helpen.",
        }.items()
    ),
    (
        "the owner's desk failed, and there is a phone",
        {
            "agents": with_agent(replace(ANNA, phone="+31201112233")),
            "tried": (Tried(StepKind.OWNER, "anna", StepOutcome.FAILED, "", "client"),),
        },
        "owner anna",
        "owner_desk_failed",
        "",
    ),
    (
        "the owner's phone failed as well",
        {
            "agents": with_agent(replace(ANNA, phone="+31201112233")),
            "tried": (
                Tried(StepKind.OWNER, "anna", StepOutcome.FAILED, "", "client"),
                Tried(StepKind.OWNER, "anna", StepOutcome.FAILED, "", "phone"),
            ),
        },
        "colleague bram",
        "colleague_handled",
        "Anna is op dit moment niet te bereiken. Ik verbind u door met Bram.",
    ),
    (
        "the owner is free after the caller waited",
        {"tried": (Tried(StepKind.WAIT, "anna", StepOutcome.FREED),)},
        "owner anna",
        "owner_freed",
        "",
    ),
    (
        "the caller asked for somebody else while waiting",
        {
            "agents": owner(Reachability.BUSY),
            "tried": (Tried(StepKind.WAIT, "anna", StepOutcome.ANOTHER_WANTED),),
        },
        "colleague bram",
        "colleague_handled",
        "Natuurlijk, ik zoek iemand anders voor u. Ik verbind u door met Bram.",
    ),
    (
        "the caller waited too long for the owner",
        {
            "agents": owner(Reachability.BUSY),
            "tried": (Tried(StepKind.WAIT, "anna", StepOutcome.WAITED_TOO_LONG),),
        },
        "colleague bram",
        "colleague_handled",
        "Anna is nog niet vrij. Ik verbind u door met Bram.",
    ),
    (
        "a colleague did not pick up either",
        {
            "tried": (
                Tried(StepKind.OWNER, "anna", StepOutcome.NO_ANSWER, "", "client"),
                Tried(StepKind.COLLEAGUE, "bram", StepOutcome.NO_ANSWER, "", "client"),
            )
        },
        "colleague carla",
        "team_instead_of_owner",
        "Bram neemt nu niet op. Ik verbind u door met Carla.",
    ),
    (
        "the line closed while the caller waited for the owner, who is free now",
        {
            "now": local("2026-11-24 17:30:05"),
            "tried": (Tried(StepKind.WAIT, "anna", StepOutcome.FREED),),
        },
        "owner anna",
        "owner_freed",
        "",
    ),
    # --- who else
    (
        "the caller is unknown",
        {"caller": Caller(ADA), "owner": None, "agents": agents(CARLA, DIRK)},
        "team carla",
        "team_unknown",
        "",
    ),
    (
        "the number is withheld",
        {"caller": Caller(None), "owner": None, "agents": agents(CARLA, DIRK), "can_be_rung_back": False},
        "team carla",
        "team_withheld",
        "",
    ),
    (
        "the customer is known and nobody handled anything",
        {"owner": None, "agents": agents(CARLA)},
        "team carla",
        "team_known",
        "",
    ),
    (
        "the longest idle of the team rings first",
        {"owner": None, "agents": agents(agent("fons"), CARLA)},
        "team carla",
        "team_known",
        "",
    ),
    (
        "somebody waits for the colleague already",
        {"agents": {**owner(Reachability.OFF), "bram": replace(BRAM, callers_waiting=1)}},
        "colleague carla",
        "team_instead_of_owner",
        "Anna is er op dit moment niet. Ik verbind u door met Carla.",
    ),
    (
        "the case is another team's",
        {"caller": caller(case_team="Belastingen"), "owner": None, "agents": agents(CARLA, DIRK)},
        "team dirk",
        "team_known",
        "",
    ),
    (
        "only a team that the rules name is there",
        {"owner": None, "agents": agents(DIRK), "resolved": by(extra_teams=("Belastingen",))},
        "team dirk",
        "team_known",
        "",
    ),
    (
        "a line that nobody described rings whoever is there",
        {"caller": Caller(ADA), "owner": None, "agents": agents(DIRK), "line": line("", team=None)},
        "team dirk",
        "team_unknown",
        "",
    ),
    (
        "everybody of the team talks",
        {"owner": None, "agents": agents(replace(CARLA, reachability=Reachability.BUSY))},
        "wait team",
        "team_busy",
        "Mijn collega's zijn nu allemaal in gesprek. "
        "Blijft u aan de lijn, dan helpt de eerste die vrijkomt u. "
        "Of u hangt gewoon op: dan bellen wij u vanmiddag vóór twaalf uur terug.",
    ),
    # --- a promise
    (
        "nobody is there",
        {
            "agents": owner(Reachability.OFF)
            | agents(*(replace(one, reachability=Reachability.OFF) for one in (BRAM, CARLA)))
        },
        "promise anna",
        "promise_nobody",
        "Anna is er op dit moment niet. Er is nu niemand vrij om u te helpen. Dat spijt ons. "
        f"Anna belt u vanmiddag vóór twaalf uur terug, {PROMISED}",
    ),
    (
        "nobody is there, and the number is withheld",
        {"agents": {}, "owner": None, "caller": Caller(None), "can_be_rung_back": False},
        "ask team",
        "promise_nobody",
        "Er is nu niemand vrij om u te helpen. Dat spijt ons. "
        "We kunnen uw nummer niet zien. Noemt u uw telefoonnummer, dan bellen wij u terug.",
    ),
    (
        "the owner left and nobody else is there",
        {"agents": agents(replace(ANNA, reachability=Reachability.LEFT))},
        "promise team",
        "promise_nobody",
        "Er is nu niemand vrij om u te helpen. Dat spijt ons. "
        f"Wij bellen u vanmiddag vóór twaalf uur terug, {PROMISED}",
    ),
    (
        "the line is closed",
        {"now": local("2026-11-24 18:00")},
        "promise anna",
        "promise_closed",
        "We zijn nu gesloten. We zijn morgenochtend om negen uur weer open. "
        f"Anna belt u morgenochtend vóór tien uur terug, {PROMISED}",
    ),
    (
        "it is a public holiday",
        {"now": local("2026-12-25 11:00")},
        "promise anna",
        "promise_closed",
        "Vandaag is het een feestdag; we zijn gesloten. We zijn maandagochtend om negen uur weer open. "
        f"Anna belt u maandagochtend vóór tien uur terug, {PROMISED}",
    ),
    (
        "a promise that is owed already keeps its time",
        {
            "now": local("2026-11-24 18:00"),
            "caller": replace(
                caller(), promise=replace(caller(promised=True).promise, due_at=local("2026-11-25 09:30"))
            ),
        },  # type: ignore[type-var]
        "promise anna",
        "promise_closed",
        "We zijn nu gesloten. We zijn morgenochtend om negen uur weer open. "
        f"Anna belt u morgenochtend vóór half tien terug, {PROMISED}",
    ),
    (
        "the line never opens",
        {"line": line(";")},
        "promise anna",
        "promise_closed",
        f"We zijn op dit moment gesloten. Anna belt u morgenochtend vóór elf uur terug, {PROMISED}",
    ),
]


@pytest.mark.parametrize(
    ("change", "first", "why", "said"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS]
)
def test_each_situation_has_its_step_its_reason_and_its_words(
    change: dict[str, object], first: str, why: str, said: str
) -> None:
    situation = replace(USUAL, **change)  # type: ignore[arg-type]

    step = decide(situation).first

    assert whom(step) == first
    assert step.reason.code == why
    now = situation.now
    assert " ".join(sentences.words(one, "nl", AMSTERDAM, now) for one in step.say) == said
    assert reason(step)
    assert reason(step, "en")


def test_a_caller_who_waited_for_the_team_in_vain_is_promised_a_call() -> None:
    busy = replace(CARLA, reachability=Reachability.BUSY)
    waited = (Tried(StepKind.WAIT, None, StepOutcome.WAITED_TOO_LONG),)

    step = decide(replace(USUAL, owner=None, agents=agents(busy), tried=waited)).first

    assert whom(step) == "promise team"
    assert spoken(step).startswith("Iedereen is nog in gesprek.")


def test_the_ladder_that_would_follow_is_as_long_as_its_seconds() -> None:
    many = agents(*(agent(f"a{number}") for number in range(9)))

    decision = decide(replace(USUAL, owner=None, agents=many, resolved=by(total_seconds=70)))

    rings = [step.seconds for step in decision.steps if isinstance(step, Ring)]
    assert rings == [20, 20, 20, 10]
    assert sum(isinstance(step, Ring) for step in decide(replace(USUAL, agents=many)).steps) == 5


def test_an_owner_on_an_ordinary_phone_is_rung_there() -> None:
    phone = Endpoint("phone", "+31201112233")

    step = decide(replace(USUAL, agents=owner(Reachability.FREE, endpoint=phone))).first

    assert isinstance(step, Ring)
    assert step.endpoint == phone


# --- when a promise is due ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("hours", "now", "minutes", "due"),
    [
        (OFFICE, "2026-11-24 10:00", 60, "2026-11-24 11:00"),
        (OFFICE, "2026-11-24 10:01", 60, "2026-11-24 11:15"),
        (OFFICE, "2026-11-24 10:14:59", 60, "2026-11-24 11:15"),
        (OFFICE, "2026-11-24 10:15", 60, "2026-11-24 11:15"),
        (OFFICE, "2026-11-24 10:15:00.000001", 60, "2026-11-24 11:30"),
        (OFFICE, "2026-11-24 16:30", 60, "2026-11-24 17:30"),
        (OFFICE, "2026-11-24 16:45", 60, "2026-11-25 09:15"),
        (OFFICE, "2026-11-24 20:00", 60, "2026-11-25 10:00"),
        (OFFICE, "2026-11-28 13:45", 60, "2026-11-30 09:45"),
        (OFFICE, "2026-11-29 12:00", 60, "2026-11-30 10:00"),
        (OFFICE, "2026-12-24 17:00", 60, "2026-12-28 09:30"),
        (OFFICE, "2026-04-27 10:00", 60, "2026-04-28 10:00"),
        (OFFICE, "2026-03-28 13:30", 60, "2026-03-30 09:30"),
        (OFFICE, "2026-10-24 13:30", 60, "2026-10-26 09:30"),
        ("", "2026-03-29 01:30", 60, "2026-03-29 03:30"),
        ("", "2026-11-24 23:30", 60, "2026-11-25 00:30"),
        (";", "2026-11-24 10:05", 60, "2026-11-25 10:15"),
    ],
)
def test_a_promise_is_due_after_open_time_at_a_whole_quarter(
    hours: str, now: str, minutes: int, due: str
) -> None:
    assert due_at(calendar(hours, "Europe/Amsterdam", "NL"), local(now), minutes) == local(due)


def test_in_the_hour_that_comes_twice_an_hour_later_is_an_hour_later() -> None:
    first = datetime.fromisoformat("2026-10-25T00:30:00+00:00")  # 2:30, summer time

    assert due_at(calendar("", "Europe/Amsterdam", "NL"), first, 60) - first == timedelta(hours=1)


# --- the golden rule ----------------------------------------------------------------------------------


@settings(max_examples=120)
@given(any_situation())
def test_whatever_the_situation_the_caller_reaches_a_human_or_a_promise(situation: Situation) -> None:
    steps = decide(situation).steps
    rings = [step for step in steps if isinstance(step, Ring)]

    assert steps, "a caller with nowhere to go"
    assert isinstance(steps[-1], MakePromise if situation.can_be_rung_back else AskForNumber)
    assert not any(isinstance(step, MakePromise | AskForNumber) for step in steps[:-1])
    rung = {one.agent for one in situation.tried if one.kind != StepKind.WAIT}
    for ring in rings:
        known = situation.agents[ring.agent]
        assert known.reachability == Reachability.FREE
        second_telephone = ring.reason.code == "owner_desk_failed"
        assert ring.agent not in rung or second_telephone
        assert ring.endpoint == (Endpoint("phone", str(known.phone)) if second_telephone else known.endpoint)
        assert ring.seconds >= 10
    assert len({ring.agent for ring in rings}) == len(rings)
    if rings:
        assert sum(ring.seconds for ring in rings) <= situation.ladder.total_seconds - situation.rung_seconds
    assert steps[-1].due_at > situation.now  # type: ignore[union-attr]


@given(any_situation())
def test_no_sentence_ever_holds_anything_about_the_customer_or_the_case(situation: Situation) -> None:
    for step in decide(situation).steps:
        for language in LANGUAGES:
            words = [sentences.words(one, language, AMSTERDAM, situation.now) for one in step.say]
            words.append(sentences.words(step.reason, language, AMSTERDAM, situation.now, kind="reason"))
            for said in words:
                assert said
                assert "{" not in said
                assert SECRET not in said
                assert ADA not in said


@given(any_situation())
def test_the_same_situation_gets_the_same_decision(situation: Situation) -> None:
    shuffled = replace(situation, agents=dict(reversed(situation.agents.items())))

    assert decide(situation) == decide(shuffled)


def test_a_sentence_may_begin_with_a_value() -> None:
    said = sentences.words(Sentence("no_answer", {"agent": "een collega"}), "nl", AMSTERDAM, NOW)
    assert said == "Een collega neemt nu niet op."


EVA = agent("eva", is_supervisor=True, team="Belastingen")
NOBODY_ELSE_KNOWS = with_agent(replace(BRAM, handled_at=None)) | {"eva": EVA}


@pytest.mark.parametrize(
    ("agents", "calls_lately", "most", "expected"),
    [
        (NOBODY_ELSE_KNOWS, 3, 3, "colleague eva"),
        (NOBODY_ELSE_KNOWS, 2, 3, "colleague carla"),
        (NOBODY_ELSE_KNOWS, 9, None, "colleague carla"),
        # Two have handled it; one more would be the third.
        (USUAL.agents | {"eva": EVA}, 1, 3, "colleague bram"),
        (
            USUAL.agents | {"eva": EVA, "bram": replace(BRAM, reachability=Reachability.OFF)},
            1,
            3,
            "colleague eva",
        ),
    ],
)
def test_a_caller_sent_from_counter_to_counter_reaches_who_is_in_charge(
    agents: dict[str, AgentFacts], calls_lately: int, most: int | None, expected: str
) -> None:
    anna_is_off = agents | {"anna": replace(ANNA, reachability=Reachability.OFF)}
    situation = replace(
        USUAL,
        agents=anna_is_off,
        calls_lately=calls_lately,
        resolved=by(counter_to_counter=most),
    )

    assert whom(decide(situation).first) == expected
    # However often they call: their own agent, when they can be reached.
    assert whom(decide(replace(situation, agents=agents)).first) == "owner anna"
