"""What are callers about, and which of their words count? The pages of topics; a place to try a sentence."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask import Blueprint, Flask, Response, abort, make_response, redirect, render_template, request
from sqlalchemy import select
from sqlalchemy.orm import Session

from app import catalogue, web
from app.admin import form_words
from app.admin.promises import MAY_ACT
from app.api import writing
from app.api.fields import Problem, Refused
from app.api.records import TOPICS
from app.audit import log as audit
from app.audit.log import What
from app.clock import utcnow
from app.db import reading, transaction
from app.door.sign_in import actor, has_desk, require_role
from app.records.agents import Agent
from app.records.topics import Source, SynonymState, Topic, TopicSynonym
from app.topics import keeping, learning, matching, packs, store

bp = Blueprint("admin_topics", __name__, url_prefix="/admin")

DECISIONS = {
    "keep": SynonymState.KEPT,
    "drop": SynonymState.DROPPED,
    "undo": SynonymState.HEARD,
}
NOTHING_CHOSEN = "nothing"
_BETWEEN_WORDS = re.compile(r"[|,;\n]")
LONGEST_TRIED = 500


@dataclass(frozen=True)
class Taught:
    """What a topic is met by and learnt from, each a number of."""

    words: int  # the admin's
    kept: int  # callers' words that count
    of_packs: int | None  # sentences; None: what was learnt doesn't tell
    own: int  # sentences

    @classmethod
    def of_each(cls, session: Session, topics: Sequence[Topic]) -> dict[str, "Taught"]:
        """Return what teaches each topic, by keys.

        The packs lend sentences to every topic that they know, whoever made it; learning tells how many.
        """
        examples, kept = keeping.count_examples(session), keeping.count_kept(session)
        learnt = store.report(session)
        of_packs: dict[str, int] | None = learnt.report.get("of_packs") if learnt is not None else {}
        return {
            one.key: cls(
                words=len(one.words),
                kept=kept.get(one.key, 0),
                # Until it is learnt from, a pack's sentences are but here.
                of_packs=(
                    max(examples.get((one.key, Source.PACK), 0), of_packs.get(one.key, 0))
                    if of_packs is not None
                    else None
                ),
                own=examples.get((one.key, Source.LOADED), 0),
            )
            for one in topics
        }


@dataclass(frozen=True)
class Row:
    """A topic as the list shows it."""

    topic: Topic
    taught: Taught
    heard: int  # words of callers that wait for somebody to decide


def register(app: Flask) -> None:
    app.register_blueprint(bp)


def words(code: str, **values: object) -> str:
    return catalogue.text(f"topic.{code}", web.language(), **values)


@bp.get("/topics")
@require_role(*MAY_ACT)
def overview() -> Response:
    text = request.args.get("text", "").strip()[:LONGEST_TRIED]
    with reading() as session:
        topics = session.scalars(select(Topic).order_by(Topic.name, Topic.key)).all()
        taught = Taught.of_each(session, topics)
        heard = learning.counts(session)
        rows = [Row(one, taught[one.key], heard.get(one.key, 0)) for one in topics]
        page = render_template(
            "admin/topics.html",
            rows=rows,
            waiting=sorted((row for row in rows if row.heard), key=lambda row: -row.heard),
            names={one.key: one.name for one in topics},
            text=text,
            found=matching.match(session, text) if text else None,
            packs=packs.names(),
            added="added" in request.args,
            now=utcnow(),
            has_desk=has_desk(),
            w=words,
            **_promise(session),
        )
    return make_response(page)


def _promise(session: Session) -> dict[str, object]:
    """Return how right what was learnt is, for a sentence on the page; nothing where nothing was learnt."""
    learnt, numbers = store.report(session), store.revision(session)
    if learnt is None or numbers is None:
        return {"learnt_at": None, "is_behind": numbers is not None}
    told = {
        name: round(100 * value) if isinstance(value, float) else value
        for name, value in learnt.report.items()
    }
    return {"learnt_at": learnt.fitted_at, "told": told, "is_behind": numbers[0] != learnt.revision}


@bp.post("/topics/pack")
@require_role(*MAY_ACT)
def add_pack() -> Response:
    name = request.form.get("pack", "")
    if name not in packs.names():
        abort(404)
    with transaction() as session:
        topics, sentences = store.add_pack(
            session, name, request.form.get("team", "").strip()[:120], utcnow()
        )
        if topics or sentences:
            counts = {"pack": name, "topics": topics, "sentences": sentences}
            audit.record(session, actor(), What.TOPIC_PACK_ADDED, utcnow(), **counts)
    return make_response(redirect("/admin/topics?added=1", 303))


@bp.get("/new-topic")
@require_role(*MAY_ACT)
def new() -> Response:
    return _form(None, {"language": form_words.defaults().language})


@bp.post("/new-topic")
@require_role(*MAY_ACT)
def create() -> Response:
    said = _said()
    with reading() as session:
        key = TOPICS.read_key(said.get("topic", ""), form_words.defaults())
        if key is not None and session.get(Topic, key) is not None:
            return _form(None, said, [Problem("topic", "topic_exists", {"text": key})])
    return _save(None, said)


@bp.get("/topics/<path:key>")
@require_role(*MAY_ACT)
def topic(key: str) -> Response:
    with reading() as session:
        found = session.get(Topic, key) or abort(404)
    said = {name: getattr(found, name) for name in ("name", "team", "language")}
    return _form(found, said | {"topic": found.key, "words": ", ".join(found.words)})


@bp.post("/topics/<path:key>")
@require_role(*MAY_ACT)
def act(key: str) -> Response:
    """Save a topic, remove it, or decide on words of callers, as the button says."""
    with reading() as session:
        found = session.get(Topic, key) or abort(404)
    match request.form.get("do", "save"):
        case "remove":
            with transaction() as session:
                keeping.remove(session, key, actor())
            return make_response(redirect("/admin/topics", 303))
        case decision if decision in DECISIONS:
            with transaction() as session:
                chosen = request.form.getlist("word")
                number = keeping.decide(session, key, chosen, DECISIONS[decision], actor(), utcnow())
            done = decision if number else NOTHING_CHOSEN
            return make_response(redirect(f"/admin/topics/{key}?done={done}#words-of-callers", 303))
        case _:
            return _save(found, _said() | {"topic": key})


def _said() -> dict[str, str]:
    return {name: text.strip() for name, text in request.form.items()}


def _save(known: Topic | None, said: Mapping[str, str]) -> Response:
    body: dict[str, object] = {name: said.get(name, "") for name in ("name", "team", "language")}
    body["words"] = [word.strip() for word in _BETWEEN_WORDS.split(said.get("words", "")) if word.strip()]
    try:
        with transaction() as session:
            key, _ = writing.put(session, TOPICS, said.get("topic", ""), body, form_words.defaults(), actor())
    except Refused as refused:
        return _form(known, said, refused.problems)
    return make_response(redirect(f"/admin/topics/{key}?saved=1", 303))


def _form(known: Topic | None, said: Mapping[str, str], problems: Sequence[Problem] = ()) -> Response:
    with reading() as session:
        of_callers: dict[str, list[TopicSynonym]] = {}
        if known is not None:
            for one in learning.of_topic(session, known.key):
                of_callers.setdefault(one.state, []).append(one)
        page = render_template(
            "admin/topic.html",
            topic=known,
            said=said,
            wrong=form_words.by_field(problems),
            of_callers=of_callers,
            taught=Taught.of_each(session, [known])[known.key] if known is not None else None,
            teams=session.scalars(
                select(Agent.team).where(Agent.enabled).distinct().order_by(Agent.team)
            ).all(),
            is_saved="saved" in request.args,
            done=done if (done := request.args.get("done")) in (*DECISIONS, NOTHING_CHOSEN) else "",
            has_desk=has_desk(),
            w=words,
        )
    return make_response(page, 422 if problems else 200)
