"""Do the derived tables agree with the official Python library, which was made apart from them?"""

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twilio.twiml import TwiML, lower_camel, voice_response
from twilio.twiml.voice_response import VoiceResponse

from phonebox.twilio_spec import twiml

TABLE = twiml._TABLES["voice"]
# The two libraries spell these two elements differently (generated at other moments); we use neither.
DIFFERENT = {"ConversationRelay", "Language"}
WORDS = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Cn"), exclude_characters="\ufffe\uffff"),
    min_size=1,
    max_size=12,
).filter(str.strip)


def _attribute(parameter: str) -> str:
    return str(lower_camel(TwiML.MAP.get(parameter, parameter)))


def _nesting_methods(kind: type) -> Iterator[tuple[Callable[..., Any], str]]:
    """Each method of a library class that nests an element, with the class of that element."""
    for name, method in vars(kind).items():
        if not name.startswith("_") and inspect.isfunction(method):
            made = re.search(r"self\.nest\(\s*(\w+)\(", inspect.getsource(method))
            if made:
                yield method, made.group(1)


def _parameters(method: Callable[..., Any]) -> list[str]:
    return [name for name in inspect.signature(method).parameters if name not in ("self", "kwargs")]


CLASSES = {
    name: kind
    for name, kind in inspect.getmembers(voice_response, inspect.isclass)
    if name in TABLE["elements"]
}
METHODS = {name: list(_nesting_methods(kind)) for name, kind in CLASSES.items()}


def test_the_library_has_every_element_of_the_table() -> None:
    assert set(CLASSES) == set(TABLE["elements"])


@pytest.mark.parametrize("parent", sorted(CLASSES))
def test_the_library_and_the_table_nest_the_same_with_the_same_attributes(parent: str) -> None:
    assert sorted(made for _, made in METHODS[parent]) == sorted(TABLE["elements"][parent]["holds"].values())
    for method, made in METHODS[parent]:
        element = TABLE["elements"][made]
        attributes = {_attribute(name) for name in _parameters(method)}
        texts = attributes - set(element["attributes"])
        if made in DIFFERENT:
            continue
        assert set(element["attributes"]) <= attributes, made
        assert len(texts) == (0 if element["text"] == "none" else 1), made


def _value(kind: str, attribute: str) -> st.SearchStrategy[Any]:
    if kind.endswith("[]"):
        return st.lists(_value(kind[:-2], attribute), min_size=1, max_size=3).map(
            lambda some: " ".join(map(str, some))
        )
    if kind == "string" and (attribute == "method" or attribute.endswith("Method")):
        return st.sampled_from(["GET", "POST"])
    if kind in TABLE["values"]:
        return st.sampled_from(sorted(TABLE["values"][kind]))
    return {"string": WORDS, "boolean": st.booleans(), "number": st.integers(0, 10**6)}[kind]


def _grow(draw: st.DrawFn, node: TwiML, name: str, depth: int) -> None:
    """Nest into `node` up to three elements that its own class offers, each with some of its attributes."""
    methods = [(method, made) for method, made in METHODS[name] if made not in DIFFERENT]
    if not methods or depth == 0:
        return
    for _ in range(draw(st.integers(0, 3))):
        method, made = draw(st.sampled_from(methods))
        kinds = TABLE["elements"][made]["attributes"]
        arguments: dict[str, Any] = {}
        for parameter in _parameters(method):
            attribute = _attribute(parameter)
            if attribute not in kinds:
                arguments[parameter] = draw(WORDS)
            elif draw(st.booleans()):
                arguments[parameter] = draw(_value(kinds[attribute], attribute))
        _grow(draw, method(node, **arguments), made, depth - 1)


@st.composite
def documents(draw: st.DrawFn) -> VoiceResponse:
    """Any document that the official library can make and the official types allow, three levels deep."""
    response = VoiceResponse()
    _grow(draw, response, "VoiceResponse", 3)
    return response


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(documents())
def test_no_document_that_the_official_types_allow_is_refused_for_its_structure(
    response: VoiceResponse,
) -> None:
    assert twiml.structural_problems_in_twiml(str(response)) == []


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.text())
def test_any_text_whatever_gets_an_answer_and_no_error(text: str) -> None:
    assert twiml.problems_in_twiml(text)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.text(), st.text())
def test_a_name_in_a_sentence_can_never_become_an_element(name: str, note: str) -> None:
    response = VoiceResponse()
    response.say(f"Anna {name}</Say><Dial>{note}")

    assert not any("Dial" in problem for problem in twiml.problems_in_twiml(str(response)))


@pytest.mark.parametrize("noun", ["Client", "Number", "Sip", "Queue", "Conference"])
def test_dial_may_hold_what_we_ring(noun: str) -> None:
    assert noun in TABLE["elements"]["Dial"]["holds"]
    assert noun == "Queue" or noun not in TABLE["elements"]["VoiceResponse"]["holds"]


@pytest.mark.parametrize(
    ("element", "attribute", "kind"),
    [
        ("Dial", "answerOnBridge", "boolean"),
        ("Dial", "timeout", "number"),
        ("Dial", "action", "string"),
        ("Client", "statusCallbackEvent", "ClientEvent[]"),
        ("Gather", "input", "GatherInput[]"),
        ("Conference", "endConferenceOnExit", "boolean"),
    ],
)
def test_known_attributes_have_their_known_types(element: str, attribute: str, kind: str) -> None:
    assert TABLE["elements"][element]["attributes"][attribute] == kind


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("SayLanguage", "nl-NL"),
        ("SayLanguage", "nl-BE"),
        ("GatherLanguage", "nl-NL"),
        ("SayVoice", "Polly.Laura-Neural"),
        ("SayVoice", "Google.nl-NL-Chirp3-HD-Kore"),
        ("DialRingTone", "nl"),
        ("ConferenceJitterBufferSize", "small"),
    ],
)
def test_known_values_are_listed(kind: str, value: str) -> None:
    assert value in TABLE["values"][kind]


def test_the_language_of_every_voice_in_the_list_is_known() -> None:
    voices = TABLE["values"]["SayVoice"]
    languages = TABLE["values"]["SayLanguage"]

    mute = [voice for voice in voices if not any(twiml._speaks(voice, language) for language in languages)]
    anything = [voice for voice in voices if all(twiml._speaks(voice, language) for language in languages)]

    # Twilio lists voices of these three languages, but not the languages themselves.
    assert {voice[len("Google.") :][:5] for voice in mute} == {"eu-ES", "gl-ES", "lt-LT"}
    assert anything == []
