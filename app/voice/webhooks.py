"""What does the carrier ask of us? Each view checks the form, calls one function, and replies."""

import logging
import time
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from flask import Flask, Response, current_app, request
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session

from app import bus, db
from app.callers.numbers import mask, to_e164
from app.carrier import forms, twiml, webhook
from app.carrier.executor import Executor
from app.carrier.webhook import Entrance, Work, asked, here, told
from app.carrier.words import CARRIER_SAYS_ENDED, MOVED
from app.clock import utcnow
from app.deployment import Deployment
from app.errors import UnknownCall
from app.routing import simulation, understanding
from app.routing.asked_call import AskedCall
from app.voice import asking, held, last_word, prompts, protecting, rings, waiting
from app.voice import incoming as incoming_calls
from app.voice.outage import last_resort, spool_replay
from app.voice.outage.degraded import OWNER, talked
from app.voice.outage.last_resort import LastResort
from app.voice.outage.snapshot import Keeper
from app.voice.steps import Rung
from config import Settings

log = logging.getLogger(__name__)

bp = webhook.webhooks("voice", "/voice")

# Beyond it no call ever goes, and a database's integers end.
MOST_STEPS = 10_000
# A database that read within the deadline is given the time to write, too.
SHORTEST_SECONDS = 0.1


@dataclass(frozen=True)
class Voice:
    """What calls need of this process beside what every webhook does."""

    left: LastResort
    keeper: Keeper


def register(app: Flask) -> None:
    """Serve the carrier's webhooks."""
    settings: Settings = app.config["SETTINGS"]
    keeper = Keeper(settings.secret_key)
    deployment = Deployment.of(settings)
    left = last_resort.register(app, keeper)
    keeper.when_reachable = lambda: spool_replay.merge(left.spool, deployment)
    executor = Executor(settings.webhook_deadline_seconds)
    webhook.open_entrance(app, Entrance(settings, deployment, executor, left.spool))
    app.extensions["voice"] = Voice(left, keeper)
    app.register_blueprint(bp)


def start(app: Flask) -> None:
    """Make ready for the first call: a picture to fall back on, and nothing left to be loaded or compiled."""
    entrance: Entrance = app.extensions["carrier"]
    app.extensions["voice"].keeper.start()
    entrance.executor.pool.submit(_warm_up, entrance)


def _warm_up(entrance: Entrance) -> None:
    """Go the way of a call without one; the first caller would wait for it otherwise."""
    now, language = utcnow(), entrance.settings.default_language
    country = entrance.deployment.defaults.country
    try:
        with db.reading() as session:
            asked = AskedCall.model_validate({"from": "0612345678"})
            simulation.simulate(session, asked, now=now, deployment=entrance.deployment)
            # What was learnt of topics takes a second to be read.
            understanding.understand(session, "paspoort", language=language, country=country)
        nobody = incoming_calls.IncomingCall("", "", "")
        with db.at_once() as connection:
            incoming_calls.look_up(connection, nobody, now, entrance.deployment)
        twiml.farewell(said=[], language=language)
    except (SQLAlchemyError, OSError) as error:
        log.warning("could not make ready", extra={"error": type(error).__name__})


def stop(app: Flask) -> None:
    """Let go of the threads that serve the webhooks; the application answers none after this."""
    entrance: Entrance = app.extensions["carrier"]
    app.extensions["voice"].keeper.stop()
    entrance.executor.pool.shutdown(wait=True)


def _voice() -> Voice:
    voice: Voice = current_app.extensions["voice"]
    return voice


def _deployment() -> Deployment:
    return here().deployment


@bp.before_request
def look_around() -> None:
    """See that there is something to fall back on."""
    _voice().keeper.start()


@bp.url_value_preprocessor
def read_address(endpoint: str | None, values: dict[str, Any] | None) -> None:
    """Take an address that we never gave out for one of a call that there never was."""
    if values and "sid" in values and not forms.CALL_SID.fullmatch(values["sid"]):
        values["sid"] = ""
    if values and not 0 <= values.get("number", 0) <= MOST_STEPS:
        values["number"] = 0


# --- when it can't be done ------------------------------------------------------------------------------
# Each answers the carrier all the same: an error page is silence on the line.


def _ring_somebody(error: Exception | None = None) -> Response:
    """A call comes in of which nothing can be read: ring whom the picture in memory shows."""
    voice = _voice()
    voice.left.spool.keep("incoming", last_resort.caller())
    line = to_e164(forms.value("To"), here().settings.default_country) or forms.value("To")[:32]
    return forms.xml(voice.left.degraded.answer(OWNER, line, _from_e164(), caller_id=forms.caller_id()))


def _go_on(error: Exception) -> Response:
    """The caller may have just had their conversation; then it is over, else somebody else is rung."""
    left, dial, named = _voice().left, forms.dial_ended(), request.view_args or {}
    is_of_step = named.get("sid") == forms.value("CallSid")
    if is_of_step and dial.is_moved:
        return _follow_later(error)
    said = asdict(dial) | {"step": named.get("number") if is_of_step else None}
    if talked(dial):
        left.spool.keep("talked", last_resort.caller() | said | {"seconds": dial.seconds or 0})
    elif is_of_step:
        left.spool.keep("went_on", last_resort.caller() | said)
    return forms.xml(left.degraded.after(OWNER, forms.value("To")[:32], dial, forms.caller_id()))


def _follow_later(error: Exception) -> Response:
    """The agent is in a room already of which only the database knows: it is asked for again and again."""
    step, url = _step(), here().settings.public_url
    again = twiml.Addresses(url, step["call_sid"], step["step"]).of("follow")
    return forms.xml(
        twiml.hold(
            said=(),
            language=here().settings.default_language,
            sound=url + waiting.SIGN_OF_LIFE,
            seconds=2,
            again=again,
        )
    )


def _keep_end(error: Exception) -> Response:
    """Keep the news of a call's end on disk: it comes only once."""
    said = {"call_status": forms.value("CallStatus"), "seconds": forms.seconds("CallDuration")}
    here().spool.keep("ended", last_resort.caller() | said)
    return forms.done()


def _keep_leg(error: Exception, *, on_phone: bool = False) -> Response:
    """Keep on disk that a telephone rings or was answered: else a conversation is taken for a ring."""
    if not isinstance(error, UnknownCall):
        said = {"call_status": forms.value("CallStatus"), "leg_sid": forms.value("CallSid")[:64]}
        here().spool.keep("leg", _step() | said | {"on_phone": on_phone})
    return forms.done()


def _step() -> dict[str, Any]:
    """Return which step of which call the address names: the form is that of another call, the agent's."""
    named = request.view_args or {}
    return {"call_sid": named["sid"], "step": named["number"], "at": utcnow().isoformat()}


def _ask_all_the_same(error: Exception) -> Response:
    """The agent's language and name are out of reach; the question is the same."""
    if isinstance(error, UnknownCall):
        return _say_goodbye(error)
    step = _step()
    addresses = twiml.Addresses(here().settings.public_url, step["call_sid"], step["step"])
    is_known = step["call_sid"] != ""
    return forms.xml(_voice().left.degraded.whisper("", addresses.of("accept") if is_known else None))


def _put_through_all_the_same(error: Exception) -> Response:
    """Whoever says yes gets the caller; that they talk is written down later."""
    if isinstance(error, UnknownCall):
        return last_resort.accepted(False)
    yes = twiml.is_yes(forms.value("Digits"), forms.value("SpeechResult"))
    if yes:
        here().spool.keep("accepted", _step())
    return last_resort.accepted(yes)


def _leave_queue(error: Exception | None = None) -> Response:
    """What follows knows what to do without a database, or is asked anew."""
    return forms.xml(twiml.leave_queue())


def _ask_again(error: Exception) -> Response:
    """Late, not gone: somebody is reserved for this caller, so it is worth asking again for whom."""
    if isinstance(error, UnknownCall) or _queue_result() == "hangup" or here().executor.rests:
        return _go_on(error)
    step = _step()
    addresses = twiml.Addresses(here().settings.public_url, step["call_sid"], step["step"])
    return forms.xml(twiml.ask_again(addresses.of()))


def _say_goodbye(error: Exception) -> Response:
    return forms.xml(twiml.farewell(said=(), language=here().settings.default_language))


def _keep_message(error: Exception) -> Response:
    left = _voice().left
    kept = last_resort.keep_message(left)
    return forms.xml(left.degraded.thanks(forms.value("To")[:32], kept=kept))


def _leave_out() -> Response:
    """Nothing is said in a form that wasn't read."""
    return forms.xml(twiml.nothing())


def _nobody() -> Response:
    """Nobody may be put through by a form that wasn't read."""
    return last_resort.accepted(False)


# --- the way in ---------------------------------------------------------------------------------------

_a_message = last_resort.take_a_message_of_anybody


@asked(bp, "/incoming", lost=_ring_somebody, unread=_a_message)
def incoming() -> Response:
    """A call comes in."""
    sid, executor, deployment = forms.value("CallSid"), here().executor, _deployment()
    if not forms.CALL_SID.fullmatch(sid):
        log.warning("call without a usable CallSid")
        return _ring_somebody()
    call = _incoming_call(sid)
    try:
        reply = _answered(call, executor, deployment)
    except IntegrityError:
        # The same webhook was answered a moment ago, in another process or thread: say the same.
        answered = executor.run(lambda session: incoming_calls.answered_before(session, sid))
        if answered is None:
            # Written down without having been answered: while we were away, or by the news of its end.
            return _ring_somebody()
        reply = answered
    log.info("call answered", extra={"call_sid": sid, "from": mask(_from_e164())})
    return forms.xml(reply)


def _answered(call: incoming_calls.IncomingCall, executor: Executor, deployment: Deployment) -> bytes:
    """Answer with one write when somebody can be rung at once, as for most callers; else step by step."""
    now, until = utcnow(), time.monotonic() + executor.deadline

    def ring_at_once() -> Rung | incoming_calls.Known:
        with db.at_once() as connection:
            found = incoming_calls.ring_at_once(connection, call, now, deployment)
        if isinstance(found, Rung):
            bus.publish([found.bell])
        return found

    found = executor.at_once(ring_at_once)
    if isinstance(found, Rung):
        return found.reply
    left = max(SHORTEST_SECONDS, until - time.monotonic())
    return executor.run(lambda session: incoming_calls.answer(session, found, now, deployment), left)


@told(bp, "/status", lost=_keep_end)
def status() -> Work | Response:
    """The carrier says how a call stands; asked about a call that we missed, we owe a callback."""
    sid, word, seconds = forms.value("CallSid"), forms.value("CallStatus"), forms.seconds("CallDuration")
    if not forms.CALL_SID.fullmatch(sid) or word not in CARRIER_SAYS_ENDED:
        return forms.done()
    # The work is done in another thread, which doesn't know this request.
    call, deployment = _incoming_call(sid), _deployment()
    is_incoming = forms.value("Direction") in ("inbound", "") and call.to_raw != ""

    def work(session: Session) -> None:
        try:
            last_word.status(session, sid, word, utcnow(), deployment, seconds)
        except UnknownCall:
            if is_incoming:
                incoming_calls.note_missed(session, call, utcnow(), deployment)

    return work


def _incoming_call(sid: str) -> incoming_calls.IncomingCall:
    return incoming_calls.IncomingCall(
        sid, forms.value("From"), forms.value("To"), forms.value("StirVerstat")
    )


def _from_e164() -> str | None:
    return to_e164(forms.value("From"), here().settings.default_country)


# --- what the TwiML leads to --------------------------------------------------------------------------

_STEP = "/calls/<sid>/<int(signed=True):number>"


@asked(bp, _STEP, lost=_go_on, unread=_a_message)
def step(sid: str, number: int) -> Work:
    """The call was sent on by us: go on with the step that is its own now."""
    return lambda session: held.current(session, sid)


@asked(bp, f"{_STEP}/ended", lost=_go_on, unread=_a_message)
def ended(sid: str, number: int) -> Work:
    """A ring is over, or the conversation that came of it."""
    dial, deployment = forms.dial_ended(), _deployment()
    return lambda session: rings.ended(session, sid, number, dial, utcnow(), deployment)


@asked(bp, f"{_STEP}/follow", lost=_follow_later, unread=_a_message)
def follow(sid: str, number: int) -> Work:
    """The agent's side was sent into a room while nobody knew which: the caller's follows."""
    deployment = _deployment()
    return lambda session: rings.ended(session, sid, number, MOVED, utcnow(), deployment)


@told(bp, f"{_STEP}/leg", lost=_keep_leg)
def leg(sid: str, number: int) -> Work:
    """An agent's telephone rings, or was answered."""
    word, leg_sid = forms.value("CallStatus"), forms.value("CallSid")
    return lambda session: rings.leg(session, sid, number, word, leg_sid, utcnow())


@told(bp, f"{_STEP}/phone-leg", lost=partial(_keep_leg, on_phone=True))
def phone_leg(sid: str, number: int) -> Work:
    """The agent's ordinary phone, which rings along with their desk, rings or was answered."""
    word, leg_sid = forms.value("CallStatus"), forms.value("CallSid")
    return lambda session: rings.leg(session, sid, number, word, leg_sid, utcnow(), on_phone=True)


@asked(bp, f"{_STEP}/whisper", lost=_ask_all_the_same, unread=_nobody)
def whisper(sid: str, number: int) -> Work:
    """An ordinary phone was answered, by somebody or by something."""
    deployment = _deployment()
    return lambda session: rings.whisper(session, sid, number, deployment)


@asked(bp, f"{_STEP}/accept", lost=_put_through_all_the_same, unread=_nobody)
def accept(sid: str, number: int) -> Work:
    """The agent on an ordinary phone takes the call, or doesn't."""
    digits, words = forms.value("Digits"), forms.value("SpeechResult")
    return lambda session: rings.accept(session, sid, number, digits, words, utcnow())


@asked(bp, f"{_STEP}/wait", lost=_leave_queue, unread=_leave_queue)
def wait(sid: str, number: int) -> Work:
    """The carrier asks what a waiting caller hears next."""
    seconds, deployment = forms.seconds("QueueTime"), _deployment()
    return lambda session: waiting.wait(session, sid, number, utcnow(), deployment, seconds)


@asked(bp, f"{_STEP}/wish", lost=_leave_queue, unread=_leave_queue)
def wish(sid: str, number: int) -> Work:
    """A waiting caller said something."""
    words, deployment = forms.value("SpeechResult"), _deployment()
    return lambda session: waiting.wish(session, sid, number, words, utcnow(), deployment)


@asked(bp, f"{_STEP}/left", lost=_ask_again, unread=_a_message)
def left(sid: str, number: int) -> Work:
    """A caller is no longer in the queue."""
    result, deployment = _queue_result(), _deployment()
    return lambda session: waiting.left_queue(session, sid, number, result, utcnow(), deployment)


def _queue_result() -> str:
    is_over = forms.value("CallStatus") in CARRIER_SAYS_ENDED
    return "hangup" if is_over else forms.value("QueueResult")


@asked(bp, f"{_STEP}/warning", lost=lambda error: forms.xml(twiml.nothing()), unread=_leave_out)
def warning(sid: str, number: int) -> Work:
    """A caller is to be warned, in the room where they talk with the agent."""
    return lambda session: protecting.warning(session, sid)


@asked(bp, f"{_STEP}/goodbye", lost=_say_goodbye, unread=lambda: _say_goodbye(UnknownCall("")))
def goodbye(sid: str, number: int) -> Work:
    """A conversation is ended for the agent's protection."""
    return lambda session: protecting.goodbye(session, sid)


@asked(bp, f"{_STEP}/about", lost=_say_goodbye, unread=_a_message)
def about(sid: str, number: int) -> Work:
    """The caller said what the promised callback is about, or nothing."""
    words = forms.value("SpeechResult")
    return lambda session: prompts.about(session, sid, number, words, utcnow())


@asked(bp, f"{_STEP}/number", f"{_STEP}/number/<any(again):again>", lost=_go_on, unread=_a_message)
def number_given(sid: str, number: int, again: str = "") -> Work:
    """A caller whose number is hidden named one, or something else."""
    given, deployment = forms.value("Digits") or forms.value("SpeechResult"), _deployment()
    return lambda session: prompts.number_given(
        session, sid, number, given, utcnow(), deployment, again=again != ""
    )


@asked(bp, f"{_STEP}/asked", lost=_go_on, unread=_a_message)
def answered(sid: str, number: int) -> Work:
    """Whom nobody knows said what it is about, or nothing."""
    words, confidence, deployment = forms.value("SpeechResult"), forms.share("Confidence"), _deployment()
    return lambda session: asking.answered(session, sid, number, words, confidence, utcnow(), deployment)


@asked(bp, f"{_STEP}/message", lost=_keep_message, unread=_a_message)
def message_left(sid: str, number: int) -> Work:
    """The caller has spoken after the tone."""
    recording_sid, seconds = forms.value("RecordingSid"), forms.seconds("RecordingDuration")
    return lambda session: prompts.message_left(session, sid, number, recording_sid, seconds, utcnow())


@told(bp, f"{_STEP}/recording", lost=lambda error: forms.done())
def recording(sid: str, number: int) -> Work:
    """The carrier says what became of a recording; when this is lost, it is asked."""
    recording_sid, word = forms.value("RecordingSid"), forms.value("RecordingStatus")
    seconds = forms.seconds("RecordingDuration")
    return lambda session: prompts.recording(session, sid, recording_sid, word, seconds, utcnow())
