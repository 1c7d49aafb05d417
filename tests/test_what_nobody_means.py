"""Is there an address, a number or a body that makes us fail? Whatever nobody means is refused in words."""

import json
import logging
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import quote

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.routing import IntegerConverter, Rule

import config
from app import create_app, db, logs
from app.api import auth
from app.clock import utcnow
from app.db import transaction
from app.door import guessing
from app.promises import links
from app.records.agents import Role
from app.records.tokens import Scope
from app.voice import webhooks
from config import Settings
from tests import factories
from tests.desk import office
from tests.factories import ADA

STRANGE = ["\x00", "a\x00b", "9" * 10, "9" * 19, "9" * 40, "-1", "²", "\ud83d\ude00", "%", "a" * 3000]


@pytest.fixture
def known(flask_app: Flask, client: FlaskClient) -> tuple[FlaskClient, dict[str, str]]:
    """Somebody who may see everything, and a token that may do everything."""
    with transaction() as session:
        factories.line(session)
        factories.agent(session, "anna")
        office.user(session, "anna", Role.ADMIN)
        token = auth.create(session, "crm", Scope.WRITE, None, utcnow())
    office.sign_in(client, "anna@example.nl")
    return client, {"Authorization": f"Bearer {token}"}


NAMES = ("after", "promise", "limit", "state", "agent", "q", "call", "page", "since")


class Read(ImmutableMultiDict[str, str]):
    """What stands in a query, or a form; `names` are those that anybody asked for."""

    names: ClassVar[set[str]] = set()

    def __iter__(self) -> Iterator[str]:
        self.names.update(dict.keys(self))
        return super().__iter__()

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        return super().__getitem__(name)

    def __contains__(self, name: object) -> bool:
        self.names.add(str(name))
        return super().__contains__(name)

    def getlist(self, name: str, *more: Any, **named: Any) -> list[Any]:
        self.names.add(name)
        return super().getlist(name, *more, **named)

    def items(self, *more: Any, **named: Any) -> Any:
        self.names.update(dict.keys(self))
        return super().items(*more, **named)

    def lists(self) -> Any:
        self.names.update(dict.keys(self))
        return super().lists()


def addresses(app: Flask, read: Callable[[Rule, str], set[str]]) -> Iterator[tuple[str, str]]:
    """Each address with something strange in each of its places, and in its query.

    `read` tells which names of a query that address asks for. One that it doesn't ask for may say anything.
    """
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith(("/voice", "/messages", "/static")) or "GET" not in (rule.methods or ()):
            continue
        usual = _filled(rule, "1")
        alone = [name for name in ("after", "call") if name in read(rule, f"{usual}?{name}=1")]
        for strange in STRANGE:
            said = quote(strange, errors="surrogatepass")
            yield rule.endpoint, _filled(rule, said)
            yield rule.endpoint, f"{usual}?{'&'.join(f'{name}={said}' for name in NAMES)}"
            for name in alone:
                yield rule.endpoint, f"{usual}?{name}={said}"


def _filled(rule: Rule, said: str) -> str:
    path = "".join(said if is_dynamic else part for is_dynamic, part in rule._trace if part != "|")
    return path if path.startswith("/") else "/" + path.lstrip("|")


def test_nothing_strange_in_an_address_makes_us_fail(
    flask_app: Flask, known: tuple[FlaskClient, dict[str, str]]
) -> None:
    client, token = known
    flask_app.request_class = type("Request", (flask_app.request_class,), {"parameter_storage_class": Read})

    def ask(address: str) -> int:
        with client.get(address, headers=token if address.startswith("/api/") else {}) as answer:
            return answer.status_code

    def read(rule: Rule, address: str) -> set[str]:
        if is_left_out(rule.endpoint):
            return set()
        Read.names.clear()
        ask(address)
        return {*Read.names}

    failed = []
    asked = set()
    for endpoint, address in dict.fromkeys(addresses(flask_app, read)):
        if is_left_out(endpoint):
            continue
        asked.add(address.partition("?")[2].partition("=")[0])
        if (status := ask(address)) >= 500:
            failed.append(f"{status} {endpoint} {address[:90]!r}")
    assert failed == []
    assert asked == {"", "after", "call"}


def is_left_out(endpoint: str) -> bool:
    """Tell whether what answers there has no end, or is about the state of the installation."""
    return endpoint.rpartition(".")[2] in ("events", "agent_events", "readyz", "metrics", "favicon")


@pytest.mark.parametrize("path", ["/api/v1/promises/2147483648", f"/admin/promises/{2**63}"])
def test_a_number_that_no_row_has_is_not_found(known: tuple[FlaskClient, dict[str, str]], path: str) -> None:
    client, token = known

    assert client.get(path, headers=token).status_code == 404


def test_every_whole_number_of_an_address_is_bounded_as_its_column_is(flask_app: Flask) -> None:
    unbounded = [
        rule.rule
        for rule in flask_app.url_map.iter_rules()
        for converter in rule._converters.values()
        if isinstance(converter, IntegerConverter) and converter.max is None and not converter.signed
    ]
    assert unbounded == []


BRACKETS = "[" * 100_000


@pytest.mark.parametrize("path", ["/api/v1/agents/anna/heartbeat", "/api/v1/promises", "/desk/heartbeat"])
@pytest.mark.parametrize("body", [BRACKETS, '{"a":' * 50_000, "9" * 5000, '"\\ud800"', '{"visible": 1e999}'])
def test_no_body_makes_us_fail(known: tuple[FlaskClient, dict[str, str]], path: str, body: str) -> None:
    client, token = known
    with client.session_transaction() as session:
        csrf = str(session.setdefault("csrf", "a token of this session"))
    headers = token if path.startswith("/api/") else {"X-CSRF-Token": csrf}

    answer = client.post(path, data=body, content_type="application/json", headers=headers)

    assert answer.status_code < 500, answer.text


@pytest.mark.parametrize(
    "path",
    ["/api/v1/agents", "/api/v1/promises", "/api/v1/nowhere", "/admin/promises/export.csv", "/account"],
)
def test_no_answer_about_people_is_kept_on_the_way(
    known: tuple[FlaskClient, dict[str, str]], path: str
) -> None:
    client, token = known

    answer = client.get(path, headers=token)

    assert answer.headers["Cache-Control"] == "no-store"


def test_what_every_page_looks_like_may_be_kept(client: FlaskClient) -> None:
    with client.get("/static/rechtdoor.css") as answer:
        assert "no-store" not in answer.headers.get("Cache-Control", "")


# --- what stays on the disk ----------------------------------------------------------------------------


def test_the_file_of_a_database_is_for_its_owner_alone_and_keeps_nothing_deleted(tmp_path: Path) -> None:
    path = tmp_path / "instance" / "rechtdoor.db"
    database = db.Database(f"sqlite:///{path}")
    with database.transaction() as session:
        connection = session.connection()
        connection.exec_driver_sql("CREATE TABLE people (number TEXT)")
        connection.exec_driver_sql("INSERT INTO people VALUES ('+31612345678')")
        assert connection.exec_driver_sql("PRAGMA secure_delete").scalar() == 1
    modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in path.parent.iterdir()}
    database.dispose()

    assert {mode for name, mode in modes.items() if name.startswith("rechtdoor.db")} == {0o600}


def test_the_file_of_an_older_release_is_closed_to_others(tmp_path: Path) -> None:
    path = tmp_path / "rechtdoor.db"
    path.touch(0o644)
    path.chmod(0o644)

    database = db.Database(f"sqlite:///{path}")
    with database.transaction() as session:
        session.connection().exec_driver_sql("CREATE TABLE one (a INTEGER)")
    database.dispose()

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


# --- what stands in the log ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "written"),
    [
        (f"/voice/degraded/thanks?line={ADA}", "/voice/degraded/thanks?line=+…"),
        ("/api/v1/calls?from=%2B31612345678&x=1", "/api/v1/calls?from=+…&x=1"),
        ("/api/v1/numbers/+31612345678", "/api/v1/numbers/+…"),
        ("/c/MQ.abcDEF-123_x?lang=nl", "/c/…?lang=nl"),
        ("Bearer rd_abcdefghijklmnopqrstuvwx", "Bearer rd_…"),
        ("\nrd_abcdefghijklmnopqrstuvwx", "\\nrd_…"),
        ("CA12345678901234567890123456789012", "CA12345678901234567890123456789012"),
        ("2026-11-29T08:00:00+00:00", "2026-11-29T08:00:00+00:00"),
    ],
)
def test_no_number_and_no_key_comes_into_the_log(said: str, written: str) -> None:
    record = logging.makeLogRecord(
        {
            "msg": f"asked {said}",
            "path": said,
            "many": [said],
            "some": {said},
            "one": Path(said),
            "levelno": 20,
        }
    )

    line = logs.JsonLines().format(record)

    assert said == written or said not in line
    assert line.count(written) == 5
    assert json.loads(line)["some"] == json.loads(line)["many"]


# --- another key ---------------------------------------------------------------------------------------

OLD, NEW = "o" * 32, "n" * 48


def with_key(settings: Settings, key: str) -> Settings:
    return config.load(
        {
            "ENV": "test",
            "DATABASE_URL": settings.database_url,
            "REDIS_URL": settings.redis_url,
            "SECRET_KEY": key,
        }
    )


@contextmanager
def application(settings: Settings, key: str) -> Iterator[FlaskClient]:
    """A browser at the application with that key."""
    made = create_app(with_key(settings, key))
    yield made.test_client()
    webhooks.stop(made)
    db.current().dispose()


def test_a_key_is_rotated_without_signing_anybody_out_or_breaking_a_link(settings: Settings) -> None:
    with application(settings, OLD) as browser:
        with transaction() as session:
            factories.line(session)
            factories.agent(session, "anna")
            office.user(session, "anna")
            owed = factories.promise(session, number=ADA, now=utcnow(), due_at=utcnow()).id
        office.sign_in_by_form(browser, "anna@example.nl")
        cookies = {name: browser.get_cookie(name) for name in ("rechtdoor", "rechtdoor-device")}
    link = links.to_promise("", OLD, owed)

    answers = {}
    for name, key in {"rotating": f"{NEW}, {OLD}", "done": NEW}.items():
        with application(settings, key) as client:
            for one, cookie in cookies.items():
                assert cookie
                client.set_cookie(one, cookie.value)
            answers[name] = (client.get("/desk/presence").status_code, client.get(link).status_code)

    assert answers == {"rotating": (200, 200), "done": (401, 404)}


def test_what_is_signed_while_a_key_is_rotated_is_signed_with_the_new_one(settings: Settings) -> None:
    rotating = with_key(settings, f"{NEW},{OLD}")
    device = guessing.new_device().with_("anna@example.nl")

    assert (rotating.secret_key, rotating.old_secret_keys) == (NEW, (OLD,))
    cookie = guessing.cookie_for(device, [OLD, NEW])
    assert guessing.device_from(cookie, [NEW]) == device
    assert guessing.device_from(guessing.cookie_for(device, [OLD]), [OLD, NEW]) == device
    assert guessing.device_from(cookie, [OLD]) is None


@pytest.mark.parametrize("key", ["a,b" + "x" * 40, "x" * 31 + "," + "y" * 40, f"{OLD},{NEW},{OLD}"])
def test_a_key_that_happens_to_hold_a_comma_stays_one(settings: Settings, key: str) -> None:
    assert with_key(settings, key).old_secret_keys == ()
