"""How long may each part of a callback go without news before the carrier is asked how it stands?"""

from datetime import timedelta

PLACING = timedelta(seconds=45)
RINGING = timedelta(seconds=75)
TALKING = timedelta(seconds=60)
LAST_NEWS = timedelta(seconds=10)
