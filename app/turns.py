"""How do calls go to PostgreSQL that are ready in the same turn of a loop? Together, there and back.

One way there and back for all of them, on one connection that is still warm, and one commit. See
docs/decisions/0036-calls-go-together.md.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

from app import fibers

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from asyncio import Future as LoopFuture

Row = TypeVar("Row")

# Of so many calls one transaction is made at the most, on either database: whoever else wants what one of
# them has locked waits until all are done.
MOST_TOGETHER = 8


@dataclass(eq=False)
class Asked:
    """The values of a statement, and what makes something of each row."""

    values: Sequence[Any]
    make: Callable[[Sequence[Any]], Any]
    # What came of it; None: nothing that we know of.
    rows: list[Any] | None = None
    # Settled when that is known; None for who leads.
    told: "LoopFuture[int] | None" = None


class Way(Protocol):
    """How statements go to the database on one connection."""

    def rows_alone(self, statement: str, asked: Asked) -> list[Any]:
        """Run a statement; raises what the driver raises."""

    def rows_together(self, statement: str, together: Sequence[Asked]) -> None:
        """Run a statement for all in one transaction; when it fails for one, nothing comes of any of them."""


class Turns:
    """What is asked by the fibers of a loop, turn by turn."""

    def __init__(self) -> None:
        self._gathering: dict[tuple[AbstractEventLoop, str], list[Asked]] = {}

    def rows(
        self,
        fiber: fibers.Fiber,
        way: Way,
        statement: str,
        values: Sequence[Any],
        make: Callable[[Sequence[Any]], Row],
    ) -> list[Row]:
        """Return what `make` makes of each row of a statement that many ask for, each with its own values.

        Raises what the driver raises, and WouldWait when it failed together with others: which of them it was
        shows when each does all of its work by itself.
        """
        asked = Asked(values, make)
        together = self._gathering.get((fiber.loop, statement))
        if together is None or len(together) == MOST_TOGETHER:
            self._lead(fiber, way, statement, asked)
        else:
            together.append(asked)
            asked.told = fiber.loop.create_future()
            fiber.wait_for(asked.told)
        if asked.rows is None:
            raise fibers.WouldWait
        return cast("list[Row]", asked.rows)

    def _lead(self, fiber: fibers.Fiber, way: Way, statement: str, asked: Asked) -> None:
        gathering, place = self._gathering, (fiber.loop, statement)
        together = gathering[place] = [asked]
        try:
            fiber.let_others()
            if gathering.get(place) is together:
                del gathering[place]
            if len(together) == 1:
                asked.rows = way.rows_alone(statement, asked)
            else:
                way.rows_together(statement, together)
        finally:
            # Who leads may be given up at any time.
            if gathering.get(place) is together:
                del gathering[place]
            for one in together:
                if one.told is not None:
                    fibers.settle(one.told)
