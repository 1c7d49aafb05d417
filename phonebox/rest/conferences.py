"""What can be asked about rooms, and of those in them?"""

import asyncio

from aiohttp import web

from phonebox.addresses import kind_of, parameters_of, without_parameters
from phonebox.network.calls import Direction, Fetch, Inline
from phonebox.network.conferences import Conference, ConferenceStatus, Participant
from phonebox.placing import Placing, place
from phonebox.rest import pictures
from phonebox.rest.forms import CREATED, ApiError, Form, Resource, Route, not_found, placing, subscribe
from phonebox.sids import SID
from phonebox.verbs.conferences import joining
from phonebox.verbs.execution import announce


class Conferences(Resource):
    """Conferences and their participants."""

    def routes(self) -> list[Route]:
        """Return method, path below the account, and handler of every address."""
        return [
            ("GET", "/Conferences.json", self.list_conferences),
            ("GET", "/Conferences/{sid}.json", self.fetch_conference),
            ("POST", "/Conferences/{sid}.json", self.update_conference),
            ("GET", "/Conferences/{room}/Participants.json", self.list_participants),
            ("POST", "/Conferences/{room}/Participants.json", self.create_participant),
            ("GET", "/Conferences/{room}/Participants/{sid}.json", self.fetch_participant),
            ("POST", "/Conferences/{room}/Participants/{sid}.json", self.update_participant),
            ("DELETE", "/Conferences/{room}/Participants/{sid}.json", self.delete_participant),
        ]

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
        return web.json_response(pictures.participant(room, who, self._account), status=status)

    async def list_conferences(self, request: web.Request, form: Form) -> web.Response:
        """List rooms, newest first."""
        account = self._account
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
        return web.json_response(pictures.conference(room, self._account))

    async def update_conference(self, request: web.Request, form: Form) -> web.Response:
        """Close a room, or let everybody in it hear something."""
        room = self._room(request, request.match_info["sid"])
        if form.get("Status") == "completed":
            room.end("conference-ended-via-api", "")
        elif url := form.get("AnnounceUrl"):
            self._announce(room, None, Fetch(url, form.get("AnnounceMethod", "POST")))
        return web.json_response(pictures.conference(room, self._account))

    async def list_participants(self, request: web.Request, form: Form) -> web.Response:
        """List those in a room, and those who are being rung for it."""
        room = self._room(request, request.match_info["room"])
        account = self._account
        people = [
            pictures.participant(room, who, account)
            for who in room.everybody()
            if form.is_true("Muted", who.muted) == who.muted
            and form.is_true("Hold", who.hold) == who.hold
            and form.is_true("Coaching", bool(who.coaching)) == bool(who.coaching)
        ]
        return self._page(request, form, "participants", people)

    async def create_participant(self, request: web.Request, form: Form) -> web.Response:
        """Ring somebody into a room; the room is opened if there is none with this name."""
        to = without_parameters(form.get("To"))
        if kind_of(to) is None:
            raise ApiError(400, 21211, "'To' is not a number in E.164, a client or a SIP address")
        coached = _coached(form, "")
        room = self._room_for(request)
        label = form.get("Label")
        if label and any(who.label == label for who in room.everybody()):
            raise ApiError(409, 16025, "participantLabel is used in this conference already")
        leg = self._world.new_leg(form.get("From"), to, Direction.OUTBOUND_API)
        leg.custom_parameters = parameters_of(form.get("To"))
        subscribe(leg, form)
        who = Participant(
            leg,
            label=label,
            muted=form.is_true("Muted"),
            coaching=coached,
            starts=form.is_true("StartConferenceOnEnter", True),
            ends=form.is_true("EndConferenceOnExit"),
        )
        room.expected.append(who)
        source = joining(room.friendly_name, _room_attributes(form, coached))
        self._world.tasks.spawn(self._ring_in(room, who, source, placing(form)))
        return self._participant_json(room, who, CREATED)

    def _room_for(self, request: web.Request) -> Conference:
        """Return the room that somebody new is rung into: here, and only here, a name will do."""
        name = request.match_info["room"]
        room = self._room(request, name) if SID.fullmatch(name) else self._world.conferences.open(name)
        if room.status is ConferenceStatus.COMPLETED:
            raise ApiError(400, 21240, "the conference is over")
        return room

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
            room.close_with(who, form.is_true("EndConferenceOnExit"))
        if "Coaching" in form or "CallSidToCoach" in form:
            room.coach(who, _coached(form, who.coaching))
        if "Muted" in form:
            room.mute(who, form.is_true("Muted"))
        if "Hold" in form:
            url = form.get("HoldUrl") or form.get("WaitUrl")
            method = form.get("HoldMethod") or form.get("WaitMethod") or "GET"
            room.hold(who, form.is_true("Hold"), Fetch(url, method) if url else None)
        if url := form.get("AnnounceUrl"):
            self._announce(room, who, Fetch(url, form.get("AnnounceMethod", "POST")))
        return self._participant_json(room, who)

    def _announce(self, room: Conference, to: Participant | None, fetch: Fetch) -> None:
        """Let one person, or everybody in the room, hear a document; nobody waits for the end of it."""
        hearers = list(room.participants) if to is None else [to]

        async def until_heard() -> None:
            heard = await asyncio.gather(*(announce(self._world, who.leg, fetch) for who in hearers))
            room.tell("announcement-end" if all(heard) else "announcement-fail", to)

        self._world.tasks.spawn(until_heard())

    async def delete_participant(self, request: web.Request, form: Form) -> web.Response:
        """Take somebody out of a room: their call goes on with what follows, or ends."""
        room = self._room(request, request.match_info["room"])
        room.put_out(self._participant(request, room))
        return web.Response(status=204)


def _coached(form: Form, before: str) -> str:
    """Return the SID of the call that alone hears somebody, or nothing.

    Naming a call is coaching, unless `Coaching` says otherwise; `Coaching` needs a call to be named.
    """
    call_sid = form.get("CallSidToCoach", before)
    if not form.is_true("Coaching", bool(call_sid)):
        return ""
    if not call_sid:
        raise ApiError(400, 20001, "Coaching needs CallSidToCoach")
    return call_sid


# What of a new participant's fields is the same in TwiML.
_ATTRIBUTES = {
    "Label": "participantLabel",
    "Muted": "muted",
    "Beep": "beep",
    "JitterBufferSize": "jitterBufferSize",
    "StartConferenceOnEnter": "startConferenceOnEnter",
    "EndConferenceOnExit": "endConferenceOnExit",
    "MaxParticipants": "maxParticipants",
    "ConferenceStatusCallback": "statusCallback",
    "ConferenceStatusCallbackMethod": "statusCallbackMethod",
    "WaitMethod": "waitMethod",
}


def _room_attributes(form: Form, coached: str) -> dict[str, str]:
    """Say in TwiML what the fields of a new participant mean for the room."""
    given = {attribute: form.get(field) for field, attribute in _ATTRIBUTES.items() if form.get(field)}
    if coached:
        given["coach"] = coached
    # An empty address is a word of its own: silence instead of music.
    if "WaitUrl" in form:
        given["waitUrl"] = form.get("WaitUrl")
    if events := form.all("ConferenceStatusCallbackEvent"):
        given["statusCallbackEvent"] = " ".join(events)
    return given
