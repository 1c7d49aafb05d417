"""Which callbacks do we owe? A promise is made in one place, moves by one table, and goes by age alone."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.agents import desk_events
from app.audit import log as audit
from app.audit.log import Actor, What
from app.errors import InvalidField, InvalidTransition
from app.promises import attempts, owed
from app.records.agents import Agent
from app.records.audit import Via
from app.records.promises import IS_OWED, OWED, AttemptOutcome, Promise, PromiseEvent, PromiseState, Recording

_S = PromiseState

FOLLOWS: dict[PromiseState, frozenset[PromiseState]] = {
    _S.OPEN: frozenset(
        {_S.OPEN, _S.DUE, _S.CALLING, _S.KEPT, _S.REASSIGNED, _S.MERGED, _S.WITHDRAWN, _S.BROKEN}
    ),
    _S.DUE: frozenset({_S.OPEN, _S.CALLING, _S.KEPT, _S.REASSIGNED, _S.MERGED, _S.WITHDRAWN, _S.BROKEN}),
    _S.CALLING: frozenset({_S.OPEN, _S.DUE, _S.KEPT, _S.REASSIGNED, _S.MERGED, _S.WITHDRAWN, _S.BROKEN}),
    _S.REASSIGNED: frozenset(
        {_S.OPEN, _S.DUE, _S.CALLING, _S.KEPT, _S.REASSIGNED, _S.MERGED, _S.WITHDRAWN, _S.BROKEN}
    ),
    # A broken promise stays visible, and may still be made good, or be promised anew.
    _S.BROKEN: frozenset({_S.OPEN, _S.CALLING, _S.KEPT, _S.MERGED, _S.WITHDRAWN}),
    _S.KEPT: frozenset(),
    _S.MERGED: frozenset(),
    _S.WITHDRAWN: frozenset(),
}

LONGEST_ABOUT = 2000
# Why it is a colleague's: whose it was leaves, and is never rung for it again.
LEFT_BEHIND = "promise_left_behind"
# Why it is the team's: whose it was works here no more, and nobody has chosen who takes over.
LEFT_TO_TEAM = "promise_left_to_team"

ANOTHER_WANTED = "promise_another_wanted"
KEPT_APART = "promise_kept_apart"

# Who wrote to us, or said so on their own page.
CUSTOMER = "customer"
# What a conversation did, and who it was with; nobody decided it. Who listened is a look-up of its own.
_BY_TALKING = frozenset(
    {"promise_kept", "promise_kept_long", "promise_kept_unclear", "promise_merged", "promise_listened"}
)


def make(
    session: Session,
    *,
    origin: str,
    number: str | None,
    line: str | None,
    customer: str | None,
    case: str | None,
    agent: str | None,
    team: str,
    language: str,
    due_at: datetime,
    why: str,
    now: datetime,
    about: str = "",
    guessed: bool = False,
    to_review: bool = False,
) -> Promise:
    """Owe a callback, and return it; it counts from the commit of this transaction on, not before.

    Who is already owed one about this is owed that same one: the earlier time stands, since it was spoken.
    One whose time has passed was broken, and is promised anew. `origin` makes asking twice harmless;
    `guessed`: whom it is about is known from the number alone; `to_review`: a supervisor looks at it first.
    """

    def owed_before() -> Promise | None:
        return of_origin(session, origin) or owed.about(session, number, customer, case, guessed=guessed)

    if (before := owed_before()) is not None:
        if before.origin not in (origin, unnamed(origin)):
            _ask_again(session, before, agent, due_at, now, by_a_system=why == "promise_asked")
            _learn(session, before, about, None if guessed else customer, None if guessed else case)
        return before
    promise = Promise(
        origin=origin,
        number=number,
        line=line,
        customer=customer,
        case=case,
        agent=agent,
        team=team,
        language=language,
        due_at=due_at,
        state=PromiseState.OPEN,
        about=about,
        created_at=now,
        to_review=to_review,
        tries=0,
    )
    look_at(promise, now)
    try:
        with session.begin_nested():
            session.add(promise)
    except IntegrityError:
        # Another call from the same number was quicker by a moment; its promise serves both.
        if (before := owed_before()) is None:
            raise
        return before
    note(session, promise, why, now)
    return promise


def _learn(session: Session, promise: Promise, about: str, customer: str | None, case: str | None) -> None:
    """Add what is known by now of a promise that was made before."""
    if about not in promise.about:
        say_more(session, promise.id, about)
    promise.customer, promise.case = promise.customer or customer, promise.case or case


def _ask_again(
    session: Session,
    promise: Promise,
    agent: str | None,
    due_at: datetime,
    now: datetime,
    *,
    by_a_system: bool,
) -> None:
    """Whoever is already owed a callback asks for one: nothing new, unless its time has passed."""
    again, anew = ("promise_repeated", "promise_anew")
    if by_a_system:
        again, anew = ("promise_asked_again", "promise_asked_anew")
    if promise.due_at > now or PromiseState.OPEN not in FOLLOWS[PromiseState(promise.state)]:
        note(session, promise, again, now, shows=False)
        return
    promise.broken_at = promise.broken_at or promise.due_at
    promise.agent = agent or promise.agent
    _owe_by(promise, due_at, now)
    move(session, promise, PromiseState.OPEN, anew, now, details={"time": due_at.isoformat()})


def _owe_by(promise: Promise, due_at: datetime, now: datetime) -> None:
    promise.due_at, promise.not_before, promise.tries = due_at, None, 0
    look_at(promise, now)


def look_at(promise: Promise, at: datetime) -> None:
    """Let it be looked at by itself; one without a number, or to review, waits for a human all the same."""
    promise.next_at = at if promise.number and not promise.to_review else None


def of_origin(session: Session, origin: str) -> Promise | None:
    return session.scalar(select(Promise).where(Promise.origin.in_((origin, unnamed(origin)))))


def unnamed(origin: str) -> str:
    """Return what stands in the place of an origin that may name somebody, once they are forgotten."""
    return f"forgotten:{hashlib.sha256(origin.encode()).hexdigest()}"


def unheard_of(session: Session, line: str) -> Promise | None:
    """Return what is kept of hidden callers who hung up without a word, if nobody has seen to it."""
    heard = select(Recording.sid).where(Recording.promise == Promise.id)
    return session.scalar(
        select(Promise)
        .where(
            Promise.number.is_(None),
            Promise.line == line,
            IS_OWED,
            Promise.about == "",
            ~heard.exists(),
        )
        .order_by(Promise.id.desc())
        .limit(1)
    )


def merge(session: Session, promise: Promise, who: str, now: datetime) -> None:
    """The customer has spoken to somebody about it: it is owed no longer."""
    move(session, promise, PromiseState.MERGED, "promise_merged", now, who)


def unmerge(session: Session, merged: Promise, why: str, now: datetime) -> None:
    """The conversation for which it was owed no more was none, or with somebody else: it is owed again."""
    if take_back(session, merged, why, now, {}):
        look_at(merged, now)


def withdraw(session: Session, promise_id: int, who: str, now: datetime) -> Promise:
    """The customer need not be rung back. Raises InvalidField when the promise is unknown or finished."""
    promise = session.get(Promise, promise_id, with_for_update=True)
    if promise is None:
        raise InvalidField("id", f"there is no promise {promise_id}")
    if promise.state == PromiseState.WITHDRAWN:
        return promise
    try:
        move(session, promise, PromiseState.WITHDRAWN, "promise_withdrawn", now, who)
    except InvalidTransition:
        raise InvalidField("id", f"promise {promise_id} is already {promise.state}") from None
    return promise


def set_time(session: Session, promise_id: int, due_at: datetime, who: str, now: datetime) -> Promise:
    """Agree on another time. Raises InvalidField when it is past, or nothing is owed any more."""
    if due_at <= now:
        raise InvalidField("due_at", "choose a time that is still to come")
    promise = still_owed(session, promise_id)
    if promise.due_at <= now:
        promise.broken_at = promise.broken_at or promise.due_at
    promise.to_review = False
    _owe_by(promise, due_at, now)
    move(session, promise, PromiseState.OPEN, "promise_moved", now, who, {"time": due_at.isoformat()})
    return promise


def hand_over(
    session: Session,
    promise_id: int,
    agent: str,
    who: str,
    now: datetime,
    why: str = "promise_handed_over",
) -> Promise:
    """Let another agent owe it. Raises InvalidField when they aren't there, or nothing is owed any more.

    A callback in the air is called off; one in which the two already talk goes on to its end.
    """
    to = session.get(Agent, agent)
    if to is None or not to.enabled:
        raise InvalidField("agent", f"there is no agent {agent}, or they have left")
    promise = still_owed(session, promise_id)
    if promise.agent == agent:
        return promise
    before, promise.agent, promise.to_review = promise.agent, agent, False
    details = {"agent": agent, "from": before or ""}
    if is_spoken_about(session, promise):
        note(session, promise, why, now, who, details)
    else:
        look_at(promise, now)
        if promise.state == PromiseState.BROKEN:
            note(session, promise, why, now, who, details)
        else:
            move(session, promise, PromiseState.REASSIGNED, why, now, who, details)
    if before is not None:
        _show(session, promise, now, to=before)
    return promise


def is_spoken_about(session: Session, promise: Promise) -> bool:
    """Tell whether somebody is talking to the customer this moment, to keep it."""
    if promise.state != PromiseState.CALLING:
        return False
    attempt = attempts.in_the_air(session, promise.id)
    return attempt is not None and attempt.bridged_at is not None


def give_to_team(session: Session, promise_id: int, now: datetime) -> None:
    """The customer wants somebody else: the rest of the team owes it, unless the promise is settled."""
    _to_team(session, promise_id, ANOTHER_WANTED, "", now)


def spare(session: Session, promise_id: int, now: datetime) -> None:
    """Whose it was isn't connected with this caller again: others owe it, unless it is settled."""
    _to_team(session, promise_id, KEPT_APART, "", now)


def leave_to_team(session: Session, promise_id: int, who: str, now: datetime) -> None:
    """Whose it was works here no more: it is shown to the whole team at once, and any of them may take it."""
    promise = _to_team(session, promise_id, LEFT_TO_TEAM, who, now)
    if promise is not None:
        show_at(session, promise, _team_of(session, promise), now)


def _to_team(session: Session, promise_id: int, why: str, who: str, now: datetime) -> Promise | None:
    promise = session.get(Promise, promise_id, with_for_update=True, populate_existing=True)
    if promise is None or promise.state not in OWED or promise.agent is None:
        return None
    before, promise.agent = promise.agent, None
    details = {"from": before}
    if is_spoken_about(session, promise):
        note(session, promise, why, now, who, details)
    else:
        look_at(promise, now)
        if promise.state == PromiseState.BROKEN:
            note(session, promise, why, now, who, details)
        else:
            move(session, promise, PromiseState.REASSIGNED, why, now, who, details)
    _show(session, promise, now, to=before)
    return promise


def ring_now(session: Session, promise_id: int, who: str, now: datetime) -> Promise:
    """Work it off as soon as somebody is free, whatever its time.

    Raises InvalidField as withdraw() does, and when there is no number to ring.
    """
    promise = still_owed(session, promise_id)
    if promise.number is None:
        raise InvalidField("number", "the caller hid their number; fill in the one they said")
    if promise.state != PromiseState.CALLING:
        promise.next_at, promise.to_review = now, False
        if promise.state in (PromiseState.OPEN, PromiseState.REASSIGNED):
            promise.state = PromiseState.DUE
        note(session, promise, "promise_now", now, who, shows=False)
        _show(session, promise, now)
    return promise


def keep(session: Session, promise_id: int, agent: str, now: datetime) -> Promise:
    """An agent says that they spoke to the customer, in some other way. Raises InvalidField as above."""
    promise = still_owed(session, promise_id)
    move(session, promise, PromiseState.KEPT, "promise_kept_by_word", now, agent)
    return promise


def still_owed(session: Session, promise_id: int) -> Promise:
    """Return a promise, held. Raises InvalidField when there is none, or nothing is owed any more."""
    promise = session.get(Promise, promise_id, with_for_update=True, populate_existing=True)
    if promise is None:
        raise InvalidField("id", f"there is no promise {promise_id}")
    if promise.state not in OWED:
        raise InvalidField("id", f"promise {promise_id} is already {promise.state}")
    return promise


def move(
    session: Session,
    promise: Promise,
    state: PromiseState,
    why: str,
    now: datetime,
    who: str = "",
    details: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Move a promise on, by the table. Raises InvalidTransition when the table doesn't allow it.

    A callback that is in the air for it is called off, unless its own end is what moves the promise, or the
    two talk in it already: then their conversation goes on to its end.
    """
    if state not in FOLLOWS[PromiseState(promise.state)]:
        raise InvalidTransition(f"{promise.state} promise {promise.id} can't become {state}")
    if promise.state == PromiseState.CALLING:
        merged = state == PromiseState.MERGED
        _call_off(
            session, promise, AttemptOutcome.CUSTOMER_RANG if merged else AttemptOutcome.CALLED_OFF, now
        )
    if state == PromiseState.BROKEN:
        promise.broken_at = promise.broken_at or promise.due_at
    promise.state = state
    promise.finished_at = None if FOLLOWS[state] else now
    note(session, promise, why, now, who, details)


def take_back(
    session: Session, promise: Promise, why: str, now: datetime, details: Mapping[str, str], who: str = ""
) -> bool:
    """What ended a promise doesn't hold: owe it again. The only way out of a finished state.

    False when they are owed another callback about it by now, which serves this one too.
    """
    another = owed.about(session, promise.number, promise.customer, promise.case)
    if another is not None:
        promise.state = PromiseState.MERGED
    elif promise.due_at <= now:
        promise.state, promise.finished_at = PromiseState.BROKEN, None
        promise.broken_at = promise.broken_at or promise.due_at
    else:
        # Not due: when it may be rung is looked at anew, which may be tomorrow.
        promise.state, promise.finished_at = PromiseState.OPEN, None
    note(session, promise, why, now, who, details)
    return another is None


def _call_off(session: Session, promise: Promise, outcome: AttemptOutcome, now: datetime) -> None:
    attempt = attempts.in_the_air(session, promise.id)
    # Who has spoken to us in another call wasn't who answered this one.
    if attempt is None or (attempt.bridged_at is not None and outcome != AttemptOutcome.CUSTOMER_RANG):
        return
    attempts.close(session, attempt, outcome, now)
    session.flush()


def note(
    session: Session,
    promise: Promise,
    why: str,
    now: datetime,
    who: str = "",
    details: Mapping[str, str] = MappingProxyType({}),
    *,
    shows: bool = True,
) -> None:
    """Write down what a promise went through, whether or not its state changed by it.

    `shows`: at the desk of who owes it; not what nobody's desk needs to know at once.
    """
    session.add(
        PromiseEvent(promise=promise.id, at=now, state=promise.state, why=why, who=who, details=dict(details))
    )
    if who not in ("", CUSTOMER) and why not in _BY_TALKING:
        is_agent = session.get(Agent, who) is not None
        by = Actor(who, Via.PAGE) if is_agent else audit.actor_called(who)
        whose = audit.person(promise.customer, promise.number)
        audit.record(session, by, What.PROMISE_CHANGED, now, *whose, promise=promise.id, how=why)
    if shows:
        _show(session, promise, now)


def say_about(session: Session, promise_id: int, about: str) -> None:
    """Attach what the caller said it is about, in their own words."""
    session.execute(update(Promise).where(Promise.id == promise_id).values(about=about[:LONGEST_ABOUT]))


def say_more(session: Session, promise_id: int, words: str) -> None:
    """Add to what the caller said before."""
    before = session.scalar(select(Promise.about).where(Promise.id == promise_id)) or ""
    say_about(session, promise_id, f"{before}\n{words}".strip())


def _show(session: Session, promise: Promise, now: datetime, to: str | None = None) -> None:
    """Show it at the desk of who owes it; at those of the whole team when it asks for somebody."""
    agent = to or promise.agent
    if agent is not None:
        agents: Sequence[str] = [agent]
    elif promise.next_at is None:
        agents = _team_of(session, promise)
    else:
        return
    show_at(session, promise, agents, now)


def _team_of(session: Session, promise: Promise) -> Sequence[str]:
    everybody = select(Agent.key).where(Agent.enabled).order_by(Agent.key)
    # On a line that nobody described whoever is there answers.
    return session.scalars(everybody.where(Agent.team == promise.team) if promise.team else everybody).all()


def show_at(session: Session, promise: Promise, agents: Sequence[str], now: datetime, **more: bool) -> None:
    """Show a promise at these desks; `asks_human` says that nothing happens until somebody decides."""
    data = {
        "promise": promise.id,
        "state": str(promise.state),
        "due_at": promise.due_at.isoformat(),
        "case": promise.case,
        "customer": promise.customer,
        **more,
    }
    for one in agents:
        desk_events.tell(session, one, "promise", data, now)


def names_of(session: Session) -> dict[str, str]:
    """Return every agent's name, for words about what they did."""
    return dict(session.execute(select(Agent.key, Agent.name)).all())
