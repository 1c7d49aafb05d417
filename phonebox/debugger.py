"""What would Twilio's debugger complain about?"""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from phonebox.events import EventLog
from phonebox.timing import utcnow

# https://www.twilio.com/docs/api/errors
HTTP_RETRIEVAL_FAILURE = 11200
HTTP_CONNECTION_FAILURE = 11205
HTTP_BAD_HOST_NAME = 11210
HTTP_TOO_MANY_REDIRECTS = 11215
RESPONSE_TOO_LARGE = 11750
DOCUMENT_PARSE_FAILURE = 12100
SCHEMA_VALIDATION_WARNING = 12200
INVALID_CONTENT_TYPE = 12300
CANNOT_DIAL_OUT_OF_A_DIALLED_LEG = 13201
INVALID_CALLER_ID = 13214
INVALID_PHONE_NUMBER = 13223
TEXT_TOO_LONG = 13521
WARNING_ANSWER_TO_CALLBACK = 15003
RELATIVE_ACTION_IN_INLINE_TWIML = 15004
PARTICIPANT_LABEL_IN_USE = 16025


class Level(StrEnum):
    """How bad it is: an error changes what the caller hears, a warning does not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True)
class Entry:
    """One line of the debugger."""

    code: int
    level: Level
    message: str
    call_sid: str | None
    url: str | None
    at: str


class Debugger:
    """Keeps the complaints; the page and the tests read them."""

    def __init__(self, events: EventLog) -> None:
        self._events = events
        self.entries: list[Entry] = []

    def add(
        self, code: int, message: str, *, level: Level, call_sid: str | None = None, url: str | None = None
    ) -> None:
        """Write a complaint down, about a call and a URL where there is one."""
        entry = Entry(code, level, message, call_sid, url, utcnow().isoformat())
        self.entries.append(entry)
        self._events.add("debugger", asdict(entry))

    def error(self, code: int, message: str, *, call_sid: str | None = None, url: str | None = None) -> None:
        """Complain of something that changes the call."""
        self.add(code, message, level=Level.ERROR, call_sid=call_sid, url=url)

    def warning(
        self, code: int, message: str, *, call_sid: str | None = None, url: str | None = None
    ) -> None:
        """Complain of something that Twilio forgives."""
        self.add(code, message, level=Level.WARNING, call_sid=call_sid, url=url)

    def about(self, call_sid: str) -> list[dict[str, Any]]:
        """Return the complaints about one call, oldest first."""
        return [asdict(entry) for entry in self.entries if entry.call_sid == call_sid]
