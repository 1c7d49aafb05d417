"""Does a start that can't succeed say why, and how to mend it?"""

import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from startup import environment, venv
from startup.lock import AlreadyRunning, only_one
from startup.ports import PortTaken, free_port, listen, require_free
from startup.problems import BadSetting, number
from startup.process import NotReady, Process
from startup.supervisor import StepFailed, Supervisor
from startup.terminal import Terminal
from startup.warden import Warden


def test_a_second_start_names_the_first(tmp_path: Path) -> None:
    hold = "import sys; from pathlib import Path; from startup.lock import only_one\n"
    hold += "with only_one(Path(sys.argv[1]), 'it'): print('held', flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", hold, str(tmp_path / "lock")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as first:
        assert first.stdin
        assert first.stdout
        assert first.stdout.readline() == b"held\n"

        with pytest.raises(AlreadyRunning, match=f"process {first.pid}"), only_one(tmp_path / "lock", "it"):
            pass
        first.stdin.close()

    with only_one(tmp_path / "lock", "it"):
        pass


def test_a_taken_port_is_named_with_the_setting_that_changes_it() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(PortTaken, match=rf"port {port}, meant for pages.*PORT={port + 10}"):
            require_free(port, "127.0.0.1", "PORT", "pages")
        with pytest.raises(PortTaken, match=f"port {port}"):
            listen(port, "127.0.0.1", "PORT", "pages")
    require_free(free_port(), "127.0.0.1", "PORT", "pages")


def test_who_calls_while_the_web_process_is_started_again_is_answered(warden: Warden) -> None:
    answer_one = (
        "import socket, sys; door = socket.socket(fileno=int(sys.argv[1])); "
        "caller, _ = door.accept(); caller.sendall(b'goedemiddag'); caller.close(); door.accept()"
    )
    with listen(free_port(), "127.0.0.1", "PORT", "pages") as door:
        number = door.fileno()
        web = Process(
            name="web",
            command=[sys.executable, "-c", answer_one, str(number)],
            warden=warden,
            hands=(number,),
        )
        for _ in range(2):
            # Nobody accepts yet, or any more: the connection waits at the port.
            with socket.create_connection(door.getsockname(), timeout=30) as caller:
                web.spawn()
                assert caller.recv(64) == b"goedemiddag"
            web.kill()


def test_answers_are_not_held_back_until_the_other_side_confirms() -> None:
    door = listen(free_port(), "127.0.0.1", "PORT", "pages")
    with door, socket.create_connection(door.getsockname()):
        accepted, _ = door.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_part_that_ends_at_once_is_told_and_the_others_are_stopped(
    warden: Warden, capfd: pytest.CaptureFixture[str]
) -> None:
    stays = _shell(warden, "stays", "sleep 1000")
    web = _shell(warden, "web", "echo no database; exit 4", ready=lambda: False)

    with pytest.raises(NotReady, match=r"ended \(exit code 4\)"):
        _start(stays, web)

    assert "web      │ no database" in capfd.readouterr().out
    assert not stays.is_running


def test_a_step_that_fails_stops_the_start(warden: Warden) -> None:
    step = _shell(warden, "migrate", "exit 2")

    with Supervisor(Terminal()) as supervisor, pytest.raises(StepFailed, match=r"failed \(exit code 2\)"):
        supervisor.run(step)


def test_a_number_that_is_none_names_its_setting() -> None:
    with pytest.raises(BadSetting, match="PORT: “http”"):
        number({"PORT": "http"}, "PORT", 8000)


def test_a_settings_file_is_read_as_a_shell_would(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("# comment\n\nexport PORT=8080 # why\nFALLBACK_NUMBERS='+31201234567, +3110'\nEMPTY=\n")

    assert environment.read_file(file) == {
        "PORT": "8080",
        "FALLBACK_NUMBERS": "+31201234567, +3110",
        "EMPTY": "",
    }
    assert environment.read_file(tmp_path / "absent") == {}


@pytest.mark.parametrize("line", ["PORT 8000", "NAME=two words", "NAME='unclosed", "1X=2"])
def test_a_settings_line_that_can_not_be_read_is_named(tmp_path: Path, line: str) -> None:
    file = tmp_path / ".env"
    file.write_text(f"GOOD=1\n{line}\n")

    with pytest.raises(environment.BadLine, match=r"\.env, line 2"):
        environment.read_file(file)


def test_the_shell_wins_over_the_settings_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("PORT=1\nDEFAULT_LANGUAGE=en\nENV=production\n")
    monkeypatch.setenv("PORT", "2")
    monkeypatch.setenv("ENV", "")

    env = environment.deployed(tmp_path)

    assert (env["PORT"], env["DEFAULT_LANGUAGE"], env["ENV"]) == ("2", "en", "production")


def test_development_secrets_are_made_up_once_and_are_nobody_elses_to_read(tmp_path: Path) -> None:
    first = environment.development_secrets(tmp_path / "var" / "here.env")
    again = environment.development_secrets(tmp_path / "var" / "here.env")
    elsewhere = environment.development_secrets(tmp_path / "there.env")

    assert first == again
    assert not set(first.values()) & set(elsewhere.values())
    assert stat.S_IMODE((tmp_path / "var" / "here.env").stat().st_mode) == 0o600


def test_installing_is_done_again_only_when_what_is_listed_changes(tmp_path: Path) -> None:
    for name in venv.FILES["dev"]:
        (tmp_path / name).write_text(f"# {name}\n")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "python").symlink_to(sys.executable)
    before = {kind: venv.fingerprint(tmp_path, kind) for kind in venv.FILES}
    for kind, mark in before.items():
        (tmp_path / ".venv" / f"installed-{kind}").write_text(mark)
    assert venv.is_installed(tmp_path, tmp_path / ".venv", "run")

    (tmp_path / "requirements-dev.txt").write_text("pytest\n")

    assert venv.is_installed(tmp_path, tmp_path / ".venv", "run")
    assert not venv.is_installed(tmp_path, tmp_path / ".venv", "dev")


def _shell(warden: Warden, name: str, command: str, ready: Callable[[], bool] | None = None) -> Process:
    return Process(
        name=name, command=["/bin/sh", "-c", command], warden=warden, output=subprocess.PIPE, ready=ready
    )


def _start(*parts: Process) -> None:
    with Supervisor(Terminal()) as supervisor:
        for part in parts:
            supervisor.start(part)
