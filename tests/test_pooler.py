"""Do all time-outs hold behind a pooler that hands each transaction another connection? Does all work?"""

import os
import pwd
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import make_url, select, text
from sqlalchemy.exc import DBAPIError

import config
from app import create_app, db, migrations
from app.api import store
from app.commands.failures import in_words
from app.records.agents import Agent
from app.voice import webhooks
from config import POOLED, ConfigurationError, without_pooler
from startup.ports import free_port
from startup.process import Process
from startup.warden import Warden
from tests import factories, town
from tests.databases import NewDatabase
from tests.parts import test_settings as values_for_tests
from tests.telephone import Line

pytestmark = pytest.mark.gives_up_in_time

BOUNDS = ("statement_timeout", "lock_timeout", "timezone", "synchronous_commit")


@pytest.fixture
def server_url(new_database: NewDatabase, tmp_path: Path) -> str:
    return new_database("postgresql", tmp_path, "pooled")


@pytest.fixture
def pooled(server_url: str) -> Iterator[db.Database]:
    database = db.Database(f"{server_url}&{POOLED}")
    yield database
    database.dispose()


def bounds(session: db.Reader) -> tuple[str, ...]:
    return tuple(str(session.execute(text(f"SHOW {name}")).scalar_one()) for name in BOUNDS)


def test_each_transaction_says_its_bounds_itself_and_leaves_none_behind(
    pooled: db.Database, server_url: str
) -> None:
    of_a_call, of_a_report = ("800ms", "300ms", "UTC", "on"), ("1min", "10s", "UTC", "on")
    with pooled.transaction() as session:
        assert bounds(session) == of_a_call
    with pooled.reading() as session:
        assert bounds(session) == of_a_call
    with pooled.at_once() as connection:
        assert bounds(connection) == of_a_call
    with pooled.patient_transaction() as session:
        assert bounds(session) == of_a_report
    with pooled.patient_reading() as session:
        assert bounds(session) == of_a_report
    with pooled.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        assert bounds(connection)[:2] == ("0", "0"), "whoever has the connection next has its own"


def test_a_pooler_is_asked_for_nothing_that_it_refuses(pooled: db.Database) -> None:
    with pooled.transaction() as session:
        driver = session.connection().connection.driver_connection
        assert driver is not None
        assert driver.info.get_parameters().get("options") is None
        assert driver.prepare_threshold is None


@pytest.mark.parametrize(
    ("said", "given"),
    [
        ("postgresql+psycopg://a@h/x?pooler=transaction", "postgresql+psycopg://a@h/x"),
        (
            "postgresql+psycopg://a@h/x?sslmode=require&pooler=transaction",
            "postgresql+psycopg://a@h/x?sslmode=require",
        ),
        ("postgresql+psycopg://a@/x?pooler=transaction&host=/run", "postgresql+psycopg://a@/x?host=/run"),
        ("sqlite:///x.db", "sqlite:///x.db"),
    ],
)
def test_the_driver_never_hears_of_it(said: str, given: str) -> None:
    assert without_pooler(said) == given


def test_another_kind_of_pooling_stops_the_start(tmp_path: Path) -> None:
    values = values_for_tests("postgresql://a@h/x?pooler=session", "redis://127.0.0.1:1/0", tmp_path)
    with pytest.raises(ConfigurationError, match="pooler=transaction"):
        config.load(values)


# --- a real one, where there is one ---------------------------------------------------------------------


@pytest.fixture(scope="module")
def pgbouncer() -> str:
    found = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if found is None:
        pytest.skip("no pgbouncer on this machine")
    return found


@pytest.fixture
def pooler_url(pgbouncer: str, server_url: str, warden: Warden) -> Iterator[Callable[[str], str]]:
    """Start one before the test's database, with more to say in its configuration; return its URL."""
    folder = Path(str(make_url(server_url).query["host"]))
    running: list[Process] = []
    user = pwd.getpwuid(os.stat(folder).st_uid)

    def start(more: str = "") -> str:
        port = free_port()
        file = folder / f"pgbouncer-{port}.ini"
        file.write_text(
            f"[databases]\n* = host={folder} user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
            f"listen_port = {port}\n"
            f"unix_socket_dir =\nauth_type = any\npool_mode = transaction\ndefault_pool_size = 3\n"
            f"server_reset_query_always = 0\n{more}\n"
        )
        os.chmod(file, 0o644)
        pooler = Process(
            name="pgbouncer",
            command=[pgbouncer, file],
            warden=warden,
            output=folder / f"pgbouncer-{port}.log",
            user=user.pw_uid if os.geteuid() == 0 else None,
            ready=lambda: (
                subprocess.run(
                    ["bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{port}"],
                    stderr=subprocess.DEVNULL,
                    check=False,
                ).returncode
                == 0
            ),
        )
        pooler.start()
        running.append(pooler)
        return f"postgresql+psycopg://postgres@127.0.0.1:{port}/{make_url(server_url).database}"

    yield start
    for pooler in running:
        pooler.stop()


def test_calls_go_through_a_real_pooler(
    pooler_url: Callable[[str], str], redis_url: str, tmp_path: Path
) -> None:
    settings = config.load(values_for_tests(f"{pooler_url('')}?{POOLED}", redis_url, tmp_path))
    application = create_app(settings)
    try:
        town.settle()
        for place in range(12):
            call = Line(application.test_client(), settings, from_=f"+3162222{place:04d}").comes_in()
            assert call.verbs == ["Dial"] or call.said
            call.hangs_up()
        with db.transaction() as session:
            assert bounds(session)[:2] == ("800ms", "300ms")
        with pytest.raises(DBAPIError), db.transaction() as session:
            session.execute(text("SELECT pg_sleep(5)"))
        with db.reading() as session:
            assert {one.key for one in session.scalars(select(Agent))} == {"anna", "bram", "carla"}
        assert migrations.is_current(db.current())
        file = tmp_path / "customers.csv"
        rows = "".join(f"K{place},Naam,06{10_000_000 + place},,,\n" for place in range(store.ROWS_FOR_COPY))
        file.write_text("customer,name,phones,language,postcode,tags\n" + rows)
        loaded = application.test_cli_runner().invoke(args=["load", "customers", str(file)])
        assert f"{store.ROWS_FOR_COPY} loaded, 0 refused" in loaded.output
    finally:
        webhooks.stop(application)
        db.current().dispose()


def test_without_saying_so_one_line_tells_what_to_give(pooler_url: Callable[[str], str]) -> None:
    database = db.bind(db.Database(pooler_url("")))
    try:
        with pytest.raises(DBAPIError) as refused, database.reading() as session:
            session.execute(text("SELECT 1"))
        assert "?pooler=transaction" in in_words(refused.value)
    finally:
        database.dispose()


def test_a_pooler_that_ignores_our_time_outs_is_found_out(
    pooler_url: Callable[[str], str], redis_url: str, tmp_path: Path
) -> None:
    url = pooler_url("ignore_startup_parameters = options")
    application = create_app(config.load(values_for_tests(url, redis_url, tmp_path)))
    try:
        with db.transaction() as session:
            factories.line(session)
        told = application.test_cli_runner().invoke(args=["doctor", "--offline"]).output
        assert "SICK  database: our time-outs don't hold" in told
    finally:
        webhooks.stop(application)
        db.current().dispose()
