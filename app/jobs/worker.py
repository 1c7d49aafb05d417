"""The worker process: runs the schedule, and begins what the queue asks for. Any number may run.

python -m app.jobs.worker
"""

import logging
import signal
import sys
import threading
from contextlib import suppress
from pathlib import Path
from types import FrameType

import redis as redis_client
from rq import Queue, SimpleWorker
from rq.exceptions import StopRequested
from rq.serializers import JSONSerializer

from app import catalogue, garbage, logs
from app.binding import bind
from app.carrier.rest import Carrier
from app.carrier.spool import Spool
from app.deployment import Deployment
from app.jobs.mails import Office
from app.jobs.schedule import QUEUE, Schedule, listen
from app.jobs.timetable import Timetable
from config import ConfigurationError, Settings, load

log = logging.getLogger(__name__)

REDIS_REST_SECONDS = 1.0
# What is asked of the carrier is answered, or given up, within five; whoever stops us may be less patient.
FINISH_SECONDS = 8.0

_schedule: Schedule | None = None


def do(name: str, count: int = 1) -> None:
    """What stands in the queue: begin a job of the schedule. Nothing else in the queue waits for it."""
    if _schedule is None:
        raise RuntimeError("jobs run in a worker: python -m app.jobs.worker")
    _schedule.begin(name, count)


def prepare(settings: Settings) -> Schedule:
    """Bind this process to its database and Redis and return what it is to run."""
    global _schedule
    bind(settings)
    catalogue.read_all()
    stopped = threading.Event()
    timetable = Timetable(
        Carrier(settings),
        Deployment.of(settings),
        Spool(Path(settings.spool_dir)),
        stopped,
        settings.keep,
        strict_hooks=settings.is_production,
        secret_keys=settings.all_secret_keys,
        post_office=Office.of(settings),
        says_thanks=settings.work.thanks,
    )
    _schedule = Schedule(timetable.jobs(), settings.redis_url, stopped)
    return _schedule


class _QueueWorker(SimpleWorker):
    """Takes the queue's jobs until it is asked to stop, or until Redis gives it something to stumble over."""

    log_job_description = False
    # It waits ever longer for a Redis that is gone; whoever is to be rung back waits for it meanwhile.
    max_connection_wait_time = REDIS_REST_SECONDS

    def __init__(self, connection: redis_client.Redis, stopped: threading.Event) -> None:
        queue = Queue(QUEUE, connection=connection, serializer=JSONSerializer)
        super().__init__([queue], connection=connection, serializer=JSONSerializer)
        self._stopped = stopped

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        # Known even if what follows fails for want of a Redis: nobody asks twice.
        self._stopped.set()
        super().request_stop(signum, frame)


def take_from_queue(redis_url: str, stopped: threading.Event) -> None:
    """Begin what the queue asks for until stopped. Without Redis the schedule begins it, so we only wait.

    Belongs on the main thread: SIGTERM and SIGINT stop it.
    """
    while not stopped.is_set():
        with (
            suppress(redis_client.RedisError, StopRequested),
            redis_client.Redis.from_url(redis_url, socket_connect_timeout=0.5) as connection,
        ):
            connection.ping()
            # Also returns when a job vanished under its hands, as by a FLUSHALL.
            _QueueWorker(connection, stopped).work(logging_level="ERROR")
        _listen_to_signals(stopped)
        stopped.wait(REDIS_REST_SECONDS)


def _listen_to_signals(stopped: threading.Event) -> None:
    """Stop when the process is asked to; the queue's worker, while it works, listens in our place."""

    def stop(number: int, frame: FrameType | None) -> None:
        stopped.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)


def main() -> int:
    logs.configure()
    try:
        settings = load()
    except ConfigurationError as error:
        print("Can't start:", *error.problems, sep="\n  ", file=sys.stderr)
        return 1
    garbage.process_begins()
    schedule = prepare(settings)
    garbage.process_stands()
    _listen_to_signals(schedule.stopped)
    loop = threading.Thread(target=schedule.run, name="schedule")
    bells = (settings.redis_url, schedule.ring, schedule.stopped)
    loop.start()
    threading.Thread(target=listen, args=bells, name="bells", daemon=True).start()
    log.info("worker is running")
    take_from_queue(settings.redis_url, schedule.stopped)
    schedule.stop()
    loop.join()
    schedule.finish(FINISH_SECONDS)
    return 0


if __name__ == "__main__":
    # The queue's jobs find this module by its name, not as __main__.
    from app.jobs import worker

    sys.exit(worker.main())
