"""What does the desk's telephone sound like, and what do callers hear who wait? Quiet sounds of our own.

    python -m startup.sounds    write them anew, after a change here

Each run makes the same bytes, so a test can tell whether somebody changed one without the other.
"""

import math
import wave
from array import array
from collections.abc import Iterable, Mapping
from pathlib import Path

STATIC = Path(__file__).resolve().parent.parent / "app" / "static"
OF_THE_DESK, OF_THE_CALLER = STATIC / "desk" / "sounds", STATIC / "voice"
RATE = 16_000
LOUDEST = 32_767
# A sound that begins or ends at once clicks.
FADE_SECONDS = 0.012

# ITU-T Q.23: a row and a column of the keypad.
ROWS, COLUMNS = (697, 770, 852, 941), (1209, 1336, 1477)
KEYS = ("123", "456", "789", "s0h")


def note(
    frequencies: Iterable[float], seconds: float, loudness: float, *, fading: float = 0.0
) -> list[float]:
    """Return a tone of some frequencies; `fading` lets it die away, as a bell does."""
    tones = tuple(frequencies)
    count = int(seconds * RATE)
    samples = []
    for index in range(count):
        at = index / RATE
        edge = min(1.0, at / FADE_SECONDS, (seconds - at) / FADE_SECONDS)
        wave_now = sum(math.sin(2 * math.pi * hz * at) for hz in tones) / len(tones)
        samples.append(loudness * edge * math.exp(-fading * at) * wave_now)
    return samples


def pause(seconds: float) -> list[float]:
    return [0.0] * int(seconds * RATE)


def sounds() -> Mapping[str, list[float]]:
    """Return every sound by the SDK's name for it, and `test`, with which an agent tries a loudspeaker."""
    made = {
        # Two soft bells a third apart, twice, and then time to read the card.
        "incoming": [
            *note((659.3, 1318.5), 0.45, 0.22, fading=5),
            *note((830.6, 1661.2), 0.75, 0.2, fading=4),
            *pause(0.25),
            *note((659.3, 1318.5), 0.45, 0.22, fading=5),
            *note((830.6, 1661.2), 0.75, 0.2, fading=4),
            *pause(1.85),
        ],
        "outgoing": note((440.0, 587.3), 0.35, 0.12, fading=4),
        "disconnect": [*note((587.3,), 0.12, 0.12, fading=8), *note((440.0,), 0.22, 0.12, fading=8)],
        "test": [
            *note((523.3, 1046.5), 0.5, 0.2, fading=4),
            *note((659.3, 1318.5), 0.5, 0.2, fading=4),
            *note((784.0, 1568.0), 0.9, 0.2, fading=3),
        ],
    }
    for row, keys in zip(ROWS, KEYS, strict=True):
        for column, key in zip(COLUMNS, keys, strict=True):
            made[f"dtmf{key}"] = note((row, column), 0.14, 0.1)
    return made


def sounds_of_the_caller() -> Mapping[str, list[float]]:
    """Return `waiting`: as soft as a clock in the next room, so that nobody takes the line for dead."""
    return {"waiting": [*note((520.0,), 0.07, 0.035), *pause(0.18)]}


def write(folder: Path, made: Mapping[str, list[float]]) -> None:
    """Write sounds as WAV files: mono, 16 bits."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, samples in made.items():
        with wave.open(str(folder / f"{name}.wav"), "wb") as file:
            file.setparams((1, 2, RATE, 0, "NONE", ""))
            file.writeframes(array("h", (round(LOUDEST * sample) for sample in samples)).tobytes())


if __name__ == "__main__":
    for where, which in ((OF_THE_DESK, sounds()), (OF_THE_CALLER, sounds_of_the_caller())):
        write(where, which)
        print(f"{len(which)} sounds written to {where}")
