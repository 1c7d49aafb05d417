"""What does the carrier ask of us? Each view checks the form, calls one function, and replies."""

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from flask import Blueprint, Flask, Response, current_app, request
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session
from werkzeug.exceptions import HTTPException

from app import bus, db
from app.callers.numbers import mask, to_e164
from app.carrier import forms, twiml
from app.carrier.executor import Executor
from app.carrier.words import CARRIER_SAYS_ENDED
from app.clock import utcnow
from app.deployment import Deployment
from app.errors import StoreUnavailable
from app.records.lines import Line
from app.routing import simulation
from app.voice import held, last_word, prompts, rings, waiting
from app.voice import incoming as incoming_calls
from app.voice.outage import last_resort, spool_replay
from app.voice.outage.degraded import OWNER, talked
from app.voice.outage.last_resort import LastResort
from app.voice.outage.snapshot import Keeper
from app.voice.steps import Rung
from config import Settings

log = logging.getLogger(__name__)

bp = Blueprint("voice", __name__, url_prefix="/voice")

# Far below the carrier's 15 s: a caller hears nothing until we reply.
NEWS_DEADLINE_SECONDS = 5.0  # nobody waits for the answer to news, and it is told only once

# Beyond it no call ever goes, and a database's integers end.
MOST_STEPS = 10_000


@dataclass(frozen=True)
class Voice:
    """What the views need of this process."""

    settings: Settings
    deployment: Deployment
    left: LastResort
    store: Executor
    keeper: Keeper


def register(app: Flask) -> None:
    """Serve the carrier's webhooks."""
    settings: Settings = app.config["SETTINGS"]
    keeper = Keeper(settings.secret_key)
    deployment = Deployment.of(settings)
    left = last_resort.register(app, keeper)
    keeper.when_reachable = lambda: spool_replay.merge(left.spool, deployment)
    app.extensions["voice"] = Voice(
        settings, deployment, left, Executor(settings.webhook_deadline_seconds), keeper
    )
    app.register_blueprint(bp)


def start(app: Flask) -> None:
    """Make ready for the first call: a picture to fall back on, and nothing left to be loaded or compiled."""
    voice: Voice = app.extensions["voice"]
    voice.keeper.start()
    voice.store.pool.submit(_warm_up, voice)


def _warm_up(voice: Voice) -> None:
    """Go the way of a call without one; the first caller would wait for it otherwise."""
    now = utcnow()
    try:
        with db.reading() as session:
            line = session.scalar(select(Line.number).limit(1)) or ""
            simulation.simulate(
                session,
                from_raw="0612345678",
                line=line,
                at=now,
                now=now,
                deployment=voice.deployment,
                language=voice.settings.default_language,
            )
        twiml.farewell(said=[], language=voice.settings.default_language)
    except (SQLAlchemyError, OSError) as error:
        log.warning("could not make ready", extra={"error": type(error).__name__})


def stop(app: Flask) -> None:
    """Let go of the threads that serve the webhooks; the application answers none after this."""
    voice: Voice = app.extensions["voice"]
    voice.keeper.stop()
    voice.store.pool.shutdown(wait=True)


def _voice() -> Voice:
    voice: Voice = current_app.extensions["voice"]
    return voice


@bp.before_request
def guard() -> Response | None:
    """Let in the carrier only, and see that there is something to fall back on."""
    if (refusal := forms.refuse_strangers(_unread)) is not None:
        return refusal
    _voice().keeper.start()
    return None


def _unread() -> Response:
    """Answer who may or may not be the carrier, about a form that wasn't read."""
    match str(request.endpoint).removeprefix("voice."):
        case "status" | "leg" | "phone_leg" | "recording":
            return forms.too_long()
        case "whisper" | "accept":
            return last_resort.accepted(False)
        case "wait" | "wish":
            return forms.xml(twiml.leave_queue())  # what follows is asked anew
        case _:
            return last_resort.take_a_message_of_anybody()


@bp.url_value_preprocessor
def read_address(endpoint: str | None, values: dict[str, Any] | None) -> None:
    """Take an address that we never gave out for one of a call that there never was."""
    if values and "sid" in values and not forms.CALL_SID.fullmatch(values["sid"]):
        values["sid"] = ""
    if values and not 0 <= values.get("number", 0) <= MOST_STEPS:
        values["number"] = 0


@bp.errorhandler(Exception)
def find_somebody(error: Exception) -> Response | HTTPException:
    """Answer the caller whatever happens: an error page is silence on the line."""
    if isinstance(error, HTTPException) and error.code in (403, 404, 405, 413):
        return error
    log.exception("webhook failed", extra={"call_sid": forms.value("CallSid"), "path": request.path})
    match str(request.endpoint).removeprefix("voice."):
        case "incoming":
            return _degraded(OWNER, error)
        case "status":
            return _keep_end()
        case "leg" | "phone_leg" as leg:
            return _keep_leg(on_phone=leg == "phone_leg")
        case "recording":
            return forms.done()
        case "wait" | "wish":
            return forms.xml(twiml.leave_queue())
        case "whisper":
            return _whispered_without_store()
        case "accept":
            return _accepted_without_store()
        case _:
            return _continue_without_store(error)


@bp.route("/incoming", methods=forms.METHODS)
def incoming() -> Response:
    """A call comes in."""
    voice = _voice()
    sid = forms.value("CallSid")
    if not forms.CALL_SID.fullmatch(sid):
        log.warning("call without a usable CallSid")
        return _degraded(OWNER)
    call = _incoming_call(sid)
    try:
        reply = voice.store.call(lambda: _answered(call, voice.deployment))
    except IntegrityError:
        # The same webhook was answered a moment ago, in another process or thread: say the same.
        answered = voice.store.run(lambda session: incoming_calls.answered_before(session, sid))
        if answered is None:
            # Written down without having been answered: while we were away, or by the news of its end.
            return _degraded(OWNER)
        reply = answered
    except StoreUnavailable as error:
        return _degraded(OWNER, error)
    log.info("call answered", extra={"call_sid": sid, "from": mask(_e164("From"))})
    return forms.xml(reply)


def _answered(call: incoming_calls.IncomingCall, deployment: Deployment) -> bytes:
    """Answer with one write when somebody can be rung at once, as for most callers; else step by step."""
    now = utcnow()
    with db.at_once() as connection:
        found = incoming_calls.ring_at_once(connection, call, now, deployment)
    if isinstance(found, Rung):
        bus.publish([found.bell])
        return found.reply
    with db.transaction() as session:
        return incoming_calls.answer(session, found, now, deployment)


@bp.route("/status", methods=forms.METHODS)
def status() -> Response:
    """The carrier says how a call stands; asked about a call that we missed, we owe a callback."""
    voice = _voice()
    sid, call_status, seconds = (
        forms.value("CallSid"),
        forms.value("CallStatus"),
        forms.seconds("CallDuration"),
    )
    if not forms.CALL_SID.fullmatch(sid) or call_status not in CARRIER_SAYS_ENDED:
        return forms.done()
    # The work is done in another thread, which doesn't know this request.
    call = _incoming_call(sid)
    is_incoming = forms.value("Direction") in ("inbound", "") and call.to_raw != ""

    def work(session: Session) -> None:
        try:
            last_word.status(session, sid, call_status, utcnow(), voice.deployment, seconds)
        except held.UnknownCall:
            if is_incoming:
                incoming_calls.note_missed(session, call, utcnow(), voice.deployment)

    try:
        try:
            voice.store.run(work, NEWS_DEADLINE_SECONDS)
        except IntegrityError:
            # Another request has just written this call down: now it can be found.
            voice.store.run(work, NEWS_DEADLINE_SECONDS)
    except StoreUnavailable:
        return _keep_end()
    return forms.done()


def _keep_end() -> Response:
    """Keep the news of a call's end on disk: it comes only once."""
    said = {"call_status": forms.value("CallStatus"), "seconds": forms.seconds("CallDuration")}
    _voice().left.spool.keep("ended", last_resort.caller() | said)
    return forms.done()


@bp.route("/calls/<sid>/<int(signed=True):number>", methods=forms.METHODS)
def step(sid: str, number: int) -> Response:
    """The call was sent on by us: go on with the step that is its own now."""
    return _answer(
        lambda session: held.current(session, sid),
    )


@bp.route("/calls/<sid>/<int(signed=True):number>/ended", methods=forms.METHODS)
def ended(sid: str, number: int) -> Response:
    """A ring is over, or the conversation that came of it."""
    dial, deployment = forms.dial_ended(), _voice().deployment
    return _answer(lambda session: rings.ended(session, sid, number, dial, utcnow(), deployment))


@bp.route("/calls/<sid>/<int(signed=True):number>/leg", methods=forms.METHODS)
def leg(sid: str, number: int) -> Response:
    """An agent's telephone rings, or was answered."""
    return _leg(sid, number, on_phone=False)


@bp.route("/calls/<sid>/<int(signed=True):number>/phone-leg", methods=forms.METHODS)
def phone_leg(sid: str, number: int) -> Response:
    """The agent's ordinary phone, which rings along with their desk, rings or was answered."""
    return _leg(sid, number, on_phone=True)


def _leg(sid: str, number: int, *, on_phone: bool) -> Response:
    call_status, leg_sid = forms.value("CallStatus"), forms.value("CallSid")

    def work(session: Session) -> None:
        rings.leg(session, sid, number, call_status, leg_sid, utcnow(), on_phone=on_phone)

    try:
        _voice().store.run(work, NEWS_DEADLINE_SECONDS)
    except StoreUnavailable:
        return _keep_leg(on_phone=on_phone)
    except held.UnknownCall:
        log.warning("news of a ring that nobody knows", extra={"call_sid": sid})
    return forms.done()


def _keep_leg(*, on_phone: bool) -> Response:
    """Keep on disk that a telephone rings or was answered: else a conversation is taken for a ring."""
    said = {"call_status": forms.value("CallStatus"), "leg_sid": forms.value("CallSid")[:64]}
    _voice().left.spool.keep("leg", _step() | said | {"on_phone": on_phone})
    return forms.done()


def _step() -> dict[str, Any]:
    """Return which step of which call the address names: the form is that of another call, the agent's."""
    named = request.view_args or {}
    return {"call_sid": named["sid"], "step": named["number"], "at": utcnow().isoformat()}


@bp.route("/calls/<sid>/<int(signed=True):number>/whisper", methods=forms.METHODS)
def whisper(sid: str, number: int) -> Response:
    """An ordinary phone was answered, by somebody or by something."""
    voice = _voice()
    try:
        return forms.xml(
            voice.store.run(lambda session: rings.whisper(session, sid, number, voice.deployment))
        )
    except StoreUnavailable:
        return _whispered_without_store()
    except held.UnknownCall:
        return forms.xml(twiml.farewell(said=(), language=voice.settings.default_language))


def _whispered_without_store() -> Response:
    """The agent's language and name are out of reach; the question is the same."""
    voice, step = _voice(), _step()
    addresses = twiml.Addresses(voice.settings.public_url, step["call_sid"], step["step"])
    is_known = step["call_sid"] != ""
    return forms.xml(voice.left.degraded.whisper("", addresses.of("accept") if is_known else None))


@bp.route("/calls/<sid>/<int(signed=True):number>/accept", methods=forms.METHODS)
def accept(sid: str, number: int) -> Response:
    """The agent on an ordinary phone takes the call, or doesn't."""
    voice = _voice()
    digits, speech = forms.value("Digits"), forms.value("SpeechResult")
    try:
        return forms.xml(
            voice.store.run(lambda session: rings.accept(session, sid, number, digits, speech, utcnow()))
        )
    except StoreUnavailable:
        return _accepted_without_store()
    except held.UnknownCall:
        return last_resort.accepted(False)


def _accepted_without_store() -> Response:
    """Whoever says yes gets the caller; that they talk is written down later."""
    yes = twiml.is_yes(forms.value("Digits"), forms.value("SpeechResult"))
    if yes:
        _voice().left.spool.keep("accepted", _step())
    return last_resort.accepted(yes)


@bp.route("/calls/<sid>/<int(signed=True):number>/wait", methods=forms.METHODS)
def wait(sid: str, number: int) -> Response:
    """The carrier asks what a waiting caller hears next."""
    voice, queue_seconds = _voice(), forms.seconds("QueueTime")
    try:
        reply = voice.store.run(
            lambda session: waiting.wait(session, sid, number, utcnow(), voice.deployment, queue_seconds)
        )
    except StoreUnavailable:
        reply = twiml.leave_queue()  # what follows knows what to do without a database
    except held.UnknownCall:
        reply = twiml.leave_queue()
    return forms.xml(reply)


@bp.route("/calls/<sid>/<int(signed=True):number>/wish", methods=forms.METHODS)
def wish(sid: str, number: int) -> Response:
    """A waiting caller said something."""
    voice, words = _voice(), forms.value("SpeechResult")
    try:
        reply = voice.store.run(
            lambda session: waiting.wish(session, sid, number, words, utcnow(), voice.deployment)
        )
    except (StoreUnavailable, held.UnknownCall):
        reply = twiml.leave_queue()
    return forms.xml(reply)


@bp.route("/calls/<sid>/<int(signed=True):number>/left", methods=forms.METHODS)
def left(sid: str, number: int) -> Response:
    """A caller is no longer in the queue."""
    result = forms.value("QueueResult")
    if forms.value("CallStatus") in CARRIER_SAYS_ENDED:
        result = "hangup"
    voice = _voice()
    try:
        return forms.xml(
            voice.store.run(
                lambda session: waiting.left_queue(session, sid, number, result, utcnow(), voice.deployment)
            )
        )
    except StoreUnavailable as error:
        if result == "hangup" or voice.store.rests:
            return _continue_without_store(error)
        # Late, not gone: somebody is reserved for this caller, so it is worth asking again for whom.
        addresses = twiml.Addresses(voice.settings.public_url, sid, number)
        return forms.xml(twiml.ask_again(addresses.of()))
    except held.UnknownCall as error:
        return _continue_without_store(error)


@bp.route("/calls/<sid>/<int(signed=True):number>/about", methods=forms.METHODS)
def about(sid: str, number: int) -> Response:
    """The caller said what the promised callback is about, or nothing."""
    words = forms.value("SpeechResult")
    voice = _voice()
    try:
        return forms.xml(
            voice.store.run(lambda session: prompts.about(session, sid, number, words, utcnow()))
        )
    except (StoreUnavailable, held.UnknownCall):
        return forms.xml(twiml.farewell(said=(), language=voice.settings.default_language))


@bp.route("/calls/<sid>/<int(signed=True):number>/number", methods=forms.METHODS)
@bp.route("/calls/<sid>/<int(signed=True):number>/number/<any(again):again>", methods=forms.METHODS)
def number_given(sid: str, number: int, again: str = "") -> Response:
    """A caller whose number is hidden named one, or something else."""
    given = forms.value("Digits") or forms.value("SpeechResult")
    deployment = _voice().deployment
    return _answer(
        lambda session: prompts.number_given(
            session, sid, number, given, utcnow(), deployment, again=again != ""
        )
    )


@bp.route("/calls/<sid>/<int(signed=True):number>/message", methods=forms.METHODS)
def message_left(sid: str, number: int) -> Response:
    """The caller has spoken after the tone."""
    voice = _voice()
    recording_sid, seconds = forms.value("RecordingSid"), forms.seconds("RecordingDuration")
    try:
        return forms.xml(
            voice.store.run(
                lambda session: prompts.message_left(session, sid, number, recording_sid, seconds, utcnow())
            )
        )
    except (StoreUnavailable, held.UnknownCall):
        kept = last_resort.keep_message(voice.left)
        return forms.xml(voice.left.degraded.thanks(forms.value("To")[:32], kept=kept))


@bp.route("/calls/<sid>/<int(signed=True):number>/recording", methods=forms.METHODS)
def recording(sid: str, number: int) -> Response:
    """The carrier says what became of a recording; when this is lost, it is asked."""
    recording_sid, word = forms.value("RecordingSid"), forms.value("RecordingStatus")
    seconds = forms.seconds("RecordingDuration")
    return _noted(lambda session: prompts.recording(session, sid, recording_sid, word, seconds, utcnow()))


def _answer(work: Callable[[Session], bytes]) -> Response:
    """Reply with what the call's own way says; with people, when it can't be read or was never written."""
    try:
        return forms.xml(_voice().store.run(work))
    except StoreUnavailable as error:
        return _continue_without_store(error)
    except held.UnknownCall as error:
        return _continue_without_store(error)


def _continue_without_store(error: Exception) -> Response:
    """The caller may have just had their conversation; then it is over, else somebody else is rung."""
    left, dial, named = _voice().left, forms.dial_ended(), request.view_args or {}
    is_of_step = named.get("sid") == forms.value("CallSid")
    if talked(dial):
        said = asdict(dial) | {
            "seconds": dial.seconds or 0,
            "step": named.get("number") if is_of_step else None,
        }
        left.spool.keep("talked", last_resort.caller() | said)
    elif is_of_step:
        left.spool.keep("went_on", last_resort.caller())
    reply = left.degraded.after(OWNER, forms.value("To")[:32], dial, forms.caller_id())
    return _xml_logged(reply, error)


def _noted(work: Callable[[Session], None]) -> Response:
    try:
        _voice().store.run(work, NEWS_DEADLINE_SECONDS)
    except (StoreUnavailable, held.UnknownCall) as error:
        log.warning("news of a call could not be noted", extra={"error": type(error).__name__})
    return forms.done()


def _degraded(rung: str, error: Exception | None = None) -> Response:
    voice = _voice()
    voice.left.spool.keep("incoming", last_resort.caller())
    line = to_e164(forms.value("To"), voice.settings.default_country) or forms.value("To")[:32]
    return _xml_logged(
        voice.left.degraded.answer(rung, line, _e164("From"), caller_id=forms.caller_id()), error
    )


def _xml_logged(reply: bytes, error: Exception | None) -> Response:
    log.warning(
        "answered with less known",
        extra={"call_sid": forms.value("CallSid"), "error": type(error).__name__ if error else "malformed"},
    )
    return forms.xml(reply)


def _incoming_call(sid: str) -> incoming_calls.IncomingCall:
    return incoming_calls.IncomingCall(
        sid, forms.value("From"), forms.value("To"), forms.value("StirVerstat")
    )


def _e164(name: str) -> str | None:
    return to_e164(forms.value(name), _voice().settings.default_country)
