"""How does one process learn for all? Beside it, in a process of its own: calls never wait for learning.

`python -m app.topics.teacher` reads topics and examples as JSON from its input and writes what was learnt.
"""

import base64
import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from app import db
from app.errors import ApplicationError
from app.topics import store
from app.topics.store import Known

# Ten thousand sentences take a minute of a busy machine.
LONGEST_SECONDS = 900


class NotLearnt(ApplicationError):
    """Nothing could be learnt; the message says why, for an operator."""


def learn(now: datetime) -> dict[str, object] | None:
    """Learn from what there is and keep it; return how right it was, None when there is nothing.

    Raises NotLearnt.
    """
    with db.patient_reading() as session:
        # First: what is changed meanwhile is learnt the next time.
        numbers = store.revision(session)
        known, examples = store.topics(session), store.examples(session)
    if numbers is None or not known:
        return None
    answer = _apart(json.dumps({"topics": [vars(one) for one in known], "examples": examples}))
    report: dict[str, object] = answer["report"]
    with db.transaction() as session:
        store.keep_learnt(session, numbers[0], base64.b64decode(answer["learnt"]), report, now)
    return report


def _apart(asked: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "app.topics.teacher"]
    try:
        done = subprocess.run(
            command,
            input=asked.encode(),
            capture_output=True,
            timeout=LONGEST_SECONDS,
            check=False,
            cwd=Path(__file__).parents[2],
            env={"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotLearnt(type(error).__name__) from error
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise NotLearnt(last[0] if last else "no answer")
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def main() -> None:
    from app.topics import training

    asked = json.load(sys.stdin)
    known = [
        Known(**one | {"words": tuple(one["words"]), "learnt": tuple(one["learnt"])})
        for one in asked["topics"]
    ]
    fitted, report = training.fit(known, [(text, topic) for text, topic in asked["examples"]])
    answer = {"learnt": base64.b64encode(fitted.as_bytes()).decode(), "report": report.as_json()}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
