"""Which of the team's own answers fit what an agent writes? Found by their words, in the database itself.

SQLite has FTS5 for it, PostgreSQL its full text in Dutch; no model, and nothing leaves the house.
"""

import re
import unicodedata
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, column, func, literal_column, select, table, text
from sqlalchemy.orm import Session

from app.records.beside import TeamAnswer

SHOWN = 3
# What is written last matters most; longer notes ask about their end.
MOST_WORDS = 40
SHORTEST = 3
# SQLite knows no endings of words: what begins so is meant. Shorter words would find anything.
SHORTEST_IN_SQLITE = 4
LONGEST_BODY = 4000
# PostgreSQL leaves these out by itself; what is shorter is left out above.
_SAY_NOTHING = frozenset(
    """
    aan altijd andere been bent daar door deze doch doen door even gaat geen geweest haar hadden hebben heeft
    hier hoe iemand iets kunnen maar meer mijn moet naar niet niets omdat onder onze over reeds toch toen veel
    voor want waren werd wezen wordt worden zal zich zijn zonder zoals
    about after also been does from have into just that than them then there they this what when were will
    with would your mevrouw meneer klant beller
    """.split()
)


def find(session: Session, note: str, team: str) -> Sequence[TeamAnswer]:
    """Return the answers of a team, and of everybody, that fit what was noted best; none for no words."""
    words = words_of(note)
    if not words:
        return ()
    wanted = select(TeamAnswer).where(TeamAnswer.team.in_((team, "")))
    if session.get_bind().dialect.name == "sqlite":
        begins = [word for word in words if len(word) >= SHORTEST_IN_SQLITE and word not in _SAY_NOTHING]
        if not begins:
            return ()
        found = table("answer_words", column("rowid"))
        wanted = (
            wanted.join(found, found.c.rowid == TeamAnswer.id)
            .where(text("answer_words MATCH :asked"))
            # A word in the title says more than one in the text. The lower, the better it fits.
            .order_by(literal_column("bm25(answer_words, 4.0, 1.0)"))
            .params(asked=" OR ".join(f'"{_stem(word)}"*' for word in begins))
        )
    else:
        dutch: ColumnElement[str] = literal_column("'dutch'")
        # The same expression as its index has.
        kept = func.to_tsvector(dutch, TeamAnswer.title + literal_column("' '") + TeamAnswer.body)
        asked = func.to_tsquery(dutch, " | ".join(words))
        title = func.to_tsvector(dutch, TeamAnswer.title)
        rank = 4 * func.ts_rank(title, asked) + func.ts_rank(kept, asked)
        wanted = wanted.where(kept.op("@@")(asked)).order_by(rank.desc())
    return session.scalars(wanted.order_by(TeamAnswer.key).limit(SHOWN)).all()


def words_of(note: str) -> list[str]:
    """Return the last words of a note that may mean something, each once: letters and digits alone."""
    plain = unicodedata.normalize("NFC", note).lower()
    words = [word for word in re.findall(r"[^\W_]+", plain) if len(word) >= SHORTEST]
    return list(dict.fromkeys(reversed(words)))[:MOST_WORDS]


def _stem(word: str) -> str:
    """Return how a word begins whose ending says but how many there are."""
    for ending in ("en", "s", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= SHORTEST_IN_SQLITE:
            return word.removesuffix(ending)
    return word


def write(session: Session, key: str, *, team: str, title: str, body: str, now: datetime) -> TeamAnswer:
    """Keep an answer under its key, new or instead of what stood there."""
    row = session.scalar(select(TeamAnswer).where(TeamAnswer.key == key))
    if row is None:
        row = TeamAnswer(key=key)
        session.add(row)
    row.team, row.title, row.body, row.changed_at = team, title, body, now
    session.flush()
    return row
