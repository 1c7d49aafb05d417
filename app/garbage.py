"""What is looked through for garbage? Not what a process consists of: that stays until its end.

Of what is imported, and put together from it, nothing ever becomes garbage, but there is more of it than
of all that comes later. Looking through it takes a third of the time in which a process starts, as long again
when a command ends, and everybody's time whenever a process that serves does so.
"""

import gc


def process_begins() -> None:
    """Look for none until process_stands()."""
    gc.disable()


def process_stands() -> None:
    """Look for garbage among what comes from now on, and never among what is there.

    Where the process is somebody else's, who never said that it begins, nothing changes.
    """
    if not gc.isenabled():
        gc.freeze()
        gc.enable()
