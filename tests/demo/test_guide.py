"""Does the guide speak of the people and lines that the demonstration has?"""

from pathlib import Path

import phonenumbers
import pytest

from tests.demo.reading import Demo

GUIDE = Path(__file__).parents[2] / "docs" / "demo.md"


@pytest.fixture(scope="module")
def guide() -> str:
    """The guide as one line, so that a name may be broken over two."""
    return " ".join(GUIDE.read_text(encoding="utf-8").split())


def test_the_guide_names_everybody_who_can_sign_in(demo: Demo, guide: str) -> None:
    for user in demo.listed("users.json"):
        assert f"| {user['email']} | {user['name']}" in guide


def test_the_guide_gives_every_line_as_it_is_dialled(demo: Demo, guide: str) -> None:
    for line in demo.rows("lines.csv"):
        digits = "0" + str(phonenumbers.parse(line["number"]).national_number)
        spelt = " ".join((digits[:3], digits[3:6], digits[6:8], digits[8:]))
        assert f"| {spelt} | {line['name']} |" in guide


def test_the_guide_introduces_every_caller_of_the_telephone_book(demo: Demo, guide: str) -> None:
    for entry in demo.listed("phonebook.json"):
        for customer in demo.customers_at(entry["number"]) if entry["number"] != "anonymous" else []:
            name = customer["name"].removeprefix("Pieter ").removeprefix("Marloes ")
            assert name.lower() in guide.lower()
