"""What does a recogniser make of what somebody says? Words lost, mixed up, taken apart."""

import re
import unicodedata
from dataclasses import dataclass
from random import Random

# How sure the recogniser says it is of what it heard well, and of what it heard badly.
CONFIDENCE, LEAST_CONFIDENCE = 0.91, 0.45
# Words that sound alike, as recognisers mix them up.
_ALIKE = {
    "zeven": "zegen", "mei": "mij", "mij": "mei", "wij": "wei", "nou": "nauw", "hard": "hart", "bos": "bus",
    "pas": "was", "kaart": "gaard", "huur": "uur", "uur": "huur", "acht": "lacht", "week": "wekt",
    "vuil": "veel",
    "container": "contener", "vergunning": "vergoeding", "paspoort": "pas poort", "zes": "ses",
    "eight": "ate",
    "two": "to", "four": "for", "right": "write", "their": "there",
}  # fmt: skip
_SMALL = frozenset("de het een ik van en is dat in op te the a an of to is it".split())
_LONG = 9


@dataclass(frozen=True)
class Misheard:
    text: str
    confidence: float


def misheard(text: str, share: float, random: Random) -> Misheard:
    """Return a text as a recogniser writes it that gets `share` (0 to 1) of the words wrong.

    The diaeresis goes whenever anything does; no capitals or points stay then, as with most recognisers.
    """
    if share <= 0:
        return Misheard(text, CONFIDENCE)
    plain = unicodedata.normalize("NFKD", text.lower())
    words = re.findall(r"[^\W_]+", "".join(one for one in plain if not unicodedata.combining(one)))
    heard = [_misheard(word, random) if random.random() < share else word for word in words]
    confidence = max(LEAST_CONFIDENCE, CONFIDENCE - share)
    return Misheard(" ".join(one for one in heard if one), round(confidence, 2))


def _misheard(word: str, random: Random) -> str:
    if word in _ALIKE:
        return _ALIKE[word]
    if word in _SMALL:
        return ""
    if len(word) >= _LONG and random.random() < 0.6:
        cut = random.randrange(4, len(word) - 3)
        return f"{word[:cut]} {word[cut:]}"
    for sound, other in (
        ("ij", "ei"),
        ("ei", "ij"),
        ("ou", "au"),
        ("d", "t"),
        ("v", "f"),
        ("z", "s"),
        ("c", "k"),
    ):
        if sound in word:
            return word.replace(sound, other, 1)
    return word[:-1] if len(word) > 3 else ""
