"""Would the audit notice? Each row is one thing gone wrong in a town where all was well."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from app.records.agents import Activity, Presence
from app.records.callers import Direction
from app.records.calls import Call, CallState, Outcome
from app.records.outgoing import Outbox
from app.records.promises import AttemptOutcome, Promise, PromiseAttempt, PromiseEvent, PromiseState
from tests.factories import ADA, BEN, LINE
from tests.soak.audit import (
    DOUBLED,
    KEPT_WITHOUT,
    LATE,
    LOST,
    STUCK,
    Account,
    Books,
    audit,
)
from tests.soak.stories import Returned
from tests.soak.witness import Leg, Witness

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ANNA = "client:anna"
CALL, CALLBACK = "CA1", "CB1"


def at(seconds: float) -> float:
    return NOON.timestamp() + seconds


def leg(
    sid: str, from_: str, to: str, began: float, ended: float, *, parent: str | None = None, talked: float = 0
) -> Leg:
    direction = "inbound" if to == LINE else "outbound-dial" if parent else "outbound-api"
    made = Leg(sid, from_, to, direction, parent, at(began))
    if direction != "inbound":
        made.stands("ringing", at(began))
    if talked:
        made.stands("in-progress", at(ended - talked))
        made.hears("bridged", "", 0, at(ended - talked))
        made.hears("ended", "", talked, at(ended))
    made.stands("completed", at(ended))
    return made


class Day:
    """Ben spoke to Anna at noon; Ada was owed a call, and Anna rang her a minute later."""

    def __init__(self) -> None:
        self.legs = {
            one.sid: one
            for one in (
                leg(CALL, BEN, LINE, 0, 40, talked=30),
                leg("CA2", BEN, ANNA, 1, 40, parent=CALL, talked=30),
                leg("CA3", LINE, ANNA, 60, 100),
                leg("CA4", LINE, ADA, 65, 100, parent="CA3", talked=30),
            )
        }
        self.call = Call(
            sid=CALL,
            direction=Direction.INBOUND,
            remote_e164=BEN,
            state=CallState.ENDED,
            outcome=Outcome.TALKED,
        )
        self.promise = Promise(
            id=7,
            origin="api:x",
            number=ADA,
            state=PromiseState.KEPT,
            created_at=NOON,
            due_at=NOON + timedelta(seconds=70),
            next_at=NOON,
            finished_at=NOON + timedelta(seconds=100),
        )
        self.promises = {7: self.promise}
        self.events = [
            PromiseEvent(id=place, promise=7, at=NOON, state=state, why=why, who="", details={})
            for place, (state, why) in enumerate(
                ((PromiseState.OPEN, "promise_asked"), (PromiseState.KEPT, "promise_kept"))
            )
        ]
        self.attempt = PromiseAttempt(
            promise=7,
            call_sid=CALLBACK,
            number=ADA,
            agent="anna",
            agent_leg="CA3",
            started_at=NOON + timedelta(seconds=60),
            dialled_at=NOON + timedelta(seconds=64),
            ended_at=NOON + timedelta(seconds=100),
            outcome=AttemptOutcome.KEPT,
        )
        self.presence = Presence(agent="anna", activity=Activity.IDLE)
        self.undelivered: list[Outbox] = []
        self.calls = {CALL: self.call}
        self.spooled = 0

    def becomes(self, state: PromiseState) -> None:
        """The promise took another way; its story says so."""
        self.promise.state = state
        self.events[-1].state = state
        self.promise.finished_at = None

    def found(self) -> list[str]:
        books = Books(
            calls=self.calls,
            promises=self.promises,
            events=self.events,
            attempts=[self.attempt],
            statuses=[self.presence],
            undelivered=self.undelivered,
        )
        free = [(at(second), frozenset({"anna"})) for second in range(400)]
        account = Account(
            list(self.legs.values()), [Returned(7, ADA)], frozenset({7}), free, ended_at=at(300)
        )
        return [finding.kind for finding in audit(account, books, [ANNA], self.spooled).findings]


def test_a_day_on_which_all_went_well_is_clean() -> None:
    assert Day().found() == []


def nobody_answered(day: Day) -> None:
    day.legs[CALL] = leg(CALL, BEN, LINE, 0, 40)


def told_and_not_written_down(day: Day) -> None:
    day.legs[CALL].hears("say", "Anna belt u vandaag vóór vijf uur terug.", 1, at(1))


def owed_nothing(day: Day) -> None:
    nobody_answered(day)
    day.call.outcome = Outcome.MISSED_PROMISED


def gone(day: Day) -> None:
    day.promises = {}
    day.events = []


def finished_and_owed_again(day: Day) -> None:
    day.events.append(
        PromiseEvent(id=9, promise=7, at=NOON, state=PromiseState.DUE, why="promise_due", details={})
    )
    day.promise.state = PromiseState.DUE


def forgotten(day: Day) -> None:
    day.becomes(PromiseState.DUE)
    day.promise.next_at = None


def hung_up_at_once(day: Day) -> None:
    day.legs["CA4"] = leg("CA4", LINE, ADA, 65, 100, parent="CA3", talked=4)


def merged_with_nothing(day: Day) -> None:
    day.becomes(PromiseState.MERGED)
    day.legs["CA4"] = leg("CA4", LINE, ADA, 65, 100, parent="CA3")


def rung_during_a_call(day: Day) -> None:
    day.legs["CA3"].rang_at = at(20)


def rung_twice_by_one_try(day: Day) -> None:
    day.legs["CA5"] = leg("CA5", LINE, ADA, 110, 120, parent="CA3")


def never_rung(day: Day) -> None:
    day.becomes(PromiseState.BROKEN)
    day.attempt.started_at = NOON + timedelta(seconds=200)
    day.attempt.agent_leg = None


def nobody_rings(day: Day) -> None:
    day.becomes(PromiseState.CALLING)


WRONG: list[tuple[Callable[[Day], object], list[str]]] = [
    (lambda day: day.calls.clear(), [LOST]),
    (lambda day: setattr(day.call, "outcome", None), [LOST]),
    (nobody_answered, [LOST, LOST]),  # it counts as a conversation, and nothing is owed
    (owed_nothing, [LOST]),
    (told_and_not_written_down, [LOST]),
    (gone, [LOST, LOST]),  # the API returned it, and it was seen
    (lambda day: setattr(day.events[-1], "state", PromiseState.OPEN), [LOST]),
    (finished_and_owed_again, [LOST]),
    (forgotten, [LOST]),
    (hung_up_at_once, [KEPT_WITHOUT]),
    (merged_with_nothing, [KEPT_WITHOUT]),
    (rung_during_a_call, [DOUBLED]),
    (rung_twice_by_one_try, [DOUBLED]),
    (never_rung, [LATE]),
    (nobody_rings, [STUCK]),
    (lambda day: setattr(day.presence, "activity", Activity.TALKING), [STUCK]),
    (lambda day: setattr(day.call, "state", CallState.TALKING), [STUCK]),
    (lambda day: setattr(day.attempt, "ended_at", None), [STUCK]),
    (lambda day: day.undelivered.append(Outbox(kind="send_message", key="x", attempts=1)), [STUCK]),
    (lambda day: setattr(day, "spooled", 1), [STUCK]),
    (lambda day: setattr(day.legs["CA4"], "ended_at", None), [STUCK]),
]


@pytest.mark.parametrize(("goes_wrong", "kinds"), WRONG)
def test_what_went_wrong_is_found(goes_wrong: Callable[[Day], object], kinds: list[str]) -> None:
    day = Day()

    goes_wrong(day)

    assert day.found() == kinds


def test_two_who_were_rung_without_a_database_are_counted_apart() -> None:
    day = Day()
    rung_during_a_call(day)
    day.legs[CALL].without_database = True

    assert day.found() == []


@pytest.mark.parametrize(
    ("said", "promises"),
    [
        ("Wij bellen u morgen vóór tien uur terug, op het nummer waarmee u nu belt.", True),
        ("Of u hangt gewoon op: dan belt Anna van Dam u vandaag vóór vier uur terug.", True),
        ("Dank u wel. Wij bellen u vandaag vóór vier uur terug, op 0 6 1 2 3 4 5 6 7 8.", True),
        ("We kunnen uw nummer niet zien. Noemt u uw telefoonnummer, dan bellen wij u terug.", False),
        ("Anna is nog in gesprek.", False),
    ],
)
def test_a_promise_is_told_from_an_offer(said: str, promises: bool) -> None:
    witness = Witness("http://127.0.0.1:1")
    named: list[str] = []
    witness.listeners.append(lambda point: named.append(point.name))
    call = {"call_sid": CALL, "parent": None, "from": ADA, "to": LINE, "direction": "inbound"}
    witness.notes("call", {**call, "status": "ringing"}, at(0))

    witness.notes("caption", {"call_sid": CALL, "kind": "say", "text": said, "at": 1.0}, at(1))

    assert witness.legs[CALL].promised is promises
    assert ("promise_spoken" in named) is promises
