"""Is a stop heard however politely it is asked, and nothing else taken for one?"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.messages.stop_words import asks_to_resume, asks_to_stop

POLITE = [
    "aub",
    "a.u.b.",
    "svp",
    "alstublieft",
    "graag",
    "dank u",
    "Dank u wel",
    "bedankt",
    "please",
    "thanks",
    "hallo",
]


@pytest.mark.parametrize(
    "text",
    [
        "STOP",
        "Stop.",
        "stop!!!",
        "Stop. Dank u",
        "STOP aub",
        "stop, svp",
        "Please stop",
        "STOP STOP STOP",
        "stop 🙏",
        "stop met deze berichten",
        "stop sms",
        "Stop met sms'en aub",
        "geen berichten meer aub",
        "no more texts please",
        "unsubscribe me please",
        "afmelden graag",
        "CANCEL",
        "end",
        "Uitschrijven a.u.b.",
        "opt-out",
        "opt out please",
    ],
)
def test_who_wants_no_more_messages_is_heard(text: str) -> None:
    assert asks_to_stop(text)
    assert not asks_to_resume(text)


@pytest.mark.parametrize(
    "text",
    [
        "stop maar met die brieven",
        "Stop maar",
        "stop met die",
        "cancel please",
        "stop?",
        "kunt u stoppen met bellen",
        "de bus stopt hier",
        "niet stoppen",
        "don't stop",
        "stop niet",
        "bel me aub",
        "dank u",
        "",
        "please",
        "wanneer stopt het",
        "end of story",
        "stop the letters",
        "geen brieven meer",
        "stop " * 50,
    ],
)
def test_what_is_about_something_else_is_left_to_a_human(text: str) -> None:
    assert not asks_to_stop(text)


@pytest.mark.parametrize("text", ["START", "start aub", "Aanmelden graag", "ja", "Yes!"])
def test_who_wants_them_again_is_heard(text: str) -> None:
    assert asks_to_resume(text)


@pytest.mark.parametrize("text", ["ja graag", "start maar met bellen", "yes please", "ja?", ""])
def test_an_ordinary_yes_is_no_wish_for_messages(text: str) -> None:
    assert not asks_to_resume(text)


@given(
    st.lists(st.sampled_from(POLITE), max_size=2),
    st.sampled_from(["stop", "STOP", "Afmelden", "unsubscribe"]),
    st.lists(st.sampled_from(POLITE), max_size=2),
    st.sampled_from([" ", ", ", ". "]),
)
def test_politeness_changes_nothing(before: list[str], word: str, after: list[str], between: str) -> None:
    assert asks_to_stop(between.join([*before, word, *after]))


@given(st.sampled_from(["brieven", "niet", "bellen", "morgen", "maar", "factuur"]), st.booleans())
def test_one_word_that_is_none_of_it_leaves_it_to_a_human(word: str, first: bool) -> None:
    assert not asks_to_stop(f"{word} stop" if first else f"stop {word}")
