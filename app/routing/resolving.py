"""What do the rules say of a call? Asked once for each step, and kept with it."""

from app.routing.rules import Resolved, Rules
from app.routing.situation import Situation


def resolve(rules: Rules, situation: Situation) -> Resolved:
    """Return the parameters of the ladder for a situation, with the version and the rule they come from.

    Pure: of the situation everything may be looked at but what the rules say of it.
    """
    return Resolved(rules.ladder, rules.version)
