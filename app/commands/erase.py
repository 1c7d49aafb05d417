"""How does an operator have somebody forgotten? `flask --app wsgi erase …`."""

import getpass

import click
from flask.cli import AppGroup

from app import db
from app.api.fields import Defaults, Problem, Unusable, phone
from app.clock import utcnow
from app.commands import refuse, say, settings_of
from app.forgetting import erasure
from app.forgetting.erasure import Erased

erase_commands = AppGroup("erase", help="Forget somebody: it can't be taken back, and may be repeated.")


@erase_commands.command("number")
@click.argument("number")
@click.pass_context
def number(context: click.Context, number: str) -> None:
    """Forget whoever calls from NUMBER, customer or not; customers who have it lose it, and stay."""
    settings = settings_of(context)
    try:
        e164 = phone(number.strip(), Defaults.of(settings))
    except Unusable as unusable:
        raise refuse([Problem("NUMBER", unusable.code, unusable.values_said)]) from unusable
    with db.patient_transaction() as session:
        erased = erasure.erase_number(session, e164, getpass.getuser(), utcnow())
    _tell(erased)


@erase_commands.command("customer")
@click.argument("customer")
def customer(customer: str) -> None:
    """Forget a customer with their numbers, cases and contacts."""
    with db.patient_transaction() as session:
        erased = erasure.erase_customer(session, customer, getpass.getuser(), utcnow())
    _tell(erased)


def _tell(erased: Erased | None) -> None:
    if erased is None:
        click.echo(say("erased_nothing"))
        return
    click.echo(say("erased", calls=erased.calls, promises=erased.promises, messages=erased.messages))
