"""What happened at the door? Kept for whom it concerns and for who looks into it later, and told to the log.

The log names nobody: an account is a keyless hash there, enough to see that it is the same one.
"""

import hashlib
import ipaddress
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.audit import log as audit
from app.audit.log import Actor
from app.door import mails
from app.records.access import AccessEvent, AccessKind
from app.records.audit import Via

log = logging.getLogger(__name__)

SHOWN = 20
# Whoever is slowed down tries on: once in so long says as much as each time.
SAME_NEWS = timedelta(minutes=10)


@dataclass(frozen=True)
class Place:
    """From where somebody came, no closer than their own memory needs."""

    browser: str = ""
    network: str = ""

    @classmethod
    def of(cls, browser: str, address: str) -> "Place":
        return cls(browser[:80], network_of(address))


COMMAND = Place()
# Who isn't let in has done nothing here, and there may be thousands of them in a night.
_NOT_IN = frozenset({AccessKind.REFUSED, AccessKind.SLOWED_DOWN})


def network_of(address: str) -> str:
    """Return the network that the address is in, by a /24 or a /48; nothing for what is no address."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return ""
    width = 24 if parsed.version == 4 else 48
    return str(ipaddress.ip_network((parsed, width), strict=False).network_address)


def note(
    session: Session,
    kind: AccessKind,
    email: str | None,
    now: datetime,
    place: Place,
    *,
    about: str = "",
    by: Actor | None = None,
) -> None:
    """Write down what happened; `email` is that of an account that there is, None for any other.

    For the person themselves and, where somebody did something, in the audit log; `by` is who, where it isn't
    whose account it is.
    """
    if kind == AccessKind.SLOWED_DOWN and _is_noted(session, email, now):
        return
    session.add(
        AccessEvent(
            at=now, kind=kind, email=email, about=about[:120], browser=place.browser, network=place.network
        )
    )
    if kind not in _NOT_IN:
        whose = [audit.user(email)] if email else []
        audit.record(session, by or Actor(email or "", Via.PAGE), kind, now, *whose, about=about or None)
    if email is not None:
        mails.tell(session, kind, email, about, now)
    log.info("at the door", extra={"kind": str(kind), "account": _unnamed(email)})


def _is_noted(session: Session, email: str | None, now: datetime) -> bool:
    noted = select(AccessEvent.id).where(
        AccessEvent.email == email,
        AccessEvent.kind == AccessKind.SLOWED_DOWN,
        AccessEvent.at > now - SAME_NEWS,
    )
    return email is None or session.scalar(noted.limit(1)) is not None


def recent(session: Session, email: str) -> Sequence[AccessEvent]:
    """Return what last happened with somebody's account, newest first."""
    rows = session.scalars(
        select(AccessEvent)
        .where(AccessEvent.email == email)
        .order_by(AccessEvent.at.desc(), AccessEvent.id.desc())
        .limit(SHOWN)
    )
    return rows.all()


def _unnamed(email: str | None) -> str:
    return hashlib.sha256(email.encode()).hexdigest()[:12] if email else ""
