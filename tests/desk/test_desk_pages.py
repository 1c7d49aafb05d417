"""What does the desk show, to whom, and what does it let nobody else do?"""

import json
import re
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from werkzeug.datastructures import MultiDict

import app
import config
from app import db, web
from app.db import transaction
from app.desk import masking
from app.records.agents import Activity, Agent, Intent, Presence, Reach, Role, Softphone
from app.records.callers import Case, CaseStatus, Contact
from app.records.calls import Call, CallStep, StepOutcome
from app.records.lines import Line
from app.records.messages import Message
from app.records.promises import Promise
from tests import factories, town
from tests.desk import office
from tests.factories import ADA
from tests.telephone import signed

APP = Path(app.__file__).parent


@pytest.fixture
def anna(flask_app: Flask) -> FlaskClient:
    """Anna's browser; Ada's open case is hers, and Ada shares her number with Bob."""
    with transaction() as session:
        factories.line(session)
        for key in ("anna", "ben"):
            factories.agent(session, key)
            office.user(session, key)
        factories.customer(session, "K1", ADA, name="Ada Lovelace")
        factories.customer(session, "K2", ADA, name="Bob Babbage")
        factories.case(session, "Z1", "K1", handled_by=("ben", "anna"))
        factories.case(session, "Z2", "K1", status=CaseStatus.SOLVED, handled_by=("ben",))
    client = flask_app.test_client()
    office.sign_in(client, "anna@example.nl")
    return client


@pytest.fixture
def ben(flask_app: Flask, anna: FlaskClient) -> FlaskClient:
    client = flask_app.test_client()
    office.sign_in(client, "ben@example.nl")
    return client


def send(client: FlaskClient, path: str, **form: str) -> int:
    """Post as the page's script does; return the status."""
    return ask(client, path, **form)[0]


def ask(client: FlaskClient, path: str, **form: str) -> tuple[int, str]:
    with client.session_transaction() as session:
        token = session["csrf"]
    response = client.post(
        path,
        data=form,
        headers={"X-CSRF-Token": token, "X-Requested-With": "fetch", "Origin": "http://localhost"},
    )
    return response.status_code, response.text


def seen(html: str) -> str:
    """Return the words of a page as one reads them."""
    without_tags = re.sub(r"<(script|style|template).*?</\1>|<[^>]+>", " ", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", without_tags)


# --- the card ----------------------------------------------------------------------------------------


def test_the_card_tells_who_rings_about_what_and_what_was_said_last(
    anna: FlaskClient, settings: config.Settings
) -> None:
    sid = office.call_in(settings, ADA)

    card = seen(anna.get(f"/desk/calls/{sid}/card").text)

    for words in (
        "Gaat over",
        "Ada Lovelace",
        "Identiteit niet gecontroleerd: wij weten alleen het nummer.",
        "Zaak Z1",
        "Behandelaar u",
        "U had het laatste contact over deze zaak",
        "Laatste woorden van anna.",
        "Laatste woorden van ben.",
        "Bob Babbage",
        "Zaak Z2",
    ):
        assert words in card


def test_a_card_is_only_for_the_agent_whom_the_call_was_offered_to(
    anna: FlaskClient, ben: FlaskClient, settings: config.Settings
) -> None:
    sid = office.call_in(settings, ADA)

    assert anna.get(f"/desk/calls/{sid}/card").status_code == 200
    assert ben.get(f"/desk/calls/{sid}/card").status_code == 404
    assert "Lovelace" not in ben.get(f"/desk?call={sid}").text
    for action in ("decline", "pick", "checked", "notes"):
        assert send(ben, f"/desk/calls/{sid}/{action}", why="meeting", customer="K1", summary="x") == 404


def test_a_call_that_never_was_looks_the_same_as_one_of_somebody_else(
    anna: FlaskClient, ben: FlaskClient, settings: config.Settings
) -> None:
    sid = office.call_in(settings, ADA)

    nobodys = ben.get("/desk/calls/CAnever/card")
    annas = ben.get(f"/desk/calls/{sid}/card")

    assert (nobodys.status_code, nobodys.data) == (annas.status_code, annas.data)


def test_number_and_postcode_stay_hidden_until_the_agent_has_checked(
    anna: FlaskClient, settings: config.Settings
) -> None:
    sid = office.call_in(settings, ADA)
    before = anna.get(f"/desk/calls/{sid}/card").text

    status, after = ask(anna, f"/desk/calls/{sid}/checked")

    assert status == 200
    for secret in ("+31 6 12345678", "1234AB"):
        assert secret not in before
        assert secret in after
    assert "U hebt de identiteit gecontroleerd" in after
    with transaction() as session:
        [step] = session.scalars(select(CallStep).where(CallStep.call_sid == sid))
        assert (step.agent, step.checked_at is not None) == ("anna", True)


def test_checking_one_call_reveals_nothing_of_the_next(anna: FlaskClient, settings: config.Settings) -> None:
    first = office.call_in(settings, ADA)
    assert send(anna, f"/desk/calls/{first}/checked") == 200
    office.hang_up(settings, first)

    second = office.call_in(settings, ADA)

    assert "1234AB" not in anna.get(f"/desk/calls/{second}/card").text


def test_another_caller_is_chosen_in_other_words_than_another_case(
    anna: FlaskClient, settings: config.Settings
) -> None:
    sid = office.call_in(settings, ADA)

    card = anna.get(f"/desk/calls/{sid}/card").text

    assert 'aria-label="Dit is de klant: Bob Babbage"' in card
    assert 'aria-label="Het gaat over deze zaak: Zaak Z2"' in card


def test_choosing_another_customer_hides_what_was_revealed_of_the_first(
    anna: FlaskClient, settings: config.Settings
) -> None:
    sid = office.call_in(settings, ADA)
    assert send(anna, f"/desk/calls/{sid}/checked") == 200

    status, card = ask(anna, f"/desk/calls/{sid}/pick", customer="K2")

    assert status == 200
    assert 'data-name="Bob Babbage"' in card
    assert "1234AB" not in card


@pytest.mark.parametrize("picked", [{"customer": "K9"}, {"customer": "K2", "case": "Z1"}, {"customer": ""}])
def test_nobody_is_picked_who_is_not_there_nor_a_case_of_somebody_else(
    anna: FlaskClient, settings: config.Settings, picked: dict[str, str]
) -> None:
    sid = office.call_in(settings, ADA)

    status, answer = ask(anna, f"/desk/calls/{sid}/pick", **picked)

    assert status == 422
    assert "hoort niet bij dit gesprek" in answer
    assert 'data-name="Ada Lovelace"' in anna.get(f"/desk/calls/{sid}/card").text


def test_why_it_rings_here_is_true_or_not_said(anna: FlaskClient, settings: config.Settings) -> None:
    with transaction() as session:
        session.get_one(Case, "Z1").named_owner = "anna"
        session.get_one(Case, "Z1").last_contact_agent = "ben"
    sid = office.call_in(settings, ADA)

    card = seen(anna.get(f"/desk/calls/{sid}/card").text)
    assert "Waarom bij u: U bent de behandelaar van deze zaak." in card

    status, card = ask(anna, f"/desk/calls/{sid}/pick", customer="K2")
    assert status == 200
    assert "Bob Babbage" in card
    assert "Waarom bij u" not in card
    _, card = ask(anna, f"/desk/calls/{sid}/pick", customer="K1", case="Z1")
    assert "Waarom bij u" in card


def test_a_withheld_number_shows_no_customer(anna: FlaskClient, settings: config.Settings) -> None:
    sid = office.call_in(settings, "+266696687")

    with transaction() as session:
        agent = session.scalars(select(CallStep.agent).where(CallStep.call_sid == sid)).one()
        if agent == "ben":
            session.get_one(CallStep, (sid, 1)).agent = "anna"
    card = seen(anna.get(f"/desk/calls/{sid}/card").text)

    assert "Nummer afgeschermd" in card
    assert "Vraag wie u spreekt" in card
    assert "Lovelace" not in card
    assert "Ik heb de identiteit gecontroleerd" not in card


@pytest.mark.parametrize(
    ("attestation", "words"),
    [
        ("TN-Validation-Passed-A", "de provider staat alleen in voor het nummer"),
        ("TN-Validation-Passed-B", "wij weten alleen het nummer"),
        ("TN-Validation-Failed-A", "het nummer kan vervalst zijn"),
        ("", "wij weten alleen het nummer"),
    ],
)
def test_the_card_says_in_words_how_sure_it_is(
    anna: FlaskClient, settings: config.Settings, attestation: str, words: str
) -> None:
    sid = office.call_in(settings, ADA)
    with transaction() as session:
        session.get_one(Call, sid).attestation = attestation

    assert words in anna.get(f"/desk/calls/{sid}/card").text


def test_the_card_follows_the_call(anna: FlaskClient, settings: config.Settings) -> None:
    sid = office.call_in(settings, ADA)
    state = f"/desk/calls/{sid}/card?part=state"
    assert 'data-side="ringing"' in anna.get(state).text

    office.pick_up(sid)
    assert 'data-side="talking"' in anna.get(state).text

    office.hang_up(settings, sid)
    assert 'data-side="ended"' in anna.get(state).text


def test_a_customers_name_can_not_become_markup(anna: FlaskClient, settings: config.Settings) -> None:
    with transaction() as session:
        factories.customer(session, "K9", "+31688888888", name='"><script>alert(1)</script>')
        factories.case(session, "Z9", "K9", owner="anna")
    sid = office.call_in(settings, "+31688888888")

    card = anna.get(f"/desk/calls/{sid}/card").text

    assert "<script>" not in card
    assert "&lt;script&gt;" in card


def test_a_case_link_leads_to_the_encrypted_web_or_nowhere(
    anna: FlaskClient, settings: config.Settings
) -> None:
    with transaction() as session:
        factories.customer(session, "K9", "+31688888888")
        factories.case(session, "Z9", "K9", owner="anna").url = "javascript:alert(1)"
    sid = office.call_in(settings, "+31688888888")

    assert "javascript:" not in anna.get(f"/desk/calls/{sid}/card").text


@pytest.mark.parametrize(
    ("e164", "masked"),
    [("+31612345678", "+31 • ••••••78"), ("+442079460958", "+44 •• •••• ••58")],
)
def test_a_masked_number_keeps_its_country_and_its_end(e164: str, masked: str) -> None:
    assert masking.masked_phone(e164) == masked


# --- what the agent does -----------------------------------------------------------------------------


def test_declining_sends_the_caller_on_with_the_reason(anna: FlaskClient, settings: config.Settings) -> None:
    sid = office.call_in(settings, ADA)

    status, card = ask(anna, f"/desk/calls/{sid}/decline", why="meeting")

    assert status == 200
    assert 'data-side="elsewhere"' in card
    with transaction() as session:
        steps = session.scalars(
            select(CallStep).where(CallStep.call_sid == sid).order_by(CallStep.number)
        ).all()
    assert (steps[0].outcome, steps[0].declined_why) == (StepOutcome.DECLINED, "meeting")
    assert steps[1].agent == "ben"


def test_a_reason_that_we_do_not_know_declines_nothing(anna: FlaskClient, settings: config.Settings) -> None:
    sid = office.call_in(settings, ADA)

    assert send(anna, f"/desk/calls/{sid}/decline", why="bored") == 422
    assert 'data-side="ringing"' in anna.get(f"/desk/calls/{sid}/card").text


def test_declining_too_late_shows_what_is_so(anna: FlaskClient, settings: config.Settings) -> None:
    sid = office.call_in(settings, ADA)
    office.pick_up(sid)

    status, card = ask(anna, f"/desk/calls/{sid}/decline", why="meeting")

    assert status == 200
    assert 'data-side="talking"' in card


def test_when_notes_were_saved_is_said_on_the_clock_of_the_team(
    anna: FlaskClient, settings: config.Settings
) -> None:
    sid = office.call_in(settings, ADA)
    with transaction() as session:
        session.get_one(Line, factories.LINE).timezone = "Pacific/Kiritimati"
    before = datetime.now(UTC)

    _, answer = ask(anna, f"/desk/calls/{sid}/notes", summary="Komt", outcome="")

    there = [moment.astimezone(ZoneInfo("Pacific/Kiritimati")) for moment in (before, datetime.now(UTC))]
    assert json.loads(answer)["saved"] in [f"Bewaard om {moment:%H:%M}" for moment in there]


def test_notes_are_kept_on_the_case_and_come_back(anna: FlaskClient, settings: config.Settings) -> None:
    sid = office.call_in(settings, ADA)
    office.pick_up(sid)

    assert send(anna, f"/desk/calls/{sid}/notes", summary="Komt", outcome="") == 200
    assert send(anna, f"/desk/calls/{sid}/notes", summary="Komt morgen terug", outcome="waiting") == 200
    office.hang_up(settings, sid)

    with transaction() as session:
        contact = session.scalars(select(Contact).where(Contact.key == f"call:{sid}")).one()
    assert (contact.case, contact.agent, contact.summary, contact.outcome) == (
        "Z1",
        "anna",
        "Komt morgen terug",
        "waiting",
    )
    card = anna.get(f"/desk/calls/{sid}/card").text
    assert "Komt morgen terug</textarea>" in card
    assert re.search(r'value="waiting" checked', card)


def test_the_desk_lists_what_the_agent_owes_and_their_calls(
    anna: FlaskClient, settings: config.Settings
) -> None:
    sid = office.call_in(settings, ADA)
    office.pick_up(sid)
    office.hang_up(settings, sid)
    now = datetime.now(UTC) - timedelta(minutes=1)
    with transaction() as session:
        session.add(
            Promise(
                origin="test:1",
                number="+31699999999",
                customer="K1",
                case="Z1",
                agent="anna",
                team="Burgerzaken",
                language="nl",
                due_at=now,
                created_at=now,
                state="open",
            )
        )

    board = seen(anna.get("/desk/board").text)

    assert re.search(r"Ik bel terug 1 vóór .* te laat Ada Lovelace te laat Zaak Z1", board)
    assert re.search(r"Laatste oproepen Ada Lovelace vandaag [0-9:]+ · gesproken · Zaak Z1", board)


def test_what_waits_for_an_answer_stands_above_what_is_owed_and_is_counted_at_the_top(
    anna: FlaskClient,
) -> None:
    now = datetime.now(UTC)
    with transaction() as session:
        factories.promise(session, customer="K1", now=now, due_at=now + timedelta(hours=1))
        for number in range(6):
            session.add(written(f"SM{number}", f"+3161111000{number}", now))

    page = anna.get("/desk").text

    assert page.index('id="messages-title"') < page.index('id="promises-title"')
    header = page[: page.index("</header>")]
    assert re.search(r'id="to-messages"[^>]*href="#messages-title"[^>]*data-count="6">', header)
    assert "6 berichten wachten" in header
    assert "Nog 2 berichten" in page
    with transaction() as session:
        session.execute(update(Message).values(handled_at=now))
    assert re.search(r'id="to-messages"[^>]* hidden>', anna.get("/desk").text)


def written(sid: str, number: str, at: datetime) -> Message:
    return Message(
        sid=sid,
        direction="inbound",
        number=number,
        line=factories.LINE,
        body="Wanneer belt u?",
        agent="anna",
        team="Burgerzaken",
        status="received",
        at=at,
    )


# --- presence ----------------------------------------------------------------------------------------


def presence_of(agent: str) -> Presence:
    with transaction() as session:
        return session.get_one(Presence, agent)


def test_an_agent_says_what_they_do_and_for_how_long(anna: FlaskClient) -> None:
    status, panel = ask(anna, "/desk/presence", state="break", minutes="15")

    presence = presence_of("anna")
    assert status == 200
    assert presence.intent == Intent.BREAK
    assert presence.back_at is not None
    assert presence.intent_since is not None
    assert presence.back_at - presence.intent_since == timedelta(minutes=15)
    assert re.search(r"Pauze .* terug om [0-9:]+", seen(panel))


@pytest.mark.parametrize("form", [{"state": "asleep"}, {"reach": "moon"}, {"minutes": "many"}])
def test_a_choice_that_we_do_not_know_changes_nothing(anna: FlaskClient, form: dict[str, str]) -> None:
    assert send(anna, "/desk/presence", **form) == 422
    assert (presence_of("anna").intent, presence_of("anna").reach) == (Intent.AVAILABLE, Reach.DESK)


def test_a_phone_that_nobody_knows_can_not_be_chosen(anna: FlaskClient) -> None:
    status, panel = ask(anna, "/desk/presence", reach="phone")

    assert status == 422
    assert "We hebben geen telefoonnummer van u" in panel
    assert presence_of("anna").reach == Reach.DESK


@pytest.mark.parametrize(
    ("phone", "reach", "softphone", "words"),
    [
        ("+31612344567", Reach.PHONE, Softphone.NONE, "Oproepen gaan over op uw telefoon …\u20604567."),
        (
            "+31612344567",
            Reach.DESK,
            Softphone.NONE,
            "uw telefoon …\u20604567, tot een kwartier nadat u deze pagina sluit",
        ),
        (None, Reach.DESK, Softphone.NONE, "wij kunnen u niet bellen"),
        (None, Reach.DESK, Softphone.READY, "Oproepen gaan over in dit venster."),
    ],
)
def test_the_desk_says_honestly_where_a_call_will_ring(
    anna: FlaskClient, phone: str | None, reach: Reach, softphone: Softphone, words: str
) -> None:
    with transaction() as session:
        agent = session.get_one(Agent, "anna")
        agent.phone, agent.presence.reach, agent.presence.softphone = phone, reach, softphone
        agent.presence.heartbeat_at = datetime.now(UTC)

    assert words in seen(anna.get("/desk/presence").text)


def test_an_unanswered_ring_shows_the_way_back(anna: FlaskClient) -> None:
    with transaction() as session:
        status = session.get_one(Presence, "anna")
        status.intent, status.intent_why = Intent.AWAY, "unanswered_ring"

    panel = anna.get("/desk/presence").text

    assert "U nam een oproep niet op" in panel
    assert send(anna, "/desk/presence", state="available") == 200
    assert "U nam een oproep niet op" not in anna.get("/desk/presence").text


def test_wrapping_up_waits_for_who_writes_about_that_call(
    anna: FlaskClient, settings: config.Settings
) -> None:
    first, second = office.call_in(settings, ADA), ""
    office.pick_up(first)
    office.hang_up(settings, first)
    town.everybody_free_again()
    second = office.call_in(settings, ADA)
    office.pick_up(second)
    office.hang_up(settings, second)
    soon = datetime.now(UTC) + timedelta(seconds=2)
    town.change("anna", wrap_up_until=soon)

    assert send(anna, f"/desk/calls/{first}/notes", summary="Over het vorige gesprek", outcome="") == 200
    assert presence_of("anna").wrap_up_until == soon
    assert send(anna, f"/desk/calls/{second}/notes", summary="Nog bezig met", outcome="") == 200
    until = presence_of("anna").wrap_up_until
    assert until is not None
    assert until > soon + timedelta(seconds=10)


def test_wrapping_up_can_be_made_longer_and_ended(anna: FlaskClient, settings: config.Settings) -> None:
    sid = office.call_in(settings, ADA)
    office.pick_up(sid)
    office.hang_up(settings, sid)
    until = presence_of("anna").wrap_up_until
    assert presence_of("anna").activity == Activity.WRAPPING_UP
    assert until is not None

    _status, panel = ask(anna, "/desk/wrap-up", what="extend")
    longer = presence_of("anna").wrap_up_until
    assert longer is not None
    assert longer > until
    assert "Nog een minuut" in panel

    assert send(anna, "/desk/wrap-up", what="done") == 200
    assert presence_of("anna").activity == Activity.IDLE


def test_the_heartbeat_proves_that_the_desk_lives(anna: FlaskClient) -> None:
    with transaction() as session:
        session.get_one(Presence, "anna").heartbeat_at = None
    with anna.session_transaction() as cookie:
        token = cookie["csrf"]

    response = anna.post(
        "/desk/heartbeat", json={"visible": True, "softphone": "none"}, headers={"X-CSRF-Token": token}
    )

    assert response.status_code == 204
    status = presence_of("anna")
    assert status.heartbeat_at is not None
    assert (status.desk_visible, status.softphone) == (True, Softphone.NONE)


@pytest.mark.parametrize("body", [[], ["ready"], "ready", 1])
def test_a_heartbeat_that_says_nothing_of_a_telephone_reports_none(anna: FlaskClient, body: object) -> None:
    token = office.token_in(anna.get("/desk").text)

    assert anna.post("/desk/heartbeat", json=body, headers={"X-CSRF-Token": token}).status_code == 204

    with transaction() as session:
        assert session.get_one(Presence, "anna").softphone == Softphone.NONE


def test_a_heartbeat_with_an_unknown_telephone_is_refused_by_field(anna: FlaskClient) -> None:
    with anna.session_transaction() as cookie:
        token = cookie["csrf"]

    response = anna.post("/desk/heartbeat", json={"softphone": "cordless"}, headers={"X-CSRF-Token": token})

    assert response.status_code == 422
    assert "softphone" in response.text


def test_without_a_script_the_buttons_still_work(anna: FlaskClient) -> None:
    token = office.token_in(anna.get("/desk").text)

    response = anna.post("/desk/presence", data={"state": "off", "csrf": token})

    assert (response.status_code, response.location) == (303, "/desk")
    assert presence_of("anna").intent == Intent.OFF


# --- every page --------------------------------------------------------------------------------------


def example_of(rule: str) -> str:
    """Return an address that a rule takes, whatever it stands for."""
    path = re.sub(r"<any\((\w+)[^>]*>", r"\1", rule).replace("<call_sid>", "CA1")
    return re.sub(r"<(?:int:)?\w+>", "1", path)


def changing_routes(flask_app: Flask) -> list[str]:
    return sorted(
        example_of(rule.rule)
        for rule in flask_app.url_map.iter_rules()
        if (rule.methods or set()) - web.SAFE_METHODS and not rule.rule.startswith(web.WITHOUT_SESSION)
    )


def test_what_a_customer_writes_stands_at_the_owners_desk(
    anna: FlaskClient, client: FlaskClient, settings: config.Settings
) -> None:
    form = {"MessageSid": "SM" + "a" * 32, "From": ADA, "To": factories.LINE, "Body": "Liever na vijven <b>"}

    for _ in range(2):  # the carrier repeats itself
        assert signed(client, settings, "/messages/incoming", MultiDict(form)).status_code == 200

    board = anna.get("/desk/board").text
    assert board.count("Liever na vijven &lt;b&gt;") == 1
    assert "Ada Lovelace" in board


def test_every_change_needs_the_sessions_token(flask_app: Flask, anna: FlaskClient) -> None:
    routes = changing_routes(flask_app)
    assert {"/login", "/logout", "/language", "/desk/presence", "/desk/calls/CA1/notes"} <= set(routes)

    for route in routes:
        assert anna.post(route, data={"state": "off"}).status_code == 400, route
        assert anna.post(route, data={"state": "off", "csrf": "guessed"}).status_code == 400, route
    assert presence_of("anna").intent == Intent.AVAILABLE


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://localhost:9"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_change_that_another_site_asks_for_is_refused_even_with_the_token(
    anna: FlaskClient, headers: dict[str, str]
) -> None:
    with anna.session_transaction() as session:
        token = session["csrf"]

    response = anna.post("/desk/presence", data={"state": "off", "csrf": token}, headers=headers)

    assert response.status_code == 400
    assert presence_of("anna").intent == Intent.AVAILABLE


def test_every_route_of_the_desk_asks_who_one_is(flask_app: Flask) -> None:
    client = flask_app.test_client()
    routes = [rule.rule for rule in flask_app.url_map.iter_rules() if rule.rule.startswith("/desk")]
    assert len(routes) >= 12
    with client.session_transaction() as session:
        session["csrf"] = "token"

    for route in routes:
        path = example_of(route)
        answers = {
            client.get(path).status_code,
            client.post(path, headers={"X-CSRF-Token": "token"}).status_code,
        }
        assert answers <= {401, 405}, route


def test_every_route_of_the_desk_needs_a_desk(flask_app: Flask) -> None:
    with transaction() as session:
        email = office.user(session, None, Role.ADMIN)
    client = flask_app.test_client()
    office.sign_in(client, email)

    for rule in flask_app.url_map.iter_rules():
        if rule.rule.startswith("/desk") and "GET" in (rule.methods or set()):
            assert client.get(example_of(rule.rule)).status_code == 403, rule.rule


@pytest.mark.parametrize("path", ["/login", "/desk", "/nowhere"])
def test_pages_carry_their_safety_headers(anna: FlaskClient, path: str) -> None:
    headers = anna.get(path, headers={"Accept": "text/html"}).headers
    policy = headers["Content-Security-Policy"]

    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cache-Control"] == "no-store"


def test_pages_hold_nothing_that_the_policy_would_stop(anna: FlaskClient, settings: config.Settings) -> None:
    office.call_in(settings, ADA)
    pages = [anna.get("/desk").text, anna.application.test_client().get("/login").text]

    for page in pages:
        assert not re.search(r"<script(?![^>]*src=)|<style|\sstyle=|\son[a-z]+=|https?://(?!zaken)", page)


@pytest.mark.parametrize(
    ("language", "words"), [("nl", "Werkt u hier? Log dan in."), ("en", "Do you work here? Then sign in.")]
)
def test_an_error_page_says_what_to_do_in_the_readers_language(
    client: FlaskClient, language: str, words: str
) -> None:
    page = client.get("/nowhere", headers={"Accept": "text/html", "Accept-Language": language})

    assert page.status_code == 404
    assert words in page.text


def test_a_failure_shows_a_page_and_no_trace(flask_app: Flask, caplog: pytest.LogCaptureFixture) -> None:
    def fails() -> str:
        raise RuntimeError("secret detail")

    flask_app.add_url_rule("/fails", view_func=fails)

    page = flask_app.test_client().get("/fails", headers={"Accept": "text/html"})

    assert page.status_code == 500
    assert "Bellers worden gewoon verbonden" in page.text
    assert re.findall(r'<a [^>]*href="([^"]+)"', page.text) == ["/"]
    assert "secret detail" not in page.text
    assert "secret detail" in caplog.text


def test_the_front_door_leads_to_signing_in_and_then_to_the_desk(
    client: FlaskClient, anna: FlaskClient
) -> None:
    assert client.get("/").location == "/login"
    assert anna.get("/").location == "/desk"
    assert anna.get("/login").location == "/desk"
    with client.get("/favicon.ico") as icon:
        assert icon.mimetype == "image/svg+xml"


# --- words -------------------------------------------------------------------------------------------


def used_codes() -> set[str]:
    """Return every code of page.toml that a template or a view names, with * where it is put together."""
    found: set[str] = set()
    named = re.compile(r"""\bt\(f?["']([a-z_0-9]+)(["']\s*~|{)?""")
    # What stands behind w( is of another page's own file.
    for_scripts = "alarm|notify|title|say|notes|shortcut|softphone|telephone|quality|device|microphone"
    listed = re.compile(rf'(?<!\bw\()"((?:{for_scripts})_[a-z_]*[a-z])"')
    for file in [*(APP / "templates").rglob("*.html"), *APP.rglob("*.py")]:
        text = file.read_text()
        found |= {code + ("*" if is_put_together else "") for code, is_put_together in named.findall(text)}
        found |= set(re.findall(r'_problem\(\d+, "([a-z_]+)"', text))
        found |= set(re.findall(r'return "(ring_test_[a-z_]+)"', text))
        if file.suffix == ".html":
            found |= set(listed.findall(text))
    return found


def test_every_word_on_a_page_exists_and_is_used() -> None:
    texts = tomllib.loads((APP / "catalogue" / "page.toml").read_text())
    used = used_codes()

    for code in used:
        if not code.endswith("*"):
            assert code in texts, f"page.{code} has no text"
    prefixes = tuple(code[:-1] for code in used if code.endswith("*"))
    assert {code for code in texts if code not in used and not code.startswith(prefixes)} == set()


def test_a_database_that_is_away_is_told_as_something_that_passes(anna: FlaskClient, tmp_path: Path) -> None:
    real, away = db.current(), db.bind(db.Database(f"sqlite:///{tmp_path}"))  # a folder is no database
    try:
        answer = anna.get("/desk/presence")
        page = anna.get("/desk", headers={"Accept": "text/html"})
    finally:
        db.bind(real)
        away.dispose()

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert page.status_code == 503
    assert "It is too busy right now" in seen(page.text) or "Het is nu te druk" in seen(page.text)
