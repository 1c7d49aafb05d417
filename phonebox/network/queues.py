"""Who waits in which queue, since when, and who takes them out?"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from phonebox.network.calls import Bridge, Fetch, Leg
from phonebox.sids import new_sid
from phonebox.timing import Changes, utcnow

DEFAULT_MAX_SIZE = 1000


@dataclass
class Member:
    """Somebody who waits; `dialler` is set when a `<Dial><Queue>` takes them."""

    leg: Leg
    enqueued_at: datetime
    since: float
    taken: asyncio.Event = field(default_factory=asyncio.Event)
    dialler: Leg | None = None
    whisper: Fetch | None = None
    bridge: Bridge | None = None
    ready: asyncio.Event = field(default_factory=asyncio.Event)

    def seconds(self) -> int:
        """Whole simulated seconds in the queue."""
        return round(self.leg.exchange.clock.now() - self.since)


@dataclass
class Queue:
    """A queue; it comes into being with the first who is sent to it."""

    friendly_name: str
    max_size: int = DEFAULT_MAX_SIZE
    sid: str = field(default_factory=lambda: new_sid("QU"))
    members: list[Member] = field(default_factory=list)
    waited: list[int] = field(default_factory=list)
    created_at: datetime = field(default_factory=utcnow)
    updated_at: datetime = field(default_factory=utcnow)

    @property
    def average_seconds(self) -> int:
        """How long those waited who have left."""
        return round(sum(self.waited) / len(self.waited)) if self.waited else 0


class Queues:
    """All queues, by name and by SID."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self._queues: dict[str, Queue] = {}

    def __iter__(self) -> Iterator[Queue]:
        return iter(self._queues.values())

    def named(self, name: str, max_size: int = DEFAULT_MAX_SIZE) -> Queue:
        """Return the queue with this name, made on the spot if it is new."""
        if name not in self._queues:
            self._queues[name] = Queue(name, max_size)
        return self._queues[name]

    def has(self, name: str) -> bool:
        """Say whether there is a queue with this name."""
        return name in self._queues

    def by_sid(self, sid: str) -> Queue | None:
        """Return the queue with this SID, if there is one."""
        return next((queue for queue in self if queue.sid == sid), None)

    def rename(self, queue: Queue, name: str) -> None:
        """Give a queue another name."""
        self._queues.pop(queue.friendly_name, None)
        queue.friendly_name = name
        self._queues[name] = queue

    def delete(self, queue: Queue) -> None:
        """Take an empty queue away."""
        self._queues.pop(queue.friendly_name, None)

    def forget(self) -> None:
        """Begin anew."""
        self._queues.clear()

    def enter(self, queue: Queue, leg: Leg) -> Member:
        """Put somebody at the end."""
        member = Member(leg, utcnow(), leg.exchange.clock.now())
        queue.members.append(member)
        leg.queue_name = queue.friendly_name
        self._changed(queue)
        return member

    def leave(self, queue: Queue, member: Member) -> None:
        """Take somebody out; twice is once."""
        if member in queue.members:
            queue.members.remove(member)
            queue.waited.append(member.seconds())
            member.leg.queue_name = None
            member.leg.queue_seconds = member.seconds()
            self._changed(queue)

    def _changed(self, queue: Queue) -> None:
        queue.updated_at = utcnow()
        self._changes.notify()


def member_of(queue: Queue, which: str) -> Member | None:
    """Return the member at the front (`Front`) or with this call SID."""
    if which == "Front":
        return queue.members[0] if queue.members else None
    return next((each for each in queue.members if each.leg.sid == which), None)
