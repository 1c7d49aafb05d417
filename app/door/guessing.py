"""Who guesses passwords, and who only mistypes? Attempts are counted and slowed down; nobody is locked out.

A browser in which somebody signed in before is known by a signed cookie, and is judged by its own mistakes
alone: however many guess from however many places, they go on. All other browsers share what is left of the
patience with that account. https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies
"""

import hashlib
import hmac
import ipaddress
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from itsdangerous import BadData, URLSafeTimedSerializer
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from app.records.agents import SignInAttempt

REMEMBERED = timedelta(hours=1)  # refused attempts
# One person at one place: five mistakes are human. A whole office behind one address makes more. And from
# everywhere together nobody mistypes twenty times an hour: NIST SP 800-63B allows a hundred in a row.
FREE_FOR_ACCOUNT, FIRST_WAIT_FOR_ACCOUNT, LONGEST_WAIT_FOR_ACCOUNT = 5, 15, 900
FREE_FOR_ADDRESS, FIRST_WAIT_FOR_ADDRESS, LONGEST_WAIT_FOR_ADDRESS = 50, 5, 300
FREE_EVERYWHERE, FIRST_WAIT_EVERYWHERE, LONGEST_WAIT_EVERYWHERE = 20, 30, 900
# Free in an hour, then first and longest wait: whoever asks for a mail has it, and needs no second one.
MAILS_TO_ONE = (3, 900, 3600)
MAILS_FROM_ONE = (20, 60, 900)

DEVICE_FOR = timedelta(days=400)  # browsers keep no cookie for longer
PEOPLE_ON_DEVICE = 8

# Codes that are read aloud on the telephone: six characters, mistyped now and then. From everywhere together
# so few that whoever tries for a year finds none; see docs/security.md.
CODES_FROM_ONE = (10, 30, 900)
CODES_EVERYWHERE = (200, 60, 600)


@dataclass(frozen=True)
class Bound:
    """How often something may go wrong before one waits, and how long."""

    subject: str  # a keyed hash: not readable in the table
    free: int
    first: int  # seconds, twice as many each time
    longest: int
    is_ones_own: bool  # forgotten when the right password comes; others' mistakes stay

    @classmethod
    def of_account(cls, subject: str) -> "Bound":
        return cls(subject, FREE_FOR_ACCOUNT, FIRST_WAIT_FOR_ACCOUNT, LONGEST_WAIT_FOR_ACCOUNT, True)


@dataclass(frozen=True)
class Throttle:
    """What an attempt counts against."""

    account: str  # held while it is counted, so that many at once can't all slip through
    bounds: tuple[Bound, ...]
    is_known: bool = False

    @classmethod
    def of(
        cls, email: str, address: str, key: str, device: "Device | None" = None, *, what: str = ""
    ) -> "Throttle":
        """Return it for this account, address and browser; `what` else than a password is guessed."""
        key = f"{key} {what}" if what else key
        account = _keyed(key, f"everywhere {email}")
        if device is not None and device.knows(email):
            return cls(account, (Bound.of_account(_keyed(key, f"device {device.id} {email}")),), True)
        network = _network(address)
        return cls(
            account,
            (
                Bound.of_account(_keyed(key, f"account {network} {email}")),
                Bound(
                    _keyed(key, f"address {network}"),
                    FREE_FOR_ADDRESS,
                    FIRST_WAIT_FOR_ADDRESS,
                    LONGEST_WAIT_FOR_ADDRESS,
                    False,
                ),
                Bound(account, FREE_EVERYWHERE, FIRST_WAIT_EVERYWHERE, LONGEST_WAIT_EVERYWHERE, False),
            ),
        )

    @classmethod
    def of_mails(cls, email: str, address: str, key: str) -> "Throttle":
        """Return it for asking us to mail somebody, which each time is one too many for who didn't ask."""
        account = _keyed(key, f"mails to {email}")
        network = _keyed(key, f"mails from {_network(address)}")
        return cls(
            account,
            (Bound(account, *MAILS_TO_ONE, False), Bound(network, *MAILS_FROM_ONE, False)),
            is_known=True,
        )

    @classmethod
    def of_codes(cls, address: str, key: str) -> "Throttle":
        """Return it for typing a code that an agent read aloud; the last of its bounds is everybody's."""
        everywhere = _keyed(key, "codes from everywhere")
        network = _keyed(key, f"codes from {_network(address)}")
        bounds = (Bound(network, *CODES_FROM_ONE, False), Bound(everywhere, *CODES_EVERYWHERE, False))
        return cls(everywhere, bounds)


def _network(address: str) -> str:
    """Return the address; for IPv6 its /64, since one visitor has all of that."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "unknown"
    if parsed.version == 6:
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)


def _keyed(key: str, text: str) -> str:
    return hmac.new(key.encode(), f"sign-in {text}".encode(), hashlib.sha256).hexdigest()


def register_attempt(db: Session, throttle: Throttle, now: datetime) -> int:
    """Count an attempt before it is judged; return 0, or the seconds to wait when it may not be made yet.

    Counted first, so that many at once can't all slip through; `forgive` takes it back when it was right.
    """
    if db.get_bind().dialect.name == "postgresql":
        # One at a time for each account; SQLite has one writer anyway.
        db.execute(select(func.pg_advisory_xact_lock(int(throttle.account[:15], 16))))
    wait = max(_wait(db, bound, now) for bound in throttle.bounds)
    if wait == 0:
        db.add_all(SignInAttempt(subject=bound.subject, at=now) for bound in throttle.bounds)
        db.execute(delete(SignInAttempt).where(SignInAttempt.at < now - REMEMBERED))
    return wait


def mistakes(db: Session, bound: Bound, now: datetime) -> int:
    """Return how often it went wrong within the last hour."""
    counted = select(func.count()).where(
        SignInAttempt.subject == bound.subject, SignInAttempt.at > now - REMEMBERED
    )
    return db.scalar(counted) or 0


def _wait(db: Session, bound: Bound, now: datetime) -> int:
    refused, last = db.execute(
        select(func.count(), func.max(SignInAttempt.at)).where(
            SignInAttempt.subject == bound.subject, SignInAttempt.at > now - REMEMBERED
        )
    ).one()
    if refused < bound.free:
        return 0
    pause = min(bound.longest, bound.first * 2 ** min(refused - bound.free, 20))
    until = last + timedelta(seconds=pause)
    return max(0, -int((now - until).total_seconds() // 1)) if until > now else 0


def forgive(db: Session, throttle: Throttle) -> None:
    """Forget one's own mistakes, and this one attempt wherever others are counted too."""
    for bound in throttle.bounds:
        counted = delete(SignInAttempt).where(SignInAttempt.subject == bound.subject)
        if not bound.is_ones_own:
            newest = select(func.max(SignInAttempt.id)).where(SignInAttempt.subject == bound.subject)
            counted = counted.where(SignInAttempt.id == newest.scalar_subquery())
        db.execute(counted)


# --- browsers that are known -------------------------------------------------------------------------


@dataclass(frozen=True)
class Device:
    """A browser, and who signed in with it before; not a proof of anything else."""

    id: str
    people: tuple[str, ...]

    def knows(self, email: str) -> bool:
        return _mark(email) in self.people

    def with_(self, email: str) -> "Device":
        others = [one for one in self.people if one != _mark(email)]
        return Device(self.id, (*others, _mark(email))[-PEOPLE_ON_DEVICE:])


def new_device() -> Device:
    return Device(secrets.token_urlsafe(16), ())


def device_from(cookie: str, keys: Sequence[str]) -> Device | None:
    """Read the cookie of a browser; None for one that we didn't make."""
    try:
        said = _signer(keys).loads(cookie, max_age=int(DEVICE_FOR.total_seconds()))
        return Device(str(said["id"]), tuple(map(str, said["people"])))
    except (BadData, KeyError, TypeError):
        return None


def cookie_for(device: Device, keys: Sequence[str]) -> str:
    """Return what the browser keeps; `keys` are those that sign, the newest last."""
    return str(_signer(keys).dumps({"id": device.id, "people": list(device.people)}))


def _signer(keys: Sequence[str]) -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(list(keys), salt="device")


def _mark(email: str) -> str:
    return hashlib.sha256(email.encode()).hexdigest()[:16]
