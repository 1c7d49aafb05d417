"""What did a customer send during a call, and who gets it back? Files, in pieces, in the database.

Kept as they are found to be (app/screen/inspecting.py), with the case of the call or, without one, for some
time. Never shown: handed out, to whom the call was for, as a file to save.
"""

import json
import logging
import secrets
import subprocess
import sys
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from sqlalchemy import ColumnElement, func, or_, select, update
from sqlalchemy.orm import Session

from app.errors import ApplicationError, NotNow
from app.records.calls import Call
from app.records.screen import ItemKind, ScreenItem, ScreenPage, Upload, UploadPiece
from app.screen import items, pages

log = logging.getLogger(__name__)

# Looks at files in a process of its own; what it needs of libraries no other process loads.
INSPECTOR = Path(__file__).with_name("inspecting.py")
MOST_BYTES = 10 * 1024 * 1024  # as it has it
MOST_OF_CALL = 12
PIECE_BYTES = 512 * 1024
LONGEST_NAME = 80
INSPECTION_SECONDS = 40
_ENDINGS = {"image/jpeg": "jpg", "image/png": "png", "application/pdf": "pdf"}


class Opens(Protocol):
    def __call__(self) -> AbstractContextManager[Session]: ...


class NotKept(ApplicationError):
    """A file can't be kept; `code` is the catalogue's, screen.upload_…."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Inspected:
    content_type: str
    data: bytes


@dataclass(frozen=True)
class FileCard:
    """A file as the desk lists it."""

    id: str
    name: str
    content_type: str
    size: int
    at: datetime

    @property
    def kilobytes(self) -> int:
        return -(-self.size // 1024)

    @property
    def ending(self) -> str:
        return _ENDINGS.get(self.content_type, "bin")


def inspected(data: bytes) -> Inspected:
    """Return what a file is and what of it is kept, found out by another process. Raises NotKept."""
    if len(data) > MOST_BYTES:
        raise NotKept("upload_large")
    # Isolated, without our environment: a library that a file gets the better of finds nothing there.
    command = [sys.executable, "-I", str(INSPECTOR)]
    try:
        done = subprocess.run(
            command, input=data, capture_output=True, timeout=INSPECTION_SECONDS, check=False, env={}
        )
    except (subprocess.TimeoutExpired, OSError):
        log.warning("a file could not be looked at", extra={"bytes": len(data)})
        raise NotKept("upload_broken") from None
    head, _, kept = done.stdout.partition(b"\n")
    try:
        said = json.loads(head)
    except ValueError:
        # It took more than it may, and was ended.
        log.warning("a file broke what looks at files", extra={"code": done.returncode, "bytes": len(data)})
        raise NotKept("upload_broken") from None
    if "why" in said:
        raise NotKept(f"upload_{said['why']}")
    return Inspected(str(said["type"]), kept)


def may_send(session: Session, page: ScreenPage, item_id: int) -> bool:
    """Tell whether a file may be sent now; asked before one byte of it is read."""
    try:
        _asked_for(session, page, item_id)
    except NotNow:
        return False
    return True


def _asked_for(session: Session, page: ScreenPage, item_id: int) -> ScreenItem:
    item = items.asked_for(session, page, item_id, frozenset({ItemKind.UPLOAD}))
    sent = select(func.count()).where(Upload.call_sid == page.call_sid)
    if (session.scalar(sent) or 0) >= MOST_OF_CALL:
        raise NotNow("not_more_files")
    return item


def keep(
    session: Session, page: ScreenPage, item_id: int, name: str, found: Inspected, now: datetime
) -> Upload:
    """Keep a file with the case of the call, held by the page's lock. Raises NotNow."""
    item = _asked_for(session, page, item_id)
    call = session.get_one(Call, page.call_sid)
    upload = Upload(
        id=secrets.token_hex(16),
        call_sid=call.sid,
        item=item.id,
        customer=call.customer,
        case=call.case,
        name=plain_name(name),
        content_type=found.content_type,
        size=len(found.data),
        at=now,
    )
    session.add(upload)
    session.flush()
    for number, start in enumerate(range(0, len(found.data), PIECE_BYTES)):
        piece = found.data[start : start + PIECE_BYTES]
        session.add(UploadPiece(upload=upload.id, number=number, bytes=piece))
        session.flush()
    item.answered_at = item.answered_at or now
    pages.changed(session, page, now)
    return upload


def plain_name(name: str) -> str:
    """Return what they call it, to be read by a person: no path, no mark that turns letters round."""
    last = name.replace("\\", "/").rpartition("/")[2]
    kept = "".join(one for one in last if unicodedata.category(one)[0] not in "CZ" or one == " ")
    return " ".join(kept.split())[:LONGEST_NAME] or "?"


# --- getting it back ----------------------------------------------------------------------------------


def of_items(session: Session, page: ScreenPage) -> dict[int, tuple[FileCard, ...]]:
    wanted = select(Upload).join(ScreenItem, ScreenItem.id == Upload.item).where(ScreenItem.page == page.id)
    found: dict[int, tuple[FileCard, ...]] = {}
    for row in session.scalars(wanted.order_by(Upload.at)):
        if row.item is not None:
            found[row.item] = (*found.get(row.item, ()), _card(row))
    return found


def of_call(session: Session, call: Call) -> Sequence[FileCard]:
    """Return all that whoever has this call may read: what was sent in it, and earlier on its case."""
    wanted = select(Upload).where(_of_call(call)).order_by(Upload.at.desc()).limit(50)
    return [_card(row) for row in session.scalars(wanted)]


def one_of_call(session: Session, call: Call, upload: str) -> Upload | None:
    return session.scalar(select(Upload).where(Upload.id == upload, _of_call(call)))


def _of_call(call: Call) -> ColumnElement[bool]:
    sent_in_it = Upload.call_sid == call.sid
    if call.customer is None or call.case is None:
        return sent_in_it
    return or_(sent_in_it, (Upload.case == call.case) & (Upload.customer == call.customer))


def _card(row: Upload) -> FileCard:
    return FileCard(row.id, row.name, row.content_type, row.size, row.at)


def pieces(open_: Opens, upload: str) -> Iterator[bytes]:
    """Yield a file's bytes, with no transaction open while they are being sent."""
    number = 0
    while True:
        with open_() as session:
            piece = session.get(UploadPiece, (upload, number))
            data = piece.bytes if piece is not None else None
        if data is None:
            return
        yield data
        number += 1


def headers(upload: Upload) -> dict[str, str]:
    """Return how a file is handed out: to be saved, under a name of ours, and by nothing to be run."""
    ending = _ENDINGS.get(upload.content_type, "bin")
    return {
        "Content-Type": upload.content_type
        if upload.content_type in _ENDINGS
        else "application/octet-stream",
        "Content-Length": str(upload.size),
        "Content-Disposition": f'attachment; filename="{upload.at:%Y%m%d}-{upload.id[:8]}.{ending}"',
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-store",
    }


def belongs_to(session: Session, call: Call) -> None:
    """What was sent in a call goes with whom, and what, it turns out to be about."""
    session.execute(
        update(Upload)
        .where(Upload.call_sid == call.sid)
        .values(customer=call.customer, case=call.case)
        .execution_options(synchronize_session=False)
    )
