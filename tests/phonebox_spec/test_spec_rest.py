"""Do the official client's requests pass, and are others named?"""

import json
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from twilio.http import HttpClient
from twilio.http.response import Response
from twilio.rest import Client

from phonebox.twilio_spec.rest import operation_for, operations, problems_in_request

ACCOUNT = "AC" + "a1" * 16
CALL = "CA" + "b2" * 16
CONFERENCE = "CF" + "c3" * 16
QUEUE = "QU" + "d4" * 16
NUMBER = "PN" + "e5" * 16
MESSAGE = "SM" + "f6" * 16
RECORDING = "RE" + "07" * 16
BASE = f"/2010-04-01/Accounts/{ACCOUNT}"
TWIML = "<Response><Say>Dag</Say></Response>"


class Listening(HttpClient):
    """Stands where the network would be: keeps what the official client asks, answers that all went well."""

    def __init__(self) -> None:
        super().__init__(logger=None, is_async=False)
        self.asked: list[tuple[str, str, dict[str, list[str]]]] = []

    def request(self, method: str, uri: str, params: Any = None, data: Any = None, **_: Any) -> Response:
        fields = {**(params or {}), **(data or {})}
        listed = {
            name: [str(one) for one in (value if isinstance(value, list) else [value])]
            for name, value in fields.items()
        }
        self.asked.append((method, urlsplit(uri).path, listed))
        # A list answers with one empty page: the client takes the one key that isn't about paging.
        listing = method == "GET" and not re.search(
            r"/(Front|[A-Z]{2}[0-9a-f]{32})\.json$", uri.partition("?")[0]
        )
        body = {"found": [], "uri": uri} if listing else {"sid": CALL, "call_sid": CALL}
        return Response({"POST": 201, "DELETE": 204}.get(method, 200), json.dumps(body))


ASKED: dict[str, Callable[[Client], object]] = {
    "CreateCall": lambda c: c.calls.create(
        to="client:anna",
        from_="+31201234567",
        url="https://example.com/twiml",
        method="POST",
        timeout=25,
        time_limit=3600,
        status_callback="https://example.com/status",
        status_callback_event=["initiated", "ringing", "answered", "completed"],
        machine_detection="Enable",
        record=False,
        call_token="t",
    ),
    "UpdateCall": lambda c: c.calls(CALL).update(url="https://example.com/next", method="POST"),
    "FetchCall": lambda c: c.calls(CALL).fetch(),
    "ListCall": lambda c: c.calls.list(
        to="+31612345678",
        status="in-progress",
        start_time_after=datetime(2026, 1, 31, 12, tzinfo=UTC),
        limit=20,
    ),
    "CreateMessage": lambda c: c.messages.create(
        to="+31612345678",
        from_="+31201234567",
        body="Anna belt u om 14.30 uur.",
        status_callback="https://example.com/messages/status",
    ),
    "ListMessage": lambda c: c.messages.list(date_sent=datetime(2026, 1, 31, tzinfo=UTC), limit=5),
    "FetchMessage": lambda c: c.messages(MESSAGE).fetch(),
    "DeleteMessage": lambda c: c.messages(MESSAGE).delete(),
    "CreateParticipant": lambda c: c.conferences("case-81").participants.create(
        from_="+31201234567",
        to="client:bram",
        label="agent",
        early_media=True,
        timeout=20,
        end_conference_on_exit=True,
        start_conference_on_enter=True,
        status_callback="https://example.com/legs",
        status_callback_event=["initiated", "answered"],
        conference_status_callback="https://example.com/rooms",
        conference_status_callback_event=["start", "end", "join", "leave"],
        jitter_buffer_size="small",
        coaching=True,
        call_sid_to_coach=CALL,
        wait_url="",
    ),
    "UpdateParticipant": lambda c: (
        c.conferences(CONFERENCE)
        .participants(CALL)
        .update(hold=True, hold_url="https://example.com/hold", muted=False)
    ),
    "DeleteParticipant": lambda c: c.conferences(CONFERENCE).participants("agent").delete(),
    "ListParticipant": lambda c: c.conferences(CONFERENCE).participants.list(muted=False),
    "UpdateConference": lambda c: c.conferences(CONFERENCE).update(status="completed"),
    "ListConference": lambda c: c.conferences.list(friendly_name="case-81", date_created=date(2026, 1, 31)),
    "CreateQueue": lambda c: c.queues.create(friendly_name="support", max_size=1000),
    "ListQueue": lambda c: c.queues.list(),
    "UpdateMember": lambda c: (
        c.queues(QUEUE).members("Front").update(url="https://example.com/go", method="POST")
    ),
    "ListMember": lambda c: c.queues(QUEUE).members.list(),
    "UpdateIncomingPhoneNumber": lambda c: c.incoming_phone_numbers(NUMBER).update(
        voice_url="https://example.com/voice/incoming",
        voice_method="POST",
        voice_fallback_url="https://example.com/voice/fallback",
        status_callback="https://example.com/voice/status",
        sms_url="",
    ),
    "ListIncomingPhoneNumber": lambda c: c.incoming_phone_numbers.list(phone_number="+31201234567"),
    "ListIncomingPhoneNumberLocal": lambda c: c.incoming_phone_numbers.local.list(limit=1),
    "FetchRecording": lambda c: c.recordings(RECORDING).fetch(),
    "DeleteRecording": lambda c: c.recordings(RECORDING).delete(),
    "CreateCallRecording": lambda c: c.calls(CALL).recordings.create(recording_channels="dual"),
    "FetchAccount": lambda c: c.api.accounts(ACCOUNT).fetch(),
}


@pytest.mark.parametrize("operation", ASKED)
def test_what_the_official_client_asks_has_no_problems(operation: str) -> None:
    network = Listening()
    ASKED[operation](Client(ACCOUNT, "token", http_client=network))

    [(method, path, fields)] = network.asked
    found = operation_for(method, path)
    assert found is not None
    assert found.id == operation
    assert problems_in_request(method, path, fields) == []


CALL_FIELDS = {"To": ["client:anna"], "From": ["+31201234567"], "Url": ["https://example.com/twiml"]}
WRONG_CALLS = [
    ("an unknown field", {"Foo": ["1"]}, "no field Foo"),
    (
        "a field as the library spells it",
        {"status_callback": ["https://a.nl"]},
        "did you mean StatusCallback?",
    ),
    ("no one to call", {"To": []}, "needs To"),
    ("an empty caller", {"From": [""]}, "needs From"),
    ("nothing to run", {"Url": []}, "one of Url, Twiml, ApplicationSid"),
    ("a time in words", {"Timeout": ["soon"]}, "Timeout should be a whole number"),
    ("too long a ring", {"Timeout": ["601"]}, "from 1 to 600"),
    ("a Python truth", {"Record": ["True"]}, "Record should be true or false"),
    ("another HTTP method", {"Method": ["PUT"]}, "'PUT' isn't one of GET, POST"),
    ("one field twice", {"Timeout": ["10", "20"]}, "takes one value"),
    ("a sid of another kind", {"ApplicationSid": [CALL]}, "ApplicationSid should look like ^AP"),
    ("a relative address", {"Url": ["/twiml"]}, "whole address"),
    ("an address of another scheme", {"StatusCallback": ["ftp://example.com"]}, "whole address"),
    ("a broken address", {"StatusCallback": ["https://[1"]}, "isn't an address"),
    ("an underscore in a host", {"StatusCallback": ["https://my_host.nl/s"]}, "underscore"),
    ("an unknown event", {"StatusCallbackEvent": ["ringing", "gone"]}, "'gone' isn't one of answered"),
    ("no event", {"StatusCallbackEvent": [""]}, "isn't one of answered"),
    ("bad TwiML", {"Url": [], "Twiml": ["<Response><Menu/></Response>"]}, "in Twiml, <Response>"),
    (
        "an address that is relative to nothing",
        {"Url": [], "Twiml": ['<Response><Dial action="/after">1</Dial></Response>']},
        "error 15004",
    ),
]


@pytest.mark.parametrize(
    ("change", "said"), [row[1:] for row in WRONG_CALLS], ids=[row[0] for row in WRONG_CALLS]
)
def test_a_wrong_call_gives_its_one_problem(change: dict[str, list[str]], said: str) -> None:
    problems = problems_in_request("POST", f"{BASE}/Calls.json", CALL_FIELDS | change)

    assert len(problems) == 1
    assert said in problems[0]


OTHERS = [
    ("POST", f"{BASE}/Calls/{CALL}.json", {"Status": ["completed"]}, ""),
    ("POST", f"{BASE}/Calls/{CALL}.json", {"Status": ["in-progress"]}, "isn't one of canceled, completed"),
    ("POST", f"{BASE}/Calls/{CALL}.json", {}, "changes nothing"),
    ("POST", f"{BASE}/Calls/{CALL}.json", {"Twiml": [TWIML]}, ""),
    ("POST", f"{BASE}/Calls/{CALL}.json", {"Url": ["https://a.nl"], "Twiml": [TWIML]}, "not both"),
    ("POST", f"{BASE}/Calls/{CALL}.json", {"Twiml": [TWIML + " " * 4000]}, "at most 4000"),
    ("POST", f"{BASE}/Calls/CA123.json", {"Status": ["completed"]}, "Sid in the path should look like ^CA"),
    (
        "POST",
        f"/2010-04-01/Accounts/me/Calls/{CALL}.json",
        {"Status": ["canceled"]},
        "AccountSid in the path",
    ),
    ("DELETE", f"{BASE}/Calls/{CALL}.json", {}, ""),
    ("PUT", f"{BASE}/Calls.json", {}, "PUT isn't possible there; GET, POST would be"),
    ("POST", f"{BASE}/Menus.json", {}, "isn't in Twilio's definitions"),
    ("POST", f"{BASE}/Calls", {}, "isn't in Twilio's definitions"),
    ("GET", f"{BASE}/Calls.json?PageSize=50&Status=busy", {}, ""),
    ("GET", f"{BASE}/Calls.json?PageSize=1001", {}, "at most 1000"),
    ("GET", f"{BASE}/Calls.json", {"Page": ["-1"]}, "at least 0"),
    ("GET", f"{BASE}/Calls.json", {"StartTime>": ["2026-01-31"]}, ""),
    ("GET", f"{BASE}/Calls.json", {"StartTime>": ["yesterday"]}, "should be a time"),
    (
        "GET",
        f"{BASE}/Conferences.json",
        {"DateCreated": ["2026-01-31T12:00:00Z"]},
        "should be like 2026-01-31",
    ),
    ("GET", f"{BASE}/Calls.json", {"Status": ["answered"]}, "isn't one of queued"),
    ("POST", f"{BASE}/Queues/{QUEUE}/Members/Front.json", {}, "needs Url"),
    (
        "POST",
        f"{BASE}/Messages.json",
        {"To": ["+31612345678"], "From": ["+31201234567"]},
        "Body, MediaUrl, Conte",
    ),
    (
        "POST",
        f"{BASE}/Messages.json",
        {"To": ["+31612345678"], "Body": ["Dag"]},
        "From or MessagingServiceSid",
    ),
    (
        "POST",
        f"{BASE}/Messages.json",
        {"To": ["+31612345678"], "From": ["+31201234567"], "Body": ["x" * 1601]},
        "at most 1600",
    ),
    (
        "POST",
        f"{BASE}/Messages.json",
        {"To": ["+31612345678"], "From": ["+31201234567"], "Body": ["Dag"], "MaxPrice": ["little"]},
        "should be a number",
    ),
    (
        "POST",
        f"{BASE}/Conferences/{CONFERENCE}/Participants.json",
        {"To": ["client:a"], "From": ["+31201234567"], "Timeout": ["4"]},
        "from 5 to 600",
    ),
    (
        "POST",
        f"{BASE}/Conferences/{CONFERENCE}/Participants.json",
        {"To": ["client:a"], "From": ["+31201234567"], "Label": ["l" * 129]},
        "at most 128",
    ),
    (
        "POST",
        f"{BASE}/Conferences/{CONFERENCE}/Participants.json",
        {"To": ["client:a"], "From": ["+31201234567"], "ConferenceStatusCallbackEvent": ["start end"]},
        "",
    ),
]


@pytest.mark.parametrize(("method", "path", "fields", "said"), OTHERS)
def test_requests_are_judged_by_the_operation_that_they_mean(
    method: str, path: str, fields: dict[str, list[str]], said: str
) -> None:
    problems = problems_in_request(method, path, fields)

    assert len(problems) == (1 if said else 0)
    assert said in "".join(problems)


def test_problems_never_quote_numbers_or_words_of_people() -> None:
    fields = {
        "To": ["+31612345678", "+31687654321"],
        "Body": ["Dag mevrouw Jansen " * 100],
        "Naam": ["Jansen"],
    }
    told = " ".join(problems_in_request("POST", f"{BASE}/Messages.json", fields))

    assert "CreateMessage: To is given 2 times" in told
    assert "Jansen" not in told
    assert "316" not in told


def test_the_operations_that_phonebox_serves_are_known() -> None:
    known = {operation.id: operation for operation in operations()}

    assert set(ASKED) <= set(known)
    assert "EndConferenceOnExit" in known["CreateParticipant"].fields
    assert known["CreateParticipant"].required == ("From", "To")
    assert len(known) == len(operations())


def test_an_operation_is_found_by_its_address() -> None:
    local = operation_for("get", f"{BASE}/IncomingPhoneNumbers/Local.json")
    one = operation_for("GET", f"{BASE}/IncomingPhoneNumbers/{NUMBER}.json")

    assert local is not None
    assert local.id == "ListIncomingPhoneNumberLocal"
    assert one is not None
    assert one.id == "FetchIncomingPhoneNumber"
    assert operation_for("GET", f"{BASE}/Nothing.json") is None
