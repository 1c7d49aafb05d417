"""Does a call that waits for the database keep anybody else of its process waiting?"""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from sqlalchemy import select, text
from sqlalchemy.orm import Session
from twilio.request_validator import RequestValidator

from app import db
from app.records.agents import Presence
from app.serving import Application
from config import Settings
from tests import lanes, town
from tests.factories import ADA, BEN, LINE
from tests.lanes import until

SID, OTHER_SID = "CA" + "7" * 32, "CA" + "8" * 32


@pytest.fixture
def patient(flask_app: Flask) -> Iterator[db.Database]:
    """The town, in a process that gives nobody up and has connections at rest, as after a crowd of calls."""
    real, found = db.current(), db.bind(db.Database(db.current().url, patient=True))
    flask_app.extensions["carrier"].executor.deadline = 600.0
    town.settle()
    with ExitStack() as crowd:
        for number in range(4):
            crowd.enter_context(found.at_once())
            lanes.rings(found, "nobody", f"CA{number}")
    yield found
    db.bind(real)
    found.dispose()


async def asked(
    application: Application, method: str, path: str, body: bytes = b"", **headers: str
) -> tuple[int, bytes]:
    """Ask as the web server does; return status and body."""
    sent: list[Any] = []
    named = {"host": "localhost", "content-length": str(len(body)), **headers}
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "path": path,
        "query_string": b"",
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in named.items()],
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(message: Any) -> None:
        sent.append(message)

    await application(scope, receive, send)
    return sent[0]["status"], b"".join(message.get("body", b"") for message in sent)


async def call_in(application: Application, settings: Settings, sid: str, from_: str) -> tuple[int, bytes]:
    form = {"CallSid": sid, "From": from_, "To": LINE, "CallStatus": "ringing"}
    address = f"{settings.public_url}/voice/incoming"
    return await asked(
        *(application, "POST", "/voice/incoming", urlencode(form).encode()),
        content_type="application/x-www-form-urlencoded",
        x_twilio_signature=RequestValidator(settings.auth_tokens[0]).compute_signature(address, form),
    )


def is_waited_for(database: db.Database, session: Session) -> bool:
    """Tell whether a call waits for what this transaction holds."""
    if database.is_sqlite:
        return bool(lanes.sqlite_lane(database)._queue._waiting)
    return bool(session.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))


def test_others_are_answered_while_a_call_waits_for_its_agent(
    flask_app: Flask, patient: db.Database, settings: Settings
) -> None:
    application = Application(flask_app, None)

    async def story() -> tuple[tuple[int, bytes], tuple[int, bytes]]:
        with patient.transaction() as other:
            other.execute(select(Presence.agent).with_for_update())
            call = asyncio.ensure_future(call_in(application, settings, SID, ADA))
            await until(lambda: is_waited_for(patient, other))
            health = await asked(application, "GET", "/healthz")
            assert not call.done()
        return health, await call

    health, call = asyncio.run(story())

    assert health[0] == 200
    assert call[0] == 200
    assert b"<Identity>anna</Identity>" in call[1]
    assert town.pops("anna") == [SID]


def test_calls_that_come_in_together_are_answered_as_each_by_itself(
    flask_app: Flask, patient: db.Database, settings: Settings
) -> None:
    application = Application(flask_app, None)
    calls = (SID, ADA), (OTHER_SID, BEN), (SID, ADA)

    async def story() -> list[tuple[int, bytes]]:
        return await asyncio.gather(*(call_in(application, settings, *one) for one in calls))

    found = asyncio.run(story())

    assert [status for status, _ in found] == [200] * 3
    ada, ben, ada_again = (body for _, body in found)
    # What the carrier asks twice is answered once.
    assert ada_again == ada
    # Both have a case with Anna, who is rung for one; the other waits for her.
    [rung] = town.pops("anna")
    rings, waits = (ada, ben) if rung == SID else (ben, ada)
    assert b"<Identity>anna</Identity>" in rings
    assert b"<Enqueue" in waits
