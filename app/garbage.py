"""What is looked through for garbage? Not what a process consists of: that stays until its end.

Of what is imported, and put together from it, nothing ever becomes garbage, but there is more of it than
of all that comes later. Looking through it takes a third of the time in which a process starts, as long again
when a command ends, and everybody's time whenever a process that serves does so.
"""

import gc

# After so many more objects were made than let go of: a request makes thousands that all go with it, and of
# Python's 700 each call paid some hundredths of its time for looking at those under way.
MADE_SINCE = 10_000


def process_begins() -> None:
    """Look for none until process_stands()."""
    gc.disable()


def process_stands() -> None:
    """Look for garbage among what comes from now on, and never among what is there.

    Where the process is somebody else's, who never said that it begins, nothing changes.
    """
    if not gc.isenabled():
        gc.freeze()
        gc.set_threshold(MADE_SINCE)
        gc.enable()
