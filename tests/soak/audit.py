"""What was lost, kept without a conversation, doubled, late or stuck? Our books against the carrier's."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

from sqlalchemy import select

from app.db import Database
from app.promises.attempts import AttemptOutcome
from app.records.agents import Activity, Presence
from app.records.calls import Call, CallState, CallStep, Outcome
from app.records.legs import HandOver
from app.records.outgoing import Outbox
from app.records.promises import Promise, PromiseAttempt, PromiseEvent, PromiseState
from tests.soak.stories import Returned
from tests.soak.witness import Leg

LOST, KEPT_WITHOUT, DOUBLED, LATE, STUCK = "lost", "kept without", "doubled", "late", "stuck"
KINDS = (LOST, KEPT_WITHOUT, DOUBLED, LATE, STUCK)

# What was taken for a conversation was none, or one with somebody else.
WAS_NONE = frozenset(
    {"promise_taken_back", "promise_not_put_through", "promise_hardly_spoken", "promise_of_another"}
)
FINISHED = frozenset({PromiseState.KEPT, PromiseState.MERGED, PromiseState.WITHDRAWN})
OWED = frozenset(PromiseState) - FINISHED
# After these a promise waits for a human; before that something must look at it by itself.
ASKED_A_HUMAN = frozenset({"promise_asks_human", "promise_not_callable", "promise_no_line"})
# The carrier's and our roundings of ten seconds.
CONVERSATION_SECONDS = 9.0
# Two rings follow each other so quickly that our reading of the clock may have them overlap.
BLINK_SECONDS = 0.1
LATE_SECONDS = 60.0
DOUBLE_DIALS_IN_10_000 = 1


@dataclass(frozen=True)
class Finding:
    """Something that must not be; what it was about, so that its whole story can be told."""

    kind: str
    what: str
    call_sid: str | None = None
    promise: int | None = None
    other: str | None = None  # another call that it was about


@dataclass
class Books:
    """What the product has written down."""

    calls: Mapping[str, Call]
    steps: Sequence[CallStep] = ()
    promises: Mapping[int, Promise] = field(default_factory=dict)
    events: Sequence[PromiseEvent] = ()
    attempts: Sequence[PromiseAttempt] = ()
    statuses: Sequence[Presence] = ()
    undelivered: Sequence[Outbox] = ()
    hand_overs: Sequence[HandOver] = ()

    @classmethod
    def of(cls, database: Database) -> "Books":
        with database.reading() as session:
            books = cls(
                calls={call.sid: call for call in session.scalars(select(Call))},
                steps=session.scalars(select(CallStep)).all(),
                promises={one.id: one for one in session.scalars(select(Promise))},
                events=session.scalars(select(PromiseEvent).order_by(PromiseEvent.id)).all(),
                attempts=session.scalars(select(PromiseAttempt).order_by(PromiseAttempt.id)).all(),
                statuses=session.scalars(select(Presence)).all(),
                undelivered=session.scalars(select(Outbox).where(Outbox.done_at.is_(None))).all(),
                hand_overs=session.scalars(select(HandOver)).all(),
            )
            session.expunge_all()
            return books

    def events_of(self, promise: int) -> list[PromiseEvent]:
        return [event for event in self.events if event.promise == promise]


@dataclass
class Account:
    """What others saw: the carrier, those who asked the API, whoever counted the free agents."""

    legs: Sequence[Leg]
    returned: Sequence[Returned] = ()
    seen: frozenset[int] = frozenset()  # promises that stood in the database at any moment
    free: Sequence[tuple[float, frozenset[str]]] = ()  # at which moment who could have been rung
    ended_at: float = 0.0

    def __post_init__(self) -> None:
        self.by_sid = {leg.sid: leg for leg in self.legs}
        self._children: dict[str, list[Leg]] = {}
        self._to: dict[str, list[Leg]] = {}
        self._from: dict[str, list[Leg]] = {}
        for leg in self.legs:
            self._children.setdefault(leg.parent or "", []).append(leg)
            (self._from if leg.is_inbound else self._to).setdefault(
                leg.from_ if leg.is_inbound else leg.to, []
            ).append(leg)

    def children(self, sid: str | None) -> list[Leg]:
        return self._children.get(sid or "?", [])

    def rung(self, address: str) -> list[Leg]:
        """Return the legs on which a telephone rang, in order."""
        rung = [leg for leg in self._to.get(address, []) if leg.rang_at is not None]
        return sorted(rung, key=lambda leg: leg.rang_at or 0)

    def phoned(self, number: str | None) -> list[Leg]:
        return self._from.get(number or "?", [])

    @property
    def inbound(self) -> list[Leg]:
        return [leg for leg in self.legs if leg.is_inbound]

    def is_without_database(self, leg: Leg) -> bool:
        """Tell whether a telephone rang for a call that was served from memory: nobody could be reserved."""
        return any(one.without_database for one in (leg, *self.children(leg.parent))) or (
            leg.parent in self.by_sid and self.by_sid[leg.parent].without_database
        )


@dataclass
class Result:
    """What the audit found."""

    findings: list[Finding]
    counts: dict[str, int]
    worst_late: float
    notes: dict[str, int]

    def of(self, kind: str) -> list[Finding]:
        return [finding for finding in self.findings if finding.kind == kind]

    @property
    def is_clean(self) -> bool:
        """Late is counted and shown; on a machine that others use it is no fault of the product's."""
        return not any(self.of(kind) for kind in (LOST, KEPT_WITHOUT, STUCK)) and not self._too_many_doubles

    @property
    def _too_many_doubles(self) -> bool:
        customers = sum(finding.promise is not None for finding in self.of(DOUBLED))
        agents = len(self.of(DOUBLED)) - customers
        return agents > 0 or customers * 10_000 > DOUBLE_DIALS_IN_10_000 * max(self.counts["tries"], 10_000)


def audit(account: Account, books: Books, telephones: Iterable[str], spooled: int = 0) -> Result:
    """Compare; `telephones` are the agents' addresses, `spooled` how many facts still lie on the disk."""
    lateness = list(_late(account, books))
    doubled, without_database = _doubled_agents(account, books, telephones)
    findings = [
        *_lost_calls(account, books),
        *_lost_promises(account, books),
        *_not_conserved(books),
        *_kept_without(account, books),
        *doubled,
        *_doubled_customers(account, books),
        *(finding for finding, seconds in lateness if seconds > LATE_SECONDS),
        *_stuck(account, books),
    ]
    if spooled:
        findings.append(Finding(STUCK, f"{spooled} files of facts were never merged"))
    states: dict[str, int] = {}
    for promise in books.promises.values():
        states[str(promise.state)] = states.get(str(promise.state), 0) + 1
    counts = {
        "calls in": len(account.inbound),
        "conversations": sum(leg.bridged_at is not None for leg in account.inbound),
        "promises": len(books.promises),
        "tries": len(books.attempts),
        "customers rung": sum(attempt.dialled_at is not None for attempt in books.attempts),
    }
    known = {attempt.agent_leg for attempt in books.attempts}
    rung_for_nothing = sum(
        leg.direction == "outbound-api" and leg.sid not in known and leg.rang_at is not None
        for leg in account.legs
    )
    notes = {
        **{f"promises {state}": count for state, count in sorted(states.items())},
        "agents rung twice while the database was dead": without_database,
        "agents rung for a try that was over": rung_for_nothing,
    }
    return Result(findings, counts, max((seconds for _, seconds in lateness), default=0.0), notes)


# --- lost ---------------------------------------------------------------------------------------------


def _lost_calls(account: Account, books: Books) -> Iterator[Finding]:
    for leg in account.inbound:
        call = books.calls.get(leg.sid)
        if call is None:
            yield Finding(LOST, "the carrier knows a call that we don't", leg.sid)
            continue
        if call.state == CallState.ENDED and call.outcome is None:
            yield Finding(LOST, "a call ended without an outcome", leg.sid)
        if call.state != CallState.ENDED:
            continue  # stuck
        talked = leg.bridged_at is not None
        owed = books.promises.get(call.promise or 0)
        if call.outcome == Outcome.TALKED and not talked:
            yield Finding(LOST, "counts as a conversation, and the carrier put nobody through", leg.sid)
        if owed is None and not talked and call.remote_e164 is not None:
            yield Finding(LOST, "a caller reached nobody and is owed nothing", leg.sid)
        if owed is None and leg.promised:
            yield Finding(LOST, "was told that we ring back, and nothing is written down", leg.sid)


def _lost_promises(account: Account, books: Books) -> Iterator[Finding]:
    for made in account.returned:
        promise = books.promises.get(made.id)
        if promise is None or promise.number != made.number:
            yield Finding(LOST, f"the API returned promise {made.id}, and it is not there", promise=made.id)
    for gone in account.seen - set(books.promises):
        yield Finding(LOST, f"promise {gone} stood in the database and is gone", promise=gone)


def _not_conserved(books: Books) -> Iterator[Finding]:
    """Made = open + kept + merged + withdrawn + broken, and each got there by a way that is written down."""
    events: dict[int, list[PromiseEvent]] = {}
    for event in books.events:
        events.setdefault(event.promise, []).append(event)
    for promise in books.promises.values():
        story = events.get(promise.id, [])
        if not story or story[-1].state != promise.state:
            yield Finding(LOST, f"it is {promise.state}, and its story doesn't say so", promise=promise.id)
        again = [
            later
            for before, later in pairwise(story)
            if before.state in FINISHED and later.state not in FINISHED
        ]
        if any(event.why not in WAS_NONE for event in again):
            yield Finding(LOST, "it was finished, and is owed again", promise=promise.id)
        if (
            promise.state in OWED
            and promise.state != PromiseState.CALLING
            and promise.number is not None
            and promise.next_at is None
            and not any(event.why in ASKED_A_HUMAN for event in story)
        ):
            yield Finding(LOST, "it is owed, and nothing will look at it again", promise=promise.id)


# --- kept without a conversation ----------------------------------------------------------------------


def _kept_without(account: Account, books: Books) -> Iterator[Finding]:
    by_word = {event.promise for event in books.events if event.why == "promise_kept_by_word"}
    # That a colleague was asked along says that somebody was there, however long it took.
    handed = {row.call_sid for row in books.hand_overs}
    tries: dict[int, list[PromiseAttempt]] = {}
    for attempt in books.attempts:
        tries.setdefault(attempt.promise, []).append(attempt)
    for promise in books.promises.values():
        if promise.state == PromiseState.KEPT and promise.id not in by_word:
            kept = [one for one in tries.get(promise.id, []) if one.outcome == AttemptOutcome.KEPT]
            talked = [
                CONVERSATION_SECONDS if one.call_sid in handed else leg.talked_seconds
                for one in kept
                for leg in account.children(one.agent_leg)
                if leg.to == promise.number and leg.bridged_at is not None
            ]
            if max(talked, default=0) < CONVERSATION_SECONDS:
                yield Finding(
                    KEPT_WITHOUT, f"kept by {max(talked, default=0):.0f} s of talk", promise=promise.id
                )
        elif promise.state == PromiseState.MERGED and promise.number is not None:
            since = _asked_at(promise, account)
            calls = [*account.phoned(promise.number), *account.rung(promise.number)]
            if not any(leg.bridged_at is not None and (leg.ended_at or 0) > since for leg in calls):
                yield Finding(KEPT_WITHOUT, "merged with a call that never was", promise=promise.id)


def _asked_at(promise: Promise, account: Account) -> float:
    """Return since when somebody is owed a call: that nobody answered is known only afterwards."""
    leg = account.by_sid.get(promise.origin.removeprefix("call:"))
    made = _seconds(promise.created_at) - 1
    return min(leg.began_at, made) if leg is not None else made


# --- doubled ------------------------------------------------------------------------------------------


def _doubled_agents(account: Account, books: Books, telephones: Iterable[str]) -> tuple[list[Finding], int]:
    """An agent rung for two calls at once. Without a database nobody can be reserved: those are counted."""
    findings, without_database = [], 0
    for telephone in telephones:
        for earlier, later in _overlapping(account.rung(telephone)):
            if account.is_without_database(earlier) or account.is_without_database(later):
                without_database += 1
                continue
            call, other = _call_of(later, books), _call_of(earlier, books)
            what = f"{telephone} was rung for two calls at once"
            findings.append(Finding(DOUBLED, what, call, other=other))
    return findings, without_database


def _call_of(leg: Leg, books: Books) -> str:
    """Return our name of the call for which an agent's telephone rang."""
    if leg.parent is not None:
        return leg.parent
    return next((one.call_sid for one in books.attempts if one.agent_leg == leg.sid), leg.sid)


def _doubled_customers(account: Account, books: Books) -> Iterator[Finding]:
    for attempt in books.attempts:
        rung = [
            leg for leg in account.children(attempt.agent_leg) if leg.to == attempt.number and leg.rang_at
        ]
        if len(rung) > 1:
            yield Finding(DOUBLED, f"rung {len(rung)} times by one try", promise=attempt.promise)
    for number in {promise.number for promise in books.promises.values() if promise.number}:
        for _earlier, later in _overlapping(account.rung(number)):
            promise = next(one.id for one in books.promises.values() if one.number == number)
            yield Finding(DOUBLED, f"rung twice at the same time, by {later.sid}", promise=promise)


def _overlapping(legs: Sequence[Leg]) -> Iterator[tuple[Leg, Leg]]:
    """Yield pairs of which the later rang before the earlier was over; `legs` are in order."""
    longest: Leg | None = None
    for leg in legs:
        if longest is not None:
            over_at = longest.ended_at or float("inf")
            if (leg.rang_at or 0) < over_at - BLINK_SECONDS:
                yield longest, leg
            if over_at >= (leg.ended_at or float("inf")):
                continue
        longest = leg


# --- late ---------------------------------------------------------------------------------------------


def _late(account: Account, books: Books) -> Iterator[tuple[Finding, float]]:
    """Yield for each promise whose time came for how many seconds after it somebody free was not rung."""
    first: dict[int, float] = {}
    for attempt in books.attempts:
        leg = account.by_sid.get(attempt.agent_leg or "")
        at = leg.rang_at if leg is not None and leg.rang_at else _seconds(attempt.started_at)
        first[attempt.promise] = min(at, first.get(attempt.promise, at))
    for promise in books.promises.values():
        due = _seconds(promise.due_at)
        over = [moment for moment in (promise.finished_at,) if moment is not None]
        until = min([first.get(promise.id, account.ended_at), *map(_seconds, over)])
        if promise.number is None or until <= due or account.phoned(promise.number):
            continue
        yield (
            Finding(LATE, f"{until - due:.0f} s after its time", promise=promise.id),
            _free_seconds(account.free, due, until),
        )


def _free_seconds(free: Sequence[tuple[float, frozenset[str]]], since: float, until: float) -> float:
    """Return for how long somebody could have been rung; moments at which nobody looked don't count."""
    total = 0.0
    for (at, agents), (following, still) in pairwise(free):
        # Free at both looks: on a busy day somebody is free at any moment, and taken the next.
        if agents & still and at >= since and following <= until:
            total += min(following - at, 3.0)
    return total


# --- stuck --------------------------------------------------------------------------------------------


def _stuck(account: Account, books: Books) -> Iterator[Finding]:
    for status in books.statuses:
        if status.activity != Activity.IDLE:
            yield Finding(STUCK, f"{status.agent} is {status.activity}", status.call_sid)
    for call in books.calls.values():
        if call.state != CallState.ENDED:
            yield Finding(STUCK, f"a call is still {call.state}", call.sid)
    for attempt in books.attempts:
        if attempt.ended_at is None:
            yield Finding(STUCK, "a try is still in the air", attempt.call_sid, attempt.promise)
    flying = {attempt.promise for attempt in books.attempts if attempt.ended_at is None}
    for promise in books.promises.values():
        if promise.state == PromiseState.CALLING and promise.id not in flying:
            yield Finding(STUCK, "it is being rung, and nobody rings", promise=promise.id)
    for hand_over in books.hand_overs:
        if hand_over.outcome is None:
            yield Finding(STUCK, f"a hand-over is still {hand_over.phase}", hand_over.call_sid)
    for row in books.undelivered:
        yield Finding(STUCK, f"{row.kind} never left: {row.key} ({row.attempts} tries, {row.result})")
    for leg in account.legs:
        if leg.is_live:
            yield Finding(STUCK, f"the carrier still has a leg to {leg.to[:10]}… {leg.status}", leg.sid)


def _seconds(moment: datetime) -> float:
    return moment.timestamp()
