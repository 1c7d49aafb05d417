"""Does a command start with what it needs and no more?"""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import click
import pytest

from app.cli import COMMANDS
from tests.parts import ROOT, clean_environment

# What takes long to import, and nobody needs who asks which commands there are.
HEAVY = {"sqlalchemy", "pydantic", "twilio", "requests", "babel", "alembic", "redis"}


@pytest.mark.parametrize("name", COMMANDS)
def test_the_list_says_of_each_command_what_it_says_itself(name: str) -> None:
    module, attribute, about = COMMANDS[name]
    command: click.Command = getattr(import_module(module), attribute)

    assert about == " ".join((command.help or "").partition("\n\n")[0].split())


# What a load has no use for, on SQLite even less.
NOT_OF_A_LOAD = {"redis", "twilio", "requests", "babel", "holidays", "prometheus_client", "psycopg"}


def test_help_is_there_before_the_application_is() -> None:
    said, imported = asked("--help")

    assert set(COMMANDS) <= {line.split()[0] for line in said.splitlines() if line.strip()}
    assert imported & HEAVY == set()


def test_whoever_loads_a_file_waits_for_nothing_that_a_load_has_no_use_for(tmp_path: Path) -> None:
    file = tmp_path / "customers.csv"
    file.write_text("customer,name,phones,language,postcode,tags\nc1,Ada Vos,06 12345678,nl,1234 AB,wmo\n")
    database = {"DATABASE_URL": f"sqlite:///{tmp_path / 'town.db'}"}
    asked("db", "upgrade", **database)

    said, imported = asked("load", "customers", str(file), **database)

    assert "1 loaded" in said
    assert imported & NOT_OF_A_LOAD == set()


def asked(*words: str, **settings: str) -> tuple[str, set[str]]:
    """Return what a command said, and the names of all that was imported for it."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "flask", "--app", "wsgi", *words],
        env=clean_environment() | settings,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    lines = (line for line in done.stderr.splitlines() if line.startswith("import time:"))
    return done.stdout, {line.rpartition("|")[2].strip().partition(".")[0] for line in lines}
