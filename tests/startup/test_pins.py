"""Is what gets installed held against what was published, line by line?"""

import subprocess
import sys
import zipfile
from itertools import pairwise
from pathlib import Path

import pytest

from startup import pins, venv
from startup.pins import Pin, Unpinned
from tests.parts import ROOT

TEXT = """\
# Web
-r others.txt

Flask==3.1.3
psycopg[binary]==3.3.9
uvloop==0.23.0; sys_platform != "win32" and platform_python_implementation == "CPython"

# Tools
typing_extensions==4.16.0
"""
A, B = "a" * 64, "b" * 64


def hashed(pin: Pin) -> tuple[str, ...]:
    return (A, B)


def test_every_requirement_has_its_hashes_and_is_pinned_in_one_way() -> None:
    assert pins.problems(ROOT) == []


def test_each_file_brings_the_one_before_it() -> None:
    for before, file in pairwise(pins.FILES):
        assert f"-r {before}\n" in (ROOT / file).read_text()


def test_hashes_stand_below_each_line_and_come_off_again() -> None:
    text = pins.with_hashes(TEXT, hashed)

    assert f"Flask==3.1.3 \\\n    --hash=sha256:{A} \\\n    --hash=sha256:{B}\npsycopg[binary]" in text
    assert f'"CPython" \\\n    --hash=sha256:{A} \\' in text
    assert [(one.name, one.version, one.hashes) for one in pins.pins_of(text)] == [
        ("flask", "3.1.3", (A, B)),
        ("psycopg", "3.3.9", (A, B)),
        ("uvloop", "0.23.0", (A, B)),
        ("typing-extensions", "4.16.0", (A, B)),
    ]
    assert pins.without_hashes(text) == TEXT
    assert pins.with_hashes(text, hashed) == text, "once more changes nothing"


@pytest.mark.parametrize("line", ["Flask", "Flask>=3", "Flask==3.*, <4", "git+https://example.nl/flask.git"])
def test_what_is_not_pinned_is_named(line: str) -> None:
    with pytest.raises(Unpinned, match="isn't pinned: write name==release"):
        list(pins.pins_of(f"{line}\n"))


def files(folder: Path, production: str, run: str = "", dev: str = "") -> Path:
    for name, text in zip(pins.FILES, (production, run, dev), strict=True):
        (folder / name).write_text(text)
    return folder


def test_a_line_without_hashes_and_a_package_in_two_ways_are_found(tmp_path: Path) -> None:
    files(tmp_path, "Flask==3.1.3\n", f"flask==3.1.2 \\\n    --hash=sha256:{A}\n")

    assert pins.problems(tmp_path) == [
        "requirements.txt: Flask==3.1.3 has no hashes: make pins",
        "requirements-run.txt: flask==3.1.2, but requirements.txt has Flask==3.1.3: keep one of the two",
    ]


def test_hashes_that_were_there_make_way_and_a_release_that_never_was_changes_nothing(tmp_path: Path) -> None:
    before = f"Flask==3.1.3 \\\n    --hash=sha256:{B}\n"
    files(tmp_path, before, dev="pytest==9.2.0\n")

    with pytest.raises(Unpinned, match=r"^pytest==9\.2\.0: the index has no such release$"):
        pins.write(tmp_path, lambda pin: (A,) if pin.name == "flask" else ())
    assert (tmp_path / "requirements.txt").read_text() == before

    assert pins.write(tmp_path, lambda pin: (A,)) == 2
    assert (tmp_path / "requirements.txt").read_text() == before.replace(B, A)
    assert pins.problems(tmp_path) == []


@pytest.mark.parametrize(
    ("filename", "is_ours"),
    [
        ("aiohttp_retry-2.9.1-py3-none-any.whl", True),
        ("aiohttp_retry-2.9.1.tar.gz", True),
        ("aiohttp-retry-2.9.1.zip", True),
        ("aiohttp_retry-2.9.1-1-cp311-cp311-manylinux_2_17_x86_64.whl", True),
        ("aiohttp_retry-2.9.10.tar.gz", False),
        ("aiohttp_retry-2.9.1.dev0-py3-none-any.whl", False),
        ("aiohttp-2.9.1.tar.gz", False),
        ("aiohttp_retry-2.9.1.exe", False),
        ("aiohttp_retry-2.9.1.tar.gz.asc", False),
    ],
)
def test_files_of_other_releases_are_left_aside(filename: str, is_ours: bool) -> None:
    assert pins.is_of(filename, Pin("aiohttp-retry", "2.9.1", "", ())) is is_ours


def test_pip_asks_the_index_that_it_was_given_in_whatever_form_that_answers(tmp_path: Path) -> None:
    """An index in its oldest form, which tells a hash behind each link."""
    index = tmp_path / "simple" / "thing"
    index.mkdir(parents=True)
    published = {"thing-1.0.tar.gz": A, "thing-1.0-py3-none-any.whl": B, "thing-2.0.tar.gz": "c" * 64}
    links = (f'<a href="../../{name}#sha256={one}">{name}</a>' for name, one in published.items())
    (index / "index.html").write_text(f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>")
    asking = (
        "from startup import pins\n"
        "with pins.the_index() as ask: print(*ask(pins.Pin('thing', '1.0', '', ())))"
    )

    done = subprocess.run(
        [sys.executable, "-c", asking],
        cwd=ROOT,
        env={"PIP_INDEX_URL": (tmp_path / "simple").as_uri(), "PATH": "", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.split() == [A, B]


def test_what_has_no_hash_is_not_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    files(tmp_path, "thing==1.0\n", "thing==1.0\n", "thing==1.0\n")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to(sys.executable)
    with zipfile.ZipFile(tmp_path / "thing-1.0-py3-none-any.whl", "w") as wheel:
        about = "thing-1.0.dist-info"
        wheel.writestr(f"{about}/METADATA", "Metadata-Version: 2.1\nName: thing\nVersion: 1.0\n")
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", "")
    for name, value in (("NO_INDEX", "1"), ("FIND_LINKS", str(tmp_path)), ("DRY_RUN", "1")):
        monkeypatch.setenv(f"PIP_{name}", value)

    with pytest.raises(venv.CannotInstall, match="make pins"):
        venv.ensure(tmp_path, "run")

    assert "Hashes are required" in capfd.readouterr().err
