"""What time is it? Asked only by entry points; everything beneath is handed `now`."""

from datetime import UTC, datetime


def utcnow() -> datetime:
    """Return the present moment, aware, in UTC."""
    return datetime.now(UTC)
