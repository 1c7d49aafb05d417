"""Is the bill of materials one, is it whole, and is an audit that could ask nobody no good news?"""

import json
import re
from importlib.resources import files
from typing import Any

import pytest
from jsonschema import Draft7Validator
from referencing import Registry, Resource

from startup import audit, bom, pins, vendor
from tests.parts import ROOT

SCHEMAS = files("cyclonedx.schema").joinpath("_res")


def schema(uri: str) -> dict[str, Any]:
    """Read one of those that the library brings; they name each other by their files."""
    found: dict[str, Any] = json.loads(SCHEMAS.joinpath(uri.rpartition("/")[2]).read_text())
    return found


@pytest.fixture(scope="module")
def whole() -> dict[str, Any]:
    return bom.bill(ROOT, "dev")


@pytest.mark.parametrize("kind", bom.KINDS)
def test_a_bill_is_what_cyclonedx_says_that_one_is(kind: str) -> None:
    registry: Registry[Any] = Registry(retrieve=lambda uri: Resource.from_contents(schema(uri)))

    errors = Draft7Validator(schema("bom-1.6.SNAPSHOT.schema.json"), registry=registry).iter_errors(
        bom.bill(ROOT, kind)
    )

    assert [f"{list(one.path)}: {one.message}" for one in errors] == []


def test_all_that_is_pinned_stands_on_it_and_production_holds_no_tools(whole: dict[str, Any]) -> None:
    pinned = {
        f"pkg:pypi/{pin.name}@{pin.version}"
        for file in pins.FILES
        for pin in pins.pins_of((ROOT / file).read_text())
        if ";" not in pin.text
    }
    assert pinned <= {one["bom-ref"] for one in whole["components"]}

    production = {one["name"] for one in bom.bill(ROOT, "production")["components"]}
    assert {"Flask", "psycopg-binary", "voice-sdk"} <= production
    assert not {"pytest", "aiortc"} & production


def test_all_that_is_copied_into_the_product_stands_on_it(whole: dict[str, Any]) -> None:
    listed = {file["name"] for one in whole["components"] for file in one.get("components", ())}
    static = ROOT / "app" / "static"
    copied = [
        file
        for folder in (vendor.VENDOR, static / "fonts")
        for file in folder.rglob("*")
        if file.is_file() and file.name != vendor.RECORD and not file.name.startswith("LICENSE-")
    ]
    assert {str(file.relative_to(ROOT)) for file in copied} == listed


def test_every_part_of_production_says_under_which_licence() -> None:
    assert [
        one["name"] for one in bom.bill(ROOT, "production")["components"] if not one.get("licenses")
    ] == []


def test_everything_is_brought_along_by_something_and_twice_is_the_same_bill(whole: dict[str, Any]) -> None:
    brings = {one["ref"]: one["dependsOn"] for one in whole["dependencies"]}
    reached, to_do = set(), [whole["metadata"]["component"]["bom-ref"]]
    while to_do:
        ref = to_do.pop()
        if ref not in reached:
            reached.add(ref)
            to_do += brings.get(ref, [])
    assert {one["bom-ref"] for one in whole["components"]} <= reached
    assert bom.bill(ROOT, "dev") == whole
    assert re.fullmatch(r"urn:uuid:[0-9a-f-]{36}", whole["serialNumber"])


KNOWN = {"name": "flask", "version": "3.1.3", "vulns": []}
HOLE = {"name": "click", "version": "8.5.1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["8.5.2"]}]}
OPEN = {"name": "rq", "version": "3.0.0", "vulns": [{"id": "PYSEC-2", "fix_versions": []}]}
UNASKED = {"name": "redis", "version": "8.1.0", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("packages", "ends_with", "says"),
    [
        ([KNOWN], 0, ["no known holes in 1 packages"]),
        ([KNOWN, HOLE], 1, ["click 8.5.1: PYSEC-1, mended in 8.5.2"]),
        ([OPEN], 1, ["rq 3.0.0: PYSEC-2, not mended yet"]),
        ([KNOWN, UNASKED], 2, ["nothing is known of 1 of 2 packages"]),
        ([HOLE, UNASKED], 1, ["click 8.5.1", "nothing is known of 1 of 2 packages"]),
    ],
)
def test_an_audit_tells_holes_and_of_what_nothing_is_known(
    packages: list[dict[str, Any]], ends_with: int, says: list[str]
) -> None:
    status, lines = audit.told({"dependencies": packages})

    assert status == ends_with
    assert len(lines) == len(says)
    assert all(line.startswith(begins) for line, begins in zip(lines, says, strict=True))
