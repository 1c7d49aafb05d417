"""What did the caller say when we asked? What it is about, after the tone, or on which number."""

from datetime import datetime

from sqlalchemy.orm import Session

from app.carrier import twiml
from app.catalogue import text
from app.deployment import Deployment
from app.lines import places
from app.messages.wishes import asks_for_another
from app.promises import ledger, recordings
from app.records.calls import Call
from app.records.promises import Promise
from app.routing import sentences
from app.routing.sentences import Sentence
from app.voice import withheld
from app.voice.held import facts_of, held, once
from app.voice.waiting import avoid


def about(session: Session, sid: str, number: int, speech_result: str, now: datetime) -> bytes:
    """The caller said what it is about, or nothing."""
    call = held(session, sid)

    def answer() -> bytes:
        words = speech_result.strip()
        if asks_for_another(words) and (by_others := _by_somebody_else(session, call, now)) is not None:
            said = by_others
        else:
            if words and call.promise is not None:
                ledger.say_more(session, call.promise, words)
            said = text(_thanks(session, call) if words else "say.goodbye", call.language)
        return twiml.farewell(said=sentences.told(call, [said], now), language=call.language)

    return once(session, sid, f"about/{number}", now, answer)


def message_left(
    session: Session,
    sid: str,
    number: int,
    recording_sid: str,
    seconds: int | None,
    now: datetime,
) -> bytes:
    """The caller has spoken after the tone."""
    call = held(session, sid)

    def answer() -> bytes:
        recordings.arrived(session, call, recording_sid, seconds, now)
        thanks = text(_thanks(session, call), call.language)
        return twiml.farewell(said=sentences.told(call, [thanks], now), language=call.language)

    return once(session, sid, f"message/{number}", now, answer)


def recording(
    session: Session, sid: str, recording_sid: str, status: str, seconds: int | None, now: datetime
) -> None:
    """The carrier says what became of a recording: it is ready, or there was nothing to record."""
    call = held(session, sid)
    if status == "completed":
        recordings.arrived(session, call, recording_sid, seconds, now)
    elif status == "absent":
        recordings.absent(session, call, recording_sid)


def _thanks(session: Session, call: Call) -> str:
    promise = session.get(Promise, call.promise) if call.promise is not None else None
    # Whom nobody can ring isn't told that we will speak soon.
    return "say.about_thanks" if promise is not None and promise.number else "say.hidden_thanks"


def _by_somebody_else(session: Session, call: Call, now: datetime) -> str | None:
    """Let others owe what this caller was promised, and say so; None when nobody was named to them."""
    promise = session.get(Promise, call.promise) if call.promise is not None else None
    if promise is None or promise.agent is None:
        return None
    avoid(session, call, promise.agent, now)
    zone = places.zone_of(session, call.line)
    return sentences.words(
        Sentence("another_promised", {"time": ("before", promise.due_at)}), call.language, zone, now
    )


def number_given(
    session: Session,
    sid: str,
    number: int,
    given: str,
    now: datetime,
    deployment: Deployment,
    *,
    again: bool = False,
) -> bytes:
    """A caller whose number is hidden was asked for one, for the first time or `again`."""
    call = held(session, sid)

    def answer() -> bytes:
        facts = facts_of(session, call, now, deployment)
        said, reply = withheld.number_given(session, call, facts, given, now, deployment, again=again)
        sentences.told(call, said, now)
        return reply

    return once(session, sid, f"number/{number}{'/again' if again else ''}", now, answer)
