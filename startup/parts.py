"""Of which processes does one machine's installation consist?"""

import socket
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from startup import commands
from startup.ports import LOOPBACK
from startup.probes import answers_http
from startup.process import Process
from startup.warden import Warden

ROOT = Path(__file__).resolve().parent.parent
VAR = ROOT / "var"
SECRETS = VAR / "development.env"
# For whoever types commands beside a running `make run`: where its parts are at the moment.
RUNNING = VAR / "running.env"


def _reached(host: str) -> str:
    """Return where we ourselves reach a server that listens on `host`, as a URL has it."""
    own = {"0.0.0.0": LOOPBACK, "": LOOPBACK, "::": "::1"}.get(host, host)
    return f"[{own}]" if ":" in own else own


@dataclass(frozen=True)
class Parts:
    """Makes the processes, each with the same environment, its words going to the supervisor's terminal."""

    env: Mapping[str, str]
    warden: Warden

    def web(self, door: socket.socket, workers: int = 1) -> Process:
        """The web process, behind a port that we hold."""
        host, port = door.getsockname()[:2]
        command = commands.web_at(door.fileno(), workers=workers)
        return replace(
            self._process("web", command, f"http://{_reached(host)}:{port}/healthz"), hands=(door.fileno(),)
        )

    def fallback(self, port: int, host: str) -> Process:
        """The last resort, which outlives the web process."""
        ready_url = f"http://{_reached(host)}:{port}/healthz"
        return self._process("fallback", commands.fallback(host, port), ready_url)

    def worker(self) -> Process:
        return self._process("worker", commands.worker())

    def phonebox(self, port: int, app_url: str, files: Path) -> Process:
        """The telephone company, with what `files` holds of callers, lines and whose telephones there are."""
        command = commands.phonebox(port, app_url, self.env)
        command += ["--state-file", str(VAR / "phonebox.json")]
        for option in ("phonebook", "lines", "telephones"):
            if (file := files / f"{option}.json").exists():
                command += [f"--{option}", str(file)]
        return self._process("phonebox", command, f"http://{LOOPBACK}:{port}/phonebox/endpoints")

    def step(self, name: str, command: list[str]) -> Process:
        """A command that runs to its end."""
        return self._process(name, command)

    def _process(self, name: str, command: list[str], ready_url: str | None = None) -> Process:
        return Process(
            name=name,
            command=command,
            warden=self.warden,
            # Unbuffered, so that what is said arrives when it is said.
            env={**self.env, "PYTHONUNBUFFERED": "1"},
            folder=ROOT,
            output=subprocess.PIPE,
            ready=(lambda: answers_http(ready_url)) if ready_url else None,
        )
