"""How does sound get to a browser and back?

One `Peer` is one browser's end of a leg. Media never leaves this machine: it is bound to 127.0.0.1.
"""

import asyncio
import contextlib
import logging
from array import array
from collections import deque
from collections.abc import Callable
from fractions import Fraction

import aioice.ice
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCRtpCodecCapability,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame

from phonebox.network.calls import Leg
from phonebox.network.mixing import Mixer
from phonebox.sound import FRAME_SAMPLES, SAMPLES_PER_SECOND, Frame

log = logging.getLogger("phonebox")

# G.711, what telephones speak: both sides have samples of 8000 a second, and nothing is resampled.
PCMU = RTCRtpCodecCapability(mimeType="audio/PCMU", clockRate=SAMPLES_PER_SECOND, channels=1)
# What arrived too early waits this long at most (100 ms); what is older is left out.
MOST_WAITING = 5
OVER = frozenset({"failed", "closed"})


def _only_this_machine(use_ipv4: bool, use_ipv6: bool) -> list[str]:
    return ["127.0.0.1"]


# The library offers every address but loopback and has no setting for it; here it is the other way round, so
# that nobody else can reach the media, and a machine without any network has sound too.
aioice.ice.get_host_addresses = _only_this_machine


class _Out(MediaStreamTrack):
    """What the person hears, on its way to the browser."""

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self._frames: asyncio.Queue[Frame] = asyncio.Queue()
        self._at = 0

    def hear(self, frame: Frame) -> None:
        """Take the next 20 ms."""
        if self._frames.qsize() >= MOST_WAITING:
            self._frames.get_nowait()
        self._frames.put_nowait(frame)

    async def recv(self) -> AudioFrame:
        """Return the next 20 ms, as the library sends them."""
        if self.readyState != "live":
            raise MediaStreamError
        samples = await self._frames.get()
        frame = AudioFrame(format="s16", layout="mono", samples=FRAME_SAMPLES)
        frame.planes[0].update(samples.tobytes())
        frame.sample_rate = SAMPLES_PER_SECOND
        frame.pts = self._at
        frame.time_base = Fraction(1, SAMPLES_PER_SECOND)
        self._at += FRAME_SAMPLES
        return frame


class Peer:
    """One browser: a mouth and an ear. `on_over` is called once, when the browser is gone."""

    def __init__(self, on_over: Callable[[], None]) -> None:
        self._on_over = on_over
        self._over = False
        # No servers to ask for addresses: both ends are on this machine.
        self._connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._out = _Out()
        self._said: deque[Frame] = deque(maxlen=MOST_WAITING)
        self._listening: asyncio.Task[None] | None = None
        self._connection.addTrack(self._out)
        for transceiver in self._connection.getTransceivers():
            transceiver.setCodecPreferences([PCMU])
        self._connection.on("track", self._on_track)
        self._connection.on("connectionstatechange", self._on_state)

    # -- sound.Mouth and sound.Hearer

    def frame(self) -> "Frame | None":
        """Return the next 20 ms of what the person says; None when nothing arrived."""
        return self._said.popleft() if self._said else None

    def hear(self, frame: Frame) -> None:
        """Let the person hear these 20 ms."""
        self._out.hear(frame)

    # -- agreeing on the connection

    async def offer(self) -> str:
        """Return the description with which the browser can connect."""
        await self._connection.setLocalDescription(await self._connection.createOffer())
        return self._connection.localDescription.sdp

    async def accept(self, sdp: str) -> None:
        """Take the browser's answer. Raises ValueError when it is none."""
        await self._connection.setRemoteDescription(RTCSessionDescription(sdp, "answer"))

    async def answer(self, sdp: str) -> str:
        """Take the browser's offer and return the answer to it. Raises ValueError when it is none."""
        await self._connection.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
        await self._connection.setLocalDescription(await self._connection.createAnswer())
        return self._connection.localDescription.sdp

    async def close(self) -> None:
        """Hang up; twice is once."""
        self._over = True
        if self._listening is not None:
            self._listening.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._listening
        self._out.stop()
        await self._connection.close()

    def _on_track(self, track: MediaStreamTrack) -> None:
        self._listening = asyncio.ensure_future(self._listen(track))

    async def _listen(self, track: MediaStreamTrack) -> None:
        with contextlib.suppress(MediaStreamError):
            while True:
                came = await track.recv()
                if isinstance(came, AudioFrame):
                    self._take(bytes(came.planes[0])[: 2 * came.samples])

    def _take(self, data: bytes) -> None:
        samples = array("h", data)
        for start in range(0, len(samples) - FRAME_SAMPLES + 1, FRAME_SAMPLES):
            self._said.append(samples[start : start + FRAME_SAMPLES])

    def _on_state(self) -> None:
        if self._connection.connectionState in OVER and not self._over:
            self._over = True
            self._on_over()


async def connect(mixer: Mixer, leg: Leg, sdp: str) -> str:
    """Let the person on a leg speak and hear through a browser; return the answer to its offer.

    The browser may come and go: the call lasts. Raises ValueError when the offer is none.
    """

    def gone() -> None:
        if line.mouth is peer:
            line.mouth = None
        line.hearers.remove(peer)
        ending.cancel()
        closing.add(closed := asyncio.ensure_future(peer.close()))
        closed.add_done_callback(closing.discard)

    peer = Peer(gone)
    try:
        answer = await peer.answer(sdp)
    except ValueError:
        await peer.close()
        raise
    line = mixer.line(leg)
    line.mouth = peer
    line.hearers.append(peer)
    ending = asyncio.ensure_future(_close_with(leg, peer))
    return answer


async def _close_with(leg: Leg, peer: Peer) -> None:
    await leg.over.wait()
    await peer.close()


# Held until they are done: the event loop itself holds tasks weakly.
closing: set[asyncio.Task[None]] = set()
