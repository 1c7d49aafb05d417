"""What is somebody about to do, and when? Works that fall due, one after another, on a thread of its own."""

import threading
import time
from collections.abc import Callable
from heapq import heappop, heappush

Work = Callable[[], object]


class Agenda:
    """Does each work when it is due; of two at one moment the one that was put first."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._due: list[tuple[float, int, Work]] = []
        self._count = 0
        self._wake = threading.Condition()
        self._stopped = False

    def start(self) -> None:
        threading.Thread(target=self._run, name=self._name, daemon=True).start()

    def stop(self) -> None:
        with self._wake:
            self._stopped = True
            self._wake.notify()

    def later(self, seconds: float, work: Work) -> None:
        """Do it in so many real seconds. What it raises ends the thread."""
        with self._wake:
            self._count += 1
            heappush(self._due, (time.monotonic() + seconds, self._count, work))
            self._wake.notify()

    def _run(self) -> None:
        while True:
            with self._wake:
                if self._stopped:
                    return
                wait = self._due[0][0] - time.monotonic() if self._due else None
                if wait is None or wait > 0:
                    self._wake.wait(wait)
                    continue
                _, _, work = heappop(self._due)
            work()
