"""What can be asked about rooms, and of those in them?"""

from aiohttp import web

from phonebox.addresses import kind_of
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
            fetch = Fetch(url, form.get("AnnounceMethod", "POST"))
            for who in room.participants:
                self._world.tasks.spawn(self._announce(room, who, fetch))
        return web.json_response(pictures.conference(room, self._account))

    async def list_participants(self, request: web.Request, form: Form) -> web.Response:
        """List those in a room."""
        room = self._room(request, request.match_info["room"])
        account = self._account
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
        subscribe(leg, form)
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
        self._world.tasks.spawn(self._ring_in(room, who, source, placing(form)))
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
            self._world.tasks.spawn(self._announce(room, who, fetch))
        return self._participant_json(room, who)

    async def _announce(self, room: Conference, who: Participant, fetch: Fetch) -> None:
        await announce(self._world, who.leg, fetch)
        room.tell("announcement-end", who)

    async def delete_participant(self, request: web.Request, form: Form) -> web.Response:
        """Take somebody out of a room: their call goes on with what follows, or ends."""
        room = self._room(request, request.match_info["room"])
        who = self._participant(request, room)
        who.put_out.set()
        room.leave(who.leg)
        return web.Response(status=204)


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
