"""What would the rules do? Try a caller, the saved calls, or those of a period; nobody is rung."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import click
from sqlalchemy.orm import Session

from app import db
from app.clock import utcnow
from app.commands import language, refuse_mistakes, say, settings_of
from app.deployment import Deployment
from app.routing import comparing, simulation, trials
from app.routing.asked_call import AskedCall, NotACall
from app.routing.comparing import Change, Compared
from app.routing.rules import Rules
from app.routing.trials import Result
from app.routing.tried_rules import rules_of

# Of what would have gone otherwise so many are listed; all of them are in the API and on the page.
MOST_LISTED = 100


@click.command("simulate")
@click.argument("from_", metavar="FROM")
@click.option("--at", help="a moment, ISO 8601 with offset; default: now")
@click.option("--line", help="which of our numbers is called; default: the first")
@click.option("--answers", default="", help="what becomes of each step: no_answer,hung_up:12 …")
@click.option("--draft", is_flag=True, help="by the draft, instead of the rules in force")
@click.pass_context
def simulate(
    context: click.Context, from_: str, at: str | None, line: str | None, answers: str, draft: bool
) -> None:
    """Say what a caller from FROM would hear, second by second, who would ring, and why."""
    settings = settings_of(context)
    said: dict[str, Any] = {"from": from_, "answers": [one for one in answers.split(",") if one.strip()]}
    said |= {name: value for name, value in (("at", at), ("line", line)) if value is not None}
    try:
        asked = AskedCall.read(said, settings.default_country)
        with db.reading() as session:
            rules = rules_of(session, draft=draft)
            deployment = Deployment.of(settings)
            done = simulation.simulate(session, asked, rules=rules, now=utcnow(), deployment=deployment)
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


@click.command("test")
@click.pass_context
def test(context: click.Context) -> None:
    """Run the saved calls by the draft; fails when one comes out otherwise than it must."""
    settings = settings_of(context)
    with db.patient_reading() as session:
        rules = rules_of(session, draft=True)
        results = trials.run_tests(session, rules, utcnow(), Deployment.of(settings))
    for result in results:
        click.echo(f"{'ok' if result.passes else 'NO':>4}  {result.name}")
        for line in _wrong(result):
            click.echo(f"      {line}")
    red = sum(not result.passes for result in results)
    click.echo(say("tests_run", count=len(results)) + (" " + say("tests_red", count=red) if red else ""))
    if red:
        raise click.exceptions.Exit(1)


def red(context: click.Context, session: Session, rules: Rules) -> bool:
    """Tell whether saved calls come out otherwise than they must by these rules, and which."""
    results = trials.run_tests(session, rules, utcnow(), Deployment.of(settings_of(context)))
    wrong = [one for one in results if not one.passes]
    for one in wrong:
        click.echo(f"  NO  {one.name}: {'; '.join(_wrong(one))}", err=True)
    return bool(wrong)


def _wrong(result: Result) -> list[str]:
    return [f"{one.field}: {one.expected or '–'} ≠ {one.found or '–'}" for one in result.wrong]


@click.command("replay")
@click.option("--since", required=True, help="a moment, ISO 8601 with offset")
@click.option("--until", required=True, help="a moment, ISO 8601 with offset")
def replay(since: str, until: str) -> None:
    """Hold the draft against the calls of a period: which would have gone elsewhere, sooner, later."""
    begins, ends = _moment("--since", since), _moment("--until", until)
    if ends <= begins:
        raise click.ClickException(f"--until: {say('replay_backwards')}")
    total, shown, after = Compared(), 0, None
    while True:
        # Between two parts nothing is held: neither a transaction nor what was found before.
        with db.patient_reading() as session:
            rules = rules_of(session, draft=True)
            part = comparing.compare(session, rules, begins, ends, after)
        total.calls, total.unknown = total.calls + part.calls, total.unknown + part.unknown
        total.changes += part.changes
        shown += _list(part.changes[: MOST_LISTED - shown])
        after = part.next
        if after is None:
            break
        click.echo(say("replay_so_far", count=total.calls), err=True)
    counted = {"calls": total.calls}
    counted |= {how: total.count(how) for how in ("elsewhere", "sooner", "later", "promise")}
    counted["unknown"] = total.unknown
    for name, count in counted.items():
        click.echo(f"{say(f'replay_{name}')}: {count}")


def _list(changes: Sequence[Change]) -> int:
    for one in changes:
        before, after = one.before, one.after
        click.echo(
            f"{one.at.isoformat(timespec='seconds')} {one.call_sid}: {before.kind} {before.target or ''} "
            f"→ {after.kind} {after.target or ''} ({', '.join(one.how)})"
        )
    return len(changes)


def _moment(option: str, text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise click.ClickException(f"{option}: {say('no_moment')}") from None
    if moment.tzinfo is None:
        raise click.ClickException(f"{option}: {say('no_moment')}")
    return moment
