"""Who ends the children when their parent was killed and can't? A process that waits for just that.

The warden holds one end of a pipe. However its owner dies, the other end closes, and the warden ends the
process groups it was told about. Unlike Linux's parent-death signal this reaches grandchildren (a web
server's workers, a job's own process), survives a change of user, and works on macOS.

Started as a file, with the standard library alone, so that it costs little and survives a broken environment.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import IO

GRACE_SECONDS = 5.0


class Warden:
    """The owner's side: name what must not outlive this process."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._groups: dict[int, int] = {}
        self._folders: list[Path] = []

    def guard(self, group: int, ending: int = signal.SIGTERM) -> None:
        """End this process group, first with the signal `ending`, should this process die."""
        self._groups[group] = ending
        self._tell(f"+ {group} {int(ending)}")

    def release(self, group: int) -> None:
        """The group is gone; its number may soon be another's."""
        if self._groups.pop(group, None) is not None:
            self._tell(f"- {group}")

    def remove(self, folder: Path) -> None:
        """Delete this folder once the groups are gone, should this process die."""
        self._folders.append(folder)
        self._tell(f"rm {folder}")

    def close(self) -> None:
        """End what is still guarded, now."""
        if self._process and self._process.stdin:
            self._process.stdin.close()
            self._process.wait()
            self._process = None

    def _tell(self, line: str) -> None:
        try:
            self._write([line])
        except OSError:
            # The warden itself was killed: another one must know everything.
            self._process = None
            groups = [f"+ {group} {int(ending)}" for group, ending in self._groups.items()]
            self._write([*groups, *(f"rm {folder}" for folder in self._folders)])

    def _write(self, lines: Iterable[str]) -> None:
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", __file__],
                stdin=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
        assert self._process.stdin
        for line in lines:
            self._process.stdin.write(line + "\n")
        self._process.stdin.flush()


def watch(orders: IO[str]) -> None:
    """Take orders until the owner is gone, then end what it left behind."""
    groups: dict[int, int] = {}
    folders: list[str] = []
    for line in orders:
        match line.rstrip("\n").split(" ", 1):
            case ["+", rest]:
                group, ending = rest.split()
                groups[int(group)] = int(ending)
            case ["-", group]:
                groups.pop(int(group), None)
            case ["rm", folder]:
                folders.append(folder)
    # What was started last leans on what was started first.
    end_groups(dict(reversed(groups.items())), GRACE_SECONDS)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)


def end_groups(groups: dict[int, int], grace_seconds: float) -> None:
    """Send each group its signal; kill those still there after `grace_seconds`."""
    for group, ending in groups.items():
        _send(group, ending)
    patience = time.monotonic() + grace_seconds
    while any(_send(group, 0) for group in groups) and time.monotonic() < patience:
        time.sleep(0.05)
    for group in groups:
        _send(group, signal.SIGKILL)


def _send(group: int, number: int) -> bool:
    """Signal a group; False when nobody is left in it."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    except PermissionError:
        # macOS says so of a group in which only zombies are left.
        return False
    return True


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    with contextlib.suppress(KeyboardInterrupt):
        watch(sys.stdin)
