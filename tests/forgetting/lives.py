"""Somebody lives through all that can happen to them here, by the product's own doors; all is marked."""

import http.server
import json
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.datastructures import MultiDict

from app import db
from app.carrier.rest import Carrier
from app.deployment import Deployment
from app.jobs import callbacks, deliver
from app.outgoing import outbox
from app.promises import links
from app.records.agents import Intent
from app.records.lines import Line as OurLine
from app.records.promises import Promise
from config import Settings
from tests import town
from tests.api.conftest import Api
from tests.desk import office
from tests.desk.test_desk_pages import ask
from tests.factories import LINE
from tests.servers import answering
from tests.telephone import Line, signed

FAR = "2126-05-01T16:00:00Z"


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Archive:
    """The carrier's store: what it keeps of whom, under its own names, until it is told to delete it."""

    kept: dict[str, str] = field(default_factory=dict)  # SID: whose number
    sounds: dict[str, bytes] = field(default_factory=dict)
    refuses: int | None = None  # the status of everything
    url: str = ""

    def of(self, number: str) -> set[str]:
        return {sid for sid, whose in self.kept.items() if whose == number}

    def answer(self, method: str, path: str, form: dict[str, list[str]]) -> tuple[int, bytes]:
        if self.refuses is not None:
            return self.refuses, b'{"code": 20500, "status": 500, "message": "no", "more_info": ""}'
        name = path.rpartition("/")[2].partition(".")[0]
        if method == "POST" and path.endswith("/Messages.json"):
            sid = "SM" + secrets.token_hex(16)
            self.kept[sid] = form["To"][0]
            return 201, json.dumps({"sid": sid, "status": "queued"}).encode()
        if method == "POST" and path.endswith("/Calls.json"):
            return 201, json.dumps({"sid": "CA" + secrets.token_hex(16), "status": "queued"}).encode()
        if path.endswith("/Calls.json"):
            return 200, b'{"calls": []}'
        if name not in self.kept:
            return 404, b'{"code": 20404, "status": 404, "message": "not found", "more_info": ""}'
        if method == "DELETE":
            del self.kept[name]
            return 204, b""
        return 200, self.sounds.get(name, b"{}")


@contextmanager
def archive() -> Iterator[Archive]:
    kept = Archive()

    class Handler(http.server.BaseHTTPRequestHandler):
        def handle_it(self) -> None:
            length = int(self.headers["Content-Length"] or 0)
            form = parse_qs(self.rfile.read(length).decode())
            status, body = kept.answer(self.command, urlsplit(self.path).path, form)
            self.send_response(status)
            is_sound = self.path.endswith(".mp3")
            self.send_header("Content-Type", "audio/mpeg" if is_sound else "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_DELETE = handle_it

        def log_message(self, *words: Any) -> None:
            pass

    with answering(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)) as kept.url:
        yield kept


@dataclass
class House:
    """The product, and everybody who works with it."""

    app: Flask
    settings: Settings
    api: Api
    archive: Archive
    carrier: Carrier
    folder: Path
    command: Any

    @property
    def deployment(self) -> Deployment:
        return Deployment.of(self.settings)

    @property
    def visitor(self) -> FlaskClient:
        return self.app.test_client()

    def deliver(self, *kinds: str) -> None:
        for kind in kinds:
            deliver.deliver_due(self.carrier, self.deployment, kind, now() + timedelta(seconds=1))


def nobody_is_there(*, records: bool) -> None:
    for key in ("anna", "bram", "carla"):
        town.change(key, intent=Intent.BREAK)
    with db.transaction() as session:
        session.get_one(OurLine, LINE).records_messages = records


@dataclass
class Life:
    """One person. `mark` begins every word of theirs, which are kept in `words` with where they were said."""

    house: House
    mark: str
    number: str
    customer: str = ""
    words: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)

    def word(self, where: str) -> str:
        said = f"{self.mark}{where}"
        self.words.append(said)
        return said

    @property
    def traces(self) -> list[bytes]:
        """By what they would be found, in any file: their words, and their number as written or spoken."""
        digits = self.number[3:]
        spellings = [digits, " ".join(digits), f"{digits[0]} {digits[1:]}"]
        return [one.encode() for one in (self.mark, *spellings)]

    # --- what another system knows of them ------------------------------------------------------------

    def is_a_customer(self) -> None:
        """Loaded from files, as an office sends them, and changed over the API."""
        self.customer = self.word("key")
        case, folder = self.word("case"), self.house.folder
        files = {
            "customers": "customer,name,phones,language,postcode,tags\n"
            f"{self.customer},Vrouwe {self.word('name')},{self.number},nl,{self.word('post')},"
            f"{self.word('tag')}|vip\n",
            "cases": "case,customer,subject,team,status,priority,opened_at,url,owner\n"
            f"{case},{self.customer},{self.word('subject')},Burgerzaken,open,normal,2026-01-05T09:00:00+01:00,"
            f"https://zaken.example.nl/{self.word('url')},anna\n",
            "contacts": "contact,case,agent,channel,direction,started_at,seconds,outcome,summary\n"
            f"{self.word('contact')},{case},anna,email,inbound,2026-01-06T09:00:00+01:00,0,"
            f"{self.word('outcome')},{self.word('summary')}\n",
        }
        for kind, content in files.items():
            path = folder / f"{self.mark}-{kind}.csv"
            path.write_text(content)
            done = self.house.command("load", kind, path)
            assert done.exit_code == 0, done.output
            path.unlink()

    # --- what they do -----------------------------------------------------------------------------------

    def line(self, from_: str | None = None) -> Line:
        made = Line(self.house.visitor, self.house.settings, from_=self.number if from_ is None else from_)
        self.calls.append(made.sid)
        self.house.archive.kept[made.sid] = self.number
        return made

    def talks(self) -> None:
        """Whoever is rung notes what they say; of a customer's call that becomes a contact."""
        call = self.line().comes_in()
        if call.rings is None:
            call.post(call.attribute("Gather", "action"), SpeechResult=f"Over {self.word('question')}.")
        agent = str(call.rings).removeprefix("client:")
        call.talks()
        desk = self.house.visitor
        office.sign_in(desk, f"{agent}@example.nl")
        status, answer = ask(
            desk, f"/desk/calls/{call.sid}/notes", summary=self.word("noted"), outcome="waiting"
        )
        assert status == 200, answer
        call.hangs_up()
        town.everybody_free_again()

    def finds_nobody(self) -> None:
        """They say what it is about, which is written down and not recorded."""
        nobody_is_there(records=False)
        call = self.line().comes_in()
        call.post(call.attribute("Gather", "action"), SpeechResult=f"Het gaat over {self.word('speech')}.")
        call.hangs_up()
        town.everybody_free_again()

    def leaves_a_message(self) -> None:
        nobody_is_there(records=True)
        call = self.line().comes_in()
        self.speaks(call)
        call.hangs_up()
        town.everybody_free_again()

    def speaks(self, call: Line) -> None:
        sid = "RE" + secrets.token_hex(16)
        self.house.archive.kept[sid] = self.number
        self.house.archive.sounds[sid] = b"ID3" + self.word("sound").encode()
        call.post(
            call.attribute("Record", "recordingStatusCallback"),
            RecordingStatus="completed",
            RecordingSid=sid,
            RecordingDuration="4",
        )

    def hides_and_tells(self) -> None:
        """They hide their number, and key it in when they are asked."""
        nobody_is_there(records=True)
        call = self.line("anonymous").comes_in()
        call.post(call.attribute("Gather", "action"), Digits="0" + self.number[3:])
        call.hangs_up()
        town.everybody_free_again()

    def writes(self, body: str) -> str:
        sid = "SM" + secrets.token_hex(16)
        self.house.archive.kept[sid] = self.number
        form = MultiDict({"MessageSid": sid, "From": self.number, "To": LINE, "Body": body})
        answer = signed(self.house.visitor, self.house.settings, "/messages/incoming", form)
        assert answer.status_code == 200
        return sid

    def writes_and_is_answered(self) -> None:
        sid = self.writes(f"Weet u iets van {self.word('text')}?")
        anna = self.house.visitor
        office.sign_in(anna, "anna@example.nl")
        status, answer = ask(
            anna, f"/desk/messages/message/{sid}/answer", body=self.word("answer"), once=self.mark
        )
        assert status == 200, answer
        self.house.deliver(outbox.SEND_MESSAGE)

    def is_promised_a_call(self) -> None:
        """By another system, and says more on the page behind the link of its message."""
        about = {"number": self.number, "due_at": FAR, "agent": "anna", "about": self.word("about")}
        if self.customer:
            about |= {"customer": self.customer}
        made = self.house.api.post("/promises", about, headers={"Idempotency-Key": self.word("idem")})
        assert made.status_code in (200, 201), made.json
        self.house.deliver(outbox.SEND_MESSAGE)
        address = links.to_promise("", self.house.settings.secret_key, made.json["id"])
        page = self.house.visitor
        token = office.token_in(page.get(address).text)
        page.post(address, data={"csrf": token, "what": "about", "about": self.word("page")})

    def is_rung_back(self) -> None:
        """Somebody tries to keep what is owed; nobody picks up yet."""
        with db.transaction() as session:
            for promise in session.scalars(select(Promise).where(Promise.number == self.number)):
                promise.created_at = now() - timedelta(hours=1)
                promise.due_at, promise.next_at = now() + timedelta(minutes=5), now()
        callbacks.work_off(self.house.deployment, now() + timedelta(seconds=1))
        self.house.deliver(outbox.PLACE_CALLBACK)
        town.everybody_free_again()

    def wants_no_messages(self) -> None:
        self.writes("STOP")


def live(life: Life) -> Life:
    """All of it."""
    life.is_promised_a_call()
    life.talks()
    life.finds_nobody()
    life.leaves_a_message()
    life.hides_and_tells()
    life.writes_and_is_answered()
    life.is_rung_back()
    life.wants_no_messages()
    return life


# --- where it could be found ---------------------------------------------------------------------------


def columns_filled(mark: str) -> set[str]:
    """Return the columns that hold a mark, as table.column."""
    found = set()
    for table, column, value in cells():
        if mark.encode() in value:
            found.add(f"{table}.{column}")
    return found


def cells() -> Iterator[tuple[str, str, bytes]]:
    """Yield all that the database holds, table by table, as bytes in lower case; also what no model knows."""
    from sqlalchemy import inspect, text

    with db.reading() as session:
        for table in inspect(session.get_bind()).get_table_names():
            rows = session.execute(text(f'SELECT * FROM "{table}"'))
            names = list(rows.keys())
            for row in rows:
                for name, value in zip(names, row, strict=True):
                    if isinstance(value, memoryview):
                        value = bytes(value)
                    if isinstance(value, dict | list):
                        value = json.dumps(value, ensure_ascii=False)
                    raw = value if isinstance(value, bytes) else str(value).encode()
                    yield table, name, raw.lower()


def files(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield every file beneath a folder: SQLite's own with its log, the spool."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.name, path.read_bytes().lower()


def redis_keys(client: Any) -> Iterator[tuple[str, bytes]]:
    """Yield every key of Redis with what it holds."""
    for key in client.scan_iter():
        kind = client.type(key).decode()
        held = {
            "string": lambda key: [client.get(key)],
            "list": lambda key: client.lrange(key, 0, -1),
            "set": client.smembers,
            "zset": lambda key: client.zrange(key, 0, -1),
            "hash": lambda key: [one for pair in client.hgetall(key).items() for one in pair],
            "stream": lambda key: [str(client.xrange(key)).encode()],
        }[kind](key)
        yield key.decode(), b" ".join([key, *held]).lower()


def spelled(text: str) -> str:
    return re.sub(r"\s+", " ", text)
