"""Whom does the draft treat otherwise, and what is good to know of it? Each with a call to be tried out."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, Flask, Response, make_response, render_template
from sqlalchemy.orm import Session

from app import web
from app.admin import rule_choices, rule_page
from app.admin.rule_cards import words
from app.clock import utcnow
from app.db import patient_reading
from app.door.sign_in import OVERSEERS, has_desk, require_role
from app.routing import last_week, proven_words, proving, publishing, rule_sentences, rules

bp = Blueprint("rule_proof", __name__, url_prefix="/admin/rules/proof")

Json = dict[str, Any]


def register(app: Flask) -> None:
    app.register_blueprint(bp)


@bp.get("")
@require_role(*OVERSEERS)
def page() -> Response:
    """A page of its own: the proof may take seconds, for which nobody who changes a word should wait."""
    with patient_reading() as session:
        shown = _shown(session)
    return make_response(render_template("admin/rule_proof.html", w=words, has_desk=has_desk(), **shown))


def _shown(session: Session) -> Json:
    now, language = utcnow(), web.language()
    newest = publishing.draft(session)
    draft = newest.rules
    in_force = rules.in_force(session)
    called = rule_choices.choices(session, last_week.calls(session, now), newest.document).called
    differences = rule_sentences.differences(in_force, draft, language, called)
    ground = publishing.ground(session, now)
    changes: list[Json] = []
    is_whole = True
    if differences:
        changes, is_whole = proven_words.situations(session, in_force, draft, ground, language)
    wrong = rule_page.each_once(publishing.problems(session, draft, now))
    calls_of_wrong = proven_words.calls_of(session, draft, wrong, ground, language)
    places = proving.places_of(draft)
    notes = proven_words.notes(session, draft, ground, language) if draft.in_use else []
    return {
        "in_force": in_force.version,
        "differences": differences,
        "changes": [one | {"ways": _ways(one["call"], ("draft", "in_force"))} for one in changes],
        "is_whole": is_whole,
        "problems": [
            {
                "words": rule_page.problem_in_words(one, places),
                "call": call,
                "contradicts_itself": one.contradicts_itself,
                "ways": _ways(call, ("draft",)),
            }
            for one, call in zip(wrong, calls_of_wrong, strict=True)
        ],
        "notes": [one | {"ways": _ways(one["call"], ("draft",))} for one in notes],
    }


def _ways(call: Mapping[str, Any] | None, by: tuple[str, ...]) -> list[Json]:
    """Return where a call can be tried: by the rules of the draft, and by those in force."""
    if call is None:
        return []
    asked = json.dumps(call, ensure_ascii=False)
    drafts = {"draft": {"draft": "yes"}, "in_force": {}}
    return [{"by": one, "href": f"/admin/simulate?{urlencode({'asked': asked} | drafts[one])}"} for one in by]
