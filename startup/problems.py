"""What does the person at the keyboard read when something can't be started?"""

from collections.abc import Callable, Mapping

from config import ConfigurationError
from startup.environment import BadLine
from startup.fresh import NotOurs
from startup.lock import AlreadyRunning
from startup.ports import PortTaken
from startup.process import NotReady
from startup.redis_server import NoRedis
from startup.supervisor import StepFailed, Stopped
from startup.terminal import Terminal


class BadSetting(Exception):
    """A setting of the start itself is wrong; the message names it and the mend."""


class NotForProduction(Exception):
    """This must not be done to an installation that real people call."""


TOLD = (
    AlreadyRunning,
    BadLine,
    BadSetting,
    NoRedis,
    NotForProduction,
    NotOurs,
    NotReady,
    PortTaken,
    StepFailed,
)


def in_plain_words(work: Callable[[Terminal], None]) -> int:
    """Do the work; return the exit code. What a person can mend is told in a sentence, not a traceback."""
    terminal = Terminal()
    try:
        work(terminal)
    except Stopped:
        terminal.say("Stopped.")
    except ConfigurationError as error:
        terminal.say("Can't start:")
        for problem in error.problems:
            terminal.say(f"  {problem}")
        return 1
    except TOLD as problem:
        terminal.say(f"Can't start: {problem}")
        return 1
    return 0


def number(env: Mapping[str, str], name: str, default: int) -> int:
    """Return a setting that is a whole number above zero. Raises BadSetting."""
    text = env.get(name) or str(default)
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise BadSetting(f"{name}: “{text}” is no number such as {default}")
    return int(text)
