"""What is asked of the database while something happens?"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine.interfaces import DBAPICursor

Statement = tuple[str, Any]  # and its values


@contextmanager
def watched() -> Iterator[list[Statement]]:
    """Yield the list into which every statement of any engine goes meanwhile."""
    asked: list[Statement] = []

    def note(
        connection: Connection, cursor: DBAPICursor, statement: str, values: Any, context: Any, many: bool
    ) -> None:
        asked.append((statement, values))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        event.remove(Engine, "before_cursor_execute", note)
