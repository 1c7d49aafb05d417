"""Are the files what the loading commands take, whole and the same each time?"""

import re
from collections import Counter
from pathlib import Path

import pytest

from demo.__main__ import main
from tests.demo.reading import NOW, Demo, written

COLUMNS = {
    "agents.csv": "agent,name,spoken_name,email,team,phone,language",
    "lines.csv": "number,name,language,country,team,timezone,hours",
    "customers.csv": "customer,name,phones,language,postcode,tags",
    "cases.csv": "case,customer,subject,team,status,priority,opened_at,url,owner",
    "contacts.csv": "contact,case,agent,channel,direction,started_at,seconds,outcome,summary",
    "topics.csv": "topic,name,team,words,language",
}
FILES = {*COLUMNS, "phonebook.json", "lines.json", "telephones.json", "users.json"}


@pytest.mark.parametrize(("name", "columns"), COLUMNS.items())
def test_the_columns_are_those_of_the_loading_commands(demo: Demo, name: str, columns: str) -> None:
    assert demo.header(name) == columns.split(",")


@pytest.mark.parametrize("name", COLUMNS)
def test_no_two_rows_have_the_same_key(demo: Demo, name: str) -> None:
    keys = [row[demo.header(name)[0]] for row in demo.rows(name)]
    assert len(set(keys)) == len(keys)


def test_the_desk_has_the_promised_size(demo: Demo) -> None:
    teams = Counter(row["team"] for row in demo.rows("agents.csv"))
    assert sum(teams.values()) == 8
    assert len(teams) == 3
    assert len(demo.rows("customers.csv")) == 60
    assert len(demo.rows("cases.csv")) == 90
    assert 240 <= len(demo.rows("contacts.csv")) <= 290


def test_every_case_belongs_to_a_customer_and_every_contact_to_a_case_and_an_agent(demo: Demo) -> None:
    customers = {row["customer"] for row in demo.rows("customers.csv")}
    agents = {row["agent"] for row in demo.rows("agents.csv")}
    cases = demo.rows("cases.csv")
    assert {row["customer"] for row in cases} <= customers
    assert {row["owner"] for row in cases} <= agents | {""}
    assert {row["case"] for row in demo.rows("contacts.csv")} == {row["case"] for row in cases}
    assert {row["agent"] for row in demo.rows("contacts.csv")} == agents


def test_cases_and_lines_belong_to_teams_that_have_agents(demo: Demo) -> None:
    teams = {row["team"] for row in demo.rows("agents.csv")}
    assert {row["team"] for row in demo.rows("cases.csv")} == teams
    assert {row["team"] for row in demo.rows("lines.csv")} == teams


def test_words_come_from_the_agreed_lists(demo: Demo) -> None:
    def used(name: str, column: str) -> set[str]:
        return {row[column] for row in demo.rows(name)}

    assert used("cases.csv", "status") == {"open", "waiting", "solved"}
    assert used("cases.csv", "priority") == {"low", "normal", "high"}
    assert used("contacts.csv", "channel") == {"call", "message", "email", "visit"}
    assert used("contacts.csv", "direction") == {"inbound", "outbound"}
    assert used("contacts.csv", "outcome") == {
        "solved",
        "promise_made",
        "handed_over",
        "waiting",
    }
    for name in ("agents.csv", "lines.csv", "customers.csv"):
        assert used(name, "language") == {"nl", "en"}


def test_agent_keys_can_be_rung_as_a_softphone(demo: Demo) -> None:
    for row in demo.rows("agents.csv"):
        assert re.fullmatch(r"[A-Za-z0-9_]{1,121}", row["agent"])


def test_all_but_two_agents_have_an_ordinary_telephone(demo: Demo) -> None:
    assert [bool(row["phone"]) for row in demo.rows("agents.csv")].count(False) == 2


def test_the_general_line_is_always_open_and_the_others_keep_hours(demo: Demo) -> None:
    general, *others = demo.rows("lines.csv")
    assert general["hours"] == ""
    span = r"(Mo|Tu|We|Th|Fr|Sa|Su)(-(Mo|Tu|We|Th|Fr|Sa|Su))? \d\d:\d\d-\d\d:\d\d"
    for row in others:
        assert re.fullmatch(rf"{span}(; {span})*", row["hours"]), row
    assert {row["country"] for row in [general, *others]} == {"NL"}
    assert {row["timezone"] for row in [general, *others]} == {"Europe/Amsterdam"}


def test_the_telephone_knows_the_same_lines(demo: Demo) -> None:
    expected = [{"number": row["number"], "name": row["name"]} for row in demo.rows("lines.csv")]
    assert demo.listed("lines.json") == expected


def test_every_agent_can_sign_in_one_of_them_supervises_and_an_admin_takes_no_calls(demo: Demo) -> None:
    users = demo.listed("users.json")
    by_agent = {row["agent"]: row for row in demo.rows("agents.csv")}
    assert {user["agent"] for user in users} == {*by_agent, None}
    assert Counter(user["role"] for user in users) == {"agent": 7, "supervisor": 1, "admin": 1}
    for user in users:
        assert set(user) == {"email", "role", "agent", "name"}
        assert user["email"].endswith("@waterrijk.example")
        if user["agent"]:
            assert user["name"] == by_agent[user["agent"]]["name"]
            assert user["email"] == by_agent[user["agent"]]["email"]
        else:
            assert user["role"] == "admin"


def test_case_pages_are_at_an_address_that_leads_nowhere(demo: Demo) -> None:
    for row in demo.rows("cases.csv"):
        assert row["url"] == f"https://zaken.waterrijk.example/zaak/{row['case']}"


def test_the_same_moment_and_seed_give_the_same_bytes(demo: Demo, tmp_path: Path) -> None:
    again = written(tmp_path, "--now", NOW)
    assert {path.name for path in again.directory.iterdir()} == FILES
    for name in FILES:
        assert (again.directory / name).read_bytes() == (demo.directory / name).read_bytes()


def test_another_seed_draws_other_cases_but_keeps_the_callers_to_try(demo: Demo, tmp_path: Path) -> None:
    other = written(tmp_path, "--now", NOW, "--seed", "7")
    assert other.rows("cases.csv") != demo.rows("cases.csv")
    for name in ("customers.csv", "agents.csv"):
        assert other.rows(name) == demo.rows(name)
    assert other.listed("phonebook.json") == demo.listed("phonebook.json")


def test_a_second_run_replaces_the_first(tmp_path: Path) -> None:
    written(tmp_path, "--now", NOW, "--seed", "2")
    later = written(tmp_path, "--now", "2026-02-03T09:00:00+01:00")
    assert min(row["started_at"] for row in later.rows("contacts.csv")) > "2025-12-04"


def test_a_moment_that_is_none_is_refused_with_an_example(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        main([str(tmp_path), "--now", "gisteren"])
    assert exit_.value.code == 2
    complaint = capsys.readouterr().err
    assert "'gisteren'" in complaint
    assert "2025-11-20T10:00:00+01:00" in complaint


def test_a_directory_that_cannot_be_made_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "taken").write_text("a file, not a directory")
    assert main([str(tmp_path / "taken"), "--now", NOW]) == 1
    assert str(tmp_path / "taken") in capsys.readouterr().err


def test_a_moment_without_offset_is_a_time_in_amsterdam(demo: Demo, tmp_path: Path) -> None:
    local = written(tmp_path, "--now", NOW.removesuffix("+01:00"))
    assert local.rows("contacts.csv") == demo.rows("contacts.csv")
