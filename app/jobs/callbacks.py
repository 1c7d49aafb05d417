"""Which promises are to be kept now? Works them off, has telephones ring, and asks when news is late.

The rows say what is due, so any of these may run twice at once, die in between, or come late.
"""

import logging
from datetime import datetime, timedelta

from sqlalchemy.exc import IntegrityError

from app import db
from app.callbacks import agent_leg, due, late_news, placing
from app.carrier.rest import Carrier, CarrierCall
from app.carrier.words import CARRIER_SAYS_ENDED
from app.clock import utcnow
from app.deployment import Deployment
from app.errors import CarrierError
from app.outgoing import outbox
from app.records.calls import Call
from app.records.legs import CallLeg
from app.voice import legs, placed, went_on

log = logging.getLogger(__name__)

AT_ONCE = 50  # promises that one look works off
# The carrier's clock and ours may differ a little, and it counts in whole seconds.
CLOCKS_DIFFER = timedelta(seconds=5)


def work_off(deployment: Deployment, now: datetime) -> int:
    """Take every promise that is due as far as it can go; return how many callbacks begin."""
    with db.reading() as session:
        promises = session.scalars(due.due(now).limit(AT_ONCE)).all()
    begun = 0
    for promise in promises:
        try:
            with db.transaction() as session:
                begun += due.work_off(session, promise, now, deployment) is not None
        except IntegrityError:
            # Another worker was quicker by a moment: its callback serves.
            log.info("promise is being worked off elsewhere", extra={"promise": promise})
    return begun


def place(carrier: Carrier, deployment: Deployment, call_sid: str) -> str:
    """Ask the carrier to ring the agent of a callback; return what came of it. Safe to repeat.

    After an unclear answer the carrier is asked what it did before it is asked again. Raises CarrierError
    when it is unclear now.
    """
    with db.transaction() as session:
        wanted = placing.to_place(session, call_sid, utcnow(), deployment)
    if wanted is None:
        return "no longer wanted"
    leg_sid = None
    if wanted.asked_at is not None:
        found = carrier.calls_to(wanted.address, wanted.asked_at - CLOCKS_DIFFER)
        leg_sid = found[0].sid if found else None
    try:
        leg_sid = leg_sid or carrier.place_call(
            to=wanted.address,
            from_=wanted.line,
            url=agent_leg.address(deployment.public_url, call_sid, "picked-up"),
            status_url=agent_leg.address(deployment.public_url, call_sid, "agent"),
            ring_seconds=wanted.ring_seconds,
        )
    except CarrierError as error:
        if error.status is None or error.status >= 500 or error.status == 429:
            raise
        log.warning("carrier refused a callback", extra={"call_sid": call_sid, "code": error.code})
        with db.transaction() as session:
            placing.refused(session, call_sid, utcnow())
        return f"refused {error.code}"
    with db.transaction() as session:
        placing.placed(session, call_sid, leg_sid, utcnow())
    return leg_sid


def send_on(carrier: Carrier, deployment: Deployment, call_sid: str) -> str:
    """Have the customer of a callback go on whom all of ours have left; return what came of it.

    Raises CarrierError.
    """
    with db.reading() as session:
        call = session.get(Call, call_sid)
        customer = session.get(CallLeg, (call_sid, legs.CUSTOMER))
    if call is None or customer is None or customer.sid is None or not went_on.is_to(call, customer):
        return "went on by itself"
    carrier.redirect_call(customer.sid, agent_leg.address(deployment.public_url, call_sid, "goes-on"))
    return outbox.REDIRECTED


def reconcile(carrier: Carrier, deployment: Deployment, now: datetime) -> int:
    """Ask the carrier about callbacks of which news should have come; return how many were looked up."""
    with db.reading() as session:
        overdue = late_news.overdue(session, now)
    for one in overdue:
        _look_up(one, carrier, deployment, now)
    return len(overdue)


def look_up(call_sid: str, carrier: Carrier, deployment: Deployment, now: datetime) -> None:
    """Ask the carrier about a callback, whether or not news of it is late."""
    with db.reading() as session:
        one = late_news.of(session, call_sid)
    if one is not None:
        _look_up(one, carrier, deployment, now)


def _look_up(one: late_news.Overdue, carrier: Carrier, deployment: Deployment, now: datetime) -> None:
    try:
        standing = _standing(carrier, one)
    except CarrierError as error:
        log.warning(
            "carrier was asked about a callback and did not answer",
            extra={"call_sid": one.call_sid, "code": error.code},
        )
        standing = late_news.Standing(answered=False)
    with db.transaction() as session:
        placed.stands(session, one.call_sid, standing, now, deployment)


def _standing(carrier: Carrier, one: late_news.Overdue) -> late_news.Standing:
    agent = _agent_leg(carrier, one)
    return late_news.Standing(answered=True, agent=agent, customer=_customer_leg(carrier, one, agent))


def _customer_leg(carrier: Carrier, one: late_news.Overdue, agent: CarrierCall | None) -> CarrierCall | None:
    if one.customer_leg is not None and (found := _if_known(carrier, one.customer_leg)) is not None:
        return found
    legs = carrier.legs_of(agent.sid) if agent is not None else []
    # Whoever still rings or talks says more than what is over.
    live = [leg for leg in legs if leg.status not in CARRIER_SAYS_ENDED]
    return next(iter(live or legs), None)


def _agent_leg(carrier: Carrier, one: late_news.Overdue) -> CarrierCall | None:
    if one.agent_leg is not None:
        return _if_known(carrier, one.agent_leg)
    if one.asked_at is None:
        return None
    return next(iter(carrier.calls_to(one.address, one.asked_at - CLOCKS_DIFFER)), None)


def _if_known(carrier: Carrier, sid: str) -> CarrierCall | None:
    try:
        return carrier.call(sid)
    except CarrierError as error:
        if error.status != 404:
            raise
        return None
