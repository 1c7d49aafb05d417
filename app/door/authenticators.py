"""Which code does somebody's authenticator app show now? TOTP, RFC 6238: six figures, a new one each 30 s."""

import hmac
from collections.abc import Sequence
from datetime import datetime

import pyotp
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from app.door import sealing
from app.records.factors import Authenticator

STEP_SECONDS = 30
# A telephone's clock may be a bit off, and a person takes a moment: one step before, and one after.
STEPS_OFF = 1
DIGITS = 6


def new_secret() -> str:
    """Return a secret for an app, in base32: 160 random bits, as RFC 4226 asks for."""
    return pyotp.random_base32()


def address_of(secret: str, email: str, issuer: str) -> str:
    """Return the otpauth:// address that an app takes from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=issuer)


def in_groups(secret: str) -> str:
    """Return the secret as somebody types it over: in groups of four."""
    return " ".join(secret[start : start + 4] for start in range(0, len(secret), 4))


def step_of(secret: str, code: str, now: datetime) -> int | None:
    """Return for which step this is the code, of those that count now; None when for none."""
    typed = "".join(code.split())
    if len(typed) != DIGITS or not (typed.isascii() and typed.isdigit()):
        return None
    current = int(now.timestamp()) // STEP_SECONDS
    totp = pyotp.TOTP(secret)
    fits = [
        step
        for step in range(current - STEPS_OFF, current + STEPS_OFF + 1)
        if hmac.compare_digest(totp.generate_otp(step), typed)
    ]
    return max(fits, default=None)


def add(session: Session, email: str, secret: str, step: int, now: datetime, keys: Sequence[str]) -> None:
    """Keep an app of which the code of this step was right, in the place of the one before."""
    sealed = sealing.seal(secret, keys)
    session.merge(
        Authenticator(
            email=email, sealed=sealed.text, seal=sealed.seal, last_step=step, added_at=now, used_at=None
        )
    )


def of(session: Session, email: str) -> Authenticator | None:
    return session.get(Authenticator, email)


def accept(session: Session, email: str, code: str, now: datetime, keys: Sequence[str]) -> bool:
    """Say whether the code is theirs, and let it count this once."""
    row = session.get(Authenticator, email, populate_existing=True)
    secret = sealing.unseal(row.sealed, keys) if row is not None else None
    step = step_of(secret, code, now) if secret is not None else None
    if step is None:
        return False
    # Of two that come with the same code at once, one is late.
    taken = session.scalars(
        update(Authenticator)
        .where(Authenticator.email == email, Authenticator.last_step < step)
        .values(last_step=step, used_at=now)
        .returning(Authenticator.email)
    )
    return taken.one_or_none() is not None


def remove(session: Session, email: str) -> bool:
    gone = session.scalars(
        delete(Authenticator).where(Authenticator.email == email).returning(Authenticator.email)
    )
    return gone.one_or_none() is not None


def seal_anew(session: Session, keys: Sequence[str], *, at_most: int = 100) -> int:
    """Seal with the newest key what an older one has sealed; return how many were.

    What no key opens is left: its owner proves themselves by something else, or an operator takes it away.
    """
    newest, done = sealing.name_of(keys[-1]), 0
    others = {sealing.name_of(key) for key in keys[:-1]}
    if not others:
        return 0
    rows = session.scalars(
        select(Authenticator)
        .where(Authenticator.seal.in_(others))
        .limit(at_most)
        .with_for_update(skip_locked=True)
    ).all()
    for row in rows:
        secret = sealing.unseal(row.sealed, keys)
        if secret is not None:
            row.sealed, row.seal = sealing.seal(secret, keys).text, newest
            done += 1
    return done
