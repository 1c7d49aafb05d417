"""Which words may stand in a field, as the description of the API says it?"""

from collections.abc import Iterable

from pydantic import WithJsonSchema


def words(values: Iterable[str]) -> WithJsonSchema:
    """One of these words, as JSON Schema says it. What is told isn't held against it: it is in our tables."""
    return WithJsonSchema({"type": "string", "enum": [str(value) for value in values]})
