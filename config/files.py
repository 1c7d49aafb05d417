"""Which settings stand in files? In development: `.env`, and what `make run` made up, beneath the shell."""

import os
import shlex
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# The first that names a setting wins. The last two are written by `make run`: where it runs, and its secrets.
DEVELOPMENT_FILES = (".env", "var/running.env", "var/development.env")


class BadLine(Exception):
    """A line of a settings file can't be read; the message names file and line."""


def read_file(file: Path) -> dict[str, str]:
    """Read `NAME=value` lines: quotes as in a shell, `#` begins a comment, `export` is allowed.

    A file that is not there is empty. Raises BadLine.
    """
    if not file.exists():
        return {}
    settings = {}
    for number, line in enumerate(file.read_text("utf-8").splitlines(), start=1):
        try:
            words = shlex.split(line, comments=True)
        except ValueError as error:
            raise BadLine(f"{file}, line {number}: {error}") from error
        if words[:1] == ["export"]:
            words = words[1:]
        if not words:
            continue
        name, equals, value = words[0].partition("=")
        if len(words) > 1 or not equals or not name.isidentifier():
            raise BadLine(
                f"{file}, line {number}: write NAME=value; a value with spaces in it between quotes"
            )
        settings[name] = value
    return settings


def environment(root: Path = ROOT) -> dict[str, str]:
    """Return the process's environment; in development with the settings of files beneath it.

    So a command typed beside `make run` speaks to what runs. Raises BadLine.
    """
    shell = {name: value for name, value in os.environ.items() if value}
    beneath: dict[str, str] = {}
    if shell.get("ENV", "development") == "development":
        for name in reversed(DEVELOPMENT_FILES):
            beneath |= read_file(root / name)
    return beneath | shell
