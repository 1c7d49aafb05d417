"""Who takes over what somebody leaves behind? All that they have in hand, in one step; then they are gone."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.agents import presence
from app.door import sessions
from app.errors import InvalidField
from app.messages import messages
from app.promises import ledger
from app.records.agents import Agent, Intent
from app.records.callers import IS_OPEN, Case, owner_of
from app.records.messages import Message
from app.records.promises import IS_OWED, Promise


@dataclass
class Together:
    """What must not be torn apart: a case and what is owed on it; either may be alone."""

    case: Case | None = None
    promises: list[int] = field(default_factory=list)


@dataclass
class Share:
    """What one colleague takes over."""

    agent: str
    cases: list[Case] = field(default_factory=list)
    promises: list[int] = field(default_factory=list)

    @property
    def unwanted(self) -> int:
        """How many of the cases are of callers who asked for somebody else than this colleague."""
        return sum(case.avoided_agent == self.agent for case in self.cases)


def left_by(session: Session, agent: str, *, held: bool = False) -> list[Together]:
    """Return what an agent has in hand, the most urgent first; `held` until the transaction ends if asked.

    What is solved stays as it is: nobody has to see to it.
    """
    owed = select(Promise.id, Promise.case, Promise.due_at).where(Promise.agent == agent, IS_OWED)
    owned = select(Case).where(IS_OPEN, owner_of(Case) == agent).order_by(Case.key)
    if held:
        # In one order, and promises before cases, as everybody takes them.
        session.execute(owed.order_by(Promise.id).with_for_update()).all()
        owned = owned.with_for_update().execution_options(populate_existing=True)
    cases = {case.key: Together(case) for case in session.scalars(owned)}
    others: dict[object, Together] = {}
    for row in session.execute(owed.order_by(Promise.due_at, Promise.id)):
        of_case = cases.get(row.case or "") or others.setdefault(row.case or row.id, Together())
        of_case.promises.append(row.id)
    return [*others.values(), *cases.values()]


def shared_out(left: Sequence[Together], agents: Sequence[str]) -> list[Share]:
    """Deal what is left evenly: promises first, then the rest to whoever has least.

    Whom a caller asked not to speak to gets their case only when there is nobody else to give it to.
    """
    shares = [Share(agent) for agent in agents]
    for one in sorted(left, key=lambda one: not one.promises):
        avoided = one.case.avoided_agent if one.case is not None else None
        wanted = [share for share in shares if share.agent != avoided] or shares
        takes = min(wanted, key=_load_of_promises if one.promises else _load)
        takes.promises += one.promises
        takes.cases += [one.case] if one.case is not None else []
    return shares


def _load(share: Share) -> int:
    return len(share.promises) + len(share.cases)


def _load_of_promises(share: Share) -> tuple[int, int]:
    return len(share.promises), _load(share)


def hand_over(session: Session, agent: str, to: Sequence[str], who: str, now: datetime) -> list[Share]:
    """Give all that `agent` has in hand to these colleagues; return who got what.

    Raises InvalidField when there is nobody to give it to, or one of them isn't there.
    """
    check(session, agent, to)
    shares = shared_out(left_by(session, agent, held=True), to)
    for share in shares:
        for promise_id in share.promises:
            ledger.hand_over(session, promise_id, share.agent, who, now, ledger.LEFT_BEHIND)
        for case in share.cases:
            case.named_owner = share.agent
            # Named by a human who saw that the caller had asked for somebody else.
            case.avoided_agent = None if case.avoided_agent == share.agent else case.avoided_agent
    session.flush()
    _hand_over_messages(session, agent, shares, now)
    return shares


def leave_to_team(session: Session, agent: str, who: str, now: datetime) -> None:
    """Let the teams take over what `agent` owes, where nobody has chosen who does: all see it at once.

    A case stays under their name, for a supervisor to give away; who calls about it meanwhile reaches the
    colleagues who know it, and then the team.
    """
    for one in left_by(session, agent, held=True):
        for promise_id in one.promises:
            ledger.leave_to_team(session, promise_id, who, now)
    session.flush()
    _hand_over_messages(session, agent, (), now)


def check(session: Session, agent: str, to: Sequence[str]) -> None:
    """Raise InvalidField, with a code of the catalogue, when this can't be handed over so."""
    if session.get(Agent, agent) is None:
        raise InvalidField("leaves", "leaver_unknown")
    if not to:
        raise InvalidField("agent", "leaver_to_nobody")
    if agent in to:
        raise InvalidField("agent", "leaver_to_self")
    there = session.scalars(select(Agent.key).where(Agent.key.in_(to), Agent.enabled)).all()
    if len(there) < len(set(to)):
        raise InvalidField("agent", "leaver_to_gone")


def _hand_over_messages(session: Session, agent: str, shares: Sequence[Share], now: datetime) -> None:
    """What nobody has answered goes along with its case or promise, else to the team."""
    takes: dict[object, str] = {}
    for share in shares:
        takes |= dict.fromkeys(share.promises, share.agent)
        takes |= dict.fromkeys((case.key for case in share.cases), share.agent)
    waiting = select(Message).where(Message.agent == agent, Message.handled_at.is_(None))
    for message in session.scalars(waiting.order_by(Message.sid).with_for_update()):
        message.agent = takes.get(message.promise) or takes.get(message.case)
        messages.show(session, message, now)


def disable(session: Session, agent: str, now: datetime, *, about: str = "") -> None:
    """The agent has left: never rung again, and signed out wherever they are. A conversation goes on."""
    session.execute(update(Agent).where(Agent.key == agent).values(enabled=False))
    sessions.end_all_of_agent(session, agent, now, about=about)
    presence.set_intent(session, agent, Intent.OFF, now, why="left")
