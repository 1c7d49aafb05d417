"""Which text messages went to and fro?"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from phonebox import debugger, twiml
from phonebox.addresses import country_of, is_fixed_line, is_whatsapp, number_of
from phonebox.sids import new_sid
from phonebox.timing import utcnow
from phonebox.twiml import TwimlError
from phonebox.webhooks import WebhookFailed

if TYPE_CHECKING:
    from phonebox.network.world import World

SECONDS_TO_SEND = 0.2
SECONDS_TO_DELIVER = 1.0
# https://www.twilio.com/docs/glossary/what-is-gsm-7-character-encoding
GSM_7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà^{}\\[~]|€"
)
STOP_WORDS = frozenset({"STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT"})
START_WORDS = frozenset({"START", "YES", "UNSTOP"})
OPTED_OUT = 21610
# https://www.twilio.com/docs/api/errors: what a delivery may end with
UNKNOWN_HANDSET, FIXED_LINE, OUTSIDE_WINDOW = 30005, 30006, 63016
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
    """All messages, and who does not want any."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._messages: dict[str, Message] = {}
        self.opted_out: set[tuple[str, str]] = set()
        # Numbers to which nothing can be delivered, because a test wants it so, and the error that tells why.
        self.undeliverable: dict[str, int] = {}

    def __iter__(self) -> Iterator[Message]:
        return iter(self._messages.values())

    def find(self, sid: str) -> Message | None:
        """Return the message with this SID, if there is one."""
        return self._messages.get(sid)

    def inbox(self, number: str) -> list[Message]:
        """Return what was sent to a number, oldest first."""
        return [message for message in self if message.to == number]

    def delete(self, sid: str) -> bool:
        """Delete a message; False when there was none."""
        return self._messages.pop(sid, None) is not None

    def forget(self) -> None:
        """Begin anew."""
        self._messages.clear()
        self.opted_out.clear()
        self.undeliverable.clear()

    # -- out

    def is_refused(self, from_: str, to: str) -> bool:
        """Say whether somebody has asked for no more messages from this number (error 21610)."""
        return (from_, to) in self.opted_out

    def _why_lost(self, message: Message) -> int | None:
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

    def send(self, from_: str, to: str, body: str, callback: str, direction: str = "outbound-api") -> Message:
        """Take a message on; it is delivered in the background."""
        message = self._keep(Message(from_, to, body, direction, MessageStatus.QUEUED, callback))
        self._world.spawn(self._deliver(message))
        return message

    async def _deliver(self, message: Message) -> None:
        why_lost = self._why_lost(message)
        last = MessageStatus.UNDELIVERED if why_lost else MessageStatus.DELIVERED
        for seconds, status in ((SECONDS_TO_SEND, MessageStatus.SENT), (SECONDS_TO_DELIVER, last)):
            await self._world.clock.sleep(seconds)
            message.status, message.updated_at = status, utcnow()
            message.error_code = why_lost if status is MessageStatus.UNDELIVERED else None
            self._changed(message)
            if message.callback:
                await self._tell(message)

    async def _tell(self, message: Message) -> None:
        params = {
            "AccountSid": self._world.settings.account_sid,
            "ApiVersion": "2010-04-01",
            "From": message.from_,
            "To": message.to,
            "MessageSid": message.sid,
            "SmsSid": message.sid,
            "MessageStatus": message.status.value,
            "SmsStatus": message.status.value,
        }
        if message.error_code is not None:
            params["ErrorCode"] = str(message.error_code)
        try:
            await self._world.webhooks.request(message.callback, "POST", params, kind="message-status")
        except WebhookFailed as failure:
            self._world.debugger.warning(failure.code, failure.message, url=failure.url)

    # -- in

    def receive(self, from_: str, to: str, body: str) -> Message:
        """Somebody outside writes to a number of the account."""
        message = self._keep(Message(from_, to, body, "inbound", MessageStatus.RECEIVED))
        word = body.strip().upper()
        if word in STOP_WORDS:
            self.opted_out.add((to, from_))
        elif word in START_WORDS:
            self.opted_out.discard((to, from_))
        self._world.spawn_request(self._pass_on(message))
        return message

    async def _pass_on(self, message: Message) -> None:
        number = self._world.numbers.own(number_of(message.to))
        if not number.sms_url:
            return
        try:
            reply = await self._world.webhooks.request(
                number.sms_url, number.sms_method, self._incoming_params(message), kind="message"
            )
            if reply.body.strip():
                self._answer(message, twiml.read(reply))
        except (WebhookFailed, TwimlError) as error:
            self._world.debugger.error(error.code, error.message, url=number.sms_url)

    def _incoming_params(self, message: Message) -> dict[str, str]:
        country = country_of(number_of(message.from_))
        of_whatsapp = {"ProfileName": "", "WaId": number_of(message.from_).lstrip("+")}
        return (of_whatsapp if is_whatsapp(message.from_) else {}) | {
            "AccountSid": self._world.settings.account_sid,
            "ApiVersion": "2010-04-01",
            "Body": message.body,
            "From": message.from_,
            "FromCity": "",
            "FromState": "",
            "FromZip": "",
            "FromCountry": country,
            "MessageSid": message.sid,
            "NumMedia": "0",
            "NumSegments": str(message.segments),
            "SmsMessageSid": message.sid,
            "SmsSid": message.sid,
            "SmsStatus": "received",
            "To": message.to,
            "ToCountry": country_of(number_of(message.to)),
        }

    def _answer(self, message: Message, document: twiml.Document) -> None:
        """Send what the application's `<Message>` verbs say."""
        for verb in document.verbs:
            if verb.tag != "Message":
                self._world.debugger.warning(
                    debugger.SCHEMA_VALIDATION_WARNING, f"<{verb.tag}> does nothing in an answer to a message"
                )
                continue
            body = verb.find("Body")
            text = twiml.text_of(body if body is not None else verb)
            to, from_ = verb.get("to", message.from_), verb.get("from", message.to)
            if not self.is_refused(from_, to):
                self.send(from_, to, text, verb.get("action", ""), "outbound-reply")

    def _keep(self, message: Message) -> Message:
        self._messages[message.sid] = message
        self._changed(message)
        return message

    def _changed(self, message: Message) -> None:
        self._world.events.add("message", message.as_json())
