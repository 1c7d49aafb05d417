"""What does a spreadsheet hold? Read in a process of its own, which may take so much memory and no more.

    python sheet_reader.py < file > CSV

A file of a few kilobytes can ask for a sheet of billions of cells, and a reader that is refused the memory
takes its whole process along: that must not be the one that answers calls. So this imports nothing of the
application. Ends with 1 when the file can't be read, and with 2 when it holds too much.
"""

import csv
import io
import sys
from datetime import date, datetime, time

MOST_MEMORY = 768 * 1024 * 1024
MOST_ROWS = 20_000


def cell(value: object) -> str:
    """Return a cell as text has it: whole numbers without a point, days and times in ISO 8601."""
    match value:
        case bool():
            return str(value).lower()
        case float() if value.is_integer():
            return str(int(value))
        case datetime() | date() | time():
            return value.isoformat()
        case _:
            return str(value)


def main() -> int:
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    except (ImportError, ValueError, OSError):
        pass  # not on every system; whoever started us waits for so long and no longer
    from python_calamine import CalamineError, load_workbook

    try:
        sheet = load_workbook(io.BytesIO(sys.stdin.buffer.read())).get_sheet_by_index(0)
        if sheet.total_height > MOST_ROWS:
            return 2
        rows = sheet.to_python(skip_empty_area=False)
    except (CalamineError, ValueError, OSError):
        return 1
    with io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="") as text:
        csv.writer(text).writerows([cell(value) for value in row] for row in rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
