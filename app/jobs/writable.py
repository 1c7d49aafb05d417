"""Since when does the database take what is written? Whoever is silent while it doesn't may be alive."""

from dataclasses import dataclass
from datetime import datetime, timedelta

# A worker writes every 4 s. More between two of its writes is a gap in which others could not write either,
# or in which this worker stood still and can't know.
LONGEST_PAUSE = timedelta(seconds=8)


@dataclass
class Writable:
    """What one worker's own regular writes show: each judges for itself, so any number may run."""

    _since: datetime | None = None
    _last: datetime | None = None

    def wrote(self, now: datetime) -> None:
        """A write has just been committed."""
        self._since = self.since(now) or now
        self._last = now

    def failed(self) -> None:
        """A write was refused."""
        self._since = self._last = None

    def since(self, now: datetime) -> datetime | None:
        """Return since when writes have succeeded without a gap; None when the last is too long ago."""
        if self._last is None or now - self._last > LONGEST_PAUSE:
            return None
        return self._since
