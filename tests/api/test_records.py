"""Can other systems write what they know, read it back, and page through it?"""

from typing import Any
from urllib.parse import quote

import pytest
from werkzeug.test import TestResponse

from app import db
from app.records.agents import Presence
from app.records.callers import Case
from tests.api.conftest import Api, errors_of

ANNA = {"name": "Anna Bakker", "team": "Balie", "phone": "0612345678"}
ADA = {
    "name": "Ada de Vries",
    "phones": ["0687654321", "+32475123456"],
    "tags": ["vip"],
    "postcode": "1012 AB",
}
CASE = {"customer": "K1", "subject": "Paspoort", "team": "Balie", "opened_at": "2026-05-01T09:30:00+02:00"}
CONTACT = {
    "case": "Z1",
    "agent": "anna",
    "channel": "call",
    "direction": "inbound",
    "started_at": "2026-05-01T10:00:00+02:00",
}
LINE = {"name": "Algemeen", "team": "Balie", "timezone": "Europe/Amsterdam"}

WORLD: dict[str, dict[str, Any]] = {
    "/agents/anna": ANNA,
    "/lines/+31201234567": LINE,
    "/customers/K1": ADA,
    "/cases/Z1": CASE,
    "/contacts/C1": CONTACT,
}


def test_each_record_is_made_once_replaced_after_and_read_back(api: Api) -> None:
    for path, record in WORLD.items():
        made = api.put(path, record)
        assert made.status_code == 201, made.json
        assert made.headers["Location"] == f"/api/v1{path}"
        again = api.put(path, record)
        assert (again.status_code, again.json) == (200, made.json)
        assert api.get(path).json == made.json


def test_what_was_written_comes_back_in_one_form(api: Api) -> None:
    api.put_all(WORLD)
    assert api.get("/customers/K1").json == {
        "customer": "K1",
        "name": "Ada de Vries",
        "phones": ["+31687654321", "+32475123456"],
        "language": "nl",
        "postcode": "1012 AB",
        "tags": ["vip"],
    }
    assert api.get("/agents/anna").json == {
        "agent": "anna",
        "name": "Anna Bakker",
        "spoken_name": "Anna Bakker",
        "email": "",
        "team": "Balie",
        "phone": "+31612345678",
        "language": "nl",
        "enabled": True,
    }
    assert api.get("/lines/0201234567").json["number"] == "+31201234567"


def test_an_agent_who_is_made_can_be_reserved(api: Api) -> None:
    api.put("/agents/anna", ANNA)
    with db.reading() as session:
        assert session.get_one(Presence, "anna").activity == "idle"


def test_a_put_replaces_the_whole_record(api: Api) -> None:
    api.put_all(WORLD)
    api.put("/customers/K1", {"name": "Ada", "phones": "0687654321"})
    ada = api.get("/customers/K1").json
    assert (ada["phones"], ada["tags"], ada["postcode"]) == (["+31687654321"], [], "")


def test_the_last_contacts_agent_owns_a_case_unless_it_names_another(api: Api) -> None:
    api.put_all({**WORLD, "/agents/ben": {"name": "Ben Ito", "team": "Balie"}})
    case = api.get("/cases/Z1").json
    assert (case["owner"], case["named_owner"]) == ("anna", None)
    assert case["last_contact"] == {"agent": "anna", "at": "2026-05-01T08:00:00+00:00"}
    api.put("/cases/Z1", CASE | {"owner": "ben"})
    assert api.get("/cases/Z1").json["owner"] == "ben"
    api.put("/contacts/C2", CONTACT | {"started_at": "2026-06-01T10:00:00Z"})
    case = api.get("/cases/Z1").json
    assert (case["owner"], case["last_contact"]["at"]) == ("ben", "2026-06-01T10:00:00+00:00")
    api.put("/cases/Z1", CASE)
    assert api.get("/cases/Z1").json["owner"] == "anna"


def test_a_contact_moved_to_another_case_takes_its_agent_along(api: Api) -> None:
    api.put_all({**WORLD, "/cases/Z2": CASE})
    api.put("/contacts/C1", CONTACT | {"case": "Z2"})
    with db.reading() as session:
        assert session.get_one(Case, "Z1").owner is None
        assert session.get_one(Case, "Z2").owner == "anna"


def test_leaving_the_house_is_a_field_that_other_writes_keep(api: Api) -> None:
    api.put("/agents/anna", ANNA | {"enabled": False})
    assert api.put("/agents/anna", ANNA).json["enabled"] is False
    assert api.put("/agents/anna", ANNA | {"enabled": True}).json["enabled"] is True
    api.put("/lines/+31201234567", LINE | {"greeting": "Goedemiddag", "records_messages": True})
    line = api.put("/lines/+31201234567", LINE).json
    assert (line["greeting"], line["records_messages"]) == ("Goedemiddag", True)
    assert api.put("/lines/+31201234567", LINE | {"greeting": ""}).json["greeting"] == "Goedemiddag"


def test_days_with_hours_of_their_own_stay_until_they_are_named(api: Api) -> None:
    days = [
        {"date": "2026-12-28", "until": "2026-12-31", "hours": "dicht"},
        {"date": "2026-12-24", "hours": "tot 12:00", "why": "de kerstborrel"},
    ]
    kept = api.put("/lines/+31201234567", LINE | {"dates": days}).json["dates"]
    assert kept == [
        {"date": "2026-12-24", "until": "2026-12-24", "hours": "until 12:00", "why": "de kerstborrel"},
        {"date": "2026-12-28", "until": "2026-12-31", "hours": "closed", "why": ""},
    ]
    assert api.put("/lines/+31201234567", LINE).json["dates"] == kept
    assert api.put("/lines/+31201234567", LINE | {"dates": kept}).json["dates"] == kept
    twice = [*days, {"date": "2026-12-30", "hours": "closed"}]
    said = errors_of(api.put("/lines/+31201234567", LINE | {"dates": twice}))
    assert "2026-12-30 stands there twice; there is “2026-12-28/2026-12-31 closed” already" in said["dates"]
    assert api.put("/lines/+31201234567", LINE | {"dates": []}).json["dates"] == []


@pytest.mark.parametrize(
    "dates",
    ["2026-12-24", [1], [{}], [{"date": "24 dec", "hours": "closed"}], [{"date": "2026-12-24"}],
     [{"date": "2026-12-24", "hours": "maybe"}], [{"date": "2026-12-24", "hours": "closed", "open": "no"}],
     [{"date": "2026-12-24", "hours": 12}],
     [{"date": "2026-12-24", "until": "2026-12-23", "hours": "closed"}],
     [{"date": f"20{y}-01-01", "hours": "closed"} for y in range(10, 99)] * 3],
)  # fmt: skip
def test_a_day_that_makes_no_sense_is_refused(api: Api, dates: object) -> None:
    assert errors_of(api.put("/lines/+31201234567", LINE | {"dates": dates})).keys() == {"dates"}


@pytest.mark.parametrize(
    ("path", "change", "field", "message"),
    [
        ("/cases/Z1", {"customer": "K9"}, "customer", "there is no customer “K9”; load them first"),
        ("/cases/Z1", {"owner": "zoe"}, "owner", "there is no agent “zoe”; load them first"),
        ("/contacts/C1", {"case": "Z9"}, "case", "there is no case “Z9”; load it first"),
        ("/contacts/C1", {"agent": "zoe"}, "agent", "there is no agent “zoe”; load them first"),
        ("/customers/K1", {"phones": ["06123"]}, "phones", "“06123” isn't a valid telephone number"),
        ("/customers/K1", {"phones": 612345678}, "phones", "expected: array / string"),
        ("/agents/anna", {"agent": "ben"}, "agent", "is another than in the address (anna)"),
        ("/agents/an-na", {}, "agent", "may hold only letters"),
        ("/lines/12", {}, "number", "“12” isn't a valid telephone number"),
        ("/lines/+31201234567", {"hours": "9-17"}, "hours", "write for example Mo-Fr 09:00-17:30"),
        (
            "/lines/+31201234567",
            {"hours": "Mo 09:00-12:00; Mo 11:00-15:00"},
            "hours",
            "Mo stands there twice",
        ),
        ("/cases/Z1", {"last_contact": None}, "last_contact", "doesn't exist; take it out"),
    ],
)
def test_what_cannot_be_used_is_refused_by_its_field_and_changes_nothing(
    api: Api, path: str, change: dict[str, Any], field: str, message: str
) -> None:
    api.put_all(WORLD)
    record = next(record for known, record in WORLD.items() if known.split("/")[1] == path.split("/")[1])
    before = api.get(path).get_data()
    assert message in errors_of(api.put(path, record | change))[field]
    assert api.get(path).get_data() == before


def test_a_line_may_be_named_in_any_spelling(api: Api) -> None:
    assert api.put("/lines/0201234567", LINE | {"number": "+31201234567"}).status_code == 201
    assert api.put("/lines/+31 20 123 45 67", LINE).status_code == 200


@pytest.mark.parametrize("key", ["Z-2026/17", "Zaak 12", "é€", "100%", "a+b", "a?b#c"])
def test_keys_of_other_systems_survive_the_address(api: Api, key: str) -> None:
    path = f"/customers/{quote(key, safe='')}"
    assert api.put(path, ADA).json["customer"] == key
    assert api.get(path).json["customer"] == key
    assert [one["customer"] for one in api.get("/customers").json["items"]] == [key]


def all_of(api: Api, path: str, limit: int) -> list[str]:
    """Walk through a list by its pages; return the keys."""
    keys: list[str] = []
    after = ""
    while True:
        page = api.get(path, query_string={"limit": limit, **({"after": after} if after else {})}).json
        assert len(page["items"]) <= limit
        keys += [next(iter_values(item)) for item in page["items"]]
        if page["next"] is None:
            return keys
        after = page["next"]


def iter_values(item: dict[str, Any]) -> Any:
    return iter([item.get("customer"), *item.values()])


@pytest.mark.parametrize("limit", [1, 2, 3, 500])
def test_a_list_is_complete_and_has_nothing_twice_whatever_the_size_of_its_pages(
    api: Api, limit: int
) -> None:
    keys = {"K1", "k2", "K10", "a b", "Z/9"}
    for key in keys:
        api.put(f"/customers/{key.replace('/', '%2F')}", {"name": "Ada"})
    found = all_of(api, "/customers", limit)
    assert (len(found), set(found)) == (5, keys)


def items(answer: TestResponse, name: str) -> list[str]:
    assert answer.status_code == 200, answer.json
    return [item[name] for item in answer.json["items"]]


def test_lists_are_narrowed_by_what_one_would_ask_for(api: Api) -> None:
    api.put_all(WORLD)
    api.put_all(
        {
            "/customers/K2": {"name": "Bob", "phones": ["0687654321"]},
            "/cases/Z2": CASE | {"customer": "K2", "status": "solved"},
            "/agents/ben": {"name": "Ben", "team": "Vergunningen"},
            "/contacts/C2": CONTACT | {"case": "Z2", "agent": "ben"},
        }
    )
    assert items(api.get("/cases?customer=K2"), "case") == ["Z2"]
    assert items(api.get("/cases?status=open"), "case") == ["Z1"]
    assert items(api.get("/cases?customer=K2&status=open"), "case") == []
    assert items(api.get("/contacts?case=Z1"), "contact") == ["C1"]
    assert items(api.get("/contacts?agent=ben"), "contact") == ["C2"]
    assert items(api.get("/agents?team=Vergunningen"), "agent") == ["ben"]
    assert items(api.get("/customers?phone=06 8765 4321"), "customer") == ["K1", "K2"]
    assert items(api.get("/customers?phone=%2B32475123456"), "customer") == ["K1"]
    assert "phone" in errors_of(api.get("/customers?phone=anonymous"))
    assert "status" in errors_of(api.get("/cases?status=closed"))
