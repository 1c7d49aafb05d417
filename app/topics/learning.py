"""Which words do callers use that no topic knows? Noted where calls end; an admin keeps or drops them."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from app.clock import utcnow
from app.records.topics import LONGEST_WORD, SynonymState, TopicSynonym
from app.topics import hearing, matching, store
from app.topics.store import Known

# A longer sentence is a story, and most of its words are about something else.
MOST_WORDS = 12
SHORTEST_WORD = 4
# Of one call alone a word may be a name, whoever says so. An agent's word counts for two.
SHOWN_FROM, WORTH_OF_AGENT = 3, 2
_IS_SHOWN = or_(
    TopicSynonym.state != SynonymState.HEARD,
    TopicSynonym.calls + WORTH_OF_AGENT * TopicSynonym.corrections >= SHOWN_FROM,
)


def note_outcome(session: Session, text: str, topic_or_team: str, by_agent: bool) -> int:
    """Note the words of a caller whose call ended at a topic; return how many words that were.

    `topic_or_team` is a topic's key, or a team: then it is that team's likeliest topic. `by_agent`: an agent
    said so, which counts more. The sentence itself is not kept. Unknown topics and teams teach nothing.
    """
    known = store.topics(session)
    topic = _meant(session, known, text, topic_or_team)
    if topic is None:
        return 0
    words = _new_words(text, topic)
    now = utcnow()
    for word in words:
        _count(session, topic.key, word, by_agent, now)
    return len(words)


def _meant(session: Session, known: Sequence[Known], text: str, topic_or_team: str) -> Known | None:
    by_key = {one.key: one for one in known}
    if topic_or_team in by_key:
        return by_key[topic_or_team]
    of_team = [one for one in known if one.team == topic_or_team]
    if len(of_team) == 1:
        return of_team[0]
    likeliest = matching.match(session, text).topic
    return next((one for one in of_team if one.key == likeliest), None)


def _new_words(text: str, topic: Known) -> list[str]:
    """Return the words that may tell, and that the topic doesn't have yet."""
    said = hearing.words(text)
    language = hearing.language_of(said, topic.language)
    has = {
        hearing.stem(word, topic.language)
        for phrase in (*topic.words, *topic.learnt)
        for word in hearing.words(phrase)
    }
    telling = [
        word
        for word in dict.fromkeys(hearing.telling(said))
        if SHORTEST_WORD <= len(word) <= LONGEST_WORD and hearing.stem(word, language) not in has
    ]
    return sorted(telling) if len(telling) <= MOST_WORDS else []


def _count(session: Session, topic: str, word: str, by_agent: bool, now: datetime) -> None:
    column = TopicSynonym.corrections if by_agent else TopicSynonym.calls
    is_it = (TopicSynonym.topic == topic, TopicSynonym.word == word)
    once_more = update(TopicSynonym).where(*is_it).values({column: column + 1, TopicSynonym.last_at: now})
    # An UPDATE's result counts its rows; SQLAlchemy's types promise that of no statement.
    if session.execute(once_more).rowcount:  # type: ignore[attr-defined]
        return
    row = TopicSynonym(
        topic=topic,
        word=word,
        calls=int(not by_agent),
        corrections=int(by_agent),
        state=SynonymState.HEARD,
        first_at=now,
        last_at=now,
    )
    session.add(row)
    session.flush()


def of_topic(session: Session, topic: str) -> list[TopicSynonym]:
    """Return a topic's words of callers for whoever decides, those first that say most."""
    rows = session.scalars(select(TopicSynonym).where(TopicSynonym.topic == topic, _IS_SHOWN))
    return sorted(rows, key=lambda one: (-one.corrections, -one.calls, one.word))


def counts(session: Session) -> dict[str, int]:
    """Return how many words of each topic wait for a decision."""
    waiting = select(TopicSynonym.topic, func.count()).where(
        TopicSynonym.state == SynonymState.HEARD, _IS_SHOWN
    )
    return {row[0]: row[1] for row in session.execute(waiting.group_by(TopicSynonym.topic))}
