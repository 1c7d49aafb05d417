"""Is nobody let in without a token that allows it, and is everything else an answer that helps?"""

import pytest
import redis
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app import bus, db
from app.api import auth, rate, scopes, views
from app.api.problems import ApiProblem
from app.api.routes import Operation
from app.records.agents import Agent
from app.records.tokens import ApiToken, Noun, Scope
from tests import factories
from tests.api.conftest import Api, NewToken, errors_of

# Entered by the views, which nothing else here would import.
GUARDED = [one for one in views.OPERATIONS if one.scope]


def example_path(operation: Operation, agent: str = "anna") -> str:
    path = operation.rule.replace("<agent>", agent)
    while "<" in path:
        start, end = path.index("<"), path.index(">")
        path = f"{path[:start]}1{path[end + 1 :]}"
    return path


@pytest.mark.parametrize("header", [None, "Bearer rd_wrong", "Basic YTpi", "Bearer", "rd_x"])
def test_nothing_is_done_without_a_token(client: FlaskClient, header: str | None) -> None:
    headers = {"Authorization": header} if header else {}
    for operation in GUARDED:
        answer = client.open(f"/api/v1{example_path(operation)}", method=operation.method, headers=headers)
        assert answer.status_code == 401, operation.id
        assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="rechtdoor"'), operation.id
        assert answer.mimetype == "application/problem+json", operation.id


def test_each_scope_opens_what_it_is_for(client: FlaskClient, new_token: NewToken) -> None:
    with db.transaction() as session:
        factories.agent(session, "anna")
        factories.agent(session, "ben")
    ways = {
        "read": (Api(client, new_token(Scope.READ)), "anna"),
        "write": (Api(client, new_token(Scope.WRITE)), "anna"),
        "own desk": (Api(client, new_token(Scope.DESK, agent="anna")), "anna"),
        "other desk": (Api(client, new_token(Scope.DESK, agent="anna", name="another")), "ben"),
    }
    for operation in GUARDED:
        answers = {
            way: api.ask(operation.method, example_path(operation, agent)).status_code
            for way, (api, agent) in ways.items()
        }
        # Whoever is unknown, or waits, was not told whether they may.
        assert not {401, 429} & set(answers.values()), (operation.id, answers)
        # In whose calls, is asked once it is known which call.
        expected = set() if operation.own_calls else {"other desk"}
        if not operation.own_desk and not operation.own_calls:
            expected.add("own desk")
        if operation.scope == Scope.WRITE:
            expected.add("read")
        assert {way for way, status in answers.items() if status == 403} == expected, operation.id


def test_every_address_says_what_it_is_about(flask_app: Flask) -> None:
    served = [rule for rule in flask_app.url_map.iter_rules() if rule.rule.startswith(("/api/", "/scim/"))]
    without = {
        rule.endpoint
        for rule in served
        if not (needed := getattr(flask_app.view_functions[rule.endpoint], auth.NEEDED, None))
        or (needed.noun is None and needed.scope in (Scope.READ, Scope.WRITE))
    }
    assert without == {"api.openapi", "api.docs"}


def test_every_noun_opens_something() -> None:
    assert {one.noun for one in GUARDED} == set(Noun)


def test_a_noun_opens_its_own_addresses_and_all_others_open_none_of_them(
    client: FlaskClient, new_token: NewToken
) -> None:
    with db.transaction() as session:
        factories.agent(session, "anna")
    leasts = {scopes.needed(one.scope or Scope.READ, one.noun) for one in GUARDED if one.noun}
    opening = {least: Api(client, new_token(least, name=least)) for least in leasts}
    others = {
        noun: Api(client, new_token(",".join(f"write:{other}" for other in Noun if other != noun), name=noun))
        for noun in Noun
    }
    for operation in GUARDED:
        assert operation.noun
        least = scopes.needed(operation.scope or Scope.READ, operation.noun)
        path = example_path(operation)

        opened = opening[least].ask(operation.method, path)
        refused = others[operation.noun].ask(operation.method, path)

        assert opened.status_code not in {401, 403, 429}, (operation.id, opened.json)
        assert refused.status_code == 403, operation.id
        assert f"scope {least}" in refused.json["detail"], operation.id
        assert f'error="insufficient_scope", scope="{least}"' in refused.headers["WWW-Authenticate"]


def test_whoever_may_only_read_a_noun_does_not_write_it(client: FlaskClient, new_token: NewToken) -> None:
    reader = Api(client, new_token("read:cases,write:contacts"))
    assert reader.get("/cases").status_code == 200
    assert reader.get("/contacts").status_code == 200
    refused = reader.put("/cases/Z1", {})
    assert refused.status_code == 403
    assert "write:cases" in refused.json["detail"]


def test_no_subscription_tells_what_its_token_may_not_read(client: FlaskClient, new_token: NewToken) -> None:
    hooks = Api(client, new_token("write:hooks,read:promises"))
    body = {"url": "http://crm.example.nl/rechtdoor", "events": ["promise.kept", "call.ended"]}
    refused = hooks.post("/hooks", body)
    assert refused.status_code == 403
    assert "read:calls" in refused.json["detail"]
    assert hooks.post("/hooks", body | {"events": ["promise.kept"]}).status_code == 201


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("read", "read"),
        (" Write ", "write"),
        ("desk", "desk"),
        ("read:contacts,write:cases,calls", "read:contacts,write:calls,cases"),
        ("write:calls, cases ,read:contacts", "read:contacts,write:calls,cases"),
        ("read:cases,write:cases", "write:cases"),
        ("read,write:cases", "read,write:cases"),
        ("read:cases,write", "write"),
        ("read,read:cases,contacts", "read"),
        ("read:cases,desk", None),
        ("desk:cases", None),
        ("read:", None),
        ("read:case", None),
        ("cases", None),
        ("cases:read", None),
        ("read write", None),
        ("", None),
        ("read,", None),
    ],
)
def test_a_scope_is_read_in_any_order_and_kept_in_one(said: str, kept: str | None) -> None:
    if kept is None:
        with pytest.raises(scopes.NotAScope):
            scopes.read(said)
    else:
        assert scopes.read(said) == kept
        assert scopes.read(kept) == kept


@pytest.mark.parametrize("held", ["read:moon", "moon", "", "write:", "admin"])
def test_what_a_later_release_wrote_opens_nothing_in_this_one(held: str) -> None:
    assert not any(scopes.allows(held, scope, noun) for scope in Scope for noun in (*Noun, None))


def test_a_desk_token_ends_with_its_agents_work_here(client: FlaskClient, new_token: NewToken) -> None:
    with db.transaction() as session:
        factories.agent(session, "anna")
    desk = Api(client, new_token(Scope.DESK, agent="anna"))
    assert desk.get("/agents/anna/presence").status_code == 200
    with db.transaction() as session:
        session.get_one(Agent, "anna").enabled = False
    assert desk.get("/agents/anna/presence").status_code == 401


def test_only_the_hash_of_a_token_is_kept(flask_app: Flask, new_token: NewToken) -> None:
    token = new_token(Scope.READ)
    with db.reading() as session:
        kept = session.scalars(select(ApiToken)).one()
    assert len(kept.hash) == 64
    assert token not in "".join(str(value) for value in vars(kept).values())


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nothing", 404),
        ("GET", "/agents/", 404),
        ("GET", "/agents/zoe", 404),
        ("GET", "/agents/zo-e", 404),
        ("GET", "/lines/12", 404),
        ("GET", "/calls/CA0", 404),
        ("GET", "/promises/99", 404),
        ("GET", "/promises/99999999999999999999", 404),
        ("GET", "/agents/zoe/presence", 404),
        ("GET", "/agents/zoe/events", 404),
        ("POST", "/promises/99/withdraw", 404),
        ("DELETE", "/customers/K9", 404),
        ("DELETE", "/agents/anna", 405),
        ("POST", "/agents", 405),
    ],
)
def test_what_does_not_exist_is_a_problem_that_says_so(api: Api, method: str, path: str, status: int) -> None:
    answer = api.ask(method, path)
    assert answer.status_code == status
    assert answer.mimetype == "application/problem+json"
    assert answer.json["status"] == status
    assert answer.json["detail"].endswith((".", "docs"))


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b'"text"', b"null", b'{"name": NaN}', b"\xff\xfe", b"[" * 50_000, b'{"a":' * 3000],
    ids=["empty", "cut off", "list", "text", "null", "NaN", "no UTF-8", "deep list", "deep object"],
)
def test_a_body_that_is_no_json_object_is_refused(api: Api, body: bytes) -> None:
    answer = api.ask("PUT", "/customers/K1", data=body)
    assert answer.status_code == 400
    assert answer.json["type"] == "/api/v1/docs#problem-not_json"


def test_a_body_that_is_too_large_is_refused(api: Api) -> None:
    answer = api.put("/customers/K1", {"name": "x" * 300_000})
    assert answer.status_code == 413
    assert "262144" in answer.json["detail"]


def test_problems_are_told_in_the_language_that_was_asked_for(api: Api) -> None:
    assert (
        errors_of(api.put("/customers/K1", {}, language="nl-NL,en;q=0.5"))["name"] == "ontbreekt; vul dit in"
    )
    answer = api.put("/customers/K1", {}, language="en-GB")
    assert errors_of(answer)["name"] == "is missing; fill it in"
    assert answer.headers["Content-Language"] == "en"
    assert errors_of(api.put("/customers/K1", {}, language="fr"))["name"] == "ontbreekt; vul dit in"


def test_a_parameter_that_is_misspelt_does_not_answer_with_everything(api: Api) -> None:
    assert errors_of(api.get("/cases?custommer=K1")) == {
        "custommer": "isn't known at this address; take it out"
    }


@pytest.mark.parametrize("limit", ["0", "-1", "501", "ten", "1e2", "٣", "99999999999"])
def test_a_page_has_a_size_that_makes_sense(api: Api, limit: str) -> None:
    assert "from 1 to 500" in errors_of(api.get(f"/agents?limit={limit}"))["limit"]


def test_an_error_of_ours_shows_no_trace_and_leaves_a_reference(
    api: Api, flask_app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    with db.transaction() as session:
        session.connection().exec_driver_sql("ALTER TABLE customers RENAME COLUMN postcode TO zip")
    answer = api.put("/customers/K1", {"name": "Canary Person"})
    assert answer.status_code in {500, 503}
    assert answer.mimetype == "application/problem+json"
    text = answer.get_data(as_text=True)
    assert "Traceback" not in text
    assert "postcode" not in text
    assert "Canary" not in text


def test_too_many_requests_are_told_when_to_come_back(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate.count, "__defaults__", (3, None))
    answers = [api.get("/agents") for _ in range(6)]
    assert [answer.status_code for answer in answers[:3]] == [200, 200, 200]
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["Retry-After"]) >= 1
    assert answers[-1].json["type"] == "/api/v1/docs#problem-too_many_requests"


def test_heartbeats_do_not_use_up_the_other_requests(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    api.put("/agents/anna", {"name": "Anna", "team": "Balie"})
    monkeypatch.setattr(rate.count, "__defaults__", (3, None))
    for _ in range(20):
        beat = api.post("/agents/anna/heartbeat", {"visible": True, "softphone": "ready"})
        assert beat.status_code == 204
    assert api.get("/agents").status_code == 200


def test_a_minute_slides_so_that_no_burst_slips_through_at_its_edge(flask_app: Flask, redis_url: str) -> None:
    for _ in range(10):
        rate.count("crm", limit=10, now=119.0)
    with pytest.raises(ApiProblem):
        rate.count("crm", limit=10, now=121.0)
    rate.count("crm", limit=10, now=175.0)
    rate.count("another", limit=10, now=121.0)


def test_nobody_is_held_back_while_redis_is_away(flask_app: Flask) -> None:
    bus.bind("redis://127.0.0.1:1/0")
    for _ in range(5):
        rate.count("crm", limit=1)


def test_counts_end_by_themselves(flask_app: Flask, redis_url: str) -> None:
    rate.count("crm")
    with redis.Redis.from_url(redis_url) as client:
        keys = list(client.scan_iter("rechtdoor:rate:*"))
        assert len(keys) == 1
        assert 0 < client.ttl(keys[0]) <= 120
