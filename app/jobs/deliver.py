"""What must leave for the carrier? Takes rows of the outbox and delivers them; safe when several do it."""

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy.orm import Session

from app import db
from app.carrier.rest import FOR_GOOD, Carrier, with_parameters
from app.carrier.twiml import Addresses
from app.carrier.words import CARRIER_SAYS_ENDED
from app.clock import Clock, going_on_from, utcnow
from app.deployment import Deployment
from app.errors import CarrierError
from app.forgetting import copies
from app.jobs import callbacks, in_hand, protecting, sweep
from app.messages import letters, messages, senders
from app.outgoing import outbox
from app.outgoing.outbox import Taken
from app.promises import attempts, links
from app.records.calls import Call, CallState, CallStep, StepKind
from app.records.messages import Message
from app.voice import afterwards, ring_tests
from app.voice.steps import RING_KINDS

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Answer:
    """What came of asking for one row; `note` writes down what is to be known of it, along with the row."""

    result: str
    note: Callable[[Session], object] = lambda session: None


def deliver_due(
    carrier: Carrier,
    deployment: Deployment,
    kind: str,
    now: datetime,
    *,
    left_over: bool = True,
    stopped: Callable[[], bool] = lambda: False,
) -> int:
    """Deliver what is due of one kind, one by one; return how many were tried.

    Each is held as long as its request takes, and no transaction waits for the carrier. `left_over`: see
    outbox.take. Nothing more is begun once we are `stopped`.
    """
    clock, tried = going_on_from(now), 0
    with db.reading() as session:
        if session.scalar(outbox.due(kind, now).limit(1)) is None:
            return 0
    while not stopped():
        with db.transaction() as session:
            taken = outbox.take(session, kind, clock(), left_over=left_over)
        if taken is None:
            break
        _deliver(carrier, deployment, taken, clock)
        tried += 1
    return tried


def _deliver(carrier: Carrier, deployment: Deployment, taken: Taken, clock: Clock) -> None:
    """Ask for one row, and write down what came of it, along with what it is about: all or nothing."""
    code = None
    try:
        with in_hand.held(partial(outbox.hold, taken)):
            answer = _ask(carrier, deployment, taken)
    except CarrierError as error:
        log.warning("delivery put off", extra={"row": taken.row_id, "code": error.code})
        code, result = error.code, f"error {error.code}"
    except db.OUT_OF_REACH:
        # It isn't known whether there is a need: that is no attempt.
        log.warning("delivery given back", extra={"row": taken.row_id})
        in_hand.written(lambda session: outbox.give_back(session, taken, clock()))
        return
    except Exception:
        # What can't be delivered must not keep what is due besides.
        log.exception("delivery failed", extra={"row": taken.row_id})
        result = "failed"
    else:
        _write_down(taken, answer, clock)
        return
    in_hand.written(lambda session: _is_not_delivered(session, taken, result, code, clock()))
    if taken.kind == outbox.REDIRECT_CALL and code in FOR_GOOD:
        # Refused because the caller has hung up, most likely, and the news of it was lost.
        sweep.look_up(taken.payload["call_sid"], carrier, deployment, clock())


def _write_down(taken: Taken, answer: Answer, clock: Clock) -> None:
    try:
        in_hand.written(lambda session: _is_delivered(session, taken, answer, clock()))
    except Exception:
        # It has left, and nobody is to be told twice: the carrier's own news will say how far it came.
        log.exception("what came of a delivery could not be noted", extra={"row": taken.row_id})
        in_hand.written(lambda session: outbox.delivered(session, taken, answer.result, clock()))


def _is_delivered(session: Session, taken: Taken, answer: Answer, now: datetime) -> None:
    outbox.delivered(session, taken, answer.result, now)
    answer.note(session)


def _is_not_delivered(session: Session, taken: Taken, result: str, code: int | None, now: datetime) -> None:
    """It is tried again later; when that is the end, whoever waits for it is told, whatever the reason."""
    if not outbox.failed(session, taken, result, now, for_good=code in FOR_GOOD):
        return
    payload = taken.payload
    match taken.kind:
        case outbox.SEND_MESSAGE:
            messages.refused(session, str(payload.get("message")), code, now)
        case outbox.RING_TEST:
            ring_tests.is_over(session, payload["agent"], payload["sid"], now)
        case _:
            pass  # the carrier is asked how the call stands (jobs/sweep.py, jobs/callbacks.py)


def _ask(carrier: Carrier, deployment: Deployment, taken: Taken) -> Answer:
    payload, public_url = taken.payload, deployment.public_url
    match taken.kind:
        case outbox.REDIRECT_CALL:
            sid = payload["call_sid"]
            if attempts.is_callback(sid):
                return Answer(callbacks.send_on(carrier, deployment, sid))
            if not _is_still_to_be_sent_on(sid, payload["step"]) or _talks(carrier, sid, payload["step"]):
                return Answer("went on by itself")
            carrier.redirect_call(sid, Addresses(public_url, sid, payload["step"]).of())
            return Answer(outbox.REDIRECTED)
        case outbox.END_LEG:
            # A callback's ring is ended whoever has picked it up: its customer isn't there yet.
            if "step" in payload and _desk_talks(carrier, payload["call_sid"], payload["step"]):
                return Answer("was picked up")
            _end_legs(carrier, payload)
            return Answer("ended")
        case outbox.PLACE_CALLBACK:
            return Answer(callbacks.place(carrier, deployment, payload["call_sid"]))
        case outbox.RING_TEST:
            return Answer(_ring_test(carrier, public_url, payload))
        case outbox.SAY_WARNING:
            return Answer(protecting.warn(carrier, public_url, payload["call_sid"]))
        case outbox.END_POLITELY:
            return Answer(protecting.end_politely(carrier, public_url, payload["call_sid"]))
        case outbox.SEND_MESSAGE:
            return _send_message(carrier, deployment, payload["message"])
        case outbox.CARRIER_COPY:
            carrier.delete_copy(payload["sid"])
            return Answer("deleted")
        case unknown:
            raise ValueError(f"nothing delivers {unknown}")


def _send_message(carrier: Carrier, deployment: Deployment, sid: str) -> Answer:
    with db.transaction() as session:
        asked = messages.to_send(session, sid, utcnow())
    if asked is None:
        return Answer("no need to send it")
    body, public_url = letters.from_us(asked.body, deployment.organisation), deployment.public_url
    if not asked.to.startswith(messages.WHATSAPP):
        body = letters.for_sms(body)
    if deployment.link_key and asked.promise is not None:
        body += "\n" + links.to_promise(public_url, deployment.link_key, asked.promise)
    for sender in asked.senders:
        try:
            carrier_sid = carrier.send_message(
                to=asked.to,
                from_=sender,
                body=body,
                # News may be quicker than this answer, so it names the message as we do.
                status_url=f"{public_url}/messages/status?message={sid}",
            )
        except CarrierError as error:
            with db.transaction() as session:
                senders.refused(session, sender, asked.to, error.code, utcnow())
            # Another may; but what was refused for any other reason is refused whoever sends it.
            if sender == asked.senders[-1] or error.code not in senders.ANOTHER_MAY:
                raise
        else:
            return Answer(carrier_sid, partial(_is_sent, sid, carrier_sid, body, sender, asked.to))
    raise AssertionError("there is a sender, if only one that is refused")


def _is_sent(sid: str, carrier_sid: str, body: str, sender: str, to: str, session: Session) -> None:
    if session.get(Message, sid) is None:
        # Whom it was for was forgotten while it left.
        copies.ask(session, [carrier_sid], utcnow())
        return
    messages.sent(session, sid, carrier_sid, body)
    senders.taken(session, sender, to)


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
