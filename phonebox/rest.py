"""What can the application ask of the carrier: calls, queues, conferences, messages, numbers, recordings?"""

import asyncio
import base64
import binascii
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from aiohttp import web

from phonebox import pictures
from phonebox.addresses import AddressKind, kind_of
from phonebox.calls import (
    CallStatus,
    Direction,
    Fetch,
    Handler,
    HungUpBy,
    Inline,
    Leg,
    Source,
    StatusCallback,
)
from phonebox.conferences import Conference, ConferenceStatus, Participant, joining
from phonebox.faults import Fault, FaultRule
from phonebox.placing import Placing, end_after, place
from phonebox.queues import Queue, member_of
from phonebox.recordings import Recording
from phonebox.sids import SID
from phonebox.timing import utcnow
from phonebox.twilio_spec.rest import problems_in_request
from phonebox.world import World

MAX_PAGE = 1000
DEFAULT_PAGE = 50
CREATED = 201


class ApiError(Exception):
    """A refusal in Twilio's words. https://www.twilio.com/docs/usage/twilios-response#response-formats-exceptions"""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    def response(self) -> web.Response:
        """Return it as JSON."""
        body = {
            "code": self.code,
            "message": self.message,
            "more_info": f"https://www.twilio.com/docs/errors/{self.code}",
            "status": self.status,
        }
        return web.json_response(body, status=self.status)


def not_found(request: web.Request) -> ApiError:
    """Say that there is nothing at this address."""
    return ApiError(404, 20404, f"The requested resource {request.path} was not found")


class Form:
    """The fields of a request, by name; every value in a list, as it came."""

    def __init__(self, fields: Mapping[str, list[str]]) -> None:
        self.fields = fields

    def get(self, name: str, default: str = "") -> str:
        """Return the first value of a field."""
        values = self.fields.get(name)
        return values[0] if values else default

    def all(self, name: str) -> list[str]:
        """Return every value of a field; words of one value that are separated by spaces count apart."""
        return [word for value in self.fields.get(name, []) for word in value.split()]

    def __contains__(self, name: str) -> bool:
        return name in self.fields

    def is_true(self, name: str, default: bool = False) -> bool:
        """Read true or false: anything but `true` is false, as with Twilio."""
        return self.get(name).lower() == "true" if name in self else default


Handle = Callable[[web.Request, Form], Awaitable[web.StreamResponse]]


class RestApi:
    """The REST API of one account."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[web.RouteDef]:
        """Return every address that is served."""
        account = "/2010-04-01/Accounts/{account}"
        table: Iterable[tuple[str, str, Handle]] = (
            ("GET", "/Calls.json", self.list_calls),
            ("POST", "/Calls.json", self.create_call),
            ("GET", "/Calls/{sid}.json", self.fetch_call),
            ("POST", "/Calls/{sid}.json", self.update_call),
            ("DELETE", "/Calls/{sid}.json", self.delete_call),
            ("GET", "/Queues.json", self.list_queues),
            ("POST", "/Queues.json", self.create_queue),
            ("GET", "/Queues/{sid}.json", self.fetch_queue),
            ("POST", "/Queues/{sid}.json", self.update_queue),
            ("DELETE", "/Queues/{sid}.json", self.delete_queue),
            ("GET", "/Queues/{queue}/Members.json", self.list_members),
            ("GET", "/Queues/{queue}/Members/{sid}.json", self.fetch_member),
            ("POST", "/Queues/{queue}/Members/{sid}.json", self.update_member),
            ("GET", "/Conferences.json", self.list_conferences),
            ("GET", "/Conferences/{sid}.json", self.fetch_conference),
            ("POST", "/Conferences/{sid}.json", self.update_conference),
            ("GET", "/Conferences/{room}/Participants.json", self.list_participants),
            ("POST", "/Conferences/{room}/Participants.json", self.create_participant),
            ("GET", "/Conferences/{room}/Participants/{sid}.json", self.fetch_participant),
            ("POST", "/Conferences/{room}/Participants/{sid}.json", self.update_participant),
            ("DELETE", "/Conferences/{room}/Participants/{sid}.json", self.delete_participant),
            ("GET", "/Messages.json", self.list_messages),
            ("POST", "/Messages.json", self.create_message),
            ("GET", "/Messages/{sid}.json", self.fetch_message),
            ("DELETE", "/Messages/{sid}.json", self.delete_message),
            ("GET", "/IncomingPhoneNumbers.json", self.list_numbers),
            ("POST", "/IncomingPhoneNumbers.json", self.create_number),
            ("GET", "/IncomingPhoneNumbers/{sid}.json", self.fetch_number),
            ("POST", "/IncomingPhoneNumbers/{sid}.json", self.update_number),
            ("DELETE", "/IncomingPhoneNumbers/{sid}.json", self.delete_number),
            ("GET", "/Recordings.json", self.list_recordings),
            ("GET", "/Recordings/{sid}.json", self.fetch_recording),
            ("DELETE", "/Recordings/{sid}.json", self.delete_recording),
            ("GET", "/Calls/{call}/Recordings.json", self.list_recordings),
        )
        routes = [web.route(method, account + path, self._guarded(handle)) for method, path, handle in table]
        routes.append(web.get(account + ".json", self._guarded(self.fetch_account, check=False)))
        # The sound itself, as RecordingUrl leads to it.
        routes.append(
            web.get(account + "/Recordings/{sid}", self._guarded(self.recording_sound, check=False))
        )
        routes.append(web.route("*", "/2010-04-01/{rest:.*}", self._guarded(self.nothing, check=False)))
        return routes

    def _guarded(
        self, handle: Handle, check: bool = True
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Let a request through that is signed in and asks for what exists; the rest is refused."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            try:
                self._authenticate(request)
                form = await self._form(request)
                if check:
                    self._check(request, form)
                rule = self._world.faults.take(request.path)
                return await (
                    handle(request, form) if rule is None else _spoiled(handle, request, form, rule)
                )
            except ApiError as error:
                return error.response()

        return guarded

    def _authenticate(self, request: web.Request) -> None:
        """Check the basic authentication, and that the address names our account."""
        scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
        try:
            username, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            username = password = ""
        right = self._world.settings.password_of(username)
        account = request.match_info.get("account", self._world.settings.account_sid)
        if scheme.lower() != "basic" or right is None or password != right:
            raise ApiError(401, 20003, "Authenticate")
        if account != self._world.settings.account_sid:
            raise not_found(request)

    async def _form(self, request: web.Request) -> Form:
        fields: dict[str, list[str]] = {}
        pairs = await request.post() if request.method == "POST" else request.query
        for name, value in pairs.items():
            fields.setdefault(name, []).append(str(value))
        return Form(fields)

    def _check(self, request: web.Request, form: Form) -> None:
        """Refuse what Twilio's own description of the API does not know."""
        if "/Messages" in request.path and request.method == "POST":
            self._check_message(form)
        if request.path.endswith("/Calls.json") and request.method == "POST":
            self._check_call(form)
        problems = problems_in_request(request.method, request.path, form.fields)
        if problems:
            code = _code_in(problems[0])
            raise ApiError(400, code, "; ".join(problems))

    @staticmethod
    def _check_call(form: Form) -> None:
        if not form.get("To"):
            raise ApiError(400, 21201, "No 'To' number is specified")
        if not form.get("From"):
            raise ApiError(400, 21213, "No 'From' number is specified")
        if kind_of(form.get("To")) is None:
            raise ApiError(400, 21211, "'To' is not a number in E.164, a client or a SIP address")
        if kind_of(form.get("From")) is None:
            raise ApiError(400, 21212, "'From' is not a number in E.164, a client or a SIP address")

    @staticmethod
    def _check_message(form: Form) -> None:
        if not form.get("To"):
            raise ApiError(400, 21604, "A 'To' phone number is required")
        if not form.get("From") and not form.get("MessagingServiceSid"):
            raise ApiError(400, 21603, "A 'From' phone number is required")
        if not form.get("Body") and not form.get("MediaUrl") and not form.get("ContentSid"):
            raise ApiError(400, 21602, "Message body is required")
        if kind_of(form.get("To").removeprefix("whatsapp:")) is not AddressKind.PHONE:
            raise ApiError(400, 21211, "'To' is not a phone number in E.164")
        if len(form.get("Body")) > 1600:
            raise ApiError(400, 21617, "The message body has more than 1600 characters")

    async def nothing(self, request: web.Request, form: Form) -> web.Response:
        """There is nothing here."""
        raise not_found(request)

    async def fetch_account(self, request: web.Request, form: Form) -> web.Response:
        """Return the account; what a client asks to see whether its credentials work."""
        sid = self._world.settings.account_sid
        return web.json_response(
            {
                "sid": sid,
                "friendly_name": "phonebox",
                "status": "active",
                "type": "Full",
                "owner_account_sid": sid,
                "uri": f"/2010-04-01/Accounts/{sid}.json",
            }
        )

    def _page(
        self, request: web.Request, form: Form, key: str, records: Sequence[dict[str, Any]]
    ) -> web.Response:
        """Return one page of a list, with where the next one is."""
        size = min(max(_whole(form.get("PageSize"), DEFAULT_PAGE), 1), MAX_PAGE)
        page = max(_whole(form.get("Page"), 0), 0)
        start, end = page * size, (page + 1) * size

        def address(number: int) -> str:
            query = {**dict(request.query), "Page": str(number), "PageSize": str(size)}
            return str(request.rel_url.with_query(query))

        body = {
            key: list(records[start:end]),
            "page": page,
            "page_size": size,
            "start": start,
            "end": max(min(end, len(records)) - 1, 0),
            "uri": str(request.rel_url),
            "first_page_uri": address(0),
            "next_page_uri": address(page + 1) if end < len(records) else None,
            "previous_page_uri": address(page - 1) if page else None,
        }
        return web.json_response(body)

    # -- calls

    def _leg(self, request: web.Request, sid: str) -> Leg:
        leg = self._world.legs.get(sid)
        if leg is None:
            raise not_found(request)
        return leg

    def _call(self, leg: Leg, status: int = 200) -> web.Response:
        return web.json_response(pictures.call(leg, self._world.settings.account_sid), status=status)

    async def list_calls(self, request: web.Request, form: Form) -> web.Response:
        """List calls, newest first."""
        legs = [leg for leg in reversed(self._world.legs.values()) if _call_matches(leg, form)]
        account = self._world.settings.account_sid
        return self._page(request, form, "calls", [pictures.call(leg, account) for leg in legs])

    async def create_call(self, request: web.Request, form: Form) -> web.Response:
        """Ring somebody and execute TwiML when they pick up; `Url` wins over `Twiml`."""
        details = {"MachineDetection": form.get("MachineDetection")} if "MachineDetection" in form else {}
        leg = self._world.new_leg(form.get("From"), form.get("To"), Direction.OUTBOUND_API, details=details)
        self._subscribe(leg, form)
        answered = self._call(leg, CREATED)
        source = _source(form)
        self._world.spawn(place(self._world, leg, source, _placing(form)))
        return answered

    def _subscribe(self, leg: Leg, form: Form) -> None:
        if url := form.get("StatusCallback"):
            events = frozenset(form.all("StatusCallbackEvent") or ["completed"])
            leg.callback = StatusCallback(url, form.get("StatusCallbackMethod", "POST"), events)
        if fallback := form.get("FallbackUrl"):
            leg.fallback = Handler(fallback, form.get("FallbackMethod", "POST"))

    async def fetch_call(self, request: web.Request, form: Form) -> web.Response:
        """Return one call."""
        return self._call(self._leg(request, request.match_info["sid"]))

    async def update_call(self, request: web.Request, form: Form) -> web.Response:
        """End a call, or give it other TwiML; 21220 when it is too late for that."""
        leg = self._leg(request, request.match_info["sid"])
        wanted = form.get("Status")
        if wanted:
            self._end(leg, wanted)
        elif "Url" in form or "Twiml" in form:
            if leg.ended or not (leg.answered or self._may_be_redirected_ringing(leg)):
                raise _not_in_progress(leg)
            self._subscribe(leg, form)
            leg.redirect(_source(form))
        elif leg.ended:
            raise _not_in_progress(leg)
        else:
            self._subscribe(leg, form)
            if limit := _whole(form.get("TimeLimit"), 0):
                self._world.spawn(end_after(self._world, leg, limit))
        return self._call(leg)

    def _may_be_redirected_ringing(self, leg: Leg) -> bool:
        return leg.direction is Direction.INBOUND and self._world.settings.redirect_while_ringing

    @staticmethod
    def _end(leg: Leg, wanted: str) -> None:
        if leg.ended:
            raise _not_in_progress(leg)
        if wanted == "completed":
            leg.end(CallStatus.CANCELED, HungUpBy.APP)
        elif leg.answered:
            raise ApiError(400, 21220, f"Call {leg.sid} is in progress: it can be completed, not canceled")
        else:
            leg.end(CallStatus.CANCELED, HungUpBy.APP)

    async def delete_call(self, request: web.Request, form: Form) -> web.Response:
        """Delete the record of a call that is over."""
        leg = self._leg(request, request.match_info["sid"])
        if not leg.ended:
            raise ApiError(409, 20409, f"Call {leg.sid} is in progress")
        del self._world.legs[leg.sid]
        return web.Response(status=204)

    # -- queues

    def _queue(self, request: web.Request, sid: str) -> Queue:
        queue = self._world.queues.by_sid(sid)
        if queue is None:
            raise not_found(request)
        return queue

    def _queue_json(self, queue: Queue, status: int = 200) -> web.Response:
        return web.json_response(pictures.queue(queue, self._world.settings.account_sid), status=status)

    async def list_queues(self, request: web.Request, form: Form) -> web.Response:
        """List the queues."""
        account = self._world.settings.account_sid
        queues = [pictures.queue(queue, account) for queue in self._world.queues]
        return self._page(request, form, "queues", queues)

    async def create_queue(self, request: web.Request, form: Form) -> web.Response:
        """Make a queue."""
        name = form.get("FriendlyName")
        if self._world.queues.has(name):
            raise ApiError(400, 22003, f"a queue with the name {name} exists already")
        return self._queue_json(self._world.queues.named(name, _whole(form.get("MaxSize"), 1000)), CREATED)

    async def fetch_queue(self, request: web.Request, form: Form) -> web.Response:
        """Return one queue."""
        return self._queue_json(self._queue(request, request.match_info["sid"]))

    async def update_queue(self, request: web.Request, form: Form) -> web.Response:
        """Give a queue another name or size."""
        queue = self._queue(request, request.match_info["sid"])
        if name := form.get("FriendlyName"):
            self._world.queues.rename(queue, name)
        queue.max_size = _whole(form.get("MaxSize"), queue.max_size)
        queue.updated_at = utcnow()
        return self._queue_json(queue)

    async def delete_queue(self, request: web.Request, form: Form) -> web.Response:
        """Take away a queue in which nobody waits."""
        queue = self._queue(request, request.match_info["sid"])
        if queue.members:
            raise ApiError(400, 22001, "the queue is not empty")
        self._world.queues.delete(queue)
        return web.Response(status=204)

    async def list_members(self, request: web.Request, form: Form) -> web.Response:
        """List those who wait, the first one first."""
        queue = self._queue(request, request.match_info["queue"])
        account = self._world.settings.account_sid
        members = [pictures.member(queue, each, account) for each in queue.members]
        return self._page(request, form, "queue_members", members)

    async def fetch_member(self, request: web.Request, form: Form) -> web.Response:
        """Return somebody who waits."""
        queue = self._queue(request, request.match_info["queue"])
        member = member_of(queue, request.match_info["sid"])
        if member is None:
            raise not_found(request)
        return web.json_response(pictures.member(queue, member, self._world.settings.account_sid))

    async def update_member(self, request: web.Request, form: Form) -> web.Response:
        """Take somebody out of the queue and run TwiML on their call."""
        queue = self._queue(request, request.match_info["queue"])
        member = member_of(queue, request.match_info["sid"])
        if member is None:
            raise not_found(request)
        if member.dialler is not None or member.leg.ended:
            raise ApiError(400, 22002, "the member has left the queue")
        answer = pictures.member(queue, member, self._world.settings.account_sid)
        self._world.queues.leave(queue, member)
        member.leg.redirect(Fetch(form.get("Url"), form.get("Method", "POST")))
        return web.json_response(answer)

    # -- conferences

    def _room(self, request: web.Request, sid: str) -> Conference:
        room = self._world.conferences.find(sid)
        if room is None:
            raise not_found(request)
        return room

    def _participant(self, request: web.Request, room: Conference) -> Participant:
        wanted = request.match_info["sid"]
        for who in room.everybody():
            if wanted in (who.leg.sid, who.label):
                return who
        raise not_found(request)

    def _participant_json(self, room: Conference, who: Participant, status: int = 200) -> web.Response:
        return web.json_response(
            pictures.participant(room, who, self._world.settings.account_sid), status=status
        )

    async def list_conferences(self, request: web.Request, form: Form) -> web.Response:
        """List rooms, newest first."""
        account = self._world.settings.account_sid
        rooms = [
            pictures.conference(room, account)
            for room in reversed(list(self._world.conferences))
            if form.get("FriendlyName", room.friendly_name) == room.friendly_name
            and form.get("Status", room.status.value) == room.status.value
        ]
        return self._page(request, form, "conferences", rooms)

    async def fetch_conference(self, request: web.Request, form: Form) -> web.Response:
        """Return one room."""
        room = self._room(request, request.match_info["sid"])
        return web.json_response(pictures.conference(room, self._world.settings.account_sid))

    async def update_conference(self, request: web.Request, form: Form) -> web.Response:
        """Close a room, or let everybody in it hear something."""
        room = self._room(request, request.match_info["sid"])
        if form.get("Status") == "completed":
            room.end("conference-ended-via-api", "")
        elif url := form.get("AnnounceUrl"):
            fetch = Fetch(url, form.get("AnnounceMethod", "POST"))
            for who in room.participants:
                self._world.spawn(room.announce(who, fetch))
        return web.json_response(pictures.conference(room, self._world.settings.account_sid))

    async def list_participants(self, request: web.Request, form: Form) -> web.Response:
        """List those in a room."""
        room = self._room(request, request.match_info["room"])
        account = self._world.settings.account_sid
        people = [
            pictures.participant(room, who, account)
            for who in room.participants
            if form.is_true("Muted", who.muted) == who.muted
            and form.is_true("Hold", who.hold) == who.hold
            and form.is_true("Coaching", bool(who.coaching)) == bool(who.coaching)
        ]
        return self._page(request, form, "participants", people)

    async def create_participant(self, request: web.Request, form: Form) -> web.Response:
        """Ring somebody into a room; the room is opened if there is none with this name."""
        if kind_of(form.get("To")) is None:
            raise ApiError(400, 21211, "'To' is not a number in E.164, a client or a SIP address")
        name = request.match_info["room"]
        room = self._world.conferences.find(name)
        if room is None:
            if SID.fullmatch(name):
                raise not_found(request)
            room = self._world.conferences.open(name)
        if room.status is ConferenceStatus.COMPLETED:
            raise ApiError(400, 21240, "the conference is over")
        label = form.get("Label")
        if label and any(who.label == label for who in room.everybody()):
            raise ApiError(409, 16025, "participantLabel is used in this conference already")
        leg = self._world.new_leg(form.get("From"), form.get("To"), Direction.OUTBOUND_API)
        self._subscribe(leg, form)
        who = Participant(
            leg,
            label=label,
            muted=form.is_true("Muted"),
            coaching=form.get("CallSidToCoach") if form.is_true("Coaching") else "",
            starts=form.is_true("StartConferenceOnEnter", True),
            ends=form.is_true("EndConferenceOnExit"),
        )
        room.expected.append(who)
        source = joining(room.friendly_name, _room_attributes(form))
        self._world.spawn(self._ring_in(room, who, source, _placing(form)))
        return self._participant_json(room, who, CREATED)

    async def _ring_in(self, room: Conference, who: Participant, source: Inline, how: Placing) -> None:
        try:
            await place(self._world, who.leg, source, how)
        finally:
            if who in room.expected:
                room.expected.remove(who)

    async def fetch_participant(self, request: web.Request, form: Form) -> web.Response:
        """Return somebody in a room."""
        room = self._room(request, request.match_info["room"])
        return self._participant_json(room, self._participant(request, room))

    async def update_participant(self, request: web.Request, form: Form) -> web.Response:
        """Mute, hold, coach or address somebody; anything but `true` is false."""
        room = self._room(request, request.match_info["room"])
        who = self._participant(request, room)
        if "EndConferenceOnExit" in form:
            who.ends = form.is_true("EndConferenceOnExit")
            room.tell("participant-modify", who)
        if "Coaching" in form:
            coached = form.get("CallSidToCoach", who.coaching)
            who.coaching = coached if form.is_true("Coaching") else ""
            room.tell("participant-modify", who)
            room.meet()
        if "Muted" in form:
            room.mute(who, form.is_true("Muted"))
        if "Hold" in form:
            url = form.get("HoldUrl") or form.get("WaitUrl")
            method = form.get("HoldMethod") or form.get("WaitMethod") or "GET"
            room.hold(who, form.is_true("Hold"), Fetch(url, method) if url else None)
        if url := form.get("AnnounceUrl"):
            fetch = Fetch(url, form.get("AnnounceMethod", "POST"))
            self._world.spawn(room.announce(who, fetch))
        return self._participant_json(room, who)

    async def delete_participant(self, request: web.Request, form: Form) -> web.Response:
        """Take somebody out of a room: their call goes on with what follows, or ends."""
        room = self._room(request, request.match_info["room"])
        who = self._participant(request, room)
        who.put_out.set()
        room.leave(who.leg)
        return web.Response(status=204)

    # -- messages

    def _message_json(self, sid: str, request: web.Request, status: int = 200) -> web.Response:
        message = self._world.messages.find(sid)
        if message is None:
            raise not_found(request)
        return web.json_response(pictures.message(message, self._world.settings.account_sid), status=status)

    async def list_messages(self, request: web.Request, form: Form) -> web.Response:
        """List messages, newest first."""
        account = self._world.settings.account_sid
        messages = [
            pictures.message(message, account)
            for message in reversed(list(self._world.messages))
            if form.get("To", message.to) == message.to
            and form.get("From", message.from_) == message.from_
            and _within(message.created_at, form, "DateSent")
        ]
        return self._page(request, form, "messages", messages)

    async def create_message(self, request: web.Request, form: Form) -> web.Response:
        """Send a message; 21610 when the other has asked for none."""
        from_ = form.get("From") or form.get("MessagingServiceSid")
        if self._world.messages.is_refused(from_, form.get("To")):
            raise ApiError(400, 21610, "Attempt to send to an unsubscribed recipient")
        message = self._world.messages.send(
            from_, form.get("To"), form.get("Body"), form.get("StatusCallback")
        )
        return self._message_json(message.sid, request, CREATED)

    async def fetch_message(self, request: web.Request, form: Form) -> web.Response:
        """Return one message."""
        return self._message_json(request.match_info["sid"], request)

    async def delete_message(self, request: web.Request, form: Form) -> web.Response:
        """Delete a message."""
        if not self._world.messages.delete(request.match_info["sid"]):
            raise not_found(request)
        return web.Response(status=204)

    # -- numbers

    async def list_numbers(self, request: web.Request, form: Form) -> web.Response:
        """List the account's numbers."""
        account = self._world.settings.account_sid
        numbers = [
            pictures.number(number, account)
            for number in self._world.numbers
            if form.get("PhoneNumber", number.phone_number) in number.phone_number
            and form.get("FriendlyName", number.friendly_name) == number.friendly_name
        ]
        return self._page(request, form, "incoming_phone_numbers", numbers)

    async def create_number(self, request: web.Request, form: Form) -> web.Response:
        """Buy a number."""
        phone_number = form.get("PhoneNumber")
        if kind_of(phone_number) is not AddressKind.PHONE:
            raise ApiError(400, 21421, "PhoneNumber is not a number in E.164")
        number = self._world.numbers.own(phone_number, form.get("FriendlyName") or None)
        pictures.change_number(number, form.fields)
        self._world.numbers_changed()
        return web.json_response(pictures.number(number, self._world.settings.account_sid), status=CREATED)

    async def fetch_number(self, request: web.Request, form: Form) -> web.Response:
        """Return one number."""
        number = self._world.numbers.by_sid(request.match_info["sid"])
        if number is None:
            raise not_found(request)
        return web.json_response(pictures.number(number, self._world.settings.account_sid))

    async def update_number(self, request: web.Request, form: Form) -> web.Response:
        """Say where calls and messages to a number go."""
        number = self._world.numbers.by_sid(request.match_info["sid"])
        if number is None:
            raise not_found(request)
        pictures.change_number(number, form.fields)
        self._world.numbers_changed()
        return web.json_response(pictures.number(number, self._world.settings.account_sid))

    async def delete_number(self, request: web.Request, form: Form) -> web.Response:
        """Give a number back."""
        number = self._world.numbers.by_sid(request.match_info["sid"])
        if number is None:
            raise not_found(request)
        self._world.numbers.release(number)
        self._world.numbers_changed()
        return web.Response(status=204)

    # -- recordings

    def _recording(self, request: web.Request, sid: str) -> Recording:
        recording = self._world.recordings.find(sid)
        if recording is None:
            raise not_found(request)
        return recording

    async def list_recordings(self, request: web.Request, form: Form) -> web.Response:
        """List recordings, all or those of one call."""
        account = self._world.settings.account_sid
        call_sid = request.match_info.get("call") or form.get("CallSid")
        recordings = [
            pictures.recording(recording, account)
            for recording in self._world.recordings
            if not call_sid or recording.call_sid == call_sid
        ]
        return self._page(request, form, "recordings", recordings)

    async def fetch_recording(self, request: web.Request, form: Form) -> web.Response:
        """Return what is known of a recording."""
        recording = self._recording(request, request.match_info["sid"])
        return web.json_response(pictures.recording(recording, self._world.settings.account_sid))

    async def recording_sound(self, request: web.Request, form: Form) -> web.Response:
        """Return a recording's sound as WAV (also without an ending), or its words with `.txt`."""
        sid, _, ending = request.match_info["sid"].partition(".")
        recording = self._recording(request, sid)
        if ending == "txt":
            return web.Response(text=recording.transcript)
        if ending not in ("", "wav"):
            raise not_found(request)
        return web.Response(body=recording.wav(), content_type="audio/x-wav")

    async def delete_recording(self, request: web.Request, form: Form) -> web.Response:
        """Delete a recording."""
        if not self._world.recordings.delete(request.match_info["sid"]):
            raise not_found(request)
        return web.Response(status=204)


async def _spoiled(handle: Handle, request: web.Request, form: Form, rule: FaultRule) -> web.StreamResponse:
    """Answer a request with a fault: what was done and what the client learns of it may differ."""
    match rule.fault:
        case Fault.DROP:
            return _hang_up_on(request)
        case Fault.SERVER_ERROR:
            raise ApiError(503, 20503, "Service unavailable (fault: 5xx)")
        case Fault.TOO_MANY:
            raise ApiError(429, 20429, "Too many requests (fault: 429)")
        case Fault.LATE:
            await asyncio.sleep(rule.seconds)
    answer = await handle(request, form)
    return _hang_up_on(request) if rule.fault is Fault.LOST_REPLY else answer


def _hang_up_on(request: web.Request) -> web.Response:
    """Break the connection; the answer that the server wants of us reaches nobody."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=503)


def _code_in(problem: str) -> int:
    """Return the number that the sentence names as Twilio's error, or the general one."""
    named = re.search(r"error (\d{5})", problem)
    return int(named.group(1)) if named else 20001


def _not_in_progress(leg: Leg) -> ApiError:
    return ApiError(400, 21220, f"Call {leg.sid} is not in-progress. Cannot redirect.")


def _whole(text: str, default: int) -> int:
    return int(text) if text.isdecimal() else default


def _placing(form: Form) -> Placing:
    limit = _whole(form.get("TimeLimit"), 0)
    return Placing(_whole(form.get("Timeout"), 60), form.get("SendDigits"), limit or None)


def _source(form: Form) -> Source:
    if url := form.get("Url"):
        return Fetch(url, form.get("Method", "POST"))
    return Inline(form.get("Twiml"))


def _room_attributes(form: Form) -> dict[str, str]:
    """Say in TwiML what the fields of a new participant mean for the room."""
    return {
        "participantLabel": form.get("Label"),
        "muted": form.get("Muted"),
        "beep": form.get("Beep"),
        "startConferenceOnEnter": form.get("StartConferenceOnEnter"),
        "endConferenceOnExit": form.get("EndConferenceOnExit"),
        "coach": form.get("CallSidToCoach") if form.is_true("Coaching") else "",
        "waitUrl": form.get("WaitUrl"),
        "waitMethod": form.get("WaitMethod"),
        "maxParticipants": form.get("MaxParticipants"),
        "statusCallback": form.get("ConferenceStatusCallback"),
        "statusCallbackMethod": form.get("ConferenceStatusCallbackMethod"),
        "statusCallbackEvent": " ".join(form.all("ConferenceStatusCallbackEvent")),
    }


def _call_matches(leg: Leg, form: Form) -> bool:
    return (
        form.get("To", leg.to) == leg.to
        and form.get("From", leg.from_) == leg.from_
        and form.get("Status", leg.status.value) == leg.status.value
        and form.get("ParentCallSid", leg.parent.sid if leg.parent else "")
        == (leg.parent.sid if leg.parent else "")
        and _within(leg.created_at, form, "StartTime")
        and (leg.ended_at is None or _within(leg.ended_at, form, "EndTime"))
    )


def _within(moment: datetime, form: Form, name: str) -> bool:
    """Say whether a moment is on the day, or after or before the time, that a filter names."""
    if (after := form.get(f"{name}>")) and moment < _moment(after):
        return False
    if (before := form.get(f"{name}<")) and moment > _moment(before):
        return False
    on = form.get(name)
    return not on or moment.date() == _moment(on).date()


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ApiError(400, 20001, f"{text} is no time such as 2026-11-22T09:00:00Z") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=utcnow().tzinfo)
