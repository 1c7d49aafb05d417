"""How is an account at the carrier pointed here, and what is owed after an outage? `flask carrier …`."""

from datetime import datetime, timedelta

import click
from flask.cli import AppGroup

from app import db
from app.api.fields import Problem, Unusable, moment
from app.audit import log as audit
from app.audit.log import What
from app.carrier.rest import Carrier
from app.clock import utcnow
from app.commands import operator, refuse, say, settings_of
from app.deployment import Deployment
from app.errors import CarrierError
from app.jobs import backfill
from app.jobs.backfill import Comparison
from config import Settings

# Where nobody ever compared, and the operator doesn't say since when.
USUAL_LOOK_BACK = timedelta(hours=24)

carrier_commands = AppGroup("carrier", help="The telephone company.")


@carrier_commands.command("set-up")
@click.option("--number", "only", multiple=True, help="only this number; may be repeated")
@click.option("--fallback-url", help="where the fallback process is reached; default: PUBLIC_URL")
@click.option("--dry-run", is_flag=True, help="say what would change, change nothing")
@click.pass_context
def set_up(context: click.Context, only: tuple[str, ...], fallback_url: str | None, dry_run: bool) -> None:
    """Let the account's numbers ring here: voice, fallback and status addresses. Safe to repeat."""
    settings = settings_of(context)
    carrier = Carrier(settings)
    try:
        numbers = [(sid, number) for sid, number in carrier.numbers() if not only or number in only]
        if missing := set(only) - {number for _, number in numbers}:
            raise click.ClickException(f"--number: the account has no {', '.join(sorted(missing))}")
        if not numbers:
            raise click.ClickException("the account has no telephone numbers yet; get one from the carrier")
        elsewhere = (fallback_url or settings.public_url).rstrip("/")
        for sid, number in numbers:
            if not dry_run:
                carrier.point_number(sid, settings.public_url, elsewhere)
            click.echo(f"{number} {'would ring' if dry_run else 'rings'} at {settings.public_url}")
        if not dry_run:
            with db.transaction() as session:
                audit.record(session, operator(), What.CARRIER_SET_UP, utcnow(), numbers=len(numbers))
    except CarrierError as error:
        raise click.ClickException(in_words(error)) from error


@carrier_commands.command("reconcile")
@click.option("--since", metavar="TIME", help="ISO 8601 with an offset; default: since all was complete")
@click.option("--dry-run", is_flag=True, help="say what would be done, do nothing")
@click.pass_context
def reconcile(context: click.Context, since: str | None, dry_run: bool) -> None:
    """Compare the carrier's calls with ours: each that came in gets its outcome. Safe to repeat.

    Who spoke to nobody is owed a callback. The worker does the same by itself.
    """
    settings, now = settings_of(context), utcnow()
    begin = _since(since, settings, now)
    try:
        compared = backfill.compare(
            Carrier(settings),
            Deployment.of(settings),
            begin or _where_it_is_complete(now),
            now,
            dry_run=dry_run,
        )
    except CarrierError as error:
        raise click.ClickException(in_words(error)) from error
    if not dry_run:
        backfill.finished(compared, now)
    _tell(compared, "would" if dry_run else "did")


def _since(text: str | None, settings: Settings, now: datetime) -> datetime | None:
    if text is None:
        return None
    try:
        begin = moment(text.strip())
        if begin > now:
            raise Unusable("in_the_future")
        kept = settings.keep.calls
        if kept is not None and begin < now - timedelta(days=kept):
            # Of what was deleted since, everybody would be rung back.
            raise Unusable("before_what_is_kept", days=kept)
    except Unusable as unusable:
        raise refuse([Problem("--since", unusable.code, unusable.values_said)]) from unusable
    return begin


def _where_it_is_complete(now: datetime) -> datetime:
    return backfill.complete_until(now) or now - USUAL_LOOK_BACK


def _tell(compared: Comparison, how: str) -> None:
    """Say what was done; refuse in the end what could not be."""
    for one in compared.added:
        at = one.at.isoformat(timespec="seconds")
        what = say(f"call_{one.outcome}")
        click.echo(say(f"call_{how}_add", at=at, sid=one.sid, number=one.number, outcome=what))
    for sid in compared.closed:
        click.echo(say(f"call_{how}_close", sid=sid))
    click.echo(
        say(
            "calls_compared",
            since=compared.since.isoformat(timespec="seconds"),
            seen=compared.seen,
            added=len(compared.added),
            closed=len(compared.closed),
            live=compared.live,
        )
    )
    if compared.failed:
        raise click.ClickException(say("calls_failed", sids=", ".join(compared.failed)))


def in_words(error: CarrierError) -> str:
    """Say what to do about the carrier's refusal."""
    if error.code is None and error.status is None:
        return "the carrier did not answer; check TWILIO_API_URL and the network"
    if error.status in (401, 403):
        return "the carrier refused the credentials; check TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN"
    return f"the carrier refused with error {error.code}; see https://www.twilio.com/docs/api/errors/{error.code}"
