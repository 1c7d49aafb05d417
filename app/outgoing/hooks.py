"""Which other systems want to be told, and of what? Subscriptions, and the proof that we wrote."""

import hashlib
import hmac
import ipaddress
import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from urllib.parse import urlsplit

from sqlalchemy import Select, or_, select, update
from sqlalchemy.orm import Session

from app.db import Moment
from app.errors import InvalidField
from app.outgoing import outbox
from app.records.outgoing import Hook, Outbox


class Event(StrEnum):
    CALL_ENDED = "call.ended"
    CONTACT_CREATED = "contact.created"
    PROMISE_MADE = "promise.made"
    PROMISE_KEPT = "promise.kept"
    PROMISE_BROKEN = "promise.broken"
    CASE_OWNER_CHANGED = "case.owner_changed"


SECRET_PREFIX = "rdh_"  # so that people, and scanners of leaked secrets, see what it is
LONGEST_URL = 1000
# One who was not reached is left alone for longer each time, and given up after days without a single answer.
LONGEST_PAUSE = timedelta(minutes=10)
DISABLED_AFTER = timedelta(days=3)


def add(session: Session, url: str, events: Iterable[Event], now: datetime) -> Hook:
    """Tell `url` of these events from now on. Its secret is shown to whoever asks for it this once."""
    hook = Hook(
        url=url,
        secret=SECRET_PREFIX + secrets.token_urlsafe(32),
        events=[str(one) for one in Event if one in set(events)],
        created_at=now,
        failures=0,
        last_result="",
    )
    session.add(hook)
    session.flush()
    return hook


def every(session: Session) -> list[Hook]:
    return list(session.scalars(select(Hook).order_by(Hook.id)))


def remove(session: Session, hook_id: int, now: datetime) -> None:
    """Tell it nothing more. Raises InvalidField when there is none."""
    session.delete(_found(session, hook_id))
    _drop_waiting(session, hook_id, "removed", now)


def enable(session: Session, hook_id: int) -> Hook:
    """Tell it again; what happened meanwhile it has missed. Raises InvalidField when there is none."""
    hook = _found(session, hook_id)
    hook.disabled_at = hook.failing_since = hook.next_at = None
    hook.failures = 0
    return hook


def _found(session: Session, hook_id: int) -> Hook:
    hook = session.get(Hook, hook_id, with_for_update=True)
    if hook is None:
        raise InvalidField("id", f"there is no hook {hook_id}")
    return hook


def _drop_waiting(session: Session, hook_id: int, why: str, now: datetime) -> None:
    session.execute(
        update(Outbox)
        .where(
            Outbox.kind == outbox.CALL_HOOK,
            Outbox.done_at.is_(None),
            Outbox.key.startswith(outbox.keys_of_hook(hook_id)),
        )
        .values(done_at=now, result=why)
        .execution_options(synchronize_session=False)
    )


# --- how reaching one goes ----------------------------------------------------------------------------


def to_tell(now: Moment) -> Select[Hook]:
    """Return those who may be told something now."""
    return select(Hook).where(Hook.disabled_at.is_(None), or_(Hook.next_at.is_(None), Hook.next_at <= now))


def took(session: Session, hook_id: int, result: str) -> None:
    """It took what we told."""
    session.execute(
        update(Hook)
        .where(Hook.id == hook_id)
        .values(failing_since=None, failures=0, next_at=None, last_result=result[:120])
    )


def not_taken(
    session: Session, hook_id: int, result: str, now: datetime, *, hold: bool, gone: bool = False
) -> bool:
    """It took nothing; say whether it is told nothing any more.

    `hold` leaves it alone for a while, longer each time; `gone` is its own wish, HTTP's 410. One who took
    nothing at all for days is given up.
    """
    hook = session.get(Hook, hook_id, with_for_update=True, populate_existing=True)
    if hook is None or hook.disabled_at is not None:
        return True
    hook.failing_since = hook.failing_since or now
    hook.last_result = result[:120]
    if hold:
        hook.failures += 1
        hook.next_at = now + min(timedelta(seconds=2 ** min(hook.failures, 20)), LONGEST_PAUSE)
    if gone or now - hook.failing_since >= DISABLED_AFTER:
        hook.disabled_at = now
        _drop_waiting(session, hook_id, "hook disabled", now)
    return hook.disabled_at is not None


# --- what is sent -------------------------------------------------------------------------------------


def signature(secret: str, at: int, body: bytes) -> str:
    """Return the header that proves who sent this body, and when: `at` is in seconds since 1970."""
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def problem_with(url: str, *, strict: bool) -> str | None:
    """Return what is wrong with an address, as a code of the catalogue; None when it can be tried.

    `strict` is how production wants it: https, and nobody inside our own network. Where a name leads is
    looked at each time that something is sent: see app/jobs/hooks.py.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "not_an_address"
    usable = host and port != 0 and url.isascii() and url.isprintable() and " " not in url
    if not usable or len(url) > LONGEST_URL or parts.scheme not in ("http", "https") or parts.fragment:
        return "not_an_address"
    if parts.username is not None or parts.password is not None:
        return "address_with_password"
    if strict and parts.scheme != "https":
        return "https_needed"
    if strict and not _may_be_outside(str(host)):
        return "address_inside"
    return None


def _may_be_outside(host: str) -> bool:
    try:
        return is_outside(host)
    except ValueError:
        name = host.rstrip(".")
        return not (name in ("localhost", "metadata") or name.endswith((".localhost", ".local", ".internal")))


def is_outside(address: str) -> bool:
    """Tell whether an IP address is one of the public internet. Raises ValueError for what is none."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        # An address of the old kind in the clothes of the new one leads to the same machine.
        for inner in (ip.ipv4_mapped, ip.sixtofour, *(ip.teredo or ())):
            if inner is not None and not is_outside(str(inner)):
                return False
        if ip.ipv4_mapped is not None:
            return True
        if ip not in _GIVEN_OUT:
            return False
    return ip.is_global and not ip.is_multicast and not any(ip in network for network in _OF_THE_HOUSE)


# Of the new kind nothing else has been given out: not those of a site (fec0::/10), nor old ones in other
# clothes (::a.b.c.d, 64:ff9b::/96). https://www.iana.org/assignments/ipv6-address-space
_GIVEN_OUT = ipaddress.IPv6Network("2000::/3")
# Public by their number, and yet inside: a cloud's own services answer there, with secrets of the machine
# (Oracle in the first, Azure at the second); the third are relays into the new kind.
_OF_THE_HOUSE = tuple(
    ipaddress.IPv4Network(network) for network in ("192.0.0.0/24", "168.63.129.16/32", "192.88.99.0/24")
)
