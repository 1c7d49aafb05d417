"""What does the carrier ask and tell of a callback? Each view reads the form and says what is to be done."""

import re
from functools import partial
from typing import Any

from flask import Flask, Response, request

from app.callbacks import agent_leg
from app.carrier import forms, twiml, webhook
from app.carrier.webhook import Work, asked, here, told
from app.carrier.words import MOVED
from app.catalogue import text
from app.clock import utcnow
from app.errors import StoreUnavailable
from app.voice import placed, protecting
from app.voice.outage import last_resort
from app.voice.waiting import SIGN_OF_LIFE

bp = webhook.webhooks("callbacks", "/voice/callbacks")

SID = re.compile(r"CB[0-9a-f]{32}")


def register(app: Flask) -> None:
    """Serve them beside the webhooks of incoming calls, whose way to the database they share."""
    app.register_blueprint(bp)


def _not_now(error: Exception | None = None) -> Response:
    """Let the agent go; the promise is still owed and is looked at again."""
    language = here().settings.default_language
    return forms.xml(twiml.farewell(said=[text("promise.not_now", language)], language=language))


def _not_now_though_taken(error: Exception) -> Response:
    """Not being able to go on isn't the agent's doing, who has taken it."""
    if isinstance(error, StoreUnavailable):
        _keep({"of": "not_now"})
    return _not_now()


def _not_now_after_the_answer(error: Exception) -> Response:
    has_taken_it = twiml.is_yes(forms.value("Digits"), forms.value("SpeechResult"))
    return _not_now_though_taken(error) if has_taken_it else _not_now()


def _hang_up(error: Exception | None = None) -> Response:
    return forms.xml(twiml.farewell(said=(), language=here().settings.default_language))


def _say_nothing() -> Response:
    return forms.xml(twiml.nothing())


def _not_now_unless_moved(error: Exception) -> Response:
    """The customer is in a room already of which only the database knows: it is asked for again and again."""
    return _hold_on(error, "follow") if forms.dial_ended().is_moved else _not_now()


def _hold_on(error: Exception, what: str = "goes-on") -> Response:
    """Nobody can say who comes; that the line lives can be heard, and it is asked again."""
    sid, url = str((request.view_args or {})["sid"]), here().settings.public_url
    again = agent_leg.address(url, sid, what)
    language = here().settings.default_language
    return forms.xml(twiml.hold(said=(), language=language, sound=url + SIGN_OF_LIFE, seconds=2, again=again))


def _keep_agent(error: Exception) -> Response:
    return _keep_news(error, {"of": "agent"})


def _keep_customer(error: Exception) -> Response:
    more = {"answered_by": forms.value("AnsweredBy"), "seconds": forms.seconds("CallDuration")}
    return _keep_news(error, {"of": "customer"} | more)


def _keep_news(error: Exception, news: dict[str, Any]) -> Response:
    """Keep news on disk until the database is back; refuse it when even that can't be done."""
    news |= {"status": forms.value("CallStatus"), "leg_sid": _carrier_sid()}
    if isinstance(error, StoreUnavailable) and not _keep(news):
        return Response(status=503)
    return forms.done()


def _keep(news: dict[str, Any]) -> bool:
    fact = news | {"call_sid": (request.view_args or {})["sid"], "at": utcnow().isoformat()}
    return here().spool.keep("callback", fact)


@asked(bp, "/<sid>/picked-up", lost=_not_now_though_taken, unread=_not_now)
def picked_up(sid: str) -> Work | Response:
    """The agent's telephone was picked up."""
    deployment = here().deployment
    return _of(sid) or (lambda session: agent_leg.picked_up(session, sid, utcnow(), deployment))


@asked(bp, "/<sid>/accept", lost=_not_now_after_the_answer, unread=_not_now)
def accept(sid: str) -> Work | Response:
    """Whoever picked up an ordinary phone says whether they take the callback."""
    digits, words, deployment = forms.value("Digits"), forms.value("SpeechResult"), here().deployment
    return _of(sid) or (lambda session: agent_leg.accept(session, sid, digits, words, utcnow(), deployment))


@asked(bp, "/<sid>/ended", lost=_not_now_unless_moved, unread=_not_now)
def ended(sid: str) -> Work | Response:
    """The customer's side is over, reached or not."""
    dial, answered_by, deployment = forms.dial_ended(), forms.value("AnsweredBy"), here().deployment
    return _of(sid) or (lambda session: placed.ended(session, sid, dial, answered_by, utcnow(), deployment))


@asked(bp, "/<sid>/follow", lost=partial(_hold_on, what="follow"), unread=_not_now)
def follow(sid: str) -> Work | Response:
    """The customer's side was sent into a room while nobody knew which: the agent's follows."""
    deployment = here().deployment
    return _of(sid) or (lambda session: placed.ended(session, sid, MOVED, "", utcnow(), deployment))


@asked(bp, "/<sid>/goes-on", lost=_hold_on, unread=last_resort.take_a_message_of_anybody)
def goes_on(sid: str) -> Work | Response:
    """All of ours have left the customer, who goes on to somebody else."""
    deployment = here().deployment
    return _of(sid) or (lambda session: placed.goes_on(session, sid, utcnow(), deployment))


@asked(bp, "/<sid>/warning", lost=lambda error: _say_nothing(), unread=_say_nothing)
def warning(sid: str) -> Work | Response:
    """The customer is to be warned, in the room where they talk with the agent."""
    return _of(sid) or (lambda session: protecting.warning(session, sid))


@asked(bp, "/<sid>/goodbye", lost=_hang_up, unread=_hang_up)
def goodbye(sid: str) -> Work | Response:
    """The conversation is ended for the agent's protection."""
    return _of(sid) or (lambda session: protecting.goodbye(session, sid))


def _of(sid: str) -> Response | None:
    """Answer about a callback that we never placed."""
    return None if SID.fullmatch(sid) else _not_now()


@told(bp, "/<sid>/agent", lost=_keep_agent)
def agent(sid: str) -> Work | Response:
    """How the agent's leg stands."""
    if not SID.fullmatch(sid):
        return forms.done()
    status, leg_sid, deployment = forms.value("CallStatus"), _carrier_sid(), here().deployment
    return lambda session: placed.agent_leg(session, sid, status, leg_sid, utcnow(), deployment)


@told(bp, "/<sid>/customer", lost=_keep_customer)
def customer(sid: str) -> Work | Response:
    """How the customer's leg stands, and whether a human or a machine answered."""
    if not SID.fullmatch(sid):
        return forms.done()
    status, leg_sid, deployment = forms.value("CallStatus"), _carrier_sid(), here().deployment
    answered_by, seconds = forms.value("AnsweredBy"), forms.seconds("CallDuration")
    return lambda session: placed.customer_leg(
        session, sid, status, leg_sid, answered_by, seconds, utcnow(), deployment
    )


def _carrier_sid() -> str:
    sid = forms.value("CallSid")
    return sid if forms.CALL_SID.fullmatch(sid) else ""
