"""Which promises does a supervisor see, in which order, and as what file? Reads only."""

from array import array
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Select, exists, false, select, true
from sqlalchemy.orm import Session, aliased

from app.admin.office_file import Form
from app.agents.teams import Reach
from app.callers.numbers import mask
from app.carrier.delivery import NOT_DELIVERED
from app.db import reading
from app.desk.promise_cards import texts
from app.records.callers import Customer, Direction
from app.records.messages import Message
from app.records.promises import IS_OWED, OWED, Promise, PromiseState

SOON = timedelta(hours=1)
VIEWS = ("owed", "soon", "late", "human", "untold", "kept", "merged", "withdrawn", "all")
COLUMNS = ("promise", "due_at", "state", "late", "agent", "team", "customer", "case", "about", "tries")
# Of a file, so many promises are read at a time: no more is held in memory, nor asked for in one list.
AT_A_TIME = 500


@dataclass(frozen=True)
class Row:
    """One promise in the list."""

    id: int
    due_at: datetime
    state: PromiseState
    is_late: bool  # its time passed without a conversation, whatever became of it
    agent: str  # a name; empty: the whole team
    team: str
    customer: str  # a name, or a masked number
    case: str
    about: str
    tries: int
    waits_for_human: bool
    to_review: bool
    untold: bool  # the customer could not be told of it


@dataclass(frozen=True)
class Words:
    """What the rows are told with."""

    names: Mapping[str, str]  # of the agents
    number_unknown: str


# --- which, in which order ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Choice:
    """What is asked of a promise that is owed, and of one that is over; None: those aren't wanted.

    Two lists, since each has an order, and an index, of its own.
    """

    owed: ColumnElement[bool] | None = None
    over: ColumnElement[bool] | None = None


def chosen(view: str, agent: str, team: str, now: datetime, reach: Reach) -> Choice:
    """Return what a reader's choices ask of a promise, of those that they see at all."""
    choice = _view(view, now)
    # Who asks for a team sees all of it, or nothing.
    of_team = Promise.team == team if reach.covers(team) else false()
    ours = (of_team if team else seen_by(reach)) & (Promise.agent == agent if agent else true())
    return Choice(
        None if choice.owed is None else choice.owed & ours,
        None if choice.over is None else choice.over & ours,
    )


def seen_by(reach: Reach) -> ColumnElement[bool]:
    """Return what is true of the promises that somebody sees: of their teams, or owed by their agents."""
    return reach.of(Promise.team, Promise.agent)


def _view(view: str, now: datetime) -> Choice:
    broken = Promise.broken_at.is_not(None)
    match view:
        case "soon":
            return Choice(owed=(Promise.due_at > now) & (Promise.due_at <= now + SOON))
        case "late":
            return Choice(owed=(Promise.due_at <= now) | broken, over=broken)
        case "human":
            return Choice(owed=Promise.next_at.is_(None) & (Promise.state != PromiseState.CALLING))
        case "untold":
            return Choice(owed=_untold().where(Message.promise == Promise.id).exists())
        case PromiseState.KEPT | PromiseState.MERGED | PromiseState.WITHDRAWN:
            return Choice(over=Promise.state == view)
        case "all":
            return Choice(owed=true(), over=true())
        case _:
            return Choice(owed=true())


def _in_order(choice: Choice, what: Any) -> Iterator[Select[Any]]:
    """Yield what selects the chosen: what is owed by its time, then what is over, the newest first."""
    if choice.owed is not None:
        yield select(what).where(IS_OWED, choice.owed).order_by(Promise.due_at, Promise.id)
    if choice.over is not None:
        over = select(what).where(Promise.finished_at.is_not(None), choice.over)
        yield over.order_by(Promise.finished_at.desc(), Promise.due_at, Promise.id)


def rows(session: Session, choice: Choice, now: datetime, words: Words, limit: int) -> list[Row]:
    """Return the first of the chosen promises."""
    found: list[Promise] = []
    for statement in _in_order(choice, Promise):
        if len(found) < limit:
            found += session.scalars(statement.limit(limit - len(found)))
    return shown(session, found, now, words)


# --- what of each -------------------------------------------------------------------------------------


def shown(session: Session, found: Sequence[Promise], now: datetime, words: Words) -> list[Row]:
    """Return promises as the list shows them: so few at a time that they can be asked for in one list."""
    customers = texts(session, Customer.key, Customer.name, [promise.customer for promise in found])
    ids = [promise.id for promise in found]
    lost = set(session.scalars(_untold().where(Message.promise.in_(ids)))) if ids else set()
    return [_row(promise, customers, now, words, lost) for promise in found]


def _untold() -> Select[int | None]:
    """Select the promises of which the newest message did not arrive."""
    later = aliased(Message)
    is_newest = ~exists().where(
        later.promise == Message.promise, later.direction == Message.direction, later.at > Message.at
    )
    return select(Message.promise).where(
        Message.promise.is_not(None),
        Message.direction == Direction.OUTBOUND,
        Message.status.in_(NOT_DELIVERED),
        is_newest,
    )


def _row(
    promise: Promise,
    customers: Mapping[str, str],
    now: datetime,
    words: Words,
    lost: Collection[int | None],
) -> Row:
    owed = promise.state in OWED
    return Row(
        id=promise.id,
        due_at=promise.due_at,
        state=promise.state,
        is_late=promise.broken_at is not None or (owed and promise.due_at <= now),
        agent=words.names.get(promise.agent or "", promise.agent or ""),
        team=promise.team,
        customer=customers.get(promise.customer or "")
        or (mask(promise.number) if promise.number else words.number_unknown),
        case=promise.case or "",
        about=promise.about,
        tries=promise.tries,
        to_review=owed and promise.to_review,
        waits_for_human=owed
        and not promise.to_review
        and promise.next_at is None
        and promise.state != PromiseState.CALLING,
        untold=promise.id in lost,
    )


# --- as a file ----------------------------------------------------------------------------------------


def ids(session: Session, choice: Choice) -> "array[int]":
    """Return the ids of all the chosen promises, in order: what is read later is what was there now."""
    found = array("q")
    for statement in _in_order(choice, Promise.id):
        found.extend(session.scalars(statement))
    return found


def file(ids: Sequence[int], now: datetime, words: Words, form: Form) -> Iterator[str]:
    """Yield a CSV file piece by piece, safe to open in a spreadsheet; numbers are masked there too.

    Between two pieces nothing is held, neither a connection nor a thread: whoever fetches it may be slow.
    """
    yield form.mark + form.lines([COLUMNS])
    for start in range(0, len(ids), AT_A_TIME):
        some = ids[start : start + AT_A_TIME]
        with reading() as session:
            known = {one.id: one for one in session.scalars(select(Promise).where(Promise.id.in_(some)))}
            found = shown(session, [known[one] for one in some if one in known], now, words)
        yield form.lines(_cells(row) for row in found)


def _cells(row: Row) -> Sequence[object]:
    return (
        *(row.id, row.due_at.isoformat(), row.state, "yes" if row.is_late else "no"),
        *(row.agent, row.team, row.customer, row.case, row.about, row.tries),
    )
