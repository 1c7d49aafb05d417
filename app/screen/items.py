"""What did an agent put on the page, and what did the customer make of it?"""

from datetime import date, datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from app.audit import log as audit
from app.audit.log import Actor, What
from app.errors import InvalidField, NotNow
from app.lines.hours import Calendar
from app.records.agents import Agent
from app.records.calls import Call
from app.records.screen import ItemKind, ScreenChoice, ScreenItem, ScreenPage
from app.screen import choices, pages
from app.screen.pages import Life

MOST_ON_PAGE = 20
DAYS_AHEAD, DAYS_SHOWN = 45, 10
YES, NO, OPENED = "yes", "no", "opened"
# What is opened at another address can be opened again; all else is answered once.
OPENED_ELSEWHERE = frozenset({ItemKind.DOCUMENT, ItemKind.FORM, ItemKind.NUMBER})


def put(
    session: Session,
    call_sid: str,
    agent: str,
    who: Actor,
    life: Life,
    now: datetime,
    *,
    choice: str = "",
    kind: str = "",
    words: str = "",
    value: str = "",
) -> ScreenItem:
    """Put something on the page: one of the team's list, or in the agent's own words.

    Raises NotNow, and InvalidField whose message is a code of the catalogue.
    """
    call = pages.call_for(session, call_sid, agent, life, now)
    page = pages.made_for(session, call, agent, now)
    if len(on_page(session, page)) >= MOST_ON_PAGE:
        raise NotNow("not_more_items")
    if choice:
        found = session.get(ScreenChoice, choice)
        team = session.scalar(select(Agent.team).where(Agent.key == agent))
        if found is None or found.team not in ("", team):
            raise InvalidField("choice", "screen.bad_choice")
        item = ScreenItem(kind=found.kind, words=choices.words_in(found, page.language), value=found.value)
    else:
        known = choices.kind_of(kind)
        item = ScreenItem(kind=known, words=choices.own_words(words), value=choices.value_of(known, value))
    item.page, item.choice, item.put_by, item.put_at, item.answer = page.id, choice, agent, now, ""
    session.add(item)
    session.flush()
    whose = audit.person(call.customer, call.remote_e164)
    told = {"call": call_sid, "kind": str(item.kind), "choice": choice or None}
    audit.record(session, who, What.SCREEN_PUT, now, *whose, **told)
    pages.changed(session, page, now)
    return item


def on_page(session: Session, page: ScreenPage) -> list[ScreenItem]:
    """Return what stands there, in the order in which it was put."""
    wanted = select(ScreenItem).where(ScreenItem.page == page.id, ScreenItem.taken_away_at.is_(None))
    return list(session.scalars(wanted.order_by(ScreenItem.id)))


def take_away(session: Session, call_sid: str, agent: str, item_id: int, life: Life, now: datetime) -> None:
    """Take it off the page; what was answered stays known. Raises NotNow."""
    pages.call_for(session, call_sid, agent, life, now)
    page = pages.of_call(session, call_sid, to_change=True)
    item = session.get(ScreenItem, item_id)
    if page is None or item is None or item.page != page.id:
        raise NotNow("not_there")
    if item.taken_away_at is None:
        item.taken_away_at = now
        pages.changed(session, page, now)


# --- the customer's side ------------------------------------------------------------------------------


def has_unseen(session: Session, page: ScreenPage) -> bool:
    unseen = select(func.count()).where(
        ScreenItem.page == page.id, ScreenItem.seen_at.is_(None), ScreenItem.taken_away_at.is_(None)
    )
    return page.checked_at is not None and bool(session.scalar(unseen))


def see(session: Session, page: ScreenPage, now: datetime) -> None:
    """All that the page shows now has been shown."""
    if page.checked_at is None:
        return
    seen = session.scalars(
        update(ScreenItem)
        .where(ScreenItem.page == page.id, ScreenItem.seen_at.is_(None), ScreenItem.taken_away_at.is_(None))
        .values(seen_at=now)
        .returning(ScreenItem.id)
    ).all()
    if seen:
        pages.changed(session, page, now)


def asked_for(session: Session, page: ScreenPage, item_id: int, kinds: frozenset[ItemKind]) -> ScreenItem:
    """Return an item of this very page that asks for such an answer now. Raises NotNow."""
    item = session.get(ScreenItem, item_id, with_for_update=True)
    if item is None or item.page != page.id or item.taken_away_at is not None or page.checked_at is None:
        raise NotNow("not_there")
    if item.kind not in kinds:
        raise NotNow("not_there")
    return item


def answer(
    session: Session, page: ScreenPage, item_id: int, said: str, calendar: Calendar, now: datetime
) -> ScreenItem:
    """Keep the customer's yes, no or day; the first stays. Raises NotNow, and InvalidField for no answer."""
    item = asked_for(session, page, item_id, frozenset({ItemKind.QUESTION, ItemKind.DATE}))
    if item.answered_at is not None:
        raise NotNow("not_twice")
    if item.kind == ItemKind.QUESTION and said not in (YES, NO):
        raise InvalidField("answer", "screen.bad_answer")
    if item.kind == ItemKind.DATE and said not in {day.isoformat() for day in days(calendar, now)}:
        raise InvalidField("answer", "screen.bad_day")
    item.answer, item.answered_at = said, now
    pages.changed(session, page, now)
    return item


def open_elsewhere(session: Session, page: ScreenPage, item_id: int, now: datetime) -> str:
    """Note that the customer goes to a document or form, and return its address. Raises NotNow."""
    item = asked_for(session, page, item_id, choices.AT_AN_ADDRESS)
    if item.answered_at is None:
        item.answer, item.answered_at = OPENED, now
        pages.changed(session, page, now)
    return item.value


def days(calendar: Calendar, now: datetime) -> list[date]:
    """Return the next days on which the line is open, from tomorrow on."""
    today = now.astimezone(calendar.timezone).date()
    ahead = (today + timedelta(days=number) for number in range(1, DAYS_AHEAD))
    return [day for day in ahead if calendar.times_on(day)][:DAYS_SHOWN]


def call_of(session: Session, page: ScreenPage) -> Call:
    return session.get_one(Call, page.call_sid)
