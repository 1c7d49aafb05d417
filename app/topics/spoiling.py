"""How does a recogniser write down what was not heard well? Words go missing, sound alike, fall apart, merge.

For trying how much of a sentence may be lost; nothing that a caller says is ever changed.
"""

import random
import re

# Of a hundred words so many suffer: what recognisers make of a telephone in an ordinary street.
LOST, HEARD_OTHERWISE, APART, MERGED, ENDING = 0.06, 0.06, 0.25, 0.04, 0.06
_LONG = 11
_SOUNDS = (
    ("ij", "ei"),
    ("ei", "ij"),
    ("au", "ou"),
    ("ou", "au"),
    ("v", "f"),
    ("z", "s"),
    ("c", "k"),
    ("g", "ch"),
    ("d", "t"),
    ("ee", "e"),
    ("oo", "o"),
    ("p", "b"),
    ("m", "n"),
)
_ENDINGS = (("en", "e"), ("t", ""), ("d", "t"), ("s", ""), ("e", ""), ("ing", "in"))


def spoiled(text: str, seed: int) -> str:
    """Return a sentence as a recogniser may write it; the same for the same seed."""
    dice = random.Random(seed)
    heard: list[str] = []
    for word in text.lower().split():
        if dice.random() < LOST and len(text.split()) > 3:
            continue
        now = word
        if dice.random() < HEARD_OTHERWISE:
            now = _sounding_alike(now, dice)
        if len(now) >= 5 and dice.random() < ENDING:
            now = _other_ending(now, dice)
        if len(now) >= _LONG and dice.random() < APART:
            cut = dice.randint(4, len(now) - 4)
            now = f"{now[:cut]} {now[cut:]}"
        if heard and len(heard[-1]) < 5 and dice.random() < MERGED:
            heard[-1] += now
        else:
            heard.append(now)
    return " ".join(heard) or text


def _sounding_alike(word: str, dice: random.Random) -> str:
    may_be = [(was, becomes) for was, becomes in _SOUNDS if was in word]
    if not may_be:
        return word
    was, becomes = dice.choice(may_be)
    return re.sub(was, becomes, word, count=1)


def _other_ending(word: str, dice: random.Random) -> str:
    may_be = [(was, becomes) for was, becomes in _ENDINGS if word.endswith(was)]
    if not may_be:
        return word
    was, becomes = dice.choice(may_be)
    return word.removesuffix(was) + becomes
