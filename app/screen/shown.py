"""What does each side see of the page? Made once: the agent's card shows what the customer's page does."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from urllib.parse import urlsplit

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app import catalogue
from app.catalogue import times
from app.deployment import Deployment
from app.lines import places
from app.lines.hours import Calendar
from app.records.agents import Agent
from app.records.callers import Case
from app.records.calls import Call, CallState
from app.records.lines import Line
from app.records.messages import Message
from app.records.promises import IS_OWED, Promise
from app.records.screen import ItemKind, ScreenChoice, ScreenItem, ScreenPage, Way
from app.routing import rules
from app.routing.reading import line_of
from app.screen import choices, items, offering, pages, uploads, ways_in
from app.screen.pages import Life
from app.screen.uploads import FileCard

# The Dutch telephone alphabet, and the one of aviation, by which a code is read aloud.
_ALPHABETS = {
    "nl": "Anna Bernard Cornelis Dirk Eduard Ferdinand Gerard Hendrik Izaak Johan Karel Lodewijk Maria Nico "
    "Otto Pieter Quotiënt Rudolf Simon Theodoor Utrecht Victor Willem Xantippe Ypsilon Zacharias",
    "en": "Alfa Bravo Charlie Delta Echo Foxtrot Golf Hotel India Juliett Kilo Lima Mike November "
    "Oscar Papa Quebec Romeo Sierra Tango Uniform Victor Whiskey Xray Yankee Zulu",
}


ALWAYS = ("", "24/7")  # as a line's hours say it


@dataclass(frozen=True)
class ItemCard:
    id: int
    kind: ItemKind
    words: str
    value: str
    dial: str  # E.164, when the value is a telephone number
    put_at: datetime
    seen_at: datetime | None
    answered_at: datetime | None
    answer: str  # yes, no, a day, opened
    answer_day: date | None
    files: tuple[FileCard, ...]

    @property
    def host(self) -> str:
        """Return where a document or form is, for whoever wants to know before they go there."""
        return urlsplit(self.value).hostname or ""

    @property
    def state(self) -> str:
        """Return how far it is: put, seen, answered."""
        return "answered" if self.answered_at else "seen" if self.seen_at else "put"


@dataclass(frozen=True)
class Story:
    """What the page tells besides: who talks, and once it was checked what it is about."""

    agent: str  # as they let themselves be called; empty where names aren't spoken
    line: str
    checked: bool
    subject: str
    agreed: tuple[str, ...]
    next_step: str
    talking: bool
    ends_at: datetime | None  # when the page dies, once the call is over


@dataclass(frozen=True)
class PageCard:
    """The page as the agent's card shows it."""

    call_sid: str
    state: str  # none, offered, open, stopped, over
    story: Story
    items: tuple[ItemCard, ...]
    choices: tuple[ScreenChoice, ...]
    ways: tuple[Way, ...]  # by which a link can be sent to the number of the call
    way: Way | None
    offered_at: datetime | None
    sent: str  # how far the link's message has come, in the carrier's word
    code: str | None
    code_words: str
    code_ends_at: datetime | None
    opened_at: datetime | None
    waits: bool  # another device would like to see it
    checked: bool
    names_somebody: bool  # of whom it is to be checked
    stopped_at: datetime | None
    stopped_by_customer: bool
    version: int


def story(
    session: Session, page: ScreenPage | None, call: Call, life: Life, language: str, now: datetime
) -> Story:
    """Return what is told of the call, in the reader's language; nothing private before it was checked."""
    checked = page is not None and page.checked_at is not None
    line = session.get(Line, call.line)
    told = _told(session, call, language, now) if checked else ("", (), "")
    return Story(
        agent=_spoken_name(session, call.bridged_to or (page.agent if page else None)),
        line=line.name if line else "",
        checked=checked,
        subject=told[0],
        agreed=told[1],
        next_step=told[2],
        talking=call.state == CallState.TALKING,
        ends_at=life.ends_at(call),
    )


def _spoken_name(session: Session, agent: str | None) -> str:
    found = session.get(Agent, agent) if agent else None
    speaks = found is not None and rules.in_force(session).ladder.speaks_names
    return found.spoken_name if found is not None and speaks else ""


def _told(session: Session, call: Call, language: str, now: datetime) -> tuple[str, tuple[str, ...], str]:
    case = session.get(Case, call.case) if call.case else None
    owed = _owed(session, call)
    zone = places.zone_of(session, call.line)
    agreed = []
    for promise in owed:
        by = _spoken_name(session, promise.agent)
        code = "agreed_by" if by else "agreed"
        if promise.due_at <= now:
            code = "agreed_late"
        time = times.deadline(promise.due_at, now, zone, language)
        agreed.append(catalogue.text(f"screen.{code}", language, agent=by, time=time))
    if owed:
        return case.subject if case else "", tuple(agreed), catalogue.text("screen.next_ring", language)
    status = str(case.status) if case is not None else "none"
    return case.subject if case else "", (), catalogue.text(f"screen.next_{status}", language)


def _owed(session: Session, call: Call) -> Sequence[Promise]:
    """Return what this very person is owed about this very matter, or about none."""
    if call.customer is None:
        theirs = Promise.id == call.promise
    else:
        about = (
            Promise.case.is_(None)
            if call.case is None
            else or_(Promise.case == call.case, Promise.case.is_(None))
        )
        theirs = (Promise.customer == call.customer) & about
    return session.scalars(select(Promise).where(theirs, IS_OWED).order_by(Promise.due_at).limit(5)).all()


def item_cards(session: Session, page: ScreenPage, country: str) -> tuple[ItemCard, ...]:
    files = uploads.of_items(session, page)
    return tuple(_card(item, files.get(item.id, ()), country) for item in items.on_page(session, page))


def _card(item: ScreenItem, files: tuple[FileCard, ...], country: str) -> ItemCard:
    is_day = item.kind == ItemKind.DATE and item.answer
    return ItemCard(
        id=item.id,
        kind=ItemKind(item.kind),
        words=item.words,
        value=item.value,
        dial=choices.telephone(item.value, country) if item.kind == ItemKind.NUMBER else "",
        put_at=item.put_at,
        seen_at=item.seen_at,
        answered_at=item.answered_at,
        answer=item.answer,
        answer_day=date.fromisoformat(item.answer) if is_day else None,
        files=files,
    )


def calendar_of(session: Session, page: ScreenPage, call: Call, deployment: Deployment) -> Calendar:
    """Return when one can come by: in the line's hours; where those never end, in the agent's team's."""
    line = session.get(Line, call.line)
    number = call.line
    if line is None or line.hours in ALWAYS:
        team = select(Agent.team).where(Agent.key == page.agent).scalar_subquery()
        of_team = (
            select(Line.number).where(Line.team == team, Line.hours.not_in(ALWAYS)).order_by(Line.number)
        )
        number = session.scalar(of_team.limit(1)) or number
    return line_of(session, number, deployment.defaults).calendar


def country_of(session: Session, call: Call, deployment: Deployment) -> str:
    return places.country_of(session, call.line) or deployment.defaults.country


def page_card(
    session: Session,
    call: Call,
    page: ScreenPage | None,
    agent: str,
    life: Life,
    now: datetime,
    *,
    key: str,
    language: str,
    country: str,
) -> PageCard:
    """Return the page beside a call as `agent` sees it on their card; there may be none yet."""
    team = session.scalar(select(Agent.team).where(Agent.key == agent)) or ""
    code = ways_in.code_of(page, key, now) if page else None
    message = session.get(Message, page.message) if page and page.message else None
    is_checked = page.checked_at is not None if page else pages.checked_on_card(session, call.sid) is not None
    return PageCard(
        call_sid=call.sid,
        state=_state(page, call, life, now),
        story=story(session, page, call, life, language, now),
        items=item_cards(session, page, country) if page else (),
        choices=tuple(choices.of_team(session, team)),
        ways=tuple(offering.ways_to(session, call, now)),
        way=page.way if page else None,
        offered_at=page.offered_at if page else None,
        sent=message.status if message is not None else "",
        code=code,
        code_words=spelt(code, language) if code else "",
        code_ends_at=page.code_ends_at if page and code else None,
        opened_at=page.opened_at if page and page.holder_hash else None,
        waits=page is not None and page.waiting_hash is not None,
        checked=is_checked,
        names_somebody=(call.customer or call.claimed) is not None,
        stopped_at=page.stopped_at if page else None,
        stopped_by_customer=page is not None and page.stopped_at is not None and not page.stopped_by,
        version=page.version if page else 0,
    )


def _state(page: ScreenPage | None, call: Call, life: Life, now: datetime) -> str:
    if life.is_over(call, now):
        return "over"
    if page is None:
        return "none"
    if page.stopped_at is not None:
        return "stopped"
    if page.holder_hash is not None:
        return "open"
    return "offered" if page.link_hash or page.code_hash else "none"


def spelt(code: str, language: str) -> str:
    """Return a code as one reads it aloud: Karel, zeven, Maria."""
    alphabet = _ALPHABETS.get(language, _ALPHABETS["en"]).split()
    said = []
    for one in code:
        is_letter = one.isalpha()
        said.append(alphabet[ord(one) - ord("A")] if is_letter else times.number(int(one), language))
    return ", ".join(said)
