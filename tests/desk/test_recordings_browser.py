"""Does an agent hear, in a real browser, what a caller said after the tone?"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice

import pytest
from flask import Flask
from playwright.sync_api import ConsoleMessage, Page, expect

from app import db
from app.promises import ledger
from app.records.promises import Promise, PromiseEvent, Recording, RecordingState
from phonebox.sound import Frame, Tone, mp3_of
from tests import factories
from tests.desk import office
from tests.desk.test_desk_browser import sign_in

RECORDING = "RE" + "9" * 32
SECONDS = 20


def hum() -> Iterator[Frame]:
    tone = Tone(440)
    while (frame := tone.frame()) is not None:
        yield frame


@pytest.fixture
def kept(flask_app: Flask) -> int:
    """A hidden caller has left a message with Anna's team."""
    now = datetime.now(UTC)
    with db.transaction() as session:
        factories.line(session)
        factories.agent(session, "anna")
        office.user(session, "anna")
        promise = factories.promise(
            session, number=None, agent=None, due_at=now + timedelta(hours=1), why="promise_hidden", now=now
        )
        session.add(
            Recording(
                sid=RECORDING,
                call_sid="CA1",
                promise=promise.id,
                state=RecordingState.KEPT,
                seconds=SECONDS,
                made_at=now,
                content_type="audio/mpeg",
                sound=mp3_of(islice(hum(), 50 * SECONDS)),
            )
        )
        return promise.id


@pytest.fixture
def desk(page: Page, flask_app: Flask, kept: int, free_port: int) -> Iterator[Page]:
    complaints: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        if "Content Security Policy" in message.text:
            complaints.append(message.text)

    page.on("console", hear)
    with office.serving(flask_app, free_port) as url:
        sign_in(page, url)
        yield page
    assert complaints == [], "nothing that the page's own policy forbids"


def test_a_message_goes_on_playing_while_the_list_is_shown_anew_and_its_number_is_filled_in(
    desk: Page, kept: int
) -> None:
    desk.locator("#board .promise summary").first.click()
    audio = desk.get_by_label("Ingesproken bericht, 20 seconden")
    expect(audio).to_be_visible()
    # However long the rest takes, it isn't over.
    audio.evaluate("(sound) => { sound.loop = true; return sound.play(); }")
    desk.wait_for_function("() => document.querySelector('audio').currentTime > 0.3")

    with db.transaction() as session:
        ledger.say_more(session, kept, "Met Mieke")
        ledger.note(session, session.get_one(Promise, kept), "promise_said_more", datetime.now(UTC))
    expect(desk.locator("#board")).to_contain_text("Met Mieke")

    assert audio.evaluate("(sound) => !sound.paused && sound.currentTime > 0")
    with db.transaction() as session:
        assert [one.why for one in session.query(PromiseEvent) if one.who == "anna"] == ["promise_listened"]
    desk.locator("#board details.menu summary").click()
    desk.get_by_label("Het nummer dat de beller bedoelde").fill("06 12345678")
    desk.get_by_role("button", name="Dit nummer nu bellen").click()
    expect(desk.locator(f"#board form[action='/desk/promises/{kept}/now']")).to_be_attached()
    with db.transaction() as session:
        promise = session.get_one(Promise, kept)
        assert (promise.number, promise.agent) == ("+31612345678", "anna")
