"""Is everything that people hear and read there, in each language, with the same values in it?"""

import ast
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

from app import catalogue
from app.catalogue import LANGUAGES, codes, text
from app.voice.call_control import DECLINE_REASONS

APP = Path(catalogue.__file__).parent.parent
KINDS = sorted(path.stem for path in Path(catalogue.__file__).parent.glob("*.toml"))
ALL = [f"{kind}.{code}" for kind in KINDS for code in codes(kind)]


def values_in(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name is not None}


def template(code: str, language: str) -> str:
    return catalogue._texts()[code][language]


@pytest.mark.parametrize("kind", KINDS)
def test_every_text_stands_there_in_every_language_with_the_same_values(kind: str) -> None:
    assert codes(kind), f"{kind}.toml holds no text"
    wrong = []
    for code in codes(kind):
        by_language = catalogue._texts()[f"{kind}.{code}"]
        if set(by_language) != set(LANGUAGES):
            wrong.append(f"{kind}.{code} is in {sorted(by_language)}")
            continue
        if any(not words.strip() or words != words.strip() for words in by_language.values()):
            wrong.append(f"{kind}.{code} is empty, or has blanks at an end")
        if len({frozenset(values_in(words)) for words in by_language.values()}) != 1:
            wrong.append(f"{kind}.{code} has other values in one language than in the other")
    assert wrong == []


def test_an_unknown_language_hears_english() -> None:
    assert text("say.goodbye", "fr") == text("say.goodbye", "en")


def test_a_sentence_with_a_hole_in_it_is_never_said() -> None:
    with pytest.raises(KeyError):
        text("say.no_answer", "nl")
    with pytest.raises(KeyError):
        text("say.there_is_no_such_sentence", "nl")


def test_what_is_spoken_holds_no_value_that_could_be_about_a_customer_or_a_case() -> None:
    may_be_spoken = {"agent", "time", "minutes", "count", "number"}
    spoken = {code: values_in(template(f"say.{code}", "nl")) for code in codes("say")}

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
    keys = ("toets", "druk op", "press", "kies ")
    spoken = {
        code: template(f"say.{code}", language).lower() for code in codes("say") for language in LANGUAGES
    }

    asking = {code for code, words in spoken.items() if any(key in words for key in keys)}
    assert asking <= for_agents
