"""Which jobs are there? What each looks for, where it is done, and how often; the most urgent first."""

import os
import socket
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from app import db
from app.agents import pauses, presence
from app.beside import thanks as pages
from app.callbacks import due, late_news
from app.carrier.rest import Carrier
from app.carrier.spool import Spool
from app.clock import utcnow
from app.deployment import Deployment
from app.door import authenticators
from app.door.mails import SEND_MAIL
from app.forgetting import requests
from app.jobs import (
    about,
    absences,
    audit,
    backfill,
    callbacks,
    deliver,
    erasures,
    hooks,
    mails,
    recordings,
    retention,
    rooms,
    sweep,
    tallying,
    thanks,
    topics,
    waiting,
)
from app.jobs.mails import Office
from app.jobs.schedule import Job, Way
from app.jobs.writable import Writable
from app.outgoing import outbox
from app.outgoing.outbox import HELD_FOR
from app.promises import recordings as sounds
from app.records.jobs import WorkerSeen
from app.topics import store as topic_store
from app.voice.outage import spool_replay
from config import Keep

AN_HOUR = 3600.0


@dataclass
class Timetable:
    """The jobs of one worker."""

    carrier: Carrier
    deployment: Deployment
    spool: Spool
    stopped: threading.Event
    keep: Keep
    strict_hooks: bool = True
    secret_keys: Sequence[str] = ()  # the newest last
    post_office: Office | None = None  # None: no mails leave
    says_thanks: bool = True  # whether a page goes out after a conversation
    _writable: Writable = field(default_factory=Writable)

    def jobs(self) -> dict[str, Job]:
        return (
            self._of_callers()
            | self._of_callbacks()
            | self._of_messages()
            | self._of_mails()
            | self._of_what_is_over()
        )

    def _of_callers(self) -> dict[str, Job]:
        """Somebody is on the telephone."""
        deployment = self.deployment
        return {
            "wrap_ups": Job(
                Way.HERE,
                lambda: sweep.end_wrap_ups(utcnow()),
                lambda moments: presence.overdue_wrap_ups(moments.now),
            ),
            "waiting": Job(
                Way.HERE,
                lambda: waiting.serve_waiting(deployment, utcnow()),
                lambda moments: waiting.waiting(),
            ),
            "leases": Job(
                Way.HERE,
                lambda: sweep.end_leases(utcnow()),
                lambda moments: sweep.leases_over(moments.now),
            ),
            "seen": Job(Way.HERE, self._write_down_that_we_live, every_seconds=4.0),
            "redirects": self._delivery(outbox.REDIRECT_CALL, Way.BESIDE, at_once=8),
            "ends": self._delivery(outbox.END_LEG, Way.BESIDE, at_once=8),
            "rooms": Job(
                Way.BESIDE,
                lambda: rooms.keep_due(self.carrier, deployment, utcnow(), stopped=self.stopped.is_set),
                lambda moments: rooms.due(moments.now),
                at_once=8,
            ),
            "warnings": self._delivery(outbox.SAY_WARNING, Way.BESIDE, at_once=2),
            "goodbyes": self._delivery(outbox.END_POLITELY, Way.BESIDE, at_once=2),
            "pauses": Job(
                Way.HERE,
                lambda: sweep.end_pauses(utcnow()),
                lambda moments: pauses.over(moments.now),
                every_seconds=1.0,
            ),
            "dead_desks": Job(
                Way.QUEUED,
                self._leave_dead_desks,
                lambda moments: sweep.dead_desks(
                    moments.ago(sweep.NO_SIGN_OF_LIFE), moments.ago(sweep.SIGN_EXPECTED_WITHIN)
                ),
                every_seconds=1.0,
            ),
        }

    def _of_callbacks(self) -> dict[str, Job]:
        """Somebody was promised to be rung."""
        carrier, deployment = self.carrier, self.deployment
        return {
            "promises": Job(
                Way.QUEUED,
                lambda: callbacks.work_off(deployment, utcnow()),
                lambda moments: due.due(moments.now),
                every_seconds=1.0,
            ),
            "callbacks": self._delivery(outbox.PLACE_CALLBACK, at_once=4, every_seconds=1.0),
            "callbacks_late": Job(
                Way.QUEUED,
                lambda: callbacks.reconcile(carrier, deployment, utcnow()),
                lambda moments: late_news.late(moments.now),
                every_seconds=5.0,
            ),
            "ring_tests": self._delivery(outbox.RING_TEST, at_once=4, every_seconds=1.0),
        }

    def _of_messages(self) -> dict[str, Job]:
        """Something is to be read, or heard."""
        return {
            "messages": self._delivery(outbox.SEND_MESSAGE, at_once=4, every_seconds=2.0),
            "recordings": Job(
                Way.QUEUED,
                lambda: recordings.carry(
                    self.carrier, utcnow(), left_over=self._may_take_over(), stopped=self.stopped.is_set
                ),
                lambda moments: sounds.due(moments.now),
                every_seconds=2.0,
                at_once=2,
            ),
            **self._of_thanks(),
            "copies": self._delivery(outbox.CARRIER_COPY, at_once=2, every_seconds=2.0),
            "erasures": Job(
                Way.QUEUED,
                lambda: erasures.work_off(utcnow(), stopped=self.stopped.is_set),
                lambda moments: requests.due(moments.now),
                every_seconds=1.0,
            ),
            "hooks": Job(
                Way.QUEUED,
                lambda: hooks.deliver_due(
                    utcnow(),
                    strict=self.strict_hooks,
                    left_over=self._may_take_over(),
                    stopped=self.stopped.is_set,
                ),
                lambda moments: hooks.due(moments.now),
                every_seconds=2.0,
            ),
        }

    def _of_thanks(self) -> dict[str, Job]:
        """Somebody has just been spoken to."""
        if not self.says_thanks:
            return {}
        return {
            "thanks": Job(
                Way.QUEUED,
                lambda: thanks.work_off(self.deployment, utcnow()),
                lambda moments: pages.due(moments.ago(pages.AFTER), moments.ago(pages.UNTIL)),
                every_seconds=10.0,
            )
        }

    def _of_mails(self) -> dict[str, Job]:
        """Somebody waits for a link, or is to know what happened with their account."""
        office = self.post_office
        if office is None:
            return {}
        return {
            "mails": Job(
                Way.QUEUED,
                lambda: mails.deliver_due(
                    office, utcnow(), left_over=self._may_take_over(), stopped=self.stopped.is_set
                ),
                lambda moments: outbox.due(SEND_MAIL, moments.now),
                every_seconds=2.0,
            )
        }

    def _of_what_is_over(self) -> dict[str, Job]:
        """News may be lost, and what is old is to be forgotten; nobody waits for it."""
        carrier, deployment = self.carrier, self.deployment
        return {
            "spool": Job(Way.BESIDE, lambda: spool_replay.merge(self.spool, deployment), every_seconds=5.0),
            "reconcile": Job(
                Way.QUEUED,
                lambda: sweep.reconcile(carrier, deployment, utcnow(), stopped=self.stopped.is_set),
                lambda moments: sweep.unfinished(
                    moments.ago(sweep.ASK_FROM), moments.ago(sweep.ASK_AGAIN_AFTER)
                ),
                every_seconds=10.0,
                at_once=4,
            ),
            "forgotten": Job(
                Way.QUEUED,
                lambda: sweep.free_forgotten(utcnow()),
                lambda moments: sweep.forgotten(),
                every_seconds=10.0,
            ),
            "backfill": Job(
                Way.QUEUED,
                lambda: backfill.look(carrier, deployment, utcnow()),
                lambda moments: backfill.due(moments.now),
                every_seconds=15.0,
            ),
            "recordings_late": Job(
                Way.QUEUED,
                lambda: recordings.reconcile(carrier, deployment, utcnow()),
                lambda moments: sounds.awaited(moments.ago(sounds.ASKED_AFTER)),
                every_seconds=30.0,
            ),
            "absences": Job(Way.QUEUED, lambda: absences.keep(utcnow()), every_seconds=60.0),
            "recordings_old": Job(
                Way.QUEUED,
                lambda: recordings.forget_old(utcnow(), self.keep.recordings),
                every_seconds=AN_HOUR,
            ),
            "audit": Job(
                Way.QUEUED,
                lambda: audit.seal(utcnow()),
                lambda moments: audit.waiting(moments),
                every_seconds=0.5,
            ),
            "topics": Job(
                Way.QUEUED, topics.learn, lambda moments: topic_store.learning_due(), every_seconds=3.0
            ),
            "heard": Job(Way.QUEUED, lambda: about.work_off(utcnow()), every_seconds=60.0),
            "tallies": Job(Way.QUEUED, tallying.add_up, lambda moments: tallying.many(), every_seconds=10.0),
            "audit_head": Job(Way.QUEUED, audit.tell_head, every_seconds=AN_HOUR),
            "seals": Job(Way.QUEUED, self._seal_anew, every_seconds=AN_HOUR),
            "old": Job(Way.QUEUED, lambda: retention.forget_old(self.keep, utcnow()), every_seconds=AN_HOUR),
        }

    def _delivery(self, kind: str, way: Way = Way.QUEUED, *, at_once: int, every_seconds: float = 0.0) -> Job:
        """Return the job that delivers what is in the outbox of one kind."""

        def deliver_due() -> int:
            return deliver.deliver_due(
                self.carrier,
                self.deployment,
                kind,
                utcnow(),
                left_over=self._may_take_over(),
                stopped=self.stopped.is_set,
            )

        return Job(way, deliver_due, lambda moments: outbox.due(kind, moments.now), every_seconds, at_once)

    def _seal_anew(self) -> int:
        """Seal with the newest key what an older one has sealed, so that the older one may go."""
        done = 0
        while self.secret_keys and not self.stopped.is_set():
            with db.transaction() as session:
                some = authenticators.seal_anew(session, self.secret_keys)
            done += some
            if not some:
                break
        return done

    def _may_take_over(self) -> bool:
        """Tell whether whoever holds something could say so all the while: else their hold has not ended."""
        since = self._writable.since(now := utcnow())
        return since is not None and now - since >= HELD_FOR

    def _leave_dead_desks(self) -> int:
        now = utcnow()
        return sweep.leave_dead_desks(self.carrier, self.deployment, now, self._writable.since(now))

    def _write_down_that_we_live(self) -> None:
        now = utcnow()
        try:
            with db.transaction() as session:
                session.merge(WorkerSeen(name=f"{socket.gethostname()}:{os.getpid()}", seen_at=now))
        except Exception:
            self._writable.failed()
            raise
        # When it is done: one that had to wait until it could write comes after a gap.
        self._writable.wrote(utcnow())
