"""What does a caller get whose webhook makes no sense? Still a human, or a true sentence; never an error."""

import random
import xml.etree.ElementTree as ET
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.datastructures import MultiDict

from app import db
from app.records.agents import Activity, Presence
from app.records.calls import Call
from app.records.promises import Promise
from config import Settings
from phonebox.twilio_spec.twiml import problems_in_twiml
from tests import factories
from tests.factories import ADA, LINE
from tests.telephone import Another, signed

ROUNDS = 1000  # on each database

LEADS_TO_A_HUMAN = {"Dial", "Enqueue", "Record", "Gather"}
NEWS = ("/voice/status", "/leg", "/recording")  # asks for nothing, so gets nothing
ON_THE_AGENTS_SIDE = ("/whisper", "/accept")

WORDS = {
    "CallStatus": "queued initiated ringing in-progress completed busy failed no-answer canceled".split(),
    "DialCallStatus": "completed answered busy no-answer failed canceled".split(),
    "DialBridged": ["true", "false"],
    "QueueResult": "bridged error hangup leave redirected queue-full system-error".split(),
    "Direction": ["inbound", "outbound-api", "outbound-dial"],
    "Digits": ["1", "0612345678", "#", "*9"],
    "SpeechResult": ["ja", "nul zes twaalf", "Het gaat over mijn paspoort."],
    "DialCallDuration": ["0", "64"],
    "CallDuration": ["0", "64"],
    "RecordingSid": ["RE" + "1" * 32],
    "RecordingStatus": ["completed", "absent"],
    "StirVerstat": ["TN-Validation-Passed-A", "No-TN-Validation"],
    "From": [ADA, "anonymous", "0612345678", "+266696687", "client:anna", "sip:x@y.example"],
    "To": [LINE, "+31201234599", "0201234500"],
}
NONSENSE = [
    *("", " ", "\x00", "a\x00b", "\x1b[2J", "\x7f\x85\u2028", "\ufffe\uffff", "\ud7ff\U0010ffff"),
    *("x" * 5000, "9" * 400, "-1", "1e9", "٣٤", "NaN", "' OR 1=1 --", "</Say><Dial>+31900123456</Dial>"),
    *("{0}{agent}%s%n", "é" * 200, "🙂" * 90, "+", "+31" + "6" * 300, "CA", "../../etc", "\r\nX-Evil: 1"),
]
SIDS = ["CA" + "z" * 32, "CA1", "%00", "x" * 300, "é", "-", "CA" + "0" * 33, " "]
NUMBERS = ["0", "1", "2", "7", "-1", "99999", "2147483648", "9" * 40]
STEPS = ["", "/ended", "/leg", "/whisper", "/accept", "/wait", "/left", "/about", "/number"]
STEPS += ["/number/again", "/message", "/recording"]
ELSEWHERE = [
    *(
        "/voice/incoming",
        "/voice/incoming",
        "/voice/status",
        "/voice/fallback",
        "/voice/degraded/after/owner",
    ),
    *("/voice/degraded/after/nothing", "/voice/degraded/after/message?line=%00", "/voice/degraded/whisper"),
    *("/voice/degraded/accept?line=x", f"/voice/degraded/thanks?line={quote(LINE)}"),
    "/voice/degraded/recording?line=x",
]


def malformed(dice: random.Random, sids: list[str]) -> tuple[str, MultiDict[str, str]]:
    """Return an address of ours and a form for it that went wrong somewhere."""
    if dice.random() < 0.35:
        path = dice.choice(ELSEWHERE)
    else:
        sid = dice.choice(sids) if dice.random() < 0.8 else quote(dice.choice(SIDS), safe="%")
        path = f"/voice/calls/{sid}/{dice.choice(NUMBERS)}{dice.choice(STEPS)}"
    fields = [("CallSid", dice.choice([*sids, "CA" + f"{dice.getrandbits(128):032x}", dice.choice(SIDS)]))]
    fields += [(name, dice.choice(words)) for name, words in WORDS.items() if dice.random() < 0.5]
    for _ in range(dice.randint(1, 3)):
        wrong = dice.choice([*WORDS, "CallSid", "Surprise", "Überraschung", ""])
        match dice.choice(["missing", "nonsense", "twice"]):
            case "missing":
                fields = [one for one in fields if one[0] != wrong]
            case "nonsense":
                fields = [one for one in fields if one[0] != wrong] + [(wrong, dice.choice(NONSENSE))]
            case _:
                fields += [(wrong, dice.choice(NONSENSE)), (wrong, "once more")]
    return path, MultiDict(fields)


@pytest.fixture
def town(flask_app: Flask) -> None:
    with db.transaction() as session:
        factories.line(session)
        for key in ("anna", "bram", "carla"):
            factories.agent(session, key)
        factories.customer(session, "ada", ADA)
        factories.case(session, "Z1", "ada", handled_by=("bram", "anna"))


def test_a_malformed_webhook_gets_twiml_that_leads_somewhere_and_never_an_error(
    town: None, client: FlaskClient, settings: Settings, another: Another
) -> None:
    dice = random.Random(20261124)
    sids = [another().comes_in().sid for _ in range(6)]
    for number in range(ROUNDS):
        path, form = malformed(dice, sids)
        response = signed(client, settings, path, form)

        told = f"round {number}: {path} {list(form.items(multi=True))!r:.600}"
        bare = path.split("?")[0]
        if response.status_code == 204:
            assert bare.endswith(NEWS), told
            continue
        assert (response.status_code, response.mimetype) == (200, "text/xml"), told
        assert not bare.endswith(NEWS), told
        on_the_agents_side = bare.endswith(ON_THE_AGENTS_SIDE)
        context = "whisper" if on_the_agents_side else "wait" if bare.endswith("/wait") else "voice"
        assert problems_in_twiml(response.text, context=context) == [], told  # type: ignore[arg-type]
        verbs = {verb.tag for verb in ET.fromstring(response.data).iter()}
        if bare in ("/voice/incoming", "/voice/fallback"):
            assert verbs & LEADS_TO_A_HUMAN, told
        elif not on_the_agents_side:
            assert len(verbs) > 1, told


def test_after_it_the_calls_of_others_go_their_usual_way(
    town: None, client: FlaskClient, settings: Settings, another: Another
) -> None:
    dice = random.Random(20261125)
    sids = [another().comes_in().sid]
    for number in range(40):
        for _ in range(5):
            path, form = malformed(dice, sids)
            if "/calls/" in path or "degraded" in path:
                signed(client, settings, path, form)
        call = another(from_="anonymous").comes_in()
        with db.transaction() as session:
            assert session.get(Call, call.sid), f"round {number}: answered as if the database were gone"


def test_nobody_who_malformed_webhooks_spoke_of_stays_taken_or_owed_twice(
    town: None, client: FlaskClient, settings: Settings, another: Another
) -> None:
    dice = random.Random(20261126)
    calls = [another().comes_in() for _ in range(4)]
    for _ in range(200):
        signed(client, settings, *malformed(dice, [call.sid for call in calls]))

    with db.transaction() as session:
        every = session.scalars(select(Call.sid)).all()
    for sid in every:
        ended = MultiDict({"CallSid": sid, "CallStatus": "completed", "From": ADA, "To": LINE})
        assert signed(client, settings, "/voice/status", ended).status_code == 204

    with db.transaction() as session:
        assert session.scalar(select(func.count()).where(Call.outcome.is_(None))) == 0
        held = session.scalars(
            select(Presence.agent).where(Presence.activity.in_(("reserved", "ringing", "talking")))
        )
        assert list(held) == []
        owed = select(func.count()).where(Promise.state == "open").group_by(Promise.number)
        assert set(session.scalars(owed)) <= {1}
        assert {status.activity for status in session.scalars(select(Presence))} <= {
            Activity.IDLE,
            Activity.WRAPPING_UP,
        }
