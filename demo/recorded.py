"""Which calls came in during the last two weeks? Decided as calls are, and written down as they leave it.

Each call goes the way that the simulator walks, by the very function that decides calls; so its steps, their
reasons and what was known at each can be looked back upon. The customers of the telephone book haven't
called: what they meet is told in docs/demo.md, and stays as it is told.
"""

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from random import Random

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.agents.presence import Endpoint, Reachability
from app.callers import history
from app.callers.numbers import may_be_called, may_be_texted
from app.callers.recognition import Caller
from app.deployment import Deployment
from app.records.callers import Case, Channel, Contact, Direction
from app.records.calls import Call, CallState, CallStep, Outcome, StepKind, StepOutcome
from app.records.messages import Message
from app.records.promises import AttemptOutcome, Promise, PromiseAttempt, PromiseEvent, PromiseState
from app.routing import heard, kept, reading, ringing_back, sentences
from app.routing.answers import Answer, AnswerKind
from app.routing.decision import AskForNumber, MakePromise, Ring, Wait
from app.routing.facts import Facts
from app.routing.ladder import Resolved
from app.routing.ringing_back import Owed
from app.routing.sentences import Sentence
from app.routing.situation import AgentFacts, goes_round
from app.routing.walk import End, Walked, Way, outcome_of, walk
from demo import cast
from demo.organisation import AGENTS, LINES, Line
from demo.people import PEOPLE, person
from demo.telephones import mobile
from demo.workdays import ZONE, is_working_day

DAYS = 14
SEED = 1
# How many call on a day, Monday first; the mornings are busy, as everywhere.
A_DAY = (40, 33, 28, 31, 24)
HOURS = {8: 3, 9: 9, 10: 10, 11: 8, 12: 4, 13: 6, 14: 7, 15: 6, 16: 4, 18: 1}
# Nobody rings within the last hour: what is counted by the hour begins with the reader.
UNTIL = timedelta(hours=1)

_K = AnswerKind
_MAY_BE = Reachability
# Where people are on a working day, out of a hundred.
_PLACES = ((_MAY_BE.FREE, 52), (_MAY_BE.BUSY, 26), (_MAY_BE.BREAK, 9), (_MAY_BE.AWAY, 6), (_MAY_BE.OFF, 7))
_OF_A_RING = ((_K.ANSWERED, 84), (_K.NO_ANSWER, 9), (_K.DECLINED, 5), (_K.HUNG_UP, 2))
_OF_A_WAIT = ((_K.FREED, 58), (_K.HUNG_UP, 27), (_K.TOO_LONG, 12), (_K.ANOTHER, 3))
_OF_A_PROMISE = ((_K.NOTHING, 60), (_K.SAID, 40))
_ABOUT = (
    "Over mijn aanvraag",
    "Ik had een vraag over de brief van vorige week",
    "Of mijn afspraak nog doorgaat",
    "Over de kosten",
    "Wanneer ik iets hoor",
    "Ik wil een adres doorgeven",
)


_KNOWN_NUMBERS = frozenset(phone for person in PEOPLE for phone in person.phones)


@dataclass
class _Book:
    """What is written of all calls together."""

    session: Session
    deployment: Deployment
    now: datetime
    random: Random
    rows: list[object] = field(default_factory=list)
    owed: list[tuple[Promise, Callable[[], None]]] = field(default_factory=list)  # and what follows from it
    known: dict[tuple[str | None, str], Facts] = field(default_factory=dict)
    called: dict[str, list[datetime]] = field(default_factory=dict)  # when about which case, so far
    calls: int = 0

    def sid(self, prefix: str, what: str) -> str:
        return prefix + hashlib.sha256(f"{what}/{self.calls}".encode()).hexdigest()[:32]

    def facts(self, number: str | None, line: str) -> Facts:
        # Whom nobody knows, and who hides their number, differ from one another in the number alone.
        who = number if number in _KNOWN_NUMBERS else None
        if (who, line) not in self.known:
            self.known[who, line] = reading.read(
                self.session, "", line, who, self.now, self.deployment.defaults
            )
        found = self.known[who, line]
        return found if who is not None else replace(found, caller=Caller(number))

    def calls_lately(self, caller: Caller, at: datetime) -> int:
        """Return for how many times within a week somebody calls about their case, and note that they do."""
        if caller.case is None:
            return 1
        so_far = self.called.setdefault(caller.case.key, [])
        so_far.append(at)
        return sum(one > at - timedelta(days=7) for one in so_far)

    def picked(self, weighted: tuple[tuple[object, int], ...]) -> object:
        things, weights = zip(*weighted, strict=True)
        return self.random.choices(things, weights)[0]


def record(session: Session, now: datetime, deployment: Deployment, seed: int = SEED) -> int:
    """Write two weeks of calls that end an hour before `now`; return how many, none when there are some."""
    book = _Book(session, deployment, now, Random(seed))
    if session.scalar(select(Call.sid).limit(1)) is not None:
        return 0
    contacts = {contact.started_at: (contact, customer) for contact, customer in _answered(session, now)}
    for at in sorted([*contacts, *_moments(book)]):
        book.calls += 1
        if at in contacts:
            _answered_call(book, *contacts[at])
        else:
            _other_call(book, at)
    # Their numbers are the database's: what refers to them comes after.
    session.add_all([*book.rows, *(promise for promise, _ in book.owed)])
    session.flush()
    book.rows.clear()
    for _, follows in book.owed:
        follows()
    session.add_all(book.rows)
    return book.calls


def _answered(session: Session, now: datetime) -> Iterator[tuple[Contact, str]]:
    """Yield the conversations of the histories that began with a call to us, and the customer of each."""
    since, until = now - timedelta(days=DAYS), now - UNTIL
    statement = (
        select(Contact, Case.customer)
        .join(Case, Case.key == Contact.case)
        .where(
            Contact.channel == Channel.CALL,
            Contact.direction == Direction.INBOUND,
            Contact.started_at.between(since, until),
        )
        .order_by(Contact.started_at, Contact.key)
    )
    told = {plan.customer for plan in cast.PLANS}
    seen: set[datetime] = set()
    for contact, customer in session.execute(statement):
        if customer not in told and contact.started_at not in seen:
            seen.add(contact.started_at)
            yield contact, customer


def _moments(book: _Book) -> Iterator[datetime]:
    """Yield when others call: on working days, most of them on Monday morning."""
    today = book.now.astimezone(ZONE).date()
    for back in range(DAYS, -1, -1):
        day = today - timedelta(days=back)
        if not is_working_day(day):
            continue
        for _ in range(A_DAY[day.weekday()]):
            hour = int(str(book.picked(tuple(HOURS.items()))))
            minute, second = book.random.randrange(60), book.random.randrange(60)
            at = datetime.combine(day, time(hour, minute, second), ZONE)
            if at < book.now - UNTIL:
                yield at


# --- who calls --------------------------------------------------------------------------------------------


def _answered_call(book: _Book, contact: Contact, of: str) -> None:
    """A conversation of the histories: whoever had it was rung, since nobody else was there."""
    customer = person(of)
    number, line = customer.phones[0], LINES[0]
    facts = _as_of(book, book.facts(number, line.number), contact.started_at)
    agents = {
        key: replace(
            agent,
            reachability=Reachability.FREE if key == contact.agent else Reachability.BREAK,
            endpoint=Endpoint("client", key),
            idle_since=contact.started_at - timedelta(minutes=5),
        )
        for key, agent in facts.agents.items()
    }
    if contact.agent not in agents:
        return
    way = _walked(facts, agents, contact.started_at, number, [Answer(_K.ANSWERED)])
    if way.ends == End.HUMAN and _agent(way.steps[-1]) == contact.agent:
        _write(book, facts, number, line, contact.started_at, way, talked=max(contact.seconds, 30))


def _other_call(book: _Book, at: datetime) -> None:
    """Somebody without a case calls, or somebody whom nobody could speak to then."""
    line = book.random.choices(LINES, (46, 18, 16, 14, 6))[0]
    number: str | None = mobile(980_000 + book.calls)
    answers: list[Answer] | None = None
    draw = book.random.random()
    if draw < 0.06:
        number = None
    elif draw < 0.34:
        told = {plan.customer for plan in cast.PLANS}
        customer = book.random.choice([one for one in PEOPLE if one.key not in told])
        # Known callers who got through stand in the histories; these did not.
        number, answers = customer.phones[0], []
    facts = _as_of(book, book.facts(number, line.number), at)
    agents = {}
    for key, agent in facts.agents.items():
        place = book.picked(_PLACES) if key != cast.ABSENT_AGENT else Reachability.OFF
        if answers is not None and place == Reachability.FREE:
            place = book.picked(((_MAY_BE.BUSY, 60), (_MAY_BE.OFF, 20), (_MAY_BE.BREAK, 20)))
        agents[key] = replace(
            agent,
            reachability=Reachability(str(place)),
            endpoint=Endpoint("client", key),
            idle_since=at - timedelta(minutes=book.random.randrange(1, 60)),
        )
    way = _chosen(book, facts, agents, at, number, gets_through=answers is None)
    _write(book, facts, number, line, at, way, talked=book.random.randrange(50, 480))


def _as_of(book: _Book, facts: Facts, at: datetime) -> Facts:
    """Return what was known then: no case that was opened since, and nobody who handled it since."""
    customers = tuple(
        replace(one, cases=tuple(case for case in one.cases if case.opened_at < at))
        for one in facts.caller.customers
    )
    agents = {
        key: agent if agent.handled_at is None or agent.handled_at < at else replace(agent, handled_at=None)
        for key, agent in facts.agents.items()
    }
    caller = Caller(facts.caller.e164, customers)
    is_the_same_matter = caller.case == facts.caller.case and (
        caller.case is not None or facts.last_contact is None or facts.last_contact.at < at
    )
    owner = facts.owner if is_the_same_matter else caller.case.owner if caller.case is not None else None
    calls_lately = book.calls_lately(caller, at)
    most = facts.rules.ladder.counter_to_counter
    if caller.case is not None and goes_round(most, calls_lately, agents):
        # As in a call: whoever calls for the third time comes to somebody who leads.
        in_charge = reading.supervisors(book.session, book.now, facts.caller.e164)
        agents |= {key: replace(agents.get(key, one), is_supervisor=True) for key, one in in_charge.items()}
    return replace(
        facts,
        caller=caller,
        agents=agents,
        owner=owner if owner in agents else None,
        calls_lately=calls_lately,
    )


# --- the way of a call ------------------------------------------------------------------------------------


def _walked(
    facts: Facts, agents: dict[str, AgentFacts], at: datetime, number: str | None, answers: list[Answer]
) -> Way:
    # In the past that is told here nobody was asked anything yet.
    line = replace(facts.line, asks=False)
    return walk(replace(facts, agents=agents, line=line), at, answers, may_be_rung=may_be_called(number))


def _chosen(
    book: _Book,
    facts: Facts,
    agents: dict[str, AgentFacts],
    at: datetime,
    number: str | None,
    *,
    gets_through: bool,
) -> Way:
    """Go on, step by step, as chance has it."""
    answers: list[Answer] = []
    while True:
        way = _walked(facts, agents, at, number, answers)
        open_step = next((one for one in way.steps[len(answers) :] if one.is_assumed), None)
        if open_step is None or len(answers) > 12:
            return way
        answers.append(_answer(book, open_step, gets_through=gets_through))


def _answer(book: _Book, walked: Walked, *, gets_through: bool) -> Answer:
    match walked.step:
        case Ring():
            kind = book.picked(_OF_A_RING)
        case Wait():
            kind = book.picked(_OF_A_WAIT) if gets_through else _K.HUNG_UP
        case MakePromise():
            kind = book.picked(_OF_A_PROMISE)
        case _:
            kind = book.random.choice((_K.NUMBER, _K.HUNG_UP, _K.NOTHING))
    found = AnswerKind(str(kind))
    if found not in walked.possible:
        found = walked.answer.kind
    seconds = float(book.random.randrange(3, 18)) if found == _K.ANSWERED else None
    if found in (_K.FREED, _K.HUNG_UP):
        seconds = float(book.random.randrange(8, 150))
    return Answer(found, "meeting" if found == _K.DECLINED else "", seconds)


def _agent(walked: Walked) -> str | None:
    return getattr(walked.step, "agent", None)


# --- what is written --------------------------------------------------------------------------------------


def _write(
    book: _Book, facts: Facts, number: str | None, line: Line, at: datetime, way: Way, *, talked: int
) -> None:
    sid, last = book.sid("CA", "call"), way.steps[-1]
    ends_at = at + timedelta(seconds=way.seconds)
    is_human = way.ends == End.HUMAN
    customer, case = facts.caller.customer, facts.caller.case
    call = Call(
        sid=sid,
        remote_e164=number,
        line=line.number,
        attestation="",
        customer=customer.key if customer else None,
        case=case.key if case else None,
        owner=facts.owner,
        language=facts.language,
        state=CallState.ENDED,
        outcome=Outcome.TALKED if is_human else _outcome(way),
        bridged_to=_agent(last) if is_human else None,
        bridged_at=ends_at if is_human else None,
        rule_version=facts.rules.version,
        said=_said(facts, at, way),
        created_at=at,
        ended_at=ends_at + timedelta(seconds=talked) if is_human else ends_at,
    )
    steps = list(_steps(facts, sid, at, way, call))
    call.step = len(steps)
    book.rows += [call, *steps]
    if way.owes is not None and not is_human:
        _owe(book, facts, call, way, at)


def _outcome(way: Way) -> Outcome:
    if way.ends == End.NOTHING:
        return Outcome.NOT_CALLABLE
    was_told = any(not isinstance(one.step, Ring) for one in way.steps)
    return Outcome.PROMISED if was_told else Outcome.MISSED_PROMISED


def _said(facts: Facts, at: datetime, way: Way) -> list[dict[str, str]]:
    return [
        {"at": (at + timedelta(seconds=one.at)).isoformat(), "text": text}
        for walked in way.steps
        for one in (*walked.heard, *walked.again, *walked.after)
        for text in heard.in_words([one.said], facts, walked.known.now)
    ]


def _steps(facts: Facts, sid: str, at: datetime, way: Way, call: Call) -> Iterator[CallStep]:
    number = 0
    for walked in way.steps:
        if number and isinstance(walked.step, AskForNumber):
            continue  # asked once more: the same step
        number += 1
        step, ends_at = walked.step, at + timedelta(seconds=walked.ends_at)
        is_answered = walked.answer.kind == _K.ANSWERED
        yield CallStep(
            call_sid=sid,
            number=number,
            kind=step.kind,
            agent=getattr(step, "agent", None),
            team=getattr(step, "team", None),
            reason=step.reason.code,
            reason_values={
                name: value for name, value in step.reason.values.items() if isinstance(value, str)
            },
            endpoint=step.endpoint.kind if isinstance(step, Ring) else "",
            started_at=walked.known.now,
            rang_at=at + timedelta(seconds=walked.rings_at) if walked.rings_at is not None else None,
            answered_at=ends_at if is_answered else None,
            ended_at=call.ended_at if is_answered else ends_at,
            outcome=_outcome_of(walked),
            declined_why=walked.answer.why,
            rule_version=walked.known.resolved.version,
            rule=walked.known.resolved.rule,
            parameters=walked.known.ladder.as_json(),
            situation=kept.situation_as_json(walked.known),
        )


def _outcome_of(walked: Walked) -> StepOutcome:
    match walked.answer.kind:
        case AnswerKind.ANSWERED:
            return StepOutcome.ANSWERED
        case AnswerKind.HUNG_UP if not isinstance(walked.step, MakePromise):
            return StepOutcome.CALLER_HUNG_UP
        case AnswerKind.FREED:
            return StepOutcome.FREED
        case AnswerKind.ANOTHER if isinstance(walked.step, Wait):
            return StepOutcome.ANOTHER_WANTED
        case AnswerKind.TOO_LONG | AnswerKind.GONE:
            return StepOutcome.WAITED_TOO_LONG
        case _ if isinstance(walked.step, MakePromise):
            return StepOutcome.PROMISED
        case _ if isinstance(walked.step, AskForNumber):
            return StepOutcome.CALLER_HUNG_UP
        case other:
            return outcome_of(other)


# --- what was owed ----------------------------------------------------------------------------------------


def _owe(book: _Book, facts: Facts, call: Call, way: Way, at: datetime) -> None:
    """Write the promise of a call, and what became of it: all are settled by now."""
    owes, number = way.owes, call.remote_e164
    if owes is None or number is None:
        return  # a withheld number: nobody is rung back in these two weeks
    told_at = at + timedelta(seconds=way.steps[-1].begins_at)
    debtor = owes.agent or book.random.choice(
        [one.key for one in AGENTS if one.team == owes.team and one.key != cast.ABSENT_AGENT]
    )
    draw = book.random.random()
    is_late = draw < 0.08
    state = PromiseState.KEPT
    if 0.08 <= draw < 0.13:
        state = PromiseState.MERGED
    elif 0.13 <= draw < 0.16:
        state = PromiseState.WITHDRAWN
    slack = (owes.due_at - told_at).total_seconds()
    after = slack * book.random.uniform(0.25, 0.95)
    if is_late:
        after = slack + book.random.randrange(240, 3000)
    settled_at = told_at + timedelta(seconds=after)
    if settled_at > book.now - UNTIL:
        state, is_late = PromiseState.WITHDRAWN, False
        settled_at = max(told_at, book.now - UNTIL)
    promise = Promise(
        origin=f"call:{call.sid}",
        number=number,
        line=call.line,
        customer=call.customer,
        case=call.case,
        agent=debtor if state == PromiseState.KEPT else owes.agent,
        team=owes.team or "",
        language=call.language,
        due_at=owes.due_at,
        state=state,
        about=book.random.choice(_ABOUT) if way.steps[-1].answer.kind == _K.SAID else "",
        created_at=told_at,
        finished_at=settled_at,
        tries=1 if state == PromiseState.KEPT else 0,
        broken_at=owes.due_at if is_late else None,
    )
    texted, talked = may_be_texted(number), book.random.randrange(40, 300)

    def follows() -> None:
        call.promise = promise.id
        _events(book, promise, way, debtor)
        if texted:
            book.rows.append(_confirmation(book, facts, call, promise, told_at))
        if state == PromiseState.KEPT:
            _rung_back(book, facts, call, promise, debtor, talked)

    book.owed.append((promise, follows))


def _events(book: _Book, promise: Promise, way: Way, debtor: str) -> None:
    last = way.steps[-1]
    why = last.step.reason.code if isinstance(last.step, MakePromise) else "promise_while_waiting"
    if isinstance(last.step, Ring):
        why = "promise_hung_up_while_ringing"
    ends = {
        PromiseState.KEPT: ("promise_kept", debtor),
        PromiseState.MERGED: ("promise_merged", debtor),
        PromiseState.WITHDRAWN: ("promise_withdrawn", "joke@waterrijk.example"),
    }
    code, who = ends[PromiseState(promise.state)]
    for at, state, reason, by in (
        (promise.created_at, PromiseState.OPEN, why, ""),
        (promise.finished_at, promise.state, code, who),
    ):
        details = {"agent": debtor} if by == debtor else {}
        book.rows.append(
            PromiseEvent(promise=promise.id, at=at, state=state, why=reason, who=by, details=details)
        )


def _confirmation(book: _Book, facts: Facts, call: Call, promise: Promise, at: datetime) -> Message:
    agent = facts.agents.get(promise.agent or "")
    code = "promise_message_by_agent" if agent is not None else "promise_message"
    values = {"agent": agent.spoken_name} if agent is not None else {}
    said = Sentence(code, values | {"time": ("before", promise.due_at)})
    return Message(
        sid=book.sid("SM", f"message {promise.id}"),
        carrier_sid=book.sid("SM", f"carrier {promise.id}"),
        direction=Direction.OUTBOUND,
        number=str(call.remote_e164),
        line=call.line,
        body=sentences.words(said, call.language, ZONE, at),
        customer=call.customer,
        case=call.case,
        team=promise.team,
        promise=promise.id,
        status="delivered",
        at=at + timedelta(seconds=20),
        # Nobody has to see to what we wrote ourselves.
        handled_at=at + timedelta(seconds=20),
    )


def _rung_back(book: _Book, facts: Facts, call: Call, promise: Promise, agent: str, talked: int) -> None:
    """The agent was rung, then the customer, and they talked: that kept the promise."""
    ended_at = promise.finished_at or promise.due_at
    began = ended_at - timedelta(seconds=talked)
    rung = began - timedelta(seconds=25)
    free = {
        key: replace(
            one,
            reachability=Reachability.FREE if key == agent else Reachability.BUSY,
            endpoint=Endpoint("client", key),
            callers_waiting=0,
            idle_since=rung - timedelta(minutes=4),
        )
        for key, one in facts.agents.items()
    }
    owed = Owed(rung, promise.agent, promise.team, free, rung, rung, resolved=_resolved(facts, rung))
    chosen = ringing_back.choose(owed)
    sid = f"CB{book.sid('', f'callback {promise.id}')}"
    book.rows.append(
        Call(
            sid=sid, direction=Direction.OUTBOUND, remote_e164=call.remote_e164, line=call.line,
            customer=call.customer, case=call.case, owner=agent, language=call.language,
            state=CallState.ENDED, outcome=Outcome.TALKED, bridged_to=agent, bridged_at=began,
            promise=promise.id, rule_version=facts.rules.version, said=[], created_at=rung, ended_at=ended_at,
            step=1,
        )
    )  # fmt: skip
    if chosen is not None and chosen.agent == agent:
        book.rows.append(
            CallStep(
                call_sid=sid, number=1, kind=StepKind.CALLBACK, agent=agent, reason=chosen.reason.code,
                reason_values=dict(chosen.reason.values), endpoint=chosen.endpoint.kind, started_at=rung,
                rang_at=rung, answered_at=rung + timedelta(seconds=8), ended_at=ended_at,
                outcome=StepOutcome.ANSWERED, declined_why="", rule_version=owed.resolved.version,
                rule=owed.resolved.rule, parameters=owed.resolved.ladder.as_json(),
                situation=kept.owed_as_json(owed),
            )
        )  # fmt: skip
    book.rows.append(
        PromiseAttempt(
            promise=promise.id, call_sid=sid, number=str(call.remote_e164), agent=agent,
            address=f"client:{agent}", started_at=rung, accepted_at=rung + timedelta(seconds=8),
            dialled_at=rung + timedelta(seconds=9), bridged_at=began, agent_left_at=ended_at, machine=False,
            lease_until=ended_at, ended_at=ended_at, outcome=AttemptOutcome.KEPT,
        )
    )  # fmt: skip
    if call.case is not None:
        history.record(
            book.session, contact=f"call-{sid}", case=call.case, agent=agent, channel=Channel.CALL,
            direction=Direction.OUTBOUND, started_at=began, seconds=talked, outcome="solved",
            summary="Teruggebeld, zoals beloofd.",
        )  # fmt: skip


def _resolved(facts: Facts, at: datetime) -> Resolved:
    return facts.situation(at, can_be_rung_back=True).resolved
