"""Is this installation well? `flask --app wsgi doctor` checks every part and says how to mend it."""

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from email.utils import parsedate_to_datetime
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import click
import redis as redis_client
from sqlalchemy import func, select, text

from app import db, migrations
from app.agents import teams
from app.callers.numbers import mask, may_be_called
from app.carrier.rest import Carrier
from app.clock import utcnow
from app.commands import settings_of
from app.commands.carrier import in_words as carrier_in_words
from app.commands.failures import FAILURES, in_words
from app.door import accounts, sealing
from app.door.oidc import Provider
from app.door.oidc_wire import ProviderError
from app.errors import CarrierError
from app.messages import senders
from app.outgoing import outbox
from app.promises import caps
from app.records.agents import Agent
from app.records.factors import Authenticator
from app.records.jobs import WorkerSeen
from app.records.lines import Line
from app.records.outgoing import Hook, Outbox
from app.records.privacy import Erasure
from app.screen import ways_in
from config import Settings

WORKER_SEEN_WITHIN = timedelta(seconds=20)
CLOCK_MAY_DIFFER = timedelta(seconds=5)
MOST_NAMED = 20
FORGOTTEN_WITHIN = timedelta(minutes=2)
CARRIER_FORGETS_WITHIN = timedelta(days=1)


class Sick(Exception):
    """Something is wrong; the text says how to mend it."""


class Incomplete(Exception):
    """It works, and serves people worse than it could; the text says what to add."""


@click.command("doctor")
@click.option("--offline", is_flag=True, help="leave out the carrier and the public address")
@click.pass_context
def doctor(context: click.Context, offline: bool) -> None:
    """Check settings, database, Redis, workers, carrier, public address and clock."""
    settings = settings_of(context)
    click.echo("ok    settings")
    sick = 0
    for name, check in _checks(settings, offline):
        try:
            click.echo(f"ok    {name}{check()}")
        except Incomplete as advice:
            click.echo(f"NOTE  {name}: {advice}")
        except (Sick, *FAILURES) as reason:
            sick += 1
            click.echo(f"SICK  {name}: {reason if isinstance(reason, Sick) else in_words(reason)}")
    if sick:
        raise click.ClickException(f"{sick} of the checks failed; each line above says how to mend it")


def _checks(settings: Settings, offline: bool) -> Iterator[tuple[str, Callable[[], str]]]:
    yield "database", _database
    yield "lines", _lines
    yield "agents' phones", _agents_phones
    yield "teams", _teams
    yield "administrators", _administrators
    yield "redis", lambda: _redis(settings)
    yield "worker", _worker
    yield "fallback numbers", lambda: _fallback_numbers(settings)
    yield "organisation", lambda: _organisation(settings)
    yield "texts", _texts
    yield "caps", _caps
    yield "mail", lambda: _mail(settings)
    yield "second factors", lambda: _second_factors(settings)
    yield "hooks", _hooks
    yield "screen codes", lambda: _screen_codes(settings)
    yield "forgetting", _forgetting
    if settings.oidc is not None and not offline:
        yield "directory", lambda: _directory(settings)
    if not offline:
        yield "carrier", lambda: _carrier(settings)
        yield "public address and clock", lambda: _public_address(settings)


def _forgetting() -> str:
    """Whoever asked to be forgotten is, within a minute; the carrier may take longer, and not for days."""
    now = utcnow()
    with db.reading() as session:
        waits = session.scalar(
            select(func.count()).where(Erasure.done_at.is_(None), Erasure.asked_at < now - FORGOTTEN_WITHIN)
        )
        copies = session.scalar(
            select(func.count()).where(
                Outbox.kind == outbox.CARRIER_COPY,
                Outbox.done_at.is_(None),
                Outbox.created_at < now - CARRIER_FORGETS_WITHIN,
            )
        )
    if waits:
        raise Sick(f"{waits} who asked to be forgotten are not yet: is a worker running? Its log says more")
    if copies:
        raise Sick(f"{copies} copies that the carrier should delete are there for a day; our log says why")
    return ""


def _database() -> str:
    with db.reading() as session:
        durable = "on"
        if not db.current().is_sqlite:
            durable = str(session.scalar(text("SHOW synchronous_commit")))
            bound = text("SELECT setting FROM pg_settings WHERE name = 'statement_timeout'")
            in_force = session.scalar(bound)
    if not db.current().is_sqlite and in_force != str(db.OF_A_CALL.statement_milliseconds):
        raise Sick(
            "our time-outs don't hold, so a call may wait for ever: a pooler between us ignores them; put "
            "?pooler=transaction behind DATABASE_URL, or give the server's own address"
        )
    if not migrations.is_current(db.current()):
        raise Sick("the tables are older than the program: flask --app wsgi db upgrade")
    if durable == "off":
        raise Sick("synchronous_commit is off: a promise could be lost; switch it on for our role")
    return ""


def _administrators() -> str:
    """The directory may let the last one go, who has gone; nobody on a page can mend that."""
    with db.reading() as session:
        if not accounts.has_admin(session):
            raise Incomplete("nobody gives roles: flask --app wsgi users create EMAIL --role admin")
    return ""


def _lines() -> str:
    with db.reading() as session:
        count = session.scalar(select(func.count()).select_from(Line)) or 0
    if not count:
        raise Sick("no line is known: flask --app wsgi load lines lines.csv")
    return f": {count}"


def _redis(settings: Settings) -> str:
    try:
        with redis_client.Redis.from_url(settings.redis_url, socket_timeout=2) as connection:
            connection.ping()
            policy = connection.config_get("maxmemory-policy").get("maxmemory-policy", "noeviction")
    except redis_client.RedisError as error:
        raise Sick(f"does not answer ({type(error).__name__}): check REDIS_URL; calls go on") from None
    if policy != "noeviction":
        raise Sick(f"maxmemory-policy is {policy}: set it to noeviction")
    return ""


def _worker() -> str:
    with db.reading() as session:
        seen_at = session.scalar(select(func.max(WorkerSeen.seen_at)).select_from(WorkerSeen))
    if seen_at is None or utcnow() - seen_at > WORKER_SEEN_WITHIN:
        raise Sick("none was seen lately: python -m app.jobs.worker")
    return ""


def _fallback_numbers(settings: Settings) -> str:
    if not settings.fallback_numbers:
        raise Sick("FALLBACK_NUMBERS is empty: when all else is down callers reach nobody; name a telephone")
    with db.reading() as session:
        lines = session.scalars(select(Line.number).where(Line.number.in_(settings.fallback_numbers)))
        ours = [mask(number) for number in lines]
    if ours:
        raise Sick(
            f"FALLBACK_NUMBERS names our own {', '.join(ours)}, which would ring itself and is left out: "
            "name telephones elsewhere"
        )
    return f": {len(settings.fallback_numbers)}"


def _organisation(settings: Settings) -> str:
    if not settings.organisation:
        raise Incomplete(
            "ORGANISATION is empty: people can't see who writes our messages, nor whose page their "
            "link opens; name it as they know you"
        )
    return f": {settings.organisation}"


def _agents_phones() -> str:
    with db.reading() as session:
        statement = select(Agent.key, Agent.phone, Agent.rings_on).where(
            Agent.enabled, Agent.phone.is_not(None)
        )
        agents = session.execute(statement.order_by(Agent.key)).all()
    ours = [agent.key for agent in agents if agent.rings_on is None]
    costly = [agent.key for agent in agents if agent.rings_on and not may_be_called(agent.rings_on)]
    wrong = [
        f"{why}: {', '.join(keys[:MOST_NAMED])}{' …' if len(keys) > MOST_NAMED else ''}"
        for why, keys in (
            ("a line of ours, which would ring itself", ours),
            ("no ordinary number of a country in CALLABLE_COUNTRIES", costly),
        )
        if keys
    ]
    if wrong:
        raise Sick(f"not rung on their phone, which is {'; '.join(wrong)}; give them another number")
    return f": {len(agents)}"


def _caps() -> str:
    with db.reading() as session:
        uses = caps.fullest(session, utcnow())
    near = [
        f"{use.used} {use.what} of at most {use.most}{f' to {use.where}' if use.where else ''}"
        for use in uses
        if use.share >= caps.NEAR
    ]
    if near:
        raise Sick(
            f"within the hour {'; '.join(near)}: look at /admin/promises whether people asked for them; what "
            "is over is held back for a human. Raise the cap (…_AN_HOUR…) if all is as it should be"
        )
    return ""


def _teams() -> str:
    with db.patient_reading() as session:
        found = teams.deserted(session, cases=True)
    if not found:
        return ""
    told = [
        f"“{one.team}” of {one.kind} {', '.join(one.which)}".rstrip()
        + (f" (at the agents: “{one.alike}”)" if one.alike else "")
        for one in found[:MOST_NAMED]
    ]
    raise Sick(
        f"no agent belongs to team {'; '.join(told)}: spell it the same everywhere, or give it agents; "
        "nobody answers there"
    )


def _texts() -> str:
    with db.reading() as session:
        silent, somebody_can = senders.silent_lines(session, utcnow())
        refusals = senders.known(session, utcnow())
    countries = sorted(what.removeprefix("to:") for what in refusals if what.startswith("to:"))
    wrong = []
    if silent and not somebody_can:
        codes = sorted({str(code) for what, code in refusals.items() if what.startswith("from:")})
        wrong.append(
            f"no number of ours can send texts (error {', '.join(codes)}), so nobody reads what they were "
            "promised: load a line that can, such as a mobile number, or name one in TEXT_SENDER"
        )
    if countries:
        wrong.append(
            f"the account may not write to {', '.join(countries)} (error {senders.COUNTRY_NOT_ALLOWED}): "
            "allow it in the carrier's console (Messaging, Geo permissions)"
        )
    if wrong:
        raise Sick("; ".join(wrong))
    return f": another number sends for {', '.join(map(mask, silent))}" if silent else ""


def _mail(settings: Settings) -> str:
    if settings.mail is None and settings.is_production:
        raise Incomplete(
            "no SMTP_URL and MAIL_FROM: who forgets a password has to ask, and nobody is told what changes "
            "their account"
        )
    return f": {settings.mail.host}" if settings.mail else ": none"


def _second_factors(settings: Settings) -> str:
    newest, *older = (sealing.name_of(key) for key in reversed(settings.all_secret_keys))
    with db.reading() as session:
        asked = select(Authenticator.seal, func.count().label("apps")).where(Authenticator.seal != newest)
        others = {row.seal: row.apps for row in session.execute(asked.group_by(Authenticator.seal))}
    lost = sum(count for seal, count in others.items() if seal not in older)
    if lost:
        raise Sick(
            f"{lost} apps were sealed with a SECRET_KEY that is gone: put it back behind the new one, with a "
            "comma, or users reset-factors for each of their owners"
        )
    if others:
        raise Incomplete(
            f"{sum(others.values())} apps are sealed with the old SECRET_KEY: leave it there until a worker "
            "has sealed them anew, within the hour"
        )
    return f": for {', '.join(sorted(settings.second_factor_roles)) or 'nobody'}"


def _hooks() -> str:
    with db.reading() as session:
        hooks = list(session.scalars(select(Hook).order_by(Hook.id)))
    disabled = [str(hook.id) for hook in hooks if hook.disabled_at is not None]
    failing = [f"{hook.id} ({hook.last_result})" for hook in hooks if hook.failing_since is not None]
    if disabled:
        raise Sick(
            f"told nothing any more, since nothing arrived: {', '.join(disabled)}; mend the receiver, then "
            "flask --app wsgi hooks enable ID, or hooks remove ID"
        )
    if failing:
        raise Sick(f"nothing arrives at {', '.join(failing)}: flask --app wsgi hooks test ID")
    return f": {len(hooks)}"


def _screen_codes(settings: Settings) -> str:
    with db.reading() as session:
        wrong = ways_in.wrong_lately(session, settings.secret_key, utcnow())
    if wrong >= ways_in.ALARM_AT:
        raise Sick(
            f"{wrong} codes that are none were typed at /s within the hour, so somebody may be guessing; few "
            "more are tried: let agents send a link instead, and look in the proxy's log who asks"
        )
    return f": {wrong} typed within the hour are none" if wrong else ""


def _directory(settings: Settings) -> str:
    try:
        if settings.oidc is not None:
            Provider(settings, settings.oidc).check()
    except ProviderError as error:
        raise Sick(f"{error.why}: check OIDC_ISSUER, and what stands between here and there") from None
    return ""


def _carrier(settings: Settings) -> str:
    try:
        Carrier(settings).check()
    except CarrierError as error:
        raise Sick(carrier_in_words(error)) from None
    return ""


def _public_address(settings: Settings) -> str:
    url = f"{settings.public_url}/healthz"
    if urlsplit(url).scheme not in ("http", "https"):
        raise Sick("PUBLIC_URL must begin with https://")
    asked = time.monotonic()
    try:
        with urlopen(Request(url), timeout=5) as response:  # http or https, by the line above
            date = response.headers.get("Date")
    except HTTPError as error:
        raise Sick(f"{url} answers {error.code}: does the proxy lead here?") from None
    except (URLError, TimeoutError, OSError):
        raise Sick(
            f"{url} can't be reached from here: check PUBLIC_URL, the proxy and its certificate"
        ) from None
    if date and abs(parsedate_to_datetime(date) - utcnow()) > CLOCK_MAY_DIFFER:
        raise Sick("this machine's clock differs from the public address's: let it follow a time server")
    return f": {round((time.monotonic() - asked) * 1000)} ms"
