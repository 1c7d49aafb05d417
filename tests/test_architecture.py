"""Does the code keep its shape? Who may import whom, what is pure, and who guards which pages."""

import ast
import inspect
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from flask import Blueprint, Flask

from app import create_app
from app.voice import webhooks
from config import load
from tests.parts import ROOT, test_settings

# The rooms of the house, from the ground up: each may lean on itself and on those before it, on no other.
GROUND = (
    *("config", "errors", "clock", "logs", "garbage", "catalogue", "fibers", "bells", "bus", "held_streams"),
    *("turns", "straight", "lane", "sqlite_lane", "db", "prepared", "deployment"),
)
ROOMS = (
    *("records", "audit", "callers", "speech", "lines", "web", "agents", "door", "carrier", "outgoing"),
    *("topics",),
    *(
        "routing",
        "promises",
        "messages",
        "screen",
        "forgetting",
        "callbacks",
        "beside",
        "voice",
        "desk",
        "api",
        "admin",  # its pages write as other systems do
        "scim",
        "jobs",
        "migrations",
        "commands",
    ),
)
HEIGHT = {part: height for height, part in enumerate((*GROUND, *ROOMS))}
# What puts the parts together may know them all.
WIRING = {
    *(
        "app",
        "app.binding",
        "app.cli",
        "app.wiring",
        "app.operations",
        "app.browser_reports",
        "app.stored_figures",
        "app.serving",
        "app.shares",
        "app.doors",
        "app.jobs.worker",
        "app.migrations.env",
    ),
}
MAY_IMPORT_JOBS = {"app.cli", "app.jobs.schedule", "app.jobs.worker", "app.operations"}
# A file has one question to answer, a function one thing to do.
LONGEST_FILE, LONGEST_FUNCTION = 500, 60


def modules(package: str) -> dict[str, Path]:
    """Return every module of a package by its dotted name."""
    found = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


APP = modules("app")
EVERY = APP | modules("phonebox") | modules("config")


def imports(path: Path) -> Iterator[str]:
    """Yield what a module imports, by full name: `from app import db` is app.db."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative imports hide who leans on whom"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield whole if whole in EVERY else str(node.module)


def part_of(name: str) -> str:
    """Return the part of the application that a module belongs to."""
    return name.split(".")[1] if name.startswith("app.") else name.split(".")[0]


def ours(path: Path) -> Iterator[str]:
    return (name for name in imports(path) if name.split(".")[0] in ("app", "config", "phonebox", "startup"))


def test_imports_point_to_the_ground() -> None:
    wrong = [
        f"{name} imports {other}"
        for name, path in APP.items()
        if name not in WIRING and not name.startswith("app.migrations.versions")
        for other in ours(path)
        if part_of(other) not in HEIGHT or HEIGHT[part_of(other)] > HEIGHT[part_of(name)]
    ]
    assert wrong == []


def test_every_part_of_the_application_has_its_place_in_the_order() -> None:
    parts = {part_of(name) for name in APP if name not in WIRING}

    assert parts <= HEIGHT.keys()
    assert {part for part in HEIGHT if part != "config"} <= parts


def test_no_two_files_of_a_room_import_each_other_in_a_circle() -> None:
    imported = {name: {other for other in ours(path) if other in APP} - {name} for name, path in APP.items()}
    sorter: TopologicalSorter[str] = TopologicalSorter(imported)

    sorter.prepare()  # raises CycleError, which names them


def test_no_file_and_no_function_is_longer_than_one_can_keep_in_mind() -> None:
    long_files = {
        name: lines
        for name, path in APP.items()
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > LONGEST_FILE
    }
    long_functions = {
        f"{name}.{node.name}": lines
        for name, path in APP.items()
        if not name.startswith("app.migrations")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if (lines := (node.end_lineno or 0) - node.lineno + 1) > LONGEST_FUNCTION
    }
    assert (long_files, long_functions) == ({}, {})


def test_every_table_stands_where_all_of_them_are_named() -> None:
    named = {name.rpartition(".")[2] for name in imports(ROOT / "app/records/all.py")}
    there = {path.stem for path in (ROOT / "app/records").glob("*.py")}
    assert named == there - {"__init__", "all"}


def test_tables_name_those_of_other_files_as_objects() -> None:
    """So a table never stands in the metadata without those that it refers to, whoever imports it."""
    strings = []
    for name, path in modules("app/records").items():
        source = path.read_text(encoding="utf-8")
        own = re.findall(r'__tablename__ = "(\w+)"', source)
        strings += [
            (name, table) for table in re.findall(r'ForeignKey\(\s*"(\w+)\.', source) if table not in own
        ]
    assert strings == []


def blueprint_modules() -> set[str]:
    """Return the modules that make a blueprint, of pages or of the carrier's webhooks."""

    def makes(node: ast.AST) -> bool:
        if not isinstance(node, ast.Call):
            return False
        return getattr(node.func, "id", "") == "Blueprint" or getattr(node.func, "attr", "") == "webhooks"

    return {
        name
        for name, path in APP.items()
        if name != "app.carrier.webhook" and any(map(makes, ast.walk(ast.parse(path.read_text("utf-8")))))
    }


def test_only_the_wiring_of_an_application_imports_blueprints() -> None:
    makers = blueprint_modules()
    assert {"app.voice.webhooks", "app.door.sign_in"} <= makers
    registering = {
        name for name, path in APP.items() if ".register_blueprint(" in path.read_text(encoding="utf-8")
    }
    # The header of a page, and the guards of its views, are for every page to use.
    shared = {"app.web", "app.door.sign_in", "app.desk.standing"}

    wrong = [
        f"{name} imports {other}"
        for name, path in APP.items()
        for other in ours(path)
        if other in makers - shared and name not in WIRING | registering
    ]
    assert wrong == []


def test_nothing_but_an_entry_point_imports_a_job() -> None:
    wrong = [
        f"{name} imports {other}"
        for name, path in APP.items()
        for other in ours(path)
        if other.startswith("app.jobs.") and other != "app.records.jobs"
        if name not in MAY_IMPORT_JOBS and not name.startswith(("app.jobs", "app.commands"))
    ]
    assert wrong == []


def test_the_application_and_its_stand_in_carrier_know_nothing_of_each_other() -> None:
    wrong = [f"{name} imports {o}" for name, p in APP.items() for o in imports(p) if o.startswith("phonebox")]
    wrong += [
        f"{name} imports {o}"
        for name, p in modules("phonebox").items()
        for o in imports(p)
        if o.startswith("app")
    ]
    assert wrong == []


def test_the_application_runs_without_what_starts_it() -> None:
    wrong = [f"{name} imports {o}" for name, p in APP.items() for o in imports(p) if o.startswith("startup")]
    # Naming the commands of a web server is what starting is about.
    assert [one for one in wrong if not one.startswith("app.commands")] == []


def test_the_carrier_is_one_module_over_the_official_client() -> None:
    users = {
        name
        for name, path in APP.items()
        for o in imports(path)
        if o.startswith(("twilio.rest", "twilio.http"))
    }

    assert users == {"app.carrier.rest"}


PURE = (
    *(
        "decision",
        "asking",
        "candidates",
        "closed",
        "ringing_back",
        "resolving",
        "situation",
        "facts",
        "kept",
    ),
    *("proof", "conditions", "ladder", "mistakes", "heard", "walk", "answers"),
)


@pytest.mark.parametrize("name", PURE)
def test_what_decides_knows_no_session_no_clock_and_no_outside(name: str) -> None:
    module = f"app.routing.{name}"
    allowed = {
        *(
            "collections.abc",
            "dataclasses",
            "datetime",
            "enum",
            "functools",
            "itertools",
            "json",
            "re",
            "typing",
        ),
        # Of these it takes values and pure functions only.
        *(
            "app.agents.presence",
            "app.callers.recognition",
            "app.lines.dates",
            "app.lines.hours",
            "app.records.calls",
        ),
        *("app.callers.numbers", "app.catalogue", "app.catalogue.problems", "app.errors"),
        *("app.routing.rules", "app.routing.sentences"),
        # A rule that can't be asked is told to the operator.
        "logging",
        "app.carrier.words",
        *(f"app.routing.{one}" for one in PURE),
    }
    outside = {other for other in imports(APP[module]) if other not in allowed}
    assert outside <= ({"app.routing"} if name in ("kept", "heard", "walk") else set())
    tree = ast.parse(APP[module].read_text(encoding="utf-8"))
    called = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    called |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    assert called.isdisjoint({"utcnow", "today", "open", "print", "Session", "execute", "scalar", "random"})
    taken = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("app.")
        for alias in node.names
    }
    reading = {"in_force", "of_version", "of_step", "of_call", "of_agent", "of_origin", "publish", "told"}
    assert taken.isdisjoint(reading)


@pytest.mark.parametrize(
    "module",
    ["app.carrier.twiml", "app.routing.sentences", "app.voice.outage.degraded", "app.carrier.signature"],
)
def test_what_answers_without_a_database_imports_none(module: str) -> None:
    assert [name for name in imports(APP[module]) if name.startswith(("sqlalchemy", "app.db", "redis"))] == []


def test_every_module_opens_with_the_question_it_answers() -> None:
    silent = [
        name
        for name, path in EVERY.items()
        if path.stat().st_size and not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
        if not name.startswith("app.migrations.versions")
    ]
    assert silent == []


# --- who guards which pages ---------------------------------------------------------------------------

# What anybody may ask for: how the process is, the way in, and what every page looks like.
OPEN_TO_ALL = {
    *("static", "sign_in.front_door", "web.favicon"),
    *("operations.healthz", "operations.readyz", "operations.metrics", "browser_reports.report"),
    *("sign_in.login", "sign_in.sign_in", "sign_in.logout", "sign_in.choose_language"),
    # For whoever isn't in yet; each asks by itself who gave a password.
    *("second_step.second", "second_step.second_given", "second_step.cancel"),
    *("second_step.passkey_options", "second_step.passkey"),
    # To the organisation's own provider and back; what it tells us by itself, it signs.
    *("oidc.leave", "oidc.come_back", "oidc.backchannel"),
    *("passwords.forgot", "passwords.forgotten", "passwords.choose", "passwords.chosen"),
    # The link that an operator made is the proof.
    *("once.ask", "once.come_in"),
}


@pytest.fixture(scope="module")
def application(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The application, put together over a database and a Redis that aren't there."""
    folder = tmp_path_factory.mktemp("shape")
    values = test_settings(f"sqlite:///{folder / 'none.db'}", "redis://127.0.0.1:1/0", folder)
    made = create_app(load(values))
    yield made
    webhooks.stop(made)


def is_guarded(view: object) -> bool:
    """Tell whether a view asks who the reader is before it does anything."""
    while view is not None:
        source = inspect.getsource(view)  # type: ignore[arg-type]
        if "@require_" in source or "@bearer" in source:
            return True
        view = getattr(view, "__wrapped__", None)
    return False


def test_every_page_and_every_address_of_the_api_has_a_guard(application: Flask) -> None:
    open_views = []
    for rule in application.url_map.iter_rules():
        blueprint, _, _ = rule.endpoint.rpartition(".")
        asks_first = application.before_request_funcs.get(blueprint)
        view = application.view_functions[rule.endpoint]
        if rule.endpoint not in OPEN_TO_ALL and not asks_first and not is_guarded(view):
            open_views.append(f"{rule.endpoint} at {rule.rule}")
    assert open_views == []


def test_each_blueprint_belongs_to_the_application(application: Flask) -> None:
    assert all(isinstance(one, Blueprint) for one in application.blueprints.values())
    assert {"voice", "desk", "desk_calls", "sign_in", "operations"} <= application.blueprints.keys()


@pytest.mark.parametrize(
    "path", ["/voice/incoming", "/voice/status", "/voice/fallback", "/voice/degraded/thanks"]
)
def test_nothing_of_the_carriers_is_answered_unsigned(application: Flask, path: str) -> None:
    assert application.test_client().post(path, data={"CallSid": "CA" + "0" * 32}).status_code == 403
