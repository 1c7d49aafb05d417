"""What is due? One question for all jobs: each worker asks it about once a second, so it must cost little."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import BindParameter, ScalarSelect, Select, bindparam, func, literal, select

from app import db
from app.db import UtcDateTime


@dataclass
class Moments:
    """Moments before that of a look, as their places in a statement that is built once."""

    _ago: dict[str, timedelta] = field(default_factory=dict)

    @property
    def now(self) -> BindParameter[datetime]:
        return self.ago(timedelta())

    def ago(self, time: timedelta) -> BindParameter[datetime]:
        name = f"ago_{time.total_seconds():.0f}"
        self._ago[name] = time
        return bindparam(name, type_=UtcDateTime())

    def at(self, now: datetime) -> dict[str, datetime]:
        """Return what stands in these places when it is `now`."""
        return {name: now - time for name, time in self._ago.items()}


# What there is to do for a job.
Rows = Callable[[Moments], Select[*tuple[Any, ...]]]


class Look:
    """Built once, asked again and again: building it takes many times longer than asking it."""

    def __init__(self, jobs: Mapping[str, tuple[Rows, int]]) -> None:
        """`jobs` by their names: the rows of each, and how many of them are of interest."""
        self._moments = Moments()
        self._statement = select(
            *(self._count(rows, most).label(name) for name, (rows, most) in jobs.items())
        )

    def at(self, now: datetime) -> Mapping[str, int]:
        """Return how many rows there are for each job, by its name. Raises SQLAlchemy's errors."""
        with db.reading() as session:
            found = session.execute(self._statement, self._moments.at(now))
            return {str(name): count for name, count in found.mappings().one().items()}

    def _count(self, rows: Rows, most: int) -> ScalarSelect[int]:
        found = rows(self._moments).with_only_columns(literal(1), maintain_column_froms=True).order_by(None)
        return select(func.count()).select_from(found.limit(most).subquery()).scalar_subquery()
