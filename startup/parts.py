"""Of which processes does one machine's installation consist?"""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Parts:
    """Makes the processes, each with the same environment, its words going to the supervisor's terminal."""

    env: Mapping[str, str]
    warden: Warden

    def web(self, host: str, port: int, workers: int = 1) -> Process:
        reached = LOOPBACK if host in ("0.0.0.0", "::", "") else host
        return self._process("web", commands.web(host, port, workers), f"http://{reached}:{port}/healthz")

    def worker(self) -> Process:
        return self._process("worker", commands.worker())

    def phonebox(self, port: int, app_url: str, files: Path) -> Process:
        """The telephone company, with the telephone book and the lines in `files` where there are any."""
        command = commands.phonebox(port, app_url, self.env)
        command += ["--state-file", str(VAR / "phonebox.json")]
        for option in ("phonebook", "lines"):
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
