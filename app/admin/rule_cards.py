"""How is a rule shown to somebody who changes it? A sentence, its form, and what is known beside it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app import web
from app.admin import rule_forms
from app.admin.rule_choices import Choices
from app.catalogue import codes, text
from app.routing import rule_sentences
from app.routing.conditions import FACTS, OPERATORS, Kind
from app.routing.ladder import LIMITS, OF_A_RULE
from app.routing.last_week import PastCall
from app.routing.mistakes import Mistake
from app.routing.rule_sentences import Segment
from app.routing.taking import Taken

Json = dict[str, Any]

LADDER = "ladder"
# By whom, about what, when and where: in this order somebody looks for a fact.
GROUPS = {
    "who": (
        *("customer.tag", "caller.kind", "customer.language", "caller.country", "promise", "attestation"),
    ),
    "case": ("case.team", "case.calls", "case.agents", "case.priority", "case.status", "case.age_days"),
    "when": ("weekday", "time", "hours", "day", "date"),
    "where": ("line",),
}
# What nobody has to know to write a rule comes after what they do.
SETTINGS = (
    *("wait_for_owner_seconds", "owner_ring_seconds", "colleague_ring_seconds", "teams"),
    *("wait_for_team_seconds", "most_rings", "total_seconds", "promise_minutes", "greeting"),
    *("records_messages", "speaks_names", "look_back_days", "wrap_up_seconds"),
)
OF_THE_LADDER = (
    *("wait_for_owner_seconds", "owner_ring_seconds", "colleague_ring_seconds", "extra_teams"),
    *("wait_for_team_seconds", "most_rings", "total_seconds", "promise_minutes", "counter_to_counter"),
    *("direct_calls_per_hour", "greeting", "records_messages", "speaks_names", "look_back_days"),
    *("wrap_up_seconds", "recordings_days"),
)
# What of it is said in the sentence; the rest is in its form alone.
TOLD_OF_THE_LADDER = (
    *("wait_for_owner_seconds", "owner_ring_seconds", "extra_teams", "wait_for_team_seconds"),
    *("promise_minutes", "counter_to_counter", "greeting", "records_messages"),
)
# What the line itself may say, before the installation does.
OF_THE_LINE = ("greeting", "records_messages")
_MOST_CHIPS = 12
_PAGE_CODES = frozenset(codes("rule_page"))


def words(code: str, **values: object) -> str:
    """Return a text of this page in the reader's language."""
    return text(f"rule_page.{code}", web.language(), **values)


@dataclass(frozen=True)
class Piece:
    """A piece of a sentence; with a row, that of the form in which it is changed."""

    text: str
    row: str = ""
    field: str = ""  # of the row, where it isn't the first


@dataclass(frozen=True)
class Asking:
    """The fields of one condition."""

    row: str
    fact: str
    kind: str
    legend: str
    how: str
    hows: tuple[tuple[str, str], ...]
    chips: tuple[tuple[str, str, bool], ...]  # value, words, chosen
    others: tuple[tuple[str, str], ...]  # known names for which there is no chip
    takes_more: bool
    least: str
    most: str
    days: str
    most_days: int
    largest: int


@dataclass(frozen=True)
class Setting:
    """The field of one parameter."""

    row: str
    name: str
    legend: str
    kind: str  # number | yes_or_no | text | teams
    value: Any
    unit: str
    units: tuple[tuple[str, str], ...]
    otherwise: str
    may_be_none: bool = False  # of the installation: it may leave this open


@dataclass(frozen=True)
class Said:
    """Two texts of one rule, of which somebody chooses."""

    mine: str
    theirs: str
    who: str
    mine_json: str
    place: int | None = None  # where mine puts it, when it is the order that clashes
    may_keep_both: bool = False


@dataclass(frozen=True)
class Row:
    """A call that a rule would take."""

    call: PastCall
    before: str
    tried_again: str  # as the page that simulates asks for it


@dataclass(frozen=True)
class Card:
    id: str
    place: int
    name: str
    enabled: bool
    pieces: tuple[Piece, ...]
    form: "Form | None"  # None: closed
    taken: Taken | None = None
    calls: tuple[Row, ...] = ()
    warnings: tuple[str, ...] = ()
    mistakes: Mapping[str, str] = field(default_factory=dict)
    clash: Said | None = None


@dataclass(frozen=True)
class Form:
    asking: tuple[Asking, ...]
    who: str
    settings: tuple[Setting, ...]
    name: str = ""


# --- the sentence -------------------------------------------------------------------------------------


def pieces(rule: Mapping[str, Any], choices: Choices) -> tuple[Piece, ...]:
    said = rule_sentences.sentence(rule, web.language(), choices.called)
    found: list[Piece] = []
    for one, after in zip(said, [*said[1:], Segment("")], strict=True):
        found += (
            _with_days(one, rule, row_of(after.field))
            if not one.field
            else [Piece(one.text, row_of(one.field))]
        )
    return tuple(found)


def _with_days(one: Segment, rule: Mapping[str, Any], row: str) -> list[Piece]:
    """Return a piece that may say within how many days calls are counted: a word to change like others."""
    number = row.removeprefix("when-")
    days = str(rule["when"][int(number)].get("days", "")) if number.isdigit() else ""
    before, found, after = one.text.rpartition(days) if days else ("", "", one.text)
    if not found:
        return [Piece(one.text)]
    return [Piece(before), Piece(found, row, "days"), Piece(after)]


def ladder_pieces(ladder: Mapping[str, Any]) -> tuple[Piece, ...]:
    """Return the installation's settings as a sentence."""
    said: list[Segment] = []
    for name in TOLD_OF_THE_LADDER:
        value = ladder.get(name, ())
        if value or value is None or value is False:
            one = rule_sentences.outcome(name, ladder[name], web.language(), f"ladder.{name}")
            said += [Segment("; "), *one] if said else one
    whole = [Segment(words("ladder_begins") + " "), *said, Segment(".")]
    return tuple(Piece(one.text, row_of(one.field)) for one in whole)


_CONDITION = re.compile(r"when\[(\d+)\]")


def row_of(place: str) -> str:
    """Return the row of a form in which a field of a rule is (`when[0].is`, `then.first`); empty for none."""
    if found := _CONDITION.match(place):
        return f"when-{found[1]}"
    group, _, name = place.partition(".")
    if group == "then":
        return "then-who" if name in rule_forms.WHO else f"then-{name}"
    return f"ladder-{name}" if group == LADDER else place


def mistakes_by_row(mistakes: Sequence[Mistake], place: int | None) -> dict[str, str]:
    """Return what is wrong with one rule, or with the ladder (None), by the rows of its form."""
    begins = "" if place is None else f"rules[{place}]."
    found: dict[str, str] = {}
    for one in mistakes:
        if one.field.startswith(begins):
            row = row_of(one.field.removeprefix(begins))
            found.setdefault(row, _in_words(one))
    return found


def _in_words(mistake: Mistake) -> str:
    own = f"mistake_{mistake.code}"
    if own in _PAGE_CODES:
        return words(own)
    return words("mistake", problem=mistake.say(web.language()))


# --- the form -----------------------------------------------------------------------------------------


def form(rule: Mapping[str, Any], choices: Choices, ladder: Mapping[str, Any]) -> Form:
    return Form(
        tuple(asking(one, f"when-{number}", choices) for number, one in enumerate(rule["when"])),
        _who(rule["then"]),
        tuple(
            setting(f"then-{name}", name, rule["then"].get(name), ladder)
            for name in SETTINGS
            if name in OF_A_RULE
        ),
        rule["name"],
    )


def ladder_form(ladder: Mapping[str, Any]) -> Form:
    rows = (setting(f"ladder-{name}", name, ladder.get(name), None) for name in OF_THE_LADDER)
    return Form((), "", tuple(rows))


def asking(written: Mapping[str, Any], row: str, choices: Choices) -> Asking:
    fact = FACTS[written["fact"]]
    how = next((name for name in OPERATORS[fact.kind] if name in written), "")
    values = written[how] if how in ("is", "is_not") else []
    chips, others, takes_more = _chips(fact.name, values, choices)
    least, most = _ends(how, written.get(how))
    return Asking(
        row,
        fact.name,
        fact.kind,
        words(f"fact_{fact.name.replace('.', '_')}"),
        how if how in ("is", "is_not") or fact.kind != Kind.DATE else "between",
        tuple((one, words(f"how_{one}")) for one in _hows(fact.kind)),
        chips,
        others,
        takes_more,
        least,
        "" if most == "24:00" else most,
        str(written.get("days", "")),
        fact.most_days,
        fact.most,
    )


def _hows(kind: Kind) -> tuple[str, ...]:
    if kind in (Kind.CHOICE, Kind.NAME):
        return ("is", "is_not")
    return ("is", "is_not", "between") if kind == Kind.DATE else ()


def _ends(how: str, operand: Any) -> tuple[str, str]:
    match how:
        case "between":
            return str(operand[0]), str(operand[1])
        case "at_least":
            return str(operand), ""
        case "at_most":
            return "", str(operand)
        case _:
            return "", ""


def _chips(
    fact: str, chosen: Sequence[str], choices: Choices
) -> tuple[tuple[tuple[str, str, bool], ...], tuple[tuple[str, str], ...], bool]:
    """Return what is chosen and what may be, as chips; the rest to be typed; and whether one may type."""
    known = list(FACTS[fact].choices) or choices.known.get(fact, [])
    picked = {one.casefold() for one in chosen}
    rest = [one for one in known if one.casefold() not in picked]
    if FACTS[fact].choices:
        listed = known
        rest = []
    else:
        room = max(0, _MOST_CHIPS - len(chosen))
        listed, rest = [*chosen, *rest[:room]], rest[room:]
    return (
        tuple((one, value_words(fact, one, choices), one.casefold() in picked) for one in listed),
        tuple((one, value_words(fact, one, choices)) for one in rest),
        not FACTS[fact].choices,
    )


def value_words(fact: str, value: str, choices: Choices) -> str:
    """Return what a value is called in a sentence; as it stands when it is none."""
    try:
        said = rule_sentences.condition({"fact": fact, "is": [value]}, web.language(), "", choices.called)
    except (KeyError, ValueError):
        return value
    return next((one.text for one in said if one.field), value)


def _who(then: Mapping[str, Any]) -> str:
    match then.get("first"), then.get("only"):
        case _, str(only):
            return only
        case {"agent": key}, _:
            return f"agent:{key}"
        case {"team": name}, _:
            return f"team:{name}"
        case str(kind), _:
            return kind
        case _:
            return ""


def setting(row: str, name: str, value: Any, ladder: Mapping[str, Any] | None) -> Setting:
    """Return the field of a parameter; `ladder`: what the installation says where a rule says nothing."""
    kind, units, unit = "number", _units(name), ""
    if name in rule_forms.YES_OR_NO:
        kind, value = "yes_or_no", {True: "yes", False: "no", None: ""}.get(value, "")
    elif name in rule_forms.TEXTS:
        kind, value = "text", value or ""
    elif name in rule_forms.TEAMS:
        kind, value = "teams", list(value or [])
    elif value is not None:
        value, unit = _in_unit(name, value)
    return Setting(
        row,
        name,
        words(f"set_{name}"),
        kind,
        "" if value is None else value,
        unit or (units[0][0] if units else ""),
        units,
        _otherwise(name, ladder) if ladder is not None else _of_none(name),
        ladder is None and rule_forms.may_be_none(name),
    )


def _units(name: str) -> tuple[tuple[str, str], ...]:
    if name.endswith("_seconds"):
        return tuple((one, words(f"unit_{one}")) for one in ("seconds", "minutes"))
    if name.endswith("_minutes"):
        return tuple((one, words(f"unit_{one}")) for one in ("minutes", "hours"))
    return (("days", words("unit_days")),) if name.endswith("_days") else ()


def _in_unit(name: str, value: Any) -> tuple[Any, str]:
    if not isinstance(value, int):
        return value, ""
    if name.endswith("_seconds"):
        return (value // 60, "minutes") if value and value % 60 == 0 else (value, "seconds")
    if name.endswith("_minutes"):
        return (value // 60, "hours") if value and value % 60 == 0 else (value, "minutes")
    return value, ""


def _otherwise(name: str, ladder: Mapping[str, Any]) -> str:
    """Return what holds where a rule says nothing of it."""
    of_ladder = "extra_teams" if name == "teams" else name
    if name in OF_THE_LINE:
        return words("otherwise_line")
    value = ladder.get(of_ladder)
    [said] = [
        one.text for one in rule_sentences.outcome(of_ladder, value, web.language(), "here") if one.field
    ] or ["–"]
    return words("otherwise", value=said)


def _of_none(name: str) -> str:
    if name in OF_THE_LINE:
        return words(f"goes_before_{name}")
    return words("empty_is_never") if name in LIMITS and rule_forms.may_be_none(name) else ""
