"""Is anything lost when parts die during live calls?

python -m tests.soak [--seed N] [--kills N] [--database sqlite|postgresql|both] [--speed X]
                     [--hand-overs N]
"""

import argparse
import random
import sys
import tempfile
from pathlib import Path

from startup.postgres_server import postgres_server
from startup.warden import Warden
from tests.parts import migrate
from tests.soak.audit import KINDS
from tests.soak.run import Plan, Report, soak

# About ten minutes on two cores, for both databases together.
KILLS = 40


def main() -> int:
    options = _options()
    kinds = ("sqlite", "postgresql") if options.database == "both" else (options.database,)
    warden = Warden()
    clean = True
    try:
        for kind in kinds:
            clean = _soak(kind, options, warden) and clean
    finally:
        warden.close()
    return 0 if clean else 1


def _soak(kind: str, options: argparse.Namespace, warden: Warden) -> bool:
    plan = Plan(options.seed, options.kills, options.speed, hand_overs=options.hand_overs)
    print(f"{kind}: seed {plan.seed}, {plan.kills} kills, speed {plan.speed:g}", flush=True)
    with tempfile.TemporaryDirectory(prefix="rd-soak-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        server = postgres_server(warden) if kind == "postgresql" else None
        try:
            url = server.url("postgres") if server else f"sqlite:///{folder / 'soak.db'}"
            migrate(url, folder)
            report = soak(plan, url, folder, warden, server, lambda line: print(line, flush=True))
        finally:
            if server is not None:
                server.remove()
    print(shown(kind, plan, report), flush=True)
    return report.result.is_clean and report.settled_after is not None


def shown(kind: str, plan: Plan, report: Report) -> str:
    """Return a report as people read it."""
    result = report.result
    killed: dict[str, int] = {}
    for kill in report.kills:
        killed[kill.part] = killed.get(kill.part, 0) + 1
    rest = "never" if report.settled_after is None else f"{report.settled_after:.0f} s after the last call"
    lines = [
        *report.stories,
        "",
        f"{kind}, seed {plan.seed}: {report.seconds:.0f} s; at rest {rest}",
        "killed: " + ", ".join(f"{part} {count}" for part, count in sorted(killed.items())),
        "told: " + ", ".join(f"{name} {count}" for name, count in sorted(report.told.items())),
        *(f"still going on: {what}" for what in report.unsettled),
        *(f"story broken off: {why}" for why in report.failed[:5]),
        *(f"  {name:48s} {count:7d}" for name, count in {**result.counts, **report.notes}.items()),
        "",
        *(f"  {name:48s} {len(result.of(name)):7d}" for name in KINDS),
        f"  {'worst lateness with an agent free, s':48s} {result.worst_late:7.0f}",
        "clean" if result.is_clean and not report.unsettled else "NOT CLEAN",
    ]
    return "\n".join(lines)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.soak", description="Kill the parts during live calls; count what was lost."
    )
    parser.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    parser.add_argument("--kills", type=int, default=KILLS, help=f"for each database (default: {KILLS})")
    parser.add_argument("--database", choices=("sqlite", "postgresql", "both"), default="both")
    parser.add_argument("--speed", type=float, default=10.0, help="the carrier's, times life (default: 10)")
    parser.add_argument("--hand-overs", type=int, default=0, help="in so many of ten conversations")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
