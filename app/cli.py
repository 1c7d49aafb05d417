"""What can an operator type? `flask --app wsgi …`.

The commands are imported when they are asked for: a web process starts sooner without what they need.
"""

from importlib import import_module

import click
from flask import Flask
from flask.cli import AppGroup

_COMMANDS = {
    "audit": ("app.commands.audit", "audit_commands"),
    "carrier": ("app.commands.carrier", "carrier_commands"),
    "db": ("app.commands.database", "db_commands"),
    "directory": ("app.commands.directory", "directory_commands"),
    "doctor": ("app.commands.doctor", "doctor"),
    "export": ("app.commands.export", "export_commands"),
    "erase": ("app.commands.erase", "erase_commands"),
    "numbers": ("app.commands.numbers", "number_commands"),
    "hooks": ("app.commands.hooks", "hook_commands"),
    "load": ("app.commands.load", "load_commands"),
    "rules": ("app.commands.rules", "rules_commands"),
    "tokens": ("app.commands.people", "token_commands"),
    "users": ("app.commands.getting_in", "user_commands"),
}


class _Commands(AppGroup):
    """https://click.palletsprojects.com/en/stable/complex/#lazily-loading-subcommands"""

    def list_commands(self, context: click.Context) -> list[str]:
        return sorted({*super().list_commands(context), *_COMMANDS})

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return super().get_command(context, name)
        # Whatever the command does, a database that fails is told in words.
        context.with_resource(import_module("app.commands.failures").database_errors_in_words())
        module, attribute = _COMMANDS[name]
        command: click.Command = getattr(import_module(module), attribute)
        return command


def register(app: Flask) -> None:
    app.cli = _Commands(app.name)
