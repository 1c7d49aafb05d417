"""What do tests of jobs need? Patience with a carrier that is slow, and a clock that is ahead."""

import pytest

from app.carrier import rest
from app.clock import utcnow
from app.jobs import in_hand
from tests.jobs.holding import LATER


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever asks the carrier waits for as long as the test lets it be slow."""
    monkeypatch.setattr(rest, "TIMEOUT_SECONDS", 300.0)


@pytest.fixture
def holding(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has something in hand says so at once, as if it were LATER: they have had it for so long."""
    monkeypatch.setattr(in_hand, "HOLDS_EVERY_SECONDS", 0.05)
    monkeypatch.setattr(in_hand, "utcnow", lambda: utcnow() + LATER)
