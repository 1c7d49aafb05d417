"""From which of our numbers does a text leave? Many lines can't send any: another of ours does it for them.

What the carrier refuses for the sake of the sender, or of a whole country, is the operator's to mend, not
each agent's to see: it is kept here, `doctor` tells it once, and it is tried again after a day.
"""

import logging
from datetime import datetime, timedelta

import phonenumbers
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.records.lines import Line
from app.records.messages import TextRefusal

log = logging.getLogger(__name__)

# https://www.twilio.com/docs/api/errors: this number can't send, to nobody or not to there. Since 2024 21606
# is told apart: 21659 no number of the carrier's, 21660 not of this account, 21661 can't send SMS.
CANT_SEND = frozenset({21212, 21606, 21659, 21660, 21661})
# Not between these two: another sender may do.
NOT_BETWEEN = 21612
# The account may not write to this country until the operator allows it in the carrier's console.
COUNTRY_NOT_ALLOWED = 21408
ANOTHER_MAY = CANT_SEND | {NOT_BETWEEN}
# All of them, when nothing else is left: one warning for the operator.
FOR_THE_OPERATOR = CANT_SEND | {COUNTRY_NOT_ALLOWED}
# Then it is tried once more: the carrier says nothing when somebody has mended it.
REMEMBERED_FOR = timedelta(days=1)
# So many senders are tried for one message; those that refuse it are left out for the next.
MOST_SENDERS = 5

_set_sender: str | None = None


def bind(text_sender: str | None) -> None:
    """Say once, when a process starts, which number sends for lines that can't (TEXT_SENDER)."""
    global _set_sender
    _set_sender = text_sender


def senders(session: Session, line: str, now: datetime) -> list[str]:
    """Return the numbers from which a message of this line may leave, the best first.

    Its own; the one that is set; other lines, those of its team first. Those that are known not to send are
    left out; where that leaves none, one of them is asked again.
    """
    team = session.scalar(select(Line.team).where(Line.number == line))
    others = select(Line.number).order_by(Line.team != (team or ""), Line.number)
    found = [line, *([_set_sender] if _set_sender else ()), *session.scalars(others.limit(100))]
    silent = known(session, now)
    able = [one for one in dict.fromkeys(found) if _from(one) not in silent]
    return able[:MOST_SENDERS] or [found[0]]


def refused(session: Session, sender: str, to: str, code: int | None, now: datetime) -> None:
    """The carrier refused a text; what is the operator's to mend is kept, and logged when it is new."""
    if code in CANT_SEND:
        what = _from(sender)
    elif code == COUNTRY_NOT_ALLOWED:
        what = f"to:{country_of(to)}"
    else:
        return
    row = session.get(TextRefusal, what, with_for_update=True)
    if row is None:
        log.error("texts are refused; see doctor", extra={"what": masked(what), "code": code})
        session.add(TextRefusal(what=what, error=int(code or 0), at=now))
    else:
        row.error, row.at = int(code or 0), now


def taken(session: Session, sender: str, to: str) -> None:
    """The carrier took a text: what was refused before has been mended."""
    for what in (_from(sender), f"to:{country_of(to)}"):
        if (row := session.get(TextRefusal, what)) is not None:
            session.delete(row)


def known(session: Session, now: datetime) -> dict[str, int]:
    """Return what the carrier refuses, and its error: `from:+31…` is one of ours, `to:+372` a country."""
    rows = session.execute(
        select(TextRefusal.what, TextRefusal.error).where(TextRefusal.at > now - REMEMBERED_FOR)
    )
    return dict(rows.all())


def silent_lines(session: Session, now: datetime) -> tuple[list[str], bool]:
    """Return the lines that can't send texts, and whether anything of ours can."""
    refusals = known(session, now)
    lines = session.scalars(select(Line.number).order_by(Line.number)).all()
    silent = [number for number in lines if _from(number) in refusals]
    set_one_can = _set_sender is not None and _from(_set_sender) not in refusals
    return silent, set_one_can or len(silent) < len(lines)


def country_of(number: str) -> str:
    """Return the calling code with its plus: what the carrier's permission is about."""
    try:
        return f"+{phonenumbers.parse(number).country_code}"
    except phonenumbers.NumberParseException:
        return number[:3]


def masked(what: str) -> str:
    """Return it as a log may hold it."""
    return f"{what[:8]}…{what[-2:]}" if what.startswith("from:") else what


def _from(number: str) -> str:
    return f"from:{number}"
