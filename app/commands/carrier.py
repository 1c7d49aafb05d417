"""How is an account at the carrier pointed here? `flask --app wsgi carrier set-up`."""

import click
from flask.cli import AppGroup

from app.carrier import Carrier
from app.commands import settings_of
from app.errors import CarrierError

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
    except CarrierError as error:
        raise click.ClickException(in_words(error)) from error


def in_words(error: CarrierError) -> str:
    """Say what to do about the carrier's refusal."""
    if error.code is None and error.status is None:
        return "the carrier did not answer; check TWILIO_API_URL and the network"
    if error.status in (401, 403):
        return "the carrier refused the credentials; check TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN"
    return f"the carrier refused with error {error.code}; see https://www.twilio.com/docs/api/errors/{error.code}"
