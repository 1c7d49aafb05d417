"""What is asked of the database while something happens?"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine.interfaces import DBAPICursor, Dialect

from app.lane import straight
from app.prepared import Prepared

Statement = tuple[str, Any]  # and its values


class Asked(list[Statement]):
    """Statements in the order in which they were sent; `on_a_lane` are the texts of those prepared there."""

    def __init__(self) -> None:
        super().__init__()
        self.on_a_lane: set[str] = set()


@contextmanager
def watched() -> Iterator[Asked]:
    """Yield the list into which every statement of any engine goes meanwhile, prepared ones too."""
    asked = Asked()

    def note(
        connection: Connection, cursor: DBAPICursor, statement: str, values: Any, context: Any, many: bool
    ) -> None:
        asked.append((statement, values))

    run, send = Prepared.rows, Prepared.as_sent

    def run_and_note(self: Prepared, connection: Connection, parameters: Mapping[str, Any]) -> list[Any]:
        sent = self.as_sent(connection.dialect, parameters)
        if straight(connection) is not None:
            asked.on_a_lane.add(sent[0])
        return run(self, connection, parameters)

    def send_and_note(self: Prepared, dialect: Dialect, parameters: Mapping[str, Any]) -> Statement:
        asked.append(send(self, dialect, parameters))
        return asked[-1]

    event.listen(Engine, "before_cursor_execute", note)
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Prepared, "rows", run_and_note)
            patch.setattr(Prepared, "as_sent", send_and_note)
            yield asked
    finally:
        event.remove(Engine, "before_cursor_execute", note)
