"""What does a customer say after a conversation, who is never asked, and what comes of it?"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app.beside import thanks
from app.db import transaction
from app.deployment import Deployment
from app.forgetting import erasure
from app.records.beside import Ask, Thanks, WrapUp
from app.records.callers import Case, CaseStatus
from app.records.calls import Call
from app.records.lines import Line
from app.records.messages import Message, MessageStop
from app.records.promises import Promise, PromiseState
from app.records.protections import Protection
from config import Settings
from tests import factories
from tests.desk import office
from tests.desk.test_desk_pages import ask, seen
from tests.factories import ADA, BEN, LINE

LATER = timedelta(minutes=3)


@pytest.fixture
def anna(flask_app: Flask) -> FlaskClient:
    """Anna's browser; Ada's case is hers, and it is about noon."""
    with transaction() as session:
        factories.line(session).timezone = factories.noon_zone(datetime.now(UTC))
        for key in ("anna", "ben"):
            factories.agent(session, key, available=key == "anna")
            office.user(session, key)
        factories.customer(session, "K1", ADA, name="Ada Lovelace")
        factories.case(session, "Z1", "K1", handled_by=("anna",))
    client = flask_app.test_client()
    office.sign_in(client, "anna@example.nl")
    return client


def talked(settings: Settings, from_: str = ADA, seconds: int = 60) -> str:
    """Somebody talked with Anna for so long, until now."""
    sid = office.call_in(settings, from_)
    office.pick_up(sid)
    with transaction() as session:
        call = session.get_one(Call, sid)
        assert call.bridged_at is not None
        call.bridged_at -= timedelta(seconds=seconds)
    office.hang_up(settings, sid)
    return sid


def work_off(settings: Settings, after: timedelta = LATER) -> list[str]:
    """What a worker does some minutes later; return what was written then."""
    with transaction() as session:
        thanks.work_off(session, datetime.now(UTC) + after, Deployment.of(settings))
    with transaction() as session:
        return list(session.scalars(select(Message.body).where(Message.body.contains("/c/"))))


def why_not(sid: str) -> str | None:
    with transaction() as session:
        row = session.get(Thanks, sid)
        return row.why_not if row is not None else None


def send(client: FlaskClient, address: str, **form: str) -> str:
    token = office.token_in(client.get(address).text)
    answer = client.post(address, data={"csrf": token, **form})
    assert answer.status_code == 303, answer.text
    return seen(client.get(answer.location).text)


def test_the_page_goes_out_once_some_minutes_after_a_conversation(
    anna: FlaskClient, settings: Settings
) -> None:
    sid = talked(settings)

    assert work_off(settings, timedelta(minutes=1)) == []
    [body] = work_off(settings)
    assert work_off(settings) == [body]
    assert body.startswith("U sprak zojuist met Anna.")
    assert "Ada" not in body
    ask(anna, "/desk/wrap-up", what="done")
    again = talked(settings)
    assert work_off(settings) == [body]
    assert (why_not(sid), why_not(again)) == ("", "lately")


def protected(sid: str) -> None:
    with transaction() as session:
        call = session.get_one(Call, sid)
        session.add(
            Protection(
                call_sid=sid, agent="anna", team="x", number=call.remote_e164, created_at=call.created_at
            )
        )


def forged(sid: str) -> None:
    with transaction() as session:
        session.get_one(Call, sid).attestation = "TN-Validation-Failed-C"


def unwanted(sid: str) -> None:
    with transaction() as session:
        session.add(MessageStop(number=ADA, at=datetime.now(UTC), how="asked"))


def at_night(sid: str) -> None:
    hours = (2 - datetime.now(UTC).hour) % 24
    hours = hours - 24 if hours > 12 else hours
    with transaction() as session:
        session.get_one(Line, LINE).timezone = f"Etc/GMT{-hours:+d}" if hours else "Etc/GMT"


@pytest.mark.parametrize(
    ("prepare", "from_", "seconds", "expected"),
    [
        (protected, ADA, 60, "protected"),
        (forged, ADA, 60, "doubtful"),
        (unwanted, ADA, 60, "wants_none"),
        (at_night, ADA, 60, "night"),
        (lambda sid: None, BEN, 60, "unknown"),
        (lambda sid: None, "+266696687", 60, "no_number"),
        (lambda sid: None, ADA, 5, "short"),
    ],
)
def test_nobody_is_asked_who_should_not_be(
    anna: FlaskClient,
    settings: Settings,
    prepare: Callable[[str], object],
    from_: str,
    seconds: int,
    expected: str,
) -> None:
    sid = talked(settings, from_, seconds)
    prepare(sid)

    assert work_off(settings) == []
    assert why_not(sid) == expected


def test_thanks_reach_that_agent_alone_and_what_is_wrong_opens_the_case_with_a_promise(
    anna: FlaskClient, flask_app: Flask, client: FlaskClient, settings: Settings
) -> None:
    sid = talked(settings)
    assert ask(anna, f"/desk/calls/{sid}/notes", outcome="solved", summary="Geregeld")[0] == 200
    [body] = work_off(settings)
    found = re.search(r"/c/\S+", body)
    assert found is not None
    address = found[0]

    page = seen(client.get(address).text)
    assert "U sprak met Anna op" in page
    assert not [word for word in ("Ada", "Z1", "Zaak", ADA[-4:]) if word in page]
    assert "bedankt u" not in seen(anna.get("/desk/board").text).lower()

    assert "We geven het door." in send(client, address, what="thank", words="Heel fijn geholpen!")
    assert "Heel fijn geholpen!" in seen(anna.get("/desk/board").text)
    ben = flask_app.test_client()
    office.sign_in(ben, "ben@example.nl")
    assert "Heel fijn" not in ben.get("/desk/board").text
    assert ask(ben, f"/desk/calls/{sid}/thanks")[0] == 404
    assert ask(anna, f"/desk/calls/{sid}/thanks")[0] == 204
    assert "Heel fijn" not in anna.get("/desk/board").text

    assert "in hoogstens 1000 tekens" in send(client, address, what="wrong", words=" ")
    page = send(client, address, what="wrong", words="De brief is er nog niet")
    assert "Uw zaak staat weer open." in page
    assert "We bellen u terug" in page
    send(client, address, what="wrong", words="En de rekening ook niet")
    with transaction() as session:
        [promise] = session.scalars(select(Promise))
        assert session.get_one(Case, "Z1").status == CaseStatus.OPEN
        assert (promise.state, promise.agent, promise.case) == (PromiseState.OPEN, "anna", "Z1")
        assert promise.about == "De brief is er nog niet\nEn de rekening ook niet"
        assert promise.due_at > datetime.now(UTC)

    assert client.get("/c/nonsense").status_code == 404
    with transaction() as session:
        session.get_one(Thanks, sid).at -= timedelta(days=31)
    assert client.get(address).status_code == 410


def test_what_was_written_beside_a_call_goes_when_its_caller_is_forgotten(
    anna: FlaskClient, client: FlaskClient, settings: Settings
) -> None:
    sid = talked(settings)
    assert (
        ask(anna, f"/desk/calls/{sid}/notes", outcome="solved", summary="", next_step="Ada bellen")[0] == 200
    )
    assert ask(anna, f"/desk/calls/{sid}/ask", to="ben", text="Ken jij Ada?")[0] == 200
    [body] = work_off(settings)
    found = re.search(r"/c/\S+", body)
    assert found is not None
    send(client, found[0], what="thank", words="Groet, Ada")

    with transaction() as session:
        erasure.erase_customer(session, "K1", "test", datetime.now(UTC))

    with transaction() as session:
        row, wrapped = session.get_one(Thanks, sid), session.get_one(WrapUp, (sid, "anna"))
        assert (row.words, wrapped.next_step, wrapped.case, wrapped.outcome) == ("", "", None, "solved")
        assert session.scalars(select(Ask)).all() == []
    assert client.get(found[0]).status_code == 410
