"""Who is in which conference, and who hears whom?"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from phonebox.events import EventLog
from phonebox.network.application import Application
from phonebox.network.calls import CallStatus, Fetch, HungUpBy, Leg, StatusCallback
from phonebox.sids import new_sid
from phonebox.timing import rfc2822, utcnow


class ConferenceStatus(StrEnum):
    """A room is open from the first participant, in progress from the second, and completed once."""

    INIT = "init"
    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"


# The events of `statusCallbackEvent`, and how they are called when they are told.
EVENT_OF = {
    "conference-start": "start",
    "conference-end": "end",
    "participant-join": "join",
    "participant-leave": "leave",
    "participant-mute": "mute",
    "participant-unmute": "mute",
    "participant-hold": "hold",
    "participant-unhold": "hold",
    "participant-modify": "modify",
    "announcement-end": "announcement",
    "announcement-fail": "announcement",
}
# Seconds that a participant's own voice comes later; `large`, the default, adds at least this much.
# https://www.twilio.com/en-us/blog/improve-call-experience-new-twilio-conference-jitter-buffer-controls
JITTER_SECONDS = {"off": 0.0, "small": 0.04, "medium": 0.16, "large": 0.3}


@dataclass
class Participant:
    """Somebody in a room; `coaching` is the SID of the call that alone hears them."""

    leg: Leg
    label: str = ""
    muted: bool = False
    hold: bool = False
    coaching: str = ""
    starts: bool = True
    ends: bool = False
    beep: str = "true"
    jitter: str = "large"
    hangs_up_on_star: bool = False
    hold_url: Fetch | None = None
    joined_at: datetime = field(default_factory=utcnow)
    updated_at: datetime = field(default_factory=utcnow)
    held: asyncio.Event = field(default_factory=asyncio.Event)
    back: asyncio.Event = field(default_factory=asyncio.Event)
    met: set[str] = field(default_factory=set)
    # Set when the REST API takes them out: their own TwiML goes on, as after a room that ended.
    put_out: asyncio.Event = field(default_factory=asyncio.Event)


class Conference:
    """A room."""

    def __init__(self, friendly_name: str, application: Application, events: EventLog) -> None:
        self._application = application
        self._events = events
        self.friendly_name = friendly_name
        self.sid = new_sid("CF")
        self.status = ConferenceStatus.INIT
        self.participants: list[Participant] = []
        # Those who are being rung.
        self.expected: list[Participant] = []
        # Where the room's events go: the first participant alone decides.
        self.callback: StatusCallback | None = None
        self.sequence_number = 0
        self.created_at = utcnow()
        self.updated_at = self.created_at
        self.reason_ended = ""
        self.ended_by = ""
        self._last: asyncio.Task[None] | None = None
        self.started = asyncio.Event()
        self.over = asyncio.Event()

    # -- who hears whom (calls.Connection)

    def of(self, leg: Leg) -> Participant | None:
        """Return the participant on this leg."""
        return next((each for each in self.participants if each.leg is leg), None)

    def hearers(self, speaker: Leg) -> list[Leg]:
        """Return those who hear `speaker`: nobody on hold, nobody a muted one; a coach only the coached."""
        who = self.of(speaker)
        if who is None or self.status is not ConferenceStatus.IN_PROGRESS or who.muted or who.hold:
            return []
        others = [each for each in self.participants if each is not who and not each.hold]
        if who.coaching:
            others = [each for each in others if each.leg.sid == who.coaching]
        return [each.leg for each in others]

    def heard_by(self, leg: Leg) -> list[Leg]:
        """Return those whom the participant on `leg` hears."""
        return [each.leg for each in self.participants if leg in self.hearers(each.leg)]

    def delay_seconds(self, speaker: Leg) -> float:
        """Return how much later a participant's voice arrives: their own buffer alone counts."""
        who = self.of(speaker)
        return 0.0 if who is None else JITTER_SECONDS.get(who.jitter, JITTER_SECONDS["large"])

    def pressed(self, leg: Leg, digits: str) -> None:
        """Keys mean nothing to a room, but the star to those whose `<Dial>` says `hangupOnStar`."""
        who = self.of(leg)
        if who is not None and who.hangs_up_on_star and "*" in digits:
            self.put_out(who)

    def put_out(self, who: Participant) -> None:
        """Take somebody out whose own TwiML goes on; who is rung still is rung no more."""
        who.put_out.set()
        self.leave(who.leg)
        if who in self.expected:
            who.leg.end(CallStatus.CANCELED, HungUpBy.APP)

    def leave(self, leg: Leg) -> None:
        """Take somebody out."""
        who = self.of(leg)
        if who is None:
            return
        self.participants.remove(who)
        leg.connection = None
        leg.hears_people([])
        self.tell("participant-leave", who)
        if self.status is ConferenceStatus.COMPLETED:
            return
        way = "kicked" if who.put_out.is_set() else "left"
        if who.ends and self.status is ConferenceStatus.IN_PROGRESS:
            self.end(f"participant-with-end-conference-on-exit-{way}", leg.sid)
        elif not self.participants:
            self.end(f"last-participant-{way}", leg.sid)
        else:
            self._beep("onExit", who)
            self.meet()

    # -- its life

    def enter(self, who: Participant) -> None:
        """Somebody comes in; the room starts with two of whom one may start it."""
        self.expected = [each for each in self.expected if each.leg is not who.leg]
        self.participants.append(who)
        who.leg.connection = self
        self.tell("participant-join", who)
        self._start_if_ready()
        self._beep("onEnter", who)
        self.meet()

    def _start_if_ready(self) -> None:
        ready = len(self.participants) >= 2 and any(each.starts for each in self.participants)
        if self.status is ConferenceStatus.INIT and ready:
            self.status = ConferenceStatus.IN_PROGRESS
            self.started.set()
            self.tell("conference-start", None)

    def _beep(self, when: str, who: Participant) -> None:
        """Let the others hear that somebody came or went, if that one's `beep` says so."""
        if self.status is ConferenceStatus.IN_PROGRESS and who.beep in ("true", when):
            for other in self.participants:
                if other is not who and not other.hold:
                    other.leg.hears("beep", when)

    def meet(self) -> None:
        """Write down who hears whom from now on, and once for each pair that the two could talk."""
        if self.status is not ConferenceStatus.IN_PROGRESS:
            return
        for who in self.participants:
            for leg in self.hearers(who.leg):
                other = self.of(leg)
                if other and leg.sid not in who.met and who.leg in self.hearers(leg):
                    who.met.add(leg.sid)
                    other.met.add(who.leg.sid)
                    who.leg.joined(leg)
                    leg.joined(who.leg)
        for who in self.participants:
            who.leg.hears_people(self.heard_by(who.leg))

    def end(self, reason: str, by: str) -> None:
        """Close the room; those in it go on with what follows their `<Dial>`."""
        if self.status is ConferenceStatus.COMPLETED:
            return
        self.status = ConferenceStatus.COMPLETED
        self.reason_ended, self.ended_by = reason, by
        for who in list(self.participants):
            self.leave(who.leg)
        self.over.set()
        self.tell("conference-end", None)

    # -- what the application is told

    def tell(self, event: str, who: Participant | None) -> None:
        """Send an event to the callback of the first participant, if it wants it."""
        self.updated_at = utcnow()
        leg = who.leg if who else None
        happened = {"conference": self.friendly_name, "event": event, "call_sid": leg.sid if leg else None}
        self._events.add("conference", happened)
        if self.callback is None or EVENT_OF[event] not in self.callback.events:
            return
        params = self._params(event) | (self._participant_params(event, who) if who else {})
        after = None if self._application.may_overtake(self.callback.url) else self._last
        self._last = self._application.report(leg, self.callback, params, "conference", after=after)

    def _params(self, event: str) -> dict[str, str]:
        self.sequence_number += 1
        params = {
            "AccountSid": self._application.account_sid,
            "ConferenceSid": self.sid,
            "FriendlyName": self.friendly_name,
            "SequenceNumber": str(self.sequence_number),
            "StatusCallbackEvent": event,
            "Timestamp": rfc2822(utcnow()) or "",
        }
        if event == "conference-end":
            params["ReasonConferenceEnded"] = self.reason_ended
            if self.ended_by:
                params["CallSidEndingConference"] = self.ended_by
        return params

    def _participant_params(self, event: str, who: Participant) -> dict[str, str]:
        params = {
            "CallSid": who.leg.sid,
            "Muted": _word(who.muted),
            "Hold": _word(who.hold),
            "Coaching": _word(bool(who.coaching)),
            "StartConferenceOnEnter": _word(who.starts),
            "EndConferenceOnExit": _word(who.ends),
        }
        if who.label:
            params["ParticipantLabel"] = who.label
        if who.coaching:
            params["CallSidToCoach"] = who.coaching
        if event == "participant-leave":
            hung_up = who.leg.ended and who.leg.hangup_by in (HungUpBy.CALLER, HungUpBy.CALLEE)
            params["ReasonParticipantLeft"] = (
                "participant_hung_up" if hung_up else "participant_updated_via_api"
            )
            params["ParticipantCallStatus"] = who.leg.status.value
        return params

    def everybody(self) -> list[Participant]:
        """Return those in the room and those who are being rung for it."""
        return [*self.participants, *self.expected]

    # -- what a supervisor or the desk does

    def close_with(self, who: Participant, ends: bool) -> None:
        """Let the room end, or live on, when somebody leaves it.

        Of somebody on hold that can't be changed: as with the real one nothing happens, without an error.
        """
        if not who.hold:
            who.ends = ends
            self._modified(who)

    def coach(self, who: Participant, call_sid: str) -> None:
        """Let one participant alone hear somebody; with no SID everybody does."""
        who.coaching = call_sid
        self._modified(who)
        self.meet()

    def _modified(self, who: Participant) -> None:
        who.updated_at = utcnow()
        self.tell("participant-modify", who)

    def mute(self, who: Participant, muted: bool) -> None:
        """Take somebody's voice, or give it back."""
        if who.muted != muted:
            who.muted, who.updated_at = muted, utcnow()
            self.tell("participant-mute" if muted else "participant-unmute", who)
            self.meet()

    def hold(self, who: Participant, hold: bool, url: Fetch | None) -> None:
        """Put somebody on hold, or bring them back."""
        if who.hold == hold:
            return
        who.hold, who.hold_url, who.updated_at = hold, url, utcnow()
        (who.held if hold else who.back).set()
        (who.back if hold else who.held).clear()
        who.leg.hears("hold" if hold else "unhold", self.friendly_name)
        self.tell("participant-hold" if hold else "participant-unhold", who)
        self.meet()


def _word(value: bool) -> str:
    return "true" if value else "false"


class Conferences:
    """All rooms; a name leads to its room as long as that is open."""

    def __init__(self, application: Application, events: EventLog) -> None:
        self._application = application
        self._events = events
        self._conferences: dict[str, Conference] = {}

    def __iter__(self) -> Iterator[Conference]:
        return iter(self._conferences.values())

    def open(self, name: str) -> Conference:
        """Return the open room with this name, a new one if there is none."""
        for conference in self:
            if conference.friendly_name == name and conference.status is not ConferenceStatus.COMPLETED:
                return conference
        conference = Conference(name, self._application, self._events)
        self._conferences[conference.sid] = conference
        return conference

    def find(self, sid: str) -> Conference | None:
        """Return a room by its SID, also when it is over; a name leads to none."""
        return self._conferences.get(sid)

    def forget(self) -> None:
        """Begin anew."""
        self._conferences.clear()
