"""Does the description tell the truth: every request, every field, every example?"""

import re
from html import unescape
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator

from app import catalogue, db
from app.api import description, routes, shapes
from app.api.routes import OPERATIONS
from tests.api.conftest import Api
from tests.api.test_calls import call

IN_PATHS = {
    "/api/v1/agents/{agent}": "/agents/anna",
    "/api/v1/lines/{line}": "/lines/+31201234567",
    "/api/v1/customers/{customer}": "/customers/K-1001",
    "/api/v1/cases/{case}": "/cases/Z-2026-17",
    "/api/v1/contacts/{contact}": "/contacts/C-1",
}


@pytest.fixture
def document(client: FlaskClient) -> dict[str, Any]:
    answer = client.get("/api/v1/openapi.json", headers={"Accept-Language": "en"})
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json
    return found


def test_every_request_that_is_served_is_described_and_the_other_way_round(
    flask_app: Flask, document: dict[str, Any]
) -> None:
    served = {
        (re.sub(r"<(?:[^:<>]+:)?(\w+)>", r"{\1}", rule.rule), method.lower())
        for rule in flask_app.url_map.iter_rules()
        if rule.rule.startswith("/api/")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    described = {(path, method) for path, methods in document["paths"].items() for method in methods}
    assert described == served


def test_every_view_but_the_description_has_a_guard() -> None:
    assert {one.id for one in OPERATIONS if one.scope is None} == {"openapi", "docs"}


def test_each_request_says_which_scopes_are_enough(document: dict[str, Any]) -> None:
    def ways(path: str, method: str) -> list[dict[str, list[str]]]:
        found: list[dict[str, list[str]]] = document["paths"][f"/api/v1{path}"][method]["security"]
        return found

    assert ways("/cases", "get") == [{"read": []}, {"write": []}, {"nouns": ["read:cases"]}]
    assert ways("/customers/{customer}", "delete") == [{"write": []}, {"nouns": ["write:erasure"]}]
    assert {"desk": []} in ways("/agents/{agent}/events", "get")
    named = {
        name
        for path in document["paths"].values()
        for one in path.values()
        for way in one["security"]
        for name in way
    }
    assert named == document["components"]["securitySchemes"].keys()


def test_what_is_referred_to_exists_and_is_a_schema(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    for schema in schemas.values():
        Draft202012Validator.check_schema(schema)
    named = set(re.findall(r"#/components/schemas/(\w+)", str(document)))
    assert named <= schemas.keys()
    operation_ids = [one["operationId"] for methods in document["paths"].values() for one in methods.values()]
    assert len(operation_ids) == len(set(operation_ids))
    for path, methods in document["paths"].items():
        for one in methods.values():
            in_path = {p["name"] for p in one.get("parameters", ()) if p["in"] == "path"}
            assert in_path == set(re.findall(r"{(\w+)}", path))


def valid(name: str, value: Any, document: dict[str, Any]) -> None:
    """Hold a value against a schema of the document."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    errors = [f"{list(e.path)}: {e.message}" for e in Draft202012Validator(schema).iter_errors(value)]
    assert errors == []


@pytest.mark.parametrize("name", shapes.EXAMPLES)
def test_every_example_is_what_its_schema_says(document: dict[str, Any], name: str) -> None:
    valid(name, shapes.EXAMPLES[name], document)


def test_the_examples_work_in_their_order_and_the_answers_are_as_described(
    api: Api, document: dict[str, Any]
) -> None:
    for path, example_path in IN_PATHS.items():
        described = document["paths"][path]["put"]
        name = described["requestBody"]["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
        answer = api.put(example_path, shapes.EXAMPLES[name])
        assert answer.status_code == 201, answer.json
        valid(name.removesuffix("Written"), answer.json, document)
        valid(name.removesuffix("Written"), api.get(example_path).json, document)
        page = api.get(f"/{path.split('/')[3]}").json
        assert page["next"] is None
        valid(name.removesuffix("Written"), page["items"][0], document)
    presence = api.put("/agents/anna/presence", shapes.EXAMPLES["PresenceWritten"])
    valid("Presence", presence.json, document)
    assert api.post("/agents/anna/heartbeat", shapes.EXAMPLES["Heartbeat"]).status_code == 204
    promise = api.post("/promises", shapes.EXAMPLES["PromiseWritten"])
    assert promise.status_code == 201, promise.json
    valid("PromiseWithEvents", promise.json, document)
    valid("Promise", api.get("/promises").json["items"][0], document)
    valid("Problem", api.put("/agents/anna", {}).json, document)
    valid("Problem", api.get("/nothing").json, document)


def test_a_call_is_as_described(api: Api, document: dict[str, Any]) -> None:
    with db.transaction() as session:
        call(session, "CA1")
    valid("Call", api.get("/calls/CA1").json, document)
    valid("CallInList", api.get("/calls").json["items"][0], document)


def test_a_subscription_is_as_described(api: Api, document: dict[str, Any]) -> None:
    added = api.post("/hooks", shapes.EXAMPLES["HookWritten"])
    valid("HookAdded", added.json, document)
    valid("Hook", api.get(f"/hooks/{added.json['id']}").json, document)
    valid("Hooks", api.get("/hooks").json, document)


def test_what_the_description_allows_of_a_record_is_what_is_taken(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    customer, agent = schemas["CustomerWritten"], schemas["AgentWritten"]
    assert customer["required"] == ["name"], "the key stands in the address"
    assert customer["properties"]["phones"] == {
        "type": ["array", "string"],
        "items": {"type": "string"},
        "maxItems": 50,
        "description": "E.164, or a national form of DEFAULT_COUNTRY",
    }
    assert agent["properties"]["language"]["enum"] == ["nl", "en"]
    assert agent["properties"]["name"] == {"type": "string", "maxLength": 200}
    assert schemas["Agent"]["properties"]["name"] == {"type": "string", "maxLength": 200}
    assert schemas["Customer"]["properties"]["phones"]["type"] == "array"


@pytest.mark.parametrize("language", ["nl", "en"])
def test_the_page_shows_every_request_and_every_problem(client: FlaskClient, language: str) -> None:
    answer = client.get("/api/v1/docs", headers={"Accept-Language": language})
    html = unescape(answer.get_data(as_text=True))
    assert answer.status_code == 200
    assert f'<html lang="{language}">' in html
    for operation in OPERATIONS:
        assert f'id="{operation.id}"' in html
        assert catalogue.text(f"api.{operation.id}", language).split(" (")[0][:30] in html
    for code in description.PROBLEM_CODES:
        assert f'id="problem-{code}"' in html


def test_the_page_brings_nothing_from_elsewhere_and_runs_nothing(client: FlaskClient) -> None:
    answer = client.get("/api/v1/docs")
    html = answer.get_data(as_text=True)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert "<script" not in html
    assert "style=" not in html
    sources = re.findall(r'(?:src|href)="(?!#)([^"]+)"', html)
    assert sources
    assert all(source.startswith("/") and not source.startswith("//") for source in sources)


def test_every_text_of_the_description_is_there_in_both_languages() -> None:
    for code in catalogue.codes("api"):
        assert catalogue.text(f"api.{code}", "nl")
        assert catalogue.text(f"api.{code}", "en")
    assert {one.id for one in OPERATIONS} <= set(catalogue.codes("api"))


def test_every_problem_that_an_answer_names_is_on_the_page() -> None:
    assert routes.PREFIX == "/api/v1"
    known = set(catalogue.codes("problem"))
    assert set(description.PROBLEM_CODES) <= known
