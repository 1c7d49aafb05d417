"""What is asked of the database while something happens?"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine.interfaces import DBAPICursor

from app.prepared import Prepared

Statement = tuple[str, Any]  # and its values


@contextmanager
def watched() -> Iterator[list[Statement]]:
    """Yield the list into which every statement of any engine goes meanwhile, prepared ones too."""
    asked: list[Statement] = []

    def note(
        connection: Connection, cursor: DBAPICursor, statement: str, values: Any, context: Any, many: bool
    ) -> None:
        asked.append((statement, values))

    run = Prepared.rows

    def run_and_note(self: Prepared, connection: Connection, parameters: Mapping[str, Any]) -> list[Any]:
        asked.append(self.as_sent(connection.dialect, parameters))
        return run(self, connection, parameters)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Prepared, "rows", run_and_note)
            yield asked
    finally:
        event.remove(Engine, "before_cursor_execute", note)
