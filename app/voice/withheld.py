"""What becomes of a caller whom nobody can reach and nobody can ring back? Something is kept, always."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy.orm import Session

from app.carrier import twiml
from app.catalogue import text
from app.deployment import Deployment
from app.lines import places
from app.promises import ledger, whose
from app.records.calls import Call, StepKind
from app.records.promises import OWED, Promise
from app.routing import heard, resolving, rules, sentences
from app.routing.facts import Facts
from app.routing.sentences import Sentence
from app.speech import spoken
from app.voice import owing, steps

# Where a call is when nobody is left to be rung.
NOBODY_LEFT = frozenset({StepKind.MESSAGE, StepKind.FALLBACK})


class Answer(NamedTuple):
    said: list[str]
    reply: bytes


def number_given(
    session: Session,
    call: Call,
    facts: Facts,
    given: str,
    now: datetime,
    deployment: Deployment,
    *,
    again: bool,
) -> Answer:
    """The caller named a number, or said something else, or nothing.

    A number that we may ring is promised a call. Otherwise it is kept that they rang, with what they said,
    before they hear another word; they are asked once more, and then leave a message.
    """
    country = places.country_of(session, call.line) or deployment.defaults.country
    digits, e164 = spoken.phone(given, country) or ("", None)
    due = owing.due_for(session, call, facts, now)
    if e164 is not None and places.may_ring(session, e164):
        _promise(session, call, facts, e164, due, now)
        # Digit by digit, or it is read as an amount.
        sentence = Sentence("number_promised", {"number": " ".join(digits), "time": ("before", due)})
        said = [_spoken(facts, sentence, now)]
        return Answer(said, twiml.farewell(said=said, language=call.language))
    _keep_words(session, call, facts, given.strip(), due, now)
    addresses = twiml.Addresses(deployment.public_url, call.sid, call.step)
    if not again:
        said = [text("say.number_again", call.language)]
        ask = addresses.of("number/again")
        return Answer(said, twiml.ask_for_number(said=said, language=call.language, action=ask))
    is_recorded = resolving.records_messages(rules.of_call(session, call).ladder, facts.line)
    return _take_message(call, facts, addresses, now, is_recorded=is_recorded)


def _promise(session: Session, call: Call, facts: Facts, e164: str, due: datetime, now: datetime) -> None:
    kept = session.get(Promise, call.promise) if call.promise is not None else None
    if kept is not None and kept.number is None and kept.state in OWED:
        call.promise = whose.give_number(session, kept.id, e164, due, "", now).id
    else:
        # Nothing was kept yet, or somebody has seen to it since.
        owing.owe(session, call, facts, facts.owner, due, "promise_nobody", now, number=e164)


def _keep_words(session: Session, call: Call, facts: Facts, words: str, due: datetime, now: datetime) -> None:
    if call.promise is None:
        owing.owe(session, call, facts, facts.owner, due, "promise_hidden", now, about=words[:2000])
    elif words:
        ledger.say_more(session, call.promise, words)


def _take_message(
    call: Call, facts: Facts, addresses: twiml.Addresses, now: datetime, *, is_recorded: bool
) -> Answer:
    """Say truly what is kept and when we are there, and listen to what it is about: recorded if it may be."""
    language = call.language
    said = heard.in_words(heard.not_understood(facts.line.calendar, now, is_recorded=is_recorded), facts, now)
    if not is_recorded:
        return Answer(said, twiml.promise(said=said, language=language, addresses=addresses))
    return Answer(said, steps.record(call, said, addresses, now))


def _spoken(facts: Facts, sentence: Sentence, now: datetime) -> str:
    return sentences.words(sentence, facts.language, facts.line.calendar.timezone, now)


def keep(session: Session, call: Call, facts: Facts, now: datetime) -> None:
    """The caller hung up without a word after everybody had been tried: keep that they rang.

    Of several such calls one note is enough, until somebody has seen to it: they differ in nothing.
    """
    if (earlier := ledger.unheard_of(session, call.line)) is not None:
        ledger.note(session, earlier, "promise_hidden_again", now)
        call.promise = earlier.id
        return
    due = owing.due_for(session, call, facts, now)
    owing.owe(session, call, facts, facts.owner, due, "promise_hidden", now)
