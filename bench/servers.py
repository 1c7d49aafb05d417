"""On what is it measured? Real processes, each with data and ports of its own, and what they cost."""

import os
import secrets
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import psycopg

from startup import commands
from startup.ports import LOOPBACK, free_port
from startup.postgres_server import PostgresServer, postgres_server
from startup.probes import answers_http
from startup.process import Process
from startup.redis_server import redis_server
from startup.warden import Warden

ROOT = Path(__file__).resolve().parent.parent
PRODUCT, FLOORS = "asgi:application", "bench.floors_asgi:application"
DESKS = "bench.desks_asgi:application"
MIGRATED = "migrated"


@dataclass
class Web:
    """One web server under measurement."""

    process: Process
    port: int
    settings: Mapping[str, str]

    @property
    def public_url(self) -> str:
        return self.settings["PUBLIC_URL"]

    @property
    def token(self) -> str:
        return self.settings["TWILIO_AUTH_TOKEN"]


def cpu_seconds(root: int) -> float:
    """Return the processor time that a process and all it started have taken so far."""
    total = 0.0
    parent = psutil.Process(root)
    for process in (parent, *parent.children(recursive=True)):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


def resident_bytes(root: int) -> int:
    """Return how much memory a process and all it started hold."""
    parent = psutil.Process(root)
    return sum(process.memory_info().rss for process in (parent, *parent.children(recursive=True)))


@dataclass
class Machine:
    """The parts that a run shares, started when first asked for."""

    folder: Path
    warden: Warden
    _postgres: PostgresServer | None = None
    _redis: tuple[Process, str] | None = None
    _started: list[Process] = field(default_factory=list)
    _names: Iterator[int] = field(default_factory=lambda: iter(range(1_000_000)))

    @property
    def postgres(self) -> PostgresServer:
        """A PostgreSQL that writes to the disk as one in production does."""
        if self._postgres is None:
            self._postgres = postgres_server(self.warden, durable=True)
            self._run(self._postgres, f"CREATE DATABASE {MIGRATED}")
            self.migrate(self._postgres.url(MIGRATED))
        return self._postgres

    @property
    def redis_url(self) -> str:
        if self._redis is None:
            self._redis = redis_server(self.folder / "redis", self.warden, output=self.folder / "redis.log")
            self._redis[0].start()
            self._started.append(self._redis[0])
        return self._redis[1]

    @property
    def database_pid(self) -> int:
        return self.postgres.process.pid

    def new_postgres_database(self) -> str:
        """Return the SQLAlchemy URL of a new, migrated, empty database."""
        name = f"bench{next(self._names)}"
        self._run(self.postgres, f"CREATE DATABASE {name} TEMPLATE {MIGRATED}")
        return self.postgres.url(name)

    def new_sqlite_database(self) -> str:
        path = self.folder / f"bench{next(self._names)}.db"
        self.migrate(f"sqlite:///{path}")
        return f"sqlite:///{path}"

    def migrate(self, database_url: str) -> None:
        made = subprocess.run(
            commands.flask("db", "upgrade"),
            env=self.environment(self._settings(database_url, "redis://127.0.0.1:1/0", 1)),
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            raise RuntimeError(f"`flask --app wsgi db upgrade` failed:\n{made.stdout}{made.stderr}")

    @contextmanager
    def serving(
        self, application: str, database_url: str, *, workers: int, settings: Mapping[str, str] | None = None
    ) -> Iterator[Web]:
        """Serve an application as the product is in production; `settings` are added to the usual ones."""
        chosen = self._settings(database_url, self.redis_url, free_port()) | dict(settings or {})
        port = int(chosen["PUBLIC_URL"].rpartition(":")[2])
        name = f"web-{application.partition(':')[0]}-{port}"
        words = [*commands.web(LOOPBACK, port), "--workers", str(workers)]
        process = Process(
            name=name,
            command=[application if word == PRODUCT else word for word in words],
            warden=self.warden,
            env=self.environment(chosen),
            folder=ROOT,
            output=self.folder / f"{name}.log",
            ready=lambda: answers_http(f"http://{LOOPBACK}:{port}/healthz"),
        )
        process.start()
        try:
            yield Web(process, port, chosen)
        finally:
            process.stop()

    @contextmanager
    def working(self, web: Web) -> Iterator[Process]:
        """Run a worker of the product beside a web server of it."""
        name = f"worker-{web.port}"
        process = Process(
            name=name,
            command=commands.worker(),
            warden=self.warden,
            env=self.environment(web.settings),
            folder=ROOT,
            output=self.folder / f"{name}.log",
        )
        process.start()
        try:
            yield process
        finally:
            process.stop()

    def settings_for(self, database_url: str) -> dict[str, str]:
        """Return the environment of a process of the product that serves nobody."""
        return self.environment(self._settings(database_url, self.redis_url, 1))

    def close(self) -> None:
        for process in reversed(self._started):
            process.stop()
        if self._postgres is not None:
            self._postgres.remove()

    def _settings(self, database_url: str, redis_url: str, port: int) -> dict[str, str]:
        return {
            "ENV": "test",
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "SECRET_KEY": secrets.token_hex(32),
            "PUBLIC_URL": f"http://{LOOPBACK}:{port}",
            "TWILIO_ACCOUNT_SID": "AC" + secrets.token_hex(16),
            "TWILIO_AUTH_TOKEN": secrets.token_hex(16),
            "TWILIO_API_URL": f"http://{LOOPBACK}:1",
            "SPOOL_DIR": str(self.folder / "spool"),
        }

    def environment(self, settings: Mapping[str, str]) -> dict[str, str]:
        """Return what a process needs: these settings, and nothing of ours that would change one."""
        kept = ("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL")
        return {name: os.environ[name] for name in kept if name in os.environ} | dict(settings)

    def _run(self, server: PostgresServer, statement: str) -> None:
        with psycopg.connect(plain(server.url("postgres")), autocommit=True) as connection:
            connection.execute(statement)


def plain(database_url: str) -> str:
    """Return SQLAlchemy's address of a PostgreSQL as libpq reads it."""
    return database_url.replace("+psycopg", "")
