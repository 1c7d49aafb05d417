"""What does this file hold? Reads a CSV of one kind of record, reports what can't be used, loads the rest."""

import csv
import re
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from io import TextIOWrapper
from itertools import count, islice
from pathlib import Path
from typing import Any, TextIO

from app.api import encodings, store
from app.api.fields import Defaults, Problem, Refused
from app.api.records import Kind
from app.db import Database
from app.errors import ApplicationError

# One transaction each: long enough to be quick, short enough that a call never waits for a load.
ROWS_AT_ONCE = 5_000
SEPARATORS = (",", ";", "\t")
# Where our own files have an apostrophe, so that a spreadsheet reckons nothing: see admin/office_file.py.
_GUARD = re.compile(r"""(^|[,;|:\t"'\r\n])([ \u00a0]*)'(?=[=+\-@\t\r＝＋－＠])""")
# A first line with which spreadsheets tell each other what separates the cells; they show no row for it.
_SAYS_SEPARATOR = re.compile(r"\"?sep=(.)\"?[,;\t]*\r?\n?")
# The longest field that can be right, and more. A quote that is never closed swallows no more than this.
LONGEST_CELL = 40_000
# Where a problem stands that is no single field's.
WHOLE_ROW, FIRST_LINE = "*", "columns"


class UnusableFile(ApplicationError):
    """Nothing of the file can be used; `problem` says what to mend in its first line."""

    def __init__(self, code: str, columns: Collection[str]) -> None:
        super().__init__(code)
        values = {"columns": ", ".join(columns), "count": len(columns)}
        self.problem = Problem(FIRST_LINE, code, values)


@dataclass(frozen=True)
class RefusedRow:
    """A row that can't be used. Rows are counted as a spreadsheet does: the columns' names are row 1."""

    row: int
    problems: tuple[Problem, ...]


@dataclass
class Report:
    """What came of a file."""

    loaded: int = 0
    refused: int = 0
    encoding: str = encodings.UTF_8  # in which the file was read


def load(
    database: Database,
    kind: Kind[Any],
    path: Path,
    defaults: Defaults,
    *,
    dry_run: bool,
    on_refused: Callable[[RefusedRow], None],
    on_progress: Callable[[int], None],
) -> Report:
    """Load the file's usable rows, or with `dry_run` only check them all.

    Rows go in by the thousand, each batch in a transaction of its own; the same file again changes nothing.
    Of several rows with one key the last counts. `on_progress` is told how many bytes were read since the
    last time. Raises UnusableFile when the file itself can't be read.
    """
    report = Report(encoding=encodings.of_file(path))

    def refuse(refused: RefusedRow) -> None:
        report.refused += 1
        on_refused(refused)

    def finished(batch: list[Numbered], missing: dict[int, list[Problem]]) -> None:
        for position, problems in sorted(missing.items()):
            refuse(RefusedRow(batch[position][0], tuple(problems)))
        report.loaded += len(batch) - len(missing)

    work = _check_only if dry_run else _write
    # What isn't UTF-8 comes through as lone surrogates, which every field refuses: see _if_not_utf8.
    with (
        path.open("rb") as file,
        TextIOWrapper(file, encoding=report.encoding, errors="surrogateescape", newline="") as text,
        ThreadPoolExecutor(max_workers=1) as database_side,
    ):
        records = _usable_records(kind, _rows(kind, text, refuse), defaults, refuse)
        told = 0
        before: tuple[list[Numbered], Future[dict[int, list[Problem]]]] | None = None
        # While the database works on one batch the next one is read and checked.
        while batch := list(islice(records, ROWS_AT_ONCE)):
            if before:
                finished(before[0], before[1].result())
            before = (batch, database_side.submit(work, database, kind, batch))
            read = file.tell()
            on_progress(read - told)
            told = read
        if before:
            finished(before[0], before[1].result())
    return report


Numbered = tuple[int, Any]  # a record and its row


def _check_only(database: Database, kind: Kind[Any], batch: list[Numbered]) -> dict[int, list[Problem]]:
    with database.reading() as session:
        return store.refused(session, kind, [record for _, record in batch])


def _write(database: Database, kind: Kind[Any], batch: list[Numbered]) -> dict[int, list[Problem]]:
    with database.transaction() as session:
        missing = store.refused(session, kind, [record for _, record in batch])
        usable = [record for position, (_, record) in enumerate(batch) if position not in missing]
        store.write(session, kind, usable)
    return missing


def _usable_records(
    kind: Kind[Any],
    rows: Iterator[tuple[int, list[str]]],
    defaults: Defaults,
    refuse: Callable[[RefusedRow], None],
) -> Iterator[Numbered]:
    for row, cells in rows:
        try:
            record = kind.from_cells(cells, defaults)
        except Refused as refused:
            problems = (_if_not_utf8(problem, cells, kind) for problem in refused.problems)
            refuse(RefusedRow(row, tuple(problems)))
        else:
            yield row, record


def _if_not_utf8(problem: Problem, cells: list[str], kind: Kind[Any]) -> Problem:
    """Name the cause rather than its effect: the field is refused because its bytes are no UTF-8."""
    cell = cells[kind.columns.index(problem.field)]
    is_utf8 = not any("\udc80" <= character <= "\udcff" for character in cell)
    return problem if is_utf8 else Problem(problem.field, "not_utf8")


def _rows(
    kind: Kind[Any], file: TextIO, refuse: Callable[[RefusedRow], None]
) -> Iterator[tuple[int, list[str]]]:
    """Read the rows, their cells in the order of the kind's columns. Raises UnusableFile."""
    separator, header = _read_header(kind, file)
    order = [header.index(name) for name in kind.columns]
    width = len(header)
    reader = csv.reader(file, delimiter=separator, skipinitialspace=True, strict=True)
    limit = csv.field_size_limit(LONGEST_CELL)
    try:
        for row in count(2):
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                refuse(RefusedRow(row, (Problem(WHOLE_ROW, "not_csv", {"why": error}),)))
                continue
            if len(cells) != width:
                if not any(map(str.strip, cells)):
                    continue  # an empty line
                # Spreadsheets write separators after the last column that anybody ever typed in.
                if len(cells) < width or any(map(str.strip, cells[width:])):
                    too_few = len(cells) < width
                    where, code = (
                        (header[len(cells)], "too_few_cells") if too_few else (WHOLE_ROW, "too_many_cells")
                    )
                    values = {"cells": len(cells), "expected": width}
                    refuse(RefusedRow(row, (Problem(where, code, values),)))
                    continue
            kept = [cells[position] for position in order]
            yield row, list(map(_without_guard, kept)) if kind.is_exported else kept
    finally:
        csv.field_size_limit(limit)


def _without_guard(cell: str) -> str:
    return _GUARD.sub(r"\1\2", cell) if "'" in cell else cell


def _read_header(kind: Kind[Any], file: TextIO) -> tuple[str, list[str]]:
    """Return the separator and the columns' names. Raises UnusableFile unless they are the kind's."""
    line = file.readline()
    if said := _SAYS_SEPARATOR.fullmatch(line):
        line = file.readline()
    expected = set(kind.columns)
    readings = [(separator, _names(line, separator)) for separator in (said[1] if said else SEPARATORS)]
    separator, header = max(readings, key=lambda reading: len(expected.intersection(reading[1])))
    while header and not header[-1]:
        header.pop()
    if not header:
        raise UnusableFile("empty_file", kind.columns)
    if missing := [name for name in kind.columns if name not in header]:
        raise UnusableFile("columns_missing", missing)
    if extra := [name for name in header if name not in expected]:
        raise UnusableFile("columns_extra", extra)
    if len(header) > len(expected):
        raise UnusableFile("columns_twice", [name for name in kind.columns if header.count(name) > 1])
    return separator, header


def _names(line: str, separator: str) -> list[str]:
    cells: list[str] = next(csv.reader([line], delimiter=separator, skipinitialspace=True), [])
    return [cell.strip().lower() for cell in cells]
