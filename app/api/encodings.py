"""In which letters is a file written? UTF-8, or what a spreadsheet saves when nobody asks it for that."""

import re
from pathlib import Path

UTF_8 = "utf-8-sig"  # with or without a mark
UTF_16 = "utf-16"  # “Unicode text”, which begins with a mark
WINDOWS = "cp1252"  # “CSV”, in Western Europe

_AT_ONCE = 1 << 20
# A letter outside ASCII as UTF-8 has it; in Windows-1252 such pairs (“Ã©”) stand in no language.
_LETTER_OF_UTF_8 = re.compile(rb"[\xc2-\xf4][\x80-\xbf]")
_ACCENTED = re.compile(rb"[\xc0-\xff]")
# What Windows-1252 has no letter for, or letters so rare that another alphabet is likelier (Mac, DOS).
_UNLIKELY = re.compile(rb"[\x81\x83\x86-\x90\x95\x98-\x9f]")


def of_file(path: Path) -> str:
    """Return the encoding that a file is certainly in; UTF-8 in doubt, in which its rows are then refused.

    Only a file without a single letter of UTF-8 is read as Windows-1252: one that mixes the two would lose
    letters either way.
    """
    accented = False
    with path.open("rb") as file:
        before = b""
        while piece := file.read(_AT_ONCE):
            if not before and piece.startswith((b"\xff\xfe", b"\xfe\xff")):
                return UTF_16
            both = before[-1:] + piece
            if not both.isascii():
                if _LETTER_OF_UTF_8.search(both) or _UNLIKELY.search(both):
                    return UTF_8
                accented = accented or _ACCENTED.search(both) is not None
            before = piece
    return WINDOWS if accented else UTF_8
