"""How does a file open in an office? In the columns and letters that its spreadsheet expects, no formula."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from babel import Locale, UnknownLocaleError

# A spreadsheet takes a cell that begins so for a formula; a telephone number does. The wide forms are those
# of keyboards in East Asia. https://owasp.org/www-community/attacks/CSV_Injection
_SIGNS = "=+\\-@\t\r＝＋－＠"  # they are meant
# Opened with another separator, or with its quotes lost, a cell begins in the middle of one of ours.
_BEGINS_FORMULA = re.compile(rf"""(^|[,;|:\t"'\r\n])([ \u00a0]*)(?=[{_SIGNS}])""")


@dataclass(frozen=True)
class Form:
    """How rows are written. `mark` goes before the first: by it Excel knows that the file is UTF-8."""

    separator: str
    mark: str = ""

    def lines(self, rows: Iterable[Sequence[object]]) -> str:
        """Return the rows as text, none of their cells a formula however the file is opened."""
        text = io.StringIO()
        csv.writer(text, delimiter=self.separator).writerows(
            [safe_cell(cell) for cell in row] for row in rows
        )
        return text.getvalue()


PLAIN = Form(",")


def for_office(language: str, country: str) -> Form:
    """Return the form that a spreadsheet opens by itself: with semicolons where a comma is in numbers."""
    try:
        decimal = Locale(language, country).number_symbols["latn"]["decimal"]
    except (UnknownLocaleError, KeyError):
        decimal = ","
    return Form("," if decimal == "." else ";", "\ufeff")


def safe_cell(value: object) -> str:
    """Return a value as text; an apostrophe stands before whatever a spreadsheet would reckon with."""
    return _BEGINS_FORMULA.sub(r"\1\2'", str(value))
