"""How does somebody get in who lost their telephone and keys? With one of ten codes on paper, each once."""

import hashlib
import secrets
from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from app.records.factors import RecoveryCode

HOW_MANY = 10
# Douglas Crockford's base 32: nothing that looks like something else. 24 of them hold 120 bits: too many to
# be guessed or searched through, so that a quick hash keeps them (ASVS 6.5.2 asks for 112).
_SIGNS = "0123456789abcdefghjkmnpqrstvwxyz"
_LENGTH, _GROUP = 24, 4
_LOOKS_LIKE = str.maketrans({"o": "0", "i": "1", "l": "1"})


def renew(session: Session, email: str, now: datetime) -> list[str]:
    """Return new codes, to be shown this once; those before are worth nothing from now on."""
    session.execute(delete(RecoveryCode).where(RecoveryCode.email == email))
    codes = ["".join(secrets.choice(_SIGNS) for _ in range(_LENGTH)) for _ in range(HOW_MANY)]
    session.add_all(RecoveryCode(hash=_hash(code), email=email, made_at=now) for code in codes)
    return [_in_groups(code) for code in codes]


def left(session: Session, email: str) -> int:
    return session.scalar(select(func.count()).where(RecoveryCode.email == email)) or 0


def accept(session: Session, email: str, code: str) -> bool:
    """Say whether the code is theirs; it counts this once."""
    gone = session.scalars(
        delete(RecoveryCode)
        .where(RecoveryCode.email == email, RecoveryCode.hash == _hash(code))
        .returning(RecoveryCode.hash)
    )
    return gone.one_or_none() is not None


def forget(session: Session, email: str) -> None:
    session.execute(delete(RecoveryCode).where(RecoveryCode.email == email))


def _hash(code: str) -> str:
    typed = "".join(sign for sign in code.lower() if sign.isalnum()).translate(_LOOKS_LIKE)
    return hashlib.sha256(typed.encode()).hexdigest()


def _in_groups(code: str) -> str:
    return "-".join(code[start : start + _GROUP] for start in range(0, len(code), _GROUP))
