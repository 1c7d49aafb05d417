"""How is the page offered to who is on the line? A message with a link, or a code that is read aloud."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import catalogue
from app.audit import log as audit
from app.audit.log import Actor, What
from app.callers import numbers
from app.errors import InvalidField, NotNow
from app.lines import places
from app.messages import messages
from app.records.agents import Agent
from app.records.callers import Direction
from app.records.calls import Call
from app.records.lines import Line
from app.records.messages import MessageChannel
from app.records.screen import ScreenPage, Way
from app.screen import addresses, pages, ways_in
from app.screen.pages import Life

_CHANNELS = {Way.SMS: MessageChannel.SMS, Way.WHATSAPP: MessageChannel.WHATSAPP}


def link(
    session: Session,
    call_sid: str,
    agent: str,
    who: Actor,
    life: Life,
    now: datetime,
    *,
    way: Way = Way.SMS,
    number: str = "",
    country: str = "NL",
) -> ScreenPage:
    """Send a link to the other side's number, or to another that they named.

    `country` is whose national forms that is written in. Raises NotNow, and InvalidField for a number that is
    none; its message is a code of the catalogue.
    """
    call = pages.call_for(session, call_sid, agent, life, now)
    to = numbers.to_e164(number, country) if number else call.remote_e164
    if number and to is None:
        raise InvalidField("number", "screen.bad_phone")
    if to is None:
        raise NotNow("not_a_number")
    _may_be_sent(session, to, way, now)
    page = pages.made_for(session, call, agent, now)
    _send(session, call, page, to, way, session.get_one(Agent, agent), now)
    _is_offered(session, call, page, way, agent, who, now)
    return page


def by_itself(session: Session, call: Call, agent: str, now: datetime) -> None:
    """Text a link to a known caller who has begun to talk, where their line does so; nothing where it can't.

    Once for a call, and like all that leaves by itself only so often to one number.
    """
    number = call.remote_e164
    if call.direction != Direction.INBOUND or call.customer is None or not numbers.may_be_texted(number):
        return
    sends = session.scalar(select(Line.sends_screen).where(Line.number == call.line))
    if not sends or number is None or why_not(session, number) or messages.has_enough(session, number, now):
        return
    if pages.of_call(session, call.sid) is not None:
        return
    page = pages.made_for(session, call, agent, now)
    _send(session, call, page, number, Way.SMS, session.get_one(Agent, agent), now, of_its_own=True)
    page.way, page.offered_at, page.agent = Way.SMS, now, agent
    pages.changed(session, page, now)


def _send(
    session: Session,
    call: Call,
    page: ScreenPage,
    to: str,
    way: Way,
    agent: Agent,
    now: datetime,
    *,
    of_its_own: bool = False,
) -> None:
    link = addresses.of_link(ways_in.new_link(page))
    message = messages.write(
        session,
        call,
        to,
        catalogue.text("screen.message", page.language, link=link),
        agent,
        now,
        channel=_CHANNELS[way],
        of_its_own=of_its_own,
    )
    page.message = message.sid


def ways_to(session: Session, call: Call, now: datetime) -> list[Way]:
    """Return by what a link can be sent to the number of this call, without asking for another."""
    if call.remote_e164 is None or why_not(session, call.remote_e164):
        return []
    found = [Way.SMS] if numbers.can_receive_texts(call.remote_e164) else []
    if messages.channel_to(session, call.remote_e164, now) == MessageChannel.WHATSAPP:
        found.append(Way.WHATSAPP)
    return found


def why_not(session: Session, number: str) -> str:
    """Return why nothing is sent to this number, as the catalogue has it; empty when it can be."""
    if places.is_ours(session, number):
        return "not_ours"
    return "not_wanted" if messages.wants_none(session, number) else ""


def _may_be_sent(session: Session, number: str, way: Way, now: datetime) -> None:
    if code := why_not(session, number):
        raise NotNow(code)
    if way == Way.WHATSAPP:
        # There it takes words of ours only from who wrote to us within a day; see messages.WHATSAPP_WINDOW.
        if messages.channel_to(session, number, now) != MessageChannel.WHATSAPP:
            raise NotNow("not_whatsapp")
    elif not numbers.may_be_texted(number):
        raise NotNow("not_texts")


def code(
    session: Session, call_sid: str, agent: str, who: Actor, life: Life, now: datetime, *, key: str
) -> str:
    """Return six characters for the agent to read aloud. Raises NotNow."""
    call = pages.call_for(session, call_sid, agent, life, now)
    page = pages.made_for(session, call, agent, now)
    made = ways_in.new_code(session, page, key, now)
    _is_offered(session, call, page, Way.CODE, agent, who, now)
    return made


def _is_offered(
    session: Session, call: Call, page: ScreenPage, way: Way, agent: str, who: Actor, now: datetime
) -> None:
    page.way, page.offered_at, page.agent = way, now, agent
    whose = audit.person(call.customer, call.remote_e164)
    audit.record(session, who, What.SCREEN_OFFERED, now, *whose, call=call.sid, by=str(way))
    pages.changed(session, page, now)
