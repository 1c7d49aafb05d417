"""From a draft to rules that are in force, and back: who, when, why, and nobody's work lost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.errors import ApplicationError
from app.records.agents import Agent
from app.records.calls import Call, CallStep
from app.records.lines import Line
from app.records.rules import RuleDraft, RuleVersion
from app.routing import merging, proof, proving, rules
from app.routing.merging import Clash
from app.routing.proof import Names, Problem
from app.routing.proving import Checked, Ground
from app.routing.rules import DEFAULT, Rules

Json = dict[str, Any]

# How often somebody may be quicker by a moment before it is given up.
_TRIES = 5


@dataclass(frozen=True)
class Draft:
    """What is being worked on; the rules in force where nobody works on anything."""

    rules: Rules  # its version is the one in force
    revision: int  # 0: nothing was saved since the newest version
    saved_at: datetime | None = None
    saved_by: str = ""

    @property
    def document(self) -> Json:
        return self.rules.as_json()


class Clashes(ApplicationError):
    """Somebody else changed the same rules otherwise meanwhile; nothing was saved."""

    def __init__(self, clashes: Sequence[Clash], draft: Draft) -> None:
        super().__init__(", ".join(clash.rule for clash in clashes))
        self.clashes = tuple(clashes)
        self.draft = draft


class NotProven(ApplicationError):
    """The rules break the rule of rules, or name who isn't there; nothing was published."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(", ".join(f"{problem.rule}: {problem.kind}" for problem in problems))
        self.problems = tuple(problems)


class NothingToPublish(ApplicationError):
    """Nobody has saved a draft since the newest version."""


class ChangedMeanwhile(ApplicationError):
    """What was looked at isn't the newest any more."""


class UnknownVersion(ApplicationError):
    """There is no version, or no draft, of that number."""


# --- the draft ----------------------------------------------------------------------------------------


def draft(session: Session) -> Draft:
    """Return what is being worked on."""
    in_force = rules.in_force(session)
    row = session.scalar(select(RuleDraft).order_by(RuleDraft.revision.desc()).limit(1))
    if row is None or row.published_as is not None:
        return Draft(in_force, 0)
    return Draft(Rules.kept(in_force.version, row.rules), row.revision, row.saved_at, row.saved_by)


def save(
    session: Session,
    written: Mapping[str, Any],
    *,
    based_on: int,
    revision: int | None,
    who: str,
    now: datetime,
) -> Draft:
    """Save what somebody made of the rules, merged with what others saved since they looked at them.

    They looked at the draft `revision`, or at the version `based_on`. `ladder` may be left out. Raises
    InvalidRules, UnknownVersion, and Clashes when somebody changed the same rule otherwise.
    """
    seen = _seen(session, based_on, revision)
    ladder = {**seen["ladder"], **(written.get("ladder") or {})}
    mine = Rules.written({**written, "ladder": ladder}).as_json()
    for _ in range(_TRIES):
        newest = draft(session)
        merged = merging.merge(seen, mine, newest.document)
        if merged.clashes:
            raise Clashes(merged.clashes, newest)
        if merged.document == newest.document:
            return newest
        try:
            with session.begin_nested():
                session.add(
                    RuleDraft(
                        revision=_next_revision(session),
                        rules=merged.document,
                        based_on=newest.rules.version,
                        saved_at=now,
                        saved_by=who,
                    )
                )
        except IntegrityError:
            session.expire_all()  # somebody was quicker by a moment: merge with theirs
            continue
        return draft(session)
    raise ChangedMeanwhile


def _next_revision(session: Session) -> int:
    return (session.scalar(select(func.max(RuleDraft.revision))) or 0) + 1


def _seen(session: Session, based_on: int, revision: int | None) -> Json:
    """Return what somebody looked at before they changed it."""
    if revision:
        row = session.get(RuleDraft, revision)
        if row is None:
            raise UnknownVersion
        return Rules.kept(row.based_on, row.rules).as_json()
    return version(session, based_on).as_json()


# --- publishing ---------------------------------------------------------------------------------------


def names(session: Session) -> Names:
    """Return whom and what rules may name: agents who work here, and the teams of people and lines."""
    agents = session.execute(select(Agent.key, Agent.team).where(Agent.enabled)).all()
    of_lines = session.scalars(select(Line.team).distinct())
    return Names(
        frozenset(row.key for row in agents), frozenset({row.team for row in agents} | set(of_lines))
    )


def ground(session: Session, now: datetime) -> Ground:
    """Return what there is with which a call can be made up that rules treat otherwise."""
    lines = session.scalars(select(Line.number).order_by(Line.number)).all()
    agents = session.scalar(select(func.count()).select_from(Agent).where(Agent.enabled)) or 0
    return Ground(tuple(lines), agents, now.date())


def problems(session: Session, proposed: Rules, now: datetime, *, waits: bool = True) -> list[Problem]:
    """Return what forbids to publish these rules: of their paths, and of rules that no call can come to.

    The latter is asked of a process of its own, which takes a moment; without `waits` what it said before
    counts. Whoever publishes asks first, while nothing is held.
    """
    checked = proving.check(proposed, ground(session, now), waits=waits) if proposed.in_use else Checked()
    return [*proof.problems_of(proposed, names(session)), *checked.problems(proposed)]


def publish(session: Session, proposed: Rules, who: str, why: str, now: datetime) -> int:
    """Put rules in force, once they are proven; return the version. Raises NotProven."""
    if found := problems(session, proposed, now, waits=False):
        raise NotProven(found)
    return rules.publish(session, proposed, who, why, now)


def publish_draft(session: Session, who: str, why: str, now: datetime, revision: int | None = None) -> int:
    """Put what was worked on in force; return the version.

    Raises NotProven, NothingToPublish, and ChangedMeanwhile when `revision`, which somebody looked at, isn't
    the newest any more.
    """
    newest = draft(session)
    if newest.revision == 0:
        raise NothingToPublish
    if revision is not None and revision != newest.revision:
        raise ChangedMeanwhile
    number = publish(session, newest.rules, who, why, now)
    session.get_one(RuleDraft, newest.revision).published_as = number
    return number


def roll_back(session: Session, to: int, who: str, why: str, now: datetime) -> int:
    """Put the rules of an earlier version in force again, as a new one; return its number.

    They were proven when they were published; whom they name and who left since, no call waits for. A draft
    stays a draft. Raises UnknownVersion.
    """
    return rules.publish(session, version(session, to), who, why, now, restores=to)


# --- versions -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Published:
    """One version and who put it in force; of the first, which nobody published, nothing is known."""

    rules: Rules
    before: Rules  # the version before it
    published_at: datetime | None = None
    published_by: str = ""
    why: str = ""
    restores: int | None = None


def version(session: Session, number: int) -> Rules:
    """Return the rules of a version. Raises UnknownVersion."""
    if number != DEFAULT.version and session.get(RuleVersion, number) is None:
        raise UnknownVersion
    return rules.of_version(session, number)


def of_steps(session: Session, call: Call, steps: Sequence[CallStep]) -> dict[int, Published]:
    """Return the versions that decided the steps of a call, by their numbers; one question, however many."""
    numbers = {call.rule_version, *(step.rule_version for step in steps if step.rule_version is not None)}
    rows = session.scalars(select(RuleVersion).where(RuleVersion.version.in_(numbers)))
    found = {row.version: _published(row, DEFAULT) for row in rows}
    return {DEFAULT.version: Published(DEFAULT, DEFAULT), **found}


def _published(row: RuleVersion, before: Rules) -> Published:
    read = Rules.kept(row.version, row.rules)
    return Published(read, before, row.published_at, row.published_by, row.why, row.restores)


def versions(session: Session, *, before: int | None, limit: int) -> list[Published]:
    """Return versions, the newest first: those with a smaller number than `before`."""
    statement = select(RuleVersion).order_by(RuleVersion.version.desc()).limit(limit + 1)
    if before is not None:
        statement = statement.where(RuleVersion.version < before)
    rows = list(session.scalars(statement))
    earlier = [*(Rules.kept(row.version, row.rules) for row in rows[1:]), DEFAULT]
    found = [_published(row, before_it) for row, before_it in zip(rows, earlier, strict=False)]
    # What stands before all that was published.
    if before is None or before > DEFAULT.version:
        found.append(Published(DEFAULT, DEFAULT))
    return found[:limit]
