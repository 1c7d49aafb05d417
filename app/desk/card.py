"""What does the agent see of a call? The card: who rings, how sure that is, the case, what was agreed."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.desk import customer_cards, timeline
from app.desk.customer_cards import CaseCard, CustomerCard
from app.desk.masking import written
from app.desk.promise_cards import PromiseCard, promise_cards
from app.desk.timeline import ContactCard, Entry, Timeline
from app.outgoing.conversations import Words, words_of
from app.promises import dropped, ledger
from app.records.agents import Agent
from app.records.callers import Direction
from app.records.calls import Call, CallState, CallStep, StepKind, StepOutcome
from app.records.legs import CallLeg, LegRole
from app.records.lines import Line
from app.records.notes import CallNote
from app.records.promises import IS_OWED, Promise
from app.routing import kept
from app.speech.machines import sounds_recorded
from app.voice import held, legs

NOTES_SHOWN = 12


class Identity(StrEnum):
    """How sure it is that the caller is who the card says."""

    WITHHELD = "withheld"  # no number at all
    CLAIMED = "claimed"  # they say to be somebody, by a number we don't know
    UNKNOWN = "unknown"  # a number of nobody we know
    SUSPECT = "suspect"  # the carrier says that the number may be forged
    NUMBER = "number"  # a number we know, which proves nothing
    ATTESTED = "attested"  # the caller's own carrier vouches for the number
    CHECKED = "checked"  # the agent asked


class Side(StrEnum):
    """The call as this agent lives it."""

    RINGING = "ringing"
    DIALLING = "dialling"  # the agent took a callback, and the customer's phone rings
    TALKING = "talking"
    ELSEWHERE = "elsewhere"  # it went on to somebody else
    WAITING = "waiting"  # the caller waits for this agent
    ENDED = "ended"


class RingsFor(StrEnum):
    """What it is that this agent is rung for."""

    CALLER = "caller"  # somebody who calls us
    CALLBACK = "callback"  # who is owed a call: they are rung once the agent answers
    OUTBOUND = "outbound"  # whom the agent wished to ring
    CONSULT = "consult"  # a colleague's conversation
    SUPERVISE = "supervise"  # the conversation of somebody whom they oversee


class HeardBy(StrEnum):
    """Who hears what this agent says in their conversation."""

    CUSTOMER = "customer"
    COLLEAGUE = "colleague"  # while the customer waits
    AGENT = "agent"  # whom they whisper to
    NOBODY = "nobody"  # the customer waits, or they listen


@dataclass(frozen=True)
class NoteCard:
    """What somebody wrote down of a call that is no contact."""

    at: datetime
    agent: str  # a name
    by_reader: bool
    outcome: str
    summary: str


@dataclass(frozen=True)
class CallCard:
    sid: str
    side: Side
    since: datetime  # when that side began
    identity: Identity
    heard: str  # what whom nobody knew answered to our question, as the carrier wrote it
    sounds_recorded: bool  # a machine seems to have said it: a sign, no more
    number: str | None  # E.164: for whoever writes down who saw the card, for no page
    phone: str | None  # as people write it; masked until the caller was checked
    postcode: str
    line: str
    customer: CustomerCard | None
    case: CaseCard | None
    others: tuple[CustomerCard, ...]  # whom it may be as well, the likeliest first
    more_others: bool
    owner: str | None  # a name
    reason: tuple[str, dict[str, object]] | None  # a code of the catalogue, and its values
    contacts: tuple[ContactCard, ...]  # newest first
    timeline: tuple[Entry, ...]  # with messages and promises, but for the contacts that stand above it
    more_contacts: bool
    noted: tuple[
        NoteCard, ...
    ]  # what waits under the number, or stands on this customer or case; newest first
    promises: tuple[PromiseCard, ...]
    notes: Words  # the reader's own
    can_decline: bool
    rings_for: RingsFor
    heard_by: HeardBy
    can_be_rung_back: bool  # its line dropped, the agent may say
    on_phone: bool  # it rings on the agent's ordinary phone, not in the window
    at_desk: bool  # it rings in the window, and nowhere else
    language: str

    @property
    def last_contact(self) -> ContactCard | None:
        return next(iter(self.contacts), None)

    @property
    def last_words(self) -> ContactCard | None:
        """Return the contact of which something was noted last, if that isn't the last one."""
        return _last_words(self.contacts)

    @property
    def checked(self) -> bool:
        return self.identity == Identity.CHECKED


def card_of(session: Session, call_sid: str, agent: str, now: datetime, *, checked: bool) -> CallCard | None:
    """Return the card of a call as `agent` may see it; None when it was never for them.

    `checked` says that they made sure who is on the line: until then what helps an impostor is masked.
    """
    if not held.was_offered(session, call_sid, agent):
        return None
    call = session.get_one(Call, call_sid)
    step = session.scalar(
        select(CallStep)
        .where(CallStep.call_sid == call_sid, CallStep.agent == agent)
        .order_by(CallStep.number.desc())
        .limit(1)
    )
    names = ledger.names_of(session)
    candidates, more_others = customer_cards.of_call(session, call, agent, names)
    customer = candidates[0] if candidates else None
    case = _current_case(customer, call)
    before = timeline.of_call(
        session, call, customer.key if customer else None, case.key if case else None, agent, names
    )
    leg = legs.leg_of(session, call_sid, agent)
    side, since = _side(call, step, agent, leg)
    line = session.get(Line, call.line)
    return CallCard(
        sid=call.sid,
        side=side,
        since=since,
        identity=_identity(call, bool(candidates), checked),
        heard=(call.heard or {}).get("text", ""),
        sounds_recorded=sounds_recorded((call.heard or {}).get("text", "")),
        number=call.remote_e164,
        phone=written(call.remote_e164, masked=not checked) if call.remote_e164 else None,
        postcode=_postcode(customer, masked=not checked),
        line=line.name if line else "",
        customer=customer,
        case=case,
        others=candidates[1:],
        more_others=more_others,
        owner=names.get(call.owner or ""),
        reason=_reason(call, step),
        contacts=before.contacts,
        timeline=_not_shown_above(before),
        more_contacts=before.more,
        noted=_noted(session, call, customer, case, agent, names),
        promises=_promises_to(session, call, customer, agent, now, names),
        notes=words_of(session, call_sid, agent),
        can_decline=side == Side.RINGING,
        rings_for=_rings_for(session, call, step),
        heard_by=_heard_by(session, call, leg),
        can_be_rung_back=dropped.can_be_rung_back(session, call, agent, now)
        and dropped.of_call(session, call_sid) is None,
        on_phone=step is not None and step.endpoint == "phone",
        at_desk=step is not None and step.endpoint == "client",
        language=call.language,
    )


def _reason(call: Call, step: CallStep | None) -> tuple[str, dict[str, object]] | None:
    """Return why it rang here; nothing once the call turned out to be about something else than thought."""
    if step is None:
        return None
    inbound = call.direction == Direction.INBOUND
    if inbound and not kept.is_as_recognised(step.situation, call.customer, call.case):
        return None
    return step.reason, dict(step.reason_values)


def zone_of_house(session: Session) -> str | None:
    """Return the time zone in which those read times who aren't of any team: the first line's."""
    return session.scalar(select(Line.timezone).order_by(Line.number).limit(1))


def zone_of_desk(session: Session, agent: str) -> str | None:
    """Return the time zone of the clock on an agent's wall: where their team is called, if anywhere."""
    team = select(Agent.team).where(Agent.key == agent).scalar_subquery()
    return session.scalar(select(Line.timezone).order_by(Line.team != team, Line.number).limit(1))


def _last_words(contacts: tuple[ContactCard, ...]) -> ContactCard | None:
    noted = next((one for one in contacts if one.summary), None)
    return noted if noted != next(iter(contacts), None) else None


def _not_shown_above(before: Timeline) -> tuple[Entry, ...]:
    """Leave out the last contact, and the last of which something was noted: they stand above the rest."""
    shown = [one for one in (next(iter(before.contacts), None), _last_words(before.contacts)) if one]
    return tuple(one for one in before.entries if one.contact is None or one.contact not in shown)


# --- the parts ---------------------------------------------------------------------------------------


def _identity(call: Call, known: bool, checked: bool) -> Identity:
    if checked and known:
        return Identity.CHECKED
    if call.claimed is not None and call.customer is None:
        return Identity.CLAIMED
    if call.remote_e164 is None:
        return Identity.WITHHELD
    # https://www.twilio.com/docs/voice/trusted-calling-with-shakenstir
    if call.attestation.startswith("TN-Validation-Failed"):
        return Identity.SUSPECT
    if not known:
        return Identity.UNKNOWN
    return Identity.ATTESTED if call.attestation.startswith("TN-Validation-Passed-A") else Identity.NUMBER


def _side(call: Call, step: CallStep | None, agent: str, leg: CallLeg | None) -> tuple[Side, datetime]:
    if call.state == CallState.ENDED:
        return Side.ENDED, call.ended_at or call.created_at
    if leg is not None and not leg.goes and call.state == CallState.TALKING:
        # Somebody of several in this conversation, or asked along.
        return (Side.RINGING, leg.added_at) if leg.answered_at is None else (Side.TALKING, leg.answered_at)
    if call.state == CallState.TALKING and call.bridged_to == agent:
        return Side.TALKING, call.bridged_at or call.created_at
    if call.waiting_for_agent == agent:
        return Side.WAITING, call.waiting_since or call.created_at
    if step is None:
        return Side.ELSEWHERE, call.created_at
    if step.outcome is None and step.number == call.step:
        if step.answered_at:
            side = Side.DIALLING if step.kind == StepKind.CALLBACK else Side.TALKING
            return side, step.answered_at
        return Side.RINGING, step.rang_at or step.started_at
    if step.outcome == StepOutcome.ANSWERED and call.bridged_to == agent:
        return Side.ENDED, step.ended_at or call.created_at
    return Side.ELSEWHERE, step.ended_at or step.started_at


def _heard_by(session: Session, call: Call, leg: CallLeg | None) -> HeardBy:
    if leg is None:
        return HeardBy.CUSTOMER
    if leg.role == LegRole.SUPERVISOR and leg.coaches is not None:
        return HeardBy.AGENT
    there = [one for one in legs.of_call(session, call.sid) if one.is_there and not one.goes]
    if leg.role == LegRole.SUPERVISOR and leg.muted:
        return HeardBy.NOBODY
    if not any(one.number == legs.CUSTOMER and one.hears_nobody for one in there):
        return HeardBy.CUSTOMER
    are_heard_by = [one for one in there if one.number not in (legs.CUSTOMER, leg.number)]
    return HeardBy.COLLEAGUE if are_heard_by else HeardBy.NOBODY


def _rings_for(session: Session, call: Call, step: CallStep | None) -> RingsFor:
    match step.kind if step is not None else None:
        case StepKind.CALLBACK:
            promise = session.get(Promise, call.promise) if call.promise is not None else None
            is_outbound = promise is not None and promise.is_outbound
            return RingsFor.OUTBOUND if is_outbound else RingsFor.CALLBACK
        case StepKind.CONSULT:
            return RingsFor.CONSULT
        case StepKind.SUPERVISE:
            return RingsFor.SUPERVISE
        case _:
            return RingsFor.CALLER


def _current_case(customer: CustomerCard | None, call: Call) -> CaseCard | None:
    if customer is None:
        return None
    named = call.case or (call.heard or {}).get("case")
    return next((case for case in customer.cases if case.key == named), None)


def _noted(
    session: Session,
    call: Call,
    customer: CustomerCard | None,
    case: CaseCard | None,
    agent: str,
    names: dict[str, str],
) -> tuple[NoteCard, ...]:
    """Return what was written down for whoever gets this call: of it, and what waits for its caller."""
    whose = [CallNote.call_sid == call.sid]
    if call.remote_e164 is not None:
        whose.append((CallNote.number == call.remote_e164) & CallNote.customer.is_(None))
    if customer is not None:
        whose.append((CallNote.customer == customer.key) & CallNote.case.is_(None))
    if case is not None:
        whose.append(CallNote.case == case.key)
    rows = session.scalars(
        select(CallNote)
        .where(or_(*whose), or_(CallNote.call_sid != call.sid, CallNote.agent != agent))
        .order_by(CallNote.written_at.desc())
        .limit(NOTES_SHOWN)
    ).all()
    return tuple(
        NoteCard(
            row.written_at, names.get(row.agent, row.agent), row.agent == agent, row.outcome, row.summary
        )
        for row in rows
    )


def _promises_to(
    session: Session,
    call: Call,
    customer: CustomerCard | None,
    agent: str,
    now: datetime,
    names: dict[str, str],
) -> tuple[PromiseCard, ...]:
    whose = []
    if call.remote_e164:
        whose.append(Promise.number == call.remote_e164)
    if customer:
        whose.append(Promise.customer == customer.key)
    if not whose:
        return ()
    rows = session.scalars(select(Promise).where(or_(*whose), IS_OWED).order_by(Promise.due_at)).all()
    return promise_cards(session, rows, agent, now, names)


def may_see_promise(session: Session, promise: Promise, agent: str) -> bool:
    """Say whether an agent may see a promise: theirs, their team's, or on the card of a call of theirs."""
    team = session.scalar(select(Agent.team).where(Agent.key == agent))
    if promise.agent == agent or promise.team in (team, ""):
        return True
    about = [Call.promise == promise.id]
    if promise.number:
        about.append(Call.remote_e164 == promise.number)
    if promise.customer:
        about.append(Call.customer == promise.customer)
    offered = select(CallStep.call_sid).join(Call, Call.sid == CallStep.call_sid)
    return session.scalar(offered.where(CallStep.agent == agent, or_(*about)).limit(1)) is not None


def _postcode(customer: CustomerCard | None, *, masked: bool) -> str:
    if customer is None or not customer.postcode:
        return ""
    return "•••• ••" if masked else customer.postcode
