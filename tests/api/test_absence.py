"""Can another system say who isn't here, as an admin does on the page of people?"""

from datetime import date, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from app import db
from app.agents import absences
from app.clock import utcnow
from app.records.audit import AuditPending
from app.records.tokens import Scope
from tests.api.conftest import Api, NewToken, errors_of

ABSENCE = "/agents/anna/absence"


def on(days: int = 0) -> date:
    """Return the day that is so many days from today where the line is."""
    return utcnow().date() + timedelta(days=days)


@pytest.fixture(autouse=True)
def anna(api: Api) -> None:
    api.put("/agents/anna", {"name": "Anna", "team": "Balie", "phone": "0612345678"})
    api.put("/agents/anna/presence", {"state": "available", "reach": "phone"})
    line = {
        "name": "Balie",
        "team": "Balie",
        # Where it is another day already, an absence of today would be of yesterday.
        "timezone": "UTC",
        "hours": "Mo-Su,PH 08:30-17:00",
        "country": "NL",
    }
    api.put("/lines/+31201234567", line)


def test_who_is_absent_from_today_is_rung_no_more_until_somebody_says_that_they_are_here(api: Api) -> None:
    until = on(2)
    now = api.put(ABSENCE, {"from": str(on()), "until": str(until)}).json
    assert (now["from"], now["until"], now["has_begun"]) == (None, str(until), True)
    assert now["back_at"] > str(until)
    presence = api.get("/agents/anna/presence").json
    assert (presence["state"], presence["why"], presence["back_at"]) == ("off", "absent", now["back_at"])
    assert api.get(ABSENCE).json == now

    assert api.delete(ABSENCE).status_code == 204
    here = api.get(ABSENCE).json
    assert here == {"agent": "anna", "from": None, "until": None, "has_begun": False, "back_at": None}
    assert api.get("/agents/anna/presence").json["state"] == "available"


def test_an_absence_to_come_begins_on_its_day_and_may_be_called_off_or_last_longer(api: Api) -> None:
    first = on(3)
    said = api.put(ABSENCE, {"from": str(first)}).json
    assert (said["from"], said["until"], said["has_begun"]) == (str(first), str(first), False)
    assert api.get("/agents/anna/presence").json["state"] == "available"
    with db.transaction() as session:
        assert absences.keep(session, utcnow() + timedelta(days=3)) == 1
    assert api.get(ABSENCE).json["has_begun"] is True
    later = str(on(9))
    assert api.put(ABSENCE, {"until": later}).json["until"] == later


@pytest.mark.parametrize(
    ("said", "field", "message"),
    [
        ({}, "from", "is missing"),
        ({"until": "2126-05-01"}, "from", "is missing"),
        ({"from": "5 mei"}, "from", "“5 mei” is no day"),
        ({"from": 5}, "from", "wrong type"),
        ({"from": "2126-05-02", "until": "2126-05-01"}, "until", "“2126-05-01” isn't within a year"),
        ({"from": "2126-05-02", "until": "2128-05-01"}, "until", "“2128-05-01” isn't within a year"),
        ({"from": "2020-05-02"}, "until", "lies in the past"),
        ({"absent_from": "2126-05-02"}, "absent_from", "doesn't exist"),
    ],
)
def test_an_absence_that_makes_no_sense_is_refused_by_the_name_of_its_field(
    api: Api, said: dict[str, Any], field: str, message: str
) -> None:
    assert message in errors_of(api.put(ABSENCE, said))[field]
    assert api.get(ABSENCE).json["until"] is None


def test_nobody_who_isnt_there_can_be_absent(api: Api) -> None:
    assert api.get("/agents/nobody/absence").status_code == 404
    assert api.put("/agents/nobody/absence", {"from": "2126-05-01"}).status_code == 404
    assert api.delete("/agents/nobody/absence").status_code == 404


def test_who_tells_of_people_tells_of_their_absence_and_a_desk_does_not(
    client: FlaskClient, new_token: NewToken
) -> None:
    said = {"from": "2126-05-01"}
    personnel = Api(client, new_token("write:agents"))
    assert personnel.put(ABSENCE, said).status_code == 200
    assert Api(client, new_token("read:agents")).get(ABSENCE).json["from"] == "2126-05-01"
    for scope in ("read:agents", "write:presence"):
        assert Api(client, new_token(scope, name=f"as {scope}")).put(ABSENCE, said).status_code == 403
    desk = Api(client, new_token(Scope.DESK, agent="anna"))
    assert [desk.get(ABSENCE).status_code, desk.delete(ABSENCE).status_code] == [403, 403]


def test_it_is_written_down_what_the_days_were_and_who_changed_them(api: Api) -> None:
    api.put(ABSENCE, {"from": "2126-05-01"})
    api.delete(ABSENCE)
    with db.reading() as session:
        rows = session.scalars(select(AuditPending).order_by(AuditPending.id.desc()).limit(2)).all()
    ended, said = rows
    assert (said.who, ended.who) == ("api:crm", "api:crm")
    assert said.details["before"] == ["absent_from: None", "absent_until: None"]
    assert said.details["after"] == ["absent_from: 2126-05-01", "absent_until: 2126-05-01"]
    assert ended.details["before"] == said.details["after"]
