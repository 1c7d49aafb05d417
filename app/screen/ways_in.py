"""How does a customer come to the page beside their call? By a link, or by six characters read aloud.

Each lets one browser in, once. Another that comes with the same, or a newer one, waits until the agent says
that it may: a link that was passed on, or a preview of a message, takes nothing from whoever has the page.
"""

import hashlib
import hmac
import logging
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from prometheus_client import Counter
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.door import guessing
from app.door.guessing import Throttle
from app.errors import NotNow
from app.records.calls import Call
from app.records.screen import ScreenPage
from app.screen import pages
from app.screen.pages import Life

log = logging.getLogger(__name__)

# Neither looks like another of them, on a telephone's screen or in handwriting.
CODE_LETTERS = "ABCDEFGHJKMNPRSTUWXYZ3479"
CODE_LENGTH = 6
CODE_LIVES = timedelta(minutes=10)
MOST_CODES = 8  # of one call
MOST_LINKS = 4
# So many wrong ones in an hour, from everywhere, are no slips of the finger any more.
ALARM_AT = 100

WRONG_CODES = Counter(
    "rechtdoor_screen_wrong_codes",
    "Codes of the page beside a call that were typed and are none.",
    registry=None,
)


@dataclass(frozen=True)
class Wait:
    """No code may be tried yet."""

    seconds: int


@dataclass(frozen=True)
class Came:
    """Somebody came in: what their browser keeps, and whether it is let in already."""

    cookie: str
    page: int
    is_in: bool


# --- what an agent gives ------------------------------------------------------------------------------


def new_link(page: ScreenPage) -> str:
    """Return the secret of a link, the only one that works from now on. Raises NotNow after too many."""
    if page.links_sent >= MOST_LINKS:
        raise NotNow("not_more_links")
    secret = secrets.token_urlsafe(18)
    page.links_sent += 1
    page.link_hash = _hash(secret)
    _offer_anew(page)
    return secret


def new_code(session: Session, page: ScreenPage, key: str, now: datetime) -> str:
    """Return six characters to read aloud, which work for some minutes. Raises NotNow after too many."""
    if page.codes_made >= MOST_CODES:
        raise NotNow("not_more_codes")
    _offer_anew(page)
    page.code_ends_at = now + CODE_LIVES
    while True:
        page.codes_made += 1
        code = _code(key, page)
        taken = select(ScreenPage.id).where(ScreenPage.code_hash == _keyed(key, code))
        if session.scalar(taken) is None:
            page.code_hash = _keyed(key, code)
            return code


def _offer_anew(page: ScreenPage) -> None:
    page.stopped_at, page.stopped_by = None, ""


def code_of(page: ScreenPage, key: str, now: datetime) -> str | None:
    """Return the code that works now, for whoever reads it aloud; it is worked out, and kept nowhere."""
    if page.code_hash is None or page.code_ends_at is None or page.code_ends_at <= now:
        return None
    code = _code(key, page)
    return code if _keyed(key, code) == page.code_hash else None


def _code(key: str, page: ScreenPage) -> str:
    """Return the newest code of a page: nobody without the key can work it out."""
    said = f"{page.id} {page.codes_made} {page.made_at.isoformat()}"
    number = int(_keyed(key, f"the code of {said}"), 16)
    letters = []
    for _ in range(CODE_LENGTH):
        number, place = divmod(number, len(CODE_LETTERS))
        letters.append(CODE_LETTERS[place])
    return "".join(letters)


# --- coming in ----------------------------------------------------------------------------------------


def page_of_link(
    session: Session, secret: str, life: Life, now: datetime, *, to_change: bool = False
) -> ScreenPage | None:
    """Return the page to which a link leads; None for a link that never was, or has died."""
    wanted = select(ScreenPage).where(ScreenPage.link_hash == _hash(secret))
    page = session.scalar(wanted.with_for_update() if to_change else wanted)
    return page if page is not None and _lives(session, page, life, now) else None


def come_by_link(session: Session, secret: str, life: Life, now: datetime) -> Came | None:
    page = page_of_link(session, secret, life, now, to_change=True)
    return _come(session, page, now) if page is not None else None


def come_by_code(
    session: Session, typed: str, address: str, key: str, life: Life, now: datetime
) -> Came | Wait | None:
    """Let a browser in by what was typed; None when that is no code. Each try is counted first."""
    throttle = Throttle.of_codes(address, key)
    if seconds := guessing.register_attempt(session, throttle, now):
        return Wait(seconds)
    code = "".join(one for one in typed.upper() if one.isalnum())
    wanted = select(ScreenPage).where(ScreenPage.code_hash == _keyed(key, code))
    page = session.scalar(wanted.with_for_update()) if len(code) == CODE_LENGTH else None
    is_code = page is not None and page.code_ends_at is not None and page.code_ends_at > now
    if page is None or not is_code or not _lives(session, page, life, now):
        WRONG_CODES.inc()
        _raise_alarm(guessing.mistakes(session, throttle.bounds[-1], now))
        return None
    guessing.forgive(session, throttle)
    page.code_hash = page.code_ends_at = None
    return _come(session, page, now)


def wrong_lately(session: Session, key: str, now: datetime) -> int:
    """Return how many codes that are none were typed within the last hour, from everywhere."""
    return guessing.mistakes(session, Throttle.of_codes("", key).bounds[-1], now)


def _raise_alarm(wrong: int) -> None:
    if wrong >= ALARM_AT and wrong % (ALARM_AT // 10) == 0:
        log.error("codes of the page beside a call are being guessed", extra={"wrong_in_an_hour": wrong})


def _lives(session: Session, page: ScreenPage, life: Life, now: datetime) -> bool:
    return page.stopped_at is None and not life.is_over(session.get_one(Call, page.call_sid), now)


def _come(session: Session, page: ScreenPage, now: datetime) -> Came:
    cookie = secrets.token_urlsafe(24)
    is_in = page.holder_hash is None
    if is_in:
        page.holder_hash, page.opened_at = _hash(cookie), now
    else:
        page.waiting_hash, page.waiting_since = _hash(cookie), now
    pages.changed(session, page, now)
    return Came(cookie, page.id, is_in)


def page_of_cookie(
    session: Session, cookie: str, life: Life, now: datetime, *, to_change: bool = False
) -> tuple[ScreenPage, bool] | None:
    """Return the page that a browser has, or waits for, and which of the two; None when it has none."""
    if not cookie:
        return None
    mine = _hash(cookie)
    wanted = select(ScreenPage).where(or_(ScreenPage.holder_hash == mine, ScreenPage.waiting_hash == mine))
    page = session.scalar(wanted.with_for_update() if to_change else wanted)
    if page is None or not _lives(session, page, life, now):
        return None
    return page, page.holder_hash == mine


def answer_other_device(
    session: Session, call_sid: str, agent: str, let_in: bool, life: Life, now: datetime
) -> None:
    """The agent says whether the browser that waits may have the page; the one that had it loses it then.

    Raises NotNow.
    """
    pages.call_for(session, call_sid, agent, life, now)
    page = pages.of_call(session, call_sid, to_change=True)
    if page is None or page.waiting_hash is None:
        raise NotNow("not_waiting")
    if let_in:
        page.holder_hash, page.opened_at = page.waiting_hash, now
    page.waiting_hash = page.waiting_since = None
    pages.changed(session, page, now)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _keyed(key: str, text: str) -> str:
    return hmac.new(key.encode(), f"beside {text}".encode(), hashlib.sha256).hexdigest()


hash_of = _hash
