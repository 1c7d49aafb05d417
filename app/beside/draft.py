"""What could a note say? Sentences from what was pressed and agreed, for the agent to correct; no model."""

from collections.abc import Sequence
from dataclasses import dataclass

from app import catalogue


@dataclass(frozen=True)
class Pressed:
    """What is known of a conversation without anybody having written a word."""

    inbound: bool
    subject: str = ""  # of the case
    checked: bool = False  # the agent made sure who it was
    cause: str = ""  # its name
    outcome: str = ""
    agreed: str = ""  # by when they are rung back, in words; empty: nothing was agreed
    next_step: str = ""


def sentences(pressed: Pressed, language: str) -> Sequence[str]:
    """Return what may be noted, one sentence for each thing that is known; nothing that is guessed."""

    def say(code: str, **values: str) -> str:
        return catalogue.text(f"work.draft_{code}", language, **values)

    said = []
    if pressed.subject:
        said.append(say("rang" if pressed.inbound else "was_rung", subject=pressed.subject))
    if pressed.checked:
        said.append(say("checked"))
    if pressed.cause:
        said.append(say("cause", cause=pressed.cause))
    if pressed.outcome:
        said.append(say(pressed.outcome))
    if pressed.agreed:
        said.append(say("agreed", time=pressed.agreed))
    if pressed.next_step:
        said.append(say("next", step=pressed.next_step.rstrip(".")))
    return said
