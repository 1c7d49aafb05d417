"""What does a test of the API find ready? Tokens of each scope, and a way to ask with them."""

from collections.abc import Callable
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import db
from app.api import auth
from app.clock import utcnow
from app.records.tokens import Scope


class Api:
    """A system that asks with one token."""

    def __init__(self, client: FlaskClient, token: str) -> None:
        self.client = client
        self.token = token

    def ask(self, method: str, path: str, language: str = "en", **more: Any) -> TestResponse:
        headers = {"Authorization": f"Bearer {self.token}", "Accept-Language": language}
        headers |= more.pop("headers", {})
        return self.client.open(f"/api/v1{path}", method=method, headers=headers, **more)

    def get(self, path: str, **more: Any) -> TestResponse:
        return self.ask("GET", path, **more)

    def put(self, path: str, json: Any, **more: Any) -> TestResponse:
        return self.ask("PUT", path, json=json, **more)

    def post(self, path: str, json: Any = None, **more: Any) -> TestResponse:
        return self.ask("POST", path, json=json, **more)

    def delete(self, path: str) -> TestResponse:
        return self.ask("DELETE", path)

    def put_all(self, records: dict[str, dict[str, Any]]) -> None:
        """Write records by their paths, all of which must be taken."""
        for path, record in records.items():
            answer = self.put(path, record)
            assert answer.status_code in {200, 201}, (path, answer.json)


NewToken = Callable[..., str]


@pytest.fixture
def new_token(flask_app: Flask) -> NewToken:
    """Make a token: new_token(Scope.DESK, agent="anna")."""

    def make(scope: str, *, name: str | None = None, agent: str | None = None) -> str:
        with db.transaction() as session:
            return auth.create(session, name or f"{scope} {agent}", scope, agent, utcnow())

    return make


@pytest.fixture
def api(client: FlaskClient, new_token: NewToken) -> Api:
    """A system that may read and write."""
    return Api(client, new_token(Scope.WRITE, name="crm"))


def errors_of(answer: TestResponse) -> dict[str, str]:
    """Return what a refusal says of each field."""
    assert answer.status_code == 422, answer.get_data(as_text=True)
    assert answer.mimetype == "application/problem+json"
    return {error["field"]: error["message"] for error in answer.json["errors"]}
