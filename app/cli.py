"""What can an operator type? `flask --app wsgi …`.

The commands are imported when they are asked for, and what they stand on with them: whoever asks for help, or
loads a file, needs no page and no webhook.
"""

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import Any

import click
from flask import Flask
from flask.cli import AppGroup

from app import garbage
from config import Settings

# Each with what is said of it in the list of all: to know that, none has to be imported.
COMMANDS = {
    "audit": ("app.commands.audit", "audit_commands", "The log of who changed what, and who looked at whom."),
    "carrier": ("app.commands.carrier", "carrier_commands", "The telephone company."),
    "db": ("app.commands.database", "db_commands", "The database's shape."),
    "directory": (
        *("app.commands.directory", "directory_commands"),
        "Signing in at the organisation's own provider.",
    ),
    "doctor": (
        *("app.commands.doctor", "doctor"),
        "Check settings, database, Redis, workers, carrier, public address and clock.",
    ),
    "export": (
        "app.commands.export",
        "export_commands",
        "Write all that is known of one person to a ZIP file.",
    ),
    "erase": (
        *("app.commands.erase", "erase_commands"),
        "Forget somebody: it can't be taken back, and may be repeated.",
    ),
    "numbers": (
        *("app.commands.numbers", "number_commands"),
        "Numbers that are nobody's own: switchboards, and the like.",
    ),
    "hooks": ("app.commands.hooks", "hook_commands", "Other systems that are told what happens."),
    "load": (
        *("app.commands.load", "load_commands"),
        "Read records from CSV files; the same file again changes nothing.",
    ),
    "rules": ("app.commands.rules", "rules_commands", "The rules by which calls are routed."),
    "topics": ("app.commands.topics", "topics_commands", "What callers are about: packs, learning, a try."),
    "tokens": ("app.commands.people", "token_commands", "Other systems that may ask us."),
    "users": ("app.commands.getting_in", "user_commands", "People who may sign in."),
}
# What Flask itself brings needs the addresses of the whole application.
OF_FLASK = frozenset({"run", "routes", "shell"})


class _Command(click.Command):
    """A command of which no more is known than its name and a line, until somebody wants it done."""

    def __init__(self, name: str, begin: Callable[[], None]) -> None:
        self._module, self._attribute, about = COMMANDS[name]
        super().__init__(name, help=about)
        self._begin = begin

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        self._begin()
        if parent is not None:
            # Whatever the command does, a database that fails is told in words.
            parent.with_resource(import_module("app.commands.failures").database_errors_in_words())
        command: click.Command = getattr(import_module(self._module), self._attribute)
        garbage.process_stands()
        return command.make_context(info_name, args, parent=parent, **extra)


class _Commands(AppGroup):
    """https://click.palletsprojects.com/en/stable/complex/#lazily-loading-subcommands"""

    def __init__(self, name: str, begin: Callable[[], None]) -> None:
        super().__init__(name)
        self._begin = begin

    def list_commands(self, context: click.Context) -> list[str]:
        return sorted({*super().list_commands(context), *COMMANDS})

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        return _Command(name, self._begin) if name in COMMANDS else super().get_command(context, name)


def register(app: Flask) -> None:
    """Let the whole application do what an operator types."""
    app.cli = _Commands(app.name, begin=lambda: None)


def command_line(settings: Settings) -> Flask:
    """Return what `flask` needs to do a command: an application that serves nothing."""
    app = Flask("app")
    app.config["SETTINGS"] = settings
    app.cli = _Commands(app.name, begin=cache(lambda: import_module("app.binding").bind_command(settings)))
    return app
