"""Do prompts listen, and recordings record, as with Twilio?"""

import io

import av
import httpx
import pytest

from phonebox.client import PATIENCE_SECONDS, DrivingError, Phonebox
from phonebox.settings import DEVELOPMENT_ACCOUNT_SID, DEVELOPMENT_AUTH_TOKEN
from tests.phonebox.scripted import App

LINE = "+31880001111"
ADA = "+31612345678"


def test_what_is_said_at_a_prompt_goes_to_its_action(app: App, phone: Phonebox) -> None:
    app.on(
        "/voice/incoming",
        '<Gather input="speech dtmf" language="nl-NL" action="/heard">',
        "<Say>Waarmee kan ik helpen?</Say></Gather><Say>never</Say>",
    )
    app.on("/heard", "<Hangup/>")

    call = phone.call_in(ADA, LINE)
    call.wait("prompt")
    call.say("Over mijn parkeervergunning")
    call.wait("ended")

    heard = app.at("/heard")[0].form
    assert heard["SpeechResult"] == "Over mijn parkeervergunning"
    assert 0 < float(heard["Confidence"]) <= 1
    assert "Digits" not in heard
    assert call.said == ["Waarmee kan ik helpen?"]


@pytest.mark.parametrize(
    ("attributes", "pressed", "digits"),
    [
        ('numDigits="4"', ["12", "3456"], "1234"),
        ("", ["12", "34#9"], "1234"),
        ('finishOnKey="*"', ["1#2*"], "1#2"),
        ('finishOnKey="" numDigits="3"', ["#*1"], "#*1"),
        ('timeout="5"', ["7"], "7"),
    ],
)
def test_keys_are_collected_until_there_are_enough(
    app: App, phone: Phonebox, attributes: str, pressed: list[str], digits: str
) -> None:
    app.on("/voice/incoming", f'<Gather {attributes} action="/heard"/>')
    app.on("/heard", "<Hangup/>")

    call = phone.call_in(ADA, LINE)
    for keys in pressed:
        call.press(keys)
    call.wait("ended")

    assert app.at("/heard")[0].form["Digits"] == digits


def test_an_empty_prompt_falls_through_to_the_next_verb(app: App, phone: Phonebox) -> None:
    app.on("/voice/incoming", '<Gather timeout="2" action="/heard"><Say>Ja?</Say></Gather><Say>Verder.</Say>')

    call = phone.call_in(ADA, LINE, silent=True)
    call.wait("ended")

    assert call.said == ["Ja?", "Verder."]
    assert app.at("/heard") == []


def test_an_empty_prompt_may_ask_its_action_all_the_same(app: App, phone: Phonebox) -> None:
    app.on(
        "/voice/incoming", '<Gather input="speech" timeout="2" actionOnEmptyResult="true" action="/heard"/>'
    )
    app.on("/heard", "<Hangup/>")

    phone.call_in(ADA, LINE, silent=True).wait("ended")

    assert app.at("/heard")[0].form["SpeechResult"] == ""


def test_who_has_to_answer_is_given_the_time_and_who_will_not_is_given_none(
    app: App, phone: Phonebox
) -> None:
    app.on("/voice/incoming", '<Gather timeout="5"/><Say>Verder.</Say>')
    phone.change(patience=0.001)

    waited_for = phone.call_in(ADA, LINE)
    waited_for.wait("prompt")
    phone.call_in("+31612345679", LINE, silent=True).wait("ended")

    assert waited_for.state()["prompt"] == "gather"


def test_a_prompt_without_action_asks_the_same_address_again(app: App, phone: Phonebox) -> None:
    app.on("/voice/incoming", '<Gather numDigits="1"/><Say>Klaar.</Say>')

    call = phone.call_in(ADA, LINE)
    call.press("5")
    app.wait_for("/voice/incoming", 2)

    assert app.at("/voice/incoming")[1].form["Digits"] == "5"


def test_a_prompt_for_keys_does_not_hear_words(app: App, phone: Phonebox) -> None:
    app.on("/voice/incoming", '<Gather timeout="30" action="/heard"/>')

    call = phone.call_in(ADA, LINE)
    call.wait("prompt:gather")

    with pytest.raises(DrivingError, match="nobody listens"):
        call.say("Hallo?", seconds=0)


def test_speech_can_be_followed_while_it_is_recognised(app: App, phone: Phonebox) -> None:
    app.on("/voice/incoming", '<Gather input="speech" partialResultCallback="/partial" action="/heard"/>')
    app.on("/heard", "<Hangup/>")

    call = phone.call_in(ADA, LINE)
    call.say("Goedemorgen")
    call.wait("settled")

    assert app.at("/partial")[0].form["StableSpeechResult"] == "Goedemorgen"


def test_who_thinks_between_two_words_is_heard_out_and_the_prompt_is_quiet_meanwhile(
    app: App, phone: Phonebox
) -> None:
    app.on(
        "/voice/incoming",
        f'<Gather input="speech" speechTimeout="40" action="/heard"><Say>{"Vraag? " * 300}</Say></Gather>',
    )
    app.on("/heard", "<Say>Dank u.</Say>")

    call = phone.call_in(ADA, LINE)
    call.wait("prompt")
    call.say("Over mijn", seconds=0)
    call.say("eh, parkeervergunning", seconds=0)
    ended = call.wait("ended")

    assert app.at("/heard")[0].form["SpeechResult"] == "Over mijn eh, parkeervergunning"
    at = {one["text"]: one["at"] for one in ended["captions"]}
    assert 40 <= at["Dank u."] - at["eh, parkeervergunning"] < 120, "after the silence, not after the prompt"


def test_a_recording_ends_with_a_key_and_can_be_fetched(app: App, phone: Phonebox) -> None:
    app.on("/voice/incoming", '<Record action="/recorded" recordingStatusCallback="/ready" maxLength="60"/>')
    app.on("/recorded", "<Say>Dank u.</Say>")

    call = phone.call_in(ADA, LINE)
    call.say("Mijn container is niet geleegd,")
    call.say("al twee weken.")
    call.press("#")
    call.wait("settled")

    recorded = app.at("/recorded")[0].form
    assert recorded["Digits"] == "#"
    assert int(recorded["RecordingDuration"]) >= 1
    ready = app.at("/ready")[0].form
    assert (ready["RecordingStatus"], ready["RecordingSid"]) == ("completed", recorded["RecordingSid"])
    small = httpx.get(recorded["RecordingUrl"] + ".mp3", auth=phone_auth(), timeout=PATIENCE_SECONDS)
    assert small.headers["content-type"] == "audio/mpeg"
    with av.open(io.BytesIO(small.content)) as file:
        assert [stream.type for stream in file.streams] == ["audio"]
    sound = httpx.get(recorded["RecordingUrl"] + ".wav", auth=phone_auth(), timeout=PATIENCE_SECONDS)
    assert sound.content.startswith(b"RIFF")
    words = httpx.get(recorded["RecordingUrl"] + ".txt", auth=phone_auth(), timeout=PATIENCE_SECONDS)
    assert words.text == "Mijn container is niet geleegd, al twee weken."
    assert ("beep", "") in call.captions


def test_silence_after_the_tone_makes_no_recording(app: App, phone: Phonebox) -> None:
    app.on("/voice/incoming", '<Record action="/recorded" timeout="2"/><Say>Niets gehoord.</Say>')

    call = phone.call_in(ADA, LINE, silent=True)
    call.wait("ended")

    assert call.said == ["Niets gehoord."]
    assert app.at("/recorded") == []


def test_a_recording_is_reported_on_as_asked(app: App, phone: Phonebox) -> None:
    asked = 'recordingStatusCallback="/news" recordingStatusCallbackEvent="in-progress completed absent"'
    app.on("/voice/incoming", f'<Record action="/next" timeout="10" {asked}/>')
    app.on("/next", f'<Record timeout="2" {asked}/>')

    call = phone.call_in(ADA, LINE)
    call.wait("prompt:record")
    call.say("Met Ada.")
    call.wait("ended")

    told: dict[str, set[str]] = {}
    for news in app.wait_for("/news", 4):
        told.setdefault(news.form["RecordingSid"], set()).add(news.form["RecordingStatus"])
    assert sorted(told.values(), key=sorted) == [{"in-progress", "absent"}, {"in-progress", "completed"}]


def test_a_caller_who_hangs_up_after_speaking_leaves_the_recording_behind(app: App, phone: Phonebox) -> None:
    app.on("/voice/incoming", '<Record action="/recorded" timeout="30"/>')

    call = phone.call_in(ADA, LINE)
    call.say("Bel mij terug.")
    call.hang_up()
    call.wait("settled")

    recorded = app.wait_for("/recorded")[0].form
    assert (recorded["Digits"], recorded["CallStatus"]) == ("hangup", "completed")


def phone_auth() -> tuple[str, str]:
    """Return the development account's user name and password."""
    return DEVELOPMENT_ACCOUNT_SID, DEVELOPMENT_AUTH_TOKEN
