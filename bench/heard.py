"""What does a caller go through before a telephone rings? Counted from TwiML: webhooks, keys, speech."""

import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

# How fast a synthetic voice reads Dutch: about 150 words a minute, spaces included.
CHARACTERS_PER_SECOND = 15.0
MOST_WEBHOOKS = 20

Post = Callable[[str, dict[str, str]], bytes]  # path and fields of the form, to TwiML


@dataclass(frozen=True)
class Heard:
    """What came before the first ring."""

    webhooks: int
    keys: int
    speech_seconds: float
    pause_seconds: float


def until_it_rings(post: Post, path: str, keys: str = "") -> Heard:
    """Follow the documents as the carrier does, the caller pressing `keys` one after another when asked.

    Each sentence is heard to its end: who knows the menu by heart is faster. Raises ValueError when no
    telephone rings.
    """
    webhooks, pressed, characters, pauses = 0, 0, 0, 0.0
    fields: dict[str, str] = {}
    while webhooks < MOST_WEBHOOKS:
        document = ET.fromstring(post(path, fields))
        webhooks += 1
        following = None
        for verb in document:
            characters += sum(len("".join(say.itertext())) for say in verb.iter("Say"))
            pauses += sum(float(pause.get("length", "1")) for pause in verb.iter("Pause"))
            if verb.tag == "Dial":
                return Heard(webhooks, pressed, characters / CHARACTERS_PER_SECOND, pauses)
            if verb.tag == "Gather" and pressed < len(keys):
                following = (verb.get("action", path), {"Digits": keys[pressed]})
                pressed += 1
                break
            if verb.tag == "Redirect":
                following = ("".join(verb.itertext()), {})
                break
        if following is None:
            break
        path, fields = urlsplit(following[0]).path, following[1]
    raise ValueError(f"no telephone rang after {webhooks} webhooks and the keys “{keys}”")
