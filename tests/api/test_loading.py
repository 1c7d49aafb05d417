"""Do files of other systems get in, and is what can't be used reported so that it can be mended?"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app import db
from app.api import loading, store
from app.records.agents import Agent, Presence
from app.records.callers import Case, Contact, Customer, CustomerNumber
from app.records.lines import Line

Command = Callable[..., Result]

AGENTS = "agent,name,spoken_name,email,team,phone,language\n"
CUSTOMERS = "customer,name,phones,language,postcode,tags\n"
CASES = "case,customer,subject,team,status,priority,opened_at,url,owner\n"
CONTACTS = "contact,case,agent,channel,direction,started_at,seconds,outcome,summary\n"
LINES = "number,name,language,country,team,timezone,hours\n"


@pytest.fixture
def load(flask_command: Command, tmp_path: Path) -> Callable[..., Result]:
    """Load a file of this text: load("agents", text, "--strict")."""

    def run(kind: str, text: str | bytes, *options: str) -> Result:
        file = tmp_path / f"{kind}.csv"
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        return flask_command("load", kind, file, *options)

    return run


@pytest.fixture
def stored() -> Callable[..., Any]:
    """Ask the database: stored(Customer, "K1")."""

    def get(model: Any, key: str) -> Any:
        with db.reading() as session:
            row = session.get(model, key)
            if isinstance(row, Customer):
                assert row.numbers is not None
            return row

    return get


def numbers_of(customer: str) -> list[str]:
    with db.reading() as session:
        return list(
            session.scalars(
                select(CustomerNumber.e164)
                .where(CustomerNumber.customer == customer)
                .order_by(CustomerNumber.position)
            )
        )


def how_many(model: Any) -> int:
    with db.reading() as session:
        return session.scalar(select(func.count()).select_from(model)) or 0


def test_a_whole_house_is_loaded_from_five_files(load: Command, stored: Callable[..., Any]) -> None:
    assert (
        load(
            "agents", AGENTS + "anna,Anna Bakker,,anna@example.nl,Balie,,nl\nben,Ben Ito,Ben,,Balie,,\n"
        ).exit_code
        == 0
    )
    assert (
        load(
            "lines", LINES + "020 123 4567,Algemeen,nl,NL,Balie,Europe/Amsterdam,Mo-Fr 09:00-17:30\n"
        ).exit_code
        == 0
    )
    assert (
        load("customers", CUSTOMERS + "K1,Ada de Vries,0612345678|+32475123456,,1012 AB,vip\n").exit_code == 0
    )
    assert load("cases", CASES + "Z1,K1,Paspoort,Balie,open,,2026-05-01T09:30:00+02:00,,\n").exit_code == 0
    done = load(
        "contacts",
        CONTACTS
        + "C1,Z1,anna,call,inbound,2026-05-01T09:30:00Z,240,solved,Afgesproken\n"
        + "C2,Z1,ben,email,outbound,2026-05-02T09:30:00Z,,,\n",
    )
    assert done.exit_code == 0
    assert done.stdout == "contacts: 2 loaded, 0 refused\n"
    assert stored(Agent, "anna").spoken_name == "Anna Bakker"
    assert stored(Agent, "ben").language == "nl"
    assert stored(Presence, "anna").activity == "idle"
    assert stored(Line, "+31201234567").hours == "Mo-Fr 09:00-17:30"
    assert numbers_of("K1") == ["+31612345678", "+32475123456"]
    assert stored(Case, "Z1").owner == "ben"


def test_the_same_file_again_changes_nothing(load: Command, stored: Callable[..., Any]) -> None:
    text = CUSTOMERS + "K1,Ada,0612345678,,,\nK2,Bob,0612345678,,,\n"
    assert load("customers", text).exit_code == 0
    assert load("customers", text).exit_code == 0
    assert (how_many(Customer), how_many(CustomerNumber)) == (2, 2)


DATES = "line;date;until;hours;why\n"


def test_days_of_lines_are_loaded_beside_those_that_stand(load: Command, stored: Callable[..., Any]) -> None:
    load("lines", LINES + "0201234567,Algemeen,nl,NL,Balie,Europe/Amsterdam,Mo-Fr 09:00-17:30\n")
    first = (
        DATES + "020 123 4567;2026-12-24;;tot 12:00;de kerstborrel\n0201234567;2026-12-28;2026-12-31;dicht;\n"
    )
    for _ in range(2):
        assert load("dates", first).exit_code == 0
        assert stored(Line, "+31201234567").dates == (
            "2026-12-24 until 12:00 | de kerstborrel\n2026-12-28/2026-12-31 closed"
        )
    load("lines", LINES + "0201234567,Algemeen,nl,NL,Balie,Europe/Amsterdam,Mo-Fr 09:00-17:00\n")
    assert load("dates", DATES + "0201234567;2026-12-24;;tot 15:00;\n").exit_code == 0
    assert stored(Line, "+31201234567").dates == "2026-12-24 until 15:00\n2026-12-28/2026-12-31 closed"


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        ("0201234567;2026-12-30;;open;", "row 2: hours: “open” doesn't fit"),
        ("0201234567;30-12-2026;;closed;", "row 2: date: “30-12-2026” is no day"),
        (
            "0201234567;2026-12-30;;closed;",
            "row 2: date: 2026-12-30 stands there twice; there is “2026-12-28/",
        ),
        ("0201234567;2026-11-30;2026-11-29;closed;", "row 2: until: “2026-11-29” isn't within a year"),
        ("0209999999;2026-12-30;;closed;", "row 2: line: there is no line"),
        (
            "0201234567;2027-01-02;;closed;\n020 1234567;2027-01-02;;tot 12:00;",
            "row 3: date: 2027-01-02 stands there twice; there is “2027-01-02 closed”",
        ),
        (
            "0201234567;2027-01-02;2027-01-04;closed;\n0201234567;2027-01-03;;tot 12:00;",
            "row 3: date: 2027-01-03 stands there twice; there is “2027-01-02/2027-01-04 closed”",
        ),
    ],
)
def test_a_day_that_cannot_stand_beside_the_others_is_named(
    load: Command, stored: Callable[..., Any], row: str, complaint: str
) -> None:
    load("lines", LINES + "0201234567,Algemeen,nl,NL,Balie,Europe/Amsterdam,Mo-Fr 09:00-17:30\n")
    load("dates", DATES + "0201234567;2026-12-28;2026-12-31;dicht;\n")
    done = load("dates", DATES + row + "\n")
    assert done.exit_code == 1
    assert complaint in done.stderr


def test_a_new_file_replaces_what_was_known(load: Command, stored: Callable[..., Any]) -> None:
    load("customers", CUSTOMERS + "K1,Ada,0612345678|0687654321,,,vip\nK2,Bob,0612345678,,,\n")
    load("customers", CUSTOMERS + "K1,Ada de Vries,0687654321|+32475123456,en,,\n")
    assert stored(Customer, "K1").name == "Ada de Vries"
    assert stored(Customer, "K1").tags == []
    assert numbers_of("K1") == ["+31687654321", "+32475123456"]
    assert numbers_of("K2") == ["+31612345678"]


def test_an_agent_who_left_and_a_lines_greeting_survive_a_load(
    load: Command, stored: Callable[..., Any]
) -> None:
    load("agents", AGENTS + "anna,Anna,,,Balie,,\n")
    load("lines", LINES + "+31201234567,Algemeen,,,Balie,Europe/Amsterdam,\n")
    with db.transaction() as session:
        session.get_one(Agent, "anna").enabled = False
        session.get_one(Line, "+31201234567").greeting = "Goedemiddag"
    load("agents", AGENTS + "anna,Anna Bakker,,,Balie,,\n")
    load("lines", LINES + "+31201234567,Algemeen nummer,,,Balie,Europe/Amsterdam,\n")
    assert (stored(Agent, "anna").name, stored(Agent, "anna").enabled) == ("Anna Bakker", False)
    assert stored(Line, "+31201234567").greeting == "Goedemiddag"


def test_a_bad_row_is_reported_with_its_number_and_field_and_the_rest_goes_in(load: Command) -> None:
    done = load("customers", CUSTOMERS + "K1,Ada,0612345678,,,\nK2,,06123,xx,,\nK3,Cas,,,,\n")
    assert done.exit_code == 1
    assert "row 3: name: is missing" in done.stderr
    assert "row 3: phones: “06123” isn't a valid telephone number; write it as +31612345678" in done.stderr
    assert "row 3: language: “xx” isn't a language code" in done.stderr
    assert "row 2" not in done.stderr
    assert done.stdout == "customers: 2 loaded, 1 refused\n"
    assert how_many(Customer) == 2


def test_strict_loads_nothing_when_a_row_is_refused(load: Command) -> None:
    done = load("customers", CUSTOMERS + "K1,Ada,,,,\nK2,,,,,\n", "--strict")
    assert done.exit_code == 1
    assert "row 3: name" in done.stderr
    assert how_many(Customer) == 0
    assert load("customers", CUSTOMERS + "K1,Ada,,,,\n", "--strict").exit_code == 0
    assert how_many(Customer) == 1


def test_a_dry_run_reports_everything_and_writes_nothing(load: Command) -> None:
    load("customers", CUSTOMERS + "K1,Ada,,,,\n")
    good = "Z1,K1,Paspoort,Balie,,,2026-05-01T09:30:00Z,,\n"
    assert load("cases", CASES + good, "--dry-run").exit_code == 0
    done = load("cases", CASES + good + "Z2,K9,Paspoort,Balie,dicht,,2026-05-01T09:30:00Z,,\n", "--dry-run")
    assert done.exit_code == 1
    assert "row 3: status" in done.stderr
    assert "nothing was written" in done.stdout
    assert how_many(Case) == 0


def test_what_a_row_refers_to_must_be_there(load: Command) -> None:
    load("agents", AGENTS + "anna,Anna,,,Balie,,\n")
    load("customers", CUSTOMERS + "K1,Ada,,,,\n")
    usual = "Paspoort,Balie,,,2026-05-01T09:30:00Z,"
    done = load("cases", CASES + f"Z1,K1,{usual},anna\nZ2,K9,{usual},anna\nZ3,K1,{usual},zoe\n")
    assert done.exit_code == 1
    assert "row 3: customer: there is no customer “K9”" in done.stderr
    assert "row 4: owner: there is no agent “zoe”" in done.stderr
    assert how_many(Case) == 1
    done = load("contacts", CONTACTS + "C1,Z9,zoe,call,inbound,2026-05-01T09:30:00Z,,,\n")
    assert "row 2: case: there is no case “Z9”" in done.stderr
    assert "row 2: agent: there is no agent “zoe”" in done.stderr


@pytest.mark.parametrize(
    "text",
    [
        "customer;name;phones;language;postcode;tags\nK1;Ada;0612345678;nl;;\n",
        "\ufeffcustomer;name;phones;language;postcode;tags\r\nK1;Ada;0612345678;nl;;\r\n",
        "tags,postcode,language,phones,name,customer\n,,nl,0612345678,Ada,K1\n",
        '"Customer" , "Name",Phones,LANGUAGE,postcode,tags\n"K1", "Ada","0612345678","nl","",""',
        "customer;name;phones;language;postcode;tags;;\nK1;Ada;0612345678;nl;;;;\n;;;;;;;\n\n",
        "customer,name,phones,language,postcode,tags\n\nK1,Ada,0612345678,nl,,\n",
    ],
    ids=["semicolons", "as Excel writes it", "other order", "quotes", "empty columns", "empty lines"],
)
def test_files_are_read_as_spreadsheets_write_them(load: Command, text: str) -> None:
    done = load("customers", text)
    assert (done.exit_code, done.stdout) == (0, "customers: 1 loaded, 0 refused\n"), done.stderr
    assert numbers_of("K1") == ["+31612345678"]


@pytest.mark.parametrize(
    ("header", "complaint"),
    [
        ("customer,name,phones", "these columns are missing: language, postcode, tags"),
        (CUSTOMERS.strip().removesuffix(",tags"), "this column is missing: tags"),
        (CUSTOMERS.strip() + ",color,size", "these columns aren't known: color, size"),
        (CUSTOMERS.strip() + ",name", "this column is there twice: name"),
        ("", "the file is empty; its first line must name the columns: customer, name"),
    ],
)
def test_a_file_with_other_columns_is_refused_by_their_names(
    load: Command, header: str, complaint: str
) -> None:
    done = load("customers", header + "\n")
    assert done.exit_code == 1
    assert complaint in done.stderr


def test_rows_that_are_no_csv_or_no_utf8_are_reported_and_the_rest_goes_in(load: Command) -> None:
    rows = [
        "K1,Ada,,,,",
        "K2,André,,,,",
        "K3,too,few",
        "K4,one,,,,,too many",
        'K5,"quoted"badly,,,,',
        "K6,Zoë,,,,",
    ]
    text = CUSTOMERS.encode() + b"\n".join(
        row.encode("latin-1" if row.startswith("K2") else "utf-8") for row in rows
    )
    done = load("customers", text)
    assert done.exit_code == 1
    assert "row 3: name: the row isn't UTF-8" in done.stderr
    assert "row 4: language: the row has 3 fields instead of 6" in done.stderr
    assert "row 5: *: the row has 7 fields instead of 6" in done.stderr
    assert "row 6: *: the row can't be read as CSV" in done.stderr
    assert done.stdout == "customers: 2 loaded, 4 refused\n"


def test_a_quote_that_is_never_closed_does_not_swallow_the_file(load: Command) -> None:
    filler = "".join(f"K{number},Naam van klant {number},,,,\n" for number in range(10, 3000))
    done = load("customers", CUSTOMERS + 'K1,"Ada,,,,\n' + filler)
    assert done.exit_code == 1
    assert "row 2: *: the row can't be read as CSV" in done.stderr
    assert how_many(Customer) > 1000


def test_of_rows_with_one_key_the_last_counts(load: Command, stored: Callable[..., Any]) -> None:
    assert (
        load("customers", CUSTOMERS + "K1,Ada,0612345678,,,\nK1,Ada de Vries,0687654321,,,\n").exit_code == 0
    )
    assert stored(Customer, "K1").name == "Ada de Vries"
    assert numbers_of("K1") == ["+31687654321"]


def many_customers(count: int, name: str = "Klant") -> str:
    return CUSTOMERS + "".join(
        f"K{number},{name} {number},+3161{number:07d}|+3165{number:07d},nl,1234 AB,vip|b\n"
        for number in range(count)
    )


def test_many_rows_take_the_same_turns_as_few(load: Command, stored: Callable[..., Any]) -> None:
    # Enough for the bulk statements of each database, and for more than one batch of them.
    count = loading.ROWS_AT_ONCE + 2 * store.ROWS_FOR_COPY
    done = load("customers", many_customers(count))
    assert done.stdout == f"customers: {count} loaded, 0 refused\n"
    assert (how_many(Customer), how_many(CustomerNumber)) == (count, 2 * count)
    assert numbers_of("K17") == ["+31610000017", "+31650000017"]
    assert stored(Customer, "K17").tags == ["vip", "b"]

    changed = many_customers(count, "Andere naam").replace("|+31650000017", "|+32475123456")
    assert load("customers", changed).exit_code == 0
    assert how_many(CustomerNumber) == 2 * count
    assert numbers_of("K17") == ["+31610000017", "+32475123456"]
    assert stored(Customer, "K17").name == "Andere naam 17"


def test_many_cases_and_contacts_leave_each_case_with_its_newest_agent(
    load: Command, stored: Callable[..., Any]
) -> None:
    count = store.ROWS_FOR_COPY + 10
    load("agents", AGENTS + "anna,Anna,,,Balie,,\nben,Ben,,,Balie,,\n")
    load("customers", CUSTOMERS + "K1,Ada,,,,\n")
    cases = "".join(f"Z{n},K1,Zaak {n},Balie,,,2026-05-01T09:30:00Z,,\n" for n in range(count))
    assert load("cases", CASES + cases).exit_code == 0
    contacts = "".join(
        f"C{n}{agent},Z{n},{agent},call,inbound,2026-05-0{day}T09:30:00Z,60,,\n"
        for n in range(count)
        for agent, day in (("ben", 3), ("anna", 2))
    )
    assert load("contacts", CONTACTS + contacts).exit_code == 0
    with db.reading() as session:
        assert set(session.scalars(select(Case.last_contact_agent))) == {"ben"}
    # A contact that turns out to belong to another case.
    moved = "C0ben,Z1,ben,call,inbound,2026-05-09T09:30:00Z,60,,\n"
    assert load("contacts", CONTACTS + moved).exit_code == 0
    assert stored(Case, "Z0").owner == "anna"
    assert stored(Case, "Z1").last_contact_at.day == 9
    assert how_many(Contact) == 2 * count


def test_an_operator_reads_the_language_of_their_terminal(
    load: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANG", "nl_NL.UTF-8")
    done = load("customers", CUSTOMERS + "K1,,,,,\n")
    assert "rij 2: name: ontbreekt; vul dit in" in done.stderr
    assert done.stdout == "customers: 0 geladen, 1 geweigerd\n"


def test_a_database_that_does_not_answer_is_said_in_words_without_its_own(load: Command) -> None:
    with db.transaction() as session:
        _drop_customers(session)
    done = load("customers", CUSTOMERS + "K1,Ada de Vries,,,,\n")
    assert done.exit_code == 1
    assert "db upgrade" in done.stderr
    assert "Ada" not in done.stderr


def _drop_customers(session: Session) -> None:
    # Whatever points at it, and on both databases.
    session.connection().exec_driver_sql("ALTER TABLE customers RENAME TO customers_of_nobody")


OFFICE = (
    "customer;name;phones;language;postcode;tags\r\nK1;Zoë Café;0612345678;;;\r\nK2;'s-Gravenmoer;;;;\r\n"
)


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (OFFICE.encode("utf-8-sig"), ""),
        (OFFICE.encode("utf-8"), ""),
        (OFFICE.replace("'", "\u2019").encode("cp1252"), "Windows-1252"),
        (OFFICE.encode("utf-16"), ""),
        (OFFICE.replace(";", "\t").encode("utf-16"), ""),
        (b"\xef\xbb\xbfsep=;\r\n" + OFFICE.encode(), ""),
        (b"sep=;\r\n" + OFFICE.encode("cp1252"), "Windows-1252"),
        (b'"sep=|"\n' + OFFICE.replace(";", "|").encode(), ""),
    ],
)
def test_files_are_read_as_a_dutch_spreadsheet_saves_them(
    load: Command, stored: Callable[..., Any], raw: bytes, told: str
) -> None:
    done = load("customers", raw)
    assert done.stdout == "customers: 2 loaded, 0 refused\n", done.output
    assert stored(Customer, "K1").name == "Zoë Café"
    assert numbers_of("K1") == ["+31612345678"]
    assert ("Windows-1252" in done.stderr) == bool(told)


def test_rows_after_a_line_that_names_the_separator_are_counted_as_a_spreadsheet_does(load: Command) -> None:
    done = load("customers", "sep=;\n" + OFFICE.replace("0612345678", "06123"))
    assert "row 2: phones" in done.stderr


@pytest.mark.parametrize(
    "name", [b"Zo\x91", b"Ren\x8e", b"Zo\xeb en Caf\xc3\xa9"], ids=["Mac", "Mac too", "two in one file"]
)
def test_letters_that_may_be_others_are_never_guessed(load: Command, name: bytes) -> None:
    done = load("customers", CUSTOMERS.encode() + b"K1," + name + b",,,,\nK2,Zo\xc3\xab,,,,\n")
    assert "row 2: name: the row isn't UTF-8; save the file as" in done.stderr
    assert done.stdout == "customers: 1 loaded, 1 refused\n"


def test_a_file_cut_off_in_the_middle_of_a_letter_is_told(load: Command) -> None:
    done = load("customers", OFFICE.encode("utf-16")[:-1])
    assert done.exit_code != 0
    assert "Traceback" not in done.output
