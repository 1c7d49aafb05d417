"""Are the numbers real enough to recognise, and unreal enough to hurt nobody?"""

import re

import phonenumbers
from phonenumbers import carrier

from tests.demo.reading import Demo, e164


def _all_numbers(demo: Demo) -> set[str]:
    numbers = {phone for row in demo.rows("customers.csv") for phone in row["phones"].split("|")}
    numbers |= {row["phone"] for row in demo.rows("agents.csv") if row["phone"]}
    numbers |= {row["number"] for row in demo.rows("lines.csv")}
    numbers |= {each["number"] for each in demo.listed("phonebook.json") if each["number"] != "anonymous"}
    return numbers


def test_every_number_that_is_loaded_is_valid_and_in_e164(demo: Demo) -> None:
    callable_kinds = {phonenumbers.PhoneNumberType.MOBILE, phonenumbers.PhoneNumberType.FIXED_LINE}
    for row in demo.rows("customers.csv"):
        phones = row["phones"].split("|")
        assert phones == [e164(phone) for phone in phones]
        assert {phonenumbers.number_type(phonenumbers.parse(phone)) for phone in phones} <= callable_kinds
    for number in [row["phone"] for row in demo.rows("agents.csv") if row["phone"]]:
        assert number == e164(number)
    for row in demo.rows("lines.csv"):
        assert row["number"] == e164(row["number"])


def test_no_number_can_be_anybodys(demo: Demo) -> None:
    nobodys = re.compile(
        r"\+31689\d{6}"  # mobile numbers that no operator has
        r"|\+31780\d{6}"  # an area code and a 0: no subscriber's number begins with it
        r"|\+493023125\d{3}"  # kept for films in Germany
        r"|\+467017406(0[5-9]|[1-9]\d)"  # and in Sweden
    )
    for number in _all_numbers(demo):
        assert nobodys.fullmatch(e164(number)), number


def test_no_operator_has_been_given_the_mobile_numbers_meanwhile(demo: Demo) -> None:
    mobiles = {e164(number) for number in _all_numbers(demo) if e164(number).startswith("+316")}
    assert len(mobiles) > 50
    for number in mobiles:
        assert carrier.name_for_number(phonenumbers.parse(number), "en") == "", number


def test_nobodys_telephone_is_also_an_agents_or_a_line(demo: Demo) -> None:
    customers = {phone for row in demo.rows("customers.csv") for phone in row["phones"].split("|")}
    agents = {row["phone"] for row in demo.rows("agents.csv") if row["phone"]}
    lines = {row["number"] for row in demo.rows("lines.csv")}
    assert len(agents) == 6
    assert len(lines) == 5
    assert not customers & agents
    assert not customers & lines
    assert not agents & lines
