"""What is happening on one leg: who is on it, what they hear, and how does it end?"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol, TypeVar

from phonebox.tasks import Tasks
from phonebox.timing import Changes, Clock, utcnow

T = TypeVar("T")


class CallStatus(StrEnum):
    """https://www.twilio.com/docs/voice/api/call-resource#call-status-values"""

    QUEUED = "queued"
    INITIATED = "initiated"
    RINGING = "ringing"
    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"
    BUSY = "busy"
    FAILED = "failed"
    NO_ANSWER = "no-answer"
    CANCELED = "canceled"


ENDED = frozenset(
    {
        CallStatus.COMPLETED,
        CallStatus.BUSY,
        CallStatus.FAILED,
        CallStatus.NO_ANSWER,
        CallStatus.CANCELED,
    }
)


class Direction(StrEnum):
    """Who started the leg: somebody outside, the REST API, or a `<Dial>`."""

    INBOUND = "inbound"
    OUTBOUND_API = "outbound-api"
    OUTBOUND_DIAL = "outbound-dial"


class HungUpBy(StrEnum):
    """Who ended the leg."""

    CALLER = "caller"
    CALLEE = "callee"
    APP = "app"
    CARRIER = "carrier"


@dataclass(frozen=True)
class Fetch:
    """TwiML to ask for: an absolute URL, its method, and what to send besides the call's fields."""

    url: str
    method: str = "POST"
    params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Inline:
    """TwiML that is at hand already; addresses in it must be absolute."""

    xml: str


Source = Fetch | Inline


@dataclass(frozen=True)
class Caption:
    """What is heard on a leg; `at` is in simulated seconds since the leg began."""

    at: float
    kind: str
    text: str
    who: str = ""
    language: str = ""
    voice: str = ""


@dataclass(frozen=True)
class StatusCallback:
    """Where the progress of a leg or a conference is told, and which steps of it."""

    url: str
    method: str = "POST"
    events: frozenset[str] = frozenset({"completed"})


@dataclass(frozen=True)
class Handler:
    """A URL and the method with which it is asked."""

    url: str
    method: str = "POST"


@dataclass(frozen=True)
class Spoken:
    """Somebody said something, as a recogniser wrote it, and how sure it is of that."""

    text: str
    confidence: float = 0.91


@dataclass(frozen=True)
class Pressed:
    """Somebody pressed keys."""

    digits: str


Input = Spoken | Pressed


class LegEnded(Exception):
    """The leg on which something was going on is over."""


class LegRedirected(Exception):
    """The leg was given other TwiML to run by the REST API."""

    def __init__(self, source: Source) -> None:
        super().__init__("redirected")
        self.source = source


class Prompt:
    """A `<Gather>` or `<Record>` that is listening."""

    def __init__(self, kind: str, *, speech: bool, keys: bool) -> None:
        self.kind = kind
        self.speech = speech
        self.keys = keys
        self.inputs: asyncio.Queue[Input] = asyncio.Queue()

    def takes(self, heard: Input) -> bool:
        """Say whether this prompt listens to what was said or pressed."""
        return self.speech if isinstance(heard, Spoken) else self.keys


class Connection(Protocol):
    """What joins a leg to others: a bridge of two, or a conference."""

    def hearers(self, speaker: "Leg") -> "list[Leg]":
        """Return the legs on which `speaker` is heard just now."""

    def delay_seconds(self, speaker: "Leg") -> float:
        """Return how much later the others hear what `speaker` says."""

    def pressed(self, leg: "Leg", digits: str) -> None:
        """Take note that somebody pressed keys."""

    def leave(self, leg: "Leg") -> None:
        """Take a leg out, because it ended or was sent elsewhere."""


class Exchange(Protocol):
    """What a leg, and the telephone on it, needs of the world around it."""

    clock: Clock
    changes: Changes
    tasks: Tasks

    def happened(self, leg: "Leg", kind: str, data: Mapping[str, Any]) -> None:
        """Tell everybody who watches."""

    def progressed(self, leg: "Leg", event: str) -> None:
        """Tell the application, where it asked for that."""

    def run(self, leg: "Leg", source: Source) -> None:
        """Begin to execute TwiML on a leg that has none running."""


class Leg:
    """One telephone line in use, from its first moment to its end."""

    def __init__(
        self,
        exchange: Exchange,
        *,
        sid: str,
        from_: str,
        to: str,
        direction: Direction,
        parent: "Leg | None" = None,
        details: Mapping[str, str] | None = None,
    ) -> None:
        self.exchange = exchange
        self.sid = sid
        self.from_ = from_
        self.to = to
        self.direction = direction
        self.parent = parent
        self.details = dict(details or {})
        self.children: list[Leg] = []
        self.status = CallStatus.RINGING if direction is Direction.INBOUND else CallStatus.QUEUED
        self.created_at = utcnow()
        self.answered_at: datetime | None = None
        self.ended_at: datetime | None = None
        self.began = exchange.clock.now()
        self._answered: float | None = None
        self._ended: float | None = None
        self.captions: list[Caption] = []
        self.rang: list[str] = []
        self.bridged_to: list[str] = []
        # Whom the person on this leg hears, from which simulated second on; nobody at first.
        self.company: list[tuple[float, tuple[str, ...]]] = []
        self.hangup_by: HungUpBy | None = None
        self.answered_by: str | None = None
        self.callback: StatusCallback | None = None
        self.sequence_number = 0
        # A chain, so that a leg's callbacks leave one after another unless a fault says otherwise.
        self.last_callback: asyncio.Task[Any] | None = None
        self.pending_requests = 0
        self.fallback: Handler | None = None
        self.cookies: dict[str, str] = {}
        self.custom_parameters: dict[str, str] = {}
        self.queue_name: str | None = None
        self.queue_seconds: int | None = None
        self.prompt: Prompt | None = None
        self.interpreted = False
        # Whether somebody answers, speaks and presses here, or nobody will: then nobody is given the time to.
        self.by_hand = True
        self.connection: Connection | None = None
        self.over = asyncio.Event()
        self._interruption: asyncio.Future[LegEnded | LegRedirected] = self._fresh_interruption()
        if parent is not None:
            parent.children.append(self)

    @staticmethod
    def _fresh_interruption() -> "asyncio.Future[LegEnded | LegRedirected]":
        return asyncio.get_running_loop().create_future()

    @property
    def party(self) -> str:
        """The person's own number or client: the caller's on an inbound leg, else the called one's."""
        return self.from_ if self.direction is Direction.INBOUND else self.to

    @property
    def ended(self) -> bool:
        """Whether the leg is over."""
        return self.status in ENDED

    @property
    def answered(self) -> bool:
        """Whether the leg was ever picked up."""
        return self.answered_at is not None

    @property
    def family(self) -> "list[Leg]":
        """This leg and those that it dialled."""
        return [self, *self.children]

    @property
    def settled(self) -> bool:
        """Whether the call is over and everything that the application was told has been answered."""
        return all(each.ended and not each.pending_requests and not each.interpreted for each in self.family)

    def seconds(self) -> float:
        """Simulated seconds since the leg began."""
        return (self._ended or self.exchange.clock.now()) - self.began

    def talk_seconds(self) -> int:
        """Whole simulated seconds from answer to end; 0 when nobody picked up."""
        if self._answered is None:
            return 0
        return max(round((self._ended or self.exchange.clock.now()) - self._answered), 0)

    # -- progress

    def progress(self, status: CallStatus) -> None:
        """Move towards an answer; nothing happens to a leg that is over or already answered."""
        if self.ended or self.answered:
            return
        self.status = status
        self.exchange.progressed(self, status.value)
        self.exchange.happened(self, "status", {"status": status.value})

    def answer(self) -> None:
        """Pick the leg up; twice is once."""
        if self.ended or self.answered:
            return
        self.status = CallStatus.IN_PROGRESS
        self.answered_at = utcnow()
        self._answered = self.exchange.clock.now()
        self.exchange.progressed(self, "answered")
        self.exchange.happened(self, "status", {"status": self.status.value})

    def end(self, unanswered: CallStatus, by: HungUpBy) -> None:
        """End the leg: `completed` if it was ever answered, else as `unanswered` says. Twice is once."""
        if self.ended:
            return
        self.status = CallStatus.COMPLETED if self.answered else unanswered
        self.hangup_by = by
        self.ended_at = utcnow()
        self._ended = self.exchange.clock.now()
        self.prompt = None
        self.hears("ended", by.value)
        self._disconnect()
        self._interrupt(LegEnded())
        self.over.set()
        self.exchange.progressed(self, "completed")
        self.exchange.happened(self, "status", {"status": self.status.value})

    def hang_up(self) -> None:
        """The person on this leg puts the telephone down."""
        by = HungUpBy.CALLER if self.direction is Direction.INBOUND else HungUpBy.CALLEE
        self.end(CallStatus.NO_ANSWER if self.direction is Direction.INBOUND else CallStatus.BUSY, by)

    def redirect(self, source: Source) -> None:
        """Run other TwiML from now on, whatever the leg is doing."""
        self._disconnect()
        if self.interpreted:
            self._interrupt(LegRedirected(source))
        else:
            self.exchange.run(self, source)

    def _disconnect(self) -> None:
        if self.connection is not None:
            self.connection.leave(self)

    def _interrupt(self, reason: LegEnded | LegRedirected) -> None:
        if self._interruption.done():
            self._interruption = self._fresh_interruption()
        self._interruption.set_result(reason)

    async def attend(self, work: Awaitable[T]) -> T:
        """Wait for `work` as long as the leg is there: LegEnded or LegRedirected when it is called away."""
        interruption = self._interruption
        task: asyncio.Future[T] = asyncio.ensure_future(work)
        try:
            either: set[asyncio.Future[Any]] = {task, interruption}
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not task.done():
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError, LegEnded, LegRedirected):
                    await task
        if not interruption.done():
            return task.result()
        if not task.cancelled():
            task.exception()
        reason = interruption.result()
        # A redirection is taken once; the end of a leg stays true.
        if isinstance(reason, LegRedirected) and self._interruption is interruption:
            self._interruption = self._fresh_interruption()
        raise reason

    async def pause(self, seconds: float) -> None:
        """Let simulated seconds pass on the leg."""
        await self.attend(self.exchange.clock.sleep(seconds))

    async def sleep_for_a_hand(self, seconds: float) -> None:
        """Let the time pass that the person on this leg has to answer, speak or press."""
        clock = self.exchange.clock
        await (clock.sleep_for_a_hand(seconds) if self.by_hand else clock.sleep(seconds))

    # -- what is heard and said

    def hears(self, kind: str, text: str = "", *, who: str = "", language: str = "", voice: str = "") -> None:
        """Write down what the person on this leg hears."""
        caption = Caption(round(self.seconds(), 2), kind, text, who, language, voice)
        self.captions.append(caption)
        self.exchange.happened(
            self,
            "caption",
            {"kind": kind, "text": text, "who": who, "language": language, "at": caption.at},
        )

    def joined(self, other: "Leg") -> None:
        """Write down that two people can hear each other."""
        self.bridged_to.append(other.party)
        self.hears("bridged", other.party)

    def hears_people(self, others: "Iterable[Leg]") -> None:
        """Write down whom the person on this leg hears from now on."""
        parties = tuple(leg.party for leg in others)
        if parties != (self.company[-1][1] if self.company else ()):
            self.company.append((round(self.seconds(), 3), parties))
            self.exchange.happened(self, "company", {"hears": list(parties)})

    def rings(self, party: str) -> None:
        """Write down that somebody's telephone rings for this leg."""
        self.rang.append(party)
        self.exchange.happened(self, "rings", {"party": party})

    def is_heard(self, heard: Input) -> bool:
        """Say whether anybody or anything would hear this just now."""
        prompted = self.prompt is not None and self.prompt.takes(heard)
        return prompted or self.connection is not None

    def take(self, heard: Input) -> bool:
        """The person speaks or presses keys: tell whether anybody or anything took note of it."""
        if self.ended:
            return False
        text = heard.text if isinstance(heard, Spoken) else heard.digits
        kind = "said" if isinstance(heard, Spoken) else "pressed"
        if self.prompt is not None and self.prompt.takes(heard):
            self.hears(kind, text, who=self.party)
            self.prompt.inputs.put_nowait(heard)
            return True
        if self.connection is None:
            return False
        self.hears(kind, text, who=self.party)
        connection = self.connection
        for hearer in connection.hearers(self):
            hearer.hears("voice" if isinstance(heard, Spoken) else "tone", text, who=self.party)
        if isinstance(heard, Pressed):
            # Last, because a key may lead out of the connection.
            connection.pressed(self, heard.digits)
        return True

    def listen(self, prompt: Prompt) -> None:
        """Let a prompt listen from now on."""
        self.prompt = prompt
        self.exchange.happened(self, "prompt", {"prompt": prompt.kind})

    def stop_listening(self) -> None:
        """Nothing listens any more."""
        self.prompt = None
        self.exchange.happened(self, "prompt", {"prompt": None})


class Bridge:
    """Two legs that hear each other, until one goes."""

    def __init__(self, first: Leg, second: Leg, on_key: Callable[[Leg, str], None] | None = None) -> None:
        self.legs = (first, second)
        self.gone: Leg | None = None
        self.broken = asyncio.Event()
        self._on_key = on_key
        clock = first.exchange.clock
        self._clock = clock
        self._since = clock.now()
        self._until: float | None = None
        for leg in self.legs:
            leg.connection = self
        first.joined(second)
        second.joined(first)
        first.hears_people([second])
        second.hears_people([first])

    def seconds(self) -> int:
        """Whole simulated seconds that the two were connected."""
        return max(round((self._until or self._clock.now()) - self._since), 0)

    def hearers(self, speaker: Leg) -> list[Leg]:
        """The other one hears it."""
        return [leg for leg in self.legs if leg is not speaker and leg.connection is self]

    def delay_seconds(self, speaker: Leg) -> float:
        """Two on a bridge hear each other at once."""
        return 0.0

    def pressed(self, leg: Leg, digits: str) -> None:
        """Pass keys on to what listens for them (`hangupOnStar`)."""
        if self._on_key is not None:
            self._on_key(leg, digits)

    def leave(self, leg: Leg) -> None:
        """Break the bridge; the first one to go is remembered."""
        if not self.broken.is_set():
            self.gone = leg
            self._until = self._clock.now()
            self.broken.set()
            for each in self.legs:
                each.hears_people([])
        for each in self.legs:
            if each.connection is self:
                each.connection = None
