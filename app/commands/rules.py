"""Which rules are in force, and what would they do? `flask --app wsgi rules …`."""

import getpass
import json
from pathlib import Path

import click
from flask.cli import AppGroup

from app import db
from app.clock import utcnow
from app.commands import language, trials
from app.routing import proof, rules
from app.routing.ladder import Ladder
from app.routing.mistakes import InvalidRules

rules_commands = AppGroup("rules", help="The rules by which calls are routed.")


@rules_commands.command("show")
def show() -> None:
    """Print the rules in force as JSON."""
    current = _current()
    click.echo(json.dumps({"version": current.version, "rules": current.ladder.as_json()}, indent=2))


@rules_commands.command("check")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def check(file: Path | None) -> None:
    """Prove that every path ends in a human or a promise: of the rules in force, or of those in FILE."""
    _prove(_read(file) if file else _current().ladder)
    click.echo("every path ends in a human or a promise within its limit")


@rules_commands.command("publish")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--why", required=True, help="what this version is for")
def publish(file: Path, why: str) -> None:
    """Put the rules in FILE (as `show` prints them) in force, once they are proven."""
    ladder = _read(file)
    _prove(ladder)
    with db.transaction() as session:
        version = rules.publish(session, ladder, getpass.getuser(), why, utcnow())
    click.echo(f"version {version} is in force")


rules_commands.add_command(trials.simulate)


def _current() -> rules.Rules:
    with db.reading() as session:
        return rules.in_force(session)


def _read(file: Path) -> Ladder:
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(values, dict):
            raise click.ClickException(f"{file}: must hold an object, as `rules show` prints it")
        return Ladder.from_json(values.get("rules", values))
    except ValueError as error:
        raise click.ClickException(f"{file}: is no JSON ({error})") from None
    except InvalidRules as invalid:
        wrong = "\n".join(f"{file}: {one.field}: {one.say(language())}" for one in invalid.mistakes)
        raise click.ClickException(wrong) from None


def _prove(ladder: Ladder) -> None:
    if problems := proof.problems(ladder):
        shown = "\n".join(problem.words for problem in problems[:20])
        raise click.ClickException(f"{len(problems)} paths break the rule of rules:\n{shown}")
