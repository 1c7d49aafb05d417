"""Does a command start with what it needs and no more?"""

import subprocess
import sys
from importlib import import_module

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


def test_help_is_there_before_the_application_is() -> None:
    asked = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "flask", "--app", "wsgi", "--help"],
        env=clean_environment(),
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )

    assert set(COMMANDS) <= {line.split()[0] for line in asked.stdout.splitlines() if line.strip()}
    imported = {line.rpartition("|")[2].strip().partition(".")[0] for line in asked.stderr.splitlines()}
    assert imported & HEAVY == set()
