"""What do the pages at the door say, in the language of who reads them?"""

from app import catalogue, web


def say(code: str, **values: object) -> str:
    return catalogue.text(f"door.{code}", web.language(), **values)
