"""Which job runs how often? The rows say what is due; bells only make it sooner, and may be lost."""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import redis as redis_client
from rq import Queue
from rq.serializers import JSONSerializer
from sqlalchemy import delete

from app import bus, db
from app.carrier.rest import Carrier
from app.carrier.spool import Spool
from app.clock import utcnow
from app.deployment import Deployment
from app.jobs import backfill, callbacks, deliver, hooks, recordings, sweep
from app.jobs.writable import Writable
from app.outgoing import outbox
from app.records.jobs import WorkerSeen
from app.voice.outage import spool_replay

log = logging.getLogger(__name__)

QUEUE = "rechtdoor"
# Nobody who waits for an agent may wait longer than this after the agent is free, bell or no bell.
LISTEN_SECONDS = 0.5
FORGOTTEN_WORKER = timedelta(hours=1)


@dataclass
class Job:
    """One thing that is done again and again; `slow` ones wait for the carrier and go through the queue.

    Those `apart` may wait for others for minutes: they run beside the rest, in a thread of their own.
    """

    name: str
    every_seconds: float
    do: Callable[[], object]
    slow: bool = False
    apart: bool = False
    due_at: float = 0.0
    thread: threading.Thread | None = None


class Schedule:
    """Runs what is due in one worker. Any number of workers may do so at once."""

    def __init__(
        self,
        carrier: Carrier,
        deployment: Deployment,
        spool: Spool,
        redis_url: str,
        *,
        strict_hooks: bool = True,
    ) -> None:
        self._carrier, self._deployment, self._redis_url = carrier, deployment, redis_url
        self._stopped = threading.Event()
        self._writable = Writable()
        self.jobs = [
            Job("wrap_ups", LISTEN_SECONDS, lambda: sweep.end_wrap_ups(utcnow())),
            Job("waiting", LISTEN_SECONDS, lambda: sweep.serve_waiting(deployment, utcnow())),
            Job(
                "redirects",
                LISTEN_SECONDS,
                lambda: deliver.deliver_due(carrier, deployment, outbox.REDIRECT_CALL, utcnow()),
            ),
            Job(
                "ends",
                LISTEN_SECONDS,
                lambda: deliver.deliver_due(carrier, deployment, outbox.END_LEG, utcnow()),
            ),
            Job("promises", 1.0, lambda: callbacks.work_off(deployment, utcnow())),
            Job(
                "callbacks",
                1.0,
                lambda: deliver.deliver_due(carrier, deployment, outbox.PLACE_CALLBACK, utcnow()),
                slow=True,
            ),
            Job(
                "ring_tests",
                1.0,
                lambda: deliver.deliver_due(carrier, deployment, outbox.RING_TEST, utcnow()),
                slow=True,
            ),
            Job("callbacks_late", 5.0, lambda: callbacks.reconcile(carrier, utcnow()), slow=True),
            Job("dead_desks", 1.0, self._leave_dead_desks),
            Job("leases", 1.0, lambda: sweep.end_leases(utcnow())),
            Job(
                "messages",
                2.0,
                lambda: deliver.deliver_due(carrier, deployment, outbox.SEND_MESSAGE, utcnow()),
                slow=True,
            ),
            Job("reconcile", 10.0, lambda: sweep.reconcile(carrier, deployment, utcnow()), slow=True),
            Job("backfill", 15.0, lambda: backfill.look(carrier, deployment, utcnow()), apart=True),
            Job("hooks", 2.0, lambda: hooks.deliver_due(utcnow(), strict=strict_hooks), apart=True),
            Job("recordings", 2.0, lambda: recordings.carry(carrier, utcnow()), slow=True),
            Job(
                "recordings_late",
                30.0,
                lambda: recordings.reconcile(carrier, deployment, utcnow()),
                slow=True,
            ),
            Job("recordings_old", 3600.0, lambda: recordings.forget_old(utcnow())),
            Job("forgotten", 10.0, lambda: sweep.free_forgotten(utcnow())),
            Job("spool", 5.0, lambda: spool_replay.merge(spool, deployment)),
            Job("seen", 5.0, self._write_down_that_we_live),
            Job("old", 3600.0, lambda: sweep.forget_old(utcnow())),
        ]

    def run(self) -> None:
        """Run until stop(): every job in its time, and all the quick ones at once when a bell rings."""
        listener = _Listener(self._redis_url)
        while not self._stopped.is_set():
            rung = listener.wait(LISTEN_SECONDS)
            now = time.monotonic()
            for job in self.jobs:
                if job.due_at <= now or (rung and job.every_seconds <= LISTEN_SECONDS):
                    job.due_at = now + job.every_seconds
                    self._start(job)
        listener.close()

    def stop(self) -> None:
        self._stopped.set()

    def do(self, name: str) -> None:
        """Do one job now, whoever asks: a queue's worker, or this loop when there is no queue."""
        job = next(job for job in self.jobs if job.name == name)
        try:
            job.do()
        except Exception:
            # One job that fails must not keep the others from running; it is tried again in its time.
            log.exception("job failed", extra={"job": name})

    def _start(self, job: Job) -> None:
        if job.apart:
            if job.thread is None or not job.thread.is_alive():
                # What it does may be broken off at any point, so nobody waits for it when we stop.
                job.thread = threading.Thread(target=self.do, args=(job.name,), name=job.name, daemon=True)
                job.thread.start()
        elif not (job.slow and self._enqueue(job)):
            self.do(job.name)

    def _enqueue(self, job: Job) -> bool:
        """Ring for a queue's worker; False when Redis is gone, and the job is done here instead."""
        client = bus.redis()
        if client is None:
            return False
        try:
            # RQ keeps binary data and wants a client that leaves it alone.
            connection = redis_client.Redis.from_url(self._redis_url, socket_timeout=1.0)
            with connection:
                queue = Queue(QUEUE, connection=connection, serializer=JSONSerializer)
                if queue.count < len(self.jobs):
                    queue.enqueue("app.jobs.worker.do", job.name, result_ttl=0, failure_ttl=0, ttl=60)
            return True
        except redis_client.RedisError:
            bus.failed()
            return False

    def _write_down_that_we_live(self) -> None:
        now = utcnow()
        try:
            with db.transaction() as session:
                session.merge(WorkerSeen(name=f"{socket.gethostname()}:{os.getpid()}", seen_at=now))
                session.execute(delete(WorkerSeen).where(WorkerSeen.seen_at < now - FORGOTTEN_WORKER))
        except Exception:
            self._writable.failed()
            raise
        # When it is done: one that had to wait until it could write comes after a gap.
        self._writable.wrote(utcnow())

    def _leave_dead_desks(self) -> int:
        now = utcnow()
        return sweep.leave_dead_desks(self._carrier, self._deployment, now, self._writable.since(now))


class _Listener:
    """Waits for a bell on Redis, or just waits while there is no Redis."""

    def __init__(self, redis_url: str) -> None:
        self._redis_url = redis_url
        self._pubsub: redis_client.client.PubSub | None = None

    def wait(self, seconds: float) -> bool:
        """Return whether a bell rang within `seconds`."""
        try:
            if self._pubsub is None:
                client = redis_client.Redis.from_url(
                    self._redis_url, socket_timeout=2.0, socket_connect_timeout=0.2
                )
                self._pubsub = client.pubsub(ignore_subscribe_messages=True)
                self._pubsub.subscribe(bus.WORKERS)
            message = self._pubsub.get_message(timeout=seconds)
            while message is not None and self._pubsub.get_message(timeout=0) is not None:
                pass  # several bells are one
            return message is not None
        except redis_client.RedisError:
            self._pubsub = None
            time.sleep(seconds)
            return False

    def close(self) -> None:
        if self._pubsub is not None:
            self._pubsub.close()
