"""What does the agent see of a call? The card: who rings, how sure that is, the case, what was agreed."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import literal, or_, select, union_all
from sqlalchemy.orm import Session

from app.callers.recognition import KnownCustomer, OpenCase, OwedPromise, recognise
from app.desk.masking import written
from app.desk.promise_cards import PromiseCard, promise_cards
from app.outgoing.announce import contact_key
from app.promises import dropped, ledger
from app.records.agents import Agent
from app.records.callers import Case, CaseStatus, Contact, Customer, CustomerNumber, Direction
from app.records.calls import Call, CallState, CallStep, StepKind, StepOutcome
from app.records.lines import Line
from app.records.promises import IS_OWED, Promise
from app.routing import kept

CONTACTS_SHOWN = 12
CUSTOMERS_SHOWN = 20  # a switchboard stands with hundreds


class Identity(StrEnum):
    """How sure it is that the caller is who the card says."""

    WITHHELD = "withheld"  # no number at all
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


@dataclass(frozen=True)
class CaseCard:
    key: str
    subject: str
    team: str
    status: CaseStatus
    priority: str
    opened_at: datetime
    url: str  # https, or empty
    owner: str | None  # a name
    owner_is_reader: bool
    avoided: str | None  # the name of whom the customer would rather not speak to about it
    last_contact_at: datetime | None


@dataclass(frozen=True)
class ContactCard:
    at: datetime
    agent: str  # a name
    by_reader: bool
    channel: str
    direction: str
    minutes: int
    outcome: str
    summary: str


@dataclass(frozen=True)
class CustomerCard:
    key: str
    name: str
    postcode: str
    tags: tuple[str, ...]
    language: str
    cases: tuple[CaseCard, ...]  # open ones first


@dataclass(frozen=True)
class Notes:
    outcome: str
    summary: str


@dataclass(frozen=True)
class CallCard:
    sid: str
    side: Side
    since: datetime  # when that side began
    identity: Identity
    phone: str | None  # as people write it; masked until the caller was checked
    postcode: str
    line: str
    customer: CustomerCard | None
    case: CaseCard | None
    others: tuple[CustomerCard, ...]  # whom it may be as well
    owner: str | None  # a name
    reason: tuple[str, dict[str, object]] | None  # a code of the catalogue, and its values
    contacts: tuple[ContactCard, ...]  # newest first
    more_contacts: bool
    promises: tuple[PromiseCard, ...]
    notes: Notes | None
    can_decline: bool
    can_be_rung_back: bool  # its line dropped, the agent may say
    on_phone: bool  # it rings on the agent's ordinary phone, not in the window
    at_desk: bool  # it rings in the window, and nowhere else
    language: str

    @property
    def last_words(self) -> ContactCard | None:
        """Return the newest contact of which something was noted, else the newest."""
        return next((one for one in self.contacts if one.summary), next(iter(self.contacts), None))

    @property
    def checked(self) -> bool:
        return self.identity == Identity.CHECKED


def was_offered(session: Session, call_sid: str, agent: str) -> bool:
    """Say whether the call was ever for this agent: rung at, bridged to, or waiting for them."""
    rung = select(CallStep.call_sid).where(CallStep.call_sid == call_sid, CallStep.agent == agent)
    ours = or_(Call.bridged_to == agent, Call.waiting_for_agent == agent, rung.exists())
    return session.scalar(select(Call.sid).where(Call.sid == call_sid, ours)) is not None


def card_of(session: Session, call_sid: str, agent: str, now: datetime, *, checked: bool) -> CallCard | None:
    """Return the card of a call as `agent` may see it; None when it was never for them.

    `checked` says that they made sure who is on the line: until then what helps an impostor is masked.
    """
    if not was_offered(session, call_sid, agent):
        return None
    call = session.get_one(Call, call_sid)
    step = session.scalar(
        select(CallStep)
        .where(CallStep.call_sid == call_sid, CallStep.agent == agent)
        .order_by(CallStep.number.desc())
        .limit(1)
    )
    names = ledger.names_of(session)
    candidates = _customers(session, call, agent, names)
    customer = candidates[0] if candidates else None
    case = _current_case(customer, call)
    contacts, more = _contacts(session, case, agent, names, call_sid)
    side, since = _side(call, step, agent)
    line = session.get(Line, call.line)
    return CallCard(
        sid=call.sid,
        side=side,
        since=since,
        identity=_identity(call, bool(candidates), checked),
        phone=written(call.remote_e164, masked=not checked) if call.remote_e164 else None,
        postcode=_postcode(customer, masked=not checked),
        line=line.name if line else "",
        customer=customer,
        case=case,
        others=tuple(candidates[1:]),
        owner=names.get(call.owner or ""),
        reason=_reason(call, step),
        contacts=contacts,
        more_contacts=more,
        promises=_promises_to(session, call, customer, agent, now, names),
        notes=notes_of(session, call_sid, agent),
        can_decline=side == Side.RINGING,
        can_be_rung_back=dropped.can_be_rung_back(call, agent, now)
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


def may_be(session: Session, call_sid: str, customer: str) -> bool:
    """Say whether the call's number leads to this customer, so that an agent may pick them."""
    call = session.get_one(Call, call_sid)
    if call.customer == customer:
        return True
    return session.get(CustomerNumber, (call.remote_e164 or "", customer)) is not None


def zone_of_house(session: Session) -> str | None:
    """Return the time zone in which those read times who aren't of any team: the first line's."""
    return session.scalar(select(Line.timezone).order_by(Line.number).limit(1))


def zone_of_desk(session: Session, agent: str) -> str | None:
    """Return the time zone of the clock on an agent's wall: where their team is called, if anywhere."""
    team = select(Agent.team).where(Agent.key == agent).scalar_subquery()
    return session.scalar(select(Line.timezone).order_by(Line.team != team, Line.number).limit(1))


# --- the parts ---------------------------------------------------------------------------------------


def _identity(call: Call, known: bool, checked: bool) -> Identity:
    if checked and known:
        return Identity.CHECKED
    if call.remote_e164 is None:
        return Identity.WITHHELD
    # https://www.twilio.com/docs/voice/trusted-calling-with-shakenstir
    if call.attestation.startswith("TN-Validation-Failed"):
        return Identity.SUSPECT
    if not known:
        return Identity.UNKNOWN
    return Identity.ATTESTED if call.attestation.startswith("TN-Validation-Passed-A") else Identity.NUMBER


def _side(call: Call, step: CallStep | None, agent: str) -> tuple[Side, datetime]:
    if call.state == CallState.ENDED:
        return Side.ENDED, call.ended_at or call.created_at
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


def _customers(session: Session, call: Call, agent: str, names: dict[str, str]) -> list[CustomerCard]:
    """Return whom it may be: the agent's pick or the likeliest first, as the decision ordered them."""
    # As a list of keys: with “or” the database would look at every customer.
    wanted = union_all(
        select(literal(call.customer, Customer.key.type)),
        select(CustomerNumber.customer).where(CustomerNumber.e164 == call.remote_e164),
    )
    rows = session.scalars(select(Customer).where(Customer.key.in_(wanted)).limit(CUSTOMERS_SHOWN)).all()
    keys = [row.key for row in rows]
    cases = session.scalars(select(Case).where(Case.customer.in_(keys))).all()
    owed = session.scalars(select(Promise).where(Promise.number == call.remote_e164, IS_OWED)).all()
    known = [_known(row, [case for case in cases if case.customer == row.key]) for row in rows]
    promises = [OwedPromise(one.id, one.agent, one.case, one.customer, one.due_at) for one in owed]
    order = {
        found.key: at for at, found in enumerate(recognise(call.remote_e164 or "", known, promises).customers)
    }
    ranked = sorted(rows, key=lambda row: (row.key != call.customer, order.get(row.key, 0)))
    return [
        _customer_card(row, [case for case in cases if case.customer == row.key], agent, names)
        for row in ranked
    ]


def _known(customer: Customer, cases: list[Case]) -> KnownCustomer:
    return KnownCustomer(
        key=customer.key,
        name=customer.name,
        language=customer.language,
        tags=tuple(customer.tags),
        cases=tuple(
            OpenCase(
                key=case.key,
                subject=case.subject,
                team=case.team,
                status=case.status,
                url=case.url,
                opened_at=case.opened_at,
                owner=case.owner,
                handled_at=case.last_contact_at,
            )
            for case in cases
            if case.is_open
        ),
    )


def _customer_card(customer: Customer, cases: list[Case], agent: str, names: dict[str, str]) -> CustomerCard:
    newest_first = sorted(cases, key=lambda case: case.last_contact_at or case.opened_at, reverse=True)
    open_first = sorted(newest_first, key=lambda case: not case.is_open)
    return CustomerCard(
        key=customer.key,
        name=customer.name,
        postcode=customer.postcode,
        tags=tuple(customer.tags),
        language=customer.language,
        cases=tuple(_case_card(case, agent, names) for case in open_first),
    )


def _case_card(case: Case, agent: str, names: dict[str, str]) -> CaseCard:
    return CaseCard(
        key=case.key,
        subject=case.subject,
        team=case.team,
        status=case.status,
        priority=case.priority,
        opened_at=case.opened_at,
        # A link is opened by a person who trusts it: nothing but the web, encrypted.
        url=case.url if case.url.startswith("https://") else "",
        owner=names.get(case.owner or "", case.owner),
        owner_is_reader=case.owner == agent,
        avoided=names.get(case.avoided_agent or "", case.avoided_agent),
        last_contact_at=case.last_contact_at,
    )


def _current_case(customer: CustomerCard | None, call: Call) -> CaseCard | None:
    if customer is None:
        return None
    return next((case for case in customer.cases if case.key == call.case), None)


def _contacts(
    session: Session, case: CaseCard | None, agent: str, names: dict[str, str], call_sid: str
) -> tuple[tuple[ContactCard, ...], bool]:
    if case is None:
        return (), False
    rows = session.scalars(
        select(Contact)
        .where(Contact.case == case.key, Contact.key != contact_key(call_sid))
        .order_by(Contact.started_at.desc())
        .limit(CONTACTS_SHOWN + 1)
    ).all()
    cards = tuple(
        ContactCard(
            at=row.started_at,
            agent=names.get(row.agent, row.agent),
            by_reader=row.agent == agent,
            channel=row.channel,
            direction=row.direction,
            minutes=-(-row.seconds // 60),
            outcome=row.outcome,
            summary=row.summary,
        )
        for row in rows[:CONTACTS_SHOWN]
    )
    return cards, len(rows) > CONTACTS_SHOWN


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


def notes_of(session: Session, call_sid: str, agent: str) -> Notes | None:
    """Return what the agent has written down of the call, None when there is nothing yet."""
    contact = session.get(Contact, contact_key(call_sid))
    if contact is None or contact.agent != agent:
        return None
    return Notes(contact.outcome, contact.summary)


def _postcode(customer: CustomerCard | None, *, masked: bool) -> str:
    if customer is None or not customer.postcode:
        return ""
    return "•••• ••" if masked else customer.postcode
