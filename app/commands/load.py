"""How do a CRM's files get in? `flask --app wsgi load customers FILE.csv`."""

import sys
from pathlib import Path
from typing import Any

import click
from flask.cli import AppGroup

from app.agents import teams
from app.api import encodings, loading
from app.api.fields import Defaults, Problem
from app.api.loading import RefusedRow, Report, UnusableFile
from app.api.records import AGENTS, CASES, EXAMPLES, IN_FILES, LINES, TOPICS, Kind
from app.audit import log as audit
from app.audit.log import What
from app.clock import utcnow
from app.commands import language, operator, refuse, say, settings_of
from app.commands.topics import learn
from app.db import Database
from config import Settings

# What is learnt from them is part of loading them.
TAUGHT = (TOPICS, EXAMPLES)

load_commands = AppGroup("load", help="Read records from CSV files; the same file again changes nothing.")


def _command(kind: Kind[Any]) -> click.Command:
    @click.command(kind.name, help=f"Read {kind.name} from a CSV with the columns {', '.join(kind.columns)}.")
    @click.argument("file", type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path))
    @click.option("--dry-run", is_flag=True, help="Check everything and write nothing.")
    @click.option("--strict", is_flag=True, help="Write nothing at all when a row is refused.")
    @click.pass_context
    def command(context: click.Context, file: Path, dry_run: bool, strict: bool, later: bool = False) -> None:
        report = _load(settings_of(context), kind, file, dry_run=dry_run, strict=strict)
        if kind in TAUGHT and report.loaded and not dry_run and not later:
            learn(settings_of(context))
        if kind in (AGENTS, LINES, CASES) and not dry_run:
            _tell_of_deserted_teams(settings_of(context))
        if report.refused:
            context.exit(1)

    if kind in TAUGHT:
        command = click.option("--later", is_flag=True, help="Leave it to a worker to learn from them.")(
            command
        )
    return command


for _kind in IN_FILES.values():
    load_commands.add_command(_command(_kind))


def _load(settings: Settings, kind: Kind[Any], file: Path, *, dry_run: bool, strict: bool) -> Report:
    database = Database(settings.database_url, patient=True)
    defaults = Defaults.of(settings)
    try:
        report = None
        if strict or dry_run:
            report = _read(database, kind, file, defaults, dry_run=True)
        if not dry_run and not (report and report.refused):
            # Checked first and then written in short transactions: one long one would keep calls waiting.
            report = _read(database, kind, file, defaults, dry_run=False)
            if report.loaded:
                counts = {"kind": kind.name, "loaded": report.loaded, "refused": report.refused}
                with database.transaction() as session:
                    audit.record(session, operator(), What.RECORDS_LOADED, utcnow(), **counts)
            click.echo(say("loaded", kind=kind.name, loaded=report.loaded, refused=report.refused))
        elif report and dry_run:
            click.echo(say("would_load", kind=kind.name, loaded=report.loaded, refused=report.refused))
        elif report:
            click.echo(say("nothing_loaded", kind=kind.name, refused=report.refused))
        if report and report.encoding == encodings.WINDOWS:
            click.echo(say("read_as_windows", file=file.name), err=True)
        return report or Report()
    except UnicodeError:
        raise refuse([Problem(file.name, "not_utf8")]) from None
    except UnusableFile as unusable:
        raise refuse([unusable.problem]) from unusable
    finally:
        database.dispose()


def _tell_of_deserted_teams(settings: Settings) -> None:
    """A team that is spelled in two ways is no error in either file, and nobody answers: say so at once."""
    database = Database(settings.database_url, patient=True)
    try:
        with database.patient_reading() as session:
            found = teams.deserted(session, cases=True)
    finally:
        database.dispose()
    for one in found[: teams.MOST_NAMED]:
        told = say(f"deserted_{one.kind}", team=one.team, text=", ".join(one.which))
        alike = say("deserted_alike", team=one.alike) if one.alike else ""
        click.echo(told + alike, err=True)


def _read(database: Database, kind: Kind[Any], file: Path, defaults: Defaults, *, dry_run: bool) -> Report:
    label = say("checking" if dry_run else "loading", file=file.name)
    with click.progressbar(length=file.stat().st_size, label=label, file=sys.stderr) as bar:

        def show(refused: RefusedRow) -> None:
            if sys.stderr.isatty():
                click.echo("\r\x1b[K", nl=False, err=True)  # the bar's line; it is drawn again below
            for problem in refused.problems:
                click.echo(
                    say("row", row=refused.row, field=problem.field, problem=problem.say(language())),
                    err=True,
                )

        return loading.load(
            database,
            kind,
            file,
            defaults,
            dry_run=dry_run,
            on_refused=show,
            on_progress=bar.update,
        )
