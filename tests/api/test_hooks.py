"""Can another system subscribe by itself, and what is it told of what it writes?"""

from app import db
from app.clock import utcnow
from app.outgoing import outbox
from app.outgoing.hooks import Event
from app.records.outgoing import Outbox
from app.records.tokens import Scope
from tests.api.conftest import Api, NewToken, errors_of
from tests.api.test_records import CASE, CONTACT, WORLD

URL = "http://crm.example.nl/rechtdoor"


def told() -> list[tuple[str, dict[str, object]]]:
    """Return what waits to be told, in order."""
    with db.transaction() as session:
        rows = session.query(Outbox).filter(Outbox.kind == outbox.CALL_HOOK).order_by(Outbox.id)
        return [(row.payload["event"], row.payload["data"]) for row in rows]


def test_a_subscription_is_made_read_and_ended_and_its_secret_shown_once(api: Api) -> None:
    added = api.post("/hooks", {"url": URL, "events": ["promise.kept", "call.ended"]})

    assert added.status_code == 201
    hook = added.json
    assert hook["events"] == ["call.ended", "promise.kept"]
    assert hook.pop("secret").startswith("rdh_")
    path = f"/hooks/{hook['id']}"
    assert added.headers["Location"] == f"/api/v1{path}"
    assert api.get(path).json == hook
    assert api.get("/hooks").json == {"items": [hook]}
    assert api.post(f"{path}/enable").json["state"] == "active"
    assert api.delete(path).status_code == 204
    assert {api.get(path).status_code, api.delete(path).status_code} == {404}
    assert api.post(f"{path}/enable").status_code == 404


def test_what_is_wrong_with_a_subscription_is_said_by_field(api: Api) -> None:
    assert errors_of(
        api.post("/hooks", {"url": "crm", "events": ["call.begun"], "secret": "mine"})
    ).keys() == {
        "url",
        "events",
        "secret",
    }
    assert errors_of(api.post("/hooks", {})).keys() == {"url", "events"}
    assert errors_of(api.post("/hooks", {"url": 1, "events": "all"})).keys() == {"url", "events"}


def test_who_may_only_read_may_not_see_where_others_are_told(api: Api, new_token: NewToken) -> None:
    reader = Api(api.client, new_token(Scope.READ))

    assert reader.get("/hooks").status_code == 403
    assert reader.post("/hooks", {"url": URL, "events": ["call.ended"]}).status_code == 403


def test_a_contact_that_is_written_is_told_once_and_so_is_the_owner_that_it_makes(api: Api) -> None:
    api.put_all(WORLD)
    api.put_all({"/agents/bram": WORLD["/agents/anna"] | {"spoken_name": "Bram"}})
    api.post("/hooks", {"url": URL, "events": [str(one) for one in Event]})
    newer = CONTACT | {"agent": "bram", "started_at": utcnow().isoformat()}

    for _ in range(2):
        api.put_all({"/contacts/C9": newer})
    api.put_all({"/cases/Z1": CASE | {"owner": "anna"}})
    api.put_all({"/cases/Z1": CASE, "/cases/Z2": CASE})
    api.put_all({"/contacts/C9": newer | {"case": "Z2"}})

    contact, *owners = told()
    assert contact[0] == "contact.created"
    assert contact[1] | {"case": "Z2"} == api.get("/contacts/C9").json
    assert [(one["case"], one["previous_owner"], one["owner"]) for _, one in owners] == [
        ("Z1", "anna", "bram"),
        ("Z1", "bram", "anna"),
        ("Z1", "anna", "bram"),
        ("Z1", "bram", "anna"),
        ("Z2", None, "bram"),
    ]
