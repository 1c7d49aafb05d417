"""Can a signed form be cut into other names and values, and be believed?"""

import itertools
import random
from collections.abc import Iterator, Mapping
from datetime import timedelta

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.datastructures import MultiDict

from app.carrier.recut import SHAPES, TEXTS, SignedForm
from app.clock import utcnow
from app.db import reading, transaction
from app.promises import owed as owed_to
from app.records.messages import Message
from app.records.promises import Promise, PromiseState
from config import Settings
from tests import factories
from tests.factories import ADA, LINE
from tests.telephone import signed

HOUR = timedelta(hours=1)
VICTIM = "+31687654321"
READ = (*SHAPES, *TEXTS)
SID = {"CallSid": "CA" + "7a" * 16, "AccountSid": "AC" + "0c" * 16, "ApiVersion": "2010-04-01"}
PEOPLE = {
    "Called": LINE,
    "Caller": ADA,
    "From": ADA,
    "To": LINE,
    "FromCity": "AMSTERDAM",
    "FromZip": "1012 AB",
    "FromCountry": "NL",
    "FromState": "",
    "ToCountry": "NL",
    "ToCity": "",
    "CallerCountry": "NL",
}
CALL = {**SID, **PEOPLE, "CallStatus": "ringing", "Direction": "inbound"}
MESSAGE = {
    "AccountSid": SID["AccountSid"],
    "ApiVersion": "2010-04-01",
    "MessageSid": "SM" + "5d" * 16,
    "SmsSid": "SM" + "5d" * 16,
    "SmsMessageSid": "SM" + "5d" * 16,
    "SmsStatus": "received",
    "From": ADA,
    "FromCity": "",
    "FromCountry": "NL",
    "FromState": "",
    "FromZip": "",
    "NumMedia": "0",
    "NumSegments": "1",
    "To": LINE,
    "ToCountry": "NL",
    "ToCity": "",
    "ToState": "",
    "ToZip": "",
}
# As the carrier sends them: https://www.twilio.com/docs/voice/twiml, …/messaging/guides/webhook-request
FORMS: dict[str, Mapping[str, str]] = {
    "incoming": {**CALL, "StirVerstat": "TN-Validation-Passed-A", "CallToken": '{"a":"eyJhbGciOiJFUzI1"}'},
    "withheld": {**CALL, "From": "anonymous", "Caller": "anonymous"},
    "sip": {**CALL, "From": "sip:ada@example.nl", "SipHeader_X-Account": "12"},
    "trunk": {
        **CALL,
        "From": "sip:+31612345678@carrier.example",
        "Caller": "sip:+31612345678@carrier.example",
    },
    "forwarded": {**CALL, "ForwardedFrom": "+31201112233", "CalledVia": "+31201112233"},
    "ended": {
        **CALL,
        "CallStatus": "in-progress",
        "DialBridged": "true",
        "DialCallDuration": "61",
        "DialCallSid": "CA" + "8b" * 16,
        "DialCallStatus": "completed",
    },
    "leg": {
        **CALL,
        "To": "client:anna",
        "Called": "client:anna",
        "ParentCallSid": "CA" + "9c" * 16,
        "CallStatus": "in-progress",
        "SequenceNumber": "2",
        "CallbackSource": "call-progress-events",
        "Timestamp": "Sun, 29 Nov 2026 08:00:00 +0000",
        "Direction": "outbound-dial",
    },
    "answered": {**CALL, "AnsweredBy": "human", "CallDuration": "12", "Duration": "1"},
    "keys": {**CALL, "Digits": "0612", "FinishedOnKey": "#", "msg": "Gather End"},
    "spoken": {**CALL, "SpeechResult": "nee Timo bel morgen maar To the Directions", "Confidence": "0.9"},
    "name": {**CALL, "SpeechResult": "Timo hier", "Confidence": "0.9"},
    "silence": {**CALL, "SpeechResult": ""},
    "signed": {**MESSAGE, "Body": "Daan"},
    "queued": {**CALL, "QueueResult": "redirected-from-bridged", "QueueSid": "QU1", "QueueTime": "31"},
    "recorded": {**CALL, "RecordingSid": "RE" + "4d" * 16, "RecordingDuration": "7", "Digits": "hangup"},
    "message": {**MESSAGE, "Body": "Laat maar, is opgelost. Groet Daan"},
    "short": {**MESSAGE, "From": "3669", "Body": "Uw code is 123456"},
    "whatsapp": {
        **MESSAGE,
        "From": f"whatsapp:{ADA}",
        "To": f"whatsapp:{LINE}",
        "Body": "Bel mij na vijven",
        "ChannelMetadata": '{"type":"whatsapp","data":{}}',
        "ProfileName": "Ada From Oss",
        "WaId": "316",
    },
    "stop": {**MESSAGE, "Body": "STOP", "OptOutType": "STOP"},
    "status": {
        "AccountSid": SID["AccountSid"],
        "From": LINE,
        "To": ADA,
        "MessageSid": "SM" + "6e" * 16,
        "MessageStatus": "undelivered",
        "ErrorCode": "30003",
        "SmsStatus": "undelivered",
    },
}


def string_of(form: MultiDict[str, str]) -> str:
    """What is signed of a form, as the carrier's own validator puts it together."""
    return "".join(name + one for name in sorted(set(form)) for one in sorted(set(form.getlist(name))))


def read(form: MultiDict[str, str]) -> dict[str, str | None] | None:
    """What we read of a form; None when it is in doubt, so that nothing is read of it."""
    judged = SignedForm(form.to_dict(flat=False))
    return None if judged.is_doubtful else {name: judged.value(name) for name in READ}


def meant(form: MultiDict[str, str]) -> dict[str, str]:
    """What the carrier means by the fields that we read; who has no number is nobody."""
    nobody = ("anonymous", "sip:ada@example.nl", "client:anna")
    return {name: "" if form.get(name, "") in nobody else form.get(name, "") for name in READ}


def cuts(text: str, pieces: list[int], chance: random.Random, many: int) -> Iterator[MultiDict[str, str]]:
    """Cut the string anew: near where the carrier did, at every name that we read, and at random."""
    names = [(at, at + len(name)) for name in READ for at in _places(text, name)]
    for at, end in names:
        # That name there, its value ending anywhere; all before and after swallowed by names of our own.
        for stop in range(end, min(len(text), end + 60) + 1):
            yield from _of_bounds(text, [0, _name_end(text, 0), at, end, stop, _name_end(text, stop)])
            yield from _of_bounds(
                text, [*[p for p in pieces if p < at], at, end, stop, _name_end(text, stop)]
            )
            yield from _of_bounds(
                text,
                [
                    *[p for p in pieces if p < at],
                    at,
                    end,
                    stop,
                    stop + 2,
                    *[p for p in pieces if p > stop + 2],
                ],
            )
    for place, by in itertools.product(range(len(pieces)), (-9, -4, -2, -1, 1, 2, 4, 9)):
        moved = [*pieces[:place], pieces[place] + by, *pieces[place + 1 :]]
        yield from _of_bounds(text, moved)
    for place in range(0, len(pieces) - 1, 2):
        yield from _of_bounds(text, pieces[:place] + pieces[place + 2 :])
    starts = [at for at, letter in enumerate(text) if letter.isupper()]
    for _ in range(many):
        count = 2 * chance.randint(1, 12)
        some = chance.sample(starts, min(count, len(starts)))
        yield from _of_bounds(text, [0, *some, *chance.sample(pieces, min(len(pieces), count))])


def _places(text: str, name: str) -> list[int]:
    return [at for at in range(len(text)) if text.startswith(name, at)]


def _name_end(text: str, at: int) -> int:
    return next((end for end in range(at + 1, len(text)) if not text[end].isalpha()), len(text))


def _of_bounds(text: str, bounds: list[int]) -> Iterator[MultiDict[str, str]]:
    """Yield the form that these places cut the string into, if its signature would fit."""
    inside = sorted(place for place in bounds if 0 <= place <= len(text))
    places = inside if inside[:1] == [0] else [0, *inside]
    places += [len(text)] * (1 if len(places) % 2 == 0 else 2 if places[-1] < len(text) else 0)
    form: MultiDict[str, str] = MultiDict()
    for start, middle, end in zip(places[::2], places[1::2], places[2::2], strict=False):
        form.add(text[start:middle], text[middle:end])
    if string_of(form) == text:
        yield form


@pytest.mark.parametrize("kind", FORMS)
def test_what_the_carrier_sends_is_believed(kind: str) -> None:
    form = MultiDict(FORMS[kind])

    assert read(form) == meant(form)


@pytest.mark.parametrize("kind", FORMS)
@pytest.mark.parametrize("new", [("Zone", "x"), ("AbTest", '{"To":"b"}'), ("FromRisk", "3"), ("ToRisk", "9")])
def test_a_new_field_of_the_carriers_changes_nothing(kind: str, new: tuple[str, str]) -> None:
    form = MultiDict({**FORMS[kind], new[0]: new[1]})

    assert read(form) == meant(form)


@pytest.mark.parametrize("new", ["SpeechSpeed", "SpeechZone", "ButtonAge", "CarrierName"])
def test_a_new_field_right_behind_what_people_say_changes_nothing(new: str) -> None:
    for kind in ("spoken", "message"):
        form = MultiDict({**FORMS[kind], new: "x"})

        assert read(form) == meant(form)


@pytest.mark.parametrize("kind", FORMS)
def test_however_a_form_is_cut_what_we_read_is_what_the_carrier_said_or_nothing(kind: str) -> None:
    form = MultiDict(FORMS[kind])
    text, real = string_of(form), read(form)
    pieces = list(
        itertools.accumulate(part for name in sorted(form) for part in (len(name), len(form[name])))
    )
    tried = 0
    for cut in cuts(text, pieces, random.Random(7), 1000):
        tried += 1
        told = read(cut)
        assert told is None or told == real, list(cut.items(multi=True))
    assert tried > 50


@pytest.mark.parametrize("name", ["/endedAccountSid", "?message=OM1AccountSid", "", "Übersid", "To From"])
def test_a_name_that_was_cut_out_of_the_address_makes_a_form_doubtful(name: str) -> None:
    assert read(MultiDict({**CALL, name: "x"})) is None


FORGED = [
    # All that a message of the victim's would have, in the words of somebody else's.
    f"laat maarFrom{VICTIM}FromZZZ",
    f"laat maarFrom{VICTIM}MessageSidSM{'1' * 32}NumMedia0SmsSidSM{'1' * 32}To{LINE}Zz",
    f"laat maarFrom{VICTIM}Gg",
    f"laat maarFromwhatsapp:{VICTIM}Gg",
    f"laat maarBodylaat maarFrom{VICTIM}Gg",
    f"xForwardedFrom{VICTIM}From{VICTIM}Gg",
]


@pytest.mark.parametrize("body", FORGED)
@pytest.mark.parametrize("name", ["", f"From{VICTIM}Zz"])
def test_a_number_in_somebodys_words_never_becomes_the_senders(body: str, name: str) -> None:
    form = MultiDict({**MESSAGE, "Body": body, "ProfileName": name})
    text = string_of(form)
    pieces = list(itertools.accumulate(part for one in sorted(form) for part in (len(one), len(form[one]))))

    for cut in itertools.chain([form], cuts(text, pieces, random.Random(7), 1000)):
        told = read(cut)
        assert told is None or told["From"] != VICTIM
        assert told is None or VICTIM not in str(told["From"])


def recut(body: str) -> MultiDict[str, str]:
    """Ada's message, cut into one of the victim's under the same signature."""
    text = string_of(MultiDict({**MESSAGE, "Body": body}))
    head, tail = text.split(f"From{VICTIM}", 1)
    before = MultiDict({"AccountSid": MESSAGE["AccountSid"], "ApiVersion": MESSAGE["ApiVersion"]})
    forged = MultiDict({**before, "Body": head.split("Body", 1)[1], "From": VICTIM, tail[:3]: tail[3:]})
    assert string_of(forged) == text
    return forged


@pytest.fixture
def owed(flask_app: object) -> int:
    """What the victim is owed."""
    with transaction() as session:
        factories.line(session)
        return factories.promise(session, number=VICTIM, now=utcnow(), due_at=utcnow() + HOUR, agent=None).id


def test_a_message_that_was_cut_out_of_another_withdraws_nothing_and_is_read_by_a_human(
    client: FlaskClient, settings: Settings, owed: int
) -> None:
    sid = "SM" + "2" * 32
    form = recut(f"laat maarFrom{VICTIM}GggMessageSid{sid}To{LINE}")

    answer = signed(client, settings, "/messages/incoming", form)

    assert answer.status_code in {200, 204, 413}
    with reading() as session:
        assert session.get_one(Promise, owed).state == PromiseState.OPEN
        kept = session.scalars(select(Message)).all()
    assert all(one.number != VICTIM for one in kept)


def test_a_message_whose_own_words_look_like_a_form_is_not_lost(
    client: FlaskClient, settings: Settings, owed: int
) -> None:
    form = MultiDict({**MESSAGE, "Body": f"Gaat over From{VICTIM} en laat maar"})

    assert signed(client, settings, "/messages/incoming", form).status_code == 200

    with reading() as session:
        kept = session.scalars(select(Message)).one()
        assert session.get_one(Promise, owed).state == PromiseState.OPEN
    assert (kept.sid, kept.body, kept.handled_at) == (form["MessageSid"], form["Body"], None)


def test_a_call_whose_form_is_in_doubt_reaches_a_human_all_the_same(
    client: FlaskClient, settings: Settings, owed: int
) -> None:
    form = MultiDict({**CALL, "CallerName": f"From{VICTIM}"})

    answer = signed(client, settings, "/voice/incoming", form)

    assert answer.status_code == 200
    assert answer.mimetype == "text/xml"
    assert "<Dial" in answer.text or "<Record" in answer.text
    with reading() as session:
        assert owed_to.to_number(session, VICTIM)
