"""Can a supervisor see what is owed, read what became of it, and act? And nobody else?"""

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, select, text
from werkzeug.test import TestResponse

from app import db
from app.messages import messages
from app.promises import ledger
from app.records.agents import Role
from app.records.messages import Message
from app.records.promises import Promise, PromiseState
from tests import factories
from tests.desk import office
from tests.factories import ADA, BEN, LINE


@pytest.fixture(autouse=True)
def town(flask_app: Flask) -> None:
    with db.transaction() as session:
        factories.line(session)
        for key in ("anna", "bram"):
            factories.agent(session, key)
        factories.customer(session, "ada", ADA, name="Ada <b>Lovelace</b>")
        office.user(session, "anna")
        office.user(session, None, Role.SUPERVISOR)
        office.user(session, None, Role.AUDITOR)


def owe(number: str = ADA, *, customer: str | None = "ada", due_in: int = 30, about: str = "=1+1") -> int:
    now = datetime.now(UTC)
    with db.transaction() as session:
        return factories.promise(
            session,
            number=number,
            customer=customer,
            due_at=now + timedelta(minutes=due_in),
            now=now,
            about=about,
        ).id


def stored(promise: int) -> Promise:
    with db.transaction() as session:
        found = session.get_one(Promise, promise)
        session.expunge_all()
        return found


@pytest.fixture
def token(client: FlaskClient) -> str:
    return office.sign_in(client, "supervisor@example.nl")


def test_a_supervisor_sees_what_is_owed_without_a_whole_number(client: FlaskClient, token: str) -> None:
    owe()
    owe(BEN, customer=None)

    page = client.get("/admin/promises").text

    assert "Ada &lt;b&gt;Lovelace&lt;/b&gt;" in page
    assert BEN not in page
    assert "Anna Jansen" in page


@pytest.mark.parametrize(
    ("view", "shown"), [("owed", True), ("soon", True), ("late", False), ("kept", False), ("all", True)]
)
def test_the_list_shows_what_is_asked_for(client: FlaskClient, token: str, view: str, shown: bool) -> None:
    owe()

    assert ("Lovelace" in client.get(f"/admin/promises?view={view}").text) is shown
    assert "Lovelace" not in client.get(f"/admin/promises?view={view}&agent=bram").text


def test_one_page_tells_what_a_promise_went_through(client: FlaskClient, token: str) -> None:
    promise = owe()
    with db.transaction() as session:
        ledger.hand_over(session, promise, "bram", "anna", datetime.now(UTC))

    page = client.get(f"/admin/promises/{promise}").text

    assert "Afgesproken met de klant." in page
    assert "Overgedragen aan Bram Jansen." in page
    assert client.get("/admin/promises/999999").status_code == 404


def test_the_story_says_in_words_that_it_was_the_customer(client: FlaskClient) -> None:
    promise = owe()
    with db.transaction() as session:
        ledger.withdraw(session, promise, "customer", datetime.now(UTC))
    office.sign_in(client, "supervisor@example.nl")

    story = client.get(f"/admin/promises/{promise}").text

    assert '<span class="quiet">de klant</span>' in story


def test_several_are_handed_over_at_once_and_one_that_is_over_keeps_nobody(
    client: FlaskClient, token: str
) -> None:
    over, owed = owe(), owe(BEN, customer=None)
    with db.transaction() as session:
        ledger.withdraw(session, over, "ada", datetime.now(UTC))

    form = {"csrf": token, "action": "hand_over", "agent": "bram", "promise": [over, owed]}
    answer = client.post("/admin/promises/act", data=form)

    assert (answer.status_code, answer.location) == (
        303,
        f"/admin/promises?refused=1&hand_over={owed}",
    )
    assert (stored(owed).agent, stored(owed).state) == ("bram", PromiseState.REASSIGNED)
    assert stored(over).agent == "anna"


def act(client: FlaskClient, token: str, action: str, *promises: int, **form: str) -> TestResponse:
    return client.post(
        "/admin/promises/act", data={"csrf": token, "action": action, "promise": list(promises), **form}
    )


def test_withdrawing_is_asked_about_receipted_and_can_be_undone(client: FlaskClient, token: str) -> None:
    first, second = owe(), owe(BEN, customer=None, due_in=-5)

    asks = act(client, token, "withdraw", first, second)
    assert asks.status_code == 200
    assert "Deze 2 beloftes intrekken?" in asks.text
    assert "Ada &lt;b&gt;Lovelace&lt;/b&gt;" in asks.text
    assert {stored(first).state, stored(second).state} == {PromiseState.OPEN}

    done = act(client, token, "withdraw", first, second, sure="yes")
    assert {stored(first).state, stored(second).state} == {PromiseState.WITHDRAWN}
    receipt = client.get(done.location).text
    assert "2 beloftes ingetrokken:" in receipt
    assert 'name="action" value="restore"' in receipt

    undone = act(client, token, "restore", first, second)
    assert "2 beloftes staan weer open" in client.get(undone.location).text
    assert (stored(first).state, stored(second).state) == (PromiseState.OPEN, PromiseState.BROKEN)
    assert stored(first).next_at is not None
    assert (
        "Er wordt toch teruggebeld, zegt supervisor@example.nl."
        in client.get(f"/admin/promises/{first}").text
    )


@pytest.mark.parametrize(
    ("action", "says"),
    [
        ("hand_over", "Overgedragen: 2 beloftes zijn nu van Bram"),
        ("now", "We bellen nu, zodra er iemand vrij is: 2 beloftes."),
    ],
)
def test_what_was_done_with_the_chosen_is_said(
    client: FlaskClient, token: str, action: str, says: str
) -> None:
    first, second = owe(), owe(BEN, customer=None)

    done = act(client, token, action, first, second, agent="bram")

    assert says in client.get(done.location).text
    assert says not in client.get("/admin/promises").text


def test_a_promise_that_was_withdrawn_comes_back_from_its_page(client: FlaskClient, token: str) -> None:
    promise = owe()
    act(client, token, "withdraw", promise, sure="yes")

    assert "Toch terugbellen" in client.get(f"/admin/promises/{promise}").text
    back = act(client, token, "restore", promise, next=f"/admin/promises/{promise}")

    assert back.location == f"/admin/promises/{promise}?restore={promise}"
    assert "één belofte staat weer open" in client.get(back.location).text


def test_what_a_conversation_has_kept_does_not_come_back(client: FlaskClient, token: str) -> None:
    promise = owe()
    with db.transaction() as session:
        found = session.get_one(Promise, promise)
        ledger.move(session, found, PromiseState.KEPT, "promise_kept", datetime.now(UTC), "anna")

    assert act(client, token, "restore", promise).location == "/admin/promises?refused=1"
    assert stored(promise).state == PromiseState.KEPT


def test_a_number_that_is_owed_another_callback_by_now_is_not_rung_twice(
    client: FlaskClient, token: str
) -> None:
    promise = owe()
    act(client, token, "withdraw", promise, sure="yes")
    now = datetime.now(UTC)
    with db.transaction() as session:
        factories.promise(session, origin="another", now=now, due_at=now + timedelta(hours=1))

    act(client, token, "restore", promise)

    assert stored(promise).state == PromiseState.MERGED


@pytest.mark.parametrize("action", ["hand_over", "withdraw", "now"])
def test_with_nothing_ticked_it_is_said_what_to_do(client: FlaskClient, token: str, action: str) -> None:
    owe()

    page = client.get(act(client, token, action, agent="bram").location).text

    assert "Vink eerst in de lijst de beloftes aan" in page


def test_the_export_holds_no_formula(client: FlaskClient, token: str) -> None:
    owe(BEN, customer=None)

    lines = client.get("/admin/promises/export.csv").text.splitlines()

    assert len(lines) == 2
    assert "'=1+1" in lines[1]
    assert BEN not in lines[1]


def test_the_file_opens_in_columns_and_letters_in_a_dutch_office(client: FlaskClient, token: str) -> None:
    owed = owe(BEN, customer=None)
    with db.transaction() as session:
        session.get_one(Promise, owed).about = "Café; zij\n=HYPERLINK(1)"

    raw = client.get("/admin/promises/export.csv").data

    assert raw.startswith(b"\xef\xbb\xbfpromise;due_at;state;")
    [_, row] = csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline=""), delimiter=";")
    assert (row[0], row[8]) == (str(owed), "Café; zij\n'=HYPERLINK(1)")
    plain = client.get("/admin/promises/export.csv?plain").data
    assert plain.startswith(b"promise,due_at,state,"), "for programs, as before"


def many_promises(count: int) -> None:
    """Promises that are over, made by the database itself."""
    at = "'2026-01-01 00:00:00'" if db.current().is_sqlite else "timestamptz '2026-01-01'"
    with db.patient_transaction() as session:
        session.execute(
            text(
                "INSERT INTO promises (origin, customer, team, language, due_at, state, about, created_at, "
                "finished_at) "
                f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count}) "
                f"SELECT 'many:' || i, 'ada', 'Burgerzaken', 'nl', {at}, 'kept', '', {at}, {at} FROM n"
            )
        )


def test_a_file_of_more_promises_than_a_statement_can_list_is_whole(client: FlaskClient, token: str) -> None:
    """PostgreSQL takes 65,535 values."""
    many_promises(66_000)
    owed = owe(BEN, customer=None)

    answer = client.get("/admin/promises/export.csv?plain&view=all")

    pieces = list(answer.response)
    lines = b"".join(pieces).decode().splitlines()
    assert (answer.status_code, len(lines)) == (200, 66_002)
    assert lines[1].startswith(f"{owed},"), "what is owed comes first"
    assert len({line.partition(",")[0] for line in lines}) == len(lines)
    # It leaves as it is made: none of it waits for the rest, or is held until all of it is there.
    assert answer.is_streamed
    assert max(map(len, pieces)) < 200 * 1024


def test_while_a_file_is_fetched_no_connection_is_held(client: FlaskClient, token: str) -> None:
    many_promises(1_200)

    with client.get("/admin/promises/export.csv?view=all", buffered=False) as answer:
        pieces = iter(answer.response)
        next(pieces), next(pieces)
        held = [pool.checkedout() for pool in db.current().pools() if hasattr(pool, "checkedout")]
        # A promise that is gone meanwhile is left out; none is there twice.
        with db.transaction() as session:
            session.execute(delete(Promise))
        rest = b"".join(pieces).decode().splitlines()

    assert set(held) == {0}
    assert rest == []


def test_the_file_is_in_the_order_of_the_list_and_narrowed_as_it_is(client: FlaskClient, token: str) -> None:
    late, soon = owe(due_in=-30), owe(BEN, customer=None, due_in=30)
    over = owe("+31612345690", customer=None, due_in=5)
    with db.transaction() as session:
        ledger.keep(session, over, "anna", datetime.now(UTC))

    def ids(query: str) -> list[int]:
        lines = client.get(f"/admin/promises/export.csv?plain&{query}").text.splitlines()[1:]
        return [int(line.partition(",")[0]) for line in lines]

    assert ids("view=all") == [late, soon, over]
    assert ids("view=owed") == [late, soon]
    assert ids("view=late") == [late]
    assert ids("view=kept") == [over]
    assert ids("view=all&agent=bram") == []


def test_figures_count_what_was_kept_late_as_not_in_time(client: FlaskClient, token: str) -> None:
    late, in_time = owe(due_in=-10), owe(BEN, customer=None, due_in=-5)
    with db.transaction() as session:
        ledger.move(
            session, session.get_one(Promise, late), PromiseState.BROKEN, "promise_broken", datetime.now(UTC)
        )
        ledger.keep(session, late, "anna", datetime.now(UTC))
        ledger.keep(session, in_time, "anna", datetime.now(UTC) - timedelta(minutes=10))

    page = client.get("/admin/promises").text

    assert "50%" in page


def lose_message_of(promise: int) -> None:
    """We wrote to whom it is owed, and that did not arrive; they wrote as well."""
    now = datetime.now(UTC)
    with db.transaction() as session:
        messages.inform(session, session.get_one(Promise, promise), "Wij bellen u.", "test", now)
        [lost] = session.scalars(select(Message))
        messages.status(session, lost.sid, "SM1", "undelivered", 30003, now)
        session.add(
            Message(
                sid="SM2",
                direction="inbound",
                number=ADA,
                line=LINE,
                body="Hallo <i>daar</i>?",
                promise=promise,
                team="Burgerzaken",
                status="received",
                at=now,
            )
        )


def test_who_could_not_be_told_is_shown_with_the_reason(client: FlaskClient, token: str) -> None:
    promise = owe()
    owe(BEN, customer=None)
    lose_message_of(promise)

    untold = client.get("/admin/promises?view=untold").text
    assert f'href="/admin/promises/{promise}"' in untold
    assert untold.count('type="checkbox"') == 1
    assert "Klant niet ingelicht: de telefoon van de klant staat uit" in client.get(
        f"/admin/promises/{promise}"
    ).text.replace("\n", " ")


def test_the_story_tells_what_went_to_and_fro(client: FlaskClient, token: str) -> None:
    promise = owe()
    lose_message_of(promise)

    story = client.get(f"/admin/promises/{promise}").text

    assert "Bericht aan de klant: “Wij bellen u.”" in story
    assert "De klant schreef: “Hallo &lt;i&gt;daar&lt;/i&gt;?”" in story
    assert "Berichten die nog op iemand van ons wachten" in client.get("/admin/promises").text


def test_the_figures_are_for_those_who_run_the_house(flask_app: Flask) -> None:
    late = owe(due_in=-50)
    with db.transaction() as session:
        ledger.keep(session, late, "anna", datetime.now(UTC))
    for who, status in (("anna", 403), ("auditor", 200), ("supervisor", 200)):
        client = flask_app.test_client()
        office.sign_in(client, f"{who}@example.nl")
        assert client.get("/admin/promises/figures").status_code == status, who

    page = client.get("/admin/promises/figures?days=7&team=Burgerzaken").text

    assert "Anna Jansen" in page
    assert "15 tot 60 minuten te laat" in page
    assert "geen belofte" in client.get("/admin/promises/figures?team=Belastingen").text


def test_an_auditor_reads_and_does_not_act(client: FlaskClient) -> None:
    promise = owe()
    token = office.sign_in(client, "auditor@example.nl")

    assert "/admin/promises/act" not in client.get("/admin/promises").text
    answer = client.post(
        "/admin/promises/act", data={"csrf": token, "action": "withdraw", "promise": promise}
    )
    assert answer.status_code == 403
    assert stored(promise).state == PromiseState.OPEN


@pytest.mark.parametrize("path", ["", "/export.csv", "/1"])
def test_an_agent_does_not_see_what_others_owe(client: FlaskClient, path: str) -> None:
    office.sign_in(client, "anna@example.nl")

    assert client.get(f"/admin/promises{path}").status_code == 403


def test_nobody_sees_it_without_signing_in(client: FlaskClient) -> None:
    assert client.get("/admin/promises").status_code == 401


def test_supervisors_see_that_a_lines_team_has_nobody(client: FlaskClient, token: str) -> None:
    assert "hoort geen enkele medewerker" not in client.get("/admin/promises").text
    with db.transaction() as session:
        factories.line(session, "+31201234999", team="burgerzaken")
    page = client.get("/admin/promises").text
    assert "Bij team “burgerzaken” van lijn Algemeen hoort geen enkele medewerker" in page
    assert "Bij de medewerkers heet het “Burgerzaken”" in page
