"""Who is asking, and may they? Bearer tokens: made, found again by their hash, and held against a scope."""

import hashlib
import logging
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import wraps
from typing import ParamSpec, TypeVar

from flask import g, request
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from app import db
from app.api import rate, scopes
from app.api.problems import ApiProblem
from app.clock import utcnow
from app.records.agents import Agent
from app.records.tokens import ApiToken, Noun, Scope

log = logging.getLogger(__name__)

P = ParamSpec("P")
T = TypeVar("T")

PREFIX = "rd_"  # so that people, and scanners of leaked secrets, see what it is
HEARTBEAT = "api.heartbeat"
NEEDED = "__needed__"  # on a guarded view: what it takes
USED_TO_THE = timedelta(hours=1)  # not each request is a write


def create(
    session: Session,
    name: str,
    scope: str,
    agent: str | None,
    now: datetime,
    ends_at: datetime | None = None,
) -> str:
    """Make a token and return it: the only time that it is seen, since only its hash is kept.

    Raises scopes.NotAScope.
    """
    scope = scopes.read(scope)
    token = PREFIX + secrets.token_urlsafe(32)
    row = ApiToken(hash=_hash(token), name=name, scope=scope, agent=agent, created_at=now, ends_at=ends_at)
    session.add(row)
    return token


def rotate(session: Session, name: str, now: datetime, old_until: datetime) -> str | None:
    """Give a new token in the place of another, which works until then under a longer name; None without it.

    The new one ends when the old one would have.
    """
    old = session.scalars(select(ApiToken).where(ApiToken.name == name).with_for_update()).one_or_none()
    if old is None or has_ended(old, now):
        return None
    ends_at = old.ends_at
    old.name = f"{name[:90]} (until {old_until:%Y-%m-%d %H:%M} UTC)"
    old.ends_at = min(old_until, ends_at) if ends_at is not None else old_until
    session.flush()
    return create(session, name, old.scope, old.agent, now, ends_at)


def has_ended(token: ApiToken, now: datetime) -> bool:
    return token.ends_at is not None and token.ends_at <= now


def find(session: Session, token: str) -> ApiToken | None:
    """Return the token's row, None when it was never given out or is revoked."""
    # Looked up by its hash: how long that takes tells nothing of how near a guess was.
    return session.get(ApiToken, _hash(token))


def revoke(session: Session, name: str) -> bool:
    """End a token at once; False when there is none of that name."""
    found = session.scalars(delete(ApiToken).where(ApiToken.name == name).returning(ApiToken.hash))
    return found.one_or_none() is not None


def revoke_all_of(session: Session, agent: str) -> Sequence[str]:
    """End all tokens of an agent's own desk at once; return their names."""
    return session.scalars(delete(ApiToken).where(ApiToken.agent == agent).returning(ApiToken.name)).all()


def all_tokens(session: Session) -> list[ApiToken]:
    return list(session.scalars(select(ApiToken).order_by(ApiToken.name)))


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


@dataclass(frozen=True)
class Needed:
    """What a token must hold for a view."""

    scope: Scope
    noun: Noun | None
    own_desk: bool
    own_calls: bool = False


def require(
    scope: Scope, noun: Noun | None = None, *, own_desk: bool = False, own_calls: bool = False
) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Let a view through only with a token of this scope, for this noun or for all; `write` includes `read`.

    With `own_desk` an agent's own desk token does as well: for views whose `agent` is that agent. With
    `own_calls` too: in which calls, the view sees to.
    Raises ApiProblem: 401 without a valid token, 403 when its scope is too small, 429 when it asks too often.
    """

    def decorate(view: Callable[P, T]) -> Callable[P, T]:
        @wraps(view)
        def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
            token = of_request()
            is_own_desk = own_desk and token.scope == Scope.DESK and token.agent == kwargs.get("agent")
            if not is_own_desk and not (own_calls and token.scope == Scope.DESK):
                _hold(token, scope, noun, "forbidden_other_desk" if own_desk else "forbidden")
            _count(token, kwargs)
            g.api_token = token
            return view(*args, **kwargs)

        vars(guarded)[NEEDED] = Needed(scope, noun, own_desk, own_calls)
        return guarded

    return decorate


def require_also(scope: Scope, noun: Noun) -> None:
    """Hold the request's token against one more scope, for what only its body told. Raises ApiProblem 403."""
    _hold(g.api_token, scope, noun, "forbidden")


def _hold(token: ApiToken, scope: Scope, noun: Noun | None, code: str) -> None:
    if not scopes.allows(token.scope, scope, noun):
        log.warning("not allowed", extra={"endpoint": request.endpoint, "scope": token.scope})
        raise ApiProblem(403, code, scope=scopes.needed(scope, noun))


def _count(token: ApiToken, arguments: Mapping[str, object]) -> None:
    whose = token.hash[:16]  # enough to tell tokens apart, nothing to ask us with
    if request.endpoint == HEARTBEAT:
        rate.count(f"{whose}:{arguments['agent']}", rate.HEARTBEATS_PER_MINUTE)
    else:
        rate.count(whose)


def of_request() -> ApiToken:
    """Return the token that the request brings. Raises ApiProblem 401 without a valid one."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise ApiProblem(401, "no_token")
    now = utcnow()
    with db.reading() as session:
        found = find(session, token.strip())
        if found is None or has_ended(found, now):
            raise ApiProblem(401, "unknown_token")
        if found.scope == Scope.DESK and not _still_works_here(session, found.agent):
            raise ApiProblem(401, "agent_left")
    if found.used_at is None or now - found.used_at > USED_TO_THE:
        with db.transaction() as session:
            session.execute(update(ApiToken).where(ApiToken.hash == found.hash).values(used_at=now))
    return found


def _still_works_here(session: Session, agent: str | None) -> bool:
    return bool(session.scalar(select(Agent.enabled).where(Agent.key == agent)))
