"""How does a text message get to somebody, and to the application?"""

from phonebox import debugger, twiml
from phonebox.addresses import country_of, is_whatsapp, number_of
from phonebox.network.application import API_VERSION
from phonebox.network.messages import Message, MessageStatus
from phonebox.network.world import World
from phonebox.twiml import TwimlError
from phonebox.webhooks import WebhookFailed

SECONDS_TO_SEND = 0.2
SECONDS_TO_DELIVER = 1.0


def send(
    world: World, from_: str, to: str, body: str, callback: str, direction: str = "outbound-api"
) -> Message:
    """Take a message on; it is delivered in the background."""
    message = Message(from_, to, body, direction, MessageStatus.QUEUED, callback)
    world.messages.keep(message)
    world.tasks.spawn(_deliver(world, message))
    return message


async def _deliver(world: World, message: Message) -> None:
    why_lost = world.messages.why_lost(message)
    await world.clock.sleep(SECONDS_TO_SEND)
    await _move(world, message, MessageStatus.SENT)
    await world.clock.sleep(SECONDS_TO_DELIVER)
    if why_lost is None:
        await _move(world, message, MessageStatus.DELIVERED)
    else:
        await _move(world, message, MessageStatus.UNDELIVERED, why_lost)


async def _move(world: World, message: Message, status: MessageStatus, error_code: int | None = None) -> None:
    """Note how far a message has got, and tell the application where it asked for that."""
    world.messages.move(message, status, error_code)
    if not message.callback:
        return
    params = {
        "AccountSid": world.settings.account_sid,
        "ApiVersion": API_VERSION,
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
        await world.webhooks.request(message.callback, "POST", params, kind="message-status")
    except WebhookFailed as failure:
        world.debugger.warning(failure.code, failure.message, url=failure.url)


def receive(world: World, from_: str, to: str, body: str) -> Message:
    """Somebody outside writes to a number of the account."""
    message = Message(from_, to, body, "inbound", MessageStatus.RECEIVED)
    world.messages.keep(message)
    world.tasks.spawn_request(_pass_on(world, message))
    return message


async def _pass_on(world: World, message: Message) -> None:
    number = world.numbers.own(number_of(message.to))
    if not number.sms_url:
        return
    params = _incoming_params(message, world.settings.account_sid)
    try:
        reply = await world.webhooks.request(number.sms_url, number.sms_method, params, kind="message")
        if reply.body.strip():
            _answer(world, message, twiml.read(reply))
    except (WebhookFailed, TwimlError) as error:
        world.debugger.error(error.code, error.message, url=number.sms_url)


def _incoming_params(message: Message, account_sid: str) -> dict[str, str]:
    country = country_of(number_of(message.from_))
    of_whatsapp = {"ProfileName": "", "WaId": number_of(message.from_).lstrip("+")}
    return (of_whatsapp if is_whatsapp(message.from_) else {}) | {
        "AccountSid": account_sid,
        "ApiVersion": API_VERSION,
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


def _answer(world: World, message: Message, document: twiml.Document) -> None:
    """Send what the application's `<Message>` verbs say."""
    for verb in document.verbs:
        if verb.tag != "Message":
            world.debugger.warning(
                debugger.SCHEMA_VALIDATION_WARNING, f"<{verb.tag}> does nothing in an answer to a message"
            )
            continue
        body = verb.find("Body")
        text = twiml.text_of(body if body is not None else verb)
        to, from_ = verb.get("to", message.from_), verb.get("from", message.to)
        if not world.messages.is_refused(from_, to):
            send(world, from_, to, text, verb.get("action", ""), "outbound-reply")
