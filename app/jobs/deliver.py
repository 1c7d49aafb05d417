"""What must leave for the carrier? Takes rows of the outbox and delivers them; safe when several do it."""

import logging
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app import db
from app.carrier.rest import FOR_GOOD, Carrier, with_parameters
from app.carrier.twiml import Addresses
from app.carrier.words import CARRIER_SAYS_ENDED
from app.clock import utcnow
from app.deployment import Deployment
from app.errors import CarrierError
from app.jobs import callbacks, sweep
from app.messages import messages
from app.outgoing import outbox
from app.promises import links
from app.records.calls import Call, CallState, CallStep, StepKind
from app.voice import afterwards, ring_tests
from app.voice.steps import RING_KINDS

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Delivery:
    row_id: int
    kind: str
    payload: dict[str, Any]


def deliver_due(carrier: Carrier, deployment: Deployment, kind: str, now: datetime) -> int:
    """Deliver what is due of one kind; return how many were tried. No transaction waits for the carrier."""
    with db.reading() as session:
        if not outbox.is_due(session, kind, now):
            return 0
    with db.transaction() as session:
        taken = [Delivery(row.id, row.kind, row.payload) for row in outbox.take_due(session, kind, now)]
    for delivery in taken:
        try:
            result = _deliver(carrier, deployment, delivery)
        except CarrierError as error:
            log.warning("delivery put off", extra={"row": delivery.row_id, "code": error.code})
            with db.transaction() as session:
                is_over = outbox.failed(
                    session, delivery.row_id, f"error {error.code}", now, for_good=error.code in FOR_GOOD
                )
                if is_over and delivery.kind == outbox.SEND_MESSAGE:
                    messages.refused(session, delivery.payload["message"], error.code, now)
            if delivery.kind == outbox.REDIRECT_CALL and error.code in FOR_GOOD:
                # Refused because the caller has hung up, most likely, and the news of it was lost.
                sweep.look_up(delivery.payload["call_sid"], carrier, deployment, now)
            continue
        except Exception:
            # What can't be delivered must not keep what was taken along with it.
            log.exception("delivery failed", extra={"row": delivery.row_id})
            with db.transaction() as session:
                outbox.failed(session, delivery.row_id, "failed", now, for_good=False)
            continue
        with db.transaction() as session:
            outbox.delivered(session, delivery.row_id, result, now)
    return len(taken)


def _deliver(carrier: Carrier, deployment: Deployment, delivery: Delivery) -> str:
    payload, public_url = delivery.payload, deployment.public_url
    match delivery.kind:
        case outbox.REDIRECT_CALL:
            sid = payload["call_sid"]
            if not _is_still_to_be_sent_on(sid, payload["step"]) or _talks(carrier, sid, payload["step"]):
                return "went on by itself"
            carrier.redirect_call(sid, Addresses(public_url, sid, payload["step"]).of())
            return "redirected"
        case outbox.END_LEG:
            # A callback's ring is ended whoever has picked it up: its customer isn't there yet.
            if "step" in payload and _desk_talks(carrier, payload["call_sid"], payload["step"]):
                return "was picked up"
            _end_legs(carrier, payload)
            return "ended"
        case outbox.PLACE_CALLBACK:
            return callbacks.place(carrier, deployment, payload["call_sid"])
        case outbox.RING_TEST:
            return _ring_test(carrier, public_url, payload)
        case outbox.SEND_MESSAGE:
            return _send_message(carrier, deployment, payload["message"])
        case unknown:
            raise ValueError(f"nothing delivers {unknown}")


def _send_message(carrier: Carrier, deployment: Deployment, sid: str) -> str:
    with db.transaction() as session:
        asked = messages.to_send(session, sid, utcnow())
    if asked is None:
        return "no need to send it"
    body, public_url = asked.body, deployment.public_url
    if deployment.link_key and asked.promise is not None:
        body += "\n" + links.to_promise(public_url, deployment.link_key, asked.promise)
    carrier_sid = carrier.send_message(
        to=asked.to,
        from_=asked.from_,
        body=body,
        # News may be quicker than this answer, so it names the message as we do.
        status_url=f"{public_url}/messages/status?message={sid}",
    )
    with db.transaction() as session:
        messages.sent(session, sid, carrier_sid, body)
    return carrier_sid


def _ring_test(carrier: Carrier, public_url: str, payload: dict[str, Any]) -> str:
    """Ring an agent's own desk; refused is an answer, too."""
    agent, sid = payload["agent"], payload["sid"]
    try:
        return carrier.place_call(
            to=with_parameters(f"client:{agent}", {"test": "1", "call_sid": sid}),
            from_=payload["line"],
            url=ring_tests.address(public_url, agent, sid, "picked-up"),
            status_url=ring_tests.address(public_url, agent, sid, "status"),
            ring_seconds=ring_tests.RING_SECONDS,
        )
    except CarrierError as error:
        with db.transaction() as session:
            ring_tests.is_over(session, agent, sid, utcnow())
        return f"refused {error.code}"


def _end_legs(carrier: Carrier, payload: dict[str, Any]) -> None:
    """Stop a telephone that rings; where several ring for a call, all of them."""
    if "leg_sid" in payload:
        carrier.end_call(payload["leg_sid"])
        return
    for leg in carrier.legs_of(payload["call_sid"]):
        if leg.status not in CARRIER_SAYS_ENDED:
            with suppress(CarrierError):  # over meanwhile: what was wanted
                carrier.end_call(leg.sid)


def _is_still_to_be_sent_on(sid: str, number: int) -> bool:
    """Tell whether a call has not yet begun with the step that it is to be sent on to.

    A worker that died may leave a redirect to the next one: sent half a minute late it would break off the
    conversation that the step has come to.
    """
    with db.reading() as session:
        call = session.get(Call, sid)
        step = session.get(CallStep, (sid, number))
    if call is None or step is None or call.step != number:
        return False
    return call.state not in (CallState.TALKING, CallState.ENDED) and step.leg_sid is None


def _talks(carrier: Carrier, sid: str, number: int) -> bool:
    """Tell whether a caller who waited, or whose ring was left, was put through by now.

    What is known of that may lie on a disk still, perhaps another machine's; sent on, they would be cut off.
    """
    with db.reading() as session:
        before = session.get(CallStep, (sid, number - 1))
    if before is None:
        return False
    if before.kind in RING_KINDS:
        return _desk_talks(carrier, sid, before.number)
    if before.kind != StepKind.WAIT:
        return False
    try:
        return any(leg.status == "in-progress" for leg in carrier.legs_of(sid))
    except CarrierError:
        return False  # whoever waits is not to wait for the answer


def _desk_talks(carrier: Carrier, sid: str, number: int) -> bool:
    """Tell whether the desk of a ring that was left has answered; if so, write down that they talk.

    Raises CarrierError while it can't be asked: who may be talking is not cut off, and a ring ends by itself.
    """
    with db.reading() as session:
        step = session.get(CallStep, (sid, number))
    if step is None or step.agent is None:
        return False
    try:
        talks = sweep.desk_talks(carrier, sid, step.agent)
    except CarrierError as error:
        if error.status != 404:
            raise
        talks = False  # it knows of no such call
    if not talks:
        return False
    with db.transaction() as session:
        afterwards.picked_up_after_all(session, sid, number, utcnow())
    return True
