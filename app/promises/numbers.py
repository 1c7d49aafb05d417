"""What if somebody finds out a hidden caller's number? Then it is a callback like any other."""

from datetime import datetime

from sqlalchemy.orm import Session

from app.callers.numbers import to_e164
from app.deployment import Deployment
from app.errors import InvalidField
from app.lines import places
from app.lines.hours import due_at
from app.promises import whose
from app.records.promises import Promise
from app.routing import reading, rules


def learn_number(
    session: Session, promise_id: int, written: str, who: str, now: datetime, deployment: Deployment
) -> Promise:
    """Somebody found out a hidden caller's number. Raises InvalidField as promises.give_number does."""
    promise = session.get_one(Promise, promise_id)
    line = reading.line_of(session, promise.line or "", deployment.defaults)
    country = places.country_of(session, promise.line or "") or deployment.defaults.country
    number = to_e164(written, country)
    if number is None:
        raise InvalidField("number", "write a telephone number, such as 06 12345678 or +31 6 12345678")
    ladder = rules.of_origin(session, promise.origin).ladder
    due = due_at(line.calendar, now, ladder.promise_minutes)
    return whose.give_number(session, promise_id, number, due, who, now)
