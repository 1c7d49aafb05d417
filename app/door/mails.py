"""Which mails does somebody get about their account? Asked for with what they are about, sent by the worker.

What is asked for holds no link: that is made when the mail leaves, so that none lies anywhere to be read.
"""

import secrets
from datetime import datetime
from enum import StrEnum

from sqlalchemy.orm import Session

from app import bus
from app.agents import desk_events
from app.records.access import AccessKind
from app.records.links import Purpose
from app.records.outgoing import Outbox

SEND_MAIL = "send_mail"  # a kind of the outbox, which lies above this room

# Of what happens with their account somebody gets a mail, unless they did it by that mail.
NEWS = frozenset(
    {
        AccessKind.PASSWORD_CHANGED,
        AccessKind.AUTHENTICATOR_ADDED,
        AccessKind.AUTHENTICATOR_REMOVED,
        AccessKind.PASSKEY_ADDED,
        AccessKind.PASSKEY_REMOVED,
        AccessKind.RECOVERY_CODES_MADE,
        AccessKind.RECOVERY_CODE_USED,
        AccessKind.FACTORS_RESET,
    }
)


class What(StrEnum):
    """What a mail is about; news of the account is `news_` and what happened."""

    RESET = "reset"
    INVITATION = "invitation"


OF_PURPOSE = {Purpose.RESET: What.RESET, Purpose.INVITATION: What.INVITATION}

_can_send = False


def bind(can_send: bool) -> None:
    """Let this process ask for mails, or not: where there is no server nobody would ever send them."""
    global _can_send
    _can_send = can_send


def can_send() -> bool:
    return _can_send


def ask_for_link(session: Session, email: str, purpose: Purpose, now: datetime) -> None:
    """Ask for a mail with a link to choose a password. Whether there is such an account is seen later.

    So whoever asks for a stranger's can't tell from how long it takes.
    """
    _ask(session, OF_PURPOSE[purpose], email, "", now)


def tell(session: Session, kind: AccessKind, email: str, about: str, now: datetime) -> None:
    """Ask for a mail about what happened with somebody's account, if it is worth one."""
    if _can_send and kind in NEWS:
        _ask(session, f"news_{kind}", email, about, now)


def _ask(session: Session, what: str, email: str, about: str, now: datetime) -> None:
    payload = {"what": what, "email": email[:254], "about": about, "at": now.isoformat()}
    session.add(
        Outbox(
            kind=SEND_MAIL,
            key=f"mail/{secrets.token_hex(16)}",
            payload=payload,
            created_at=now,
            next_at=now,
            attempts=0,
        )
    )
    desk_events.ring_after_commit(session, bus.WORKERS, "outbox")
