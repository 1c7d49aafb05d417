"""How does an operator have somebody forgotten? `flask --app wsgi erase …`."""

import getpass

import click
from flask.cli import AppGroup

from app import db
from app.clock import utcnow
from app.commands import number_of, say, settings_of
from app.forgetting import requests
from app.forgetting.requests import Receipt
from app.jobs import erasures
from app.records.privacy import Whom
from config import Settings

erase_commands = AppGroup("erase", help="Forget somebody: it can't be taken back, and may be repeated.")


@erase_commands.command("number")
@click.argument("number")
@click.pass_context
def number(context: click.Context, number: str) -> None:
    """Forget whoever calls from NUMBER, customer or not; customers who have it lose it, and stay."""
    settings = settings_of(context)
    _forget(settings, Whom.NUMBER, number_of(number, settings))


@erase_commands.command("customer")
@click.argument("customer")
@click.pass_context
def customer(context: click.Context, customer: str) -> None:
    """Forget a customer with their numbers, cases and contacts."""
    _forget(settings_of(context), Whom.CUSTOMER, customer)


@erase_commands.command("status")
@click.argument("erasure", type=int)
def status(erasure: int) -> None:
    """Tell how far request ERASURE has come, also at the carrier."""
    with db.reading() as session:
        receipt = requests.find(session, erasure)
    if receipt is None:
        click.echo(say("erased_nothing"))
    else:
        _tell(receipt)


def _forget(settings: Settings, kind: Whom, of: str) -> None:
    now = utcnow()
    with db.patient_transaction() as session:
        request = requests.ask(session, kind, of, getpass.getuser(), now, settings.secret_key)
    receipt = erasures.finish(request, now)
    if receipt is None:
        click.echo(say("erased_nothing"))
    else:
        _tell(receipt)


def _tell(receipt: Receipt) -> None:
    click.echo(
        say("erased", calls=receipt.calls, promises=receipt.promises, messages=receipt.messages)
        if receipt.done_at is not None
        else say("erased_not_yet", id=receipt.id)
    )
    if receipt.at_carrier:
        click.echo(say("erased_at_carrier", left=receipt.at_carrier, id=receipt.id))
