"""What can a team put on the page with one press? Its short list, as an admin or another system keeps it."""

from dataclasses import dataclass
from urllib.parse import urlsplit

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.callers import numbers
from app.errors import InvalidField
from app.records.screen import ItemKind, ScreenChoice

LONGEST_NAME, LONGEST_WORDS, LONGEST_VALUE = 80, 300, 500
LONGEST_NUMBER = 40
MOST_OF_TEAM = 30  # more is no short list
AT_AN_ADDRESS = frozenset({ItemKind.DOCUMENT, ItemKind.FORM})
WITHOUT_VALUE = frozenset({ItemKind.UPLOAD, ItemKind.QUESTION, ItemKind.DATE})


@dataclass(frozen=True)
class Written:
    """A choice as somebody writes it."""

    team: str  # empty: for every team
    kind: str
    name: str
    words_nl: str
    words_en: str = ""
    value: str = ""
    place: int = 0


def of_team(session: Session, team: str) -> list[ScreenChoice]:
    """Return what an agent of this team can put there, in their order."""
    wanted = select(ScreenChoice).where(or_(ScreenChoice.team == team, ScreenChoice.team == ""))
    return list(session.scalars(wanted.order_by(ScreenChoice.place, ScreenChoice.key).limit(MOST_OF_TEAM)))


def all_of(session: Session, team: str | None = None) -> list[ScreenChoice]:
    wanted = select(ScreenChoice).order_by(ScreenChoice.team, ScreenChoice.place, ScreenChoice.key)
    return list(session.scalars(wanted if team is None else wanted.where(ScreenChoice.team == team)))


def write(session: Session, key: str, said: Written) -> ScreenChoice:
    """Keep a choice under its key. Raises InvalidField, whose message is a code of the catalogue."""
    kind = kind_of(said.kind)
    name, words = _short(said.name, "name", LONGEST_NAME), _short(said.words_nl, "words_nl", LONGEST_WORDS)
    in_english = said.words_en.strip()
    if len(in_english) > LONGEST_WORDS:
        raise InvalidField("words_en", "screen.bad_long")
    value = value_of(kind, said.value)
    found = session.get(ScreenChoice, key, with_for_update=True)
    if found is None:
        if len(all_of(session, said.team)) >= MOST_OF_TEAM:
            raise InvalidField("team", "screen.bad_many")
        found = ScreenChoice(key=key)
        session.add(found)
    found.team, found.kind, found.name = said.team.strip(), kind, name
    found.words_nl, found.words_en, found.value, found.place = words, in_english, value, said.place
    session.flush()
    return found


def is_key(key: str) -> bool:
    """Tell whether a choice may be named so."""
    return 0 < len(key) <= 121 and key.isprintable() and "/" not in key and key == key.strip()


def take_away(session: Session, key: str) -> bool:
    """Delete a choice; what was put there with it stays. False when there is none."""
    found = session.get(ScreenChoice, key)
    if found is None:
        return False
    session.delete(found)
    return True


def kind_of(said: str) -> ItemKind:
    try:
        return ItemKind(said)
    except ValueError:
        raise InvalidField("kind", "screen.bad_kind") from None


def value_of(kind: ItemKind, said: str) -> str:
    """Return what goes with the words: an https address, a number, or nothing. Raises InvalidField."""
    said = said.strip()
    if kind in WITHOUT_VALUE:
        return ""
    if kind in AT_AN_ADDRESS:
        if not is_address(said):
            raise InvalidField("value", "screen.bad_address")
        return said
    if not said or len(said) > LONGEST_NUMBER or not said.isprintable():
        raise InvalidField("value", "screen.bad_number")
    return said


def is_address(said: str) -> bool:
    """Tell whether this is a whole https address: nothing that runs, nothing with a name and a password."""
    if len(said) > LONGEST_VALUE or not said.isprintable() or any(one.isspace() for one in said):
        return False
    if any(one in said for one in "\\\"'<>`"):
        return False
    try:
        parts = urlsplit(said)
        has_port = parts.port is None or parts.port > 0
    except ValueError:
        return False
    is_plain = parts.username is None and parts.password is None
    return parts.scheme == "https" and "." in (parts.hostname or "") and is_plain and has_port


def telephone(value: str, country: str) -> str:
    """Return the number to dial when a value is one; empty when it is something to write down."""
    return numbers.to_e164(value, country) or ""


def words_in(choice: ScreenChoice, language: str) -> str:
    """Return what the customer reads, in their language where it was written in it."""
    return choice.words_en if language == "en" and choice.words_en else choice.words_nl


def _short(said: str, field: str, most: int) -> str:
    said = " ".join(said.split())
    if not said or not said.isprintable():
        raise InvalidField(field, "screen.bad_empty")
    if len(said) > most:
        raise InvalidField(field, "screen.bad_long")
    return said


def own_words(said: str) -> str:
    """Return what an agent typed for the customer to read. Raises InvalidField."""
    return _short(said, "words", LONGEST_WORDS)
