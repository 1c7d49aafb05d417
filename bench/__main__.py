"""What does a call cost? `python -m bench [--quick] [--large] [--only NAME] [--json FILE]`.

Prints a table; each figure is a ratio to a floor that was measured beside it, or says its unit. Starts a
PostgreSQL and a Redis of its own and ends them.
"""

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from bench.figures import Figure, table
from bench.load import NotAsExpected
from bench.measurements import ALL
from bench.run import Run
from bench.servers import Machine
from startup.postgres_server import NoPostgres
from startup.process import NotReady
from startup.redis_server import NoRedis
from startup.warden import Warden

COUNTED = ("flask", "uvicorn", "sqlalchemy", "psycopg", "redis", "twilio")


def main() -> int:
    options = _options()
    warden = Warden()
    figures: list[Figure] = []
    failed: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="rd-bench-") as folder:
        machine = Machine(Path(folder), warden)
        run = Run(machine, quick=options.quick, large=options.large)
        try:
            for name in options.only or ALL:
                began = time.monotonic()
                try:
                    found = ALL[name](run)
                except (NotAsExpected, NotReady) as error:
                    failed[name] = str(error)
                    print(f"{name}: not measured: {error}", file=sys.stderr, flush=True)
                    continue
                figures += found
                print(f"{name}: {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
        except (NoPostgres, NoRedis) as error:
            print(error, file=sys.stderr)
            return 2
        finally:
            run.close()
            machine.close()
            warden.close()
    print(table(figures))
    if options.json:
        _write(options.json, figures, failed, run)
    return 1 if failed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="What a call costs, as ratios.")
    parser.add_argument("--quick", action="store_true", help="fewer rounds and smaller towns: a few minutes")
    parser.add_argument("--large", action="store_true", help="a town of ten million numbers as well; long")
    parser.add_argument(
        "--only", action="append", choices=list(ALL), metavar="NAME", help=f"one of: {', '.join(ALL)}"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything that was seen to FILE")
    return parser.parse_args()


def _write(path: Path, figures: list[Figure], failed: dict[str, str], run: Run) -> None:
    """Write what was found, for comparing two runs; the absolute values mean nothing on another machine."""
    found = {
        "machine": {"cores": os.cpu_count(), "python": platform.python_version()},
        "versions": {name: version(name) for name in COUNTED},
        "quick": run.quick,
        "figures": [figure.as_json() for figure in figures],
        "not measured": failed,
        "seen": run.seen,
    }
    path.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    sys.exit(main())
