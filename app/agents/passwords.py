"""How is a password kept, and does this one fit? argon2id, with room to raise its cost later."""

import threading
from functools import cache

from argon2 import PasswordHasher, Type
from argon2.exceptions import Argon2Error, InvalidHashError

from app.errors import InvalidField

LEAST_LENGTH = 12  # NIST SP 800-63B: length counts, rules about signs do not
MOST_LENGTH = 1000  # hashing a megabyte would be a cheap way to keep us busy

# RFC 9106, its second recommended choice: 64 MiB and three passes, for where memory is shared.
# Each takes that much memory while it lasts: a crowd at the door waits in line instead.
_at_once = threading.BoundedSemaphore(4)
_hasher = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=4, type=Type.ID)


def hash_password(password: str) -> str:
    """Return `password` as an argon2id hash in the PHC string form.

    Raises InvalidField when it is too short to be worth keeping, or absurdly long.
    """
    if len(password) < LEAST_LENGTH:
        raise InvalidField(
            "password", f"too short; use at least {LEAST_LENGTH} characters, a sentence is fine"
        )
    if len(password) > MOST_LENGTH:
        raise InvalidField("password", f"too long; use at most {MOST_LENGTH} characters")
    return rehash(password)


def rehash(password: str) -> str:
    """Return a hash at today's cost of a password that is already somebody's, whatever its length."""
    with _at_once:
        return _hasher.hash(password)


def fits(password_hash: str | None, password: str) -> bool:
    """Say whether `password` belongs to `password_hash`.

    None (nobody has this account) costs the same time as a wrong password, so that the time
    taken does not tell which accounts exist.
    """
    if len(password) > MOST_LENGTH:
        return False
    try:
        with _at_once:
            matches = _hasher.verify(password_hash or _nobodys_hash(), password)
    except (Argon2Error, InvalidHashError):
        return False
    return matches and password_hash is not None


def needs_rehash(password_hash: str) -> bool:
    """Say whether the hash was made with other costs than today's."""
    return _hasher.check_needs_rehash(password_hash)


@cache
def _nobodys_hash() -> str:
    return _hasher.hash("the account that nobody has")
