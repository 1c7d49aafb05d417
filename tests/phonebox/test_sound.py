"""Does each person hear those, and only those, whom they should?"""

import io
import wave
from array import array

import httpx
import pytest
from twilio.rest import Client

from phonebox.client import PATIENCE_SECONDS, DrivingError, Phonebox, WaitedInVain
from phonebox.network.conferences import JITTER_SECONDS
from phonebox.settings import DEVELOPMENT_ACCOUNT_SID, DEVELOPMENT_AUTH_TOKEN
from phonebox.sound import (
    FRAME_SAMPLES,
    FRAME_SECONDS,
    LOUDEST,
    Meter,
    NoSound,
    Played,
    Tone,
    decibels,
    mixed,
    samples_of,
    share_of,
    silence,
    wav_of,
)
from tests.phonebox.scripted import App

ADA, BOB, CAS = "+31612345678", "+31687654321", "+31611112222"
LINE = "+31880001111"
ACCOUNT = (DEVELOPMENT_ACCOUNT_SID, DEVELOPMENT_AUTH_TOKEN)


def heard(*tones: float) -> Meter:
    """Return what one hears who hears these tones together."""
    meter, mouths = Meter(), [Tone(hz) for hz in tones]
    for _ in range(10):
        frames = [frame for mouth in mouths if (frame := mouth.frame()) is not None]
        meter.hear(mixed(frames))
    return meter


def test_a_tone_is_told_from_its_neighbours_and_from_silence() -> None:
    assert heard(600).hears(600)
    assert not heard(600).hears(650)
    assert not heard(600).hears(0)
    assert heard().hears(0)
    assert not heard().hears(600)


def test_two_voices_are_both_heard() -> None:
    both = heard(600, 1000)

    assert both.hears(600)
    assert both.hears(1000)
    assert not both.hears(800)


def test_a_tone_is_loud_and_wholly_at_its_frequency() -> None:
    window = heard(600).window

    assert decibels(window) == pytest.approx(-9.03, abs=0.1)
    assert share_of(window, 600) == pytest.approx(1, abs=0.01)


def test_what_is_too_loud_together_is_cut_off_and_never_wraps_round() -> None:
    loud, quiet = array("h", [30000] * FRAME_SAMPLES), array("h", [-30000] * FRAME_SAMPLES)

    assert set(mixed([loud, loud, loud])) == {LOUDEST}
    assert set(mixed([quiet, quiet])) == {-LOUDEST}
    assert mixed([loud, quiet]) == silence()


def test_a_file_is_played_again_and_again() -> None:
    played = Played(wav_of([array("h", range(200))]))

    first, second, third = (played.frame() for _ in range(3))

    assert first == array("h", range(160))
    assert second == array("h", [*range(160, 200), *[0] * 120])
    assert third == first


@pytest.mark.parametrize(("rate", "channels", "width"), [(44100, 1, 2), (8000, 2, 2), (8000, 1, 1)])
def test_a_file_that_is_no_telephone_sound_is_refused(rate: int, channels: int, width: int) -> None:
    out = io.BytesIO()
    with wave.open(out, "wb") as sound:
        sound.setframerate(rate)
        sound.setnchannels(channels)
        sound.setsampwidth(width)
        sound.writeframes(bytes(3200))

    with pytest.raises(NoSound, match="8000 samples"):
        samples_of(out.getvalue())


@pytest.mark.parametrize("file", [b"", b"RIFF", b"no sound at all", wav_of([])])
def test_a_file_without_sound_is_refused(file: bytes) -> None:
    with pytest.raises(NoSound):
        samples_of(file)


def test_the_two_on_a_bridge_hear_each_other_and_nobody_hears_himself(phone: Phonebox, app: App) -> None:
    app.on("/voice/incoming", f'<Dial callerId="{LINE}"><Number>{BOB}</Number></Dial>')

    ada = phone.call_in(ADA, LINE, hz=600)
    phone.endpoint(BOB).answer()
    bob = phone.call(phone.endpoint(BOB).wait("bridged")["talking"][0]["sid"])
    bob.sound(wav=wav_of(frame for _ in range(50) if (frame := Tone(1000).frame())))

    ada.wait("hears:1000")
    bob.wait("hears:600")
    shares = ada.measure(600, 1000)["shares"]
    assert shares["600"] < 0.05 < 0.5 < shares["1000"]
    ada.sound()
    bob.wait("hears:0")


def test_nobody_hears_a_caller_before_somebody_answers(phone: Phonebox, app: App) -> None:
    app.on("/voice/incoming", f'<Dial callerId="{LINE}"><Number>{BOB}</Number></Dial>')

    ada = phone.call_in(ADA, LINE, hz=600)
    ada.wait(f"ringing:{BOB}")

    ada.wait("hears:0")


def test_a_room_mutes_holds_and_lets_a_coach_be_heard_by_one(
    phone: Phonebox, app: App, twilio: Client
) -> None:
    coached: dict[str, str] = {}

    def room(received: object) -> str:
        form = getattr(received, "form", {})
        coach = f' coach="{coached["sid"]}"' if form["From"] == CAS else ""
        return (
            f'<Response><Dial><Conference{coach} beep="false" startConferenceOnEnter="true">'
            "room</Conference></Dial></Response>"
        )

    app.on("/voice/incoming", answer=room)
    ada, bob = phone.call_in(ADA, LINE, hz=600), phone.call_in(BOB, LINE, hz=1000)
    ada.wait("bridged")
    coached["sid"] = bob.sid
    cas = phone.call_in(CAS, LINE, hz=1600)

    bob.wait("hears:600")
    bob.wait("hears:1600")
    cas.wait("hears:600")
    cas.wait("hears:1000")
    assert ada.measure(1600)["shares"]["1600"] < 0.05
    members = twilio.conferences(twilio.conferences.list()[0].sid).participants
    members(ada.sid).update(muted=True)
    cas.wait("not_hears:600")
    members(ada.sid).update(muted=False, hold=True)
    ada.wait("hears:0")
    members(ada.sid).update(hold=False)
    ada.wait("hears:1000")
    bob.wait("hears:600")


def test_a_bridge_becomes_a_room_in_which_both_are_heard_again(
    phone: Phonebox, app: App, twilio: Client
) -> None:
    room = '<Dial><Conference waitUrl="" beep="false" jitterBufferSize="small">r</Conference></Dial>'
    app.on("/voice/incoming", f'<Dial callerId="{LINE}" action="/room"><Number>{BOB}</Number></Dial>')
    app.on("/room", room)
    ada = phone.call_in(ADA, LINE, hz=600)
    phone.endpoint(BOB).answer()
    bob = phone.call(phone.endpoint(BOB).wait("bridged")["talking"][0]["sid"])
    bob.sound(hz=1000)
    ada.wait("hears:1000")
    bob.wait("hears:600")
    twilio.calls(bob.sid).update(url=f"{app.url}/room", method="POST")
    ada.wait("kind:conference")
    ada.wait(f"company:{BOB}")
    ada.wait("hears:1000")
    bob.wait("hears:600")


def test_the_longest_silence_is_remembered_until_somebody_asks() -> None:
    meter, tone = Meter(), Tone(600)
    for frame in (tone.frame(), silence(), silence(), silence(), tone.frame(), silence(), tone.frame()):
        meter.hear(frame or silence())

    assert meter.longest_silence() == pytest.approx(3 * FRAME_SECONDS)
    assert meter.longest_silence() == 0


def test_a_larger_buffer_lets_a_voice_come_later() -> None:
    frames = {size: round(seconds / FRAME_SECONDS) for size, seconds in JITTER_SECONDS.items()}

    assert frames == {"off": 0, "small": 2, "medium": 8, "large": 15}


def test_a_sound_that_is_none_is_refused(phone: Phonebox, app: App) -> None:
    app.on("/voice/incoming", "<Pause length='600'/>")
    ada = phone.call_in(ADA, LINE)

    with pytest.raises(DrivingError, match="no WAV"):
        ada.sound(wav=b"rubbish")
    with pytest.raises(DrivingError, match="whole hertz"):
        ada.wait("hears:loudly")
    with pytest.raises(DrivingError, match="hz: a number"):
        phone.call_in(ADA, LINE, hz=-1)


def test_a_voice_is_recorded_until_it_falls_silent(phone: Phonebox, app: App, twilio: Client) -> None:
    app.on("/voice/incoming", '<Record action="/recorded" timeout="10" maxLength="3600"/>')
    app.on("/recorded", "<Hangup/>")

    phone.change(patience=None)  # what speaks here needs no time to begin
    ada = phone.call_in(ADA, LINE, hz=600)
    ada.wait("prompt:record")
    # A voice is no silence: this lasts longer than the time-out of half a second.
    with pytest.raises(WaitedInVain):
        ada.wait("ended", seconds=1)
    ada.sound()
    ada.wait("settled")

    recorded = app.at("/recorded")[0].form
    voice = samples_of(httpx.get(recorded["RecordingUrl"], auth=ACCOUNT, timeout=PATIENCE_SECONDS).content)
    assert int(recorded["RecordingDuration"]) > 10
    assert share_of(voice[:1600], 600) > 0.9
    assert decibels(voice[-1600:]) < -60


def test_a_silent_line_makes_no_recording(phone: Phonebox, app: App) -> None:
    app.on("/voice/incoming", '<Record action="/recorded" timeout="5"/>', "<Say>Niets gehoord.</Say>")

    ada = phone.call_in(ADA, LINE, silent=True)
    ada.sound()
    ada.wait("caption:Niets gehoord.")

    assert app.at("/recorded") == []
