"""What may become of a step of a simulated call? `no_answer`, `declined:meeting`, `hung_up:12` …"""

from dataclasses import dataclass
from enum import StrEnum

LONGEST_ANSWERS = 60
LONGEST_WORDS = 500


class AnswerKind(StrEnum):
    """What becomes of a step."""

    ANSWERED = "answered"
    NO_ANSWER = "no_answer"
    DECLINED = "declined"
    BUSY = "busy"
    FAILED = "failed"
    FREED = "freed"  # whom the caller waits for becomes free
    TOO_LONG = "too_long"
    GONE = "gone"  # whom the caller waits for is there no more
    ANOTHER = "another"  # “iemand anders graag”
    NUMBER = "number"  # they name one on which they can be rung
    SAID = "said"  # what it is about
    HEARD = "heard"  # `heard:` and what they answer to the open question
    NOTHING = "nothing"
    HUNG_UP = "hung_up"


_K = AnswerKind
OF_A_RING = (_K.ANSWERED, _K.NO_ANSWER, _K.DECLINED, _K.BUSY, _K.FAILED, _K.HUNG_UP)
OF_A_WAIT = (_K.FREED, _K.TOO_LONG, _K.GONE, _K.ANOTHER, _K.HUNG_UP)
OF_A_PROMISE = (_K.NOTHING, _K.SAID, _K.ANOTHER, _K.HUNG_UP)
OF_A_QUESTION = (_K.NUMBER, _K.NOTHING, _K.HUNG_UP)
OF_AN_OPEN_QUESTION = (_K.NOTHING, _K.HEARD, _K.HUNG_UP)
OF_A_MESSAGE = (_K.NOTHING, _K.SAID, _K.HUNG_UP)
# After so many seconds, where nobody says another number: of a ring, of a wait, after what is said.
USUALLY_AFTER = {
    _K.ANSWERED: 6.0,
    _K.DECLINED: 5.0,
    _K.BUSY: 1.0,
    _K.FAILED: 1.0,
    _K.FREED: 45.0,
    _K.GONE: 45.0,
    _K.ANOTHER: 15.0,
    _K.HUNG_UP: 10.0,
    _K.NUMBER: 6.0,
    _K.SAID: 6.0,
    _K.HEARD: 6.0,
    _K.NOTHING: 6.0,
}
DECLINED_BECAUSE = ("meeting", "finishing", "not_now", "wrong_person")


@dataclass(frozen=True)
class Answer:
    kind: AnswerKind
    why: str = ""  # of who declines
    after_seconds: float | None = None
    words: str = ""  # of who answers the open question

    @classmethod
    def of(cls, text: str) -> "Answer | None":
        """Read `no_answer`, `declined:meeting`, `hung_up:12`; None for what is neither."""
        word, *details = text.strip().split(":")
        if word == AnswerKind.HEARD:
            # A list of answers is written with commas.
            words = " ".join(":".join(details).replace(",", " ").split())
            fine = len(words) <= LONGEST_WORDS and words.isprintable()
            return cls(AnswerKind.HEARD, words=words) if fine else None
        if word not in list(AnswerKind) or len(details) > 2:
            return None
        why, seconds = "", None
        for detail in details:
            if detail.isascii() and detail.isdecimal() and len(detail) <= 4 and seconds is None:
                seconds = float(detail)
            elif word == AnswerKind.DECLINED and detail in DECLINED_BECAUSE:
                why = detail
            else:
                return None
        return cls(AnswerKind(word), why, seconds)

    def __str__(self) -> str:
        seconds = None if self.after_seconds is None else f"{self.after_seconds:.0f}"
        if self.words:
            return f"{self.kind}: {self.words}"
        return ":".join(one for one in (str(self.kind), self.why, seconds) if one)
