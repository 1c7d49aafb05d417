"""What do teams keep for their desks? The page on which causes and answers are written."""

import secrets

from flask import Blueprint, Flask, Response, make_response, redirect, render_template, request

from app import catalogue, web
from app.admin import form_words
from app.api import list_shapes
from app.api.fields import Refused, Unusable
from app.beside import lists
from app.clock import utcnow
from app.db import reading, transaction
from app.door.sign_in import actor, has_desk, require_role
from app.records.agents import Role

bp = Blueprint("admin_lists", __name__, url_prefix="/admin/lists")

WRITERS = (Role.SUPERVISOR, Role.ADMIN)


def register(app: Flask) -> None:
    app.register_blueprint(bp)


def _work(code: str, **values: object) -> str:
    return catalogue.text(f"work.{code}", web.language(), **values)


@bp.get("")
@require_role(*WRITERS)
def overview() -> Response:
    return _page()


def _page(wrong: dict[str, str] | None = None, of: str = "", status: int = 200) -> Response:
    """Show both lists; `wrong` says what is wrong with the form called `of`, whose words stay in it."""
    with reading() as session:
        page = render_template(
            "admin/lists.html",
            causes=lists.all_causes(session),
            answers=lists.all_answers(session),
            wrong=wrong or {},
            of=of,
            said=request.form,
            has_desk=has_desk(),
            w=form_words.house,
            work=_work,
        )
    return make_response(page, status)


@bp.post("/causes")
@require_role(*WRITERS)
def write_cause() -> Response:
    """Make a cause, or change the one of `key`; what isn't ticked is switched off."""
    form = request.form
    key = form.get("key", "") or f"c{secrets.token_hex(4)}"
    said = form_words.filled(form, "name", "owner") | {
        "position": form_words.whole(form.get("position") or "0"),
        "enabled": bool(form.get("enabled")),
    }
    try:
        about = list_shapes.CauseWritten.read(said, form_words.defaults())
        key = list_shapes.key_of(key)
    except Refused as error:
        return _page(form_words.by_field(error.problems), f"cause-{form.get('key', '')}", 422)
    except Unusable:
        return _page({"name": _work("bad_key")}, "cause-", 422)
    with transaction() as session:
        lists.write_cause(session, key, actor(), utcnow(), **dict(about))
    return _to("causes")


@bp.post("/answers")
@require_role(*WRITERS)
def write_answer() -> Response:
    """Make an answer, change the one of `key`, or remove it (`what=remove`)."""
    form = request.form
    key = form.get("key", "") or f"a{secrets.token_hex(4)}"
    if form.get("what") == "remove":
        with transaction() as session:
            lists.remove_answer(session, key, actor(), utcnow())
        return _to("answers")
    try:
        about = list_shapes.AnswerWritten.read(
            form_words.filled(form, "title", "body", "team"), form_words.defaults()
        )
        key = list_shapes.key_of(key)
    except Refused as error:
        return _page(form_words.by_field(error.problems), f"answer-{form.get('key', '')}", 422)
    except Unusable:
        return _page({"title": _work("bad_key")}, "answer-", 422)
    with transaction() as session:
        lists.write_answer(session, key, actor(), utcnow(), **dict(about))
    return _to("answers")


def _to(where: str) -> Response:
    return make_response(redirect(f"/admin/lists#{where}", 303))
