"""Who sits on either side of the call? What the tests of the screen beside it share."""

import io
from datetime import UTC, datetime

from flask import Flask
from flask.testing import FlaskClient
from PIL import Image
from pypdf import PdfWriter
from pypdf.actions import JavaScript
from sqlalchemy import select
from werkzeug.test import TestResponse

from app import db
from app.audit.log import Actor
from app.records.audit import Via
from app.records.messages import Message
from app.records.screen import ScreenItem, ScreenPage
from app.screen import choices, pages, ways_in
from app.screen.choices import Written
from app.screen.pages import Life
from config import Settings
from tests import factories
from tests.desk import office
from tests.factories import ADA

LIFE = Life.of(15)
ANNA = Actor("anna@example.nl", Via.PAGE)
SECRETS = ("Lovelace", "Zaak Z1", "Z1", ADA, "1234AB")


def set_up() -> None:
    """Anna at her desk, Ada with a case of hers, and a short list of the team's."""
    with db.transaction() as session:
        factories.line(session, hours="24/7")
        factories.agent(session, "anna")
        factories.agent(session, "bob", team="Belastingen")
        factories.customer(session, "ada", ADA, name="Ada Lovelace")
        factories.case(session, "Z1", "ada", handled_by=("anna",))
        for key, kind, value in (
            ("folder", "document", "https://www.example.nl/folder.pdf"),
            ("foto", "upload", ""),
            ("klopt", "question", ""),
            ("dag", "date", ""),
            ("balie", "number", "020 123 45 00"),
        ):
            choices.write(
                session, key, Written("Burgerzaken", kind, key.title(), f"Woorden {key}", "", value)
            )
        choices.write(session, "anders", Written("Belastingen", "question", "Anders", "Van een ander team"))


class Agent:
    """Anna's browser, in a call with Ada."""

    def __init__(self, app: Flask, settings: Settings, number: str = ADA, agent: str = "anna") -> None:
        self.client = app.test_client()
        with db.transaction() as session:
            self.email = office.user(session, agent)
        self.csrf = office.sign_in(self.client, self.email)
        self.settings = settings
        self.sid = office.call_in(settings, number)
        office.pick_up(self.sid)

    def press(self, action: str, **fields: str) -> TestResponse:
        return self.client.post(
            f"/desk/calls/{self.sid}/screen/{action}",
            data={"csrf": self.csrf, **fields},
            headers={"X-Requested-With": "fetch"},
        )

    def card_press(self, action: str, **fields: str) -> TestResponse:
        return self.client.post(
            f"/desk/calls/{self.sid}/{action}",
            data={"csrf": self.csrf, **fields},
            headers={"X-Requested-With": "fetch"},
        )

    def panel(self) -> str:
        return self.client.get(f"/desk/calls/{self.sid}/screen").text

    def code(self) -> str:
        self.press("offer", by="code")
        with db.transaction() as session:
            page = pages.of_call(session, self.sid)
            assert page is not None
            code = ways_in.code_of(page, self.settings.secret_key, datetime.now(UTC))
        assert code is not None
        return code

    def hang_up(self) -> None:
        office.hang_up(self.settings, self.sid)


class Customer:
    """A browser of somebody who is no agent."""

    def __init__(self, app: Flask, address: str = "192.0.2.77") -> None:
        self.client: FlaskClient = app.test_client()
        self.address = address

    def get(self, path: str = "/b") -> TestResponse:
        return self.client.get(path, headers={"Accept": "text/html"})

    def post(self, path: str, **fields: object) -> TestResponse:
        with self.client.session_transaction() as session:
            session.setdefault("csrf", "a token")
            token = session["csrf"]
        return self.client.post(
            path,
            data={"csrf": token, **fields},
            headers={"Accept": "text/html"},
            environ_base={"REMOTE_ADDR": self.address},
        )

    def type(self, code: str) -> TestResponse:
        return self.post("/s", code=code)

    def send(self, item: int, data: bytes, name: str = "foto.jpg") -> TestResponse:
        return self.post(f"/b/upload/{item}", file=(io.BytesIO(data), name))


def link_in_message() -> str:
    """Return the path of the link in the newest message."""
    with db.reading() as session:
        body = session.scalars(select(Message.body).order_by(Message.at.desc())).first() or ""
    return "/s/" + body.partition("/s/")[2].split()[0]


def item(kind: str) -> int:
    with db.reading() as session:
        found = session.scalars(
            select(ScreenItem.id).where(ScreenItem.kind == kind).order_by(ScreenItem.id.desc())
        )
        return found.first() or 0


def page_of(sid: str) -> ScreenPage:
    with db.reading() as session:
        found = session.scalars(select(ScreenPage).where(ScreenPage.call_sid == sid)).one()
        session.expunge_all()
        return found


def photo(kind: str = "JPEG", size: tuple[int, int] = (80, 40), **more: object) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (200, 30, 30)).save(out, kind, **more)
    return out.getvalue()


def bare_document(catalog: bytes = b"", *objects: bytes, behind: bytes = b"") -> bytes:
    """A PDF as one writes it by hand; `behind` stands in it where no table leads."""
    parts = [
        b"<< /Type /Catalog /Pages 2 0 R " + catalog + b">>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
    ]
    parts += [b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] >>", *objects]
    out, places = b"%PDF-1.7\n", []
    for number, part in enumerate(parts, 1):
        places.append(len(out))
        out += b"%d 0 obj\n" % number + part + b"\nendobj\n"
    out += behind
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(parts) + 1)
    size = b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (len(parts) + 1, len(out))
    return out + head + table + size


def document(*, script: str = "", attachment: bool = False, password: str = "") -> bytes:
    writer = PdfWriter()
    writer.add_blank_page(200, 200)
    if script:
        writer.add_open_action(JavaScript(script))
    if attachment:
        writer.add_attachment("x.exe", b"MZ")
    if password:
        writer.encrypt(password)
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()
