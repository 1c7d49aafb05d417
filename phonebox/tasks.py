"""What goes on in the simulated world all at once, and how is it brought to rest?"""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any

log = logging.getLogger("phonebox")

# How many real seconds a request that is under way has to arrive.
PATIENCE = 3.0


class Tasks:
    """Everything that goes on meanwhile; held here, because the event loop itself holds tasks weakly."""

    def __init__(self) -> None:
        self._all: set[asyncio.Task[Any]] = set()
        self._requests: set[asyncio.Task[Any]] = set()

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Do something meanwhile; a failure of it is a fault of ours and is logged."""
        task = asyncio.ensure_future(work)
        self._all.add(task)
        task.add_done_callback(self._finished)
        return task

    def spawn_request(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Send something to the application meanwhile; it may still arrive when everything is stopped."""
        task = self.spawn(work)
        self._requests.add(task)
        return task

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._all.discard(task)
        self._requests.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a part of the simulation failed", exc_info=error)

    async def stop(self) -> None:
        """Stop everything, once the requests that are under way have arrived."""
        await _cancel(self._all - self._requests)
        if self._requests:
            await asyncio.wait(set(self._requests), timeout=PATIENCE)
        await _cancel(self._all)


async def _cancel(tasks: set[asyncio.Task[Any]]) -> None:
    stopping = list(tasks)
    for task in stopping:
        task.cancel()
    await asyncio.gather(*stopping, return_exceptions=True)
