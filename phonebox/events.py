"""What has happened, in order, for whoever watches?"""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from phonebox.timing import Changes

KEPT_EVENTS = 5000


@dataclass(frozen=True)
class Event:
    """One thing that happened; `id` counts up from 1."""

    id: int
    kind: str
    data: Mapping[str, Any]


class EventLog:
    """The last few thousand events, resumable by id."""

    def __init__(self, changes: Changes) -> None:
        self._events: deque[Event] = deque(maxlen=KEPT_EVENTS)
        self._changes = changes
        self.last_id = 0

    def add(self, kind: str, data: Mapping[str, Any]) -> None:
        """Write down what happened and wake those who wait."""
        self.last_id += 1
        self._events.append(Event(self.last_id, kind, data))
        self._changes.notify()

    def after(self, event_id: int) -> list[Event]:
        """Return the events that came after this one."""
        return [event for event in self._events if event.id > event_id]

    async def wait_after(self, event_id: int, real_seconds: float) -> list[Event]:
        """Wait for events newer than this one; an empty list when none came."""
        newer: Callable[[], bool] = lambda: self.last_id > event_id  # noqa: E731
        await self._changes.until(newer, real_seconds)
        return self.after(event_id)
