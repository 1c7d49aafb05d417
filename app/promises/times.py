"""When may a promised callback ring? Pure times: the promise's own, and those at which people are rung."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

# Before 8 and from 21 o'clock nobody is rung, by the clock on the wall where the line is.
DAY_BEGINS, DAY_ENDS = time(8), time(21)
RING_BEFORE_DUE = timedelta(minutes=30)
# Whoever has just hung up has still got the telephone in their hand.
LEAST_AFTER_MADE = timedelta(minutes=2)
# Promised for so soon it is meant at once, as when a line dropped.
AT_ONCE = timedelta(seconds=90)
ESCALATE_BEFORE_DUE = timedelta(minutes=15)
# A night call that was promised may be a little late; after that it waits for the morning.
LATE_AT_NIGHT = timedelta(minutes=30)
# How long after the first and the second vain try the next one is made.
GAPS = (timedelta(minutes=10), timedelta(minutes=45))


@dataclass(frozen=True)
class Window:
    """When one promise may be worked off; the moments are aware, the zone is the line's."""

    made_at: datetime
    due_at: datetime
    zone: ZoneInfo
    not_before: datetime | None = None  # as the customer wished

    @property
    def ring_from(self) -> datetime:
        """Return the first moment at which it may ring: half an hour before it is due, if that is by day."""
        soonest = self.made_at + min(LEAST_AFTER_MADE, (self.due_at - self.made_at) / 2)
        if self.due_at - self.made_at <= AT_ONCE:
            soonest = self.made_at
        start = max(self.due_at - RING_BEFORE_DUE, soonest, self.not_before or soonest)
        return start if self.is_at_night else by_day(start, self.zone)

    @property
    def is_at_night(self) -> bool:
        """Tell whether the time that was spoken lies outside the day: then that is what was agreed."""
        return not is_day(self.due_at - timedelta(minutes=1), self.zone)

    @property
    def colleagues_from(self) -> datetime:
        """Return from when colleagues ring for a debtor who isn't there."""
        return self.due_at - ESCALATE_BEFORE_DUE

    @property
    def anybody_from(self) -> datetime:
        """Return from when colleagues ring also for a debtor who is only busy: later, if time is short."""
        return max(self.colleagues_from, self.ring_from + (self.due_at - self.ring_from) / 2)

    def may_ring(self, now: datetime) -> bool:
        """Tell whether people are rung at this hour: by day, or at the time of night that was agreed."""
        agreed = self.is_at_night and self.ring_from <= now <= self.due_at + LATE_AT_NIGHT
        return agreed or is_day(now, self.zone)


def is_day(moment: datetime, zone: ZoneInfo) -> bool:
    return DAY_BEGINS <= moment.astimezone(zone).time() < DAY_ENDS


def by_day(moment: datetime, zone: ZoneInfo) -> datetime:
    """Return `moment`, or the next morning's beginning when it lies in the night."""
    if is_day(moment, zone):
        return moment
    local = moment.astimezone(zone)
    day = local.date() if local.time() < DAY_BEGINS else local.date() + timedelta(days=1)
    # By the wall clock, so that a night on which the clock changes ends at eight as well.
    return datetime.combine(day, DAY_BEGINS, tzinfo=zone).astimezone(UTC)


def try_again_at(tries: int, now: datetime, zone: ZoneInfo) -> datetime | None:
    """Return when to try again after so many vain tries; None when a human is to be asked."""
    return by_day(now + GAPS[tries - 1], zone) if 1 <= tries <= len(GAPS) else None
