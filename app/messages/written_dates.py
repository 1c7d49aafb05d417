"""May a message name a date with figures? “24-11”, “op 10.12”, “24/11/2026” look like times, and aren't."""

import re

_UNIT = r"(?:uur|u|h|am|pm|o'?clock)\b"
# Day and month, or month and day; a year may follow. “10-12.30” goes on as a time does.
_FIGURES = re.compile(
    r"(?P<before>\b(?:om|at) ?)?(?<![\d.:])(?P<first>\d{1,2})(?P<sign> ?[-–/] ?|\.)(?P<second>\d{1,2})"
    rf"(?P<year>(?: ?[-–/] ?|\.)\d{{2,4}})?(?!\d|[:.]\d)(?P<unit> ?{_UNIT})?"
)
# The last hour of a day stands alone less often than the day before Christmas.
_ALONE = re.compile(rf"(?<![\d.:])24(?![\d.:]| ?{_UNIT})")


def may_be_named(words: str) -> bool:
    """Tell whether figures in these words, in small letters, may be a date; what says “uur” is a time.

    “9-17” and “14.30” are times, since there is no such month; “10.12” and “9-12” may be either.
    """
    return _ALONE.search(words) is not None or any(_may_be_date(one) for one in _FIGURES.finditer(words))


def _may_be_date(found: "re.Match[str]") -> bool:
    first, second = int(found["first"]), int(found["second"])
    sign = found["sign"].strip()
    if sign == "/" or found["year"]:
        return True
    if found["unit"] or (sign == "." and found["before"]):
        return False
    return 1 <= first <= 31 and 1 <= second <= 12
