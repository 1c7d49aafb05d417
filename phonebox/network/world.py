"""What is there in the simulated telephone network, and how do its parts find each other?"""

import asyncio
import json
import logging
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from phonebox import debugger
from phonebox.addresses import country_of
from phonebox.events import EventLog
from phonebox.faults import Fault, Faults
from phonebox.network import kept
from phonebox.network.calls import (
    CallStatus,
    Direction,
    Fetch,
    Handler,
    HungUpBy,
    Leg,
    Source,
    StatusCallback,
)
from phonebox.network.conferences import Conferences
from phonebox.network.endpoints import Endpoints
from phonebox.network.messages import Messages
from phonebox.network.mixing import Mixer
from phonebox.network.numbers import OwnNumbers
from phonebox.network.queues import Queues
from phonebox.network.recordings import Recordings
from phonebox.network.softphones import Switchboard
from phonebox.settings import Settings
from phonebox.sids import new_sid
from phonebox.timing import Changes, Clock, rfc2822, utcnow
from phonebox.verbs.interpreter import Interpreter, run_call
from phonebox.verbs.outcomes import Purpose
from phonebox.webhooks import Reply, WebhookFailed, Webhooks

log = logging.getLogger("phonebox")

API_VERSION = "2010-04-01"
RESET_PATIENCE = 3.0
OFF_THE_CHAIN = frozenset({Fault.LATE, Fault.OUT_OF_ORDER, Fault.TWICE})


class World:
    """Everything that the simulator knows; parts get it handed and own nothing global."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.base_url = "http://127.0.0.1:8001"
        self.clock = Clock(settings.speed)
        self.changes = Changes()
        self.events = EventLog(self.changes)
        self.debugger = debugger.Debugger(self.events)
        self.faults = Faults()
        self.webhooks = Webhooks(lambda: self.settings, self.faults, self.events)
        self.legs: dict[str, Leg] = {}
        self.endpoints = Endpoints(self)
        self.numbers = OwnNumbers(settings.app_url)
        self.queues = Queues(self.changes)
        self.conferences = Conferences(self)
        self.recordings = Recordings()
        self.messages = Messages(self)
        self.mixer = Mixer(self, self.changes)
        self.switchboard = Switchboard(self)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._asking: set[asyncio.Task[Any]] = set()

    # -- what legs need (calls.Exchange)

    def happened(self, leg: Leg, kind: str, data: Mapping[str, Any]) -> None:
        """Tell everybody who watches the call."""
        self.events.add(kind, {"call_sid": leg.sid, "parent": leg.parent and leg.parent.sid, **data})

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Do something meanwhile; a failure of it is a fault of ours and is logged."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def spawn_request(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        """Send something to the application meanwhile; a reset lets it arrive before it forgets."""
        task = self.spawn(work)
        self._asking.add(task)
        return task

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        self._asking.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a part of the simulation failed", exc_info=error)

    async def until(self, is_true: Callable[[], bool], real_seconds: float | None = None) -> bool:
        """Wait until something is true; False when it is not in time."""
        return await self.changes.until(is_true, real_seconds)

    def run(self, leg: Leg, source: Source) -> None:
        """Begin to execute TwiML on a leg."""
        leg.interpreted = True
        self.spawn(run_call(self, leg, source))

    def interpreter(self, leg: Leg, purpose: Purpose) -> Interpreter:
        """Return what executes a single document on a leg."""
        return Interpreter(self, leg, purpose)

    def progressed(self, leg: Leg, event: str) -> None:
        """Send the status callback that was asked for, without anybody waiting for it."""
        callback = leg.callback
        if callback is None or event not in callback.events:
            return
        params = self.call_params(leg) | progress_params(leg, event)
        leg.sequence_number += 1
        leg.pending_requests += 1
        if self._may_overtake(callback.url):
            self.spawn_request(self._tell(leg, callback, params, None))
        else:
            earlier = leg.last_callback
            leg.last_callback = self.spawn_request(self._tell(leg, callback, params, earlier))

    async def _tell(
        self,
        leg: Leg,
        callback: StatusCallback,
        params: dict[str, str],
        earlier: asyncio.Task[Any] | None,
    ) -> None:
        if earlier is not None:
            await asyncio.wait({earlier})
        try:
            reply = await self.webhooks.request(
                callback.url, callback.method, params, kind="status", call_sid=leg.sid
            )
            self.check_callback_reply(reply, leg.sid)
        except WebhookFailed as failure:
            self.debugger.warning(failure.code, failure.message, call_sid=leg.sid, url=failure.url)
        finally:
            leg.pending_requests -= 1
            self.changes.notify()

    def _may_overtake(self, url: str) -> bool:
        return any(rule.fault in OFF_THE_CHAIN and rule.strikes(url) for rule in self.faults.rules)

    def check_callback_reply(self, reply: Reply, call_sid: str | None) -> None:
        """Warn, as Twilio does, of an answer to a callback that is neither empty nor TwiML."""
        if reply.body.strip() and reply.content_type not in ("text/xml", "application/xml", "text/html"):
            self.debugger.warning(
                debugger.WARNING_ANSWER_TO_CALLBACK,
                f"a callback is answered with 204 or an empty <Response/>, not with {reply.content_type}",
                call_sid=call_sid,
                url=reply.url,
            )

    # -- legs

    def new_leg(
        self,
        from_: str,
        to: str,
        direction: Direction,
        *,
        parent: Leg | None = None,
        sid: str | None = None,
        details: Mapping[str, str] | None = None,
    ) -> Leg:
        """Take a new line into use."""
        leg = Leg(
            self,
            sid=sid or new_sid("CA"),
            from_=from_,
            to=to,
            direction=direction,
            parent=parent,
            details=details,
        )
        self.legs[leg.sid] = leg
        self.events.add(
            "call",
            {
                "call_sid": leg.sid,
                "parent": parent and parent.sid,
                "from": from_,
                "to": to,
                "direction": direction.value,
                "status": leg.status.value,
            },
        )
        return leg

    def phone_in(self, from_: str, to: str, sid: str | None, details: Mapping[str, str]) -> Leg:
        """Somebody outside dials a number of the account."""
        number = self.numbers.own(to)
        token = json.dumps({"parentCallInfoToken": new_sid("CT"), "identityHeaderTokens": []})
        details = {"CallToken": token} | dict(details)
        leg = self.new_leg(from_, to, Direction.INBOUND, sid=sid, details=details)
        if number.status_callback:
            leg.callback = StatusCallback(number.status_callback, number.status_callback_method)
        if number.voice_fallback_url:
            leg.fallback = Handler(number.voice_fallback_url, number.voice_fallback_method)
        if number.voice_url:
            self.run(leg, Fetch(number.voice_url, number.voice_method))
        else:
            # The real one fails such a call at once and says nothing about it.
            leg.end(CallStatus.FAILED, HungUpBy.CARRIER)
        return leg

    def call_params(self, leg: Leg) -> dict[str, str]:
        """Return the fields that every request about this leg carries.

        https://www.twilio.com/docs/voice/twiml#request-parameters
        """
        details = dict(leg.details)
        caller_country = details.pop("CallerCountry", country_of(leg.from_))
        called_country = country_of(leg.to)
        params = {
            "AccountSid": self.settings.account_sid,
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

    async def ask(self, leg: Leg, fetch: Fetch, extra: Mapping[str, str], kind: str = "twiml") -> Reply:
        """Ask the application for TwiML about a leg; the request goes on when the leg ends meanwhile."""
        params = self.call_params(leg) | dict(extra) | dict(fetch.params)
        leg.pending_requests += 1
        request = self.spawn_request(self._ask(leg, fetch, params, kind))
        reply: Reply | WebhookFailed = await asyncio.shield(request)
        if isinstance(reply, WebhookFailed):
            raise reply
        return reply

    def tell(self, leg: Leg, fetch: Fetch, kind: str) -> None:
        """Send a request about a leg whose answer changes nothing; nobody waits for it."""
        params = self.call_params(leg) | dict(fetch.params)
        leg.pending_requests += 1
        self.spawn_request(self._tell_once(leg, fetch, params, kind))

    async def _tell_once(self, leg: Leg, fetch: Fetch, params: dict[str, str], kind: str) -> None:
        reply = await self._ask(leg, fetch, params, kind)
        if isinstance(reply, WebhookFailed):
            self.debugger.warning(reply.code, reply.message, call_sid=leg.sid, url=reply.url)
        elif kind == "status":
            self.check_callback_reply(reply, leg.sid)

    async def _ask(self, leg: Leg, fetch: Fetch, params: dict[str, str], kind: str) -> Reply | WebhookFailed:
        try:
            return await self.webhooks.request(
                fetch.url, fetch.method, params, kind=kind, call_sid=leg.sid, cookies=leg.cookies
            )
        except WebhookFailed as failure:
            return failure
        finally:
            leg.pending_requests -= 1
            self.changes.notify()

    def settled(self, leg: Leg) -> bool:
        """Say whether a call is over and everything that the application was told has been answered."""
        return all(each.ended and not each.pending_requests and not each.interpreted for each in leg.family)

    # -- beginning and end

    async def reset(self) -> None:
        """Forget every call, telephone, message and fault; the numbers' settings too."""
        # What is on its way arrives, so that none of it turns up in what comes next; nothing new is sent.
        self.webhooks.silent = True
        await cancel(self._tasks - self._asking)
        if self._asking:
            await asyncio.wait(set(self._asking), timeout=RESET_PATIENCE)
        await cancel(self._tasks)
        self.webhooks.silent = False
        await self.switchboard.forget()
        self.mixer.forget()
        self.legs.clear()
        self.endpoints.forget()
        self.queues.forget()
        self.conferences.forget()
        self.recordings.forget()
        self.messages.forget()
        self.faults.rules.clear()
        self.debugger.entries.clear()
        self.webhooks.forget()
        self.numbers = OwnNumbers(self.settings.app_url)
        self.own_lines()
        self.events.add("reset", {})

    def own_lines(self) -> None:
        """Own the numbers in the file of lines."""
        for line in read_list(self.settings.lines):
            self.numbers.own(str(line["number"]), str(line.get("name", line["number"])))

    def numbers_changed(self) -> None:
        """Keep the numbers' and telephones' settings, where they are to be kept."""
        if self.settings.state_file is not None:
            kept.save(self.settings.state_file, self.settings.app_url, self.numbers, self.endpoints)

    async def close(self) -> None:
        """Stop everything."""
        await self.reset()
        await self.switchboard.close()
        await self.webhooks.close()

    def snapshot(self, leg: Leg) -> dict[str, Any]:
        """Return all that is known of a call, as the driving API shows it."""
        family = leg.family
        return {
            "sid": leg.sid,
            "from": leg.from_,
            "to": leg.to,
            "direction": leg.direction.value,
            "status": leg.status.value,
            "parent": leg.parent.sid if leg.parent else None,
            "legs": [leg_summary(each) for each in family],
            "captions": [asdict(caption) for caption in leg.captions],
            "requests": self.webhooks.about({each.sid for each in family}),
            "debugger": [entry for each in family for entry in self.debugger.about(each.sid)],
            "ringing": list(leg.rang),
            "bridged_to": list(leg.bridged_to),
            "queue": leg.queue_name,
            "prompt": leg.prompt.kind if leg.prompt else None,
            "hangup_by": leg.hangup_by.value if leg.hangup_by else None,
            "ended": leg.ended,
            "settled": self.settled(leg),
            "seconds": round(leg.seconds(), 2),
            "talk_seconds": leg.talk_seconds(),
        }


async def cancel(tasks: "set[asyncio.Task[Any]]") -> None:
    """Stop tasks and wait until they have stopped."""
    stopping = list(tasks)
    for task in stopping:
        task.cancel()
    await asyncio.gather(*stopping, return_exceptions=True)


def read_list(path: Path | None) -> list[dict[str, Any]]:
    """Read a JSON file that holds a list of objects; no file is an empty list."""
    if path is None:
        return []
    entries = json.loads(path.read_text(encoding="utf-8"))
    return [dict(entry) for entry in entries]


def leg_summary(leg: Leg) -> dict[str, Any]:
    """Return one leg in short, with what was heard on it."""
    return {
        "sid": leg.sid,
        "from": leg.from_,
        "to": leg.to,
        "direction": leg.direction.value,
        "status": leg.status.value,
        "hangup_by": leg.hangup_by.value if leg.hangup_by else None,
        "captions": [asdict(caption) for caption in leg.captions],
        "parameters": dict(leg.custom_parameters),
    }


def progress_params(leg: Leg, event: str) -> dict[str, str]:
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


SIP_CODES = {
    CallStatus.COMPLETED: "200",
    CallStatus.BUSY: "486",
    CallStatus.FAILED: "404",
    CallStatus.NO_ANSWER: "480",
    CallStatus.CANCELED: "487",
}


def _place(side: str, country: str) -> dict[str, str]:
    """Twilio sends the fields of a place empty when it does not know them."""
    return {f"{side}City": "", f"{side}State": "", f"{side}Zip": "", f"{side}Country": country}
