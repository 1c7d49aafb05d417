"""Is the log whole? Read from the database piece by piece, and held against its hashes."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from app import db
from app.audit import chain, keys
from app.audit.chain import Anchor, Fault, Head, Line
from app.db import table_of
from app.records.audit import AuditEntry, AuditHead, AuditPending

AT_A_TIME = 2000


@contextmanager
def standing_still() -> Iterator[Session]:
    """A reading in which the log doesn't grow, so that its last line and its head belong together."""
    if db.current().is_sqlite:
        with db.reading() as session:
            yield session
        return
    with db.patient_transaction() as session:
        session.execute(text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"))
        yield session


_COLUMNS = [table_of(AuditEntry).c[name] for name in Line.__dataclass_fields__]


def faults(session: Session, anchor: Anchor | None = None) -> Iterator[Fault]:
    """Yield all that is wrong with the log, or with what came since the anchor; nothing when it is whole."""
    row = session.scalar(select(AuditHead))
    head = Head(row.number, row.hash, row.key_id, row.mac) if row else None
    # A log begins with the tables that it stands in: without a line, and none that waits, it was emptied.
    begun = head is not None or not session.scalar(select(func.count()).select_from(AuditPending))
    lines = _lines(session, anchor.number if anchor else 0)
    return chain.faults(lines, head, keys.known(session), anchor=anchor, is_begun=begun)


def _lines(session: Session, first: int) -> Iterator[Line]:
    """Yield the lines from a number on, in order."""
    number = _COLUMNS[0]
    wanted = select(*_COLUMNS).order_by(number).limit(AT_A_TIME)
    rows = session.execute(wanted.where(number >= first)).all()
    while rows:
        yield from (Line(*row) for row in rows)
        rows = session.execute(wanted.where(number > rows[-1].number)).all()


def head_of(session: Session) -> Anchor | None:
    """Return where the log stands, to be noted outside; None before the first line."""
    row = session.scalar(select(AuditHead))
    return Anchor(row.number, row.hash) if row is not None and row.number else None


def count(session: Session) -> int:
    return session.scalar(select(func.count()).select_from(AuditEntry)) or 0


def waiting(session: Session) -> int:
    """Return how much has yet to be sealed."""
    return session.scalar(select(func.count()).select_from(AuditPending)) or 0
