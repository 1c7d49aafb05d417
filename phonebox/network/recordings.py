"""What was recorded?"""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from phonebox.sids import new_sid
from phonebox.sound import SAMPLES_PER_SECOND, Frame, mp3_of, wav_of
from phonebox.timing import utcnow


@dataclass
class Recording:
    """A recording; typed words are kept as text, and a voice as sound. Without a voice it is silent."""

    call_sid: str
    transcript: str
    seconds: int
    source: str = "RecordVerb"
    channels: int = 1
    sid: str = field(default_factory=lambda: new_sid("RE"))
    started_at: datetime = field(default_factory=utcnow)
    voice: Sequence[Frame] = ()

    def wav(self) -> bytes:
        """Return the voice as a WAV file, or a silent one as long as the recording."""
        return wav_of(self._sound)

    def mp3(self) -> bytes:
        """Return the same as an MP3 file."""
        return mp3_of(self._sound)

    @property
    def _sound(self) -> Sequence[Frame]:
        return self.voice or [array("h", bytes(2 * SAMPLES_PER_SECOND * self.seconds))]


class Recordings:
    """All recordings, by SID."""

    def __init__(self) -> None:
        self._recordings: dict[str, Recording] = {}

    def __iter__(self) -> Iterator[Recording]:
        return iter(self._recordings.values())

    def add(self, recording: Recording) -> Recording:
        """Keep a recording."""
        self._recordings[recording.sid] = recording
        return recording

    def find(self, sid: str) -> Recording | None:
        """Return the recording with this SID, if it exists still."""
        return self._recordings.get(sid)

    def delete(self, sid: str) -> bool:
        """Delete a recording; False when there was none."""
        return self._recordings.pop(sid, None) is not None

    def forget(self) -> None:
        """Delete all of them."""
        self._recordings.clear()
