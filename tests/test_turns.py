"""Do calls of one turn go to PostgreSQL together, and does each hear, and lose, only what is its own?"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import bindparam, func, literal, select
from sqlalchemy.exc import DataError, IntegrityError

from app import db, turns
from app.carrier.executor import Executor
from app.errors import StoreUnavailable
from app.prepared import Prepared
from tests import factories
from tests.databases import NewDatabase
from tests.lanes import AGENTS, in_fiber, rings, until, written
from tests.test_fibers import LONG

LOCK = 20261201
# Answers with its value, once nobody else holds the lock, which each asks for alone.
ECHO = Prepared(
    select(bindparam("said", type_=db.Json).label("said"), func.pg_advisory_xact_lock_shared(LOCK).label("l"))
)
BACKEND = Prepared(select(func.pg_backend_pid().label("pid"), literal(1).label("one")))


@pytest.fixture(params=[False])
def database(
    request: pytest.FixtureRequest, new_database: NewDatabase, tmp_path: Path
) -> Iterator[db.Database]:
    """Twelve agents, and connections for as many calls as go together; `param`: whether they are patient."""
    made = db.bind(db.Database(new_database("postgresql", tmp_path, "turns"), patient=request.param))
    with made.transaction() as session:
        for key in AGENTS:
            factories.agent(session, key)
    with ExitStack() as crowd:
        for _ in range(turns.MOST_TOGETHER):
            crowd.enter_context(made.at_once())
    yield made
    made.dispose()


patient = pytest.mark.parametrize("database", [True], indirect=True)


@pytest.fixture
def other(database: db.Database) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """Somebody else at the same database."""
    with psycopg.connect(database.url.replace("+psycopg", ""), autocommit=True) as connection:
        yield connection


def holds(other: psycopg.Connection[tuple[Any, ...]]) -> None:
    other.execute("SELECT pg_advisory_lock(%s)", [LOCK])


def lets_go(other: psycopg.Connection[tuple[Any, ...]]) -> None:
    other.execute("SELECT pg_advisory_unlock_all()")


def waiting(other: psycopg.Connection[tuple[Any, ...]]) -> list[int]:
    """Return the server's processes that wait for the lock."""
    found = other.execute("SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
    return [pid for (pid,) in found]


def at_once(works: Sequence[Callable[[], Any]], deadline: float = LONG) -> list[Any]:
    """Do all in one turn of a loop, as calls are answered; return what came of each, or why nothing did."""
    executor = Executor(deadline)

    async def story() -> list[Any]:
        all_of_them = (in_fiber(partial(executor.at_once, work)) for work in works)
        return await asyncio.gather(*all_of_them, return_exceptions=True)

    return asyncio.run(story())


def all_say(executor: Executor) -> "list[asyncio.Task[object]]":
    """Let three calls of one turn say 0, 1 and 2."""
    return [
        asyncio.ensure_future(in_fiber(partial(executor.at_once, partial(says, number))))
        for number in range(3)
    ]


def says(said: object) -> object:
    with db.at_once() as connection:
        return ECHO.rows(connection, {"said": said})[0].said


def backend() -> int:
    with db.at_once() as connection:
        return int(BACKEND.rows(connection, {})[0].pid)


def transactions(other: psycopg.Connection[tuple[Any, ...]]) -> int:
    """Return in how many the answers were written."""
    [(count,)] = other.execute("SELECT count(DISTINCT xmin::text) FROM inbox").fetchall()
    return int(count)


def test_calls_of_one_turn_are_written_in_one_transaction(
    database: db.Database, other: psycopg.Connection[tuple[Any, ...]]
) -> None:
    numbers = [(key, f"CA{key}") for key in sorted(AGENTS)[: turns.MOST_TOGETHER]]

    assert at_once([partial(rings, database, *one) for one in numbers]) == [1] * len(numbers)
    assert written(database) == ([sid for _, sid in numbers], [(key, 1) for key, _ in numbers])
    assert transactions(other) == 1


def test_so_many_do_not_fit_into_one_transaction(
    database: db.Database, other: psycopg.Connection[tuple[Any, ...]]
) -> None:
    numbers = [(key, f"CA{key}") for key in sorted(AGENTS)]

    assert at_once([partial(rings, database, *one) for one in numbers]) == [1] * len(AGENTS)
    assert transactions(other) > 1


def test_all_of_a_turn_are_asked_on_the_connection_that_was_asked_last(database: db.Database) -> None:
    [first] = at_once([backend])

    assert at_once([backend] * 3) == [first] * 3
    assert at_once([backend] * 2) == [first] * 2


def test_each_hears_its_own(database: db.Database) -> None:
    said = [f"dag {number}" for number in range(5)] + [["één", "tw'ee"], {"drie": None}]

    assert at_once([partial(says, one) for one in said]) == said


def test_who_is_taken_already_or_was_answered_spoils_nothing_for_the_others(database: db.Database) -> None:
    assert rings(database, "agent0", "CA0") == 1
    numbers = ("agent1", "CA1"), ("agent2", "CA0"), ("agent0", "CA3"), ("agent4", "CA4"), ("agent4", "CA5")

    one, repeated, taken, *two_for_one = at_once([partial(rings, database, *each) for each in numbers])

    assert (one, taken) == (1, None)
    assert isinstance(repeated, IntegrityError)
    assert sorted(found or 0 for found in two_for_one) == [0, 1]
    sids, events = written(database)
    assert sids in (["CA0", "CA1", "CA4"], ["CA0", "CA1", "CA5"])
    assert events == [("agent0", 1), ("agent1", 1), ("agent4", 1)]
    # Of what failed nothing stands, not even that the agent was taken.
    assert rings(database, "agent2", "CA2") == 1


@pytest.mark.parametrize("place", [0, 1])
def test_what_can_not_be_sent_fails_alone(database: db.Database, place: int) -> None:
    numbers = [("agent0", "CA0"), ("agent1", "CA1")]
    numbers.insert(place, ("agent\x00", "CA2"))

    found = at_once([partial(rings, database, *one) for one in numbers])

    assert isinstance(found.pop(place), DataError)
    assert found == [1, 1]


@pytest.mark.gives_up_in_time
def test_who_meets_a_lock_waits_for_it_alone(
    database: db.Database, other: psycopg.Connection[tuple[Any, ...]]
) -> None:
    executor = Executor(LONG)

    async def story() -> list[Any]:
        other.execute("BEGIN")
        other.execute("SELECT FROM agent_slots WHERE agent = 'agent0' FOR UPDATE")
        held, *free = (
            asyncio.ensure_future(
                in_fiber(partial(executor.at_once, partial(rings, database, key, f"CA{key}")))
            )
            for key in AGENTS[:3]
        )
        found = await asyncio.gather(*free)
        assert not held.done()
        other.execute("COMMIT")
        return [await held, *found]

    assert asyncio.run(story()) == [1, 1, 1]


@patient
def test_a_connection_that_ends_under_them_takes_nobody_with_it(
    database: db.Database, other: psycopg.Connection[tuple[Any, ...]]
) -> None:
    executor = Executor(LONG)

    async def story() -> list[Any]:
        holds(other)
        asked = all_say(executor)
        await until(lambda: len(waiting(other)) == 1)
        [together] = waiting(other)
        other.execute("SELECT pg_terminate_backend(%s)", [together])
        # Now each waits for itself.
        await until(lambda: len(waiting(other)) == 3)
        lets_go(other)
        return await asyncio.gather(*asked)

    assert asyncio.run(story()) == [0, 1, 2]


@patient
def test_who_leads_and_leaves_takes_nobody_with_them(
    database: db.Database, other: psycopg.Connection[tuple[Any, ...]]
) -> None:
    executor = Executor(LONG)

    async def story() -> list[Any]:
        holds(other)
        leader, *followers = all_say(executor)
        await until(lambda: len(waiting(other)) == 1)
        leader.cancel()
        with suppress(asyncio.CancelledError):
            await leader
        lets_go(other)
        return await asyncio.gather(*followers)

    assert asyncio.run(story()) == [1, 2]


@patient
@pytest.mark.parametrize("leaves", [0, 1])
def test_who_leaves_before_anything_was_sent_takes_nobody_with_them(
    database: db.Database, leaves: int
) -> None:
    executor = Executor(LONG)

    async def story() -> list[Any]:
        asked = all_say(executor)
        await asyncio.sleep(0)
        asked[leaves].cancel()
        found = await asyncio.gather(*asked, return_exceptions=True)
        async with asyncio.timeout(60):
            return [*found, await in_fiber(partial(executor.at_once, partial(says, "later")))]

    found = asyncio.run(story())
    assert isinstance(found.pop(leaves), asyncio.CancelledError)
    assert found == [*(one for one in range(3) if one != leaves), "later"]


@patient
def test_a_database_that_says_nothing_is_given_up_by_all(
    database: db.Database, other: psycopg.Connection[tuple[Any, ...]]
) -> None:
    holds(other)
    found = at_once([partial(says, number) for number in range(3)], deadline=0.1)
    assert [type(one) for one in found] == [StoreUnavailable] * 3

    lets_go(other)
    assert at_once([partial(says, number) for number in range(3)]) == [0, 1, 2]
