"""What can other systems do with the screen beside a call? The requests of /calls/…/screen, /screen/choices.

A desk's token acts for its agent, in calls in which that agent talks; one that may write calls, for whoever
talks there.
"""

from collections.abc import Callable
from datetime import datetime

from flask import Response, g, jsonify
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import catalogue, db, web
from app.api import screen_shapes as shapes
from app.api.fields import Key
from app.api.problems import ApiProblem
from app.api.routes import READ, WRITE, Asked, actor, asked, operation, said_in_body, settings
from app.api.screen_shapes import ChoiceWritten, DeviceWritten, ItemWritten, OfferWritten, Screen
from app.audit import log as audit
from app.audit.log import What
from app.clock import utcnow
from app.deployment import Deployment
from app.errors import InvalidField, NotNow
from app.lines import places
from app.records.calls import Call
from app.records.screen import ScreenChoice, Way
from app.records.tokens import Noun, Scope
from app.screen import choices, items, offering, pages, shown, uploads, ways_in
from app.screen.choices import Written
from app.screen.pages import Life
from app.voice import call_control

Work = Callable[[Session, str, datetime], object]  # the agent is whom the token acts for

_SCREEN = "/calls/<call_sid>/screen"
_CHOICE = "/screen/choices/<choice>"


def _life() -> Life:
    return Life.of(settings().screen_grace_minutes)


def _acts_for(session: Session, call_sid: str) -> str:
    """Return for which agent the token acts. Raises ApiProblem: 404 for no such call, 403 for another's."""
    call = session.get(Call, call_sid)
    if call is None:
        raise ApiProblem(404, "not_found")
    if g.api_token.scope != Scope.DESK:
        return call.bridged_to or ""
    agent = str(g.api_token.agent)
    if not pages.talked(session, call, agent):
        raise ApiProblem(403, "forbidden_other_desk", scope="write")
    return agent


def _told(session: Session, call_sid: str, agent: str, now: datetime) -> Response:
    call = session.get_one(Call, call_sid)
    card = shown.page_card(
        session,
        call,
        pages.of_call(session, call_sid),
        agent,
        _life(),
        now,
        key=settings().secret_key,
        language=web.language_asked_for(),
        country=shown.country_of(session, call, Deployment.of(settings())),
    )
    return jsonify(Screen.told(card).model_dump(mode="json"))


def _do(call_sid: str, work: Work) -> ResponseReturnValue:
    """Do something for whoever the token acts for, and answer with the screen as it is then."""
    now = utcnow()
    try:
        with db.transaction() as session:
            agent = _acts_for(session, call_sid)
            work(session, agent, now)
            session.flush()
            return _told(session, call_sid, agent, now)
    except NotNow as refused:
        why = catalogue.text(f"screen.{refused.code}", web.language_asked_for(), **refused.values)
        raise ApiProblem(409, "not_now", why=why, more={"why": refused.code}) from None
    except InvalidField as error:
        words = catalogue.text(error.message, web.language_asked_for())
        raise InvalidField(error.field, words) from None


def get_screen(call_sid: str) -> ResponseReturnValue:
    now = utcnow()
    with db.transaction() as session:
        agent = _acts_for(session, call_sid)
        call = session.get_one(Call, call_sid)
        whose = audit.person(call.customer, call.remote_e164)
        audit.record(session, actor(), What.API_READ, now, *whose, list="screen", call=call_sid)
        return _told(session, call_sid, agent, now)


def offer_screen(call_sid: str) -> ResponseReturnValue:
    said = said_in_body(OfferWritten)

    def work(session: Session, agent: str, now: datetime) -> None:
        if said.by == Way.CODE:
            offering.code(session, call_sid, agent, actor(), _life(), now, key=settings().secret_key)
            return
        line = session.get_one(Call, call_sid).line
        offering.link(
            session,
            call_sid,
            agent,
            actor(),
            _life(),
            now,
            way=Way(said.by),
            number=said.number,
            country=places.country_of(session, line) or settings().default_country,
        )

    return _do(call_sid, work)


def check_screen(call_sid: str) -> ResponseReturnValue:
    def work(session: Session, agent: str, now: datetime) -> None:
        pages.check(session, call_sid, agent, actor(), _life(), now)
        call_control.note_checked(session, call_sid, agent, now)

    return _do(call_sid, work)


def stop_screen(call_sid: str) -> ResponseReturnValue:
    return _do(call_sid, lambda session, agent, now: pages.stop_for(session, call_sid, agent, _life(), now))


def answer_device(call_sid: str) -> ResponseReturnValue:
    let_in = said_in_body(DeviceWritten).let_in
    return _do(
        call_sid,
        lambda session, agent, now: ways_in.answer_other_device(
            session, call_sid, agent, let_in, _life(), now
        ),
    )


def put_on_screen(call_sid: str) -> ResponseReturnValue:
    said = dict(said_in_body(ItemWritten))
    return _do(
        call_sid,
        lambda session, agent, now: items.put(session, call_sid, agent, actor(), _life(), now, **said),
    )


def take_off_screen(call_sid: str, item: int) -> ResponseReturnValue:
    return _do(
        call_sid, lambda session, agent, now: items.take_away(session, call_sid, agent, item, _life(), now)
    )


def get_upload(call_sid: str, upload: str) -> ResponseReturnValue:
    with db.transaction() as session:
        _acts_for(session, call_sid)
        call = session.get_one(Call, call_sid)
        found = uploads.one_of_call(session, call, upload)
        if found is None:
            raise ApiProblem(404, "not_found")
        whose = audit.person(found.customer, call.remote_e164)
        audit.record(session, actor(), What.UPLOAD_OPENED, utcnow(), *whose, call=call_sid, upload=upload)
        headers = uploads.headers(found)
    return Response(uploads.pieces(db.reading, upload), headers=headers)


# --- what teams can put there -------------------------------------------------------------------------


class _OfTeam(Asked):
    team: Key | None = None


def list_choices() -> ResponseReturnValue:
    said = asked(_OfTeam)
    with db.reading() as session:
        wanted = select(ScreenChoice).order_by(ScreenChoice.team, ScreenChoice.place, ScreenChoice.key)
        found = session.scalars(wanted if said.team is None else wanted.where(ScreenChoice.team == said.team))
        return jsonify(items=[shapes.ScreenChoice.of(row) for row in found])


def get_choice(choice: str) -> ResponseReturnValue:
    with db.reading() as session:
        row = session.get(ScreenChoice, choice)
        if row is None:
            raise ApiProblem(404, "not_found")
        return jsonify(shapes.ScreenChoice.of(row))


def put_choice(choice: str) -> ResponseReturnValue:
    said = said_in_body(ChoiceWritten)
    if not choices.is_key(choice):
        raise ApiProblem(404, "not_found")
    try:
        with db.transaction() as session:
            row = choices.write(session, choice, Written(**dict(said)))
            audit.record(session, actor(), What.SCREEN_CHOICE_CHANGED, utcnow(), choice=choice)
            return jsonify(shapes.ScreenChoice.of(row))
    except InvalidField as error:
        words = catalogue.text(error.message, web.language_asked_for())
        raise InvalidField(error.field, words) from None


def delete_choice(choice: str) -> ResponseReturnValue:
    with db.transaction() as session:
        if not choices.take_away(session, choice):
            raise ApiProblem(404, "not_found")
        audit.record(session, actor(), What.SCREEN_CHOICE_CHANGED, utcnow(), choice=choice, gone=True)
    return "", 204


def enter() -> None:
    """Enter the requests where the description is to show them."""
    answers = {200: Screen}
    operation("GET", _SCREEN, scope=READ, noun=Noun.CALLS, own_calls=True, answers=answers)(get_screen)
    for method, rule, body, view in (
        ("POST", _SCREEN, OfferWritten, offer_screen),
        ("POST", f"{_SCREEN}/checked", None, check_screen),
        ("POST", f"{_SCREEN}/stop", None, stop_screen),
        ("POST", f"{_SCREEN}/device", DeviceWritten, answer_device),
        ("POST", f"{_SCREEN}/items", ItemWritten, put_on_screen),
        ("DELETE", f"{_SCREEN}/items/<int:item>", None, take_off_screen),
    ):
        enter_it = operation(
            method, rule, scope=WRITE, noun=Noun.CALLS, own_calls=True, body=body, answers=answers
        )
        enter_it(view)
    operation(
        "GET",
        f"{_SCREEN}/uploads/<upload>",
        scope=READ,
        noun=Noun.CALLS,
        own_calls=True,
        answers={200: "Bytes"},
    )(get_upload)
    of_team = {200: shapes.ScreenChoices}
    operation("GET", "/screen/choices", scope=READ, noun=Noun.CHOICES, answers=of_team, query=_OfTeam)(
        list_choices
    )
    operation("GET", _CHOICE, scope=READ, noun=Noun.CHOICES, answers={200: shapes.ScreenChoice})(get_choice)
    operation(
        "PUT",
        _CHOICE,
        scope=WRITE,
        noun=Noun.CHOICES,
        body=ChoiceWritten,
        answers={200: shapes.ScreenChoice},
    )(put_choice)
    operation("DELETE", _CHOICE, scope=WRITE, noun=Noun.CHOICES, answers={204: None})(delete_choice)
