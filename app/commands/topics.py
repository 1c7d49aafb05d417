"""What are callers about? Packs of topics to begin with, learning at once, and trying a sentence."""

import click
from flask.cli import AppGroup

from app import db
from app.audit import log as audit
from app.audit.log import What
from app.catalogue.problems import Problem
from app.clock import utcnow
from app.commands import operator, refuse, say, settings_of
from app.db import Database
from app.topics import matching, packs, store, teacher
from app.topics.teacher import NotLearnt
from config import Settings

topics_commands = AppGroup("topics", help="What callers are about: packs, learning, a try.")


def learn(settings: Settings) -> None:
    """Learn from what there is now, and say how right it is: a load is done when it serves."""
    database = db.bind(Database(settings.database_url, patient=True))
    try:
        report = teacher.learn(utcnow())
    except NotLearnt as error:
        click.echo(say("topics_not_learnt", why=str(error)), err=True)
        return
    finally:
        database.dispose()
    if report:
        click.echo(say("topics_learnt", **_in_percent(report)))


def _in_percent(report: dict[str, object]) -> dict[str, object]:
    return {name: round(100 * value) if isinstance(value, float) else value for name, value in report.items()}


@topics_commands.command("pack", help="Add the topics and sentences of a pack: " + ", ".join(packs.names()))
@click.argument("name")
@click.option("--team", default="", help="who answers for all that is new; default: as the pack says")
@click.pass_context
def pack(context: click.Context, name: str, team: str) -> None:
    if name not in packs.names():
        raise refuse([Problem("pack", "not_one_of", {"text": name, "choices": ", ".join(packs.names())})])
    database = Database(settings_of(context).database_url, patient=True)
    try:
        with database.transaction() as session:
            topics, sentences = store.add_pack(session, name, team, utcnow())
            if topics or sentences:
                counts = {"pack": name, "topics": topics, "sentences": sentences}
                audit.record(session, operator(), What.TOPIC_PACK_ADDED, utcnow(), **counts)
    finally:
        database.dispose()
    click.echo(say("pack_added", name=name, topics=topics, sentences=sentences))
    if topics or sentences:
        learn(settings_of(context))


@topics_commands.command("learn", help="Learn from topics and examples now, rather than when a worker does.")
@click.pass_context
def learn_now(context: click.Context) -> None:
    learn(settings_of(context))


@topics_commands.command("match", help="Say which topic a sentence is about, and which words told.")
@click.argument("text")
@click.option("--language", default=None, help="what the speaker is taken to speak: nl, en")
def match(text: str, language: str | None) -> None:
    with db.reading() as session:
        found = matching.match(session, text, language)
    if found.topic is None:
        click.echo(say("topic_none"))
        return
    values = {"topic": found.topic, "team": found.team, "why": ", ".join(found.why), "score": found.score}
    click.echo(say("topic_sure" if found.sure else "topic_unsure", **values))
