"""Is a number understood, however it is said?"""

import pytest

from app.callers.spoken_numbers import digits


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
