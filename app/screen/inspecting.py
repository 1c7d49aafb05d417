"""What is this file really? Judged by its content alone, in a process of its own with little time and memory.

Run by itself, as app/screen/uploads.py does: bytes in, one line of JSON out and the bytes to keep. It knows
nothing of ours: no settings, no database. Photos are drawn anew, so that nothing of the file but what can be
seen comes through; of a PDF, which may be signed, the bytes stay, and what could act in it is refused.
"""

import io
import json
import re
import sys
import warnings
from contextlib import suppress
from typing import Any

from PIL import Image, ImageOps
from pypdf import PasswordType, PdfReader
from pypdf.generic import ArrayObject, DictionaryObject, IndirectObject, StreamObject

MEMORY_BYTES = 1536 * 1024 * 1024  # a photo of fifty megapixels, unpacked, with the library around it
CPU_SECONDS = 20

MOST_BYTES = 10 * 1024 * 1024
MOST_PIXELS = {"JPEG": 50_000_000, "PNG": 25_000_000}
LONGEST_SIDE = 4096  # what is kept: a page of paper stays readable
DRAFT_SIDE = 2500  # a JPEG is unpacked at a half or a quarter while both sides stay above this
# A progressive JPEG comes in some ten; each is worked through over the whole picture.
MOST_SCANS = 60
MOST_PAGES = 200
MOST_OBJECTS = 60_000
MOST_DEEP = 50
ARCHIVE_TAIL = 66_000  # a ZIP is known by what stands this near its end
QUALITIES = (88, 75, 50)  # the first that is small enough
JPEG, PNG, PDF = "image/jpeg", "image/png", "application/pdf"

# What acts by itself, or carries something else along.
_ACTS = frozenset(
    {
        *("/JavaScript", "/Launch", "/ImportData", "/SubmitForm", "/GoToR", "/GoToE"),
        *("/Rendition", "/Movie", "/Sound", "/GoTo3DView", "/RichMediaExecute"),
    }
)
_CARRIES = frozenset({"/JS", "/EF", "/EmbeddedFiles", "/RichMediaContent", "/RichMediaSettings", "/XFA"})
# The same as they stand in the file, wherever: a reader that repairs a file finds what no table leads to.
_IN_BYTES = re.compile(
    rb"/(?:JavaScript|Launch|ImportData|SubmitForm|EmbeddedFile|RichMedia|Rendition|GoToE)"
)
# A name's letters may be written by their numbers.
_BY_NUMBER = re.compile(rb"#([0-9A-Fa-f]{2})")


class Refused(Exception):
    """It isn't kept; `why` is a code of the catalogue, beside.upload_…."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def inspect(data: bytes) -> tuple[str, bytes]:
    """Return what a file is, and the bytes to keep. Raises Refused."""
    if not data:
        raise Refused("empty")
    if len(data) > MOST_BYTES:
        raise Refused("large")
    if data.startswith(b"\xff\xd8\xff"):
        return _picture(data, "JPEG")
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return _picture(data, "PNG")
    if data.startswith(b"%PDF-"):
        return PDF, _document(data)
    raise Refused("kind")


def _picture(data: bytes, kind: str) -> tuple[str, bytes]:
    if kind == "JPEG" and data.count(b"\xff\xda") > MOST_SCANS:
        raise Refused("broken")
    try:
        # The library's own bound warns first; ours is lower, and told below.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            # Several pictures in one, as some telephones make: the first.
            with Image.open(io.BytesIO(data), formats=(kind, "MPO") if kind == "JPEG" else (kind,)) as found:
                if found.width * found.height > MOST_PIXELS[kind]:
                    raise Refused("pixels")
                if kind == "JPEG":
                    found.draft("RGB", (DRAFT_SIDE, DRAFT_SIDE))
                found.load()
                drawn = ImageOps.exif_transpose(found)
    except Refused:
        raise
    except Image.DecompressionBombError as error:
        raise Refused("pixels") from error
    except Exception as error:
        raise Refused("broken") from error
    return _drawn_anew(drawn, kind)


def _drawn_anew(picture: Image.Image, kind: str) -> tuple[str, bytes]:
    """Return nothing but the pixels: no place, no maker, no text, and nothing behind the end."""
    is_png = kind == "PNG"
    has_alpha = is_png and ("A" in picture.getbands() or "transparency" in picture.info)
    plain = picture.convert("RGBA" if has_alpha else "RGB")
    plain.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    clean = Image.new(plain.mode, plain.size)
    clean.paste(plain)
    out = io.BytesIO()
    if is_png:
        clean.save(out, "PNG", compress_level=3)
        if out.tell() <= MOST_BYTES:
            return PNG, out.getvalue()
    for quality in QUALITIES:
        out = io.BytesIO()
        clean.convert("RGB").save(out, "JPEG", quality=quality)
        if out.tell() <= MOST_BYTES:
            break
    return JPEG, out.getvalue()


def _document(data: bytes) -> bytes:
    end = data.rfind(b"%%EOF")
    # Behind the end of a PDF there is nothing, and none is an archive as well.
    if end < 0 or data[end + 5 :].strip(b"\r\n \t\x00") or b"PK\x05\x06" in data[-ARCHIVE_TAIL:]:
        raise Refused("broken")
    _is_harmless_as_bytes(data)
    try:
        reader = PdfReader(io.BytesIO(data), strict=False)
        if reader.is_encrypted and reader.decrypt("") == PasswordType.NOT_DECRYPTED:
            raise Refused("locked")
        if not 0 < len(reader.pages) <= MOST_PAGES:
            raise Refused("pages")
        _look_through(reader)
    except Refused:
        raise
    except Exception as error:
        raise Refused("broken") from error
    return data


def _look_through(reader: PdfReader) -> None:
    """Look at every object of the file, whether or not a page leads to it."""
    wanted = {(number, 0) for number in range(1, min(int(str(reader.trailer["/Size"])), MOST_OBJECTS + 1))}
    wanted |= {(number, generation) for generation, of in reader.xref.items() for number in of}
    wanted |= {(number, 0) for number in reader.xref_objStm}
    if len(wanted) > MOST_OBJECTS:
        raise Refused("broken")
    _is_harmless(reader.trailer, 0)
    for number, generation in sorted(wanted):
        found = None
        # Numbers that no object has are no fault.
        with suppress(Exception):
            found = reader.get_object(IndirectObject(number, generation, reader))
        if isinstance(found, StreamObject) and str(found.get("/Type")) == "/ObjStm":
            # Objects within, packed; the library refuses to unpack too much.
            _is_harmless_as_bytes(found.get_data())
        if found is not None:
            _is_harmless(found, 0)


def _is_harmless_as_bytes(data: bytes) -> None:
    if _IN_BYTES.search(_BY_NUMBER.sub(lambda one: bytes([int(one[1], 16)]), data)):
        raise Refused("acts")


def _is_harmless(value: Any, depth: int) -> None:
    if depth > MOST_DEEP:
        raise Refused("broken")
    if isinstance(value, DictionaryObject):
        # Past its own reading, which follows what is elsewhere in the file: that comes by itself.
        for name, inner in dict.items(value):
            if name in _CARRIES or (name == "/S" and str(inner) in _ACTS):
                raise Refused("acts")
            if name in ("/Type", "/Subtype") and str(inner) in ("/EmbeddedFile", "/RichMedia", "/3D"):
                raise Refused("acts")
            if not isinstance(inner, IndirectObject):
                _is_harmless(inner, depth + 1)
    elif isinstance(value, ArrayObject):
        for inner in list.__iter__(value):
            if not isinstance(inner, IndirectObject):
                _is_harmless(inner, depth + 1)


def _hold_back() -> None:
    """Take little, whatever the file makes the libraries do."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    _hold_back()
    kept = b""
    try:
        kind, kept = inspect(sys.stdin.buffer.read(MOST_BYTES + 1))
        said = {"type": kind}
    except Refused as refused:
        said = {"why": refused.why}
    except (MemoryError, RecursionError):
        said = {"why": "broken"}
    sys.stdout.buffer.write(json.dumps(said).encode() + b"\n" + kept)


if __name__ == "__main__":
    main()
