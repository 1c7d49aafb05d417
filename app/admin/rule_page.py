"""What does the page on rules show? The draft as cards, what is different in it, and the versions."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice, pairwise
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import web
from app.admin import call_list, rule_choices, rule_documents
from app.admin.rule_cards import (
    GROUPS,
    LADDER,
    Card,
    Row,
    Said,
    form,
    ladder_form,
    ladder_pieces,
    pieces,
    words,
)
from app.admin.rule_choices import Choices
from app.clock import utcnow
from app.door import sign_in
from app.records.agents import Agent, User
from app.records.rules import RuleDraft
from app.routing import last_week, publishing, rule_sentences, rules
from app.routing.conditions import FACTS
from app.routing.last_week import LastWeek, PastCall
from app.routing.merging import Clash
from app.routing.publishing import Draft, Published
from app.routing.rule_sentences import Difference
from app.routing.shadows import shadowed
from app.routing.situation import Situation
from app.routing.taking import Taken

Json = dict[str, Any]

SHOWN_CALLS = 8
SHOWN_VERSIONS = 10


@dataclass(frozen=True)
class Unsaved:
    """What somebody wrote of a rule (or of the LADDER) that couldn't be saved as it stands."""

    rule: str
    written: Json
    mistakes: Mapping[str, str] = field(default_factory=dict)
    clash: Clash | None = None
    since: int | None = None  # the draft that they looked at


@dataclass(frozen=True)
class Version:
    number: int
    published_at: datetime | None
    who: str
    why: str
    restores: int | None
    differences: Sequence[Difference]
    is_in_force: bool


@dataclass(frozen=True)
class Proposal:
    """The draft against what is in force."""

    in_force: int
    differences: Sequence[Difference]
    problems: Sequence[str]
    saved_by: str
    saved_at: datetime | None


def context(
    session: Session,
    now: datetime,
    *,
    is_open: frozenset[str],
    may_change: bool,
    unsaved: Unsaved | None = None,
) -> Json:
    """Return what the templates of the page need."""
    draft = publishing.draft(session)
    week = last_week.calls(session, now)
    choices = rule_choices.choices(session, week, draft.document)
    seen = call_list.seen_among(session, [one.sid for one in week.calls], sign_in.reach(session))
    taken = week.asked.taken(draft.rules)
    shadows = shadowed(draft.rules.rules)
    places = {rule.id: place for place, rule in enumerate(draft.rules.rules, 1)}
    ladder = draft.document["ladder"]
    cards = []
    for written in draft.document["rules"]:
        theirs = unsaved if unsaved is not None and unsaved.rule == written["id"] else None
        shown = theirs.written if theirs and theirs.written else written
        cards.append(
            Card(
                id=written["id"],
                place=places[written["id"]],
                name=written["name"],
                enabled=written["enabled"],
                pieces=pieces(written, choices),
                form=form(shown, choices, ladder) if written["id"] in is_open and may_change else None,
                taken=taken[written["id"]],
                calls=_calls(session, written["id"], taken[written["id"]], week, seen),
                warnings=_warnings(written, taken[written["id"]], shadows, places),
                mistakes=theirs.mistakes if theirs else {},
                clash=_clash(session, theirs, choices) if theirs else None,
            )
        )
    return {
        "cards": cards,
        "gone": _gone(session, unsaved, choices, places),
        "ladder": _ladder_card(session, ladder, is_open if may_change else frozenset(), unsaved, choices),
        "left": week.asked.left(draft.rules),
        "calls": len(week.calls),
        "choices": choices,
        "groups": GROUPS,
        "draft": draft,
        "is_open": is_open,
        "may_change": may_change,
        "proposal": _proposal(session, draft, choices, places),
        "examples": rule_documents.EXAMPLES,
        "now": now,
    }


def _ladder_card(
    session: Session,
    ladder: Json,
    is_open: frozenset[str],
    unsaved: Unsaved | None,
    choices: Choices,
) -> Card:
    theirs = unsaved if unsaved is not None and unsaved.rule == LADDER else None
    shown = {**ladder, **theirs.written} if theirs else ladder
    return Card(
        LADDER,
        0,
        "",
        True,
        ladder_pieces(ladder),
        ladder_form(shown) if LADDER in is_open else None,
        mistakes=theirs.mistakes if theirs else {},
        clash=_clash(session, theirs, choices) if theirs else None,
    )


def name_of(session: Session, who: str) -> str:
    """Return what colleagues call whoever saved or published something."""
    return names_of(session, [who])[who]


def names_of(session: Session, several: Iterable[str]) -> dict[str, str]:
    """Return what colleagues call those who saved or published something."""
    asked = set(several)
    found = session.execute(
        select(User.email, Agent.name).join(Agent, User.agent == Agent.key).where(User.email.in_(asked))
    ).all()
    named = {row.email: row.name for row in found}
    return {who: named.get(who) or who.partition("@")[0] or words("somebody") for who in asked}


# --- beside a rule ------------------------------------------------------------------------------------


def _warnings(
    rule: Json, taken: Taken, shadows: Mapping[str, str], places: Mapping[str, int]
) -> tuple[str, ...]:
    if not rule["enabled"]:
        return ()
    if rule["id"] in shadows:
        return (words("shadowed", place=places[shadows[rule["id"]]]),)
    if taken.holds and not taken.calls:
        if len(taken.before) == 1:
            return (words("shadowed_by_calls", place=places[taken.before[0][0]]),)
        return (words("shadowed_by_several"),)
    said = [words("takes_part", place=places[one], calls=calls) for one, calls in taken.before]
    if not rule["when"]:
        said.append(words("takes_everything"))
    return tuple(said)


def _calls(
    session: Session, rule: str, taken: Taken, week: LastWeek, seen: frozenset[str]
) -> tuple[Row, ...]:
    """Return the newest calls that a rule would have taken, of those that the reader may see."""
    return tuple(
        Row(
            week.calls[place],
            _before(session, rule, week.calls[place]),
            _tried_again(week.asked.situations[place]),
        )
        for place in islice((one for one in taken.which() if week.calls[one].sid in seen), SHOWN_CALLS)
    )


def _tried_again(known: Situation) -> str:
    """Return a call as the page that simulates asks for it, with nobody's name or number."""
    customer, case = known.caller.customer, known.caller.case
    asked: dict[str, Any] = {
        "draft": "yes",
        "kind": FACTS["caller.kind"].read(known),
        "line": known.line.number,
        "at": known.local.strftime("%Y-%m-%dT%H:%M"),
        "promise": FACTS["promise"].read(known),
        "calls": known.calls_lately or "",
    }
    if customer is not None:
        asked |= {"language": customer.language, "tags": ",".join(customer.tags)}
    if case is not None:
        asked |= {"team": case.team, "status": case.status, "priority": case.priority}
        asked |= {"owner": case.owner or "", "age_days": FACTS["case.age_days"].read(known)}
    return urlencode({name: value for name, value in asked.items() if value != ""})


def _before(session: Session, rule: str, call: PastCall) -> str:
    """Return which rule took a call when it came in."""
    if not call.rule:
        return words("then_ladder")
    if call.rule == rule:
        return words("then_same")
    at_the_time = rules.of_version(session, call.rule_version).rules
    for place, one in enumerate(at_the_time, 1):
        if one.id == call.rule:
            return words("then_rule", name=one.name or words("rule", place=place))
    return words("then_rule", name=call.rule)


# --- two texts of one rule ----------------------------------------------------------------------------


def _clash(session: Session, unsaved: Unsaved, choices: Choices) -> Said | None:
    clash = unsaved.clash
    if clash is None:
        return None
    mine, theirs = clash.place or (None, None)
    return Said(
        mine=_said(clash, clash.mine, mine, choices),
        theirs=_said(clash, clash.theirs, theirs, choices),
        who=name_of(session, _who_changed(session, clash.rule, unsaved.since)),
        mine_json=json.dumps(clash.mine),
        place=mine,
        may_keep_both=clash.rule != LADDER and clash.place is None and None not in (clash.mine, clash.theirs),
    )


def _said(clash: Clash, one: Mapping[str, Any] | None, place: int | None, choices: Choices) -> str:
    if one is None:
        return rule_sentences.gone(web.language())
    if clash.rule == LADDER:
        return rule_sentences.of_the_ladder(one, web.language())
    if place is not None:
        return words("clash_place", place=place)
    name = f"“{one['name']}” " if one.get("name") else ""
    return name + rule_sentences.words(rule_sentences.sentence(one, web.language(), choices.called))


def _who_changed(session: Session, rule: str, since: int | None) -> str:
    """Return who saved the newest draft in which a rule is another than in the one before it."""
    rows = session.scalars(
        select(RuleDraft).where(RuleDraft.revision >= (since or 0)).order_by(RuleDraft.revision)
    ).all()
    who = rows[-1].saved_by if rows else ""
    for before, row in pairwise(rows):
        if _of(before.rules, rule) != _of(row.rules, rule):
            who = row.saved_by
    return who


def _of(document: Mapping[str, Any], rule: str) -> Any:
    return document.get("ladder") if rule == LADDER else rule_documents.rule_in(document, rule)


def _gone(
    session: Session, unsaved: Unsaved | None, choices: Choices, places: Mapping[str, int]
) -> tuple[str, Said] | None:
    """Return the texts of a rule that somebody else took away while it was changed here."""
    if unsaved is None or unsaved.clash is None or unsaved.rule in places or unsaved.rule == LADDER:
        return None
    said = _clash(session, unsaved, choices)
    return (unsaved.rule, said) if said is not None else None


# --- what is published --------------------------------------------------------------------------------


def _proposal(session: Session, draft: Draft, choices: Choices, places: Mapping[str, int]) -> Proposal:
    in_force = rules.in_force(session)
    found = rule_sentences.differences(in_force, draft.rules, web.language(), choices.called)
    return Proposal(
        in_force.version,
        found,
        problems_in_words(publishing.problems(session, draft.rules, utcnow()), places) if found else (),
        name_of(session, draft.saved_by) if draft.revision else "",
        draft.saved_at,
    )


def problems_in_words(problems: Sequence[publishing.Problem], places: Mapping[str, int]) -> tuple[str, ...]:
    """Return what forbids to publish, each thing once."""
    return tuple(problem_in_words(one, places) for one in each_once(problems))


def each_once(problems: Sequence[publishing.Problem]) -> list[publishing.Problem]:
    """Return each thing that is wrong once: of many situations the first tells enough."""
    first: dict[tuple[str, str, str], publishing.Problem] = {}
    for one in problems:
        first.setdefault((one.rule, str(one.kind), one.name), one)
    return list(first.values())


def problem_in_words(problem: publishing.Problem, places: Mapping[str, int]) -> str:
    what = problem.say(web.language())
    if problem.rule in places:
        return words("problem_of", place=places[problem.rule], problem=what)
    return words("problem_of_ladder", problem=what)


def versions(
    session: Session, before: int | None, called: Mapping[str, str]
) -> tuple[list[Version], int | None]:
    """Return versions, the newest first, and before which number the older ones go on."""
    found = publishing.versions(session, before=before, limit=SHOWN_VERSIONS + 1)
    in_force = rules.in_force(session).version
    named = names_of(session, (one.published_by for one in found))
    shown = [_version(one, in_force, named[one.published_by], called) for one in found[:SHOWN_VERSIONS]]
    return shown, shown[-1].number if len(found) > SHOWN_VERSIONS else None


def _version(one: Published, in_force: int, who: str, called: Mapping[str, str]) -> Version:
    number = one.rules.version
    return Version(
        number,
        one.published_at,
        who,
        one.why,
        one.restores,
        rule_sentences.differences(one.before, one.rules, web.language(), called),
        number == in_force,
    )
