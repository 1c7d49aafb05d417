"""What follows when whom nobody knows has answered our one question, or said nothing? Always a ring."""

from datetime import datetime

from sqlalchemy.orm import Session

from app.deployment import Deployment
from app.lines import places
from app.records.calls import CallState, CallStep, StepKind, StepOutcome
from app.routing import understanding
from app.voice.held import advance, facts_of, held, once, reply_of_step


def answered(
    session: Session,
    sid: str,
    number: int,
    speech_result: str,
    confidence: float | None,
    now: datetime,
    deployment: Deployment,
) -> bytes:
    """Note what was said, take it for what it surely is, and go on with the call."""
    call = held(session, sid)

    def answer() -> bytes:
        step = session.get(CallStep, (sid, number))
        is_late = call.state == CallState.ENDED or call.step != number
        if is_late or step is None or step.kind != StepKind.ASKED or step.outcome is not None:
            return reply_of_step(session, call)
        understood = understanding.understand(
            session,
            speech_result,
            language=call.language,
            country=places.country_of(session, call.line) or deployment.defaults.country,
            confidence=confidence,
        )
        call.heard = understood.as_json() | {"at": now.isoformat()}
        call.claimed = understood.heard.customer
        if call.claimed is not None:
            # Whoever said a name alone is shown with the case whose owner is rung.
            case = facts_of(session, call, now, deployment).caller.case
            call.heard = call.heard | {"case": case.key if case is not None else None}
        step.outcome = StepOutcome.HEARD if understood.text else StepOutcome.SILENT
        step.ended_at = now
        session.flush()
        return advance(session, call, now, deployment)

    return once(session, sid, f"asked/{number}", now, answer)
