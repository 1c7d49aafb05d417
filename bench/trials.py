"""How long does it take to try rules? `python -m bench.trials [--calls 10000]`

Simulates callers, runs saved calls, and holds a draft against recorded calls of the demonstration's people,
in a SQLite database of its own, with one process; in seconds of a processor.
"""

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select

DRAFT: dict[str, Any] = {
    "rules": [
        {"id": "vip", "when": [{"fact": "customer.tag", "is": ["vip"]}], "then": {"first": "supervisor"}},
        {"id": "monday", "when": [{"fact": "weekday", "is": ["mo"]}], "then": {"wait_for_team_seconds": 60}},
        {
            "id": "late",
            "when": [{"fact": "time", "between": ["16:00", "24:00"]}],
            "then": {"only": "promise"},
        },
    ],
    "ladder": {"owner_ring_seconds": 30},
}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, default=10_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="rd-trials-") as folder:
        os.environ["DATABASE_URL"] = f"sqlite:///{folder}/trials.db"
        os.environ.setdefault("ENV", "test")
        _measure(Path(folder), asked.calls)


def _measure(folder: Path, calls: int) -> None:
    from app.db import Database, bind
    from app.deployment import Defaults, Deployment
    from app.records.lines import Line
    from app.routing import comparing, trials
    from app.routing.asked_call import AskedCall
    from app.routing.rules import Rules
    from tests.parts import migrate

    now = datetime.now(UTC)
    deployment = Deployment("", Defaults("nl", "NL"))
    migrate(os.environ["DATABASE_URL"], folder)
    database = bind(Database(os.environ["DATABASE_URL"]))
    _fill(folder, now, calls)
    rules = Rules.written(DRAFT)
    with database.reading() as session:
        since = now - timedelta(days=4000)
        found, seconds = _timed(lambda: comparing.compare(session, rules, since, now, at_a_time=calls))
        what = f"{found.unknown} unknown, {len(found.changes)} listed"
        print(f"replay: {found.calls} calls in {seconds:.2f} s, {what}")
        line = session.scalar(select(Line.number).order_by(Line.number))
        made_up = AskedCall.read({"caller": {"handled_by": ["anna"]}, "line": line}, "NL")
        real = AskedCall.read({"from": "+31689010001", "line": line}, "NL")
        for name, call in (("made up", made_up), ("a number", real)):
            _, seconds = _timed(lambda call=call: _each(session, call, now, deployment))
            print(f"simulate {name}: {seconds / 100 * 1000:.1f} ms each")
        at = now.isoformat()
        said = [
            {"name": str(number), "call": {"caller": {"handled_by": ["anna"]}, "line": line, "at": at}}
            for number in range(1000)
        ]
        tests = trials.read(said, "NL")
        _, seconds = _timed(lambda: trials.run_tests(session, rules, now, deployment, tests))
        print(f"tests: 1000 in {seconds:.2f} s")
    print(f"memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB at most")
    database.dispose()


def _each(session: Any, call: Any, now: datetime, deployment: Any) -> None:
    from app.routing import simulation

    for _ in range(100):
        simulation.simulate(session, call, now=now, deployment=deployment).as_json("nl")


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    began = time.process_time()
    found = work()
    return found, time.process_time() - began


def _fill(folder: Path, now: datetime, calls: int) -> None:
    """Load the demonstration, and copy its calls into the past until there are enough."""
    from app import create_app, db
    from app.deployment import Defaults, Deployment
    from app.records.calls import Call, CallStep
    from config import load
    from demo.files import write
    from demo.recorded import record
    from tests.parts import test_settings

    write(folder / "demo", now)
    settings = load(test_settings(os.environ["DATABASE_URL"], "redis://127.0.0.1:1/0", folder))
    application = create_app(settings)
    for table in ("agents", "lines", "customers", "cases", "contacts"):
        application.test_cli_runner().invoke(args=["load", table, str(folder / "demo" / f"{table}.csv")])
    began = time.process_time()
    with db.transaction() as session:
        there = record(session, now, Deployment("", Defaults("nl", "NL")))
    print(f"the demonstration's calls: {there} in {time.process_time() - began:.2f} s")
    with db.patient_transaction() as session:
        connection = session.connection()
        of_calls = [dict(row) for row in connection.execute(select(Call.__table__)).mappings()]
        of_steps = [dict(row) for row in connection.execute(select(CallStep.__table__)).mappings()]
        for copy in range(1, calls // there + 1):
            for rows, table in ((of_calls, Call.__table__), (of_steps, CallStep.__table__)):
                name = "sid" if table is Call.__table__ else "call_sid"
                moved = [row | {name: f"{row[name]}{copy}", **_earlier(row, copy)} for row in rows]
                connection.execute(insert(table), moved)


def _earlier(row: dict[str, Any], copy: int) -> dict[str, Any]:
    return {
        name: value - timedelta(days=28 * copy) for name, value in row.items() if isinstance(value, datetime)
    }


if __name__ == "__main__":
    main()
