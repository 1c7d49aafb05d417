"""Does the supervisor keep what it started running, and take all of it down again?"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.parts import ROOT
from tests.startup.waiting import LONGEST_SECONDS, eventually, is_alive, pid_in

# Writes down who it is, has a child of its own, and stays.
STAYS = "sleep 1000 & echo $! > {0}.child; trap 'echo {0} >> ended; exit 0' TERM; echo $$ > {0}.pid; wait"


class Standing:
    """A running supervisor, and what it said."""

    def __init__(self, folder: Path, end_seconds: float, **commands: str) -> None:
        self.folder = folder
        self.output = folder / "said"
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "tests.startup.standing", str(folder), str(end_seconds)),
                    *(f"{name}={command}" for name, command in commands.items()),
                ],
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                start_new_session=True,
            )

    @property
    def said(self) -> str:
        return self.output.read_text()

    def pid(self, name: str) -> int:
        return pid_in(self.folder / f"{name}.pid")

    def child_of(self, name: str) -> int:
        return pid_in(self.folder / f"{name}.child")

    def is_up(self) -> None:
        assert eventually(lambda: "all are up" in self.said), self.said


@pytest.fixture
def standing(tmp_path: Path) -> Iterator[Callable[..., Standing]]:
    started: list[Standing] = []

    def start(end_seconds: float = LONGEST_SECONDS, **commands: str) -> Standing:
        started.append(Standing(tmp_path, end_seconds, **commands))
        return started[-1]

    yield start
    for each in started:
        each.process.terminate()
        each.process.wait()


def test_a_killed_part_is_started_again(standing: Callable[..., Standing]) -> None:
    supervisor = standing(web=STAYS.format("web"))
    supervisor.is_up()
    first, its_child = supervisor.pid("web"), supervisor.child_of("web")

    os.kill(first, signal.SIGKILL)

    assert eventually(lambda: supervisor.pid("web") != first)
    assert eventually(lambda: not is_alive(its_child)), "what the killed part had started lives on"
    assert "web was ended by SIGKILL" in supervisor.said


def test_a_part_that_keeps_ending_is_started_a_few_times_a_minute_and_not_given_up(
    standing: Callable[..., Standing],
) -> None:
    supervisor = standing(worker="echo once >> starts; exit 3")

    def waits() -> list[float]:
        lines = [line for line in supervisor.said.splitlines() if "ended with code 3" in line]
        return [float(line.rsplit(" ", 2)[1]) for line in lines]

    assert eventually(lambda: len(waits()) == 6), supervisor.said
    assert waits()[:5] == [0.2] * 5
    assert waits()[5] > 10
    assert len((supervisor.folder / "starts").read_text().splitlines()) == 6


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_all_parts_end_in_the_opposite_order_when_it_is_stopped(
    standing: Callable[..., Standing], number: signal.Signals
) -> None:
    supervisor = standing(redis=STAYS.format("redis"), web=STAYS.format("web"))
    supervisor.is_up()
    everybody = [f(name) for f in (supervisor.pid, supervisor.child_of) for name in ("redis", "web")]

    supervisor.process.send_signal(number)

    assert supervisor.process.wait() == 0
    assert (supervisor.folder / "ended").read_text().split() == ["web", "redis"]
    assert eventually(lambda: not any(map(is_alive, everybody)))


def test_nobody_is_left_when_it_is_killed_itself(standing: Callable[..., Standing]) -> None:
    supervisor = standing(redis=STAYS.format("redis"), web=STAYS.format("web"))
    supervisor.is_up()
    everybody = [f(name) for f in (supervisor.pid, supervisor.child_of) for name in ("redis", "web")]

    supervisor.process.kill()

    assert eventually(lambda: not any(map(is_alive, everybody)))


def test_a_part_that_will_not_end_is_killed(standing: Callable[..., Standing]) -> None:
    supervisor = standing(end_seconds=1, web="trap '' TERM; echo $$ > web.pid; while :; do sleep 1; done")
    supervisor.is_up()
    web = supervisor.pid("web")

    supervisor.process.terminate()

    assert supervisor.process.wait() == 0
    assert not is_alive(web)
    assert "web did not end within 1 s and is killed" in supervisor.said


def test_each_line_says_whose_it_is_also_the_last_words_of_one_that_ended(
    standing: Callable[..., Standing],
) -> None:
    in_pieces = "printf 'first\\nhalf'; printf ' a line'; echo $$ > worker.pid; sleep 1000"
    supervisor = standing(worker=in_pieces, web="printf last; echo $$ > web.pid; sleep 1000")
    supervisor.is_up()
    assert eventually(lambda: "worker   │ first\n" in supervisor.said)
    assert supervisor.pid("worker") != supervisor.pid("web"), "both have said what they say"

    supervisor.process.terminate()
    supervisor.process.wait()

    assert "worker   │ half a line\n" in supervisor.said
    assert "web      │ last\n" in supervisor.said


def test_it_stops_in_order_when_nobody_reads_its_words_any_more(tmp_path: Path) -> None:
    chatty = (
        "trap 'echo web >> ended; exit 0' TERM; echo $$ > web.pid; while :; do echo here; sleep 0.02; done"
    )
    command = [
        sys.executable,
        "-m",
        "tests.startup.standing",
        str(tmp_path),
        str(LONGEST_SECONDS),
        f"web={chatty}",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT) as process:
        assert process.stdout
        assert process.stderr
        web = pid_in(tmp_path / "web.pid")
        process.stdout.readline()
        process.stdout.close()

        process.send_signal(signal.SIGHUP)

        assert process.wait() == 0
        assert process.stderr.read() == b""
    assert (tmp_path / "ended").read_text() == "web\n"
    assert not is_alive(web)
