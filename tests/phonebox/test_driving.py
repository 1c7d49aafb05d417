"""Can a test drive phonebox without sleeping, and is it told clearly what it did wrong?"""

import json
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from phonebox.client import PATIENCE_SECONDS, DrivingError, Phonebox, WaitedInVain, running
from tests.phonebox.scripted import App

LINE = "+31880001111"
ADA = "+31612345678"
ANNA = "client:anna"


def test_a_wait_that_is_in_vain_tells_what_happened_instead(app: App, phone: Phonebox) -> None:
    app.on("/voice/incoming", "<Say>Hallo.</Say><Pause length='600'/>")
    call = phone.call_in(ADA, LINE)
    call.wait("caption:Hallo.")

    with pytest.raises(WaitedInVain, match="say Hallo"):
        call.wait("bridged", seconds=0.1)


def test_what_happened_once_counts_also_when_it_is_over(app: App, phone: Phonebox) -> None:
    app.on("/voice/incoming", "<Dial><Client>anna</Client></Dial>")
    phone.endpoint(ANNA).register(behaviour="decline")

    call = phone.call_in(ADA, LINE)
    call.wait("ended")

    assert call.wait(f"ringing:{ANNA}", seconds=0)["ended"]


def test_an_own_call_sid_and_more_fields_are_passed_on(app: App, phone: Phonebox) -> None:
    app.on("/voice/incoming", "<Hangup/>")
    sid = "CA" + "ab" * 16

    phone.call_in(ADA, LINE, call_sid=sid, caller_country="BE", extra={"SipDomain": "x.nl"}).wait("settled")

    form = app.at("/voice/incoming")[0].form
    assert (form["CallSid"], form["CallerCountry"], form["SipDomain"]) == (sid, "BE", "x.nl")
    with pytest.raises(DrivingError, match="call_sid"):
        phone.call_in(ADA, LINE, call_sid=sid)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "words"),
    [
        ("POST", "/phonebox/calls", {}, 400, "to:"),
        ("GET", "/phonebox/calls/CA1", None, 404, "no call"),
        ("GET", "/phonebox/endpoints/niemand", None, 404, "client:name"),
        ("PUT", "/phonebox/endpoints/client:anna", {"behaviour": "sing"}, 400, "behaviour"),
        ("PUT", "/phonebox/endpoints/client:anna", {"behavior": "answer"}, 400, "behavior"),
        ("PUT", "/phonebox/faults", {"pattern": "/", "fault": "rain"}, 400, "fault"),
        ("PUT", "/phonebox/settings", {"speed": 0}, 400, "speed"),
        ("PUT", "/phonebox/settings", {"patience": 0}, 400, "patience"),
        ("POST", "/phonebox/endpoints/client:anna/answer", {"seconds": 0}, 409, "does not ring"),
        ("POST", "/phonebox/endpoints/client:anna/answer", {"seconds": "x"}, 400, "seconds"),
        ("PUT", "/phonebox/endpoints/client:anna", {"answer_after": "soon"}, 400, "answer_after"),
        ("PUT", "/phonebox/faults", {"pattern": "(", "fault": "drop"}, 400, "pattern"),
        ("PUT", "/phonebox/faults", {"fault": "drop"}, 400, "pattern"),
        ("PUT", "/phonebox/settings", {"shared_key": {"a": 1}}, 400, "shared_key"),
        ("POST", "/phonebox/calls", {"to": LINE, "extra": 5}, 400, "extra"),
        ("POST", "/phonebox/messages", {"to": LINE, "body": "x"}, 400, "from"),
        ("GET", "/phonebox/requests/wait?count=x", None, 400, "count"),
        ("GET", "/phonebox/calls/CA1/wait?for=ended", None, 404, "no call"),
        ("GET", "/phonebox/endpoints/client:anna/wait?for=dancing", None, 400, "dancing"),
    ],
)
def test_a_driver_is_told_what_is_wrong(
    phone: Phonebox, method: str, path: str, body: dict[str, object] | None, status: int, words: str
) -> None:
    answer = httpx.request(method, phone.base_url + path, json=body, timeout=PATIENCE_SECONDS)

    assert answer.status_code == status
    assert words in answer.json()["error"]


def test_pages_of_other_sites_may_not_drive(phone: Phonebox) -> None:
    headers = {"Origin": "http://evil.example"}

    answer = httpx.post(f"{phone.base_url}/phonebox/reset", headers=headers, timeout=PATIENCE_SECONDS)

    assert answer.status_code == 403


def test_everything_that_happens_is_streamed_and_can_be_resumed(app: App, phone: Phonebox) -> None:
    app.on("/voice/incoming", "<Say>Hallo.</Say>")
    last = 0
    with httpx.stream("GET", f"{phone.base_url}/phonebox/events?after=0", timeout=PATIENCE_SECONDS) as stream:
        call = phone.call_in(ADA, LINE)
        kinds: list[str] = []
        for line in stream.iter_lines():
            if line.startswith("id: "):
                last = int(line.removeprefix("id: "))
            if line.startswith("event: "):
                kinds.append(line.removeprefix("event: "))
            if line.startswith("data: ") and json.loads(line.removeprefix("data: ")).get("text") == "Hallo.":
                break
    call.wait("settled")

    assert {"call", "request", "caption"} <= set(kinds)
    headers = {"Last-Event-ID": str(last)}
    with httpx.stream(
        "GET", f"{phone.base_url}/phonebox/events", headers=headers, timeout=PATIENCE_SECONDS
    ) as stream:
        first = next(line for line in stream.iter_lines() if line.startswith("id: "))
    assert first == f"id: {last + 1}"


def test_a_telephone_can_press_and_speak_by_itself(app: App, phone: Phonebox) -> None:
    app.on("/voice/incoming", '<Dial><Number url="/whisper">+31687654321</Number></Dial>')
    app.on("/whisper", '<Gather numDigits="1" action="/accept"/><Hangup/>')
    app.on("/accept", "<Say>Verbonden.</Say>")
    phone.endpoint("+31687654321").register(behaviour="answer", presses="1", says="Goedemorgen")

    call = phone.call_in(ADA, LINE)
    call.wait("caption:Goedemorgen")

    assert call.bridged_to == ["+31687654321"]


def test_numbers_and_telephones_survive_a_restart(tmp_path: Path, app: App) -> None:
    lines, kept = tmp_path / "lines.json", tmp_path / "state.json"
    lines.write_text(json.dumps([{"number": LINE, "name": "Gemeente"}]))
    more = ["--lines", str(lines), "--state-file", str(kept)]
    with running(app.url, speed=20, more=more) as first:
        first.endpoint(ANNA).register(behaviour="answer", answer_after=2)

    with running(app.url, speed=20, more=more) as second:
        state = second.endpoint(ANNA).state()
        owned = httpx.get(f"{second.base_url}/phonebox/lines", timeout=PATIENCE_SECONDS).json()["lines"]

    assert (state["registered"], state["behaviour"], state["answer_after"]) == (True, "answer", 2)
    assert owned == [{"number": LINE, "name": "Gemeente"}]


def test_a_port_that_is_taken_is_said_in_one_line(phone: Phonebox) -> None:
    port = phone.base_url.rpartition(":")[2]

    started = subprocess.run(
        [sys.executable, "-m", "phonebox", "--port", port], capture_output=True, text=True
    )

    assert started.returncode == 1
    assert "--port" in started.stderr
    assert "Traceback" not in started.stderr


def test_a_hundred_calls_at_once_each_come_to_their_end(app: App, phone: Phonebox) -> None:
    app.on("/voice/incoming", "<Say>Hallo.</Say><Hangup/>")

    calls = [phone.call_in(f"+316{10000000 + index}", LINE) for index in range(100)]

    assert all(call.wait("settled")["status"] == "completed" for call in calls)
    assert len(app.at("/voice/status")) == 100
