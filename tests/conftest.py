"""What does every test find ready? Real servers, clean databases, a browser.

    redis_url      a real Redis-compatible server, emptied for each test
    database_url   a migrated, empty database; each test that asks for it runs on SQLite and on PostgreSQL
    database       the same, bound, so that app.db.transaction() speaks to it
    settings       Settings over both
    flask_app, client  the Flask application over them, and its test client
    browser, page  a Chromium, and a fresh page in Dutch
    free_port      a port nobody listens on

What a test starts ends with it, and with pytest, also when that is killed. What takes seconds to start is
emptied for the next test.
"""

import asyncio
import gc
import os
import shutil
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import argon2
import pytest
import redis
from click.testing import Result
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis.internal.conjecture import engine
from jinja2 import FileSystemBytecodeCache
from playwright.sync_api import Browser, Page, expect, sync_playwright

import app.db
import app.wiring  # what it registers is what tests go through, whichever of them run
import config
from app import bells, create_app, fibers, operations, stored_figures
from app.carrier.rest import Carrier
from app.door import passwords
from app.routing import rules
from app.shares import waits_on_loop
from app.voice import webhooks
from startup import ports
from startup.browser import NONE_FOUND, find_browser
from startup.postgres_server import PostgresServer
from startup.postgres_server import postgres_server as new_postgres_server
from startup.process import Process
from startup.redis_server import redis_server as new_redis_server
from startup.warden import Warden
from tests import browsers, databases, routes, watch
from tests.databases import NewDatabase, PostgresDatabases
from tests.engines import Shared, sharing
from tests.pages import PATIENCE
from tests.parts import TELLS, migrate, test_settings
from tests.rest_carrier import FakeCarrier, fake_carrier
from tests.telephone import Another, Line

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

# How quick an example is, or is made up, is no property of ours: on a busy machine each may take its time.
hypothesis_settings.register_profile(
    "rechtdoor", hypothesis_settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("rechtdoor")

DATABASES = ("sqlite", "postgresql")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--database",
        choices=(*DATABASES, "both"),
        default="both",
        help="on which databases the tests that need one run (default: both)",
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "database_kind" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("--database")
        kinds = DATABASES if chosen == "both" else (chosen,)
        # A page can't tell where its server keeps what it shows; tests without a browser ask both.
        if "browser" in metafunc.fixturenames:
            kinds = kinds[:1]
        metafunc.parametrize("database_kind", kinds, scope="session")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Many tests wait for a carrier, a browser or a deadline: another works meanwhile."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return cores + cores // 2


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Playwright's synchronous interface keeps an event loop running on the main thread as long as the browser
    # is open, and asyncio.run() refuses to work beside it: tests with a browser come last.
    items.sort(key=lambda item: "browser" in getattr(item, "fixturenames", ()))


def pytest_collection_finish() -> None:
    """Don't look for rubbish among what was imported, and less often among the rest: a sixth of all our time.

    Each of thousands of applications is a heap of rings that nobody but the collector takes away.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show what the processes and pages that a test ran with said, when it fails."""
    report = yield
    if report.failed:
        for name, words in item.stash.get(TELLS, {}).items():
            report.sections.append((f"{name} said", "\n".join(words().splitlines()[-60:])))
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None, None, None]:
    with watch.no_longer_than(watch.LONGEST_SECONDS):
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, None, None]:
    with watch.no_longer_than(watch.LONGEST_SECONDS):
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Generator[None, None, None]:
    with watch.no_longer_than(watch.LONGEST_SECONDS):
        yield


def pytest_configure() -> None:
    watch.begin()
    # Of five minutes, which Hypothesis takes to make a finding smaller, nobody has more than of one.
    engine.MAX_SHRINKING_SECONDS = 60


def pytest_unconfigure() -> None:
    watch.over()


@pytest.fixture(scope="session")
def warden() -> Iterator[Warden]:
    """Ends what tests started, should pytest be killed."""
    warden = Warden()
    yield warden
    warden.close()


@pytest.fixture(autouse=True)
def patience_of_a_busy_machine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test fail because a machine is busy: what gives up after a second here has twenty.

    Tests of giving up itself are marked: @pytest.mark.gives_up_in_time.
    """
    if request.node.get_closest_marker("gives_up_in_time") is None:
        monkeypatch.setattr(app.db, "OF_A_CALL", app.db.Patience(20, 20_000, 20_000))
        monkeypatch.setattr(app.db, "SQLITE_BUSY_SECONDS", 20.0)
        monkeypatch.setitem(app.db._CONNECT, "connect_timeout", 20)
        # What Redis counts is let pass where it takes longer than a call can wait for it.
        monkeypatch.setattr(bells, "TIMEOUT_SECONDS", 20.0)
        monkeypatch.setattr(operations, "ANSWER_SECONDS", 20.0)
        monkeypatch.setattr(stored_figures, "ANSWER_SECONDS", 20.0)


@pytest.fixture
def free_port() -> int:
    return ports.free_port()


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory, warden: Warden) -> Iterator[tuple[Process, str]]:
    """The Redis of this test session and its URL. Whoever stops it starts it again."""
    folder = tmp_path_factory.mktemp("redis")
    server, url = new_redis_server(folder, warden, output=folder / "log")
    server.start()
    yield server, url
    server.stop()


@pytest.fixture(scope="session")
def redis_connection(redis_server: tuple[Process, str]) -> Iterator[redis.Redis]:
    """A way to the Redis of this test session, which outlives that it is stopped and started again."""
    _server, url = redis_server
    with redis.Redis.from_url(url) as connection:
        yield connection


@pytest.fixture
def redis_url(redis_server: tuple[Process, str], redis_connection: redis.Redis) -> str:
    """An empty Redis."""
    redis_connection.flushall()
    return redis_server[1]


@pytest.fixture(scope="session")
def postgres_server(warden: Warden) -> Iterator[PostgresServer]:
    """The PostgreSQL of this test session; `url(database)` names a database of it."""
    server = new_postgres_server(warden)
    yield server
    server.remove()


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database file in its newest shape, to be copied."""
    file = tmp_path_factory.mktemp("migrated") / "rechtdoor.db"
    migrate(f"sqlite:///{file}", file.parent)
    return file


@pytest.fixture(scope="session")
def migrated_postgres(postgres_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a database in its newest shape, to be cloned."""
    migrate(databases.create(postgres_server, "migrated"), tmp_path_factory.mktemp("migrated"))
    return "migrated"


@pytest.fixture(scope="session", autouse=True)
def shared() -> Iterator[Shared]:
    """What is the same for all databases of the session is made for the first."""
    with sharing() as shared:
        yield shared


@pytest.fixture(scope="session")
def postgres_databases(
    postgres_server: PostgresServer, migrated_postgres: str, shared: Shared
) -> Iterator[PostgresDatabases]:
    databases = PostgresDatabases(postgres_server, migrated_postgres, shared)
    yield databases
    databases.close()


@pytest.fixture(scope="session")
def new_database(request: pytest.FixtureRequest) -> NewDatabase:
    """Make a migrated, empty database: a file in that folder, or the PostgreSQL database of that name."""

    def make(kind: str, folder: Path, name: str) -> str:
        if kind == "sqlite":
            file = folder / "rechtdoor.db"
            shutil.copyfile(request.getfixturevalue("migrated_sqlite"), file)
            return f"sqlite:///{file}"
        postgres: PostgresDatabases = request.getfixturevalue("postgres_databases")
        return postgres.fresh(name)

    return make


@pytest.fixture
def database_url(new_database: NewDatabase, database_kind: str, tmp_path: Path) -> str:
    """A migrated, empty database of its own; the test runs once for each kind (see --database)."""
    return new_database(database_kind, tmp_path, "test")


@pytest.fixture
def database(database_url: str) -> Iterator[app.db.Database]:
    """The test's database, bound: app.db.transaction() speaks to it."""
    database = app.db.bind(app.db.Database(database_url))
    yield database
    database.dispose()


@pytest.fixture
def settings(database_url: str, redis_url: str, tmp_path: Path) -> config.Settings:
    """Settings over the test's database and Redis."""
    return config.load(test_settings(database_url, redis_url, tmp_path))


@pytest.fixture
def fake() -> Iterator[FakeCarrier]:
    """A REST API of the carrier that does as it is told; `carrier` is our way to it."""
    with fake_carrier() as running:
        yield running


@pytest.fixture
def carrier(fake: FakeCarrier, settings: config.Settings) -> Carrier:
    return Carrier(replace(settings, api_url=fake.url))


@pytest.fixture(scope="session", autouse=True)
def routes_registered_once() -> Iterator[None]:
    with routes.sharing():
        yield


@pytest.fixture(scope="session")
def compiled_templates(tmp_path_factory: pytest.TempPathFactory) -> FileSystemBytecodeCache:
    """Templates as Jinja has compiled them, for one application after the other."""
    return FileSystemBytecodeCache(str(tmp_path_factory.mktemp("templates")))


@pytest.fixture(scope="session")
def full_cost() -> argon2.PasswordHasher:
    """What hashes passwords where it matters."""
    return passwords._hasher


@pytest.fixture(scope="session", autouse=True)
def passwords_cost_little(full_cost: argon2.PasswordHasher) -> Iterator[None]:
    """A password is made to cost both processors a fifth of a second; each of our many visitors has one."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(
            passwords, "_hasher", argon2.PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1)
        )
        yield


@pytest.fixture
def flask_app(settings: config.Settings, compiled_templates: FileSystemBytecodeCache) -> Iterator[Flask]:
    """The application over the test's database and Redis."""
    rules.forget_published()
    application = create_app(settings)
    application.jinja_env.bytecode_cache = compiled_templates
    # As Flask's own documentation puts something around an application; mypy takes it for a method's end.
    application.wsgi_app = as_served(application.wsgi_app)  # type: ignore[method-assign, assignment]
    yield application
    webhooks.stop(application)
    app.db.current().dispose()


def as_served(wsgi_app: "WSGIApplication") -> "WSGIApplication":
    """Answer in a fiber what the web server answers in one; the loop is the request's own."""

    async def in_fiber(environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        return await fibers.run(asyncio.get_running_loop(), wsgi_app, environ, start)

    def answer(environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        size = int(environ.get("CONTENT_LENGTH") or 0)
        is_in_fiber = waits_on_loop(environ["REQUEST_METHOD"], environ["PATH_INFO"], size)
        # Where a browser is driven, a loop runs already.
        if not is_in_fiber or asyncio._get_running_loop() is not None:
            return wsgi_app(environ, start)
        return asyncio.run(in_fiber(environ, start))

    return answer


@pytest.fixture
def client(flask_app: Flask) -> FlaskClient:
    return flask_app.test_client()


@pytest.fixture
def call(client: FlaskClient, settings: config.Settings) -> Line:
    """A call as its carrier sees it."""
    return Line(client, settings)


@pytest.fixture
def another(client: FlaskClient, settings: config.Settings) -> Another:
    """Make more calls: `another(from_=…)`."""

    def make(**fields: Any) -> Line:
        return Line(client, settings, **fields)

    return make


@pytest.fixture
def flask_command(flask_app: Flask, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Type a command as an English-speaking operator: flask_command("load", "agents", path)."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG", "RECHTDOOR_PASSWORD"):
        monkeypatch.delenv(name, raising=False)

    def run(*words: str | Path, **more: Any) -> Result:
        return flask_app.test_cli_runner().invoke(args=[str(word) for word in words], **more)

    return run


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium; without one the test is skipped, or fails where REQUIRE_BROWSER=1 says so."""
    binary = find_browser()
    if binary is None:
        if os.environ.get("REQUIRE_BROWSER") == "1":
            pytest.fail(NONE_FOUND)
        pytest.skip(NONE_FOUND)
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=binary, args=browsers.arguments())
        yield chromium
        chromium.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A fresh, calm page with cookies of its own, in Dutch, allowed to notify and to use the microphone."""
    context = browser.new_context(
        locale="nl-NL",
        timezone_id="Europe/Amsterdam",
        permissions=["notifications", "microphone"],
        # What moves is drawn sixty times a second, as long as a telephone rings: a fifth of a processor.
        reduced_motion="reduce",
    )
    yield context.new_page()
    context.close()
