"""Is each field of each record checked, with a sentence that says how to mend it?"""

from typing import Any

import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st

from app import catalogue
from app.api import records
from app.api.fields import Defaults, Problem, Refused, Said
from app.api.records import AGENTS, CASES, CONTACTS, CUSTOMERS, KINDS, LINES, Kind
from app.api.routes import OPERATIONS, Asked

NL = Defaults("NL", "nl")

USUAL: dict[str, dict[str, str]] = {
    "agents": {
        "agent": "anna",
        "name": "Anna Bakker",
        "spoken_name": "Anna",
        "email": "anna@example.nl",
        "team": "Balie",
        "phone": "0612345678",
        "language": "nl",
    },
    "lines": {
        "number": "020 123 4567",
        "name": "Algemeen",
        "language": "nl",
        "country": "NL",
        "team": "Balie",
        "timezone": "Europe/Amsterdam",
        "hours": "Mo-Fr 09:00-17:30; Sa 10:00-14:00",
    },
    "customers": {
        "customer": "K1",
        "name": "Ada de Vries",
        "phones": "0612345678|+32475123456",
        "language": "nl",
        "postcode": "1012 AB",
        "tags": "vip|ondernemer",
    },
    "cases": {
        "case": "Z-2026/17",
        "customer": "K1",
        "subject": "Paspoort",
        "team": "Balie",
        "status": "open",
        "priority": "high",
        "opened_at": "2026-05-01T09:30:00+02:00",
        "url": "https://zaken.example.nl/17",
        "owner": "anna",
    },
    "contacts": {
        "contact": "C1",
        "case": "Z-2026/17",
        "agent": "anna",
        "channel": "call",
        "direction": "inbound",
        "started_at": "2026-05-01T09:30:00Z",
        "seconds": "240",
        "outcome": "solved",
        "summary": "Afspraak gemaakt.\nBelt terug.",
    },
}


def read(kind: Kind[Any], **changes: str) -> Any:
    """Read a usual row with changes to it."""
    row = USUAL[kind.name] | changes
    return kind.from_cells([row[name] for name in kind.columns], NL)


def problems(kind: Kind[Any], **changes: str) -> dict[str, str]:
    """Return the code of each field that is refused."""
    with pytest.raises(Refused) as refused:
        read(kind, **changes)
    return {problem.field: problem.code for problem in refused.value.problems}


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_a_usual_row_is_read(kind: Kind[Any]) -> None:
    assert read(kind)


def test_values_are_brought_into_one_form() -> None:
    customer = read(
        CUSTOMERS, name="  Ada\u00a0de \tVries ", phones=" 06-12345678 | |0612345678|0031201234567"
    )
    assert customer.name == "Ada de Vries"
    assert customer.phones == ("+31612345678", "+31201234567")
    assert read(CUSTOMERS, tags="vip| vip |b|").tags == ("vip", "b")
    assert read(CUSTOMERS, language="DE").language == "de"
    assert (
        read(CASES, opened_at="2026-05-01T09:30+02:00").opened_at.isoformat() == "2026-05-01T07:30:00+00:00"
    )
    assert read(CASES, status="Waiting").status == "waiting"
    assert read(CONTACTS, summary="een\r\ntwee").summary == "een\ntwee"
    assert read(LINES, number="020 123 4567").number == "+31201234567"


def test_a_national_number_of_a_line_is_its_own_countrys() -> None:
    assert read(LINES, number="02 501 02 11", country="be").number == "+3225010211"


def test_what_is_left_open_is_filled_in() -> None:
    customer = read(CUSTOMERS, phones="", language="", postcode="", tags="")
    assert (customer.phones, customer.language, customer.tags) == ((), "nl", ())
    case = read(CASES, status="", priority="", url="", owner="")
    assert (case.status, case.priority, case.owner) == ("open", "normal", None)
    assert read(CONTACTS, seconds="", outcome="", summary="").seconds == 0
    assert read(AGENTS, phone="", email="").phone is None
    assert read(LINES, country="", hours="").country == "NL"


@pytest.mark.parametrize(
    ("kind", "field", "text", "code"),
    [
        (AGENTS, "agent", "", "missing"),
        (AGENTS, "agent", "anna-b", "bad_agent_key"),
        (AGENTS, "agent", "anna@example.nl", "bad_agent_key"),
        (AGENTS, "agent", "annaë", "bad_agent_key"),
        (AGENTS, "agent", "a" * 122, "bad_agent_key"),
        (AGENTS, "name", "  ", "missing"),
        (AGENTS, "name", "x" * 201, "too_long"),
        (AGENTS, "name", "An\x00na", "control_characters"),
        (AGENTS, "email", "anna", "not_an_email"),
        (AGENTS, "phone", "06123", "not_a_number"),
        (AGENTS, "phone", "anonymous", "not_a_number"),
        (AGENTS, "language", "de", "not_one_of"),
        (AGENTS, "team", "", "missing"),
        (LINES, "number", "12", "not_a_number"),
        (LINES, "country", "Nederland", "not_a_country"),
        (LINES, "country", "XX", "not_a_country"),
        (LINES, "timezone", "Amsterdam", "not_a_timezone"),
        (LINES, "timezone", "../../etc/passwd", "not_a_timezone"),
        (LINES, "hours", "ma-vr 9-17", "not_hours"),
        (CUSTOMERS, "customer", "", "missing"),
        (CUSTOMERS, "customer", "K/", "bad_key"),
        (CUSTOMERS, "customer", "K//1", "bad_key"),
        (CUSTOMERS, "customer", "..", "bad_key"),
        (CUSTOMERS, "customer", "K\n1", "bad_key"),
        (CUSTOMERS, "customer", "K" * 122, "too_long"),
        (CUSTOMERS, "phones", "0612345678|06123", "not_a_number"),
        (CUSTOMERS, "phones", "|".join(["0612345678"] * 51), "too_many"),
        (CUSTOMERS, "language", "Nederlands", "not_a_language"),
        (CUSTOMERS, "language", "xx", "not_a_language"),
        (CUSTOMERS, "postcode", "1" * 17, "too_long"),
        (CUSTOMERS, "tags", "x" * 61, "too_long"),
        (CASES, "customer", "", "missing"),
        (CASES, "status", "closed", "not_one_of"),
        (CASES, "opened_at", "", "missing"),
        (CASES, "opened_at", "gisteren", "not_a_time"),
        (CASES, "opened_at", "2026-05-01T09:30:00", "no_offset"),
        (CASES, "opened_at", "2026-05-01", "no_offset"),
        (CASES, "opened_at", "0001-01-01T00:00:00+23:59", "not_a_time"),
        (CASES, "opened_at", "9999-12-31T23:59:59-23:59", "not_a_time"),
        (CASES, "url", "javascript:alert(1)", "not_a_url"),
        (CASES, "url", "https://", "not_a_url"),
        (CASES, "url", "https://[", "not_a_url"),
        (CASES, "url", "//example.nl", "not_a_url"),
        (CASES, "owner", "Anna B", "bad_agent_key"),
        (CONTACTS, "channel", "fax", "not_one_of"),
        (CONTACTS, "direction", "", "missing"),
        (CONTACTS, "seconds", "-1", "not_seconds"),
        (CONTACTS, "seconds", "1.5", "not_seconds"),
        (CONTACTS, "seconds", "٣", "not_seconds"),
        (CONTACTS, "seconds", "999999999", "not_seconds"),
        (CONTACTS, "summary", "x" * 10_001, "too_long"),
        (CONTACTS, "summary", "bel\x07", "control_characters"),
    ],
)
def test_what_cannot_be_used_is_refused_by_its_field(
    kind: Kind[Any], field: str, text: str, code: str
) -> None:
    assert problems(kind, **{field: text}) == {field: code}


def test_every_problem_of_a_row_is_reported_at_once() -> None:
    assert problems(CASES, customer="", status="dicht", opened_at="?") == {
        "customer": "missing",
        "status": "not_one_of",
        "opened_at": "not_a_time",
    }


@given(st.sampled_from(list(KINDS.values())), st.data())
def test_no_text_in_any_field_makes_reading_fail(kind: Kind[Any], data: st.DataObject) -> None:
    row = USUAL[kind.name] | {data.draw(st.sampled_from(kind.columns)): data.draw(st.text())}
    try:
        assert kind.from_cells([row[name] for name in kind.columns], NL)
    except Refused as refused:
        for problem in refused.problems:
            assert problem.say("nl")
            assert problem.say("en")


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=4,
)


@given(st.sampled_from(list(KINDS.values())), st.data())
def test_no_value_in_any_field_of_a_request_makes_reading_fail(kind: Kind[Any], data: st.DataObject) -> None:
    body = USUAL[kind.name] | {data.draw(st.sampled_from(kind.columns) | st.text()): data.draw(JSON_VALUES)}
    try:
        assert kind.from_json(USUAL[kind.name][kind.key], body, NL)
    except Refused as refused:
        told = [problem.say("nl") for problem in refused.problems]
        assert all(told)


ODD: tuple[Any, ...] = (
    True,
    0,
    -1,
    10**12,
    0.5,
    "abc",
    "9" * 60,
    "9" * 5000,
    "a" * 9000,
    "a/\x00b",
    "\ud800",
    [],
    ["a"],
    [1, None],
    {},
    {"a": []},
)


def test_no_value_in_any_field_of_any_request_goes_without_a_sentence(flask_app: Flask) -> None:
    shapes = {operation.body for operation in OPERATIONS} | {operation.query for operation in OPERATIONS}
    bodies = [shape for shape in shapes if isinstance(shape, type) and issubclass(shape, Said)]
    assert len(bodies) > 20
    for shape in bodies:
        is_query = issubclass(shape, Asked)
        for name in shape.model_fields:
            for odd in [one for one in ODD if isinstance(one, str) or not is_query]:
                try:
                    shape.read(shape.given({name: odd}), NL)
                except Refused as refused:
                    for problem in refused.problems:
                        assert problem.say("nl") != problem.say("en"), (shape, name, odd)


def test_a_request_may_hold_lists_and_numbers_where_a_file_holds_text() -> None:
    body = {"name": "Ada", "phones": ["0612345678", "+32475123456"], "tags": ["vip"], "postcode": None}
    customer = CUSTOMERS.from_json("K1", body, NL)
    assert customer.phones == ("+31612345678", "+32475123456")
    assert CONTACTS.from_json("C1", USUAL["contacts"] | {"seconds": 240}, NL).seconds == 240


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        (CUSTOMERS, {"name": 3}, {"name": "wrong_type"}),
        (CUSTOMERS, {"name": "Ada", "phones": [6]}, {"phones": "wrong_type"}),
        (CUSTOMERS, {"name": "Ada", "tags": ["a|b"]}, {"tags": "bar_in_item"}),
        (CUSTOMERS, {"name": "Ada", "color": "red"}, {"color": "unknown_field"}),
        (CUSTOMERS, {"name": "Ada", "customer": "K2"}, {"customer": "other_than_address"}),
        (CUSTOMERS, {}, {"name": "missing"}),
        (AGENTS, {"name": "Anna", "team": "Balie", "enabled": 1}, {"enabled": "wrong_type"}),
        (AGENTS, {"name": ["Anna"], "team": True}, {"name": "wrong_type", "team": "wrong_type"}),
    ],
)
def test_a_request_that_cannot_be_used_is_refused_by_its_fields(
    kind: Kind[Any], body: dict[str, Any], expected: dict[str, str]
) -> None:
    with pytest.raises(Refused) as refused:
        kind.from_json("K1", body, NL)
    assert {problem.field: problem.code for problem in refused.value.problems} == expected


def test_null_says_nothing_in_a_request_as_an_empty_cell_does_in_a_file() -> None:
    agent = {"name": "Anna", "team": "Balie", "phone": None, "language": "", "enabled": None}
    read = AGENTS.from_json("anna", agent, NL)
    assert (read.phone, read.language, read.enabled) == (None, "nl", None)


def test_fields_that_do_not_exist_are_named_first_and_the_others_in_their_order() -> None:
    with pytest.raises(Refused) as refused:
        CUSTOMERS.from_json("K1", {"tags": 1, "color": "red", "phones": "06123", "name": ""}, NL)
    assert [problem.field for problem in refused.value.problems] == ["color", "name", "phones", "tags"]


def test_the_columns_are_those_that_were_agreed() -> None:
    # As files of others have them: a change breaks their exports.
    assert {name: ",".join(kind.columns) for name, kind in KINDS.items()} == {
        "agents": "agent,name,spoken_name,email,team,phone,language",
        "lines": "number,name,language,country,team,timezone,hours",
        "customers": "customer,name,phones,language,postcode,tags",
        "cases": "case,customer,subject,team,status,priority,opened_at,url,owner",
        "contacts": "contact,case,agent,channel,direction,started_at,seconds,outcome,summary",
    }


# What can't be done now says nothing but its reason, which has words of its own.
@pytest.mark.parametrize("code", [code for code in catalogue.codes("problem") if code != "not_now"])
def test_every_problem_is_told_in_both_languages(code: str) -> None:
    names = (
        "text",
        "name",
        "least",
        "from_number",
        "to_number",
        "most",
        "choices",
        "why",
        "columns",
        "cells",
        "expected",
        "key",
        "scope",
        "seconds",
        "which",
    )
    values = dict.fromkeys((*names, "methods", "reference", "who"), "…") | dict.fromkeys(("count", "days"), 2)
    assert Problem("field", code, values).say("nl") != Problem("field", code, values).say("en")


def test_a_message_quotes_enough_to_find_the_text_and_no_more() -> None:
    with pytest.raises(Refused) as refused:
        read(CUSTOMERS, phones="9" * 500)
    message = refused.value.problems[0].say("en")
    assert "999…" in message
    assert len(message) < 150


def test_records_and_fields_stand_in_one_order() -> None:
    assert records.CUSTOMERS.key == "customer"
    assert all(kind.columns[0] == kind.key for kind in KINDS.values())
