"""Does phonebox keep its shape: no circle between its files, and one order of its rooms?"""

import ast
from graphlib import CycleError, TopologicalSorter

import pytest

from tests.parts import ROOT

# From the ground up. A room imports only from storeys beneath it; those of one storey don't know each other.
STOREYS = (
    {"twilio_spec"},
    {"ground"},
    {"network"},
    {"verbs"},
    {"placing", "texting"},
    {"rest", "driving"},
    {"server"},
    {"__main__"},
)
# Files that make up one room, without a folder of their own.
GROUND = {
    *(
        "addresses",
        "certificate",
        "debugger",
        "events",
        "faults",
        "mishearing",
        "settings",
        "sids",
        "sound",
        "tasks",
    ),
    *("timing", "tokens", "twiml", "webhooks"),
}
# Meets the rest over HTTP only.
APART = {"client"}


def modules() -> dict[str, str]:
    """Return the source of every module by its dotted name."""
    found = {}
    for path in sorted((ROOT / "phonebox").rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = path.read_text(encoding="utf-8")
    return found


SOURCES = modules()


def imports(source: str) -> set[str]:
    """Return the modules of phonebox that a source imports, also in a function or for its types alone."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide who leans on whom"
            whole = {f"{node.module}.{alias.name}" for alias in node.names}
            names |= {name if name in SOURCES else str(node.module) for name in whole}
    return names & SOURCES.keys()


IMPORTS = {name: imports(source) for name, source in SOURCES.items()}


def room_of(module: str) -> str:
    """Return the room that a module belongs to; the face of the package is of the ground."""
    name = module.removeprefix("phonebox").lstrip(".").split(".")[0]
    return "ground" if name in GROUND or not name else name


def storey_of(room: str) -> int:
    """Return how high a room lies."""
    return next(height for height, rooms in enumerate(STOREYS) if room in rooms)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import phonebox.sids", {"phonebox.sids"}),
        ("from phonebox import sids, twiml", {"phonebox.sids", "phonebox.twiml"}),
        ("from phonebox.network import calls", {"phonebox.network.calls"}),
        ("from phonebox.network.calls import Leg", {"phonebox.network.calls"}),
        ("def later():\n    from phonebox.sids import new_sid", {"phonebox.sids"}),
        ("if TYPE_CHECKING:\n    from phonebox.network.world import World", {"phonebox.network.world"}),
        ("from aiohttp import web", set()),
    ],
)
def test_an_import_is_seen_wherever_it_stands(source: str, found: set[str]) -> None:
    assert imports(source) == found


def test_no_files_import_each_other_in_a_circle() -> None:
    try:
        TopologicalSorter(IMPORTS).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


def test_nothing_is_imported_by_a_name_that_is_made_at_run_time() -> None:
    by_name = {
        name
        for name, source in SOURCES.items()
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Name | ast.Attribute)
        if (node.id if isinstance(node, ast.Name) else node.attr) in ("import_module", "__import__")
    }
    assert by_name == set()


def test_every_file_has_its_place_in_the_order() -> None:
    assert {room_of(name) for name in SOURCES} == set().union(*STOREYS) | APART


def test_a_room_imports_only_from_storeys_beneath_it() -> None:
    wrong = [
        f"{name} imports {other}"
        for name, others in IMPORTS.items()
        if (room := room_of(name)) not in APART
        for other in others
        if room_of(other) != room
        if room_of(other) in APART or storey_of(room_of(other)) >= storey_of(room)
    ]
    assert wrong == []


def test_the_client_meets_the_simulator_over_http_only() -> None:
    assert IMPORTS["phonebox.client"] == set()
    assert [name for name, others in IMPORTS.items() if "phonebox.client" in others] == []


def test_the_network_is_joined_in_one_place() -> None:
    joining = [
        name
        for name, others in IMPORTS.items()
        if room_of(name) == "network" and "phonebox.network.world" in others
    ]
    assert joining == []
