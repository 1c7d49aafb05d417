"""What goes wrong with the webhooks, because a test wants it to?"""

import re
from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """What happens to a request, of ours to the application or of its to our REST API, whose URL matches."""

    DROP = "drop"  # never sent
    LOST_REPLY = "lost_reply"  # arrives, but the answer is lost
    TWICE = "twice"  # arrives two times
    LATE = "late"  # arrives after some seconds
    FORGED = "forged"  # carries a wrong signature
    SERVER_ERROR = "5xx"  # something in between answers 503
    OUT_OF_ORDER = "out_of_order"  # is overtaken by the next one
    TOO_MANY = "429"  # of the REST API only: too many requests at once


@dataclass
class FaultRule:
    """A fault for every URL that contains `pattern` (or matches it, as a regular expression).

    `seconds` are real ones; `times` is how often it strikes still, None for always.
    """

    pattern: str
    fault: Fault
    seconds: float = 1.0
    times: int | None = None

    def strikes(self, url: str) -> bool:
        """Say whether this URL is hit."""
        if self.times == 0:
            return False
        return self.pattern in url or re.search(self.pattern, url) is not None


class Faults:
    """The faults that are switched on."""

    def __init__(self) -> None:
        self.rules: list[FaultRule] = []

    def take(self, url: str) -> FaultRule | None:
        """Return the fault that hits a request to this URL, and count it."""
        for rule in self.rules:
            if rule.strikes(url):
                if rule.times is not None:
                    rule.times -= 1
                return rule
        return None
