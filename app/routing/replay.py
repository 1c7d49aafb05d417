"""What would be decided again, of all that was kept? The same functions, on what was known at the time."""

from app.records.calls import CallStep, StepKind
from app.routing import kept
from app.routing.decision import Step, next_step
from app.routing.ladder import Ladder, Resolved
from app.routing.ringing_back import choose


def decided_again(step: CallStep) -> Step | None:
    """Return what is decided by the rules and the situation that were kept with a step of a call.

    None when whom the situation names would not be rung. Raises kept.UnknownForm for a step of which no
    decision was kept: one that nobody decided, one of long ago, or one of another version of the program.
    """
    if step.situation is None or step.parameters is None or step.rule_version is None:
        raise kept.UnknownForm("no decision was kept")
    resolved = Resolved(Ladder.kept(step.parameters), step.rule_version, step.rule)
    if step.kind == StepKind.CALLBACK:
        return choose(kept.owed_of(step.situation, resolved))
    return next_step(kept.situation_of(step.situation, resolved))
