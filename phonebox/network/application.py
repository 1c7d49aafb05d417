"""What is the application asked about a call, and what is it told?"""

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

from phonebox.addresses import country_of
from phonebox.debugger import WARNING_ANSWER_TO_CALLBACK, Debugger
from phonebox.network.calls import CallStatus, Direction, Fetch, Leg, StatusCallback
from phonebox.tasks import Tasks
from phonebox.timing import Changes, rfc2822, utcnow
from phonebox.webhooks import Reply, WebhookFailed, Webhooks

T = TypeVar("T")

API_VERSION = "2010-04-01"
SIP_CODES = {
    CallStatus.COMPLETED: "200",
    CallStatus.BUSY: "486",
    CallStatus.FAILED: "404",
    CallStatus.NO_ANSWER: "480",
    CallStatus.CANCELED: "487",
}


class Application:
    """The application at the other end of the webhooks.

    A leg that something is asked or told about isn't settled before the answer is there.
    """

    def __init__(
        self, account_sid: str, webhooks: Webhooks, debugger: Debugger, tasks: Tasks, changes: Changes
    ) -> None:
        self.account_sid = account_sid
        self._webhooks = webhooks
        self._debugger = debugger
        self._tasks = tasks
        self._changes = changes

    async def ask(self, leg: Leg, fetch: Fetch, extra: Mapping[str, str], kind: str = "twiml") -> Reply:
        """Ask for TwiML about a leg; the request goes on when the leg ends meanwhile.

        Raises WebhookFailed when there is no answer that can be used.
        """
        params = {**self._params(leg), **extra, **fetch.params}
        reply = await asyncio.shield(self._send(leg, self._ask(leg, fetch, params, kind)))
        if isinstance(reply, WebhookFailed):
            raise reply
        return reply

    def tell(self, leg: Leg, fetch: Fetch, kind: str) -> None:
        """Send a request about a leg whose answer changes nothing; nobody waits for it."""
        params = {**self._params(leg), **fetch.params}
        self._send(leg, self._tell(leg, fetch, params, kind))

    def progressed(self, leg: Leg, event: str) -> None:
        """Report a step of a leg, where that was asked for, after the steps before it."""
        callback = leg.callback
        if callback is None or event not in callback.events:
            return
        params = self._params(leg) | _progress_params(leg, event)
        leg.sequence_number += 1
        if self.may_overtake(callback.url):
            self.report(leg, callback, params, "status")
        else:
            leg.last_callback = self.report(leg, callback, params, "status", after=leg.last_callback)

    def may_overtake(self, url: str) -> bool:
        """Say whether a fault takes what is reported to this address out of its order."""
        return self._webhooks.may_overtake(url)

    def report(
        self,
        about: Leg | None,
        callback: StatusCallback,
        params: dict[str, str],
        kind: str,
        *,
        after: asyncio.Task[None] | None = None,
    ) -> asyncio.Task[None]:
        """Send an event to a callback once the report before it is answered; nobody waits for it."""
        return self._send(about, self._report(about, callback, params, kind, after))

    # -- the requests

    def _send(self, about: Leg | None, request: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Let a request go out; the leg that it is about has one more that is pending until then."""

        def answered(_: asyncio.Task[T]) -> None:
            if about is not None:
                about.pending_requests -= 1
            self._changes.notify()

        if about is not None:
            about.pending_requests += 1
        sent = self._tasks.spawn_request(request)
        sent.add_done_callback(answered)
        return sent

    async def _ask(self, leg: Leg, fetch: Fetch, params: dict[str, str], kind: str) -> Reply | WebhookFailed:
        """Return also a failure: whoever asked may have gone, and then nobody is there to take it."""
        try:
            return await self._webhooks.request(
                fetch.url, fetch.method, params, kind=kind, call_sid=leg.sid, cookies=leg.cookies
            )
        except WebhookFailed as failure:
            return failure

    async def _tell(self, leg: Leg, fetch: Fetch, params: dict[str, str], kind: str) -> None:
        reply = await self._ask(leg, fetch, params, kind)
        if isinstance(reply, WebhookFailed):
            self._debugger.warning(reply.code, reply.message, call_sid=leg.sid, url=reply.url)
        elif kind == "status":
            self._check_answer_to_callback(reply, leg)

    async def _report(
        self,
        about: Leg | None,
        callback: StatusCallback,
        params: dict[str, str],
        kind: str,
        after: asyncio.Task[None] | None,
    ) -> None:
        if after is not None:
            await asyncio.wait({after})
        sid = about.sid if about else None
        try:
            reply = await self._webhooks.request(
                callback.url, callback.method, params, kind=kind, call_sid=sid
            )
            self._check_answer_to_callback(reply, about)
        except WebhookFailed as failure:
            self._debugger.warning(failure.code, failure.message, call_sid=sid, url=failure.url)

    def _check_answer_to_callback(self, reply: Reply, about: Leg | None) -> None:
        """Warn, as Twilio does, of an answer to a callback that is neither empty nor TwiML."""
        if reply.body.strip() and reply.content_type not in ("text/xml", "application/xml", "text/html"):
            self._debugger.warning(
                WARNING_ANSWER_TO_CALLBACK,
                f"a callback is answered with 204 or an empty <Response/>, not with {reply.content_type}",
                call_sid=about.sid if about else None,
                url=reply.url,
            )

    # -- what a request says of its leg

    def _params(self, leg: Leg) -> dict[str, str]:
        """Return the fields that every request about this leg carries.

        https://www.twilio.com/docs/voice/twiml#request-parameters
        """
        details = dict(leg.details)
        caller_country = details.pop("CallerCountry", country_of(leg.from_))
        called_country = country_of(leg.to)
        params = {
            "AccountSid": self.account_sid,
            "ApiVersion": API_VERSION,
            "CallSid": leg.sid,
            "CallStatus": leg.status.value,
            "Direction": leg.direction.value,
            "From": leg.from_,
            "To": leg.to,
            "Caller": leg.from_,
            "Called": leg.to,
        }
        for side, country in (("From", caller_country), ("Caller", caller_country)):
            params |= _place(side, country)
        for side, country in (("To", called_country), ("Called", called_country)):
            params |= _place(side, country)
        if leg.parent is not None:
            params["ParentCallSid"] = leg.parent.sid
        if leg.answered_by and "MachineDetection" in details:
            params["AnsweredBy"] = leg.answered_by
        details.pop("MachineDetection", None)
        return params | details


def _progress_params(leg: Leg, event: str) -> dict[str, str]:
    """Return what a status callback carries besides the call's own fields."""
    params = {
        "CallbackSource": "call-progress-events",
        "SequenceNumber": str(leg.sequence_number),
        "Timestamp": rfc2822(utcnow()) or "",
    }
    if event == "completed":
        seconds = leg.talk_seconds()
        params["CallDuration"] = str(seconds)
        # Minutes begun, as they are charged.
        params["Duration"] = str(-(-seconds // 60))
        if leg.parent is not None or leg.direction is Direction.OUTBOUND_API:
            params["SipResponseCode"] = SIP_CODES[leg.status]
    return params


def _place(side: str, country: str) -> dict[str, str]:
    """Twilio sends the fields of a place empty when it does not know them."""
    return {f"{side}City": "", f"{side}State": "", f"{side}Zip": "", f"{side}Country": country}
