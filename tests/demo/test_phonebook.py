"""Does each caller in the telephone book show what its label says?"""

from itertools import chain
from pathlib import Path

import pytest

from tests.demo.reading import Demo, e164, written

MOMENTS = ("2025-11-20T10:00:00+01:00", "2026-01-01T00:30:00+01:00", "2025-05-05T07:00:00+02:00")


@pytest.fixture(params=chain(((moment, "1") for moment in MOMENTS), ((MOMENTS[0], "5"), (MOMENTS[1], "9"))))
def drawn(request: pytest.FixtureRequest, tmp_path: Path) -> Demo:
    """The demonstration at several moments and with several seeds: its callers must show the same."""
    moment, seed = request.param
    return written(tmp_path, "--now", moment, "--seed", seed)


def test_a_known_caller_has_one_open_case_and_its_owner_is_on_the_label(drawn: Demo) -> None:
    entry = drawn.entry("Mw. Jannie de Boer")
    (customer,) = drawn.customers_at(entry["number"])
    (case,) = drawn.open_cases_of(customer["customer"])
    assert customer["name"] == "Jannie de Boer"
    assert drawn.owner(case) == "anna"
    assert entry["label"].endswith("kent Anna")


def test_a_number_in_national_spelling_is_a_customers(drawn: Demo) -> None:
    entry = drawn.entry("Mw. Saskia Mulder, nummer als 06")
    assert entry["number"].startswith("06")
    (customer,) = drawn.customers_at(entry["number"])
    (case,) = drawn.open_cases_of(customer["customer"])
    assert entry["label"].endswith(f"kent {drawn.spoken_name(drawn.owner(case))}")


def test_the_same_caller_comes_with_an_exit_code_too(drawn: Demo) -> None:
    at_home = drawn.entry("Mw. Saskia Mulder, nummer als 06")["number"]
    from_abroad = drawn.entry("Mw. Saskia Mulder, nummer als 0031")["number"]
    assert from_abroad.startswith("00316")
    assert e164(from_abroad) == e164(at_home)


def test_a_shared_number_belongs_to_two_customers_and_the_likelier_one_was_helped_last(drawn: Demo) -> None:
    entry = drawn.entry("Fam. Van Dijk")
    pieter, marloes = drawn.customers_at(entry["number"])
    (trees,) = drawn.open_cases_of(pieter["customer"])
    (bus,) = drawn.open_cases_of(marloes["customer"])
    assert (pieter["name"], marloes["name"]) == ("Pieter van Dijk", "Marloes van Dijk")
    assert (
        drawn.contacts_of(trees["case"])[-1]["started_at"] > drawn.contacts_of(bus["case"])[-1]["started_at"]
    )
    assert drawn.owner(trees) != drawn.owner(bus)
    assert f"Pieter (kapvergunning, {drawn.spoken_name(drawn.owner(trees))})" in entry["label"]
    assert f"Marloes (leerlingenvervoer, {drawn.spoken_name(drawn.owner(bus))})" in entry["label"]


def test_a_caller_with_two_open_cases_has_them_with_two_agents(drawn: Demo) -> None:
    entry = drawn.entry("Dhr. Samir Bouzid")
    (customer,) = drawn.customers_at(entry["number"])
    latest, other = drawn.open_cases_of(customer["customer"])
    assert drawn.owner(latest) != drawn.owner(other)
    assert f"kindpakket het laatst ({drawn.spoken_name(drawn.owner(latest))})" in entry["label"]
    assert f"parkeervergunning ({drawn.spoken_name(drawn.owner(other))})" in entry["label"]


def test_the_absent_owner_has_no_telephone_and_a_colleague_touched_the_case(drawn: Demo) -> None:
    entry = drawn.entry("Dhr. Karel Visser")
    (customer,) = drawn.customers_at(entry["number"])
    (case,) = drawn.open_cases_of(customer["customer"])
    owner = drawn.owner(case)
    (phone,) = [row["phone"] for row in drawn.rows("agents.csv") if row["agent"] == owner]
    (colleague,) = {row["agent"] for row in drawn.contacts_of(case["case"])} - {owner}
    assert phone == ""
    assert f"dakkapel van {drawn.spoken_name(owner)}, die er niet is" in entry["label"]
    assert f"{drawn.spoken_name(colleague)} kent de zaak" in entry["label"]


def test_a_named_owner_goes_before_who_spoke_the_caller_last(drawn: Demo) -> None:
    entry = drawn.entry("Dhr. Rachid Bensalem")
    (customer,) = drawn.customers_at(entry["number"])
    (case,) = drawn.open_cases_of(customer["customer"])
    last = drawn.contacts_of(case["case"])[-1]["agent"]
    assert case["owner"] not in {"", last}
    assert f"sprak het laatst {drawn.spoken_name(last)}" in entry["label"]
    assert entry["label"].endswith(drawn.spoken_name(case["owner"]))


def test_a_known_caller_without_an_open_case_was_helped_before(drawn: Demo) -> None:
    entry = drawn.entry("Mw. Ineke Jansen")
    (customer,) = drawn.customers_at(entry["number"])
    cases = [row for row in drawn.rows("cases.csv") if row["customer"] == customer["customer"]]
    contacts = [contact for case in cases for contact in drawn.contacts_of(case["case"])]
    latest = max(contacts, key=lambda row: row["started_at"][:19])
    assert len(cases) == 2
    assert drawn.open_cases_of(customer["customer"]) == []
    assert f"{drawn.spoken_name(latest['agent'])} hielp haar het laatst" in entry["label"]


@pytest.mark.parametrize(("beginning", "country"), [("Ms Emily Carter", "+31"), ("Mr Thomas", "+49")])
def test_callers_who_speak_english_have_an_open_case(drawn: Demo, beginning: str, country: str) -> None:
    entry = drawn.entry(beginning)
    (customer,) = drawn.customers_at(entry["number"])
    (case,) = drawn.open_cases_of(customer["customer"])
    assert customer["language"] == "en"
    assert e164(entry["number"]).startswith(country)
    assert entry["label"].endswith(f"knows {drawn.spoken_name(drawn.owner(case))}")


def test_the_stranger_is_nobodys_customer(drawn: Demo) -> None:
    assert drawn.customers_at(drawn.entry("Onbekende beller")["number"]) == []


def test_one_caller_withholds_the_number(drawn: Demo) -> None:
    assert drawn.entry("Anoniem")["number"] == "anonymous"


def test_no_caller_is_listed_twice(demo: Demo) -> None:
    entries = demo.listed("phonebook.json")
    assert len({entry["number"] for entry in entries}) == len({entry["label"] for entry in entries}) == 12
