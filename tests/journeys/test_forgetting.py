"""Is somebody handed out and forgotten by the running product, and at the carrier too?"""

import json
import zipfile
from pathlib import Path

from sqlalchemy import select

from app.records.calls import CallState
from app.records.lines import Line
from app.records.privacy import Erasure
from app.records.promises import RecordingState
from tests.factories import ADA, BEN, LINE
from tests.journeys.conftest import Town

WORDS = "Mijn kanarie is ontsnapt"


def run(town: Town, *words: str) -> str:
    """Type a command beside the running product; return what it said."""
    typed = town.product.flask(*words)
    typed.spawn()
    assert typed.popen is not None
    assert typed.popen.wait() == 0, typed.words()
    typed.kill()
    return typed.words()


def at_carrier(town: Town, number: str) -> list[str]:
    """Return what the carrier still knows of a number: its messages, and its calls."""
    messages = [one["sid"] for one in town.phonebox.inbox(number)]
    calls = [one.sid for one in town.phonebox.calls() if number in json.dumps(one.state())]
    return messages + calls


def test_whoever_spoke_wrote_and_was_written_to_is_handed_out_and_forgotten_within_a_minute(
    town: Town, tmp_path: Path
) -> None:
    with town.written() as session:
        session.get_one(Line, LINE).records_messages = True
    for agent in ("anna", "bram", "carla"):
        town.change(agent, intent="off")
    for number in (ADA, BEN):
        call = town.phonebox.call_in(number, LINE)
        call.wait("prompt")
        call.say(WORDS)
        call.wait("ended")
        town.phonebox.wait_for_message(number)
        town.phonebox.write(number, LINE, WORDS)
    town.until(lambda: all(one.state == RecordingState.KEPT for one in town.recordings()), "sound is here")
    town.until(lambda: len(town.recordings()) == 2, "both were heard")
    calls = [call.sid for call in town.phonebox.calls()]
    town.until(lambda: all(town.call(sid).state == CallState.ENDED for sid in calls), "the calls are over")

    file = tmp_path / "all.zip"
    run(town, "export", "customer", "ada", str(file))
    with zipfile.ZipFile(file) as archive:
        [sound] = [name for name in archive.namelist() if name.startswith("recordings/")]
        assert archive.getinfo(sound).file_size > 100
        assert WORDS in archive.read("messages.json").decode()
        assert BEN not in archive.read("calls.json").decode()
    assert file.stat().st_mode & 0o777 == 0o600

    before = at_carrier(town, BEN)
    assert at_carrier(town, ADA)
    run(town, "erase", "customer", "ada")

    town.until(lambda: at_carrier(town, ADA) == [], "the carrier has forgotten them", seconds=60)
    assert at_carrier(town, BEN) == before
    with town.written() as session:
        [receipt] = session.scalars(select(Erasure))
        assert (receipt.whom, receipt.next_at, receipt.done_at is not None) == (None, None, True)
    logged = town.product.web.words() + town.product.worker.words()
    assert '"call answered"' in logged
    assert [trace for trace in (ADA[3:], "kanarie") if trace in logged] == []
