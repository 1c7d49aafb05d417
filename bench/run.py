"""How long may a run take? What each measurement is given: the machine, and how much of everything."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from bench.servers import Machine, plain
from bench.town import AnyTown, PostgresTown, SqliteTown, Town


@dataclass
class Run:
    """One run of the bench; `quick` shows that all of it works and what dominates, roughly."""

    machine: Machine
    quick: bool = False
    large: bool = False
    # The same calls in each run; what is new is the machine.
    chance: random.Random = field(default_factory=lambda: random.Random(2026))
    seen: dict[str, object] = field(default_factory=dict)  # absolute values, for the JSON only
    _towns: dict[int, tuple[str, PostgresTown]] = field(default_factory=dict)

    @property
    def rounds(self) -> int:
        return 3 if self.quick else 7

    @property
    def calls(self) -> int:
        """In each pass at full speed."""
        return 300 if self.quick else 500

    @property
    def calm_seconds(self) -> float:
        return 5.0 if self.quick else 10.0

    @property
    def sizes(self) -> tuple[int, ...]:
        """How many numbers the towns have, growing."""
        if self.quick:
            return 1_000, 10_000
        return (10_000, 1_000_000, 10_000_000) if self.large else (10_000, 1_000_000)

    def postgres_town(self, customers: int) -> tuple[str, AnyTown]:
        """Return the address of a loaded PostgreSQL, made once in a run, and the town in it."""
        if customers not in self._towns:
            url = self.machine.new_postgres_database()
            town = PostgresTown(plain(url), Town(customers))
            town.load()
            self._towns[customers] = url, town
        return self._towns[customers]

    @contextmanager
    def sqlite_town(self, customers: int) -> Iterator[tuple[str, AnyTown]]:
        url = self.machine.new_sqlite_database()
        town = SqliteTown(url.removeprefix("sqlite:///"), Town(customers))
        town.load()
        try:
            yield url, town
        finally:
            town.close()

    def close(self) -> None:
        for _url, town in self._towns.values():
            town.close()
