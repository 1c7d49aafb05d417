"""What does a telephone line carry: how is it made, added up, and measured?

All sound here is as on a telephone line: 8000 samples a second, one channel, 16 bits, in frames of 20 ms.
"""

import io
import math
import wave
from array import array
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Protocol, TypeAlias

import av
from av import AudioFrame

SAMPLES_PER_SECOND = 8000
FRAME_SECONDS = 0.02
FRAME_SAMPLES = 160
LOUDEST = 32767
# Half of full scale leaves room for a second voice.
TONE_LOUDNESS = 0.5
# Long enough to tell 600 Hz from 605 Hz, short enough to notice a mute soon.
WINDOW_SAMPLES = 1600
# dB below full scale; a line on which nobody speaks carries some noise of its coding.
SILENCE_DB = -60.0
# A person who speaks is louder than the room around them.
VOICE_DB = -40.0

Frame: TypeAlias = "array[int]"


class Mouth(Protocol):
    """Where the sound of one person comes from."""

    def frame(self) -> "Frame | None":
        """Return the next 20 ms; None is silence."""


class Hearer(Protocol):
    """Where the sound that one person hears goes."""

    def hear(self, frame: Frame) -> None:
        """Take the next 20 ms."""


class NoSound(ValueError):
    """A file that can't be played into a telephone; the message says what can."""


class Tone:
    """A pure tone, without end."""

    def __init__(self, hz: float) -> None:
        self._step = 2 * math.pi * hz / SAMPLES_PER_SECOND
        self._at = 0

    def frame(self) -> "Frame | None":
        """Return the next 20 ms."""
        start = self._at
        self._at += FRAME_SAMPLES
        loudness = TONE_LOUDNESS * LOUDEST
        return array(
            "h", (round(loudness * math.sin(self._step * n)) for n in range(start, start + FRAME_SAMPLES))
        )


class Played:
    """A WAV file, again and again: 8000 samples a second, one channel, 16 bits."""

    def __init__(self, wav: bytes) -> None:
        self._samples = samples_of(wav)
        self._at = 0

    def frame(self) -> "Frame | None":
        """Return the next 20 ms."""
        frame = self._samples[self._at : self._at + FRAME_SAMPLES]
        self._at += FRAME_SAMPLES
        if self._at >= len(self._samples):
            self._at = 0
        frame.extend([0] * (FRAME_SAMPLES - len(frame)))
        return frame


class Meter:
    """Hears what somebody hears, and remembers the last fifth of a second of it."""

    def __init__(self) -> None:
        self._frames: deque[Frame] = deque(maxlen=WINDOW_SAMPLES // FRAME_SAMPLES)
        self._silent = 0
        self._longest_silent = 0

    def hear(self, frame: Frame) -> None:
        """Take the next 20 ms."""
        self._frames.append(frame)
        self._silent = 0 if any(frame) and decibels(frame) >= SILENCE_DB else self._silent + 1
        self._longest_silent = max(self._longest_silent, self._silent)

    def longest_silence(self) -> float:
        """Return the longest silence in seconds since this was asked last, and begin to measure anew."""
        longest, self._longest_silent, self._silent = self._longest_silent, 0, 0
        return longest * FRAME_SECONDS

    @property
    def window(self) -> Frame:
        """The samples heard last, at most a fifth of a second."""
        heard = array("h")
        for frame in self._frames:
            heard.extend(frame)
        return heard

    @property
    def full(self) -> bool:
        """Whether there is enough to measure."""
        return len(self._frames) == self._frames.maxlen

    def hears(self, hz: float) -> bool:
        """Say whether a tone of this frequency is plainly to be heard (0: whether it is silent)."""
        if not self.full:
            return False
        heard = self.window
        if hz == 0:
            return decibels(heard) < SILENCE_DB
        return decibels(heard) >= SILENCE_DB and share_of(heard, hz) > AUDIBLE_SHARE


class Tape:
    """Takes down what somebody says, and knows how long they have been quiet."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self._last_voice: int | None = None

    def take(self, frame: "Frame | None") -> None:
        """Take the next 20 ms down; None is silence."""
        if frame is not None and decibels(frame) > VOICE_DB:
            self._last_voice = len(self.frames)
        self.frames.append(silence() if frame is None else frame)

    @property
    def spoken(self) -> bool:
        """Whether anything was said at all."""
        return self._last_voice is not None

    @property
    def seconds(self) -> float:
        """How much was taken down, in real seconds."""
        return len(self.frames) * FRAME_SECONDS

    @property
    def quiet_seconds(self) -> float:
        """For how long nothing was said, in real seconds."""
        since = 0 if self._last_voice is None else self._last_voice + 1
        return (len(self.frames) - since) * FRAME_SECONDS


# Of two voices of the same loudness each has half of the energy.
AUDIBLE_SHARE = 0.2


def silence() -> Frame:
    """Return 20 ms of nothing."""
    return array("h", bytes(2 * FRAME_SAMPLES))


def mixed(frames: "Sequence[Frame]") -> Frame:
    """Add voices up as they sound together; what is too loud is cut off."""
    if not frames:
        return silence()
    if len(frames) == 1:
        return frames[0]
    return array("h", (max(-LOUDEST, min(LOUDEST, sum(samples))) for samples in zip(*frames, strict=True)))


def decibels(samples: "Sequence[int]") -> float:
    """Return how loud it is, in dB relative to full scale; -120 is digital silence."""
    energy = sum(sample * sample for sample in samples)
    if not energy:
        return -120.0
    return 10 * math.log10(energy / len(samples) / LOUDEST**2)


def share_of(samples: "Sequence[int]", hz: float) -> float:
    """Return which part (0 to 1) of the energy is at one frequency, by Goertzel's algorithm."""
    energy = sum(sample * sample for sample in samples)
    if not energy:
        return 0.0
    turn = 2 * math.cos(2 * math.pi * hz / SAMPLES_PER_SECOND)
    before, last = 0.0, 0.0
    for sample in samples:
        before, last = last, sample + turn * last - before
    power = last * last + before * before - turn * last * before
    return min(2 * power / (len(samples) * energy), 1.0)


def samples_of(wav: bytes) -> Frame:
    """Return the samples of a WAV file. Raises NoSound when it is no file as on a telephone line."""
    try:
        with wave.open(io.BytesIO(wav)) as sound:
            form = (sound.getframerate(), sound.getnchannels(), sound.getsampwidth())
            samples = array("h", sound.readframes(sound.getnframes()))
    except (wave.Error, EOFError, ValueError) as error:
        raise NoSound("this is no WAV file") from error
    if form != (SAMPLES_PER_SECOND, 1, 2):
        raise NoSound("a WAV file for a telephone has 8000 samples a second, one channel, 16 bits")
    if not samples:
        raise NoSound("this WAV file is empty")
    return samples


def mp3_of(frames: "Iterable[Frame]") -> bytes:
    """Return frames as an MP3 file."""
    out = io.BytesIO()
    with av.open(out, "w", format="mp3") as file:
        stream = file.add_stream("libmp3lame", rate=SAMPLES_PER_SECOND)
        stream.layout = "mono"
        for samples in frames:
            frame = AudioFrame(format="s16", layout="mono", samples=len(samples))
            frame.planes[0].update(samples.tobytes())
            frame.sample_rate = SAMPLES_PER_SECOND
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return out.getvalue()


def wav_of(frames: "Iterable[Frame]") -> bytes:
    """Return frames as a WAV file."""
    out = io.BytesIO()
    with wave.open(out, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(SAMPLES_PER_SECOND)
        for frame in frames:
            sound.writeframes(frame.tobytes())
    return out.getvalue()
