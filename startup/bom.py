"""What is the product made of? A bill of materials in CycloneDX 1.6, for whoever must know what runs.

    python -m startup.bom [--kind production|run|dev] [FILE]

writes FILE (sbom.cdx.json): the packages that are pinned for that kind, with licence and what brings what
along, as they say of themselves where they are installed, and what is copied into the product. The same files
make the same bill: it holds no time of its making.
"""

import argparse
import hashlib
import json
import sys
import tomllib
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from itertools import chain
from pathlib import Path
from typing import Any
from urllib.parse import quote

from packaging.requirements import Requirement

from startup import pins, vendor

ROOT = Path(__file__).resolve().parent.parent
KINDS = {"production": pins.FILES[:1], "run": pins.FILES[:2], "dev": pins.FILES}
BROUGHT = "# Brought along"  # below it, a file lists what the packages above it need
MEND = "python3 startup/venv.py dev"
FONTS = ROOT / "app" / "static" / "fonts"
# The file, its font, from which release on npm it is.
OUR_FONTS = (
    ("inter-latin-wght-normal.woff2", "@fontsource-variable/inter", "5.3.0"),
    ("source-serif-4-latin-wght-normal.woff2", "@fontsource-variable/source-serif-4", "5.3.1"),
)
# Of this namespace are the numbers of our bills, so that one of the same parts has the same number.
_OURS = uuid.UUID("b6f3a0e5-6f0b-4b4e-9d3c-5a4de2a0c7d1")

Json = dict[str, Any]


class NotInstalled(Exception):
    """A pinned package isn't here to be asked; the message names it and the mend."""


def bill(root: Path, kind: str) -> Json:
    """Return the bill of materials as CycloneDX has it. Raises NotInstalled."""
    with (root / "pyproject.toml").open("rb") as file:
        project = tomllib.load(file)["project"]
    packages = _packages(root, kind)
    us = f"pkg:generic/{project['name']}@{project['version']}"
    copied = _copied()
    components = sorted(
        [*(_component(one.of) for one in packages.values()), *copied], key=lambda one: str(one["bom-ref"])
    )
    found = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": us,
                "name": project["name"],
                "version": project["version"],
                "description": project["description"],
                "licenses": [{"license": {"id": project["license"]}}],
            },
            "lifecycles": [{"phase": "pre-build"}],
        },
        "components": components,
        "dependencies": _dependencies(us, packages, copied),
    }
    number = uuid.uuid5(_OURS, json.dumps(found, sort_keys=True))
    return {**found, "serialNumber": f"urn:uuid:{number}"}


@dataclass(frozen=True)
class Package:
    """A pinned package as it is installed here."""

    of: Distribution
    is_ours: bool  # asked for by us, not only brought along
    extras: frozenset[str]  # that its line asks for


def _packages(root: Path, kind: str) -> dict[str, Package]:
    """Return what is pinned and, where a line is for some machines only, installed on this one."""
    found = {}
    for file in KINDS[kind]:
        text = (root / file).read_text()
        ours = {pin.name for pin in pins.pins_of(text.partition(BROUGHT)[0])}
        for pin in pins.pins_of(text):
            line = Requirement(pin.text)
            try:
                here = distribution(pin.name)
            except PackageNotFoundError:
                if line.marker is None or line.marker.evaluate():
                    raise NotInstalled(f"{pin.text} isn't installed: {MEND}") from None
                continue
            if here.version != pin.version:
                raise NotInstalled(f"{pin.text} is installed as {here.version}: {MEND}")
            found[pin.name] = Package(here, pin.name in ours, frozenset(line.extras))
    return found


def _component(package: Distribution) -> Json:
    about = package.metadata
    purl = _purl(package)
    component: Json = {
        "type": "library",
        "bom-ref": purl,
        "name": about["Name"],
        "version": package.version,
        "purl": purl,
    }
    if summary := about["Summary"]:
        component["description"] = summary
    if licences := _licences(package):
        component["licenses"] = licences
    return component


def _purl(package: Distribution) -> str:
    return f"pkg:pypi/{pins.normal(package.metadata['Name'])}@{quote(package.version, safe='')}"


def _licences(package: Distribution) -> list[Json]:
    """Return the licence as the package states it: in SPDX, else in its classifiers' words or its own."""
    about = package.metadata
    if expression := about["License-Expression"]:
        return [{"expression": expression}]
    named = [
        classifier.rpartition(" :: ")[2]
        for classifier in about.get_all("Classifier") or []
        if classifier.startswith("License :: ") and classifier != "License :: OSI Approved"
    ]
    # Some put the whole text where the name belongs.
    stated = (about["License"] or "").strip().partition("\n")[0].strip()[:100]
    return [{"license": {"name": name}} for name in named or filter(None, [stated])]


def _copied() -> list[Json]:
    """Return what stands as copies in the product: libraries of browsers, and fonts."""
    found = []
    for library in vendor.LIBRARIES:
        folder = vendor.VENDOR / library.folder
        files = [folder / name for name in library.files]
        found.append(_of_npm(library.package, library.version, library.licence, files))
    for file, package, version in OUR_FONTS:
        found.append(_of_npm(package, version, "OFL-1.1", [FONTS / file]))
    return found


def _of_npm(package: str, version: str, licence: str, files: Iterable[Path]) -> Json:
    scope, _, name = package.rpartition("/")
    purl = f"pkg:npm/{quote(scope, safe='')}/{name}@{version}" if scope else f"pkg:npm/{name}@{version}"
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        **({"group": scope} if scope else {}),
        "version": version,
        "purl": purl,
        "licenses": [{"license": {"id": licence} if licence == "OFL-1.1" else {"name": licence}}],
        "components": [
            {
                "type": "file",
                "name": str(file.relative_to(ROOT)),
                "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(file.read_bytes()).hexdigest()}],
            }
            for file in files
        ],
    }


def _dependencies(us: str, packages: dict[str, Package], copied: list[Json]) -> list[Json]:
    """Say what brings what along, and what is ours: also what stands here though nothing brings it."""
    needs = {name: [Requirement(one) for one in each.of.requires or ()] for name, each in packages.items()}
    asked: dict[str, set[str]] = {name: {"", *each.extras} for name, each in packages.items()}
    for one in chain.from_iterable(needs.values()):
        asked.get(pins.normal(one.name), set()).update(one.extras)
    brought = {
        name: {
            other
            for one in needs[name]
            if (other := pins.normal(one.name)) in packages
            and (one.marker is None or any(one.marker.evaluate({"extra": extra}) for extra in asked[name]))
        }
        for name in packages
    }
    ours = {name for name, each in packages.items() if each.is_ours}
    ours |= set(packages) - set().union(*brought.values())
    refs = {name: _purl(each.of) for name, each in packages.items()}
    direct = [*(refs[name] for name in ours), *(one["bom-ref"] for one in copied)]
    return [
        {"ref": us, "dependsOn": sorted(direct)},
        *(
            {"ref": refs[name], "dependsOn": sorted(refs[one] for one in brought[name])}
            for name in sorted(refs)
        ),
    ]


def main() -> None:
    """Write the bill."""
    parser = argparse.ArgumentParser(
        prog="python -m startup.bom", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("file", nargs="?", type=Path, default=Path("sbom.cdx.json"))
    parser.add_argument("--kind", choices=KINDS, default="production")
    wanted = parser.parse_args()
    try:
        found = bill(ROOT, wanted.kind)
    except NotInstalled as problem:
        sys.exit(str(problem))
    wanted.file.write_text(json.dumps(found, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"{wanted.file}: {len(found['components'])} parts")


if __name__ == "__main__":
    main()
