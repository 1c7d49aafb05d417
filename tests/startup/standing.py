"""A supervisor over shell commands: `python -m tests.startup.standing FOLDER SECONDS NAME=COMMAND …`

Commands run in FOLDER, and have so many seconds to end. Prints `all are up` once they have been started.
"""

import subprocess
import sys
from pathlib import Path

from startup.problems import in_plain_words
from startup.process import Process
from startup.supervisor import Supervisor
from startup.terminal import Terminal
from startup.warden import Warden


def main(folder: Path, end_seconds: float, commands: list[str]) -> int:
    def work(terminal: Terminal) -> None:
        warden = Warden()
        with Supervisor(terminal) as supervisor:
            for name, command in (words.split("=", 1) for words in commands):
                supervisor.start(
                    Process(
                        name=name,
                        command=["/bin/sh", "-c", command],
                        warden=warden,
                        folder=folder,
                        output=subprocess.PIPE,
                        end_seconds=end_seconds,
                    )
                )
            terminal.say("all are up")
            supervisor.watch()

    return in_plain_words(work)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3:]))
