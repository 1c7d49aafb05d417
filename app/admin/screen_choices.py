"""What can each team put on the screen beside a call? The page on which its short list is written."""

import secrets

from flask import Blueprint, Flask, Response, make_response, redirect, render_template, request

from app import catalogue, web
from app.admin import form_words
from app.audit import log as audit
from app.audit.log import What
from app.clock import utcnow
from app.db import reading, transaction
from app.door.sign_in import actor, has_desk, require_role
from app.errors import InvalidField
from app.records.agents import Role
from app.records.screen import ItemKind
from app.screen import choices
from app.screen.choices import Written

bp = Blueprint("admin_screen", __name__, url_prefix="/admin/screen")

WRITERS = (Role.SUPERVISOR, Role.ADMIN)


def register(app: Flask) -> None:
    app.register_blueprint(bp)


def _words(code: str, **values: object) -> str:
    return catalogue.text(f"screen.{code}", web.language(), **values)


@bp.get("")
@require_role(*WRITERS)
def overview() -> Response:
    return _page()


def _page(wrong: InvalidField | None = None, of: str = "", status: int = 200) -> Response:
    """Show the list; `wrong` says what is wrong with the form of the choice `of`, whose words stay in it."""
    with reading() as session:
        page = render_template(
            "admin/screen.html",
            choices=choices.all_of(session),
            kinds=[*ItemKind],
            wrong_field=wrong.field if wrong else "",
            wrong=catalogue.text(wrong.message, web.language()) if wrong else "",
            of=of if wrong else None,
            said=request.form,
            has_desk=has_desk(),
            w=form_words.house,
            s=_words,
        )
    return make_response(page, status)


@bp.post("")
@require_role(*WRITERS)
def write() -> Response:
    """Make a choice, change the one of `key`, or take it away (`what=remove`)."""
    form = request.form
    key = form.get("key", "") or f"s{secrets.token_hex(4)}"
    place = form.get("place", "").strip()
    said = Written(
        team=form.get("team", "")[:120],
        kind=form.get("kind", ""),
        name=form.get("name", ""),
        words_nl=form.get("words_nl", ""),
        words_en=form.get("words_en", ""),
        value=form.get("value", ""),
        place=int(place) if place.isascii() and place.isdigit() and len(place) < 5 else 0,
    )
    is_gone = form.get("what") == "remove"
    try:
        with transaction() as session:
            if is_gone:
                choices.take_away(session, key)
            elif choices.is_key(key):
                choices.write(session, key, said)
            told = {"choice": key, "gone": True if is_gone else None}
            audit.record(session, actor(), What.SCREEN_CHOICE_CHANGED, utcnow(), **told)
    except InvalidField as error:
        return _page(error, form.get("key", ""), 422)
    return make_response(redirect("/admin/screen", 303))
