"""Who hears whom just now, twenty milliseconds at a time?"""

import asyncio
from collections import deque
from collections.abc import Iterator

from phonebox.network.calls import Exchange, Leg
from phonebox.sound import FRAME_SECONDS, Frame, Hearer, Meter, Mouth, Tape, mixed

# Those who wait until something is heard look as often as this.
LOOK_EVERY = 5
# After a longer pause of the process the lost time is left out instead of being caught up with.
LATEST = 10 * FRAME_SECONDS


class Line:
    """The sound on one leg: what its person says and hears."""

    def __init__(self, leg: Leg) -> None:
        self.leg = leg
        self.mouth: Mouth | None = None
        self.hearers: list[Hearer] = []
        self.tape: Tape | None = None
        self.meter = Meter()
        self._delayed: deque[Frame | None] = deque()

    def speak(self) -> "Frame | None":
        """Return what the person says in these 20 ms; None is silence."""
        said = self.mouth.frame() if self.mouth is not None else None
        if self.tape is not None:
            self.tape.take(said)
        return self._later(said)

    def _later(self, said: "Frame | None") -> "Frame | None":
        """Return what was said a while ago, where a room's buffer holds a voice back."""
        connection = self.leg.connection
        seconds = 0.0 if connection is None else connection.delay_seconds(self.leg)
        frames = round(seconds / FRAME_SECONDS)
        self._delayed.append(said)
        while len(self._delayed) > frames + 1:
            self._delayed.popleft()
        return self._delayed.popleft() if len(self._delayed) > frames else None

    def hear(self, frame: Frame) -> None:
        """Let the person hear these 20 ms."""
        self.meter.hear(frame)
        for hearer in self.hearers:
            hearer.hear(frame)


class Mixer:
    """All lines that have sound. Real time, whatever the speed of the simulated world.

    Who hears whom is what the leg's connection says: a bridge of two, or a room with hold, mute and coaching.
    """

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._lines: dict[str, Line] = {}
        self._running: asyncio.Task[None] | None = None

    def __iter__(self) -> Iterator[Line]:
        return iter(self._lines.values())

    def line(self, leg: Leg) -> Line:
        """Return the sound of a leg, which has some from now on until it ends."""
        if leg.sid not in self._lines:
            self._lines[leg.sid] = Line(leg)
        if self._running is None or self._running.done():
            self._running = self._exchange.tasks.spawn(self._run())
        return self._lines[leg.sid]

    def record(self, leg: Leg) -> Tape | None:
        """Begin to take down what is said on a leg; None when it has no sound, only typed words."""
        line = self._lines.get(leg.sid)
        if line is None:
            return None
        line.tape = Tape()
        return line.tape

    def stop_recording(self, leg: Leg) -> None:
        """Take nothing down any more."""
        if leg.sid in self._lines:
            self._lines[leg.sid].tape = None

    def hears(self, leg: Leg, hz: float) -> bool:
        """Say whether a tone (0: nothing) is heard on a leg just now; False when it has no sound."""
        line = self._lines.get(leg.sid)
        return line is not None and line.meter.hears(hz)

    def forget(self) -> None:
        """Begin anew."""
        self._lines.clear()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        due, count = loop.time(), 0
        while self._lines:
            self.tick()
            count += 1
            if count % LOOK_EVERY == 0:
                self._exchange.changes.notify()
            due = max(due + FRAME_SECONDS, loop.time() - LATEST)
            await asyncio.sleep(due - loop.time())

    def tick(self) -> None:
        """Carry 20 ms of everybody's voice to everybody who hears it."""
        self._lines = {sid: line for sid, line in self._lines.items() if not line.leg.ended}
        heard: dict[str, list[Frame]] = {}
        for line in self._lines.values():
            said = line.speak()
            if said is None or line.leg.connection is None:
                continue
            for hearer in line.leg.connection.hearers(line.leg):
                heard.setdefault(hearer.sid, []).append(said)
        for sid, line in self._lines.items():
            line.hear(mixed(heard.get(sid, ())))
