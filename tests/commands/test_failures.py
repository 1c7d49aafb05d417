"""Does a command over a database that fails end with one line that says what to mend?"""

import socket
import sqlite3
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import click
import psycopg
import pytest
from click.testing import Result

import app.db
from app import create_app
from app.voice import webhooks
from config import Settings, load
from startup import commands
from startup.postgres_server import PostgresServer
from tests import databases
from tests.parts import ROOT, clean_environment, test_settings

FILE = "FILE"  # stands for a file that is there

# Every command that asks the database something, with what it needs to come that far.
LOADED = ("agents", "lines", "dates", "customers", "cases", "contacts", "topics", "examples")
ASKING = {
    "carrier reconcile": (),
    "db upgrade": (),
    "directory let-in": ("anna@example.nl",),
    "directory reopen": ("anna@example.nl",),
    "directory unlink": ("anna@example.nl",),
    "doctor": ("--offline",),
    "erase customer": ("K1",),
    "erase number": ("0612345678",),
    "erase status": ("1",),
    "export customer": ("K1", "/dev/null"),
    "export number": ("0612345678", "/dev/null"),
    "hooks add": ("https://crm.example.nl/", "--events", "all"),
    "hooks enable": ("1",),
    "hooks list": (),
    "hooks remove": ("1",),
    "hooks test": ("1",),
    **{f"load {kind}": (FILE,) for kind in LOADED},
    "audit forget": (),
    "audit head": (),
    "audit new-key": ("--why", "lost"),
    "audit verify": (),
    "numbers list": (),
    "numbers nobodys": ("0612345678",),
    "numbers somebodys": ("0612345678",),
    "rules check": (),
    "rules publish": (FILE, "--why", "because"),
    "rules rollback": ("1",),
    "rules replay": ("--since", "2026-01-01T00:00:00Z", "--until", "2026-02-01T00:00:00Z"),
    "rules show": (),
    "rules simulate": ("+31612345678",),
    "rules test": (),
    "rules versions": (),
    "topics learn": (),
    "topics match": ("mijn paspoort is verlopen",),
    "topics pack": ("nl-municipality",),
    "tokens create": ("crm", "--scope", "read"),
    "tokens list": (),
    "tokens rotate": ("crm",),
    "tokens revoke": ("crm",),
    "users create": ("anna@example.nl", "--role", "admin"),
    "users invite": ("anna@example.nl",),
    "users list": (),
    "users reset-factors": ("anna@example.nl",),
    "users reset-password": ("anna@example.nl",),
    "users sign-out": ("--everybody",),
}
# On SQLite there are no rights to give.
ASK_NOTHING = {"carrier set-up", "audit grants"}
FILES = {
    "agents": "agent,name,spoken_name,email,team,phone,language\nanna,Anna,Anna,,Burgerzaken,,nl\n",
    "lines": "number,name,language,country,team,timezone,hours\n"
    "+31201234500,X,nl,NL,Burgerzaken,Europe/Amsterdam,\n",
    "dates": "line,date,until,hours,why\n+31201234500,2026-12-24,,closed,\n",
    "customers": "customer,name,phones,language,postcode,tags\nK1,Ada,+31612345678,nl,,\n",
    "cases": "case,customer,subject,team,status,priority,opened_at,url,owner\n"
    "Z1,K1,Paspoort,Burgerzaken,open,normal,2026-11-01T10:00:00+01:00,,\n",
    "contacts": "contact,case,agent,channel,direction,started_at,seconds,outcome,summary\n"
    "C1,Z1,anna,call,inbound,2026-11-01T10:00:00+01:00,60,,\n",
    "topics": "topic,name,team,words,language\npas,Paspoort,Burgerzaken,paspoort|id-kaart,nl\n",
    "examples": "text,topic\nmijn paspoort is verlopen,pas\n",
}


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def usual(redis_url: str, tmp_path: Path) -> Settings:
    return load(test_settings(f"sqlite:///{tmp_path}/rechtdoor.db", redis_url, tmp_path))


def run(settings: Settings, database_url: str, *words: str) -> Result:
    """Type a command of an installation over this database."""
    application = create_app(replace(settings, database_url=database_url))
    try:
        return application.test_cli_runner().invoke(args=list(words))
    finally:
        webhooks.stop(application)
        app.db.current().dispose()


def said(result: Result) -> str:
    """Return the one line that a command which failed ended with."""
    assert result.exit_code == 1, result.output
    assert isinstance(result.exception, SystemExit), result.exception
    [line] = result.stderr.strip().splitlines()[-1:]
    assert line.startswith("Error: ")
    return line.removeprefix("Error: ")


def test_every_command_is_known_here(usual: Settings) -> None:
    application = create_app(usual)
    found = set()
    context = click.Context(application.cli)
    for name in set(application.cli.list_commands(context)):
        named = application.cli.get_command(context, name)
        assert named is not None
        command = named.make_context(name, [], parent=context, resilient_parsing=True).command
        inner = command.commands if isinstance(command, click.Group) else {}
        found |= {f"{name} {one}" for one in inner} or {name}
    webhooks.stop(application)
    assert found == ASKING.keys() | ASK_NOTHING


@pytest.mark.parametrize("command", ASKING)
def test_a_database_that_nobody_started_is_told_in_one_line(
    usual: Settings, free_port: int, tmp_path: Path, command: str
) -> None:
    file = tmp_path / "file"
    file.write_text(FILES.get(command.removeprefix("load "), "{}"))
    words = [str(file) if word is FILE else word for word in ASKING[command]]
    url = f"postgresql+psycopg://rechtdoor:secret@127.0.0.1:{free_port}/rechtdoor"

    result = run(usual, url, *command.split(), *words)

    wanted = f"no database answers at 127.0.0.1:{free_port}: start it, or mend DATABASE_URL"
    if command == "doctor":
        assert f"SICK  database: {wanted}" in result.output
        assert "of the checks failed" in said(result)
    else:
        assert said(result) == wanted
        assert len([line for line in result.stderr.splitlines() if "Error" in line]) == 1
    assert "secret" not in result.output


def test_an_operator_in_a_shell_reads_that_line_and_no_trace(free_port: int, tmp_path: Path) -> None:
    url = f"postgresql://rechtdoor:secret@127.0.0.1:{free_port}/rechtdoor"
    done = subprocess.run(
        commands.flask("db", "upgrade"),
        env={**clean_environment(), **test_settings(url, "redis://127.0.0.1:1/0", tmp_path), "LANG": "nl_NL"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        f"Error: er antwoordt geen database op 127.0.0.1:{free_port}: start hem, of verbeter DATABASE_URL"
    ]


# --- PostgreSQL ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("of", "to", "wanted"),
    [
        ("/test", "/nothing_here", "there is no database “nothing_here”"),
        ("postgres@", "nobody_here@", "does not let “nobody_here” into “test” with this password"),
    ],
)
def test_a_database_or_a_user_that_the_server_does_not_know_is_named(
    usual: Settings, postgres_server: PostgresServer, of: str, to: str, wanted: str
) -> None:
    url = postgres_server.url("test").replace(of, to)

    assert wanted in said(run(usual, url, "db", "upgrade"))
    assert wanted in said(run(usual, url, "users", "list"))


@contextmanager
def server_that_says(words: str) -> Iterator[int]:
    """Be a PostgreSQL that answers everybody who connects with these words; yield its port."""

    def answer() -> None:
        with suppress(OSError):
            while True:
                client, _ = listening.accept()
                with client:
                    client.recv(1024)  # may we speak TLS?
                    client.sendall(b"N")
                    client.recv(1024)
                    fields = f"SFATAL\0VFATAL\0C28000\0M{words}\0\0".encode()
                    client.sendall(b"E" + (len(fields) + 4).to_bytes(4, "big") + fields)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=answer)
        thread.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)
    thread.join()


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ('password authentication failed for user "rechtdoor"', "mend user and password"),
        ('no pg_hba.conf entry for host "::1", user "rechtdoor", database "x"', "let the user in"),
        ("sorry, too many clients already", "takes no more connections"),
        ("the database system is starting up", "wait until it has started"),
        ("unsupported startup parameter: options", "put ?pooler=transaction behind DATABASE_URL"),
        ("unsupported startup parameter in options: statement_timeout", "put ?pooler=transaction behind"),
        ("wachtwoord van „rechtdoor” is onjuist", "mend DATABASE_URL"),
    ],
)
def test_a_server_that_lets_nobody_in_is_understood(usual: Settings, words: str, wanted: str) -> None:
    with server_that_says(words) as port:
        url = f"postgresql+psycopg://rechtdoor:secret@127.0.0.1:{port}/rechtdoor"
        result = run(usual, url, "tokens", "list")

    assert wanted in said(result)
    assert "secret" not in result.output


def test_a_database_that_takes_no_writes_is_named(
    usual: Settings, postgres_server: PostgresServer, migrated_postgres: str
) -> None:
    url = postgres_server.url(migrated_postgres)
    with psycopg.connect(postgres_server.url("postgres").replace("+psycopg", ""), autocommit=True) as server:
        server.execute(f"ALTER DATABASE {migrated_postgres} SET default_transaction_read_only = on")
        try:
            line = said(run(usual, url, "tokens", "create", "crm", "--scope", "read"))
        finally:
            server.execute(f"ALTER DATABASE {migrated_postgres} RESET default_transaction_read_only")
            # Other tests' databases are copies of this one, which takes that nobody is in it.
            app.db.current().dispose()

    assert line.startswith("nothing can be written to the database")


# --- SQLite --------------------------------------------------------------------------------------------


def test_a_file_that_may_only_be_read_is_named(usual: Settings, migrated_sqlite: Path) -> None:
    url = f"sqlite:///file:{migrated_sqlite}?mode=ro&uri=true"

    assert run(usual, url, "tokens", "list").exit_code == 0
    line = said(run(usual, url, "tokens", "create", "crm", "--scope", "read"))
    assert line.startswith("nothing can be written to the database")


def test_a_file_that_another_program_holds_is_named(usual: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app.db, "SQLITE_BUSY_SECONDS", 0.1)
    assert run(usual, usual.database_url, "db", "upgrade").exit_code == 0
    with closing(sqlite3.connect(usual.database_url.removeprefix("sqlite:///"))) as another:
        another.execute("BEGIN IMMEDIATE")
        line = said(run(usual, usual.database_url, "tokens", "create", "crm", "--scope", "read"))

    assert line.startswith("another program holds the database")


def test_what_is_no_database_is_named(usual: Settings, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Geachte heer, mevrouw,\n" * 100)

    assert "is no database" in said(run(usual, f"sqlite:///{tmp_path}/letter.txt", "users", "list"))
    # A folder that can't be made.
    url = f"sqlite:///{tmp_path}/letter.txt/rechtdoor.db"
    assert "can't be opened" in said(run(usual, url, "db", "upgrade"))


# --- its shape -----------------------------------------------------------------------------------------


def test_tables_that_are_not_there_yet_are_to_be_made(
    usual: Settings, postgres_server: PostgresServer
) -> None:
    for url in (usual.database_url, databases.create(postgres_server, "never_upgraded")):
        assert said(run(usual, url, "users", "list")) == (
            "the tables are older than this program: flask --app wsgi db upgrade"
        )


def test_tables_of_a_newer_program_are_left_alone(usual: Settings) -> None:
    assert run(usual, usual.database_url, "db", "upgrade").exit_code == 0
    with closing(sqlite3.connect(usual.database_url.removeprefix("sqlite:///"))) as file, file:
        file.execute("UPDATE alembic_version SET version_num = '9999'")

    assert said(run(usual, usual.database_url, "db", "upgrade")).startswith("the tables are newer")
