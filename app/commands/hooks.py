"""Which other systems are told what happens? `flask --app wsgi hooks …`."""

import secrets

import click
from flask.cli import AppGroup
from sqlalchemy.orm import Session

from app import db
from app.api.fields import Problem, Refused
from app.api.hook_views import wanted
from app.audit import log as audit
from app.audit.log import What
from app.clock import utcnow
from app.commands import operator, refuse, say, settings_of
from app.errors import InvalidField
from app.jobs import hooks as delivery
from app.outgoing import hooks
from app.outgoing.hooks import Event
from app.records.outgoing import Hook

hook_commands = AppGroup("hooks", help="Other systems that are told what happens.")

# None of those that can be subscribed to, so nobody takes it for something that happened.
TEST = "hook.test"


@hook_commands.command("add")
@click.argument("url")
@click.option("--events", required=True, help=f"with commas, or “all”: {', '.join(Event)}")
@click.pass_context
def add(context: click.Context, url: str, events: str) -> None:
    """Tell an address of these events; its secret is printed once and can't be shown again."""
    named = list(Event) if events.strip() == "all" else [one.strip() for one in events.split(",")]
    try:
        url, chosen = wanted({"url": url, "events": named}, strict=settings_of(context).is_production)
    except Refused as refused:
        raise refuse(refused.problems) from refused
    with db.transaction() as session:
        hook = hooks.add(session, url, chosen, utcnow())
        audit.record(session, operator(), What.HOOK_ADDED, utcnow(), hook=hook.id, events=chosen)
    # On a line by itself, so that a script can take the last line.
    click.echo(say("hook_added", id=hook.id, url=url, events=", ".join(hook.events)), err=True)
    click.echo(hook.secret)


@hook_commands.command("list")
def list_hooks() -> None:
    """Show who is told of what, and how it goes; never a secret."""
    with db.reading() as session:
        for hook in hooks.every(session):
            click.echo(f"{hook.id}\t{_state(hook)}\t{hook.url}\t{','.join(hook.events)}\t{hook.last_result}")


@hook_commands.command("remove")
@click.argument("hook_id", metavar="ID", type=int)
def remove(hook_id: int) -> None:
    """Tell it nothing more; what still waits is dropped."""
    with db.transaction() as session:
        try:
            hooks.remove(session, hook_id, utcnow())
            audit.record(session, operator(), What.HOOK_REMOVED, utcnow(), hook=hook_id)
        except InvalidField:
            raise _unknown(hook_id) from None
    click.echo(say("hook_removed", id=hook_id))


@hook_commands.command("enable")
@click.argument("hook_id", metavar="ID", type=int)
def enable(hook_id: int) -> None:
    """Tell one that was disabled again, from now on."""
    with db.transaction() as session:
        try:
            hooks.enable(session, hook_id)
            audit.record(session, operator(), What.HOOK_ENABLED, utcnow(), hook=hook_id)
        except InvalidField:
            raise _unknown(hook_id) from None
    click.echo(say("hook_enabled", id=hook_id))


@hook_commands.command("test")
@click.argument("hook_id", metavar="ID", type=int)
@click.pass_context
def test(context: click.Context, hook_id: int) -> None:
    """Send it something signed now, and say what came of it."""
    with db.reading() as session:
        hook = _found(session, hook_id)
    fact = {
        "id": "ev_" + secrets.token_hex(16),
        "event": TEST,
        "created_at": utcnow().isoformat(),
        "data": {"hook": hook.id},
    }
    answer = delivery.send(hook.url, hook.secret, fact, strict=settings_of(context).is_production)
    if not answer.is_yes:
        raise click.ClickException(say("hook_did_not_take", id=hook_id, result=answer.word))
    click.echo(say("hook_took", id=hook_id, result=answer.word))


def _found(session: Session, hook_id: int) -> Hook:
    hook = session.get(Hook, hook_id)
    if hook is None:
        raise _unknown(hook_id)
    return hook


def _unknown(hook_id: int) -> click.ClickException:
    return refuse([Problem("ID", "no_such_hook", {"text": hook_id})])


def _state(hook: Hook) -> str:
    return "disabled" if hook.disabled_at else "failing" if hook.failing_since else "active"
