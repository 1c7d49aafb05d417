"""How is kept what we must be able to read again, and nobody with the database alone? Sealed by SECRET_KEY.

Each key that is believed opens, the newest seals. What an old key sealed is sealed anew by the worker, so
that the old one may go: see docs/operations.md.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


@dataclass(frozen=True)
class Sealed:
    """What is kept: the text that can't be read, and a name of the key that it is sealed with."""

    text: str
    seal: str


def seal(secret: str, keys: Sequence[str]) -> Sealed:
    """Seal with the newest of `keys`, which is the last."""
    return Sealed(_box(keys[-1]).encrypt(secret.encode()).decode(), name_of(keys[-1]))


def unseal(text: str, keys: Sequence[str]) -> str | None:
    """Return what was sealed; None when none of the keys opens it."""
    for key in reversed(keys):
        try:
            return _box(key).decrypt(text.encode()).decode()
        except InvalidToken:
            continue
    return None


def name_of(key: str) -> str:
    """Return a name of the key, which doesn't tell it."""
    return hashlib.sha256(_derived(key)).hexdigest()[:16]


@cache
def _box(key: str) -> Fernet:
    return Fernet(base64.urlsafe_b64encode(_derived(key)))


@cache
def _derived(key: str) -> bytes:
    """Return a key of its own for sealing: what signs must not be what seals."""
    return HKDF(SHA256(), length=32, salt=None, info=b"rechtdoor sealing").derive(key.encode())
