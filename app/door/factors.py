"""What does somebody have to prove who they are, besides a password? And may the last of it go?"""

from dataclasses import dataclass

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from app.door import authenticators, recovery_codes
from app.records.agents import Role, User
from app.records.factors import Authenticator, Passkey
from config import Settings


@dataclass(frozen=True)
class Factors:
    """What somebody has. Recovery codes stand in for a factor, and are none."""

    has_authenticator: bool
    passkeys: int
    recovery_codes: int

    @property
    def any(self) -> bool:
        return self.has_authenticator or self.passkeys > 0

    @property
    def is_last(self) -> bool:
        return self.has_authenticator + self.passkeys == 1


def of(session: Session, email: str) -> Factors:
    keys = session.scalar(select(func.count()).where(Passkey.email == email)) or 0
    return Factors(session.get(Authenticator, email) is not None, keys, recovery_codes.left(session, email))


def are_needed(role: Role, settings: Settings) -> bool:
    """Say whether people of this role can't sign in with a password alone."""
    return role in settings.second_factor_roles


def hold(session: Session, email: str) -> None:
    """Let nobody change this person's factors beside us, so that two can't each take the last but one."""
    session.execute(select(User.email).where(User.email == email).with_for_update())


def has_none_left(session: Session, email: str) -> bool:
    """After one was taken away: with the last of them its stand-ins, the recovery codes, go too."""
    if of(session, email).any:
        return False
    recovery_codes.forget(session, email)
    return True


def reset(session: Session, email: str) -> None:
    """Take away all that somebody has besides the password. For an operator: the person can't get in."""
    authenticators.remove(session, email)
    session.execute(delete(Passkey).where(Passkey.email == email))
    recovery_codes.forget(session, email)
