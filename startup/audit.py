"""Which known holes are in what we stand on? pip-audit, about what is pinned, asked of the package index.

    python -m startup.audit [--kind production|run|dev] [-s pypi|osv]

Ends with 1 when there is a hole, and with 2 when nobody could be asked about a package: then nothing is known
of it, which is not the same as nothing being wrong.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from startup.bom import KINDS

ROOT = Path(__file__).resolve().parent.parent
HOLES, UNKNOWN = 1, 2


def told(report: dict[str, Any]) -> tuple[int, list[str]]:
    """Return how it ends, and a line for each hole and each package that nothing is known of."""
    packages = report["dependencies"]
    holes = [
        f"{package['name']} {package['version']}: {hole['id']}, "
        + (f"mended in {', '.join(hole['fix_versions'])}" if hole["fix_versions"] else "not mended yet")
        for package in packages
        for hole in package.get("vulns", ())
    ]
    unknown = [package["name"] for package in packages if "skip_reason" in package]
    lines = [*holes]
    if unknown:
        lines.append(
            f"nothing is known of {len(unknown)} of {len(packages)} packages, because nobody could be asked: "
            "run this where the package index can be reached, or ask another with ARGS='-s osv'"
        )
    if not lines:
        lines = [f"no known holes in {len(packages)} packages"]
    return (HOLES if holes else UNKNOWN if unknown else 0), lines


def ask(kind: str, service: str) -> dict[str, Any] | None:
    """Return pip-audit's report; None when it couldn't ask at all, and has said why."""
    command = [
        sys.executable,
        "-m",
        "pip_audit",
        "--require-hashes",
        "--disable-pip",
        "--progress-spinner",
        "off",
    ]
    command += ["--format", "json", "--vulnerability-service", service]
    for file in KINDS[kind]:
        command += ["--requirement", str(ROOT / file)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    try:
        report: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        return None
    return report


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m startup.audit", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--kind", choices=KINDS, default="dev")
    parser.add_argument("-s", "--service", choices=("pypi", "osv"), default="pypi")
    wanted = parser.parse_args()
    report = ask(wanted.kind, wanted.service)
    if report is None:
        print("pip-audit could ask nobody: see its message above. Nothing is known.", file=sys.stderr)
        return UNKNOWN
    ends_with, lines = told(report)
    print("\n".join(lines), file=sys.stderr if ends_with else sys.stdout)
    return ends_with


if __name__ == "__main__":
    sys.exit(main())
