"""Was it fixed in the first contact? “Solved” with no new contact on the case in seven days counts so."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.records.beside import Cause, Thanks, WrapUp
from app.records.callers import Contact
from app.records.calls import Call

QUIET_FOR = timedelta(days=7)
AT_A_TIME = 500


class Verdict(StrEnum):
    FIXED = "fixed"
    CAME_BACK = "came_back"  # solved, it was said, and there was another contact about it
    TOO_EARLY = "too_early"  # solved, and the seven days aren't over
    NOT_SOLVED = "not_solved"


def verdict(solved: bool, at: datetime, contacts: Iterable[datetime], now: datetime) -> Verdict:
    """Judge one conversation of a case, begun `at`; `contacts`: when all contacts on that case began."""
    if not solved:
        return Verdict.NOT_SOLVED
    if any(at < one <= at + QUIET_FOR for one in contacts):
        return Verdict.CAME_BACK
    return Verdict.FIXED if now > at + QUIET_FOR else Verdict.TOO_EARLY


@dataclass(frozen=True)
class OfCause:
    """How often people called because of one thing, and who can mend that."""

    cause: str
    name: str
    owner: str
    conversations: int


@dataclass(frozen=True)
class Figures:
    """What the conversations on cases of a period came to."""

    conversations: int  # that were wrapped up
    fixed: int
    came_back: int
    too_early: int
    not_solved: int
    causes: Sequence[OfCause]  # the most frequent first

    @property
    def share(self) -> float | None:
        """Return how many of those of which it is known were fixed at once; None of none."""
        known = self.conversations - self.too_early
        return self.fixed / known if known else None


def figures(session: Session, since: datetime, until: datetime, now: datetime) -> Figures:
    """Count what was wrapped up of conversations that began in a period."""
    rows = session.execute(
        select(WrapUp.case, WrapUp.outcome, WrapUp.cause, WrapUp.at).where(
            WrapUp.at >= since, WrapUp.at < until, WrapUp.outcome != "", WrapUp.case.is_not(None)
        )
    ).all()
    contacts = _contacts(session, {str(row.case) for row in rows}, since, until)
    counted = Counter(verdict(row.outcome == "solved", row.at, contacts[row.case], now) for row in rows)
    return Figures(
        conversations=len(rows),
        fixed=counted[Verdict.FIXED],
        came_back=counted[Verdict.CAME_BACK],
        too_early=counted[Verdict.TOO_EARLY],
        not_solved=counted[Verdict.NOT_SOLVED],
        causes=_by_cause(session, Counter(row.cause for row in rows if row.cause)),
    )


def _contacts(
    session: Session, cases: set[str], since: datetime, until: datetime
) -> defaultdict[str, list[datetime]]:
    found: defaultdict[str, list[datetime]] = defaultdict(list)
    keys = sorted(cases)
    for start in range(0, len(keys), AT_A_TIME):
        wanted = select(Contact.case, Contact.started_at).where(
            Contact.case.in_(keys[start : start + AT_A_TIME]),
            Contact.started_at > since,
            Contact.started_at <= until + QUIET_FOR,
        )
        said = (
            select(Call.case, Thanks.wrong_at)
            .join(Thanks, Thanks.call_sid == Call.sid)
            .where(Call.case.in_(keys[start : start + AT_A_TIME]), Thanks.wrong_at.is_not(None))
        )
        # Who says on the page after a call what is still wrong has been in touch, too.
        for case, at in (*session.execute(wanted), *session.execute(said)):
            found[case].append(at)
    return found


def _by_cause(session: Session, counted: Counter[str]) -> Sequence[OfCause]:
    known = {row.key: row for row in session.scalars(select(Cause).where(Cause.key.in_(counted)))}
    return [
        OfCause(key, known[key].name, known[key].owner, times)
        for key, times in sorted(counted.items(), key=lambda one: (-one[1], one[0]))
        if key in known
    ]
