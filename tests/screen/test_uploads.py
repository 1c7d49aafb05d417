"""Is a file what it says it is, kept with its case, and handed out so that it can do nothing?"""

import io
import json
import subprocess
import sys
import zipfile
import zlib
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from PIL import Image
from sqlalchemy import select, update

from app import db
from app.forgetting import erasure, export, whom
from app.jobs.retention import forget_old
from app.records.audit import AuditPending
from app.records.privacy import Whom
from app.records.screen import ScreenItem, ScreenPage, Upload, UploadPiece
from app.screen import inspecting, uploads
from config import Keep
from tests import factories
from tests.factories import ADA, NOW
from tests.screen import table
from tests.screen.table import Agent, Customer

HTML = b"<html><script>alert(1)</script></html>"


def refused(data: bytes) -> str:
    with pytest.raises(inspecting.Refused) as why:
        inspecting.inspect(data)
    return why.value.why


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + kind + data + zlib.crc32(kind + data).to_bytes(4, "big")


def png_of(width: int, height: int) -> bytes:
    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + b"\x08\x02\x00\x00\x00"
    body = (
        png_chunk(b"IHDR", head) + png_chunk(b"IDAT", zlib.compress(b"\x00" * 1000)) + png_chunk(b"IEND", b"")
    )
    return b"\x89PNG\r\n\x1a\n" + body


def packed(objects: bytes) -> bytes:
    small = zlib.compress(objects)
    head = b"<< /Type /ObjStm /N 1 /First 4 /Filter /FlateDecode /Length %d >>\nstream\n" % len(small)
    return head + small + b"\nendstream"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "empty"),
        (HTML, "kind"),
        (b"MZ\x90\x00", "kind"),
        (b"GIF89a" + b"\x00" * 50, "kind"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "kind"),
        (b"\xff\xd8\xff\xe0" + HTML, "broken"),
        (b"\x89PNG\r\n\x1a\n" + HTML, "broken"),
        (b"%PDF-1.7\n" + HTML + b"\n%%EOF", "broken"),
        (table.photo()[:300], "broken"),
        (png_of(30_000, 30_000), "pixels"),
        (png_of(4_000, 3_000), "broken"),  # of which the pixels are missing
        (table.photo() + b"\xff\xda" * 200, "broken"),  # so many scans
        (b"x" * (inspecting.MOST_BYTES + 1), "large"),
        (table.document(script="app.alert(1)"), "acts"),
        (table.document(attachment=True), "acts"),
        (table.document(password="geheim"), "locked"),
        (table.bare_document(b"/OpenAction << /#53 /J#61vaScript /#4aS (x) >> "), "acts"),
        (table.bare_document(b"/OpenAction << /S 4 0 R /F (cmd.exe) >> ", b"/Launch"), "acts"),
        (table.bare_document(b"/AA << /WC << /S /SubmitForm /F (http://x) >> >> "), "acts"),
        (table.bare_document(behind=b"9 0 obj\n<< /S /JavaScript /JS (x) >>\nendobj\n"), "acts"),
        (table.bare_document(b"", packed(b"4 0 << /S /JavaScript /JS (x) >>")), "acts"),
        (table.bare_document(b"/X " + b"[" * 3000 + b"]" * 3000), "broken"),
        (table.document() + HTML, "broken"),
        (b"x" + table.document(), "kind"),
        (table.document() + b"PK\x05\x06" + b"\x00" * 18 + b"%%EOF", "broken"),
    ],
    ids=lambda one: one if isinstance(one, str) else "",
)
def test_what_is_not_plainly_a_photo_or_a_document_is_refused(data: bytes, why: str) -> None:
    assert refused(data) == why


def test_a_document_with_much_in_little_is_refused() -> None:
    assert refused(table.bare_document(b"", packed(b"4 0 " + b" " * 200_000_000))) == "broken"


@pytest.mark.parametrize(("kind", "found"), [("JPEG", "image/jpeg"), ("PNG", "image/png")])
def test_of_a_photo_nothing_but_the_picture_is_kept(kind: str, found: str) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Secret Camera"
    exif[0x0112] = 6  # turned a quarter
    lying = table.photo(kind, exif=exif) + HTML + b"PK\x05\x06"

    said, kept = inspecting.inspect(lying)

    assert said == found
    assert b"Secret" not in kept
    assert b"script" not in kept
    with Image.open(io.BytesIO(kept)) as picture:
        assert picture.size == (40, 80)
        assert not picture.getexif()
        assert {"icc_profile", "exif", "comment"}.isdisjoint(picture.info)


def test_a_large_photo_is_made_smaller_and_a_document_stays_as_it_was_signed() -> None:
    _, kept = inspecting.inspect(table.photo("JPEG", (6000, 3000)))
    with Image.open(io.BytesIO(kept)) as picture:
        assert max(picture.size) <= inspecting.LONGEST_SIDE
    pdf = table.document()
    assert inspecting.inspect(pdf) == ("application/pdf", pdf)
    plain = table.bare_document(b"/OpenAction [3 0 R /Fit] ")
    assert inspecting.inspect(plain) == ("application/pdf", plain)


def test_files_are_looked_at_by_a_process_that_knows_nothing_of_ours() -> None:
    found = uploads.inspected(table.photo())
    assert (found.content_type, found.data[:3]) == ("image/jpeg", b"\xff\xd8\xff")
    with pytest.raises(uploads.NotKept) as why:
        uploads.inspected(HTML)
    assert why.value.code == "upload_kind"
    # Alone, as it is run: nothing of the application can be had there.
    loaded = subprocess.run(
        [sys.executable, "-I", "-X", "importtime", str(uploads.INSPECTOR)],
        input=b"",
        capture_output=True,
        text=False,
        env={},
        check=True,
    )
    assert b"| app" not in loaded.stderr
    assert (uploads.MOST_BYTES, uploads.INSPECTOR.is_file()) == (inspecting.MOST_BYTES, True)


def test_names_are_for_reading_only() -> None:
    assert uploads.plain_name("../../etc/passwd") == "passwd"
    assert uploads.plain_name("C:\\temp\\a\u202egpj.exe\r\nX: y") == "agpj.exeX: y"
    assert uploads.plain_name("\x00") == "?"
    assert len(uploads.plain_name("a" * 500)) == uploads.LONGEST_NAME


@pytest.fixture
def asked(anna: Agent, ada: Customer, monkeypatch: pytest.MonkeyPatch) -> int:
    """A photo is asked for; what looks at files does so here, which is quicker."""

    def here(data: bytes) -> uploads.Inspected:
        try:
            return uploads.Inspected(*inspecting.inspect(data))
        except inspecting.Refused as no:
            raise uploads.NotKept(f"upload_{no.why}") from no

    monkeypatch.setattr(uploads, "inspected", here)
    anna.press("checked")
    anna.press("put", choice="foto")
    return table.item("upload")


def the_upload() -> Upload:
    with db.reading() as session:
        found = session.scalars(select(Upload)).one()
        session.expunge_all()
        return found


def test_a_photo_comes_to_the_case_and_is_handed_out_to_be_saved(
    anna: Agent, ada: Customer, asked: int
) -> None:
    answer = ada.send(asked, table.photo(), '<img src=x onerror="alert(1)">.jpg')

    assert answer.location == "/b?done=upload"
    upload = the_upload()
    assert (upload.customer, upload.case, upload.call_sid) == ("ada", "Z1", anna.sid)
    for page in (anna.panel(), ada.get().text):
        assert "<img src=x" not in page
        assert "&lt;img src=x" in page
    got = anna.client.get(f"/desk/calls/{anna.sid}/uploads/{upload.id}")
    assert got.data[:3] == b"\xff\xd8\xff"
    assert got.headers["Content-Disposition"].startswith("attachment; filename=")
    assert "onerror" not in got.headers["Content-Disposition"]
    assert got.headers["X-Content-Type-Options"] == "nosniff"
    assert got.headers["Content-Security-Policy"].startswith("sandbox;")
    assert got.mimetype == "image/jpeg"
    with db.reading() as session:
        assert "upload_opened" in session.scalars(select(AuditPending.what)).all()


def test_a_file_that_lies_changes_nothing_and_says_how_to_mend_it(
    anna: Agent, ada: Customer, asked: int
) -> None:
    answer = ada.send(asked, HTML, "foto.jpg")

    assert answer.status_code == 422
    assert "Dit is geen JPEG, PNG of PDF" in answer.text
    assert ada.post(f"/b/upload/{asked}").status_code == 422
    with db.reading() as session:
        assert session.scalars(select(Upload)).all() == []


def test_only_what_was_asked_for_may_be_sent_and_only_by_whom(
    anna: Agent, ada: Customer, asked: int, flask_app: Flask
) -> None:
    anna.press("put", choice="klopt")

    assert ada.send(table.item("question"), table.photo()).status_code == 409
    assert ada.send(asked + 999, table.photo()).status_code == 409
    assert Customer(flask_app).send(asked, table.photo()).status_code == 410
    ada.send(asked, table.photo())
    upload = the_upload().id
    assert ada.get(f"/desk/calls/{anna.sid}/uploads/{upload}").status_code in (302, 303)
    assert anna.client.get(f"/desk/calls/{anna.sid}/uploads/{'0' * 32}").status_code == 404
    anna.card_press("stop")
    ada.post("/b/stop")
    assert ada.send(asked, table.photo()).status_code == 410


def test_a_call_takes_so_many_files_and_no_more(
    anna: Agent, ada: Customer, asked: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MOST_OF_CALL", 1)
    ada.send(asked, table.photo())

    assert ada.send(asked, table.photo()).status_code == 409


def test_a_file_goes_with_whom_the_call_turns_out_to_be_about(anna: Agent, ada: Customer, asked: int) -> None:
    ada.send(asked, table.photo())
    with db.transaction() as session:
        factories.case(session, "Z2", "ada")

    anna.card_press("pick", customer="ada", case="Z2")

    assert the_upload().case == "Z2"


def test_who_is_forgotten_leaves_no_file_and_who_asks_gets_it(anna: Agent, ada: Customer, asked: int) -> None:
    ada.send(asked, table.photo())
    upload = the_upload().id
    file = io.BytesIO()
    with db.reading() as session:
        person = whom.person(session, Whom.CUSTOMER, "ada")
    assert person is not None
    export.write(file, db.reading, person, lambda sid: None, NOW)
    with zipfile.ZipFile(file) as archive:
        assert archive.read(f"uploads/{upload}.jpg")[:3] == b"\xff\xd8\xff"
        assert json.loads(archive.read("uploads.json"))[0]["file"] == f"uploads/{upload}.jpg"
        [page] = json.loads(archive.read("screen.json"))
        assert (page["items"][0]["kind"], "holder_hash" in page) == ("upload", False)

    with db.transaction() as session:
        erasure.erase_customer(session, "ada", "x@example.nl", NOW)

    with db.reading() as session:
        for of in (Upload, UploadPiece, ScreenPage, ScreenItem):
            assert session.scalars(select(of)).all() == []


def test_a_file_of_no_case_goes_in_its_time_and_one_of_a_case_stays(
    anna: Agent, ada: Customer, asked: int
) -> None:
    ada.send(asked, table.photo())
    later = datetime.now(UTC) + timedelta(days=400)
    keep = Keep(calls=None, numbers=None, uploads=365)

    assert "uploads" not in forget_old(keep, later)

    with db.transaction() as session:
        session.execute(update(Upload).values(case=None))
    assert forget_old(keep, later)["uploads"] == 1
    with db.reading() as session:
        assert session.scalars(select(UploadPiece)).all() == []


def test_erasing_a_number_alone_leaves_the_customers_file_with_their_case(
    anna: Agent, ada: Customer, asked: int
) -> None:
    ada.send(asked, table.photo())

    with db.transaction() as session:
        erasure.erase_number(session, ADA, "x@example.nl", NOW)

    assert the_upload().customer == "ada"
    with db.reading() as session:
        assert session.scalars(select(ScreenPage)).all() == []
