"""How is a password kept, and does this one fit? argon2id, with room to raise its cost later."""

import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache

from argon2 import PasswordHasher, Type
from argon2.exceptions import Argon2Error, InvalidHashError

from app.errors import InvalidField

LEAST_LENGTH = 12  # NIST SP 800-63B: length counts, rules about signs do not
MOST_LENGTH = 1000  # hashing a megabyte would be a cheap way to keep us busy

# RFC 9106, its second recommended choice: 64 MiB and three passes, for where memory is shared.
# Each takes that much memory, and four cores, while it lasts: a crowd at the door waits in line instead.
AT_ONCE = 2
NICENESS = 5
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
    return _threads().submit(_hasher.hash, password).result()


def fits(password_hash: str | None, password: str) -> bool:
    """Say whether `password` belongs to `password_hash`.

    None or empty (nobody has this account, or it has no password) costs the same time as a wrong
    password, so that the time taken does not tell which accounts exist.
    """
    if len(password) > MOST_LENGTH:
        return False
    try:
        matches = _threads().submit(_hasher.verify, password_hash or _nobodys_hash(), password).result()
    except (Argon2Error, InvalidHashError):
        return False
    return matches and bool(password_hash)


def needs_rehash(password_hash: str) -> bool:
    """Say whether the hash was made with other costs than today's."""
    return _hasher.check_needs_rehash(password_hash)


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(AT_ONCE, "passwords", _give_way)


def _give_way() -> None:
    """Let this thread, and those that it hashes with, have what the others leave of the machine."""
    # On Linux a thread has a niceness of its own; elsewhere it would be the whole process.
    if sys.platform == "linux":
        with suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)


@cache
def _nobodys_hash() -> str:
    return _hasher.hash("the account that nobody has")
