"""Who shares a telephone with somebody: what do they get, and what stays when the other is forgotten?"""

import io
import json
import zipfile
from datetime import timedelta
from typing import Any

import pytest

from app import db
from app.records.callers import Contact, CustomerNumber
from app.records.calls import Call
from app.records.notes import CallNote
from app.records.promises import Promise
from tests import town
from tests.desk import office
from tests.desk.test_desk_pages import ask
from tests.forgetting import lives
from tests.forgetting.lives import House, Life

HOME, HERS = "+31618273645", "+31618273699"


@pytest.fixture
def mother(house: House) -> Life:
    life = Life(house, "moeder", HOME)
    life.is_a_customer()
    return life


@pytest.fixture
def son(house: House, mother: Life) -> Life:
    """He lives at home; his mother has a number of her own, too."""
    life = Life(house, "zoon", HOME)
    life.is_a_customer()
    with db.transaction() as session:
        session.add(CustomerNumber(e164=HERS, customer=mother.customer, position=1))
    return life


def handed_out(house: House, of: Life) -> dict[str, Any]:
    answer = house.api.get(f"/customers/{of.customer}/export")
    assert answer.status_code == 200
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        found = {name: archive.read(name) for name in archive.namelist()}
    return {"all": b"".join(found.values()).decode()} | {
        name.removesuffix(".json"): json.loads(part) for name, part in found.items() if name.endswith(".json")
    }


def rings_and_is_picked(life: Life, summary: str) -> str:
    """An agent hears who it is, says so, and notes it."""
    call = life.line().comes_in()
    agent = str(call.rings).removeprefix("client:")
    call.talks()
    desk = life.house.visitor
    office.sign_in(desk, f"{agent}@example.nl")
    with db.reading() as session:
        case = f"{life.mark}case"
        assert session.get(Call, call.sid) is not None
    assert ask(desk, f"/desk/calls/{call.sid}/pick", customer=life.customer, case=case)[0] == 200
    assert ask(desk, f"/desk/calls/{call.sid}/notes", summary=summary, outcome="waiting")[0] == 200
    call.hangs_up()
    town.everybody_free_again()
    return call.sid


def test_each_gets_what_an_agent_knew_to_be_theirs_and_neither_what_was_guessed(
    house: House, mother: Life, son: Life
) -> None:
    hers = rings_and_is_picked(mother, mother.word("noted"))
    his = rings_and_is_picked(son, son.word("noted"))
    guessed = son.line().comes_in()
    guessed.hangs_up()
    son.writes(son.word("text"))

    of_mother, of_son = handed_out(house, mother), handed_out(house, son)

    assert [call["sid"] for call in of_mother["calls"]] == [hers]
    assert [call["sid"] for call in of_son["calls"]] == [his]
    assert (son.mark in of_mother["all"], mother.mark in of_son["all"]) == (False, False)
    assert of_mother["left-out"]["left_out"]["calls"] == 2
    assert of_son["left-out"]["left_out"] == {"calls": 2, "messages": 2, "promises": 1, "notes": 0}
    assert house.api.get(f"/numbers/{HOME}/export").status_code == 409


def test_what_came_from_her_own_number_is_hers_and_what_names_him_there_is_not(
    house: House, mother: Life, son: Life
) -> None:
    own = Life(house, "moeder", HERS)
    own.finds_nobody()
    [sid] = own.calls
    moved = Life(house, "moeder", HERS)
    moved.finds_nobody()
    with db.transaction() as session:  # he rang with her telephone once, and an agent knew him
        session.get_one(Call, moved.calls[0]).customer = son.customer

    found = handed_out(house, mother)

    assert [call["sid"] for call in found["calls"]] == [sid]
    assert found["left-out"]["left_out"]["calls"] == 1


def test_who_stays_keeps_the_number_and_what_is_theirs_when_the_other_is_forgotten(
    house: House, mother: Life, son: Life
) -> None:
    his = rings_and_is_picked(son, son.word("noted"))
    hers = rings_and_is_picked(mother, mother.word("noted"))
    before = handed_out(house, son)
    with db.transaction() as session:
        kept = session.query(Contact).where(Contact.key == f"call:{his}").count()
    assert kept == 1

    assert house.api.delete(f"/customers/{mother.customer}").status_code == 204

    after = handed_out(house, son)
    assert [call["sid"] for call in after["calls"]] == [his]
    assert after["contacts"] == before["contacts"]
    assert lives.columns_filled(mother.mark) == set()
    with db.reading() as session:
        assert session.get_one(Call, hers).remote_e164 is None
        assert session.get_one(Call, his).remote_e164 == HOME
        assert session.get(CustomerNumber, (HOME, son.customer)) is not None


def test_an_agents_note_is_whose_the_agent_said_it_is(house: House, mother: Life, son: Life) -> None:
    call = son.line().comes_in()
    call.hangs_up()
    with db.transaction() as session:
        for agent, whose in (("anna", mother.customer), ("bram", son.customer), ("carla", None)):
            note = CallNote(call_sid=call.sid, agent=agent, number=HOME, customer=whose)
            note.summary, note.written_at = f"van {whose}", lives.now()
            session.add(note)

    found = handed_out(house, son)

    assert [note["summary"] for note in found["notes"]] == [f"van {son.customer}"]
    assert found["left-out"]["left_out"]["notes"] == 2


def test_what_another_system_owes_one_of_them_is_theirs(house: House, mother: Life, son: Life) -> None:
    due = (lives.now() + timedelta(hours=3)).isoformat()
    wanted = {
        "number": HOME,
        "due_at": due,
        "agent": "anna",
        "customer": son.customer,
        "about": "van de zoon",
    }
    assert house.api.post("/promises", wanted).status_code == 201

    assert [one["about"] for one in handed_out(house, son)["promises"]] == ["van de zoon"]
    assert handed_out(house, mother)["promises"] == []
    with db.reading() as session:
        assert session.query(Promise).count() == 1
