"""In which language does the operator read, and how is a command refused?"""

import getpass
import os
from collections.abc import Iterable

import click
from flask import Flask

from app import catalogue
from app.api.fields import Defaults, Problem, Unusable, phone
from app.audit.log import Actor
from app.records.audit import Via
from app.routing.mistakes import Mistake
from config import Settings


def language() -> str:
    """Return the language of the operator's terminal: Dutch where its locale says so, else English."""
    locale = next(
        (value for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (value := os.environ.get(name))), ""
    )
    return "nl" if locale.lower().startswith("nl") else "en"


def say(code: str, **values: object) -> str:
    return catalogue.text(f"command.{code}", language(), **values)


def refuse(problems: Iterable[Problem]) -> click.ClickException:
    """Return the error that ends a command: for each problem a line with the field and how to mend it."""
    return click.ClickException("; ".join(f"{one.field}: {one.say(language())}" for one in problems))


def number_of(written: str, settings: Settings) -> str:
    """Read a number that the operator typed as NUMBER, in any spelling. Raises the refusal of a command."""
    try:
        return phone(written.strip(), Defaults.of(settings))
    except Unusable as unusable:
        raise refuse([Problem("NUMBER", unusable.code, unusable.values_said)]) from unusable


def operator() -> Actor:
    """Return who types, as the audit log knows them: a user of this machine."""
    return Actor(getpass.getuser(), Via.COMMAND)


def refuse_mistakes(mistakes: Iterable[Mistake]) -> click.ClickException:
    """The same for what somebody said of rules, or of a call to try."""
    return click.ClickException("; ".join(f"{one.field}: {one.say(language())}" for one in mistakes))


def settings_of(context: click.Context) -> Settings:
    app: Flask = context.obj.load_app()
    settings: Settings = app.config["SETTINGS"]
    return settings
