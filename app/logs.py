"""What do we leave for whoever looks later? One JSON object a line on stdout; never a number or a name."""

import json
import logging
import re
import sys
import traceback
from datetime import UTC, datetime

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}


# Addresses and others' texts quote them: numbers as they are dialled, tokens of ours, a caller's own link.
_UNTOLD = (
    (re.compile(r"(?i:\+|%2B)[0-9]{6,}"), "+…"),
    (re.compile(r"\brd_[A-Za-z0-9_-]{8,}"), "rd_…"),
    (re.compile(r"(?<=/c/)[A-Za-z0-9._-]+"), "…"),
    (re.compile(r"(?<=/login/password/)[A-Za-z0-9_-]+"), "…"),
)
_ANY_UNTOLD = re.compile("|".join(untold.pattern for untold, _ in _UNTOLD))
# Where none of this stands in a whole line, written as JSON, nothing of it is untold.
_MAY_BE_UNTOLD = re.compile(r"(?:\+|%2[Bb])[0-9]{6}|rd_|/c/|/login/")


def redacted(value: object) -> object:
    """Return what may be told of a value: in texts, wherever they stand, neither number nor key."""
    match value:
        case str():
            if _ANY_UNTOLD.search(value):
                for untold, told in _UNTOLD:
                    value = untold.sub(told, value)
            return value
        case dict():
            return {name: redacted(one) for name, one in value.items()}
        case list() | tuple() | set() | frozenset():
            return [redacted(one) for one in value]
        case _:
            return value


def _as_json(value: object) -> object:
    return redacted(value if isinstance(value, set | frozenset) else str(value))


_JSON = json.JSONEncoder(ensure_ascii=False, default=_as_json)


class JsonLines(logging.Formatter):
    """A constant message, the variable parts beside it; `call_sid` is the thread through them all."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: value for name, value in vars(record).items() if name not in _OWN}
        if record.exc_info and record.exc_info[0] is not None:
            # Where it happened, not what it said: messages of others quote what they were given.
            line["error"] = record.exc_info[0].__name__
            line["where"] = [
                f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno} {frame.name}"
                for frame in traceback.extract_tb(record.exc_info[2])[-8:]
            ]
        told = _JSON.encode(line)
        return _JSON.encode(redacted(line)) if _MAY_BE_UNTOLD.search(told) else told


def configure() -> None:
    """Send the process's log to stdout as JSON lines."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines())
    # What no line of ours says needn't be found out: https://docs.python.org/3/howto/logging.html#optimization
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    for name in ("twilio", "urllib3", "rq", "alembic", "httpx", "asyncio"):
        # Others' records quote addresses, numbers and bodies.
        logging.getLogger(name).setLevel(logging.ERROR)
