"""How does one machine serve callers? `make serve`: web and worker as the environment or `.env` says.

No demonstration, no telephone company of our own, no migration: those are decisions of whoever deploys.
"""

import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from sqlalchemy import bindparam, create_engine, inspect, make_url, text
from sqlalchemy.exc import DBAPIError, OperationalError

from config import Settings, without_pooler
from config import load as load_settings
from startup.environment import deployed, development_secrets, is_development
from startup.lock import only_one
from startup.parts import ROOT, SECRETS, VAR, Parts
from startup.ports import LOOPBACK, listen, require_free
from startup.problems import BadSetting, in_plain_words, number
from startup.redis_server import redis_server
from startup.supervisor import Supervisor
from startup.terminal import Terminal
from startup.warden import Warden


def main() -> int:
    return in_plain_words(_serve)


def _serve(terminal: Terminal) -> None:
    env = deployed(ROOT)
    if is_development(env):
        env = development_secrets(SECRETS) | env
    host, port = env.get("HOST", LOOPBACK), number(env, "PORT", 8000)
    fallback_port = number(env, "FALLBACK_PORT", port + 2)
    settings = load_settings(env)
    workers = _workers(env, settings.database_url)
    _require_tables(settings.database_url)
    _require_telephones_of_others(settings)
    with ExitStack() as stack:
        if file := _sqlite_file(settings.database_url):
            lock = file.with_name(file.name + ".lock")
            stack.enter_context(only_one(lock, f"the database {file}, which one installation may serve,"))
        embedded = is_development(env) and "REDIS_URL" not in env
        if embedded:
            stack.enter_context(only_one(VAR / "lock", f"the embedded Redis in {VAR}"))
        supervisor = stack.enter_context(Supervisor(terminal))
        door = stack.enter_context(listen(port, host, "PORT", "pages and webhooks"))
        if "FALLBACK_PORT" in env:
            require_free(fallback_port, host, "FALLBACK_PORT", "the last resort")
        warden = Warden()
        if embedded:
            redis, env["REDIS_URL"] = redis_server(VAR / "redis", warden, output=subprocess.PIPE)
            supervisor.start(redis)
        parts = Parts(env, warden)
        supervisor.start(parts.worker())
        supervisor.start(parts.web(door, workers))
        if "FALLBACK_PORT" in env:
            supervisor.start(parts.fallback(fallback_port, host))
        terminal.say(f"Rechtdoor serves on {host}:{port}; the carrier reaches it at {settings.public_url}")
        supervisor.watch()


def _workers(env: Mapping[str, str], database_url: str) -> int:
    workers = number(env, "WEB_WORKERS", 1)
    if workers > 1 and _sqlite_file(database_url):
        raise BadSetting("WEB_WORKERS: SQLite allows one web process; leave it out, or use PostgreSQL")
    return workers


def _require_tables(database_url: str) -> None:
    """Raise BadSetting when the database answers and holds no table; one that is down may come back."""
    file = _sqlite_file(database_url)
    engine = create_engine(without_pooler(database_url), connect_args={} if file else {"connect_timeout": 3})
    try:
        is_there = (file is None or file.exists()) and inspect(engine).has_table("alembic_version")
    except OperationalError:
        return
    finally:
        engine.dispose()
    if not is_there:
        mend = ".venv/bin/flask --app wsgi db upgrade"
        raise BadSetting(f"DATABASE_URL: this database has no tables yet; make them with {mend}")


def _require_telephones_of_others(settings: Settings) -> None:
    """Raise BadSetting when a number for emergencies is a line of ours, which would ring itself."""
    file = _sqlite_file(settings.database_url)
    wait = {} if file else {"connect_timeout": 3}
    engine = create_engine(without_pooler(settings.database_url), connect_args=wait)
    ours = text("SELECT number FROM lines WHERE number IN :numbers ORDER BY number")
    try:
        with engine.connect() as connection:
            several = ours.bindparams(bindparam("numbers", expanding=True))
            given = {"numbers": list(settings.fallback_numbers)}
            found = list(connection.execute(several, given).scalars())
    except DBAPIError:
        return  # away, or older than its lines: others tell that
    finally:
        engine.dispose()
    if found:
        raise BadSetting(
            f"FALLBACK_NUMBERS: {', '.join(found)} is a line of ours, which would ring itself; name others"
        )


def _sqlite_file(database_url: str) -> Path | None:
    url = make_url(database_url)
    return ROOT / url.database if url.get_backend_name() == "sqlite" and url.database else None


if __name__ == "__main__":
    sys.exit(main())
