"""A telephone exchange in one process: does what a room's keeper asks of the carrier, tells what came of it.

Its news may be lost, come twice and in any order, as the real one's. What somebody hears, and who is with
whom, can be asked at any moment.
"""

import random
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import update

from app import db
from app.carrier.rest import Carrier
from app.deployment import Deployment
from app.jobs import deliver, rooms
from app.outgoing import outbox
from app.records.agents import Presence
from config import Settings
from tests.rest_carrier import FakeCarrier, FakeRoom
from tests.telephone import Line

ANNAS = "CA" + "a" * 32
News = Callable[[], object]


@dataclass
class Exchange:
    """One conversation, from the moment that two are put through."""

    call: Line
    fake: FakeCarrier
    carrier: Carrier
    settings: Settings
    luck: random.Random | None = None  # None: all news comes, once and in order
    lives: set[str] = field(default_factory=set)  # SIDs of calls that go on
    bridged: bool = True  # the first two, without a room
    loses_actions: bool = False  # what is next for who dialled is never asked
    never_arrive: set[str] = field(default_factory=set)  # hang up on the way into a room, without news
    hears: dict[str, ET.Element] = field(default_factory=dict)  # what a call was answered last, outside rooms
    later: timedelta = timedelta(0)
    _done: dict[str, int] = field(default_factory=lambda: {"redirects": 0, "placed": 0, "ended": 0})
    _news: list[News] = field(default_factory=list)
    _sequence: int = 0
    _placed: dict[str, dict[str, str]] = field(default_factory=dict)
    _actions: dict[str, str] = field(default_factory=dict)  # what is asked when somebody is out of the room

    def __post_init__(self) -> None:
        self.lives |= {self.call.sid, ANNAS}
        leg = {"sid": ANNAS, "status": "in-progress", "direction": "outbound-dial", "to": "client:anna"}
        self.fake.children[self.call.sid] = [leg]
        self.fake.knows(self.call.sid, "in-progress")
        self._dial = self.call.attribute("Dial", "action")
        self._leg = self.call.attribute("Client", "statusCallback")

    # --- asked by tests ---

    @property
    def room(self) -> FakeRoom | None:
        open_ = [room for room in self.fake.rooms.values() if room.status != "completed"]
        return open_[-1] if open_ else None

    def labels(self) -> dict[str, bool]:
        """Return who is in the room, and whether they are on hold."""
        people = self.room.people if self.room else {}
        return {label: bool(one["hold"]) for label, one in people.items()}

    def who_rings(self) -> list[str]:
        return [one["To"].partition("?")[0] for sid, one in self._placed.items() if sid in self.lives]

    # --- what people do ---

    def settle(self, rounds: int = 12, later: float = 0.0) -> None:
        """Let the keeper and the carrier go on until nothing changes."""
        self.later += timedelta(seconds=later)
        deployment = Deployment.of(self.settings)
        for _ in range(rounds):
            before = self._mark()
            now = datetime.now(UTC) + self.later
            self._desks_live(now)
            rooms.keep_due(self.carrier, deployment, now)
            deliver.deliver_due(self.carrier, deployment, outbox.REDIRECT_CALL, now)
            self._do_what_was_asked()
            self._tell()
            if self._mark() == before and not self._news:
                return

    def _desks_live(self, now: datetime) -> None:
        """Let the desks of those who are on the line give signs of life, as their pages do."""
        if not self.later:
            return
        with db.transaction() as session:
            gone = "anna" if ANNAS not in self.lives else ""
            session.execute(update(Presence).where(Presence.agent != gone).values(heartbeat_at=now))

    def _mark(self) -> tuple[object, ...]:
        return (tuple(self._done.values()), str(self.labels()), len(self.lives), self._sequence)

    def picks_up(self, answer: str = "") -> None:
        """Whoever is rung answers; on an ordinary phone they say `answer`."""
        sid, placed = next((sid, one) for sid, one in self._placed.items() if sid in self.lives)
        self._ring_news(sid, "in-progress")
        reply = self._ask(placed["Url"], sid)
        gather = reply.find(".//Gather")
        if gather is not None:
            reply = self._ask(gather.attrib["action"], sid, Digits=answer)
        self._follow(sid, reply)
        self._tell()

    def does_not_pick_up(self, status: str) -> None:
        sid = next(sid for sid in self._placed if sid in self.lives)
        self.lives.discard(sid)
        self._ring_news(sid, status)
        self._tell()

    def hangs_up(self, sid: str, status: str = "completed") -> None:
        """Somebody puts their telephone down, or their line is cut."""
        if sid not in self.lives:
            return
        self.lives.discard(sid)
        if sid == self.call.sid:
            self.fake.knows(sid, status)
            self._later(lambda: self.call.post("/voice/status", CallStatus=status))
        elif sid in self._placed:
            self._ring_news(sid, status)
        else:
            self.fake.children[self.call.sid] = []
            self._later(lambda: self.call.post(self._leg, CallSid=ANNAS, CallStatus=status))
        if self.bridged and sid in (self.call.sid, ANNAS):
            self._part(sid)
        self._leaves(sid, is_over=True)
        self._tell()

    def second(self) -> str:
        """Return the SID of whoever was rung last."""
        return list(self._placed)[-1]

    # --- the carrier ---

    def _do_what_was_asked(self) -> None:
        for sid, url in self.fake.redirects[self._done["redirects"] :]:
            self._done["redirects"] += 1
            self._redirect(sid, url)
        for form in self.fake.placed[self._done["placed"] :]:
            self._done["placed"] += 1
            sid = f"CA{0xF0 + self._done['placed']:032x}"
            self._placed[sid] = form
            self.lives.add(sid)
            for status in ("initiated", "ringing"):
                self._ring_news(sid, status)
        for sid in self.fake.ended[self._done["ended"] :]:
            self._done["ended"] += 1
            if sid in self.lives:
                self.hangs_up(sid, "canceled" if self._rings(sid) else "completed")

    def _rings(self, sid: str) -> bool:
        in_room = self.room and any(one["call_sid"] == sid for one in self.room.people.values())
        return sid in self._placed and not in_room

    def _redirect(self, sid: str, url: str) -> None:
        if sid not in self.lives:
            return
        was_bridged, self.bridged = self.bridged, False
        self._leaves(sid, is_over=False)
        self._follow(sid, self._ask(url, sid))
        if was_bridged and sid == ANNAS and not self.loses_actions:
            # Its Dial is over: who dialled goes on with what its action says.
            self._follow(
                self.call.sid,
                self._ask(self._dial, self.call.sid, DialCallStatus="completed", DialBridged="true"),
            )

    def _part(self, sid: str) -> None:
        self.bridged = False
        if sid == ANNAS and self.call.sid in self.lives:
            ended = {"DialCallStatus": "completed", "DialBridged": "true", "DialCallDuration": "30"}
            self._follow(self.call.sid, self._ask(self._dial, self.call.sid, **ended))

    def _follow(self, sid: str, reply: ET.Element) -> None:
        conference = reply.find(".//Conference")
        if conference is not None and sid in self.never_arrive:
            self.lives.discard(sid)
            return
        if conference is None:
            self.hears[sid] = reply
            if reply.find("Hangup") is not None and len(list(reply)) == 1:
                self.hangs_up(sid)
            return
        name, label = str(conference.text), conference.attrib["participantLabel"]
        found = [one for one in self.fake.rooms.values() if one.name == name and one.status != "completed"]
        room = found[0] if found else self.fake.opens(name)
        coached = conference.get("coach", "")
        room.joins(
            label,
            sid,
            end_conference_on_exit=conference.get("endConferenceOnExit") == "true",
            muted=conference.get("muted") == "true",
            coaching=bool(coached),
            call_sid_to_coach=coached,
        )
        self._events = conference.attrib["statusCallback"]
        self._actions[sid] = reply.find("Dial").attrib["action"]  # type: ignore[union-attr]
        self._room_news(room, "participant-join", label, sid, "in-progress")

    def _leaves(self, sid: str, *, is_over: bool) -> None:
        room = self.room
        label = next((key for key, one in room.people.items() if one["call_sid"] == sid), "") if room else ""
        if room is None or not label:
            return
        who = room.people.pop(label)
        self._room_news(room, "participant-leave", label, sid, "completed" if is_over else "in-progress")
        if not who["end_conference_on_exit"] and room.people:
            return
        room.status = "completed"
        for other in [str(one["call_sid"]) for one in room.people.values()]:
            if other in self.lives:
                self._follow(other, self._ask(self._actions[other], other, DialCallStatus="answered"))
        room.people.clear()

    def _ask(self, url: str, sid: str, **fields: str) -> ET.Element:
        assert self.call.post(url, CallSid=sid, **fields).status_code == 200
        return self.call.reply

    def listens(self, sid: str) -> str:
        """Return what somebody hears who is on hold."""
        assert self.room is not None
        who = next(one for one in self.room.people.values() if one["call_sid"] == sid)
        return "".join(self._ask(str(who["hold_url"]), sid).itertext()) if who["hold"] else ""

    # --- its news ---

    def _ring_news(self, sid: str, status: str) -> None:
        url = self._placed[sid]["StatusCallback"]
        self._later(lambda: self.call.post(url, CallSid=sid, CallStatus=status))

    def _room_news(self, room: FakeRoom, event: str, label: str, sid: str, status: str) -> None:
        self._sequence += 1
        url, number = self._events, str(self._sequence)
        fields = {"StatusCallbackEvent": event, "ParticipantLabel": label, "SequenceNumber": number}
        fields |= {"ParticipantCallStatus": status, "ConferenceSid": room.sid, "FriendlyName": room.name}
        self._later(lambda: self.call.post(url, CallSid=sid, **fields))

    def _later(self, news: News) -> None:
        self._news.append(news)

    def _tell(self) -> None:
        """Tell what is to be told; with luck, not all of it, some twice, in any order."""
        told, self._news = self._news, []
        if self.luck is not None:
            told = [one for one in told for _ in range(self.luck.choice((0, 1, 1, 2)))]
            self.luck.shuffle(told)
        for one in told:
            one()
