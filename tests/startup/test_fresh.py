"""Does a demonstration that begins anew throw away its own data, and nobody else's?"""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from app.desk import newcomers
from startup import demo, fresh

OURS = "sqlite:///instance/rechtdoor.db"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout in which the demonstration was loaded, and something was done since."""
    folder = tmp_path / "var" / "demo"
    for made in (folder, tmp_path / "instance" / "spool", tmp_path / "var" / "redis"):
        made.mkdir(parents=True)
    (folder / "agents.csv").write_text("agent,name\nanna,Anna\n")
    (folder / "customers.csv").write_text("customer,name\nK-1,Jannie\n")
    (folder / "lines.csv").write_text("number,name\n+31780140100,Waterrijk\n")
    (folder / "loading.env").write_text(f"DATABASE_URL={OURS}\nPASSWORD=x\nCOMPLETE=yes\n")
    (tmp_path / "instance" / "spool" / "fact").write_text("{}")
    (tmp_path / "var" / "phonebox.json").write_text("{}")
    (tmp_path / "var" / "development.env").write_text("SECRET_KEY=ours\n")
    with closing(database(tmp_path)) as connection:
        connection.executescript(
            "CREATE TABLE agents (key); CREATE TABLE customers (key); CREATE TABLE lines (number);"
            "INSERT INTO agents VALUES ('anna'); INSERT INTO customers VALUES ('K-1');"
        )
    return tmp_path


def database(checkout: Path) -> sqlite3.Connection:
    return sqlite3.connect(checkout / "instance" / "rechtdoor.db", isolation_level=None)


def begin_anew(checkout: Path, url: str = OURS, *, own_redis: bool = True) -> list[str]:
    gone = fresh.put_back(
        checkout,
        checkout / "var" / "demo",
        url,
        Path("instance/spool"),
        own_redis=checkout / "var" / "redis" if own_redis else None,
    )
    return [f"{path.relative_to(checkout)}" for path in gone]


def test_what_the_demonstration_made_is_gone_and_the_rest_stays(checkout: Path) -> None:
    gone = begin_anew(checkout)

    assert gone == ["instance/rechtdoor.db", "instance/spool", "var/redis", "var/phonebox.json", "var/demo"]
    assert [path.name for path in checkout.rglob("*") if path.is_file()] == ["development.env"]
    assert demo.loading(checkout / "var" / "demo") is None


def test_a_customer_whom_an_agent_made_during_a_call_is_part_of_the_demonstration(checkout: Path) -> None:
    with closing(database(checkout)) as connection:
        connection.execute(f"INSERT INTO customers VALUES ('{newcomers.PREFIX}2a39')")

    assert "instance/rechtdoor.db" in begin_anew(checkout)


def test_a_redis_that_is_not_ours_is_left_alone(checkout: Path) -> None:
    assert "var/redis" not in begin_anew(checkout, own_redis=False)


def test_there_is_nothing_to_throw_away_before_the_first_time(tmp_path: Path) -> None:
    assert begin_anew(tmp_path) == []


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("sqlite:///instance/another.db", "was not loaded into sqlite:///instance/another.db"),
        (
            "postgresql+psycopg://me:secret@db/rechtdoor",
            "was not loaded into postgresql.psycopg://db/rechtdoor",
        ),
    ],
)
def test_another_database_than_the_demonstrations_is_left_alone(checkout: Path, url: str, why: str) -> None:
    before = sorted(checkout.rglob("*"))

    with pytest.raises(fresh.NotOurs, match=why):
        begin_anew(checkout, url)
    assert sorted(checkout.rglob("*")) == before


@pytest.mark.parametrize("url", ["postgresql+psycopg://me:secret@db/demo", "sqlite:////elsewhere/demo.db"])
def test_a_demonstration_that_is_no_file_of_this_checkout_is_for_its_owner(checkout: Path, url: str) -> None:
    (checkout / "var" / "demo" / "loading.env").write_text(f"DATABASE_URL={url}\nPASSWORD=x\nCOMPLETE=yes\n")

    with pytest.raises(fresh.NotOurs, match="is no file of this checkout") as refused:
        begin_anew(checkout, url)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (
            "INSERT INTO customers VALUES ('REAL-7')",
            r"customers that the demonstration did not bring \(REAL-7\)",
        ),
        ("INSERT INTO lines VALUES ('+31201234567')", "lines that the demonstration did not bring"),
        ("DROP TABLE lines", "can't be read"),
    ],
)
def test_a_database_with_something_of_somebodys_own_in_it_is_left_alone(
    checkout: Path, row: str, why: str
) -> None:
    with closing(database(checkout)) as connection:
        connection.execute(row)

    with pytest.raises(fresh.NotOurs, match=why):
        begin_anew(checkout)
    assert (checkout / "instance" / "rechtdoor.db").exists()
    assert (checkout / "var" / "demo" / "agents.csv").exists()
