"""What do the pages at the door say, in the language of who reads them?"""

from app import catalogue, web
from app.door.passwords import UnfitPassword
from app.errors import InvalidField


def about(error: InvalidField) -> str:
    """Say what to mend in a password that isn't taken."""
    return say(error.code) if isinstance(error, UnfitPassword) else error.message


def say(code: str, **values: object) -> str:
    return catalogue.text(f"door.{code}", web.language(), **values)
