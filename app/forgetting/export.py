"""What do we know of one person? All of it in one file: JSON of each kind, and what they said after the tone.

Read a few rows at a time, and no transaction is open while the carrier is asked for a sound: however much
there is, it holds little memory and nobody up.
"""

import json
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from functools import partial
from typing import IO, Any

from sqlalchemy import inspect, select
from sqlalchemy.orm import Session, undefer

from app import catalogue
from app.errors import CarrierError
from app.forgetting import whom
from app.forgetting.naming import slices
from app.forgetting.whom import Doubts, Person
from app.outgoing import outbox
from app.records.agents import DeskEvent
from app.records.beside import Ask, Thanks, WrapUp
from app.records.callers import Case, Contact, Customer, CustomerNumber, NobodysNumber
from app.records.calls import Call, CallStep, Inbox
from app.records.legs import CallLeg, CallRoom, HandOver
from app.records.messages import Message, MessageStop
from app.records.notes import CallNote
from app.records.outgoing import Outbox
from app.records.promises import TO_BE_HEARD, Promise, PromiseAttempt, PromiseEvent, Recording
from app.records.protections import Protection
from app.records.screen import ScreenItem, ScreenPage, Upload, UploadPiece

Json = dict[str, Any]
Open = Callable[[], AbstractContextManager[Session]]
# Asks the carrier for a sound that is still there; None: it hasn't got it.
Fetch = Callable[[str], tuple[str, bytes] | None]

AT_A_TIME = 100
_ENDINGS = {
    "audio/mpeg": "mp3",
    "audio/x-wav": "wav",
    "audio/wav": "wav",
    "image/jpeg": "jpg",
    "image/png": "png",
    "application/pdf": "pdf",
}


@dataclass
class _Found:
    """By which keys what is theirs is found; keys alone, however much hangs on them."""

    person: Person
    cases: Sequence[str] = ()
    calls: Sequence[str] = ()
    messages: Sequence[str] = ()
    promises: Sequence[int] = ()
    recordings: Sequence[str] = ()
    sounds: dict[str, str] = field(default_factory=dict)  # where in the file each is
    uploads: Sequence[str] = ()
    files: dict[str, str] = field(default_factory=dict)  # the same of these

    @classmethod
    def of(cls, session: Session, person: Person) -> "_Found":
        def keys(key: Any, theirs: Any, order: Any) -> Sequence[Any]:
            return session.scalars(select(key).where(theirs).order_by(order)).all()

        found = cls(person)
        found.cases = keys(Case.key, Case.customer == person.customer, Case.key)
        found.calls = keys(Call.sid, whom.their_calls(person), Call.created_at)
        found.messages = keys(Message.sid, whom.their_messages(person), Message.at)
        found.promises = keys(Promise.id, whom.their_promises(person), Promise.id)
        # Who hid their number told it when they were promised a call.
        hidden: dict[str, None] = dict.fromkeys(found.calls)
        for promises in slices(found.promises):
            told = select(Call.sid).where(Call.promise.in_(promises), Call.remote_e164.is_(None))
            hidden |= dict.fromkeys(session.scalars(told.where(Call.customer.is_(None))))
        found.calls = list(hidden)
        sounds: dict[str, None] = {}
        for column, values in ((Recording.call_sid, found.calls), (Recording.promise, found.promises)):
            for some in slices(values):
                sounds |= dict.fromkeys(session.scalars(select(Recording.sid).where(column.in_(some))))
        found.recordings = list(sounds)
        found.uploads = keys(Upload.id, whom.their_uploads(person), Upload.at)
        return found


def write(file: IO[bytes], open_: Open, person: Person, fetch: Fetch, now: datetime) -> Doubts:
    """Write all that is certainly theirs as a ZIP; return how much of their numbers was left out."""
    with open_() as session:
        found, left_out = _Found.of(session, person), whom.doubts(session, person)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for language in catalogue.LANGUAGES:
            say = partial(_say, language)
            words = say("readme", at=now.isoformat(timespec="seconds"))
            archive.writestr(f"{say('readme_name')}.txt", words)
        for sid in found.recordings:
            _add_sound(archive, open_, found, sid, fetch)
        for upload in found.uploads:
            _add_upload(archive, open_, found, upload)
        for name, rows in KINDS.items():
            with archive.open(f"{name}.json", "w") as entry:
                _write_rows(entry, rows(open_, found))
        left = {"left_out": asdict(left_out), "at": now.isoformat()}
        archive.writestr("left-out.json", json.dumps(left, indent=1))
    return left_out


def _say(language: str, code: str, **values: object) -> str:
    return catalogue.text(f"privacy.export_{code}", language, **values)


def _write_rows(entry: IO[bytes], rows: Iterable[Json]) -> None:
    entry.write(b"[")
    for place, row in enumerate(rows):
        entry.write(b",\n" if place else b"\n")
        entry.write(json.dumps(row, ensure_ascii=False, default=_plain).encode())
    entry.write(b"\n]\n")


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _row(row: Any, *without: str) -> Json:
    """Return all columns of a row, also those that are added some day."""
    columns = inspect(type(row)).columns
    return {column.key: getattr(row, column.key) for column in columns if column.key not in without}


# --- what is in it ------------------------------------------------------------------------------------


def _rows(open_: Open, table: Any, column: Any, keys: Sequence[Any], order: Any = None) -> Iterator[Json]:
    """Yield the rows of which a column holds one of these keys, a few at a time."""
    for some in slices(keys, AT_A_TIME):
        wanted = select(table).where(column.in_(some)).order_by(column if order is None else order)
        with open_() as session:
            rows = [_row(row) for row in session.scalars(wanted)]
        yield from rows


def _customer(open_: Open, found: _Found) -> Iterator[Json]:
    keys = [found.person.customer] if found.person.customer else []
    yield from _rows(open_, Customer, Customer.key, keys)


def _numbers(open_: Open, found: _Found) -> Iterator[Json]:
    """Their numbers, whether they want messages there, and whether it is a switchboard's."""
    with open_() as session:
        for number in (*found.person.numbers, *found.person.shared):
            stop, nobodys = session.get(MessageStop, number), session.get(NobodysNumber, number)
            theirs = session.get(CustomerNumber, (number, found.person.customer))
            yield {
                "number": number,
                "is_shared": number in found.person.shared,
                "place": theirs.position if theirs else None,
                "wants_no_messages": _row(stop) if stop else None,
                "is_nobodys": _row(nobodys) if nobodys else None,
            }


def _cases(open_: Open, found: _Found) -> Iterator[Json]:
    yield from _rows(open_, Case, Case.key, found.cases)


def _contacts(open_: Open, found: _Found) -> Iterator[Json]:
    yield from _rows(open_, Contact, Contact.case, found.cases, Contact.started_at)


_OF_CALLS: dict[str, Any] = {
    "rooms": CallRoom,
    "legs": CallLeg,
    "hand_overs": HandOver,
    "protections": Protection,
}


def _calls(open_: Open, found: _Found) -> Iterator[Json]:
    """Calls with what was said, each step with what it was decided on, and what the carrier was answered."""
    shared = found.person.shared
    for some in slices(found.calls, AT_A_TIME):
        with open_() as session:
            steps = select(CallStep).where(CallStep.call_sid.in_(some)).options(undefer(CallStep.situation))
            of_call: dict[str, Json] = {
                call.sid: _row(call) | {"steps": [], "answers": [], **{kind: [] for kind in _OF_CALLS}}
                for call in session.scalars(
                    select(Call).where(Call.sid.in_(some)).order_by(Call.created_at, Call.sid)
                )
            }
            for step in session.scalars(steps.order_by(CallStep.call_sid, CallStep.number)):
                of_call[step.call_sid]["steps"].append(_row(step))
            for answer in session.scalars(select(Inbox).where(Inbox.call_sid.in_(some))):
                of_call[answer.call_sid]["answers"].append(_row(answer))
            for kind, table in _OF_CALLS.items():
                for row in session.scalars(select(table).where(table.call_sid.in_(some))):
                    of_call[row.call_sid][kind].append(_row(row))
        for one in of_call.values():
            if one["remote_e164"] in shared:
                # On what it was decided, and what the telephone was told, names others of the number.
                one["answers"] = []
                one["steps"] = [step | {"situation": None} for step in one["steps"]]
            yield one


def _messages(open_: Open, found: _Found) -> Iterator[Json]:
    yield from _rows(open_, Message, Message.sid, found.messages)


def _promises(open_: Open, found: _Found) -> Iterator[Json]:
    """Promises with all that each went through, and each try to keep it."""
    for some in slices(found.promises, AT_A_TIME):
        with open_() as session:
            of_promise: dict[int, Json] = {
                promise.id: _row(promise) | {"events": [], "tries": []}
                for promise in session.scalars(select(Promise).where(Promise.id.in_(some)))
            }
            for event in session.scalars(select(PromiseEvent).where(PromiseEvent.promise.in_(some))):
                of_promise[event.promise]["events"].append(_row(event))
            for attempt in session.scalars(select(PromiseAttempt).where(PromiseAttempt.promise.in_(some))):
                of_promise[attempt.promise]["tries"].append(_row(attempt))
        yield from of_promise.values()


def _notes(open_: Open, found: _Found) -> Iterator[Json]:
    with open_() as session:
        wanted = select(CallNote).where(whom.their_notes(found.person)).order_by(CallNote.written_at)
        rows = [_row(note) for note in session.scalars(wanted)]
    yield from rows


def _beside(open_: Open, found: _Found) -> Iterator[Json]:
    """How their calls were wrapped up, what colleagues asked about them, and what they said afterwards."""
    for kind in (WrapUp, Ask, Thanks):
        for row in _rows(open_, kind, kind.call_sid, found.calls):
            yield {"kind": kind.__tablename__, **row}


def _recordings(open_: Open, found: _Found) -> Iterator[Json]:
    for some in slices(found.recordings, AT_A_TIME):
        with open_() as session:
            rows = [
                _row(one, "sound") | {"file": found.sounds.get(one.sid)}
                for one in session.scalars(select(Recording).where(Recording.sid.in_(some)))
            ]
        yield from rows


def _screen(open_: Open, found: _Found) -> Iterator[Json]:
    """What stood on the screen beside each call, and what they answered there."""
    secret = ("link_hash", "code_hash", "holder_hash", "waiting_hash")
    for some in slices(found.calls, AT_A_TIME):
        with open_() as session:
            of_page: dict[int, Json] = {
                page.id: _row(page, *secret) | {"items": []}
                for page in session.scalars(select(ScreenPage).where(ScreenPage.call_sid.in_(some)))
            }
            wanted = select(ScreenItem).where(ScreenItem.page.in_(of_page)).order_by(ScreenItem.id)
            for item in session.scalars(wanted):
                of_page[item.page]["items"].append(_row(item))
        yield from of_page.values()


def _uploads(open_: Open, found: _Found) -> Iterator[Json]:
    for some in slices(found.uploads, AT_A_TIME):
        with open_() as session:
            rows = [
                _row(one) | {"file": found.files.get(one.id)}
                for one in session.scalars(select(Upload).where(Upload.id.in_(some)))
            ]
        yield from rows


def _told(open_: Open, found: _Found) -> Iterator[Json]:
    """What desks and other systems were told of them alone, of which we keep a day."""
    names = whom.Names.of(found.person, found.cases, found.calls, found.messages)

    def is_theirs(told: Any) -> bool:
        return names.are_in(told) and not names.others_are_in(told)

    with open_() as session:
        agents = session.scalars(select(DeskEvent.agent).distinct()).all()
    for agent in agents:
        with open_() as session:
            events = session.scalars(
                select(DeskEvent).where(DeskEvent.agent == agent).order_by(DeskEvent.number)
            )
            rows = [(event.created_at, event.data) for event in events if is_theirs(event.data)]
        yield from ({"to": "desk", "agent": agent, "at": at, "told": told} for at, told in rows)
    last = 0
    while True:
        wanted = select(Outbox).where(Outbox.kind == outbox.CALL_HOOK, Outbox.id > last)
        with open_() as session:
            page = session.scalars(wanted.order_by(Outbox.id).limit(1000)).all()
        yield from (
            {"to": "system", "at": row.created_at, "told": row.payload}
            for row in page
            if is_theirs(row.payload)
        )
        if len(page) < 1000:
            return
        last = page[-1].id


# Each becomes a file of that name. What else is kept of people some day is added here; see the test that
# asks this of every table.
KINDS: dict[str, Callable[[Open, _Found], Iterator[Json]]] = {
    "customer": _customer,
    "numbers": _numbers,
    "cases": _cases,
    "contacts": _contacts,
    "calls": _calls,
    "messages": _messages,
    "promises": _promises,
    "notes": _notes,
    "beside": _beside,
    "recordings": _recordings,
    "screen": _screen,
    "uploads": _uploads,
    "told": _told,
}


# --- what they said after the tone --------------------------------------------------------------------


def _add_sound(archive: zipfile.ZipFile, open_: Open, found: _Found, sid: str, fetch: Fetch) -> None:
    """Add a recording's sound, from here or, where it is still there, from the carrier."""
    with open_() as session:
        row = session.scalar(select(Recording).where(Recording.sid == sid).options(undefer(Recording.sound)))
        if row is None or row.state not in TO_BE_HEARD:
            return
        sound = (row.content_type, row.sound) if row.sound else None
    if sound is None:
        try:
            sound = fetch(sid)
        except CarrierError:
            return  # recordings.json says that its file is missing
    if sound is not None:
        name = f"recordings/{sid}.{_ENDINGS.get(sound[0], 'bin')}"
        archive.writestr(zipfile.ZipInfo(name), sound[1])
        found.sounds[sid] = name


def _add_upload(archive: zipfile.ZipFile, open_: Open, found: _Found, key: str) -> None:
    """Add a file that they sent, piece by piece."""
    with open_() as session:
        row = session.get(Upload, key)
        if row is None:
            return
        name = f"uploads/{key}.{_ENDINGS.get(row.content_type, 'bin')}"
    with archive.open(zipfile.ZipInfo(name), "w") as entry:
        number = 0
        while True:
            with open_() as session:
                piece = session.get(UploadPiece, (key, number))
                data = piece.bytes if piece is not None else None
            if data is None:
                break
            entry.write(data)
            number += 1
    found.files[key] = name
