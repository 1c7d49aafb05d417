"""Is the audit log whole, and who may change it? `flask --app wsgi audit …`."""

from datetime import timedelta

import click
from flask.cli import AppGroup
from sqlalchemy import text
from sqlalchemy.orm import Session

from app import db
from app.api.fields import Problem
from app.audit import ageing, keys, log, proving, sealing
from app.audit.chain import Anchor, Fault, Kind
from app.audit.log import What
from app.clock import utcnow
from app.commands import operator, refuse, say, settings_of

MOST_NAMED = 20

audit_commands = AppGroup("audit", help="The log of who changed what, and who looked at whom.")


@audit_commands.command("verify")
@click.option("--since-anchor", "since", metavar="NUMBER:HASH", help="A line that was noted outside.")
@click.option("--all", "names_all", is_flag=True, help="Name every bad line, not only the first few.")
def verify(since: str | None, names_all: bool) -> None:
    """Hold every line against its hash, and each against the one before; fail when something is wrong.

    With an anchor it is looked through from there on, and an end is missed that somebody took away by putting
    an old copy of the database back.
    """
    anchor = _anchor(since) if since else None
    _seal()
    found = 0
    with proving.standing_still() as session:
        for fault in proving.faults(session, anchor):
            if found < MOST_NAMED or names_all:
                click.echo(_in_words(fault), err=True)
            found += 1
        lines, waiting, head = proving.count(session), proving.waiting(session), proving.head_of(session)
        may = _may_change(session)
    if waiting:
        click.echo(say("audit_waiting", count=waiting), err=True)
    if may:
        click.echo(say("audit_may_change"), err=True)
    if found:
        raise click.ClickException(say("audit_bad", count=found))
    click.echo(say("audit_whole", count=lines, anchor=str(head) if head else "-"))


@audit_commands.command("head")
def head() -> None:
    """Print where the log stands, NUMBER:HASH: kept elsewhere, it proves what was there; see verify."""
    _seal()
    with db.reading() as session:
        click.echo(str(proving.head_of(session) or "-"))


@audit_commands.command("forget")
@click.pass_context
def forget(context: click.Context) -> None:
    """Forget what is older than KEEP_AUDIT_DAYS, for where the worker's role may not; needs the owner's."""
    days = settings_of(context).keep.audit
    if days is None:
        click.echo(say("audit_kept_for_ever"))
        return
    now = utcnow()
    with db.patient_transaction() as session:
        gone = ageing.forget(session, now - timedelta(days=days), operator().name, now)
    click.echo(say("audit_forgot", count=gone.lines if gone else 0, days=days))


@audit_commands.command("new-key")
@click.option("--why", required=True, help="What became of the SECRET_KEY that locked the old one.")
def new_key(why: str) -> None:
    """Begin a new key after SECRET_KEY was lost: what was hashed before can't be checked any more."""
    with db.transaction() as session:
        keys.renew(session, utcnow())
        log.record(session, operator(), What.KEY_RENEWED, utcnow(), reason=why)
        sealing.seal_all(session, utcnow())
    click.echo(say("audit_key_renewed"))


@audit_commands.command("grants")
@click.argument("role")
def grants(role: str) -> None:
    """Let ROLE do all that the application does, but change nothing in the log. As the tables' owner."""
    if db.current().is_sqlite:
        raise click.ClickException(say("audit_grants_postgres"))
    with db.patient_transaction() as session:
        if not session.scalar(text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": role}):
            raise refuse([Problem("ROLE", "no_such_role", {"text": role})])
        name = session.connection().dialect.identifier_preparer.quote(role)
        for statement in _GRANTS:
            session.execute(text(statement.format(role=name)))
    click.echo(say("audit_granted", role=role))


_GRANTS = (
    "GRANT USAGE ON SCHEMA public TO {role}",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
    "GRANT USAGE, SELECT, UPDATE ON ALL SEQUENCES IN SCHEMA public TO {role}",
    "REVOKE UPDATE, DELETE, TRUNCATE, TRIGGER, REFERENCES ON audit_entries FROM {role}",
    "REVOKE DELETE, TRUNCATE, TRIGGER ON audit_keys, audit_head FROM {role}",
    "REVOKE INSERT, UPDATE, DELETE, TRUNCATE ON alembic_version FROM {role}",
)


def _seal() -> None:
    """Seal what waits, so that it is looked at as well; where that can't be, say so."""
    try:
        with db.transaction() as session:
            sealing.seal_all(session, utcnow())
    except keys.KeyUnknown:
        click.echo(say("audit_no_key"), err=True)


def _may_change(session: Session) -> bool:
    """Tell whether the role that we are could change the log if somebody took its walls away."""
    if session.get_bind().dialect.name == "sqlite":
        return False
    may = "has_table_privilege('audit_entries', 'UPDATE') OR has_table_privilege('audit_entries', 'DELETE')"
    return bool(session.scalar(text(f"SELECT {may}")))


def _anchor(text_: str) -> Anchor:
    try:
        return Anchor.read(text_)
    except ValueError:
        raise refuse([Problem("--since-anchor", "no_anchor", {"text": text_[:80]})]) from None


def _in_words(fault: Fault) -> str:
    if fault.kind == Kind.MISSING and fault.until not in (None, fault.number):
        return say("audit_fault_missing_many", first=fault.number, last=fault.until)
    return say(f"audit_fault_{fault.kind}", first=fault.number)
