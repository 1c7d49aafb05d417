"""What would the rules do? Try a caller: `flask --app wsgi rules simulate …`; nobody is rung."""

from typing import Any

import click

from app import db
from app.clock import utcnow
from app.commands import language, refuse_mistakes, say, settings_of
from app.deployment import Deployment
from app.routing import simulation
from app.routing.asked_call import AskedCall, NotACall


@click.command("simulate")
@click.argument("from_")
@click.option("--at", help="a moment, ISO 8601 with offset; default: now")
@click.option("--line", help="which of our numbers is called; default: the first")
@click.option(
    "--answers", default="", help="what becomes of each step: no_answer,declined:meeting,hung_up:12 …"
)
@click.pass_context
def simulate(context: click.Context, from_: str, at: str | None, line: str | None, answers: str) -> None:
    """Say what a caller from FROM would hear, second by second, who would ring, and why."""
    settings = settings_of(context)
    said: dict[str, Any] = {"from": from_, "answers": [one for one in answers.split(",") if one.strip()]}
    said |= {name: value for name, value in (("at", at), ("line", line)) if value is not None}
    try:
        asked = AskedCall.read(said, settings.default_country)
        with db.reading() as session:
            done = simulation.simulate(session, asked, now=utcnow(), deployment=Deployment.of(settings))
    except NotACall as error:
        raise refuse_mistakes(error.mistakes) from None
    _tell(done.as_json(language()))


def _tell(told: dict[str, Any]) -> None:
    for step in told["steps"]:
        click.echo(
            f"{step['number']}. {step['kind']} {step['target'] or ''}".rstrip() + f": {step['reason']}"
        )
        if step["pops_at"] is not None:
            click.echo(_at(step["pops_at"], say("simulate_pops", agent=step["target"])))
        for number, sentence in enumerate(step["say"]):
            click.echo(_at(step["heard_at"] if number == 0 else None, f"“{sentence}”"))
        if step["rings_at"] is not None:
            click.echo(_at(step["rings_at"], say("simulate_rings", agent=step["target"])))
        if step["again"]:
            click.echo(_at(step["again"]["at"][0], f"“{step['again']['say']}”"))
        click.echo(_at(step["ends_at"], f"→ {step['answer']}"))
        for after in step["after"]:
            click.echo(_at(after["at"], f"“{after['say']}”"))
    click.echo(say(f"simulate_ends_{told['ends']}"))


def _at(seconds: float | None, what: str) -> str:
    return f"{'' if seconds is None else f'{seconds:.0f} s':>8}  {what}"
