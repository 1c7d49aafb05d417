"""What happened while the database was gone? Brings what was kept on disk to where the truth is kept."""

import logging
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.exc import IntegrityError, InterfaceError, OperationalError
from sqlalchemy.orm import Session

from app import db
from app.callbacks import agent_leg
from app.callers.numbers import to_e164
from app.carrier import forms
from app.carrier.spool import Spool
from app.carrier.words import DialEnded
from app.clock import utcnow
from app.deployment import Deployment
from app.forgetting import requests
from app.lines import places
from app.records.calls import Call
from app.voice import afterwards, held, last_word, placed, rings
from app.voice import incoming as incoming_calls

log = logging.getLogger(__name__)


def merge(spool: Spool, deployment: Deployment) -> int:
    """Write down what was kept on disk while the database was gone; return how many facts."""
    merged = 0
    taken = list(spool.take())
    # The news of one call may have come to several processes: a conversation is told before its end.
    for fact in sorted((fact for _, facts in taken for fact in facts), key=lambda fact: str(fact.get("at"))):
        try:
            with db.transaction() as session:
                _merge(session, fact, deployment)
            merged += 1
        except IntegrityError:
            log.info("spooled fact was known already", extra={"call_sid": fact.get("call_sid")})
        except (OperationalError, InterfaceError, OSError):
            raise  # the database is gone again: all of it is done once more later, to the same end
        except Exception:
            # One fact that can't be understood must not keep the others from being written down.
            log.exception("spooled fact set aside", extra={"call_sid": fact.get("call_sid")})
            spool.set_aside(fact)
    for path, _ in taken:
        path.unlink(missing_ok=True)
    _sift(spool, deployment)
    return merged


def _sift(spool: Spool, deployment: Deployment) -> None:
    """Whoever is forgotten is so too where what could not be understood waits for a person."""
    with db.reading() as session:
        if requests.any_marks(session, utcnow()):
            spool.sift(lambda fact: _is_forgotten(session, fact, deployment))


def _is_forgotten(session: Session, fact: dict[str, Any], deployment: Deployment) -> bool:
    """Tell whether whoever called was forgotten since: what lay on a disk meanwhile names them still."""
    line = str(fact.get("to", "")).replace("\x00", "")
    country = places.country_of(session, line) or deployment.defaults.country
    number = to_e164(str(fact.get("from", "")), country)
    try:
        at = datetime.fromisoformat(str(fact.get("at", ""))).astimezone(UTC)
    except (ValueError, OverflowError):
        at = datetime.min.replace(tzinfo=UTC)  # whenever it was
    return number is not None and requests.forgotten(session, deployment.link_key, number, at)


def _merge(session: Session, fact: dict[str, Any], deployment: Deployment) -> None:
    sid, at = fact.get("call_sid", ""), datetime.fromisoformat(fact["at"])
    if fact["kind"] == "callback":
        _merge_callback(session, sid, fact, at, deployment)
        return
    if not forms.CALL_SID.fullmatch(sid):
        return  # a malformed call was answered all the same, but the carrier knows of none like it
    known = session.get(Call, sid)
    if known is None and fact.get("to") and sid:
        from_raw = "" if _is_forgotten(session, fact, deployment) else fact.get("from", "")
        incoming = incoming_calls.IncomingCall(sid, from_raw, fact["to"])
        incoming_calls.note_degraded(session, incoming, at, deployment)
        known = session.get(Call, sid)
    if known is None:
        return
    if fact["kind"] == "leg":
        status, leg_sid, on_phone = fact["call_status"], fact["leg_sid"], fact["on_phone"]
        rings.leg(session, sid, fact["step"], status, leg_sid, at, on_phone=on_phone)
    elif fact["kind"] == "accepted":
        afterwards.accepted(session, sid, fact["step"], at)
    elif fact["kind"] == "message":
        recording_sid, seconds = str(fact.get("recording_sid") or ""), fact.get("seconds")
        known = held.held(session, sid)
        incoming_calls.note_message(session, known, recording_sid, seconds, at, deployment)
    elif fact["kind"] == "talked":
        afterwards.talked_without_us(session, sid, fact.get("step"), _dial(fact, "completed"), at, deployment)
    elif fact["kind"] == "went_on":
        afterwards.went_on_without_us(session, sid, fact.get("step"), _dial(fact, ""), at)
    elif fact["kind"] == "ended":
        last_word.status(session, sid, fact["call_status"], at, deployment, fact.get("seconds"))


def _dial(fact: dict[str, Any], status: str) -> DialEnded:
    """Read how a ring ended; of a fact that an older version kept, `status` is all there is."""
    return DialEnded(
        fact.get("status", status), fact.get("call_status", ""), fact.get("bridged"), fact.get("seconds")
    )


def _merge_callback(
    session: Session, sid: str, fact: dict[str, Any], at: datetime, deployment: Deployment
) -> None:
    """Apply news of a callback; what the carrier was asked for meanwhile says the same, or came later."""
    match fact["of"]:
        case "agent":
            placed.agent_leg(session, sid, fact["status"], fact["leg_sid"], at, deployment)
        case "customer":
            placed.customer_leg(
                session,
                sid,
                fact["status"],
                fact["leg_sid"],
                fact["answered_by"],
                fact["seconds"],
                at,
                deployment,
            )
        case "not_now":
            agent_leg.could_not_go_on(session, sid, at)
        case unknown:
            raise ValueError(f"news of {unknown!r}")
