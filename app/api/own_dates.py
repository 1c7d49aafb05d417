"""How do days with hours of their own reach their lines? Each replaces what was said of that day before."""

from collections.abc import Sequence
from datetime import date

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.api.fields import Problem
from app.api.records import DateRecord
from app.lines.dates import MOST_DATES, Dates, NotHours, OwnDate, SaidTwice
from app.records.lines import Line


def refused(session: Session, records: Sequence[DateRecord]) -> dict[int, list[Problem]]:
    """Tell which days can't stand beside the others of their line: their position, and what to mend."""
    problems: dict[int, list[Problem]] = {}
    lines = _dates_of(session, {record.line for record in records})
    said: dict[tuple[str, date], OwnDate] = {}  # in this very file
    for position, record in enumerate(records):
        if record.line not in lines:
            problems[position] = [Problem("line", "no_such_line", {"text": record.line})]
            continue
        try:
            one = record.own
            if (before := said.setdefault((record.line, record.date), one)) is not one:
                raise SaidTwice(record.date, before, one)
            lines[record.line] = _with(lines[record.line], one)
        except NotHours:
            problems[position] = [Problem("until", "not_after_date", {"text": str(record.until)})]
        except SaidTwice as twice:
            which = twice.one if twice.one != record.own else twice.other
            values = {"text": str(twice.day), "which": str(which)}
            problems[position] = [Problem("date", "date_said_twice", values)]
        if len(lines[record.line].each) > MOST_DATES:
            problems[position] = [Problem("date", "too_many", {"most": MOST_DATES})]
    return problems


def write(session: Session, records: Sequence[DateRecord]) -> None:
    """Write days that were checked."""
    lines = _dates_of(session, {record.line for record in records}, is_locked=True)
    for record in records:
        lines[record.line] = _with(lines[record.line], record.own)
    for number, dates in sorted(lines.items()):
        session.execute(update(Line).where(Line.number == number).values(dates=str(dates)))


def _with(dates: Dates, one: OwnDate) -> Dates:
    """Put a day in the place of the one that began when it does, or beside the others."""
    return Dates.of([*(other for other in dates.each if other.first != one.first), one])


def _dates_of(session: Session, numbers: set[str], *, is_locked: bool = False) -> dict[str, Dates]:
    wanted = select(Line.number, Line.dates).where(Line.number.in_(numbers)).order_by(Line.number)
    rows = session.execute(wanted.with_for_update() if is_locked else wanted)
    return {row.number: Dates.parse(row.dates) for row in rows}
