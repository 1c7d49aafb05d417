"""What was recorded?"""

import io
import wave
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from phonebox.sids import new_sid
from phonebox.timing import utcnow

SAMPLES_PER_SECOND = 8000


@dataclass
class Recording:
    """A recording; what was said is kept as text, and its sound is silence of the same length."""

    call_sid: str
    transcript: str
    seconds: int
    source: str = "RecordVerb"
    channels: int = 1
    sid: str = field(default_factory=lambda: new_sid("RE"))
    started_at: datetime = field(default_factory=utcnow)

    def wav(self) -> bytes:
        """Return a WAV file as long as the recording."""
        out = io.BytesIO()
        with wave.open(out, "wb") as sound:
            sound.setnchannels(1)
            sound.setsampwidth(2)
            sound.setframerate(SAMPLES_PER_SECOND)
            sound.writeframes(bytes(2 * SAMPLES_PER_SECOND * self.seconds))
        return out.getvalue()


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
