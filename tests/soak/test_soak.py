"""Is anything lost when parts die during live calls? A short run of `make soak`, with a fixed seed."""

from pathlib import Path

import pytest

from startup.warden import Warden
from tests.soak.run import Plan, soak

# Web, a worker, and FLUSHALL or the database, while agents and customers are being rung.
SHORT = Plan(seed=1576, kills=3, speed=20, callers=3, due_seconds=(2, 5), patience=2, leaps=True)


def test_nothing_is_lost_when_parts_are_killed_during_calls(
    request: pytest.FixtureRequest, database_url: str, tmp_path: Path, warden: Warden
) -> None:
    is_postgres = database_url.startswith("postgresql")
    server = request.getfixturevalue("postgres_server") if is_postgres else None

    report = soak(SHORT, database_url, tmp_path, warden, server)

    assert len(report.kills) == SHORT.kills
    assert report.result.counts["calls in"] > 0
    assert report.result.is_clean, "\n".join(report.stories)
    assert report.settled_after is not None, report.unsettled
