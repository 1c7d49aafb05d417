"""Does everybody hear whom they should, and nobody else, while somebody helps or is protected?"""

from datetime import UTC, datetime

from app.audit.log import Actor
from app.records.agents import Activity, Intent, Role
from app.records.audit import Via
from app.records.calls import CallState, Outcome
from app.voice import protecting, supervising
from app.voice.protecting import Press
from app.voice.supervising import Mode
from phonebox.client import PhoneCall
from tests import factories
from tests.desk import office
from tests.factories import ADA, LINE
from tests.journeys.conftest import ALIVE, Town

ADAS, ANNAS, KARINS = 600, 1000, 1600  # their voices, in hertz
WHO = Actor("karin@example.nl", Via.PAGE)
ANNA, KARIN = "client:anna", "client:karin"


def talk(town: Town) -> tuple[PhoneCall, PhoneCall]:
    """Ada and Anna talk; return their telephones."""
    ada = town.phonebox.call_in(ADA, LINE, hz=ADAS)
    town.phonebox.endpoint(ANNA).answer()
    ada.wait(f"bridged:{ANNA}")
    anna = telephone(town, ANNA)
    anna.sound(hz=ANNAS)
    town.until(lambda: town.call(ada.sid).state == CallState.TALKING, "they are seen to talk")
    return ada, anna


def telephone(town: Town, address: str) -> PhoneCall:
    return town.phonebox.call(town.phonebox.endpoint(address).wait("talking")["talking"][0]["sid"])


def supervise(town: Town, call: PhoneCall, mode: Mode) -> None:
    with town.written() as session:
        supervising.supervise(session, call.sid, "karin", mode, datetime.now(UTC), WHO)


def press(town: Town, call: PhoneCall, step: Press) -> None:
    with town.written() as session:
        protecting.press(session, call.sid, "anna", step, datetime.now(UTC), WHO)


def test_a_supervisor_is_heard_by_whom_they_say_and_goes_on_when_the_agent_has_had_enough(town: Town) -> None:
    with town.written() as session:
        factories.agent(session, "karin", now=datetime.now(UTC) + ALIVE)
        office.user(session, "karin", Role.SUPERVISOR)
    town.phonebox.endpoint(KARIN).register("answer")
    ada, anna = talk(town)

    supervise(town, ada, Mode.LISTEN)
    karin = telephone(town, KARIN)
    karin.sound(hz=KARINS)
    karin.wait(f"hears:{ADAS}")
    karin.wait(f"hears:{ANNAS}")
    ada.wait(f"hears:{ANNAS}")
    anna.wait(f"hears:{ADAS}")
    for each in (ada, anna):
        assert each.measure(KARINS)["shares"][str(KARINS)] < 0.05

    supervise(town, ada, Mode.WHISPER)
    anna.wait(f"hears:{KARINS}")
    assert ada.measure(KARINS)["shares"][str(KARINS)] < 0.05
    supervise(town, ada, Mode.JOIN)
    ada.wait(f"hears:{KARINS}")

    press(town, ada, Press.WARN)
    ada.wait("caption:uitgescholden of bedreigd")
    press(town, ada, Press.END)
    town.phonebox.endpoint(ANNA).wait("idle")
    assert "uitgescholden" not in str([*anna.captions, *karin.captions])
    assert ada.company == [KARIN]
    assert town.call(ada.sid).bridged_to == "karin"
    assert town.presence("anna").intent == Intent.BREAK

    ada.hang_up()
    town.phonebox.endpoint(KARIN).wait("idle")
    town.until(lambda: town.call(ada.sid).state == CallState.ENDED, "the call is closed")
    assert town.call(ada.sid).outcome == Outcome.TALKED
    assert ada.state()["music"] == 0
    assert town.promises() == []


def test_a_call_ends_politely_and_the_next_one_goes_past_whom_was_abused(town: Town) -> None:
    ada, _ = talk(town)

    press(town, ada, Press.END)
    ada.wait("caption:helpt een andere collega u")
    ada.wait("settled")
    assert town.phonebox.endpoint(ANNA).wait("idle")
    town.until(lambda: town.presence("anna").activity == Activity.WRAPPING_UP, "Anna wraps up")
    assert town.promises() == []

    town.end_wrap_up("anna")
    town.change("anna", intent=Intent.AVAILABLE)
    again = town.phonebox.call_in(ADA, LINE)
    again.wait("ringing:client:bram")
    assert again.rang == ["client:bram"]
