"""How do many noisy passes become one figure? Ratios within each round, their median and their spread."""

import statistics
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Goal(StrEnum):
    AT_LEAST = "≥"
    AT_MOST = "≤"


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One line of the table: how a quantity of a subject compares with that of its floor."""

    measurement: str
    subject: str
    quantity: str
    floor: str
    median: float
    low: float
    high: float
    goal: tuple[Goal, float] | None = None
    unit: str = "×"

    @property
    def is_met(self) -> bool | None:
        """Whether the median meets the goal; None when none was set."""
        if self.goal is None:
            return None
        kind, limit = self.goal
        return self.median >= limit if kind is Goal.AT_LEAST else self.median <= limit

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"is_met": self.is_met}


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` (0–1) of them don't exceed. ValueError on none."""
    if not values:
        raise ValueError("no values, so no percentile")
    ordered = sorted(values)
    rank = -(-len(ordered) * round(share * 10_000) // 10_000)  # rounded up, without a float's own error
    return ordered[max(0, int(rank) - 1)]


def compared(
    subject: Sequence[float],
    floor: Sequence[float],
    *,
    measurement: str,
    names: tuple[str, str],
    quantity: str,
    goal: tuple[Goal, float] | None = None,
) -> Figure:
    """Compare two series that were measured side by side, round by round; `names` are subject and floor."""
    ratios = [one / other for one, other in zip(subject, floor, strict=True)]
    return summed_up(
        ratios, measurement=measurement, subject=names[0], quantity=quantity, floor=names[1], goal=goal
    )


def summed_up(
    values: Sequence[float],
    *,
    measurement: str,
    subject: str,
    quantity: str,
    floor: str,
    goal: tuple[Goal, float] | None = None,
    unit: str = "×",
) -> Figure:
    return Figure(
        measurement=measurement,
        subject=subject,
        quantity=quantity,
        floor=floor,
        median=statistics.median(values),
        low=min(values),
        high=max(values),
        goal=goal,
        unit=unit,
    )


def table(figures: Sequence[Figure]) -> str:
    """Return the figures as a table of plain text."""
    head = ("measurement", "subject", "quantity", "against", "median", "spread", "goal", "")
    rows = [head, *(_row(figure) for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    return "\n".join([lines[0], "─" * max(map(len, lines)), *lines[1:]])


def _row(figure: Figure) -> tuple[str, ...]:
    met = {True: "met", False: "NOT met", None: ""}[figure.is_met]
    goal = f"{figure.goal[0]} {figure.goal[1]:g} {figure.unit}" if figure.goal else ""
    return (
        figure.measurement,
        figure.subject,
        figure.quantity,
        figure.floor,
        f"{_short(figure.median)} {figure.unit}",
        f"{_short(figure.low)} – {_short(figure.high)}",
        goal,
        met,
    )


def _short(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"
