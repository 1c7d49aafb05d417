"""What does a caller hear in a step, beside what was decided? The same in a call and in the simulator."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from app.lines.hours import Calendar
from app.routing import resolving, sentences
from app.routing.decision import Step
from app.routing.facts import Facts
from app.routing.sentences import Sentence
from app.routing.situation import Situation

# A caller who waits hears something true at least every 30 s; the sentence itself takes a few.
SPEAK_AGAIN_AFTER = timedelta(seconds=20)


def at_first(step: Step, known: Situation, *, is_first: bool) -> list[Sentence | str]:
    """Return what is said as a step begins: a greeting as it stands, then what was decided.

    The default is no greeting: the first voice is a human's.
    """
    greeting = resolving.greeting(known.ladder, known.line)
    return [greeting, *step.say] if is_first and greeting else [*step.say]


def patience(agent: str | None, *, for_team: bool, due_at: datetime | None) -> Sentence:
    """Return what who waits hears again: for whom, and by when they would be rung back if they hung up.

    `agent` is a spoken name; None where it isn't known.
    """
    code = "team_still_waiting" if for_team else "still_waiting"
    values: dict[str, object] = {} if agent is None or for_team else {"agent": agent}
    if due_at is not None:
        return Sentence(f"{code}_or_hang_up", values | {"time": ("before", due_at)})
    return Sentence(code, values)


def what_about(*, is_recorded: bool) -> Sentence:
    """Return the question that follows a promise."""
    return Sentence("about_recorded" if is_recorded else "about")


def not_understood(calendar: Calendar, now: datetime, *, is_recorded: bool) -> list[Sentence]:
    """Return what a caller hears whom nobody can ring: what is kept, when we are there, a last question."""
    opening = calendar.next_opening(now)
    there = Sentence("hidden_call_when_open", {"time": ("at", opening)})
    if opening is None or calendar.is_open(now):
        there = Sentence("hidden_call_again")
    return [Sentence("hidden_noted"), there, Sentence("hidden_record" if is_recorded else "hidden_about")]


def in_words(said: Sequence[Sentence | str], facts: Facts, now: datetime) -> list[str]:
    """Return sentences as the caller hears them; what is text already stands."""
    zone = facts.line.calendar.timezone
    return [one if isinstance(one, str) else sentences.words(one, facts.language, zone, now) for one in said]
