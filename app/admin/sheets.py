"""How does a spreadsheet's own file become rows, and rows one? Excel's and LibreOffice's."""

import io
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Sequence

from app.admin import sheet_reader
from app.errors import ApplicationError

EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
# Unpacked: beyond it somebody wants to fill our memory, or has another way (`flask load`).
MOST_BYTES = 32 * 1024 * 1024
MOST_ROWS = sheet_reader.MOST_ROWS
MOST_SECONDS = 20


class NotASheet(ApplicationError):
    """It begins as a spreadsheet does, and can't be read as one; or it is too large for a page."""


def is_sheet(content: bytes) -> bool:
    """Tell whether a file is Excel's or LibreOffice's own, rather than text."""
    return content.startswith((b"PK\x03\x04", b"\xd0\xcf\x11\xe0"))


def as_csv(content: bytes) -> str:
    """Return the first sheet of a file as CSV. Raises NotASheet."""
    _bound(content)
    command = [sys.executable, sheet_reader.__file__]
    try:
        done = subprocess.run(
            command, input=content, capture_output=True, timeout=MOST_SECONDS, check=False, env={}
        )
    except subprocess.TimeoutExpired as error:
        raise NotASheet("too large") from error
    if done.returncode:
        raise NotASheet("unreadable or too large")
    return done.stdout.decode()


def _bound(content: bytes) -> None:
    """A few kilobytes may unpack to gigabytes."""
    if not content.startswith(b"PK"):
        return
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            if sum(one.file_size for one in archive.infolist()) > MOST_BYTES:
                raise NotASheet("too large")
    except zipfile.BadZipFile as error:
        raise NotASheet("unreadable") from error


def as_excel(rows: Iterable[Sequence[object]]) -> bytes:
    """Return rows as a file of Excel's, the first with their names; each cell is a text, none a formula."""
    from xlsxwriter import Workbook

    content = io.BytesIO()
    with Workbook(content, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        plain, bold = book.add_format({"num_format": "@"}), book.add_format({"bold": True, "num_format": "@"})
        for number, row in enumerate(rows):
            for place, value in enumerate(row):
                sheet.write_string(number, place, str(value), bold if number == 0 else plain)
        sheet.freeze_panes(1, 0)
        sheet.set_column(0, 10, 22, plain)
    return content.getvalue()
