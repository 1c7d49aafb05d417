"""Do the parts that every other test stands on hold?"""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest
import redis
from playwright.sync_api import Page
from sqlalchemy import text

from app.db import Database, transaction
from startup.postgres_server import PostgresServer
from startup.process import Process
from startup.redis_server import redis_server as new_redis_server
from startup.warden import Warden
from tests.parts import ROOT
from tests.startup.waiting import eventually, is_alive

OWNER_OF_SERVERS = """
import sys
from pathlib import Path
from startup.postgres_server import postgres_server
from startup.redis_server import redis_server
from startup.warden import Warden

warden = Warden()
postgres = postgres_server(warden)
redis, _ = redis_server(Path(sys.argv[1]), warden, output=Path(sys.argv[1]) / "log")
redis.start()
print(postgres.process.pid, redis.pid, postgres.folder, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("which", ["first", "second"])
def test_each_test_has_an_empty_database_of_its_own(database: Database, which: str) -> None:
    with transaction() as session:
        assert session.execute(text("select count(*) from customers")).scalar_one() == 0
        # Fails if the other one left its own behind.
        session.execute(text("create table left_behind (id integer)"))


def test_the_database_is_the_kind_that_was_asked_for(database: Database, database_kind: str) -> None:
    assert database.engine.dialect.name == database_kind


def test_each_test_has_an_empty_redis(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as connection:
        assert connection.dbsize() == 0


def test_what_redis_was_told_survives_its_end(tmp_path: Path, warden: Warden) -> None:
    server, url = new_redis_server(tmp_path / "with space", warden, output=tmp_path / "log")
    server.start()
    with redis.Redis.from_url(url) as connection:
        connection.set("promise", "tomorrow at ten")
    assert server.stop() == 0

    server.start()

    with redis.Redis.from_url(url) as connection:
        assert connection.get("promise") == b"tomorrow at ten"
    server.stop()


def test_nobody_else_on_the_machine_may_use_our_redis(redis_server: tuple[Process, str]) -> None:
    _, url = redis_server
    stranger = "redis://" + url.split("@", 1)[1]

    with redis.Redis.from_url(stranger) as connection, pytest.raises(redis.AuthenticationError):
        connection.ping()


def test_what_postgresql_committed_survives_a_kill(postgres_server: PostgresServer) -> None:
    url = postgres_server.url("postgres").replace("+psycopg", "")
    with psycopg.connect(url) as connection:
        connection.execute("create table if not exists kept (what text)")
        connection.execute("insert into kept values ('promise')")

    postgres_server.kill()
    postgres_server.start()

    with psycopg.connect(url) as connection:
        assert connection.execute("select what from kept").fetchone() == ("promise",)
        connection.execute("drop table kept")


def test_servers_and_their_data_are_gone_after_their_owner_was_killed(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OWNER_OF_SERVERS, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    ) as owner:
        assert owner.stdout
        postgres, valkey, folder = owner.stdout.readline().decode().split()

        os.kill(owner.pid, signal.SIGKILL)

    assert eventually(lambda: not is_alive(int(postgres)) and not is_alive(int(valkey)))
    assert eventually(lambda: not Path(folder).exists())


def test_a_page_is_shown_in_the_callers_language(page: Page) -> None:
    page.goto("data:text/html,<h1>Goedemiddag</h1>")

    assert page.inner_text("h1") == "Goedemiddag"
    assert page.evaluate("navigator.language") == "nl-NL"
