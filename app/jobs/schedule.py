"""Which job runs when, and where? The rows say what is due; bells only make it sooner, and may be lost."""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

import redis as redis_client
from rq import Queue
from rq.serializers import JSONSerializer

from app import bus
from app.clock import utcnow
from app.jobs.look import Look, Rows

log = logging.getLogger(__name__)

QUEUE = "rechtdoor"
# Nobody who waits for an agent waits longer than this after the agent is free, bell or no bell.
LOOKS_EVERY_SECONDS = 1.0
# Nothing was due, and nobody waited.
LOOKS_IDLY_EVERY_SECONDS = 2.0
# When nobody can say what is due, everything may be; it is tried, but not again and again.
BLIND_EVERY_SECONDS = 5.0
# The loop doesn't wait longer for Redis to take a job.
ENQUEUE_SECONDS = 0.2
# A bell is heard at once; this is how often whoever listens asks whether Redis is still there.
LISTEN_SECONDS = 30.0


class Way(Enum):
    """Where a job is done."""

    HERE = auto()  # in the loop itself: a matter of milliseconds, and callers wait for it
    BESIDE = auto()  # by each worker that sees that it is due, in threads beside the loop
    QUEUED = auto()  # by whichever worker takes it from the queue, in threads beside its loop


@dataclass
class Job:
    """One thing that is done again and again: when a look finds rows for it, or else in its time."""

    way: Way
    do: Callable[[], object]
    rows: Rows | None = None
    every_seconds: float = 0.0  # and not more often
    at_once: int = 1  # threads of one worker
    next_at: float = 0.0
    threads: list[threading.Thread] = field(default_factory=list)


class Schedule:
    """Runs what is due in one worker. Any number of workers may do so at once.

    What asks others, who may be slow, is never done in the loop, and each such job has threads of its own:
    nothing waits for anything else, least of all a caller whose turn it is.
    """

    def __init__(self, jobs: Mapping[str, Job], redis_url: str, stopped: threading.Event) -> None:
        """`jobs` by their names, the most urgent first; none begins anew once `stopped` is set."""
        self.jobs, self.stopped = jobs, stopped
        self._look = Look({name: (job.rows, job.at_once) for name, job in jobs.items() if job.rows})
        self._blind_until = 0.0
        self._bell, self._beginning = threading.Event(), threading.Lock()
        self._redis = redis_client.Redis.from_url(
            redis_url, socket_timeout=ENQUEUE_SECONDS, socket_connect_timeout=ENQUEUE_SECONDS
        )
        self._queue = Queue(QUEUE, connection=self._redis, serializer=JSONSerializer)

    def run(self) -> None:
        """Run until stopped: look every second or two, and at once when a bell rings."""
        while not self.stopped.is_set():
            self._bell.clear()
            self._bell.wait(self._look_around())
        self._redis.close()

    def ring(self) -> None:
        """Something may be due: look at once."""
        self._bell.set()

    def stop(self) -> None:
        self.stopped.set()
        self.ring()

    def finish(self, seconds: float) -> None:
        """Wait for the end of what is under way; what doesn't end is found again in the database."""
        deadline = time.monotonic() + seconds
        for job in self.jobs.values():
            for thread in job.threads:
                thread.join(max(0.0, deadline - time.monotonic()))

    def begin(self, name: str, count: int = 1) -> None:
        """Have `count` threads work on a job, beside those that do, as far as it may have more."""
        job = self.jobs[name]
        if self.stopped.is_set():
            return
        with self._beginning:
            job.threads = [thread for thread in job.threads if thread.is_alive()]
            for _ in range(min(count, job.at_once - len(job.threads))):
                # What a thread does may be broken off at any point, so it ends with the process.
                thread = threading.Thread(target=self._do, args=(name, job), name=name, daemon=True)
                job.threads.append(thread)
                thread.start()

    def _look_around(self) -> float:
        """Start what is due; return how many seconds there are until the next look."""
        due, now, has_moved = self._due(), time.monotonic(), False
        for name, job in self.jobs.items():
            count = due.get(name, 0) if job.rows else 1
            if count and job.next_at <= now:
                job.next_at = now + job.every_seconds
                has_moved |= self._start(name, job, count)
        if has_moved:
            return 0.0  # something else may be due by now
        return LOOKS_EVERY_SECONDS if any(due.values()) else LOOKS_IDLY_EVERY_SECONDS

    def _due(self) -> Mapping[str, int]:
        try:
            return self._look.at(utcnow())
        except Exception as error:
            log.warning("nobody can say what is due", extra={"error": type(error).__name__})
        if time.monotonic() < self._blind_until:
            return {}
        self._blind_until = time.monotonic() + BLIND_EVERY_SECONDS
        return dict.fromkeys(self.jobs, 1)

    def _start(self, name: str, job: Job, count: int) -> bool:
        if job.way == Way.HERE:
            return bool(self._do(name, job))
        if job.way == Way.BESIDE or not self._enqueue(name, count):
            self.begin(name, count)
        return False

    def _enqueue(self, name: str, count: int) -> bool:
        """Ask the workers to begin a job; False when nobody can be asked, and it is begun here instead."""
        if bus.redis() is None:
            return False
        try:
            # Where nobody takes from the queue it is of no use to fill it.
            if self._queue.count >= len(self.jobs):
                return False
            self._queue.enqueue("app.jobs.worker.do", name, count, result_ttl=0, failure_ttl=0, ttl=60)
            return True
        except Exception as error:
            log.warning("a job could not be queued", extra={"job": name, "error": type(error).__name__})
            bus.failed()
            return False

    def _do(self, name: str, job: Job) -> object:
        try:
            return job.do()
        except Exception:
            # One job that fails must not keep the others from running; it is tried again in its time.
            log.exception("job failed", extra={"job": name})
            return None


def listen(redis_url: str, ring: Callable[[], None], stopped: threading.Event) -> None:
    """Call `ring` whenever a bell rings in Redis, until stopped. It may be deaf at times: there are looks."""
    while not stopped.is_set():
        try:
            with (
                redis_client.Redis.from_url(
                    redis_url, socket_timeout=2.0, socket_connect_timeout=2.0, health_check_interval=10
                ) as connection,
                connection.pubsub(ignore_subscribe_messages=True) as bells,
            ):
                bells.subscribe(bus.WORKERS)
                while not stopped.is_set():
                    if bells.get_message(timeout=LISTEN_SECONDS) is not None:
                        ring()
        except redis_client.RedisError:
            stopped.wait(LOOKS_EVERY_SECONDS)
