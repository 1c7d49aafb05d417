"""How is an agent's presence shown, by the API and at the desk?"""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from app.records.agents import Reach, Softphone


@dataclass(frozen=True)
class PresenceView:
    """One agent's presence as the API and the desk show it."""

    agent: str
    state: str
    since: datetime | None
    why: str
    reach: Reach
    reachable: bool
    rings_at: str | None  # client | phone | both | None
    heartbeat_at: datetime | None
    softphone: Softphone
    visible: bool
    proven_at: datetime | None
    suspect_until: datetime | None
    back_at: datetime | None
    wrap_up_until: datetime | None
    call_sid: str | None

    def as_json(self) -> dict[str, Any]:
        """Return plain JSON values; moments as ISO 8601 in UTC."""
        return {
            name: value.isoformat() if isinstance(value, datetime) else value
            for name, value in asdict(self).items()
        }
