"""How long is it from the end of the caller's answer to a ring? Whole calls at life's own speed, in the
demonstration that runs: `python -m bench.answers` beside `make run`.

phonebox listens as the carrier does: whoever has spoken is heard out for `speechTimeout`. Not in it: how long
a recogniser thinks, and the network. Somebody of each team has to be there. Each caller hangs up at the ring,
so the demonstration owes each of them a callback afterwards.
"""

import random
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import cycle, islice
from statistics import median
from typing import Any

from config.files import read_file
from phonebox.client import Phonebox
from startup.parts import RUNNING

CHARACTERS_PER_SECOND = 15  # at which phonebox speaks
LINE = "+31780140100"
CALLS = 20
# What is spoken, and what it is: a topic, a number, a name, no topic, and nothing at all.
ANSWERS = (
    "mijn rijbewijs is verlopen",
    "het gaat over zaak Z 2026 1002",
    "Met Jannie de Boer, drieëndertig eenennegentig Anna Bernard",
    "een medewerker graag",
    "",
)


@dataclass(frozen=True)
class Took:
    """One call; seconds from the end of the answer, or of the question where nothing was said."""

    answer: str
    seconds: float
    milliseconds: float  # of the webhook that the answer went to


def one_call(phone: Phonebox, answer: str, chance: random.Random) -> Took:
    """Phone in, answer the question, and hang up at the first ring."""
    call = phone.call_in(f"+316{chance.randrange(10_000_000, 99_999_999)}", LINE)
    call.wait("prompt")
    if answer:
        call.say(answer)
    rings = call.wait("ringing", seconds=60)
    at = {one["kind"]: one["at"] for one in reversed(rings["captions"])}
    asked = next(one for one in rings["requests"] if one["url"].endswith("/asked"))
    call.hang_up()
    ended = at["said"] if answer else _question_ended(rings)
    return Took(answer, at["ringing"] - ended, asked["ms"])


def _question_ended(call: Mapping[str, Any]) -> float:
    asked = next(one for one in call["captions"] if one["kind"] == "say")
    return float(asked["at"]) + len(asked["text"]) / CHARACTERS_PER_SECOND


def main() -> int:
    phone = Phonebox(read_file(RUNNING)["TWILIO_API_URL"])
    chance = random.Random()
    found = []
    for answer in islice(cycle(ANSWERS), CALLS):
        found.append(one_call(phone, answer, chance))
        time.sleep(1)
    for answer in ANSWERS:
        of_it = [one for one in found if one.answer == answer]
        seconds = [one.seconds for one in of_it]
        print(f"{answer or '(silence)':62} {median(seconds):5.2f} s, at most {max(seconds):5.2f}")
    took = [one.milliseconds for one in found]
    print(f"the webhook of the answer: {median(took):.0f} ms, at most {max(took):.0f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
