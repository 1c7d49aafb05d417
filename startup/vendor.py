"""Which browser libraries are copied into the product, and how are the copies refreshed?

    python -m startup.vendor            say whether the copies are what npm published
    python -m startup.vendor --refresh  fetch them again, after a version here was changed

A refresh asks npm, which checks the package against the registry's integrity; the sums of the files that we
keep are written beside them, so that a copy that somebody edited is found without a network.
"""

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / "app" / "static" / "vendor"
RECORD = "vendored.json"


@dataclass(frozen=True)
class Library:
    """A package on npm, and which of its files are kept, by the name under which they are kept."""

    folder: str
    package: str
    version: str
    licence: str
    files: Mapping[str, str]


LIBRARIES = (
    Library(
        folder="twilio-voice-sdk",
        package="@twilio/voice-sdk",
        version="2.18.5",
        licence="Apache-2.0, with parts under BSD-3-Clause and MIT: LICENSE.md",
        files={"twilio.min.js": "dist/twilio.min.js", "LICENSE.md": "LICENSE.md"},
    ),
)


class NotAsPublished(Exception):
    """A copy differs from what was published; the message names the file and the mend."""


def refresh(library: Library) -> None:
    """Replace a library's folder by what npm has of its version."""
    with tempfile.TemporaryDirectory() as scratch:
        asked = f"{library.package}@{library.version}"
        packed = subprocess.run(
            ["npm", "pack", "--silent", "--json", asked],
            cwd=scratch, check=True, capture_output=True, text=True,
        )  # fmt: skip
        told = json.loads(packed.stdout)[0]
        with tarfile.open(Path(scratch) / told["filename"]) as archive:
            archive.extractall(scratch, filter="data")
        folder = VENDOR / library.folder
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for name, inside in library.files.items():
            shutil.copyfile(Path(scratch) / "package" / inside, folder / name)
    record = {
        "package": library.package,
        "version": library.version,
        "licence": library.licence,
        "integrity": told["integrity"],
        "sha256": {name: _sha256(folder / name) for name in library.files},
    }
    (folder / RECORD).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def check(library: Library) -> None:
    """Compare the copies with the sums beside them. Raises NotAsPublished."""
    folder = VENDOR / library.folder
    mend = "`python -m startup.vendor --refresh` fetches it again"
    if not (folder / RECORD).is_file():
        raise NotAsPublished(f"{folder.name}: there is no copy; {mend}")
    record = json.loads((folder / RECORD).read_text(encoding="utf-8"))
    if record["version"] != library.version:
        raise NotAsPublished(f"{folder.name}: the copy is {record['version']}, not {library.version}; {mend}")
    for name in library.files:
        if not (folder / name).is_file() or _sha256(folder / name) != record["sha256"][name]:
            raise NotAsPublished(f"{folder.name}/{name} is not what was published; {mend}")


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def main() -> None:
    """Refresh or check every library, a line each."""
    parser = argparse.ArgumentParser(prog="python -m startup.vendor", description=__doc__.splitlines()[0])
    parser.add_argument("--refresh", action="store_true", help="fetch the libraries from npm again")
    wanted = parser.parse_args()
    for library in LIBRARIES:
        try:
            if wanted.refresh:
                refresh(library)
            check(library)
        except (NotAsPublished, OSError, subprocess.CalledProcessError) as error:
            sys.exit(str(error))
        print(f"{library.package} {library.version}: as published")


if __name__ == "__main__":
    main()
