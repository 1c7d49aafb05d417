"""What can each team put on the screen beside a call? The page on which its short list is written."""

import secrets

from flask import Blueprint, Flask, Response, abort, make_response, redirect, render_template, request

from app import catalogue, web
from app.admin import form_words
from app.api.fields import Refused
from app.api.screen_shapes import ChoiceWritten
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


def _page(wrong: dict[str, str] | None = None, status: int = 200) -> Response:
    """Show the list; `wrong` says what is wrong with the form that was sent, whose words stay in it."""
    with reading() as session:
        page = render_template(
            "admin/screen.html",
            choices=choices.all_of(session),
            kinds=[*ItemKind],
            wrong=wrong or {},
            of=request.form.get("key", "") if wrong else None,
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
    is_gone = form.get("what") == "remove"
    if not choices.is_key(key):
        abort(404)
    said = form_words.filled(form, "kind", "name", "words_nl", "words_en", "value", "team")
    try:
        with transaction() as session:
            if is_gone:
                choices.take_away(session, key)
            else:
                about = ChoiceWritten.read(
                    said | {"place": form_words.whole(form.get("place") or "0")}, form_words.defaults()
                )
                choices.write(session, key, Written(**dict(about)))
            told = {"choice": key, "gone": True if is_gone else None}
            audit.record(session, actor(), What.SCREEN_CHOICE_CHANGED, utcnow(), **told)
    except Refused as error:
        return _page(form_words.by_field(error.problems), 422)
    except InvalidField as error:
        return _page({error.field: catalogue.text(error.message, web.language())}, 422)
    return make_response(redirect("/admin/screen", 303))
