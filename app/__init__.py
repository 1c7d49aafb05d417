"""The application. Nothing of it is imported before it is asked for: a command needs a small part."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flask import Flask

    from config import Settings


def create_app(settings: "Settings | None" = None) -> "Flask":
    """Return the application, bound to its database. Raises ConfigurationError when a setting is wrong."""
    from app.wiring import put_together

    return put_together(settings)
