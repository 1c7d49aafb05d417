"""Which rules are in force, and what do they say of a call? Published by an admin, resolved for each step."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from app.audit import log as audit
from app.audit.log import What
from app.db import Reader
from app.records.calls import Call, CallStep
from app.records.rules import RuleVersion
from app.routing.conditions import Condition
from app.routing.ladder import Ladder, Resolved, Then
from app.routing.mistakes import InvalidRules, Mistake
from app.routing.situation import Situation

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

log = logging.getLogger(__name__)

Json = dict[str, Any]

MOST_RULES = 300
LONGEST_NAME = 120
LONGEST_ID = 60  # as in call_steps.rule
_OF_A_RULE = frozenset({"id", "name", "enabled", "when", "then"})


def _all(tests: tuple[Callable[[Situation], bool], ...]) -> Callable[[Situation], bool]:
    """Return a function that tells whether all of these hold; it is asked of every rule in every call."""

    def hold(situation: Situation) -> bool:
        for test in tests:  # noqa: SIM110  # twice as quick as all() over a generator
            if not test(situation):
                return False
        return True

    return hold


@dataclass(frozen=True)
class Rule:
    """All its conditions must hold; then what it says is what the call is treated by."""

    id: str
    name: str
    enabled: bool
    when: tuple[Condition, ...]
    then: Then
    written: Mapping[str, Any] = field(repr=False)  # the JSON it was read from, whole
    holds: Callable[[Situation], bool] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "holds", _all(tuple(condition.holds for condition in self.when)))

    @property
    def counts(self) -> bool:
        """Whether it looks at what the first stage of the reading doesn't bring."""
        return any(condition.is_counted for condition in self.when)

    def may_hold(self, situation: Situation) -> bool:
        """Tell whether it holds, or may once more is known than the first stage of the reading brings."""
        if self.counts and situation.caller.case is None:
            return False
        return all(condition.is_counted or condition.holds(situation) for condition in self.when)

    def looks_at(self, fact: str) -> bool:
        return any(condition.fact.name == fact for condition in self.when)


@dataclass(frozen=True)
class Looks:
    """What must be known of a call before rules can say anything of it."""

    look_back_days: int
    teams: tuple[str, ...]  # whose people may be rung, beside the line's and the case's
    counter_to_counter: int | None  # from how many calls or agents on supervisors may take part
    everybody: bool  # also of a call whose owner could be rung at once
    agents: tuple[str, ...] = ()  # whom a rule names
    supervisors: bool = False
    days: tuple[int, ...] = ()  # within how many days, beside a week, the case's calls are counted

    @classmethod
    def of(cls, ladder: Ladder) -> "Looks":
        # How often an owner was rung within the hour is counted along with everybody else's standing.
        everybody = ladder.direct_calls_per_hour is not None
        return cls(ladder.look_back_days, ladder.teams, ladder.counter_to_counter, everybody)


@dataclass(frozen=True)
class Rules:
    """One published version, or a draft."""

    version: int
    ladder: Ladder  # the default, which comes last and is always there
    rules: tuple[Rule, ...] = ()  # in their order; the first that holds decides
    ladders: tuple[Ladder, ...] = field(init=False, repr=False)  # what each of them comes to
    in_use: tuple[tuple[Rule, Ladder], ...] = field(init=False, repr=False)
    looks: Looks = field(init=False, repr=False)  # what the default ladder alone looks at

    def __post_init__(self) -> None:
        # Worked out once: a version never changes.
        object.__setattr__(self, "ladders", tuple(rule.then.ladder(self.ladder) for rule in self.rules))
        pairs = zip(self.rules, self.ladders, strict=True)
        object.__setattr__(self, "in_use", tuple(pair for pair in pairs if pair[0].enabled))
        object.__setattr__(self, "looks", Looks.of(self.ladder))

    def as_json(self) -> Json:
        return {"ladder": self.ladder.as_json(), "rules": [dict(rule.written) for rule in self.rules]}

    def with_(self, rules: list[Any] | None, ladder: Mapping[str, Any] | None) -> "Rules":
        """Return these with what somebody wrote instead of it; None: as it is. Raises InvalidRules."""
        document = self.as_json()
        if rules is not None:
            document["rules"] = rules
        if ladder is not None:
            document["ladder"] = {**document["ladder"], **ladder}
        return self.written(document, self.version)

    @classmethod
    def written(cls, document: Mapping[str, Any], version: int = 0) -> "Rules":
        """Read what somebody wrote: `{"ladder": {..}, "rules": [..]}`, each of which may be left out.

        Raises InvalidRules with all that is wrong.
        """
        mistakes = [
            Mistake(name, "rules_no_such_parameter", {"choices": "ladder, rules"})
            for name in document.keys() - {"ladder", "rules"}
        ]
        ladder, rules = document.get("ladder") or {}, document.get("rules") or []
        try:
            default = Ladder.from_json(ladder) if isinstance(ladder, Mapping) else Ladder()
        except InvalidRules as invalid:
            default = Ladder()
            mistakes += [Mistake(f"ladder.{one.field}", one.code, one.values) for one in invalid.mistakes]
        if not isinstance(ladder, Mapping):
            mistakes.append(Mistake("ladder", "rules_object"))
        if not isinstance(rules, list) or len(rules) > MOST_RULES:
            mistakes.append(Mistake("rules", "rules_list", {"to_number": MOST_RULES}))
        else:
            mistakes += mistakes_in(rules)
        if mistakes:
            raise InvalidRules(mistakes)
        return cls(version, default, tuple(map(rule_of, rules)))

    @classmethod
    def kept(cls, version: int, stored: Mapping[str, Any]) -> "Rules":
        """Read a published version, by this version of the program or another.

        A rule that this one can't read is left out, and said in the log; the others stand.
        """
        readable = []
        for one in stored.get("rules") or ():
            try:
                readable.append(rule_of(one))
            except (KeyError, TypeError, ValueError, AttributeError):
                log.warning("a rule can't be read by this version", extra={"rule_version": version})
        return cls(version, Ladder.kept(stored.get("ladder", {})), tuple(readable))


def rule_of(written: Mapping[str, Any]) -> Rule:
    """Read one rule that was checked before. Raises ValueError for what this version doesn't know."""
    return Rule(
        id=written["id"],
        name=written.get("name", ""),
        enabled=written.get("enabled", True),
        when=tuple(Condition.of(one) for one in written.get("when", ())),
        then=Then.of(written.get("then", {})),
        # As it is written back: what was left out stands in it.
        written={"id": written["id"], "name": "", "enabled": True, "when": [], "then": {}, **written},
    )


def mistakes_in(rules: Sequence[Any]) -> list[Mistake]:
    """Return what is wrong with a list of rules, each by its place and field."""
    found: list[Mistake] = []
    ids: set[str] = set()
    for number, one in enumerate(rules):
        place = f"rules[{number}]"
        if not isinstance(one, Mapping):
            found.append(Mistake(place, "rules_object"))
            continue
        found += _mistakes_of(one, place)
        if isinstance(one.get("id"), str):
            if one["id"] in ids or one["id"] == "ladder":  # what the ladder is called beside them
                found.append(Mistake(f"{place}.id", "rules_id_twice"))
            ids.add(one["id"])
    return found


def _mistakes_of(one: Mapping[str, Any], place: str) -> Iterable[Mistake]:
    for name in sorted(map(str, one.keys() - _OF_A_RULE)):
        yield Mistake(
            f"{place}.{name}", "rules_no_such_parameter", {"choices": "id, name, enabled, when, then"}
        )
    rule_id, name = one.get("id"), one.get("name", "")
    if not (isinstance(rule_id, str) and 0 < len(rule_id) <= LONGEST_ID and _is_plain(rule_id)):
        yield Mistake(f"{place}.id", "rules_id", {"to_number": LONGEST_ID})
    if not (isinstance(name, str) and len(name) <= LONGEST_NAME and name.isprintable()):
        yield Mistake(f"{place}.name", "rules_text", {"to_number": LONGEST_NAME})
    if not isinstance(one.get("enabled", True), bool):
        yield Mistake(f"{place}.enabled", "rules_yes_or_no")
    when = one.get("when", [])
    if not isinstance(when, list) or len(when) > 20:
        yield Mistake(f"{place}.when", "rules_list", {"to_number": 20})
    else:
        for number, condition in enumerate(when):
            yield from Condition.mistakes(condition, f"{place}.when[{number}]")
    yield from Then.mistakes(one.get("then", {}), f"{place}.then")


def _is_plain(rule_id: str) -> bool:
    return rule_id.isascii() and all(one.isalnum() or one in "-_." for one in rule_id)


DEFAULT = Rules(version=1, ladder=Ladder())

_published: dict[int, Rules] = {}  # a published version never changes, so each process may keep it

newest_version = select(func.max(RuleVersion.version)).scalar_subquery()


def in_force(reader: Reader) -> Rules:
    """Return the rules that are in force now."""
    return of_version(reader, reader.scalar(select(newest_version)))


def of_version(reader: Reader, version: int | None) -> Rules:
    """Return the rules of a version; the default when nothing was published yet (None, or version 1)."""
    if version is None or version == DEFAULT.version:
        return DEFAULT
    return _published.get(version) or _load(reader, version)


def _load(reader: Reader, version: int) -> Rules:
    stored = reader.scalar(select(RuleVersion.rules).where(RuleVersion.version == version)) or {}
    rules = read_version(version, stored)
    _published[version] = rules
    return rules


def read_version(version: int, stored: Mapping[str, Any]) -> Rules:
    """Return what stands in a version; whatever that is, there are rules to go by."""
    try:
        return Rules.kept(version, stored)
    except Exception:
        log.exception("rules can't be read", extra={"rule_version": version})
        return Rules(version, Ladder())


def of_step(reader: Reader, step: CallStep | None, otherwise: int | None = None) -> Resolved:
    """Return what was resolved for a step of a call, whatever was published since.

    For a step that nobody decided, or none at all, it is the default ladder of the version `otherwise`.
    """
    if step is None or step.parameters is None or step.rule_version is None:
        rules = of_version(reader, otherwise)
        return Resolved(rules.ladder, rules.version)
    return Resolved(Ladder.kept(step.parameters), step.rule_version, step.rule)


def of_call(session: "Session", call: Call) -> Resolved:
    """Return what was resolved for the step in which a call is, or ended."""
    return of_step(session, session.get(CallStep, (call.sid, call.step)), call.rule_version)


def of_origin(session: "Session", origin: str) -> Resolved:
    """Return what was resolved for the call of which a promise comes; the default in force without a call."""
    sid = origin.removeprefix("call:").partition("/")[0]
    call = session.get(Call, sid) if origin.startswith("call:") else None
    return of_call(session, call) if call is not None else of_step(session, None, in_force(session).version)


def of_agent(session: "Session", agent: str) -> Resolved:
    """Return what was resolved for the call that last rang an agent; the default ladder in force without."""
    newest = select(CallStep).where(CallStep.agent == agent).order_by(CallStep.started_at.desc()).limit(1)
    return of_step(session, session.scalar(newest), in_force(session).version)


def forget_published() -> None:
    """Forget what this process keeps of published versions: they are those of another database now."""
    _published.clear()


def publish(
    session: "Session",
    rules: Rules | Ladder,
    who: str,
    why: str,
    now: datetime,
    restores: int | None = None,
) -> int:
    """Put a new version in force; return its number. Whoever asks has proven it: see publishing.py."""
    version = (session.scalar(select(newest_version)) or DEFAULT.version) + 1
    document = rules.as_json() if isinstance(rules, Rules) else {"ladder": rules.as_json(), "rules": []}
    session.add(
        RuleVersion(
            version=version,
            rules=document,
            published_at=now,
            published_by=who,
            why=why,
            restores=restores,
        )
    )
    by = audit.actor_called(who)
    audit.record(session, by, What.RULES_PUBLISHED, now, version=version, why=why, before=version - 1)
    return version
