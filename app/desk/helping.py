"""What does the card say of help? Who listens or joins, and how the agent can protect themselves."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from app import catalogue, web
from app.agents import protection as protections
from app.promises import ledger
from app.records.calls import Call, CallState
from app.voice import protecting, supervising


def words(code: str, **values: object) -> str:
    """Return a text about helping in the reader's language."""
    return catalogue.text(f"helping.{code}", web.language(), **values)


@dataclass(frozen=True)
class Help:
    """`supervisors` are those in the conversation besides the reader: a name, and how they are there."""

    supervisors: tuple[tuple[str, str], ...] = ()
    can_warn: bool = False
    can_end: bool = False
    can_part: bool = False  # it is over, and they aren't to have this caller again
    is_ended: bool = False


def of_card(session: Session, call_sid: str, agent: str, now: datetime) -> Help:
    """Return what a call's card says of help to an agent who has the conversation."""
    call = session.get(Call, call_sid)
    if call is None or call.bridged_to != agent:
        return Help()
    talks = call.state == CallState.TALKING
    use = protections.of_call(session, call_sid, agent)
    is_warned = use is not None and use.warned_at is not None
    is_ended = use is not None and use.keeps_apart
    there = supervising.with_agent(session, call) if talks else []
    names = ledger.names_of(session) if there else {}
    return Help(
        supervisors=tuple((names.get(leg.agent or "", ""), str(leg.state)) for leg in there),
        can_warn=talks and not is_warned and not is_ended,
        can_end=talks and is_warned and not is_ended,
        can_part=not talks and not is_ended and protecting.may_end(call, agent, now),
        is_ended=is_ended,
    )
