"""Does a file open in an office as it should, and never reckon?"""

import csv
import io
import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.admin.office_file import PLAIN, Form, for_office, safe_cell

SIGNS = "=+-@\t\r"


@pytest.mark.parametrize(
    ("language", "country", "separator"),
    [
        ("nl", "NL", ";"),
        ("en", "NL", ";"),
        ("nl", "BE", ";"),
        ("en", "GB", ","),
        ("en", "US", ","),
        ("nl", "DE", ";"),
        ("nl", "ZZ", ";"),
    ],
)
def test_cells_are_separated_as_the_countrys_spreadsheets_expect(
    language: str, country: str, separator: str
) -> None:
    assert for_office(language, country) == Form(separator, "\ufeff")


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize(
    "before", ["", " ", "  ", "a;", "a,", "a\t", "a|", 'a"', "a'", "a\n", "a\r\n", "a; ", 'a,"']
)
def test_whatever_would_be_reckoned_with_is_text(before: str, sign: str) -> None:
    cell = safe_cell(f"{before}{sign}1+1")
    assert f"'{sign}1+1" in cell
    assert cell.replace("'", "") == f"{before}{sign}1+1".replace("'", ""), "and nothing else of it changes"


@pytest.mark.parametrize("text", ["Café de Zon", "a-b", "1+1", "ada@example.nl", "10:30", "", "Jan - Piet"])
def test_ordinary_words_stay_as_they_are(text: str) -> None:
    assert safe_cell(text) == text


@given(
    st.lists(st.text(alphabet=SIGNS + "ab ,;'\"\n|", max_size=12), min_size=1, max_size=4),
    st.sampled_from([PLAIN, Form(";", "\ufeff")]),
)
def test_opened_with_whatever_separator_no_cell_begins_a_formula(cells: list[str], form: Form) -> None:
    written = form.lines([cells])
    for separator, quotes in itertools.product(",;\t|", (csv.QUOTE_MINIMAL, csv.QUOTE_NONE)):
        for row in csv.reader(io.StringIO(written, newline=""), delimiter=separator, quoting=quotes):
            for cell in row:
                # Quotes that another reader leaves standing are no part of what it reckons with.
                begins = cell.strip(' "\u00a0')[:1]
                assert begins not in set("=+-@"), (cell, written)
