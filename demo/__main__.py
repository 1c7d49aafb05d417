"""How does one get the demonstration's files? `python -m demo DIRECTORY [--now ISO8601] [--seed N]`"""

import argparse
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from demo.files import DEFAULT_SEED, write
from demo.workdays import ZONE


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the files and say which; return 0, or 1 when the directory can't be written to."""
    options = _parser().parse_args(arguments)
    try:
        written = write(options.directory, options.now or datetime.now(UTC), options.seed)
    except OSError as error:
        print(f"demo: cannot write to {options.directory}: {error.strerror}", file=sys.stderr)
        return 1
    for name, count in written.items():
        print(f"{options.directory / name}: {count}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m demo", description="Write the demonstration's data.")
    parser.add_argument("directory", type=Path, help="where the files go; it is made when needed")
    parser.add_argument("--now", type=_moment, help="the moment up to which histories run; default: this one")
    parser.add_argument(
        "--seed", type=int, default=DEFAULT_SEED, help="another number, another draw of cases"
    )
    return parser


def _moment(text: str) -> datetime:
    """Return an ISO 8601 moment; without an offset it is a time in Amsterdam."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        message = f"{text!r} is no ISO 8601 moment; write it like 2025-11-20T10:00:00+01:00"
        raise argparse.ArgumentTypeError(message) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=ZONE)


if __name__ == "__main__":
    sys.exit(main())
