"""Who is signed in, and where? Kept in SQL, so that what is ended is over; the cookie only says which it is.

What a session or a token opened, such as a desk's stream, holds a `Proof` of it and ends soon after it does.
"""

import hashlib
import re
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, or_, select, update
from sqlalchemy.orm import Session

from app.agents import presence
from app.door import access_log
from app.records.access import AccessKind, Proven, UserSession
from app.records.agents import Agent, Role, User
from app.records.factors import has_factor
from app.records.tokens import ApiToken, Scope
from config import Settings

# Written down so seldom, so that a desk's pulse costs no write of its own each time.
SEEN_EVERY = timedelta(minutes=1)
# Seen within so long, somebody is still there: twice as long as it takes to be written down, and a bit.
IS_THERE = timedelta(seconds=150)
# So long after a session got a new secret its old one does what it did.
OLD_WORKS_FOR = timedelta(seconds=20)
IN_QUERY = 500

# Which of them a User-Agent names; the first that fits, since most name the others too.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR", "Opera"),
    ("Firefox", "Firefox"),
    ("Chrom", "Chrome"),
    ("Safari", "Safari"),
)
_SYSTEMS = (
    *(("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android")),
    *(("Windows", "Windows"), ("Macintosh", "macOS"), ("CrOS", "ChromeOS"), ("Linux", "Linux")),
)


@dataclass(frozen=True)
class Limits:
    """How long a session lasts, in all and when nothing is heard of it; for whom a password is enough."""

    longest: timedelta = timedelta(hours=14)
    idle: timedelta = timedelta(hours=1)
    factor_roles: frozenset[str] = frozenset()  # who need a second factor

    @classmethod
    def of(cls, settings: Settings) -> "Limits":
        return cls(
            timedelta(hours=settings.session_hours),
            timedelta(minutes=settings.session_idle_minutes),
            settings.second_factor_roles,
        )

    def allow(self, started_at: datetime, seen_at: datetime, now: datetime) -> bool:
        return now - started_at < self.longest and now - seen_at < self.idle

    def is_proven(self) -> ColumnElement[bool]:
        """Return whether enough was shown: a password alone is, until one has, or needs, a second factor.

        So what was begun without one is over as soon as there is one, by whichever process it was begun. What
        a process of the release before began (it says nothing) needs none to its end: an upgrade in the
        middle of a shift takes nobody's desk.
        """
        needs_none = or_(User.role.not_in(sorted(self.factor_roles)), UserSession.proven_by == "")
        return or_(UserSession.proven_by == Proven.FACTOR, needs_none & ~has_factor(User.email))


@dataclass(frozen=True)
class Proof:
    """What opened something that stays open: a session or a token, by its hash."""

    kind: str  # session, token
    hash: str
    is_own: bool = True  # of the agent themselves, not of another system that looks on

    def __str__(self) -> str:
        return f"{self.kind}:{self.hash}:{'own' if self.is_own else 'other'}"

    @classmethod
    def read(cls, text: str) -> "Proof":
        kind, hashed, whose = text.split(":")
        return cls(kind, hashed, whose == "own")

    @classmethod
    def of_session(cls, hashed: str) -> "Proof":
        return cls("session", hashed)

    @classmethod
    def of_token(cls, token: ApiToken) -> "Proof":
        return cls("token", token.hash, token.scope == Scope.DESK)


@dataclass(frozen=True)
class Opened:
    """By what a session begins: `password`, or `oidc` at the organisation's own provider."""

    how: str
    by: Proven = Proven.PASSWORD  # FACTOR: more than a password was asked for, here or there
    provider_sid: str | None = None
    provider_sub: str | None = None
    id_token: str | None = None


BY_PASSWORD = Opened("password")


@dataclass(frozen=True)
class Found:
    """Whose session it is, as they are now."""

    hash: str
    email: str
    role: Role
    agent: str | None
    language: str
    seen_at: datetime
    proven_at: datetime  # when they last showed who they are
    how: str = BY_PASSWORD.how
    by: Proven = Proven.PASSWORD


def hash_of(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def browser_named(user_agent: str) -> str:
    """Return “Firefox, Windows”: enough to tell one's own apart, and nothing to follow somebody by."""
    names = [
        next((name for mark, name in known if re.search(mark, user_agent)), "")
        for known in (_BROWSERS, _SYSTEMS)
    ]
    return ", ".join(name for name in names if name)


# --- from the first page to the last -----------------------------------------------------------------


def start(session: Session, user: User, browser: str, now: datetime, opened: Opened = BY_PASSWORD) -> str:
    """Begin a session; return what its cookie holds, which is kept nowhere else."""
    secret = secrets.token_urlsafe(32)
    session.add(
        UserSession(
            hash=hash_of(secret),
            email=user.email,
            number=user.session_number,
            started_at=now,
            seen_at=now,
            browser=browser[:80],
            how=opened.how,
            proven_by=opened.by,
            proven_at=now,
            provider_sid=opened.provider_sid,
            provider_sub=opened.provider_sub,
            id_token=opened.id_token,
        )
    )
    return secret


def find(session: Session, secret: str, now: datetime, limits: Limits) -> Found | None:
    """Return whose session the cookie names; None when it is over, for whichever reason."""
    row = session.execute(
        select(UserSession, User.role, User.agent, User.language)
        .join(User, User.email == UserSession.email)
        .outerjoin(Agent, Agent.key == User.agent)
        .where(UserSession.hash == hash_of(secret), *_IS_VALID, limits.is_proven())
    ).one_or_none()
    if row is None or not limits.allow(row.UserSession.started_at, row.UserSession.seen_at, now):
        return None
    found: UserSession = row.UserSession
    return Found(
        hash=found.hash,
        email=found.email,
        role=Role(row.role),
        agent=row.agent,
        language=row.language,
        seen_at=found.seen_at,
        proven_at=found.proven_at or found.started_at,
        how=found.how,
        by=Proven.FACTOR if found.proven_by == Proven.FACTOR else Proven.PASSWORD,
    )


# Signed out everywhere, or they left the organisation: then it is over, whatever the row says.
_IS_VALID = (
    UserSession.number == User.session_number,
    User.is_active,
    or_(User.agent.is_(None), Agent.enabled),
)


def seen(session: Session, hashed: str, now: datetime) -> None:
    """Write down that it is used; called again within a minute it isn't worth it."""
    session.execute(
        update(UserSession)
        .where(UserSession.hash == hashed, UserSession.seen_at < now - SEEN_EVERY)
        .values(seen_at=now)
    )


def renew(
    session: Session, hashed: str, now: datetime, limits: Limits, by: Proven | None = None
) -> tuple[str, str] | None:
    """Go on with a session under a new secret, since they showed once more who they are.

    `by` says with what, when that was more than before. Return the new secret and its hash; None when the
    session is over. The old secret works on for a moment: other windows may have just sent it.
    """
    old = session.get(UserSession, hashed, with_for_update=True, populate_existing=True)
    if old is None:
        return None
    secret = secrets.token_urlsafe(32)
    session.add(
        UserSession(
            hash=hash_of(secret),
            email=old.email,
            number=old.number,
            started_at=old.started_at,
            seen_at=now,
            browser=old.browser,
            proven_by=by or old.proven_by,
            proven_at=now,
            how=old.how,
            provider_sid=old.provider_sid,
            provider_sub=old.provider_sub,
            id_token=old.id_token,
        )
    )
    # Not by its silence, which the next request would end.
    old.started_at = min(old.started_at, now - limits.longest + OLD_WORKS_FOR)
    return secret, hash_of(secret)


def of_user(session: Session, email: str, now: datetime, limits: Limits) -> Sequence[UserSession]:
    """Return where somebody is signed in, the latest first; not under secrets that were renewed."""
    rows = session.scalars(
        select(UserSession)
        .join(User, User.email == UserSession.email)
        .where(
            UserSession.email == email,
            UserSession.number == User.session_number,
            UserSession.started_at > now - limits.longest + OLD_WORKS_FOR,
            UserSession.seen_at > now - limits.idle,
            limits.is_proven(),
        )
        .order_by(UserSession.seen_at.desc(), UserSession.hash)
    )
    return rows.all()


# --- ending them -------------------------------------------------------------------------------------


def end(session: Session, email: str, hashed: str) -> bool:
    """End one session of somebody; False when it is over already, or none of theirs."""
    ended = session.scalars(
        delete(UserSession)
        .where(UserSession.hash == hashed, UserSession.email == email)
        .returning(UserSession.hash)
    )
    return ended.one_or_none() is not None


def end_renewed(session: Session, email: str, now: datetime, limits: Limits) -> None:
    """End at once what works on for a moment under secrets that were renewed; see `renew`."""
    over_soon = UserSession.started_at <= now - limits.longest + OLD_WORKS_FOR
    session.execute(delete(UserSession).where(UserSession.email == email, over_soon))


def end_others(session: Session, email: str, hashed: str) -> None:
    """End all sessions of somebody but this one."""
    session.execute(delete(UserSession).where(UserSession.email == email, UserSession.hash != hashed))


def end_others_for_good(session: Session, email: str, hashed: str) -> None:
    """End all sessions of somebody but this one, and whatever was half-way to one."""
    end_others(session, email, hashed)
    number = session.scalar(
        update(User)
        .where(User.email == email)
        .values(session_number=User.session_number + 1)
        .returning(User.session_number)
    )
    session.execute(update(UserSession).where(UserSession.hash == hashed).values(number=number))


def end_all(session: Session, email: str, now: datetime) -> None:
    """End all sessions of somebody; their desk isn't rung any more."""
    session.execute(delete(UserSession).where(UserSession.email == email))
    agent = session.scalar(
        update(User)
        .where(User.email == email)
        .values(session_number=User.session_number + 1)
        .returning(User.agent)
    )
    if agent is not None:
        presence.signs_out(session, agent, now)


def end_all_of_agent(session: Session, agent: str, now: datetime, *, about: str = "") -> None:
    """End all sessions at the desk of an agent who has left; `about` says by whose doing."""
    emails = session.scalars(
        update(User)
        .where(User.agent == agent)
        .values(session_number=User.session_number + 1)
        .returning(User.email)
    ).all()
    session.execute(delete(UserSession).where(UserSession.email.in_(emails)))
    for email in emails:
        access_log.note(session, AccessKind.LEFT, email, now, access_log.COMMAND, about=about)


def opened_by(session: Session, hashed: str) -> Opened:
    """Return by what a session was opened, with what the provider gave for it."""
    columns = (UserSession.how, UserSession.provider_sid, UserSession.provider_sub, UserSession.id_token)
    row = session.execute(select(*columns).where(UserSession.hash == hashed)).one_or_none()
    if row is None:
        return BY_PASSWORD
    how, provider_sid, provider_sub, id_token = row
    return Opened(how, provider_sid=provider_sid, provider_sub=provider_sub, id_token=id_token)


def end_elsewhere(session: Session, subject: str | None, sid: str | None, now: datetime) -> Sequence[str]:
    """End the sessions that the provider says are over; return whose they were, once for each.

    With `sid` it is that one session of theirs; without, all that it opened for `subject`.
    """
    which = [UserSession.how == "oidc"]
    which += [UserSession.provider_sid == sid] if sid is not None else []
    which += [UserSession.provider_sub == subject] if subject is not None else []
    ended = session.execute(delete(UserSession).where(*which).returning(UserSession.hash, UserSession.email))
    emails = sorted({row.email for row in ended.all()})
    agents = select(User.agent).where(User.email.in_(emails), User.agent.is_not(None))
    for agent in session.scalars(agents).all():
        if agent is not None and not is_elsewhere(session, agent, "", now):
            presence.signs_out(session, agent, now)
    return emails


def is_elsewhere(session: Session, agent: str, hashed: str, now: datetime) -> bool:
    """Tell whether a desk of the agent is open in another browser than this session's."""
    found = session.scalar(
        select(UserSession.hash)
        .join(User, User.email == UserSession.email)
        .where(
            User.agent == agent,
            UserSession.number == User.session_number,
            UserSession.hash != hashed,
            UserSession.seen_at > now - IS_THERE,
        )
        .limit(1)
    )
    return found is not None


# --- what stays open ---------------------------------------------------------------------------------


def living(
    session: Session, opened: Collection[tuple[str, Proof]], now: datetime, limits: Limits
) -> set[tuple[str, Proof]]:
    """Return those of (agent, what opened it) that may stay open: one question or two for some hundreds."""
    found: set[tuple[str, Proof]] = set()
    for kind in ("session", "token"):
        hashes = sorted({proof.hash for _, proof in opened if proof.kind == kind})
        for start_ in range(0, len(hashes), IN_QUERY):
            part = hashes[start_ : start_ + IN_QUERY]
            whose = (
                _sessions(session, part, now, limits) if kind == "session" else _tokens(session, part, now)
            )
            found |= {
                (agent, proof)
                for agent, proof in opened
                if proof.kind == kind and proof.hash in whose and whose[proof.hash] in (agent, None)
            }
    return found


def _sessions(
    session: Session, hashes: Sequence[str], now: datetime, limits: Limits
) -> dict[str, str | None]:
    """Return whose desk each session opens that isn't over."""
    rows = session.execute(
        select(UserSession.hash, User.agent)
        .join(User, User.email == UserSession.email)
        .join(Agent, Agent.key == User.agent)
        .where(
            UserSession.hash.in_(hashes),
            UserSession.number == User.session_number,
            UserSession.started_at > now - limits.longest,
            UserSession.seen_at > now - limits.idle,
            User.is_active,
            Agent.enabled,
            limits.is_proven(),
        )
    )
    return {row.hash: row.agent for row in rows}


def _tokens(session: Session, hashes: Sequence[str], now: datetime) -> dict[str, str | None]:
    """Return whose desk each token opens that isn't revoked; None: everybody's."""
    rows = session.execute(
        select(ApiToken.hash, ApiToken.agent)
        .outerjoin(Agent, Agent.key == ApiToken.agent)
        .where(
            ApiToken.hash.in_(hashes),
            or_(ApiToken.ends_at.is_(None), ApiToken.ends_at > now),
            or_(ApiToken.scope != Scope.DESK, Agent.enabled),
        )
    )
    return {row.hash: row.agent for row in rows}
