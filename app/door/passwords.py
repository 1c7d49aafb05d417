"""How is a password kept, and does this one fit? argon2id, with room to raise its cost later."""

import os
import sys
import threading
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache

from argon2 import PasswordHasher, Type
from argon2.exceptions import Argon2Error, InvalidHashError

from app.door import common_passwords
from app.door.common_passwords import Weakness
from app.errors import InvalidField

LEAST_LENGTH = 12  # NIST SP 800-63B: length counts, rules about signs do not
MOST_LENGTH = 1000  # hashing a megabyte would be a cheap way to keep us busy

# RFC 9106, its second recommended choice: 64 MiB and three passes, for where memory is shared.
# Each takes that much memory, and four cores, while it lasts: a crowd at the door waits in line instead.
AT_ONCE = 2
NICENESS = 5
_hasher = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=4, type=Type.ID)


class UnfitPassword(InvalidField):
    """A password that isn't taken; `code` is why, in the catalogue of the door."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__("password", message)
        self.code = code


def hash_password(password: str, own: Iterable[str] = ()) -> str:
    """Return `password` as an argon2id hash in the PHC string form.

    Raises UnfitPassword when it is too short to be worth keeping, absurdly long, or among the first that
    somebody would try who knows the words in `own`.
    """
    if len(password) < LEAST_LENGTH:
        raise UnfitPassword(
            "password_short", f"too short; use at least {LEAST_LENGTH} characters, a sentence is fine"
        )
    if len(password) > MOST_LENGTH:
        raise UnfitPassword("password_long", f"too long; use at most {MOST_LENGTH} characters")
    if weakness := common_passwords.weakness_of(password, own, least_length=LEAST_LENGTH):
        raise UnfitPassword(weakness, _IN_WORDS[weakness])
    return rehash(password)


_IN_WORDS = {
    Weakness.COMMON: "one that many people use, or such a word with something added; take several words",
    Weakness.REPEATED: "the same again and again, or keys in a row; take several words",
    Weakness.OWN: "the e-mail address or the organisation's name with little added; take several words",
}


def rehash(password: str) -> str:
    """Return a hash at today's cost of a password that is already somebody's, whatever its length."""
    return _threads().submit(_hasher.hash, password).result()


def fits(password_hash: str | None, password: str) -> bool:
    """Say whether `password` belongs to `password_hash`.

    None (nobody has this account), and the empty hash of who has chosen no password yet, cost the same time
    as a wrong password, so that the time taken does not tell which accounts exist.
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
