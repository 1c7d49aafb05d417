"""Is a caller asked what it is about, and in which words? Once, of whom nobody knows."""

from app.routing.sentences import Sentence
from app.routing.situation import Situation


def is_to_be_asked(situation: Situation) -> bool:
    """Tell whether it is to be asked what it is about: once, of whom nobody knows, where nobody was named.

    Who is owed a callback, or was just rung by one of us, is known to whoever owes it or rang them; and where
    a rule names the people there is nothing to be found out.
    """
    if not situation.line.asks or situation.tried or situation.heard is not None:
        return False
    caller = situation.caller
    is_known = caller.is_known or caller.promise is not None or situation.missed is not None
    return not is_known and situation.ladder.first is None


def question(situation: Situation) -> Sentence:
    """Return the house's question, with the greeting of the hour."""
    if situation.ladder.greeting or situation.line.greeting:
        return Sentence("open_question")
    hour = situation.local.hour
    time = "morning" if 6 <= hour < 12 else "afternoon" if 12 <= hour < 18 else "evening"
    return Sentence(f"open_question_{time}")
