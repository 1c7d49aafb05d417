"""Is everything installed that a command needs? Runs before anything is: the standard library only.

    python3 startup/venv.py run|dev

builds `.venv` and installs `requirements-run.txt` or `requirements-dev.txt` into it, or does nothing when
that has been done for exactly these files.
"""

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import urllib.parse
import urllib.request
from pathlib import Path

OLDEST_PYTHON = (3, 11)
FILES = {
    "run": ("requirements.txt", "requirements-run.txt"),
    "dev": ("requirements.txt", "requirements-run.txt", "requirements-dev.txt"),
}
# What isn't the file that was published isn't installed: startup/pins.py writes what it is held against.
HASHES = "--require-hashes"
PIP_INSTALL = ("install", "--quiet", "--no-compile", "--disable-pip-version-check")


class CannotInstall(Exception):
    """Something that only the person at the keyboard can mend; the message says how."""


def fingerprint(root: Path, kind: str) -> str:
    """Return what changes whenever one of the files that `kind` installs does."""
    digest = hashlib.sha256()
    for name in FILES[kind]:
        digest.update((root / name).read_bytes())
    return digest.hexdigest()[:16]


def is_installed(root: Path, venv: Path, kind: str) -> bool:
    """Whether `venv` holds what `kind` lists now, and its Python is still there."""
    if not _python(venv).exists():
        return False
    return _stamp(venv, kind).exists() and _stamp(venv, kind).read_text() == fingerprint(root, kind)


def ensure(root: Path, kind: str) -> None:
    """Make `.venv` under `root` hold what `kind` needs. Raises CannotInstall."""
    venv = root / ".venv"
    if is_installed(root, venv, kind):
        return
    with_pip(root)
    print(f"installing what {FILES[kind][-1]} lists (once; about half a minute) …", flush=True)
    command = [str(_python(venv)), "-m", "pip", *PIP_INSTALL, HASHES, "-r", str(root / FILES[kind][-1])]
    if subprocess.run(command, check=False).returncode:
        raise CannotInstall(
            f"{FILES[kind][-1]} could not be installed: see pip's message above. "
            "Without a network, set PIP_FIND_LINKS to a folder with the packages as they were published. "
            "After a number in the file was changed: make pins."
        )
    done = ("run", "dev") if kind == "dev" else ("run",)
    for installed in done:
        _stamp(venv, installed).write_text(fingerprint(root, installed))


def with_pip(root: Path) -> Path:
    """Return the Python of `.venv`, which has pip; it is made where there is none. Raises CannotInstall."""
    venv = root / ".venv"
    if not _works(venv):
        _build(venv)
    return _python(venv)


def _stamp(venv: Path, kind: str) -> Path:
    return venv / f"installed-{kind}"


def _python(venv: Path) -> Path:
    return venv / "bin" / "python"


def _works(venv: Path) -> bool:
    """Whether it runs and has pip: an aborted attempt leaves rubbish, and an upgraded Python a dead link."""
    question = "import sys, pip; sys.exit(sys.version_info < (3, 11))"
    try:
        return (
            subprocess.run([_python(venv), "-c", question], capture_output=True, check=False).returncode == 0
        )
    except OSError:
        return False


def _build(venv: Path) -> None:
    """Build the virtual environment with the first of three ways that this machine allows."""
    for way in (_with_ensurepip, _with_the_systems_pip, _with_a_fetched_pip):
        shutil.rmtree(venv, ignore_errors=True)
        if way(venv) and _works(venv):
            return
    shutil.rmtree(venv, ignore_errors=True)
    raise CannotInstall(
        f"{sys.executable} can't make a virtual environment, and pip can't be fetched. "
        "On Debian or Ubuntu: apt-get install python3-venv"
    )


def _with_ensurepip(venv: Path) -> bool:
    return _succeeds([sys.executable, "-m", "venv", str(venv)])


def _with_the_systems_pip(venv: Path) -> bool:
    """Debian without python3-venv: its own pip can install into an environment that has none."""
    target = ("--python", str(_python(venv)))
    return _succeeds([sys.executable, "-m", "venv", "--without-pip", str(venv)]) and _succeeds(
        [sys.executable, "-m", "pip", *target, *PIP_INSTALL, "pip", "setuptools"]
    )


def _with_a_fetched_pip(venv: Path) -> bool:
    """Neither python3-venv nor python3-pip: a wheel of pip can be run as it is, and installs itself."""
    if not _succeeds([sys.executable, "-m", "venv", "--without-pip", str(venv)]):
        return False
    try:
        wheel = venv / _fetch_pip(venv)
    except (OSError, ValueError, LookupError):
        return False
    return _succeeds([str(_python(venv)), str(wheel / "pip"), *PIP_INSTALL, "--no-index", str(wheel)])


def _fetch_pip(folder: Path) -> str:
    """Fetch pip's newest wheel from the package index into `folder`, check its SHA-256, return its name."""
    index = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple").rstrip("/")
    request = urllib.request.Request(
        f"{index}/pip/", headers={"Accept": "application/vnd.pypi.simple.v1+json"}
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        page = json.load(io.TextIOWrapper(answer, "utf-8"))
        base = answer.geturl()
    wheels = [file for file in page["files"] if file["filename"].endswith(".whl") and not file.get("yanked")]
    newest = max(wheels, key=lambda file: _version(file["filename"]))
    with urllib.request.urlopen(urllib.parse.urljoin(base, newest["url"]), timeout=60) as answer:
        content = answer.read()
    if hashlib.sha256(content).hexdigest() != newest["hashes"]["sha256"]:
        raise ValueError("what arrived is not what the index announced")
    (folder / newest["filename"]).write_bytes(content)
    return str(newest["filename"])


def _version(filename: str) -> tuple[int, ...]:
    """`pip-26.0.1-py3-none-any.whl` -> (26, 0, 1); pre-releases sort below everything."""
    parts = filename.split("-")[1].split(".")
    return tuple(int(part) for part in parts) if all(part.isdigit() for part in parts) else (0,)


def _succeeds(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def main() -> int:
    if sys.version_info < OLDEST_PYTHON:
        print(
            f"Python 3.11 or newer is needed; {sys.executable} is {sys.version.split()[0]}. "
            "Name another one: make PYTHON=python3.12 …",
            file=sys.stderr,
        )
        return 1
    if len(sys.argv) != 2 or sys.argv[1] not in FILES:
        print("usage: python3 startup/venv.py run|dev", file=sys.stderr)
        return 2
    try:
        ensure(Path(__file__).resolve().parent.parent, sys.argv[1])
    except CannotInstall as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
