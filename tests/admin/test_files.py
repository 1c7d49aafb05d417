"""Do lines and people leave as an office opens them, and come back by the same file?"""

import csv
import html
import io
import re
import zipfile
from datetime import UTC, datetime

import pytest
from flask import Flask
from flask.testing import FlaskClient
from python_calamine import load_workbook
from sqlalchemy import select
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart
from xlsxwriter import Workbook

from app import db
from app.admin import sheets
from app.records.agents import Agent, Role
from app.records.lines import Line
from tests import factories
from tests.desk import office
from tests.factories import LINE

URL = "/admin/files"
AGENTS = "agent;name;spoken_name;email;team;phone;language\r\n"


@pytest.fixture(autouse=True)
def town(flask_app: Flask) -> None:
    with db.transaction() as session:
        line = factories.line(session, hours="Mo-Fr 09:00-17:00")
        line.dates = "2030-12-24 until 12:00 | de kerstborrel\n2030-12-28/2030-12-31 closed"
        anna = factories.agent(session, "anna")
        anna.phone, anna.name, anna.spoken_name = "+31612345678", "Zoë 's-Gravenhage: -1, =x", "=Anna"
        factories.agent(session, "bram").enabled = False
        for role in (Role.ADMIN, Role.SUPERVISOR):
            office.user(session, None, role)


@pytest.fixture
def token(client: FlaskClient) -> str:
    return office.sign_in(client, "admin@example.nl")


def check(client: FlaskClient, token: str, kind: str, content: bytes, name: str = "file.csv") -> TestResponse:
    parts = {"csrf": token, "kind": kind, "file": FileStorage(io.BytesIO(content), name)}
    boundary, body = encode_multipart(parts)
    sent = {"data": body, "content_type": f"multipart/form-data; boundary={boundary}"}
    return client.post(f"{URL}/check", headers={"Accept": "text/html"}, **sent)


def load(client: FlaskClient, token: str, checked: TestResponse) -> TestResponse:
    kept = re.search(
        r'name="kind" value="(\w+)"><input type="hidden" name="text" value="([^"]*)"', checked.text
    )
    assert kept, checked.text
    data = {"csrf": token, "kind": kept[1], "text": html.unescape(kept[2])}
    return client.post(f"{URL}/load", data=data, headers={"Accept": "text/html"})


def everything() -> list[tuple[object, ...]]:
    with db.reading() as session:
        agents = session.execute(
            select(Agent.key, Agent.name, Agent.spoken_name, Agent.phone, Agent.enabled).order_by(Agent.key)
        )
        lines = session.execute(select(Line.number, Line.hours, Line.dates))
        return [tuple(row) for row in (*agents, *lines)]


@pytest.mark.parametrize("path", [URL, f"{URL}/agents.csv", f"{URL}/lines.xlsx"])
def test_files_are_the_admins_alone(client: FlaskClient, path: str) -> None:
    office.sign_in(client, "supervisor@example.nl")
    assert client.get(path, headers={"Accept": "text/html"}).status_code == 403


@pytest.mark.parametrize("kind", ["agents", "lines", "dates"])
@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_what_was_given_out_comes_back_and_changes_nothing(
    client: FlaskClient, token: str, kind: str, form: str
) -> None:
    before = everything()
    given = client.get(f"{URL}/{kind}.{form}")
    assert given.headers["Content-Disposition"] == f'attachment; filename="{kind}.{form}"'

    checked = check(client, token, kind, given.data, f"{kind}.{form}")

    assert checked.status_code == 200, checked.text
    assert "kan niet" not in checked.text
    assert "ingeladen" in load(client, token, checked).text
    assert everything() == before


def test_no_cell_of_a_file_is_a_formula(client: FlaskClient, token: str) -> None:
    text = client.get(f"{URL}/agents.csv").data.decode("utf-8-sig")
    [names, row] = csv.reader(text.splitlines(), delimiter=";")
    assert (row[names.index("phone")], row[names.index("spoken_name")]) == ("'+31612345678", "'=Anna")
    sheet = load_workbook(io.BytesIO(client.get(f"{URL}/agents.xlsx").data)).get_sheet_by_index(0)
    assert sheet.to_python()[1][names.index("spoken_name")] == "=Anna"


def test_a_file_is_looked_through_row_by_row_before_anything_changes(client: FlaskClient, token: str) -> None:
    rows = "clara;Clara;;;Balie;;\r\nda-an;Daan;;geen;Balie;0900 1234;\r\n"
    checked = check(client, token, "agents", (AGENTS + rows).encode("cp1252"))

    assert "1 rij kan worden ingeladen" in checked.text
    assert "1 rij kan niet" in checked.text
    assert {"agent", "email", "phone"} <= set(
        re.findall(r"<td class=\"figures\">3</td><td><code>(\w+)", checked.text)
    )
    assert "clara" not in [row[0] for row in everything()]
    assert "1 rij is ingeladen" in load(client, token, checked).text
    assert "clara" in [row[0] for row in everything()]


def test_numbers_and_days_of_a_sheet_are_read_as_they_are_meant(client: FlaskClient, token: str) -> None:
    content = io.BytesIO()
    with Workbook(content) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, ["line", "date", "until", "hours", "why"])
        sheet.write_number(1, 0, int(LINE[1:]))
        sheet.write_datetime(
            1,
            1,
            datetime(2031, 5, 5, tzinfo=UTC).replace(tzinfo=None),
            book.add_format({"num_format": "d mmm yyyy"}),
        )
        sheet.write_string(1, 3, "dicht")
    load(client, token, check(client, token, "dates", content.getvalue(), "dagen.xlsx"))
    assert "2031-05-05 closed" in str(everything())


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "kies een bestand"),
        (b"agent;name\r\nx;y\r\n", "spoken_name"),
        (b"PK\x03\x04 nothing of the kind", "niet te lezen"),
        (b"\xd0\xcf\x11\xe0 nothing of the kind", "niet te lezen"),
        (AGENTS.encode() + b"x;\xc3\xa9\xff;;;Balie;;", "UTF-8"),
    ],
)
def test_a_file_that_cannot_be_used_says_why(
    client: FlaskClient, token: str, content: bytes, complaint: str
) -> None:
    refused = check(client, token, "agents", content)
    assert refused.status_code == 422
    assert complaint in refused.text


def test_what_unpacks_to_more_than_we_hold_is_not_unpacked() -> None:
    bomb = io.BytesIO()
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * (sheets.MOST_BYTES + 1))
    assert len(bomb.getvalue()) < 100_000
    with pytest.raises(sheets.NotASheet, match="too large"):
        sheets.as_csv(bomb.getvalue())


def test_a_file_of_thousands_is_looked_through_and_loaded(client: FlaskClient, token: str) -> None:
    rows = "".join(f"a{n};Naam van nummer {n};{'x' * 60};;Balie;;nl\r\n" for n in range(7000))
    checked = check(client, token, "agents", (AGENTS + rows).encode())
    assert "7000 rijen kunnen worden ingeladen" in checked.text
    assert "7000 rijen zijn ingeladen" in load(client, token, checked).text
    assert check(client, token, "agents", b"x" * (5 * 1024 * 1024)).status_code in {413, 422}


def test_a_sheet_of_billions_of_cells_is_refused_and_takes_nobody_along() -> None:
    content = io.BytesIO()
    with Workbook(content) as book:
        sheet = book.add_worksheet()
        sheet.write_string(0, 0, "agent")
        sheet.write_string(1_048_575, 16_383, "far away")
    with pytest.raises(sheets.NotASheet):
        sheets.as_csv(content.getvalue())


def test_an_unknown_kind_is_no_page(client: FlaskClient, token: str) -> None:
    assert client.get(f"{URL}/customers.csv").status_code == 404
    assert client.get(f"{URL}/agents.pdf").status_code == 404
    assert check(client, token, "customers", b"x").status_code == 404
