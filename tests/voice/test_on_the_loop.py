"""Does a call that waits for the database keep anybody else of its process waiting?"""

import asyncio
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from flask import Flask
from sqlalchemy import select, text
from twilio.request_validator import RequestValidator

from app import db
from app.records.agents import Presence
from app.serving import Application
from config import Settings
from tests import town
from tests.factories import ADA, LINE

SID = "CA" + "7" * 32


@pytest.fixture
def patient(flask_app: Flask) -> Iterator[db.Database]:
    """The town, in a process that gives nobody up."""
    if db.current().is_sqlite:
        pytest.skip("on SQLite a call waits in a thread")
    real, found = db.current(), db.bind(db.Database(db.current().url, patient=True))
    flask_app.extensions["carrier"].executor.deadline = 600.0
    town.settle()
    with found.at_once():
        pass  # from now on one connection is at rest
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


def test_others_are_answered_while_a_call_waits_for_its_agent(
    flask_app: Flask, patient: db.Database, settings: Settings
) -> None:
    application = Application(flask_app, None)
    form = {"CallSid": SID, "From": ADA, "To": LINE, "CallStatus": "ringing"}
    signature = RequestValidator(settings.auth_tokens[0]).compute_signature(
        f"{settings.public_url}/voice/incoming", form
    )

    async def story() -> tuple[tuple[int, bytes], tuple[int, bytes]]:
        with patient.transaction() as other:
            other.execute(select(Presence.agent).with_for_update())
            call = asyncio.ensure_future(
                asked(
                    *(application, "POST", "/voice/incoming", urlencode(form).encode()),
                    content_type="application/x-www-form-urlencoded",
                    x_twilio_signature=signature,
                )
            )
            async with asyncio.timeout(60):
                while not other.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")):
                    await asyncio.sleep(0.005)
            health = await asked(application, "GET", "/healthz")
            assert not call.done()
        return health, await call

    health, call = asyncio.run(story())

    assert health[0] == 200
    assert call[0] == 200
    assert b"<Identity>anna</Identity>" in call[1]
    assert town.pops("anna") == [SID]
