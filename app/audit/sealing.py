"""How does what was written down become a line of the log? In order, each with the hash of the one before.

A worker does it every second. Whoever seals takes one row, the head, so that there is one after the other of
them; who writes what is to be sealed takes nothing that anybody else wants.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Table, delete, insert, literal, select
from sqlalchemy.dialects.postgresql import insert as postgres_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from app.audit import chain, keys, log
from app.audit.chain import Line
from app.audit.log import What
from app.db import table_of
from app.records.audit import AuditEntry, AuditHead, AuditPending, AuditSubject
from app.records.callers import Case, Customer

AT_A_TIME = 500
# Somebody who looks at the same person again for the same reason within so long stands there once: a desk
# shows its card anew whenever something about the call changes.
SAME_LOOK = timedelta(minutes=5)
HASHED = frozenset({"customer", "case", "number"})


@dataclass
class _Log:
    """The end of the log, while somebody seals."""

    session: Session
    head: AuditHead
    key_id: int
    key: bytes

    def append(self, rows: Sequence[dict[str, Any]]) -> None:
        lines = []
        for row in rows:
            bare = Line(
                number=self.head.number + 1,
                sort="look_up" if log.is_look_up(row["what"]) else "change",
                why=log.why(row["what"]),
                key_id=self.key_id,
                previous=self.head.hash,
                hash="",
                **row,
            )
            line = replace(bare, hash=chain.hash_of(self.key, bare))
            lines.append(vars(line))
            self.head.number, self.head.hash = line.number, line.hash
        if lines:
            self.session.execute(insert(AuditEntry), lines)
        self.head.key_id = self.key_id
        self.head.mac = chain.head_mac(self.key, self.head.number, self.head.hash)


def _open(session: Session, now: datetime) -> _Log:
    """Take the head. Raises KeyUnknown when nobody here can compute the next hash."""
    head = session.scalar(select(AuditHead).with_for_update())
    if head is None:
        _begin(session)
        head = session.scalars(select(AuditHead).with_for_update()).one()
    return _Log(session, head, *keys.current(session, now))


def _begin(session: Session) -> None:
    first = {"id": 1, "number": 0, "hash": chain.BEGINNING, "key_id": 0, "mac": ""}
    session.execute(_insert(session, table_of(AuditHead)).values(first).on_conflict_do_nothing())


def _insert(session: Session, table: Table) -> Any:
    """Return an insertion that may be told what to do about a row that stands already."""
    return (sqlite_insert if session.get_bind().dialect.name == "sqlite" else postgres_insert)(table)


def seal(session: Session, now: datetime) -> int:
    """Seal the oldest of what waits; return how many were taken from what waits, 0 when nothing is left."""
    log_ = _open(session, now)
    waiting = session.scalars(select(AuditPending).order_by(AuditPending.id).limit(AT_A_TIME)).all()
    seen: dict[tuple[str, str, str], datetime] = {}
    rows: list[dict[str, Any]] = []
    for one in waiting:
        for row in _rows(log_, one):
            if not _is_told(session, row, seen):
                rows.append(row)
    log_.append(rows)
    if waiting:
        session.execute(delete(AuditPending).where(AuditPending.id.in_([one.id for one in waiting])))
    return len(waiting)


def seal_all(session: Session, now: datetime) -> int:
    """Seal all that waits and is committed, or was written in this very transaction."""
    session.flush()
    count = 0
    while some := seal(session, now):
        count += some
    return count


def append(session: Session, row: Mapping[str, Any], now: datetime) -> None:
    """Put one line of the log's own at its end, past what waits."""
    _open(session, now).append([dict(row)])


def _rows(log_: _Log, one: AuditPending) -> list[dict[str, Any]]:
    """Return the lines that come of what was written down once: one for each of whom it names."""
    base = {"at": one.at, "what": one.what, "who": one.who, "via": one.via, "forgets_until": None}
    base["details"] = chain.details_as_text(one.details)
    subjects = []
    for kind, key in one.subjects:
        if kind not in HASHED:
            subjects.append((kind, key))
            continue
        hashed = keys.subject_hash(log_.key, kind, key)
        _remember(log_.session, kind, key, hashed)
        subjects.append((kind, hashed))
    return [base | {"subject_kind": kind, "subject": subject} for kind, subject in subjects or [("", "")]]


def _remember(session: Session, kind: str, key: str, hashed: str) -> None:
    """Keep whose hash it is while they are known; of a number nothing is kept."""
    model: Any = {"customer": Customer, "case": Case}.get(kind)
    if model is None:
        return
    known = select(literal(hashed), model.key).where(model.key == key)
    into = _insert(session, table_of(AuditSubject)).from_select(["hash", kind], known)
    session.execute(into.on_conflict_do_nothing())


def _is_told(session: Session, row: Mapping[str, Any], seen: dict[tuple[str, str, str], datetime]) -> bool:
    """Tell whether the log says already that the same person just looked at the same one in the same way."""
    if row["what"] not in _JOINED or not row["subject"]:
        return False
    same = (row["who"], row["what"], row["subject"])
    last = seen.get(same) or session.scalar(
        select(AuditEntry.at)
        .where(
            AuditEntry.subject == row["subject"],
            AuditEntry.who == row["who"],
            AuditEntry.what == row["what"],
        )
        .order_by(AuditEntry.number.desc())
        .limit(1)
    )
    if last is not None and abs(row["at"] - last) < SAME_LOOK:
        return True
    seen[same] = row["at"]
    return False


# A telephone that rings, a number that is revealed, a file that leaves: each counts.
_JOINED = frozenset(
    {What.CARD_OPENED, What.CUSTOMERS_SEARCHED, What.PROMISE_READ, What.THREAD_READ, What.CALL_READ}
    | {What.API_READ, What.PROMISES_LISTED, What.CALLS_SEARCHED, What.LOG_SEARCHED, What.RECORDING_HEARD}
)
