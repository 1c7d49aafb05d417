"""Does anything wait for what is slow, and what if nobody can say what is due?"""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Select, literal, select

from app import bus, db
from app.bells import Bells
from app.jobs.look import Moments
from app.jobs.schedule import Job, Schedule, Way, listen
from app.records.calls import Call
from tests.jobs.holding import until

NO_REDIS = "redis://127.0.0.1:1/0"


@pytest.fixture
def gates() -> Iterator[Callable[[], threading.Event]]:
    """What a slow job waits at; in the end all are open."""
    made: list[threading.Event] = []

    def make() -> threading.Event:
        made.append(threading.Event())
        return made[-1]

    yield make
    for gate in made:
        gate.set()


@contextmanager
def running(jobs: dict[str, Job], redis_url: str = NO_REDIS) -> Iterator[Schedule]:
    schedule = Schedule(jobs, redis_url, threading.Event())
    loop = threading.Thread(target=schedule.run)
    loop.start()
    try:
        yield schedule
    finally:
        schedule.stop()
        loop.join()
        schedule.finish(60)


def always(moments: Moments) -> Select[int]:
    return select(literal(1))


def wanted(moments: Moments) -> Select[str]:
    """What a database has only when it is one of ours."""
    return select(Call.sid)


def never(moments: Moments) -> Select[int]:
    return select(literal(1)).where(literal(False))


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize("way", [Way.BESIDE, Way.QUEUED])
def test_nothing_waits_for_a_job_that_is_slow(way: Way, gates: Callable[[], threading.Event]) -> None:
    answers, began, quick = gates(), threading.Event(), []

    def slow() -> None:
        began.set()
        answers.wait()

    jobs = {
        "slow": Job(way, slow, always),
        "other": Job(way, lambda: quick.append("other"), always),
        "here": Job(Way.HERE, lambda: quick.append("here"), always),
    }
    with running(jobs) as schedule, ExitStack() as opened:
        opened.callback(answers.set)
        until(began.is_set)
        quick.clear()
        schedule.ring()
        until(lambda: {"other", "here"} <= set(quick))


@pytest.mark.usefixtures("database")
def test_as_many_threads_work_on_a_job_as_it_may_have(gates: Callable[[], threading.Event]) -> None:
    answers, under_way = gates(), []

    def slow() -> None:
        under_way.append(threading.current_thread())
        answers.wait()

    looks: list[int] = []
    jobs = {
        "slow": Job(Way.BESIDE, slow, always, at_once=2),
        "look": Job(Way.HERE, lambda: looks.append(1), always),
    }
    with running(jobs) as schedule, ExitStack() as opened:
        opened.callback(answers.set)
        for count in range(1, 6):
            schedule.ring()
            until(lambda: len(looks) >= count)  # noqa: B023
        until(lambda: len(under_way) >= 2)
        assert len(under_way) == 2


@pytest.mark.usefixtures("database")
def test_only_what_is_due_is_done_and_what_has_moved_is_looked_at_again_at_once() -> None:
    done: list[str] = []

    def moves() -> bool:
        done.append("moves")
        return len(done) < 5

    with running(
        {"never": Job(Way.HERE, lambda: done.append("never"), never), "moves": Job(Way.HERE, moves)}
    ):
        until(lambda: len(done) >= 5)

    assert set(done) == {"moves"}


def test_while_nobody_can_say_what_is_due_each_job_is_tried_all_the_same(tmp_path: Path) -> None:
    done: list[str] = []

    def fails() -> None:
        done.append("fails")
        raise RuntimeError

    nothing = db.bind(db.Database(f"sqlite:///{tmp_path}/nothing.db"))
    jobs = {
        "fails": Job(Way.HERE, fails, wanted),
        "other": Job(Way.BESIDE, lambda: done.append("other"), never),
    }
    with running(jobs):
        until(lambda: {"fails", "other"} <= set(done))
    nothing.dispose()


@pytest.mark.usefixtures("database")
def test_whoever_stops_finishes_what_is_under_way_and_begins_nothing_more(
    gates: Callable[[], threading.Event],
) -> None:
    answers, began, done = gates(), threading.Event(), []

    def slow() -> None:
        began.set()
        answers.wait()
        done.append("slow")

    with running({"slow": Job(Way.BESIDE, slow, always)}) as schedule:
        until(began.is_set)
        schedule.stop()
        schedule.begin("slow")
        answers.set()
        schedule.finish(60)

    assert done == ["slow"]


def test_a_bell_is_heard(redis_url: str) -> None:
    heard, stopped = threading.Event(), threading.Event()
    ears = threading.Thread(target=listen, args=(redis_url, heard.set, stopped), daemon=True)
    ears.start()
    bells = Bells(redis_url)

    until(lambda: bells.publish([(bus.WORKERS, "outbox")]) and heard.is_set())

    stopped.set()
    bells.publish([(bus.WORKERS, "outbox")])
    ears.join(60)
    assert not ears.is_alive()
