"""Does a webhook that is told once more change anything, when what we answered is long forgotten?"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import delete, select, update
from werkzeug.datastructures import MultiDict

from app import db
from app.clock import utcnow
from app.forgetting import retention
from app.records.agents import Intent
from app.records.calls import Call, Inbox
from app.records.lines import Line as OurLine
from app.records.promises import Promise, PromiseState
from app.voice import held
from config import Settings
from tests import town
from tests.factories import ADA, LINE
from tests.telephone import Another, Line, signed

RECORDING = "RE" + "5" * 32


@dataclass
class Heard(Line):
    """A call that remembers what the carrier told of it."""

    told: list[tuple[str, MultiDict[str, str]]] = field(default_factory=list)

    def post(self, url: str, *, context: str = "voice", **fields: str) -> Any:
        answer = super().post(url, context=context, **fields)
        usual = {
            "CallSid": self.sid,
            "AccountSid": self.settings.account_sid,
            "From": self.from_,
            "To": self.to,
        }
        usual |= {"CallStatus": "in-progress", "Direction": "inbound", "ApiVersion": "2010-04-01"}
        self.told.append((url, MultiDict(usual | fields)))
        return answer


def talked(call: Heard) -> None:
    call.comes_in().talks()
    call.dial_ends("completed", DialBridged="true", DialCallDuration="61")
    call.hangs_up()


def rang_in_vain(call: Heard) -> None:
    call.comes_in()
    call.leg("ringing")
    call.dial_ends("no-answer", DialBridged="false")
    if call.rings:
        call.dial_ends("busy", DialBridged="false")
    call.hangs_up()


def hung_up(call: Heard) -> None:
    call.comes_in()
    call.leg("ringing")
    call.dial_ends("canceled", CallStatus="completed")
    call.hangs_up()


def nobody_there(call: Heard) -> None:
    for key in ("anna", "bram", "carla"):
        town.change(key, intent=Intent.BREAK)
    call.comes_in()
    if call.reply.find(".//Gather") is not None:
        call.post(call.attribute("Gather", "action"), SpeechResult="Over mijn paspoort")
    call.hangs_up()


def left_a_message(call: Heard) -> None:
    with db.transaction() as session:
        session.get_one(OurLine, LINE).records_messages = True
    for key in ("anna", "bram", "carla"):
        town.change(key, intent=Intent.BREAK)
    call.comes_in()
    if (record := call.reply.find(".//Record")) is not None:
        call.post(record.attrib["action"], RecordingSid=RECORDING, RecordingDuration="7")
    call.hangs_up()


def hidden(call: Heard) -> None:
    for key in ("anna", "bram", "carla"):
        town.change(key, intent=Intent.BREAK)
    call.from_ = "anonymous"
    call.comes_in()
    call.post(call.attribute("Gather", "action"), Digits="0612345678")
    call.hangs_up()


def state(*but: str) -> dict[str, list[str]]:
    """All that is written down, but for what we answered and when presence was last looked at."""
    with db.reading() as session:
        return {
            table.name: sorted(
                json.dumps([str(value) for value in row]) for row in session.execute(select(table))
            )
            for table in db.Base.metadata.sorted_tables
            if table.name not in ("inbox", *but)
        }


@pytest.mark.parametrize("story", [talked, rang_in_vain, hung_up, nobody_there, left_a_message, hidden])
@pytest.mark.parametrize("settled", [False, True])
def test_what_was_told_of_a_call_changes_nothing_when_it_is_told_again(
    flask_app: Flask,
    another: Another,
    settings: Settings,
    story: Callable[[Heard], None],
    settled: bool,
) -> None:
    town.settle()
    call = Heard(flask_app.test_client(), settings, ADA)
    story(call)
    with db.transaction() as session:
        session.execute(delete(Inbox))
        session.execute(update(Call).values(created_at=utcnow() - timedelta(days=4)))
        if settled:
            session.execute(update(Promise).values(state=PromiseState.KEPT, finished_at=utcnow()))
    before = state()

    for url, form in [*call.told, *reversed(call.told)]:
        assert signed(call.client, settings, url, form).status_code in (200, 204), url

    assert state() == before


def test_answers_are_kept_for_as_long_as_anything_is_heard_of_a_call() -> None:
    assert held.HEARD_FOR < retention.KEEP_INBOX
