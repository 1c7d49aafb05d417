"""Is a number understood, however it is said?"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.callers.named_numbers import named
from app.callers.spoken_numbers import digits, number


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        ("06 12 34 56 78", "0612345678"),
        ("nul zes een twee drie vier vijf zes zeven acht", "0612345678"),
        ("Nul zes, twaalf vierendertig zesenvijftig achtenzeventig.", "0612345678"),
        ("mijn nummer is nul zes tweeëntwintig", "0622"),
        ("plus eenendertig zes", "+316"),
        ("zero six, twelve", "0612"),
        ("dat weet ik niet", ""),
        ("", ""),
    ],
)
def test_digits_and_number_words_are_heard(said: str, heard: str) -> None:
    assert digits(said) == heard


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        ("Ik heb een Nederlands nummer, nul zes 12 34 56 78", "+31612345678"),
        ("een Nederlands nummer: 06 12 34 56 7 acht", "+31612345678"),
        ("nul zes twaalf, eh, vierendertig zesenvijftig 78", "+31612345678"),
        ("nul zes, dat is 12 34, en dan 56 78", "+31612345678"),
        ("Het is nul zes een twee drie vier vijf zes zeven acht hoor", "+31612345678"),
        ("nul zes twee drie vier vijf zes zeven acht een", "+31623456781"),
        ("Bel na 5 uur op 06 12345678", "+31612345678"),
        ("I have one Dutch number, zero six one two three four five six seven eight", "+31612345678"),
        ("oh sorry it is oh six one two three four five six seven eight", "+31612345678"),
        ("plus 31 6 12 34 56 78", "+31612345678"),
        ("0612345678, ik herhaal, nul zes een twee drie vier vijf zes zeven acht", "+31612345678"),
        ("nee niet 06 12345678 maar 06 87654321", None),
        ("ik heb een vraag over een paspoort", None),
        ("een", None),
        ("", None),
    ],
)
def test_a_number_is_found_among_other_words(said: str, heard: str | None) -> None:
    found = number(said, "NL")
    assert (found[1] if found else None) == heard


_WORDS = ["nul", "een", "twee", "drie", "vier", "vijf", "zes", "zeven", "acht", "negen"]


@given(
    st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=8, max_size=8),
    st.sampled_from(
        ["", "Ik heb een Nederlands nummer, ", "Mijn nummer is ", "een moment hoor: ", "Ja dat is "]
    ),
    st.sampled_from(["", ".", " graag", " dank u wel", " hoor"]),
)
def test_words_and_figures_may_be_mixed_as_one_likes(
    said: list[tuple[int, bool]], before: str, after: str
) -> None:
    subscriber = "".join(str(digit) for digit, _ in said)
    spoken = " ".join(_WORDS[digit] if in_words else str(digit) for digit, in_words in said)
    expected = "+316" + subscriber
    found = number(f"{before}nul 6 {spoken}{after}", "NL")
    # 06 6 are pagers and 06 7, 06 9 are no mobiles: whatever it is, it is what was said.
    assert found is None or found == ("06" + subscriber, expected)
    if subscriber[0] in "12345" and not subscriber.endswith("1"):
        assert found is not None


@pytest.mark.parametrize(
    ("written", "numbers"),
    [
        ("liever op 06 1234 5678", {"+31612345678"}),
        ("Bel mij na 17.00 op 06-12345678 aub", {"+31612345678"}),
        ("24-11 06 12345678", {"+31612345678"}),
        ("mijn vaste lijn: (020) 123 45 67.", {"+31201234567"}),
        ("+32 475 12 34 56 of 0032475123457", {"+32475123456", "+32475123457"}),
        ("zaak 2026-001234, na 10.30 uur", set()),
        ("op 24-11-2026", set()),
    ],
)
def test_a_number_is_found_in_what_somebody_wrote(written: str, numbers: set[str]) -> None:
    assert named(written, "NL") == numbers
