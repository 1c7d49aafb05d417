"""A telephone exchange in one process: does what a room's keeper asks of the carrier, tells what came of it.

Its news may be lost, come twice and in any order, as the real one's. What somebody hears, and who is with
whom, can be asked at any moment.
"""

import random
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select, update

from app import db
from app.callbacks import placing
from app.carrier.rest import Carrier
from app.deployment import Deployment
from app.jobs import deliver, rooms
from app.outgoing import outbox
from app.promises.times import Window
from app.records.agents import Presence
from app.records.calls import Call
from app.records.promises import PromiseAttempt
from config import Settings
from tests import factories
from tests.rest_carrier import FakeCarrier, FakeRoom
from tests.telephone import Line

ANNAS = "CA" + "a" * 32
ADAS = "CA" + "d" * 32
News = Callable[[], object]


def rung_back(call: Line, deployment: Deployment) -> str:
    """Let Anna ring Ada back, as she promised; they talk for a minute now. Return the name of the call."""
    now = datetime.now(UTC)
    with db.transaction() as session:
        an_hour, of_ada = timedelta(hours=1), {"customer": "ada", "case": "Z1"}
        promise = factories.promise(session, due_at=now + an_hour, now=now - an_hour, **of_ada)
        window = Window(promise.created_at, promise.due_at, ZoneInfo("UTC"))
        sid = placing.ring_agent(session, promise, "anna", window, now, deployment)
    assert sid is not None
    call.post(f"/voice/callbacks/{sid}/agent", CallSid=ANNAS, CallStatus="ringing")
    call.post(f"/voice/callbacks/{sid}/picked-up", CallSid=ANNAS)
    call.post(f"/voice/callbacks/{sid}/customer", CallSid=ADAS, CallStatus="in-progress")
    with db.transaction() as session:
        for one in (session.get_one(Call, sid), session.scalars(select(PromiseAttempt)).one()):
            one.bridged_at = now - timedelta(minutes=1)
    return sid


@dataclass
class Exchange:
    """One conversation, from the moment that two are put through: Anna and a customer.

    Who rings us has dialled Anna's telephone; with `placed`, the name of a call that we placed, Anna's has
    dialled the customer's. Of the two, `parent` has dialled `child`.
    """

    call: Line
    fake: FakeCarrier
    carrier: Carrier
    settings: Settings
    placed: str = ""
    luck: random.Random | None = None  # None: all news comes, once and in order
    lives: set[str] = field(default_factory=set)  # SIDs of calls that go on
    bridged: bool = True  # the first two, without a room
    loses_actions: bool = False  # what is next for who dialled is never asked
    never_arrive: set[str] = field(default_factory=set)  # hang up on the way into a room, without news
    hears: dict[str, ET.Element] = field(default_factory=dict)  # what a call was answered last, outside rooms
    silent: set[str] = field(default_factory=set)  # agents whose desks give no sign of life
    later: timedelta = timedelta(0)
    _done: dict[str, int] = field(default_factory=lambda: {"redirects": 0, "placed": 0, "ended": 0})
    _news: list[News] = field(default_factory=list)
    _sequence: int = 0
    _placed: dict[str, dict[str, str]] = field(default_factory=dict)
    _actions: dict[str, str] = field(default_factory=dict)  # what is asked when somebody is out of the room

    def __post_init__(self) -> None:
        self.parent, self.child = (ANNAS, self.customers) if self.placed else (self.customers, ANNAS)
        self.lives |= {self.parent, self.child}
        leg: dict[str, object]
        leg = {"sid": self.child, "status": "in-progress", "direction": "outbound-dial", "to": "client:anna"}
        self.fake.children[self.parent] = [leg]
        for sid in (self.parent, self.child):
            self.fake.knows(sid, "in-progress")
        self._dial = self.call.attribute("Dial", "action")
        noun = "Number" if self.placed else "Client"
        # Where news of each of the two goes.
        self._tells = {
            self.parent: f"/voice/callbacks/{self.placed}/agent" if self.placed else "/voice/status",
            self.child: self.call.attribute(noun, "statusCallback"),
        }

    @property
    def sid(self) -> str:
        """Return the name by which we know the conversation."""
        return self.placed or self.call.sid

    @property
    def customers(self) -> str:
        """Return the name by which the carrier knows the customer's call."""
        return ADAS if self.placed else self.call.sid

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
        gone = self.silent | ({"anna"} if ANNAS not in self.lives else set())
        with db.transaction() as session:
            live = update(Presence).where(Presence.agent.not_in(gone))
            session.execute(live.values(heartbeat_at=now))

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
        if sid in self._placed:
            self._ring_news(sid, status)
        else:
            self._is_over(sid, status)
        if self.bridged and sid in (self.parent, self.child):
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
        self._is_cut_off(sid, was_bridged=was_bridged)
        self._leaves(sid, is_over=False)
        self._follow(sid, self._ask(url, sid))
        if was_bridged and sid == self.child and not self.loses_actions:
            # Its Dial is over: who dialled goes on with what its action says.
            self._follow(
                self.parent,
                self._ask(self._dial, self.parent, DialCallStatus="completed", DialBridged="true"),
            )

    def _is_cut_off(self, sid: str, *, was_bridged: bool) -> None:
        """Who was dialled is hung up on when who dialled them is sent elsewhere first."""
        if was_bridged and sid == self.parent and self.child in self.lives:
            self.lives.discard(self.child)
            self._is_over(self.child, "completed")

    def _part(self, sid: str) -> None:
        self.bridged = False
        self._is_cut_off(sid, was_bridged=True)
        if sid == self.child and self.parent in self.lives:
            ended = {"DialCallStatus": "completed", "DialBridged": "true", "DialCallDuration": "30"}
            self._follow(self.parent, self._ask(self._dial, self.parent, **ended))

    def _is_over(self, sid: str, status: str) -> None:
        self.fake.knows(sid, status)
        if sid == self.child:
            self.fake.children[self.parent] = []
        url, duration = self._tells[sid], {"CallDuration": "30"} if status == "completed" else {}
        self._later(lambda: self.call.post(url, CallSid=sid, CallStatus=status, **duration))

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
        self._desks_live(datetime.now(UTC) + self.later)
        told, self._news = self._news, []
        if self.luck is not None:
            told = [one for one in told for _ in range(self.luck.choice((0, 1, 1, 2)))]
            self.luck.shuffle(told)
        for one in told:
            one()
