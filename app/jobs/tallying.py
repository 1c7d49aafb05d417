"""Are there more lines of tallies than a monitor should add up? Then a few are made of many."""

from collections import defaultdict

from sqlalchemy import Select, delete, select
from sqlalchemy.orm import Session

from app import db
from app.records.tallies import Figure, Tally

# Fewer than these are added up in no time; each time some twenty come back.
MANY = 500
AT_A_TIME = 1000


def many() -> Select[int]:
    """Return the lines that are too many."""
    return select(Tally.id).offset(MANY)


def add_up() -> int:
    """Add up all lines; return how many. Safe when several do so at once: each takes what no other holds."""
    done = 0
    while True:
        with db.transaction() as session:
            some = _add_up_some(session)
        done += some
        if some < AT_A_TIME:
            return done


def _add_up_some(session: Session) -> int:
    oldest = select(Tally.id, Tally.figure, Tally.label, Tally.times, Tally.seconds).order_by(Tally.id)
    lines = session.execute(oldest.limit(AT_A_TIME).with_for_update(skip_locked=True)).all()
    times: dict[tuple[Figure, str], int] = defaultdict(int)
    seconds: dict[tuple[Figure, str], float] = defaultdict(float)
    for line in lines:
        times[line.figure, line.label] += line.times
        seconds[line.figure, line.label] += line.seconds
    session.execute(delete(Tally).where(Tally.id.in_([line.id for line in lines])))
    session.add_all(
        Tally(figure=figure, label=label, times=count, seconds=seconds[figure, label])
        for (figure, label), count in sorted(times.items())
    )
    return len(lines)
