"""Is everything that people hear and read there, in each language, with the same values in it?"""

import ast
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from string import Formatter
from zoneinfo import ZoneInfo

import pytest

from app import catalogue
from app.catalogue import LANGUAGES, Forms, codes, locale, text
from app.routing.sentences import Sentence, to_agent, words
from app.voice.call_control import DECLINE_REASONS

APP = Path(catalogue.__file__).parent.parent
KINDS = sorted(path.stem for path in Path(catalogue.__file__).parent.glob("*.toml"))
ALL = [f"{kind}.{code}" for kind in KINDS for code in codes(kind)]


def all_of(code: str) -> dict[str, str | Forms]:
    """Return a text in every language."""
    kind, _, name = code.partition(".")
    return catalogue._texts(kind)[name]


def templates(code: str, language: str) -> list[str]:
    """Return every form of a text."""
    match all_of(code)[language]:
        case Forms(by_category=forms):
            return [*forms.values()]
        case template:
            return [template]


def bends_with(code: str, language: str) -> str | None:
    match all_of(code)[language]:
        case Forms(value=value):
            return value
        case _:
            return None


def values_in(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name is not None}


def values_of_forms(code: str, language: str) -> set[frozenset[str]]:
    """Return what each form of a text needs: those values that stand in it, and the one that decides."""
    decides = {bends_with(code, language)} - {None}
    return {frozenset(values_in(template) | decides) for template in templates(code, language)}


def values_of(code: str, language: str) -> set[str]:
    return set().union(*values_of_forms(code, language))


@pytest.mark.parametrize("kind", KINDS)
def test_every_text_stands_there_in_every_language_with_the_same_values(kind: str) -> None:
    assert codes(kind), f"{kind}.toml holds no text"
    wrong = []
    for code in codes(kind):
        whole = f"{kind}.{code}"
        if set(all_of(whole)) != set(LANGUAGES):
            wrong.append(f"{whole} is in {sorted(all_of(whole))}")
            continue
        everything = [words for language in LANGUAGES for words in templates(whole, language)]
        if any(not words.strip() or words != words.strip() for words in everything):
            wrong.append(f"{whole} is empty, or has blanks at an end")
        if len({values for language in LANGUAGES for values in values_of_forms(whole, language)}) != 1:
            wrong.append(f"{whole} has other values in one language or form than in the other")
    assert wrong == []


# --- what a count does to a sentence -----------------------------------------------------------------

# Every value that a text may hold is the one or the other, so that a new one is thought about.
COUNTS = set(
    """added calls cells closed corrections count days done expected left live loaded messages minutes most
    notes promises refused seconds seen sentences topics total tried""".split()
)
NO_COUNTS = set(
    """about above address after agent anchor asked at before begin body browser cause choices columns day
    digits email end error events example fact fate field file first from from_number hash how_long
    human id item items key kind last least line link methods moment name names network none now number
    numbers of organisation outcome password phone place problem reference result right right_of_sure
    role row rule scope score second sid sids since size state step subject team text then time times
    to_a_human to_number topic until url user value version what when where which who why words""".split()
)
# Where a count stands by itself, and no word beside it is another for one than for two.
BENDS_NOTHING = {
    *(("command.loaded", value) for value in ("loaded", "refused")),
    ("command.would_load", "refused"),
    ("topic.and_of_callers", "added"),
    *(("topic.tried_on", value) for value in ("sentences", "tried")),
    *(("command.pack_added", value) for value in ("sentences", "topics")),
    *(("command.topics_learnt", value) for value in ("sentences", "tried")),
    *(("command.calls_compared", value) for value in ("added", "closed", "live")),
    *(("command.erased", value) for value in ("calls", "messages", "promises")),
    *(
        (code, value)
        for code in ("command.exported_left_out", "privacy.left_out")
        for value in ("calls", "messages", "notes", "promises")
    ),
    ("privacy.copies_left", "left"),
    ("command.erased_at_carrier", "left"),
    *(
        (f"problem.{code}", "most")
        for code in ("not_seconds", "too_many", "too_high", "not_a_page", "not_a_sheet")
    ),
    *((f"problem.{code}", "expected") for code in ("too_few_cells", "too_many_cells")),
    ("command.audit_forgot", "days"),  # at least thirty
    ("problem.before_what_is_kept", "days"),  # at least thirty
    *(("simulate.replayed", value) for value in ("done", "total")),  # more than ten thousand
    ("simulate.listed_first", "count"),  # three hundred
    ("problem.wrong_type", "expected"),  # a type: no count at all
}


def test_every_value_of_a_text_is_known_to_be_a_count_or_none() -> None:
    values = {value for code in ALL for value in values_of(code, "en")}

    assert values == COUNTS | NO_COUNTS


def test_every_text_with_a_count_in_it_has_a_form_for_each_plural_of_its_language() -> None:
    without, incomplete = set(), {}
    for code in ALL:
        for language in LANGUAGES:
            bends = bends_with(code, language)
            for value in values_of(code, language) & COUNTS - {bends}:
                if (code, value) not in BENDS_NOTHING:
                    without.add(f"{code}: {language}.{value}")
            text_of = all_of(code)[language]
            if isinstance(text_of, Forms) and set(text_of.by_category) != plurals_of(language):
                incomplete[f"{code}: {language}.{bends}"] = set(text_of.by_category)
    assert without == set()
    assert incomplete == {}


def plurals_of(language: str) -> set[str]:
    return {*locale(language).plural_form.tags, "other"}


def test_no_text_is_said_to_bend_with_nothing_that_does_or_is_not_there() -> None:
    texts = {(code, value) for code in ALL for value in values_of(code, "nl")}
    bending = {(code, bends_with(code, language)) for code in ALL for language in LANGUAGES}

    assert texts - bending >= BENDS_NOTHING
    assert {value for _, value in bending} <= COUNTS | {None}


def test_what_the_call_says_as_a_number_is_a_count() -> None:
    said = set()
    for path in APP.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            pairs = zip(node.keys, node.values, strict=True) if isinstance(node, ast.Dict) else ()
            for pair in pairs:
                match pair:
                    case ast.Constant(value=name), ast.Tuple(elts=[ast.Constant(value="number"), _]):
                        said.add(name)

    assert {"count", "minutes"} <= said <= COUNTS


@pytest.mark.parametrize(
    ("count", "dutch", "english"),
    [
        (1, "er is nog één wachtende vóór u.", "there is one person ahead of you."),
        (2, "er zijn nog twee wachtenden vóór u.", "there are two people ahead of you."),
        (45, "er zijn nog 45 wachtenden vóór u.", "there are 45 people ahead of you."),
    ],
)
def test_a_caller_hears_how_many_wait_in_words_that_fit(count: int, dutch: str, english: str) -> None:
    sentence = Sentence("stay_after", {"agent": "Anna", "count": ("number", count)})
    now = datetime(2026, 11, 24, 10, tzinfo=UTC)

    assert words(sentence, "nl", ZoneInfo("Europe/Amsterdam"), now).endswith(dutch)
    assert words(sentence, "en", ZoneInfo("Europe/Amsterdam"), now).endswith(english)


def test_who_is_rung_reads_the_reason_as_said_to_them_and_others_with_the_name() -> None:
    now, zone = datetime(2026, 11, 24, 10, tzinfo=UTC), ZoneInfo("Europe/Amsterdam")
    why = Sentence("callback_owner", {"agent": "Daan"})

    assert words(to_agent(why), "nl", zone, now, kind="reason").startswith("U had beloofd")
    assert words(why, "nl", zone, now, kind="reason").startswith("Daan had beloofd")
    assert to_agent(Sentence("team_busy")) == Sentence("team_busy")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_reason_that_names_its_agent_is_also_said_to_them(language: str) -> None:
    theirs = [code for code in codes("reason") if code.endswith("_you")]
    assert len(theirs) > 15
    of_one_agent = re.compile(r"^(owner|colleague|team|supervisor|callback)_")
    named = {code for code in codes("reason") if of_one_agent.match(code) and not code.endswith("_you")}

    assert named - {code.removesuffix("_you") for code in theirs} == {"team_busy"}
    assert not any("agent" in values_of(f"reason.{code}", language) for code in theirs)


def test_a_text_that_is_shown_bends_with_the_count_in_figures() -> None:
    assert text("problem.too_few_cells", "nl", cells=1, expected=6).startswith("de rij heeft 1 veld in")
    assert text("problem.too_few_cells", "en", cells=3, expected=6).startswith("the row has 3 fields in")
    assert text("problem.too_few_cells", "fr", cells=1, expected=6).startswith("the row has 1 field in")


def test_where_a_description_names_no_count_many_are_meant() -> None:
    assert text("problem.too_large", "en", most="…") == "The body is too large; at most … bytes."


def test_an_unknown_language_hears_english() -> None:
    assert text("say.goodbye", "fr") == text("say.goodbye", "en")


def test_a_sentence_with_a_hole_in_it_is_never_said() -> None:
    with pytest.raises(KeyError):
        text("say.no_answer", "nl")
    with pytest.raises(KeyError):
        text("say.there_is_no_such_sentence", "nl")


def test_what_is_spoken_holds_no_value_that_could_be_about_a_customer_or_a_case() -> None:
    # `why` is what an admin wrote for all callers of a line to hear.
    may_be_spoken = {"agent", "time", "minutes", "count", "number", "why"}
    spoken = {code: values_of(f"say.{code}", "nl") for code in codes("say")}

    assert {code: names for code, names in spoken.items() if not names <= may_be_spoken} == {}


# --- the code names only texts that there are --------------------------------------------------------


def calls_of(tree: ast.AST, *names: str) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args:
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in names:
                yield node


def written_codes(argument: ast.expr) -> Iterator[str]:
    """List the codes that an argument may be, as far as they stand there as text."""
    match argument:
        case ast.Constant(value=str(code)):
            yield code
        case ast.IfExp(body=one, orelse=other):
            yield from written_codes(one)
            yield from written_codes(other)


def named_by(*names: str) -> dict[str, str]:
    """Return every code that the application names in a call of one of `names`, with where it does."""
    found = {}
    for path in APP.rglob("*.py"):
        for call in calls_of(ast.parse(path.read_text()), *names):
            for code in written_codes(call.args[0]):
                found[code] = f"{path.relative_to(APP)}:{call.lineno}"
    return found


def test_every_sentence_that_the_call_names_is_in_the_catalogue() -> None:
    named = named_by("Sentence", "_back")
    assert len(named) > 15
    known = {*codes("say"), *codes("reason")}

    assert {code: where for code, where in named.items() if code not in known} == {}


def test_every_text_that_the_code_names_with_its_kind_is_in_the_catalogue() -> None:
    named = {code: where for code, where in named_by("text").items() if "." in code}
    assert len(named) > 8

    assert {code: where for code, where in named.items() if code not in ALL} == {}


@pytest.mark.parametrize(
    "code",
    [
        *(f"declined_{why}" for why in DECLINE_REASONS),
        *("owner_on_break_until", "owner_not_there_until"),
        *(f"{who}_or_hang_up" for who in ("still_waiting", "team_still_waiting")),
        *("promise_message", "promise_message_by_agent", "number_promised"),
    ],
)
def test_every_sentence_whose_code_is_put_together_is_in_the_catalogue(code: str) -> None:
    assert code in codes("say")


@pytest.mark.parametrize(
    "code",
    [
        "promise_nobody",
        "promise_closed",
        "promise_while_waiting",
        "promise_hung_up_while_ringing",
        "degraded",
    ],
)
def test_every_reason_that_is_kept_with_a_promise_or_a_step_is_in_the_catalogue(code: str) -> None:
    assert code in codes("reason")


def test_no_sentence_tells_a_caller_to_press_a_key() -> None:
    for_agents = {"whisper", "whisper_nameless"}
    # “Intoetsen mag ook” leaves it to the caller.
    key = re.compile(r"\b(toets|druk op|press|kies )", re.IGNORECASE)
    asking = {
        code
        for code in codes("say")
        for language in LANGUAGES
        for words in templates(f"say.{code}", language)
        if key.search(words)
    }

    assert asking <= for_agents
