"""Does the last resort, as a process of its own, answer whatever else knocks at its door?"""

import contextlib
import socket
from pathlib import Path

import httpx
import pytest
from twilio.request_validator import RequestValidator

from phonebox.client import PATIENCE_SECONDS
from startup import commands, probes
from startup.process import Process
from startup.warden import Warden
from tests.factories import ADA, LINE
from tests.parts import ROOT, clean_environment, test_settings

CROWD = 80
UNFINISHED = (
    b"POST /voice/fallback HTTP/1.1\r\nHost: x\r\nX-Twilio-Signature: made up\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 100\r\n\r\nCallSid="
)


@pytest.fixture
def last_resort(tmp_path: Path, free_port: int, warden: Warden) -> Process:
    """Without a database and without Redis, as it is meant to live."""
    values = test_settings(f"sqlite:///{tmp_path / 'none.db'}", "redis://127.0.0.1:1/0", tmp_path)
    return Process(
        name="fallback",
        command=commands.fallback("127.0.0.1", free_port),
        warden=warden,
        env={**clean_environment(), **values, "FALLBACK_NUMBERS": "+31201234599"},
        folder=ROOT,
        output=tmp_path / "fallback.log",
        ready=lambda: probes.answers_http(f"http://127.0.0.1:{free_port}/healthz"),
    )


def test_bodies_that_never_come_keep_no_caller_from_the_last_resort(
    last_resort: Process, free_port: int
) -> None:
    last_resort.start()
    form = {"CallSid": "CA" + "1" * 32, "From": ADA, "To": LINE, "CallStatus": "ringing"}
    env = last_resort.env or {}
    validator = RequestValidator(env["TWILIO_AUTH_TOKEN"])
    signature = validator.compute_signature(f"{env['PUBLIC_URL']}/voice/fallback", form)
    try:
        with contextlib.ExitStack() as stack:
            for _ in range(CROWD):
                stalled = stack.enter_context(
                    socket.create_connection(("127.0.0.1", free_port), timeout=PATIENCE_SECONDS)
                )
                stalled.sendall(UNFINISHED)

            # The first may have overtaken them.
            answers = [
                httpx.post(
                    f"http://127.0.0.1:{free_port}/voice/fallback",
                    data=form,
                    headers={"X-Twilio-Signature": signature},
                    timeout=PATIENCE_SECONDS,
                )
                for _ in range(10)
            ]
    finally:
        last_resort.stop()

    assert {answer.status_code for answer in answers} == {200}
    assert all("+31201234599" in answer.text for answer in answers)
