"""Are the packages that are installed the ones that were published? Hashes for each pinned release.

    python3 startup/pins.py            write them, as the package index gives them
    python3 startup/pins.py --check    say what is pinned without hashes or in two ways; asks nobody
    python3 startup/pins.py --strip    take them out, to read or to merge the files

Run it after a number was changed in one of the requirements files. pip is asked, so the index, certificate
and password are those of its environment and its pip.conf; further indexes and folders of wheels are left
aside, since what they hold may have been built anew. The hashes are of all files of a release, so that the
same lines install on every machine and Python that there are files for.
"""

import argparse
import os
import re
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT)]

from startup import venv  # noqa: E402  (found only now: this file is run by itself)

FILES = venv.FILES["dev"]  # each holds the ones before it
_PIN = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*)(?:\[[\w,.-]+\])?==(?P<version>[^\s;\\]+)(?:\s*;[^\\]*)?")
_HASH = re.compile(r"\s*--hash=sha256:([0-9a-f]{64})\s*\\?\s*")
_ARCHIVE = re.compile(r"\.(?:tar\.gz|tar\.bz2|zip)$")


class Unpinned(Exception):
    """What can't be installed with hashes; each line says what to mend."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))


@dataclass(frozen=True)
class Pin:
    """One line of a requirements file."""

    name: str  # as an index spells it: lower case, with dashes
    version: str
    text: str  # the line without its hashes
    hashes: tuple[str, ...]


def normal(name: str) -> str:
    """Spell a name as indexes do: https://packaging.python.org/en/latest/specifications/name-normalization/"""
    return re.sub(r"[-_.]+", "-", name).lower()


def without_hashes(text: str) -> str:
    """Return a requirements file as people write it."""
    lines = [line.removesuffix("\\").rstrip() for line in text.splitlines() if not _HASH.fullmatch(line)]
    return "\n".join(lines) + "\n"


def with_hashes(text: str, hashes_of: Callable[[Pin], tuple[str, ...]]) -> str:
    """Return a requirements file with the hashes below each line; those it has make way."""
    lines = []
    for line in without_hashes(text).splitlines():
        pin = _read(line)
        more = [f"    --hash=sha256:{one}" for one in hashes_of(pin)] if pin else []
        lines.append(" \\\n".join([line, *more]))
    return "\n".join(lines) + "\n"


def pins_of(text: str) -> Iterator[Pin]:
    """Yield what a requirements file lists; hashes stand below the line that they are of."""
    current: Pin | None = None
    for line in text.splitlines():
        if (found := _HASH.fullmatch(line)) and current:
            current = Pin(current.name, current.version, current.text, (*current.hashes, found[1]))
            continue
        if current:
            yield current
        current = _read(line.removesuffix("\\").rstrip())
    if current:
        yield current


def _read(line: str) -> Pin | None:
    """Read a line without its hashes: None for a comment, an empty line or another file."""
    if not line.strip() or line.startswith(("#", "-r ")):
        return None
    found = _PIN.fullmatch(line)
    if found is None:
        raise Unpinned([f"“{line}” isn't pinned: write name==release"])
    return Pin(normal(found["name"]), found["version"], line, ())


def problems(root: Path) -> list[str]:
    """Say what is wrong with the files as they stand: no hashes, or one package in two ways."""
    found = []
    first: dict[str, tuple[str, Pin]] = {}
    for file in FILES:
        for pin in pins_of((root / file).read_text()):
            if not pin.hashes:
                found.append(f"{file}: {pin.text} has no hashes: make pins")
            if pin.name in first:
                elsewhere, other = first[pin.name]
                found.append(f"{file}: {pin.text}, but {elsewhere} has {other.text}: keep one of the two")
            first.setdefault(pin.name, (file, pin))
    return found


def write(root: Path, hashes_of: Callable[[Pin], tuple[str, ...]]) -> int:
    """Write the hashes into all files; return how many packages have some now."""
    texts = {file: (root / file).read_text() for file in FILES}
    pins = [pin for text in texts.values() for pin in pins_of(text)]
    with ThreadPoolExecutor(max_workers=4) as pool:
        found = dict(zip(pins, pool.map(hashes_of, pins), strict=True))
    by_line = {pin.text: hashes for pin, hashes in found.items()}
    if lost := [f"{pin.text}: the index has no such release" for pin in pins if not by_line[pin.text]]:
        raise Unpinned(lost)
    for file, text in texts.items():
        (root / file).write_text(with_hashes(text, lambda pin: by_line[pin.text]))
    return len(pins)


# --- what was published -----------------------------------------------------------------------------


@contextmanager
def the_index() -> Iterator[Callable[[Pin], tuple[str, ...]]]:
    """Lend what asks pip's index for the hashes of a release, sorted."""
    # pip has no command for it; these names have stood since pip 22.2, which first read JSON from an index.
    from pip._internal.commands import create_command
    from pip._internal.index.collector import LinkCollector
    from pip._internal.models.search_scope import SearchScope

    command: Any = create_command("download")
    options, _ = command.parse_args([])
    scope = SearchScope.create(find_links=[], index_urls=[options.index_url], no_index=False)
    with command.main_context():
        collector = LinkCollector(session=command.get_default_session(options), search_scope=scope)
        yield lambda pin: tuple(
            sorted({link.hash for link in _links(collector, pin) if link.hash_name == "sha256"})
        )


def _links(collector: Any, pin: Pin) -> Iterator[Any]:
    from pip._internal.index.collector import parse_links
    from pip._internal.models.link import Link

    (address,) = collector.search_scope.get_index_urls_locations(pin.name)
    page = collector.fetch_response(Link(address))
    for link in parse_links(page) if page else ():
        if is_of(link.filename, pin):
            yield link


def is_of(filename: str, pin: Pin) -> bool:
    """Whether a file is of the pinned release: `av-18.1.0-cp311-abi3-win_amd64.whl`, `av-18.1.0.tar.gz`."""
    if filename.endswith(".whl"):
        name, version = filename.split("-")[:2]
    elif _ARCHIVE.search(filename):
        name, _, version = _ARCHIVE.sub("", filename).rpartition("-")
    else:
        return False
    return normal(name) == pin.name and version == pin.version


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true")
    what.add_argument("--strip", action="store_true")
    arguments = parser.parse_args()
    try:
        if arguments.check:
            found = problems(ROOT)
            print("\n".join(found) or "everything is pinned to what was published", file=sys.stderr)
            return bool(found)
        if arguments.strip:
            for file in FILES:
                (ROOT / file).write_text(without_hashes((ROOT / file).read_text()))
            return 0
        try:
            import pip  # noqa: F401  (whether this Python has it)
        except ImportError:
            return _again_where_pip_is()
        with the_index() as hashes_of:
            print(f"{write(ROOT, hashes_of)} packages are pinned to what was published")
        return 0
    except (Unpinned, venv.CannotInstall) as problem:
        print(problem, file=sys.stderr)
        return 1


def _again_where_pip_is() -> int:
    """Run this once more in `.venv`, which always has pip, also where the system's Python has none."""
    python = venv.with_pip(ROOT)
    os.execv(python, [str(python), __file__])


if __name__ == "__main__":
    sys.exit(main())
