"""Which text messages went to and fro?"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from phonebox.addresses import is_fixed_line, is_whatsapp, number_of
from phonebox.events import EventLog
from phonebox.sids import new_sid
from phonebox.timing import utcnow

# https://www.twilio.com/docs/glossary/what-is-gsm-7-character-encoding
GSM_7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà^{}\\[~]|€"
)
STOP_WORDS = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT"})
START_WORDS = frozenset({"START", "YES", "UNSTOP"})
# https://www.twilio.com/docs/api/errors: what a delivery may end with
UNKNOWN_HANDSET, FIXED_LINE, OUTSIDE_WINDOW = 30005, 30006, 63016
# What sending may be refused with.
CANT_SEND, NOT_BETWEEN, COUNTRY_NOT_ALLOWED = 21606, 21612, 21408
REFUSALS = {
    CANT_SEND: "The 'From' phone number provided is not a valid message-capable phone number",
    NOT_BETWEEN: "Message cannot be sent with the current combination of 'To' and/or 'From' parameters",
    COUNTRY_NOT_ALLOWED: "Permission to send an SMS has not been enabled for the region",
}
# Only so long after somebody's own message does WhatsApp take free words for them.
WHATSAPP_WINDOW = timedelta(hours=24)


class MessageStatus(StrEnum):
    """https://www.twilio.com/docs/messaging/api/message-resource#message-status-values"""

    RECEIVED = "received"
    QUEUED = "queued"
    SENT = "sent"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"
    FAILED = "failed"


@dataclass
class Message:
    """One message, in or out."""

    from_: str
    to: str
    body: str
    direction: str
    status: MessageStatus
    callback: str = ""
    error_code: int | None = None
    sid: str = field(default_factory=lambda: new_sid("SM"))
    created_at: datetime = field(default_factory=utcnow)
    updated_at: datetime = field(default_factory=utcnow)

    @property
    def segments(self) -> int:
        """How many messages it takes: 160 (then 153) characters, or 70 (67) when one is not in GSM-7."""
        plain = all(character in GSM_7 for character in self.body)
        single, part = (160, 153) if plain else (70, 67)
        length = len(self.body) if plain else len(self.body.encode("utf-16-le")) // 2
        return 1 if length <= single else -(-length // part)

    def as_json(self) -> dict[str, Any]:
        """Return it as the driving API shows it."""
        return {
            "sid": self.sid,
            "from": self.from_,
            "to": self.to,
            "body": self.body,
            "direction": self.direction,
            "status": self.status.value,
            "error_code": self.error_code,
            "at": self.created_at.isoformat(),
        }


class Messages:
    """All messages, who does not want any, and to whom none can be delivered."""

    def __init__(self, events: EventLog) -> None:
        self._events = events
        self._messages: dict[str, Message] = {}
        self._opted_out: set[tuple[str, str]] = set()
        # Numbers to which nothing can be delivered, because a test wants it so, and the error that tells why.
        self.undeliverable: dict[str, int] = {}
        # Numbers of the account that can't send, because a test wants it so, and the error of the REST API.
        self.silent: dict[str, int] = {}

    def __iter__(self) -> Iterator[Message]:
        return iter(self._messages.values())

    def find(self, sid: str) -> Message | None:
        """Return the message with this SID, if there is one."""
        return self._messages.get(sid)

    def inbox(self, number: str) -> list[Message]:
        """Return what was sent to a number, oldest first."""
        return [message for message in self if message.to == number]

    def keep(self, message: Message) -> None:
        """Add a message; one that says to send none, or some again, is heeded."""
        self._messages[message.sid] = message
        self._changed(message)
        if message.status is MessageStatus.RECEIVED:
            self._heed(message)

    def move(self, message: Message, status: MessageStatus, error_code: int | None) -> None:
        """Note how far a message has got."""
        message.status, message.updated_at, message.error_code = status, utcnow(), error_code
        self._changed(message)

    def _changed(self, message: Message) -> None:
        self._events.add("message", message.as_json())

    def delete(self, sid: str) -> bool:
        """Delete a message; False when there was none."""
        return self._messages.pop(sid, None) is not None

    def forget(self) -> None:
        """Begin anew."""
        self._messages.clear()
        self._opted_out.clear()
        self.undeliverable.clear()
        self.silent.clear()

    # -- who can be written to

    def _heed(self, message: Message) -> None:
        word = message.body.strip().upper()
        if word in STOP_WORDS:
            self._opted_out.add((message.to, message.from_))
        elif word in START_WORDS:
            self._opted_out.discard((message.to, message.from_))

    def is_refused(self, from_: str, to: str) -> bool:
        """Say whether somebody has asked for no more messages from this number (error 21610)."""
        return (from_, to) in self._opted_out

    def why_lost(self, message: Message) -> int | None:
        """Return the error with which a message won't be delivered, None when it will."""
        if (code := self.undeliverable.get(number_of(message.to))) is not None:
            return code
        if is_whatsapp(message.to) and not self._has_written(message.to, message.from_):
            return OUTSIDE_WINDOW
        return FIXED_LINE if is_fixed_line(message.to) else None

    def _has_written(self, from_: str, to: str) -> bool:
        since = utcnow() - WHATSAPP_WINDOW
        return any(
            (one.from_, one.to, one.direction) == (from_, to, "inbound") and one.created_at > since
            for one in self
        )
