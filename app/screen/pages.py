"""What page stands beside a call, for how long, and who of ours may do what with it?"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app import bus
from app.agents import desk_events
from app.audit import log as audit
from app.audit.log import Actor, What
from app.errors import NotNow
from app.records.calls import Call, CallState, CallStep, StepOutcome
from app.records.screen import ScreenPage


@dataclass(frozen=True)
class Life:
    """How long a page lives: as its call does, and for a grace after it."""

    grace: timedelta

    @classmethod
    def of(cls, grace_minutes: int) -> "Life":
        return cls(timedelta(minutes=grace_minutes))

    def ends_at(self, call: Call) -> datetime | None:
        """Return when the page of a call that is over dies; None while it goes on."""
        return call.ended_at + self.grace if call.ended_at is not None else None

    def is_over(self, call: Any, now: datetime) -> bool:
        """Tell whether nothing can be shown beside this call any more; a Call, or a row like one."""
        if call.forgotten_at is not None:
            return True
        return call.state == CallState.ENDED and (call.ended_at is None or now >= call.ended_at + self.grace)


def of_call(session: Session, call_sid: str, *, to_change: bool = False) -> ScreenPage | None:
    wanted = select(ScreenPage).where(ScreenPage.call_sid == call_sid)
    return session.scalar(wanted.with_for_update() if to_change else wanted)


def talked(session: Session, call: Call, agent: str) -> bool:
    """Tell whether the agent talks, or talked, with the other side of this call."""
    answered = select(CallStep.call_sid).where(
        CallStep.call_sid == call.sid,
        CallStep.agent == agent,
        or_(CallStep.outcome == StepOutcome.ANSWERED, CallStep.answered_at.is_not(None)),
    )
    return call.bridged_to == agent or session.scalar(answered.limit(1)) is not None


def call_for(session: Session, call_sid: str, agent: str, life: Life, now: datetime) -> Call:
    """Return the call, held, if the agent may use its page now. Raises NotNow."""
    call = session.get(Call, call_sid, with_for_update=True, populate_existing=True)
    if call is None or not talked(session, call, agent):
        raise NotNow("not_yours")
    if life.is_over(call, now):
        raise NotNow("not_any_more")
    return call


def made_for(session: Session, call: Call, agent: str, now: datetime) -> ScreenPage:
    """Return the page of a call, which is held, made when there is none yet."""
    page = of_call(session, call.sid, to_change=True)
    if page is None:
        page = ScreenPage(
            call_sid=call.sid,
            version=0,
            agent=agent,
            language=call.language,
            made_at=now,
            links_sent=0,
            codes_made=0,
            checked_by="",
            stopped_by="",
        )
        if (checked := checked_on_card(session, call.sid)) is not None:
            page.checked_at, page.checked_by = checked
        session.add(page)
        session.flush()
    return page


def checked_on_card(session: Session, call_sid: str) -> tuple[datetime, str] | None:
    """Return when, and who of ours, had made sure who it is before there was a page."""
    found = session.execute(
        select(CallStep.checked_at, CallStep.agent)
        .where(CallStep.call_sid == call_sid, CallStep.checked_at.is_not(None))
        .order_by(CallStep.number.desc())
        .limit(1)
    ).one_or_none()
    return (found[0], found[1] or "") if found is not None and found[0] is not None else None


def changed(session: Session, page: ScreenPage, now: datetime) -> None:
    """Let both sides see what is new: the desks of those who talk, and the customer's page."""
    page.version += 1
    call = session.get_one(Call, page.call_sid)
    for agent in dict.fromkeys(one for one in (call.bridged_to, page.agent) if one):
        told = {"call_sid": page.call_sid, "version": page.version}
        desk_events.tell(session, agent, "screen", told, now)
    desk_events.ring_after_commit(session, bus.SCREEN, str(page.id))


def story_changed(session: Session, call_sid: str, now: datetime) -> None:
    """What the call is about, or what was agreed in it, is another now; nothing where there is no page."""
    page = of_call(session, call_sid, to_change=True)
    if page is not None:
        changed(session, page, now)


# --- who it is ----------------------------------------------------------------------------------------


def check(session: Session, call_sid: str, agent: str, who: Actor, life: Life, now: datetime) -> None:
    """The agent made sure who is on the line: from now on the page tells what it is about. Raises NotNow."""
    call = call_for(session, call_sid, agent, life, now)
    page = made_for(session, call, agent, now)
    if page.checked_at is not None:
        return
    page.checked_at, page.checked_by = now, agent
    whose = audit.person(call.customer, call.remote_e164)
    audit.record(session, who, What.SCREEN_CHECKED, now, *whose, call=call_sid)
    changed(session, page, now)


def as_checked_on_card(session: Session, call_sid: str, agent: str, now: datetime) -> None:
    """The same, pressed on the card; nothing where there is no page."""
    page = of_call(session, call_sid, to_change=True)
    if page is not None and page.checked_at is None:
        page.checked_at, page.checked_by = now, agent
        changed(session, page, now)


def is_somebody_else(session: Session, call_sid: str, now: datetime) -> None:
    """The call is about somebody, or something, else than was thought: that has to be checked anew."""
    page = of_call(session, call_sid, to_change=True)
    call = session.get_one(Call, call_sid)
    if page is None and call.bridged_to is not None and checked_on_card(session, call_sid) is not None:
        # A page that is made later would take that for a check of whom the call is about now.
        page = made_for(session, call, call.bridged_to, now)
    if page is not None and page.checked_at is not None:
        page.checked_at, page.checked_by = None, ""
        changed(session, page, now)


# --- the end ------------------------------------------------------------------------------------------


def stop(session: Session, page: ScreenPage, by: str, now: datetime) -> None:
    """End it at once, for whoever holds it or has a link to it; `by` is an agent, empty for the customer."""
    if page.stopped_at is not None:
        return
    page.stopped_at, page.stopped_by = now, by
    page.link_hash = page.code_hash = page.holder_hash = page.waiting_hash = None
    page.code_ends_at = page.waiting_since = None
    changed(session, page, now)


def stop_for(session: Session, call_sid: str, agent: str, life: Life, now: datetime) -> None:
    """The agent ends it. Raises NotNow."""
    call_for(session, call_sid, agent, life, now)
    page = of_call(session, call_sid, to_change=True)
    if page is None:
        raise NotNow("not_offered")
    stop(session, page, agent, now)
