"""With what is the log hashed? A random key of its own, kept beside it, locked with SECRET_KEY.

Whoever has the database alone can compute no hash. Another SECRET_KEY leaves the log as it is: what an old
one had locked is locked anew with today's, by whoever seals next.
"""

import hashlib
import hmac
import secrets
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import ApplicationError
from app.records.audit import AuditKey

_secret_keys: tuple[str, ...] = ()


class KeyUnknown(ApplicationError):
    """None of the SECRET_KEYs that we have opens the log's key."""


def bind(secret_keys: Sequence[str]) -> None:
    """Say which SECRET_KEYs are believed: the one that locks last, as Settings has them."""
    global _secret_keys
    _secret_keys = tuple(secret_keys)


def mac(key: bytes, *parts: str) -> str:
    """Return the HMAC-SHA256 of texts, each told apart from the next by its length."""
    whole = "".join(f"{len(part)}:{part}" for part in parts)
    return hmac.new(key, whole.encode(), hashlib.sha256).hexdigest()


def current(session: Session, now: datetime) -> tuple[int, bytes]:
    """Return the key that hashes what is written now, and its number; makes the first. Raises KeyUnknown."""
    row = session.scalar(select(AuditKey).order_by(AuditKey.id.desc()).limit(1))
    if row is None:
        return renew(session, now)
    key, is_locked_with_todays = _opened(row)
    if key is None:
        raise KeyUnknown(f"no SECRET_KEY that is known opens the log's key {row.id}")
    if not is_locked_with_todays:
        row.salt, row.locked, row.tag = _locked(key)
    return row.id, key


def renew(session: Session, now: datetime) -> tuple[int, bytes]:
    """Begin a new key; what was hashed with those before stays."""
    last = session.scalar(select(AuditKey.id).order_by(AuditKey.id.desc()).limit(1)) or 0
    key = secrets.token_bytes(32)
    salt, locked, tag = _locked(key)
    session.add(AuditKey(id=last + 1, salt=salt, locked=locked, tag=tag, made_at=now))
    session.flush()
    return last + 1, key


def known(session: Session) -> dict[int, bytes]:
    """Return all keys that can be opened, by their numbers."""
    opened = {row.id: _opened(row)[0] for row in session.scalars(select(AuditKey))}
    return {key_id: key for key_id, key in opened.items() if key is not None}


def subject_hash(key: bytes, kind: str, subject: str) -> str:
    """Return by what a person is known in the log."""
    return mac(key, "subject", kind, subject)[:40]


# --- locking ------------------------------------------------------------------------------------------


def _locked(key: bytes) -> tuple[str, str, str]:
    """Lock 32 random bytes: a pad that is used once, and a tag over what comes of it."""
    if not _secret_keys:
        raise KeyUnknown("no SECRET_KEY is bound: create_app() or a worker's start does that")
    salt = secrets.token_hex(32)
    locked = bytes(a ^ b for a, b in zip(key, _pad(_secret_keys[-1], salt), strict=True)).hex()
    return salt, locked, _tag(_secret_keys[-1], salt, locked)


def _opened(row: AuditKey) -> tuple[bytes | None, bool]:
    """Return the key, and whether today's SECRET_KEY locks it; None when no known one does."""
    for secret in reversed(_secret_keys):
        if hmac.compare_digest(_tag(secret, row.salt, row.locked), row.tag):
            pad = _pad(secret, row.salt)
            key = bytes(a ^ b for a, b in zip(bytes.fromhex(row.locked), pad, strict=True))
            return key, secret == _secret_keys[-1]
    return None, False


def _pad(secret: str, salt: str) -> bytes:
    return bytes.fromhex(mac(secret.encode(), "audit key", salt))


def _tag(secret: str, salt: str, locked: str) -> str:
    return mac(secret.encode(), "audit key's tag", salt, locked)
