"""Which rules are in force, and what would they do? `flask --app wsgi rules …`."""

import getpass
import json
from collections.abc import Callable, Sequence
from pathlib import Path

import click
from flask.cli import AppGroup
from sqlalchemy.orm import Session

from app import db
from app.clock import utcnow
from app.commands import language, say, trials
from app.routing import proven_words, publishing, rule_sentences, rules
from app.routing.mistakes import InvalidRules
from app.routing.proof import Problem
from app.routing.rules import Rules

rules_commands = AppGroup("rules", help="The rules by which calls are routed.")


@rules_commands.command("show")
@click.argument("version", required=False, type=int)
@click.option("--words", is_flag=True, help="as sentences, not as JSON")
def show(version: int | None, words: bool) -> None:
    """Print the rules in force, or those of VERSION, as JSON that `publish` takes."""
    with db.reading() as session:
        shown = _known(lambda: publishing.version(session, version)) if version else rules.in_force(session)
    if words:
        for number, rule in enumerate(shown.rules, 1):
            said = rule_sentences.words(rule_sentences.sentence(rule.written, language()))
            click.echo(
                f"{number}. {rule.name or rule.id}: {said}" + ("" if rule.enabled else " " + say("rule_off"))
            )
        click.echo(say("rules_ladder_last"))
    else:
        document = shown.as_json()
        # `rules` holds them as the API has them; the ladder stands beside them.
        click.echo(json.dumps({"version": shown.version, **document}, indent=2, ensure_ascii=False))


@rules_commands.command("check")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def check(file: Path | None) -> None:
    """Prove that every path ends in a human or a promise: of the draft, else those in force, or of FILE."""
    now = utcnow()
    with db.reading() as session:
        proposed = _read(session, file) if file else publishing.draft(session).rules
        _refuse_unproven(proposed, publishing.problems(session, proposed, now))
        found = proven_words.notes(session, proposed, publishing.ground(session, now), language())
    click.echo(say("rules_proven"))
    for note in found:
        click.echo(f"   {note['words']}")


@rules_commands.command("publish")
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--why", required=True, help="what this version is for")
@click.option("--despite", help="why all the same, when saved calls come out otherwise than they must")
@click.pass_context
def publish(context: click.Context, file: Path | None, why: str, despite: str | None) -> None:
    """Put the draft, or the rules in FILE (as `show` prints them), in force, once they are proven."""
    who, now = getpass.getuser(), utcnow()
    with db.patient_reading() as session:
        # Proven before anything is held: it takes a moment.
        proposed = _read(session, file) if file else publishing.draft(session).rules
        publishing.problems(session, proposed, now)
    with db.transaction() as session:
        before = rules.in_force(session)
        proposed = _read(session, file) if file else publishing.draft(session).rules
        if proposed.as_json() == before.as_json():
            click.echo(say("rules_as_they_are", number=before.version))
            return
        if trials.red(context, session, proposed) and not despite:
            raise click.ClickException(say("tests_red_despite"))
        if despite:
            why = f"{why}\n{despite}"
        try:
            if file:
                version = publishing.publish(session, proposed, who, why, now)
            else:
                version = publishing.publish_draft(session, who, why, now)
        except publishing.NotProven as found:
            _refuse_unproven(proposed, found.problems)
    _tell(version, before, proposed)


@rules_commands.command("rollback")
@click.argument("version", type=int)
@click.option("--why", default="", help="what for")
def rollback(version: int, why: str) -> None:
    """Put the rules of an earlier VERSION in force again."""
    with db.transaction() as session:
        before, again = rules.in_force(session), _known(lambda: publishing.version(session, version))
        if again.as_json() == before.as_json():
            click.echo(say("rules_as_they_are", number=before.version))
            return
        number = publishing.roll_back(session, version, getpass.getuser(), why, utcnow())
    _tell(number, before, again)


@rules_commands.command("versions")
def versions() -> None:
    """List the versions, the newest first: who, when, why, and what became different."""
    with db.reading() as session:
        for one in publishing.versions(session, before=None, limit=50):
            when = one.published_at.isoformat(timespec="minutes") if one.published_at else "–"
            click.echo(f"{one.rules.version}  {when}  {one.published_by or '–'}  {one.why}".rstrip())
            for difference in rule_sentences.differences(one.before, one.rules, language()):
                click.echo(f"   {difference.words}")


for _command in (trials.simulate, trials.test, trials.replay):
    rules_commands.add_command(_command)


def _known(find: Callable[[], Rules]) -> Rules:
    try:
        return find()
    except publishing.UnknownVersion:
        raise click.ClickException(say("rules_unknown_version")) from None


def _read(session: Session, file: Path) -> Rules:
    """Read a file of rules; what it leaves out of the ladder has its default, and no rules are none.

    A ladder alone is read too, as `show` printed it before there were rules.
    """
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise click.ClickException(f"{file}: " + say("rules_no_json", error=error)) from None
    if not isinstance(values, dict):
        raise click.ClickException(f"{file}: " + say("rules_no_object"))
    values.pop("version", None)
    if isinstance(values.get("rules"), dict):
        values = {"ladder": values["rules"]}
    elif not values.keys() & {"rules", "ladder"}:
        values = {"ladder": values}
    try:
        return Rules.written(values, rules.in_force(session).version)
    except InvalidRules as invalid:
        wrong = "\n".join(f"{file}: {one.field}: {one.say(language())}" for one in invalid.mistakes)
        raise click.ClickException(wrong) from None


def _refuse_unproven(proposed: Rules, problems: Sequence[Problem]) -> None:
    """End the command when something is wrong, with what it is."""
    if not problems:
        return
    called = {rule.id: rule.name or rule.id for rule in proposed.rules}
    shown = "\n".join(
        f"{called.get(one.rule, say('rules_ladder'))}: {one.say(language())}" for one in problems[:20]
    )
    raise click.ClickException(say("rules_not_proven", count=len(problems)) + "\n" + shown)


def _tell(version: int, before: Rules, after: Rules) -> None:
    click.echo(say("rules_in_force", number=version))
    for difference in rule_sentences.differences(before, after, language()):
        click.echo(f"   {difference.words}")
