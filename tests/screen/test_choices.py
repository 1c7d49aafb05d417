"""Does an admin keep a team's list by hand?"""

from flask import Flask

from app import db
from app.records.agents import Role
from app.records.screen import ScreenChoice
from tests.desk import office
from tests.screen.table import Agent


def test_an_admin_writes_changes_and_removes_what_a_team_can_put_there(flask_app: Flask, anna: Agent) -> None:
    client = flask_app.test_client()
    with db.transaction() as session:
        email = office.user(session, None, Role.ADMIN)
    csrf = office.sign_in(client, email)

    def send(**fields: str) -> int:
        return client.post("/admin/screen", data={"csrf": csrf, **fields}).status_code

    said = {"kind": "form", "name": "Verhuizen", "words_nl": "Verhuisformulier", "team": "Burgerzaken"}
    assert send(**said, value="https://www.example.nl/v") == 303
    assert "Verhuizen" in anna.panel()
    refused = client.post("/admin/screen", data={"csrf": csrf, **said, "value": "javascript:alert(1)"})
    assert refused.status_code == 422
    assert "begint met https://" in refused.text
    assert 'aria-invalid="true"' in refused.text
    unread = client.post(
        "/admin/screen", data={"csrf": csrf, **said, "value": "https://a.nl/v", "place": "1e"}
    )
    assert unread.status_code == 422
    assert 'value="1e" aria-invalid="true"' in unread.text
    assert send(key="a/b", **said, value="https://www.example.nl/v") == 404
    assert send(key="folder", what="remove") == 303
    with db.reading() as session:
        assert session.get(ScreenChoice, "folder") is None
    assert anna.client.get("/admin/screen").status_code == 403
