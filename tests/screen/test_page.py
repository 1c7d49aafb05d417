"""Do the two see the same beside their call, nobody else anything, and nothing private too early?"""

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from flask import Flask
from sqlalchemy import select, update

from app import db
from app.door import guessing
from app.records.audit import AuditPending
from app.records.calls import Call
from app.records.lines import Line
from app.records.messages import Message, MessageStop
from app.records.screen import ScreenPage
from app.screen import ways_in
from config import Settings
from tests import factories
from tests.factories import ADA, BEN
from tests.screen import table
from tests.screen.table import SECRETS, Agent, Customer


def test_before_the_agent_has_checked_the_page_names_the_agent_and_the_line_alone(
    anna: Agent, ada: Customer
) -> None:
    anna.press("put", choice="klopt")

    seen = ada.get().text

    assert "U praat met Anna" in seen
    assert "Algemeen" in seen
    assert not [secret for secret in (*SECRETS, "Woorden klopt") if secret in seen]
    assert "komt na uw controle" in anna.panel()

    anna.press("checked")

    seen = ada.get().text
    assert "Zaak Z1" in seen
    assert "Woorden klopt" in seen
    assert "Lovelace" not in seen
    assert "gezien" in anna.panel()


def test_the_cards_own_check_counts_and_another_customer_undoes_it(anna: Agent, ada: Customer) -> None:
    anna.card_press("checked")
    before = ada.get("/b/part")
    assert "Zaak Z1" in before.text
    assert ada.get(f"/b/part?has={before.headers['X-Stamp']}").status_code == 204, "nothing is new"
    due = (datetime.now(UTC) + timedelta(minutes=40)).isoformat()
    anna.card_press("promise", due_at=due)
    after = ada.get(f"/b/part?has={before.headers['X-Stamp']}")
    assert "Anna belt u" in after.text, "what is agreed on stands there at once"
    with db.transaction() as session:
        factories.customer(session, "eve", BEN)
        factories.case(session, "Z9", "eve")

    anna.card_press("pick", customer="eve", case="Z9")

    seen = ada.get().text
    assert "Zaak" not in seen
    assert table.page_of(anna.sid).checked_at is None


def test_a_check_before_there_was_a_page_counts_as_well(anna: Agent, flask_app: Flask) -> None:
    anna.card_press("checked")
    browser = Customer(flask_app)
    browser.type(anna.code())

    assert "Zaak Z1" in browser.get().text


def test_a_check_of_somebody_else_before_there_was_a_page_counts_for_nobody(
    anna: Agent, flask_app: Flask
) -> None:
    with db.transaction() as session:
        factories.customer(session, "eve", BEN)
        factories.case(session, "Z9", "eve")
    anna.card_press("checked")
    assert "Nog niet gecontroleerd" not in anna.panel()
    anna.card_press("pick", customer="eve", case="Z9")
    browser = Customer(flask_app)
    browser.type(anna.code())

    assert "Zaak" not in browser.get().text
    assert "Nog niet gecontroleerd" in anna.panel()


def test_what_was_agreed_and_by_when_stands_there(anna: Agent, ada: Customer) -> None:
    anna.press("checked")
    with db.transaction() as session:
        due = datetime.now(UTC) + timedelta(minutes=40)
        factories.promise(session, customer="ada", case="Z1", agent="anna", due_at=due, now=datetime.now(UTC))

    assert "Anna belt u" in ada.get().text
    assert "Anna will ring you back" in ada.get("/b?lang=en").text


def test_a_link_is_texted_and_needs_a_press_so_that_a_preview_takes_nothing(
    anna: Agent, flask_app: Flask
) -> None:
    assert anna.press("offer", by="sms").status_code == 200
    link = table.link_in_message()
    preview, phone = Customer(flask_app), Customer(flask_app)

    assert preview.get(link).status_code == 200
    assert preview.get("/b").status_code == 303
    assert phone.post(link).location == "/b"
    assert "U praat met Anna" in phone.get().text
    assert "kijkt mee sinds" in anna.panel()
    # The same browser goes on where it was, also by its link.
    assert phone.get(link).location == "/b"
    with db.reading() as session:
        [message] = session.scalars(select(Message)).all()
        assert (message.number, message.author, message.case) == (ADA, "anna", "Z1")
        whats = session.scalars(select(AuditPending.what)).all()
    assert "screen_offered" in whats


def test_a_second_device_waits_for_the_agent_and_the_first_one_loses_the_page(
    anna: Agent, flask_app: Flask
) -> None:
    anna.press("offer", by="sms")
    link = table.link_in_message()
    first, second = Customer(flask_app), Customer(flask_app)
    first.post(link)
    anna.press("checked")

    second.post(link)

    assert "Zaak Z1" not in second.get().text
    assert second.client.get("/b/part").status_code == 409
    assert "Zaak Z1" in first.get().text
    assert "ander apparaat" in anna.panel()
    anna.press("device", let="out")
    assert second.get().status_code == 410
    second.post(link)
    anna.press("device", let="in")
    assert "Zaak Z1" in second.get().text
    assert first.get().status_code == 410


def test_a_code_works_once_and_not_for_long(anna: Agent, flask_app: Flask) -> None:
    code = anna.code()
    assert set(code) <= set(ways_in.CODE_LETTERS)
    assert code[:3] in anna.panel()
    first, second = Customer(flask_app), Customer(flask_app)

    assert first.type(f" {code[:3].lower()}-{code[3:]} ").status_code == 303
    assert second.type(code).status_code == 422
    stale = anna.code()
    with db.transaction() as session:
        session.execute(update(ScreenPage).values(code_ends_at=datetime.now(UTC) - timedelta(seconds=1)))
    assert second.type(stale).status_code == 422


def test_a_new_code_ends_the_one_before_and_there_are_few_of_a_call(anna: Agent, flask_app: Flask) -> None:
    old = anna.code()
    new = anna.code()
    browser = Customer(flask_app)

    assert browser.type(old).status_code == 422
    assert browser.type(new).status_code == 303
    for _ in range(ways_in.MOST_CODES):
        answer = anna.press("offer", by="code")
    assert answer.status_code == 409
    assert "genoeg codes" in answer.text


def test_guessing_is_slowed_down_for_an_address_and_for_all_of_them(
    anna: Agent, flask_app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    code = anna.code()
    guesser = Customer(flask_app)
    answers = [guesser.type("AAAAAA").status_code for _ in range(guessing.CODES_FROM_ONE[0] + 1)]
    assert answers == [422] * guessing.CODES_FROM_ONE[0] + [429]
    assert guesser.type(code).status_code == 429
    # Somebody else isn't held up by that one.
    assert Customer(flask_app, "192.0.2.9").type("BBBBBB").status_code == 422

    throttle = guessing.Throttle.of_codes("192.0.2.200", anna.settings.secret_key)
    with db.transaction() as session:
        for _ in range(guessing.CODES_EVERYWHERE[0]):
            session.add(guessing.SignInAttempt(subject=throttle.bounds[-1].subject, at=datetime.now(UTC)))
    answer = Customer(flask_app, "192.0.2.200").type("CCCCCC")
    assert (answer.status_code, int(answer.headers["Retry-After"]) > 0) == (429, True)


def test_many_wrong_codes_raise_an_alarm(
    anna: Agent, flask_app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    throttle = guessing.Throttle.of_codes("192.0.2.200", anna.settings.secret_key)
    with db.transaction() as session:
        for _ in range(ways_in.ALARM_AT - 1):
            session.add(guessing.SignInAttempt(subject=throttle.bounds[-1].subject, at=datetime.now(UTC)))

    Customer(flask_app, "192.0.2.8").type("AAAAAA")

    assert "being guessed" in caplog.text
    told = flask_app.test_cli_runner().invoke(args=["doctor", "--offline"]).output
    assert f"SICK  screen codes: {ways_in.ALARM_AT} codes that are none were typed" in told


def test_the_customer_stops_it_and_nothing_opens_it_again_but_the_agent(
    anna: Agent, flask_app: Flask
) -> None:
    anna.press("offer", by="sms")
    link, phone = table.link_in_message(), Customer(flask_app)
    phone.post(link)
    anna.press("checked")
    cookie = phone.client.get_cookie("rechtdoor-screen")
    assert cookie is not None

    assert phone.post("/b/stop").status_code == 200

    replay = Customer(flask_app)
    replay.client.set_cookie("rechtdoor-screen", cookie.value)
    assert replay.get().status_code == 410
    assert replay.client.get("/b/state").json == {"state": "over"}
    assert replay.client.get("/b/events").status_code == 204
    assert replay.post(link).status_code == 410
    assert "De klant stopte" in anna.panel()
    replay.type(anna.code())
    assert "Zaak Z1" in replay.get().text


@pytest.mark.parametrize(("minutes", "status"), [(14, 200), (16, 410)])
def test_the_page_lives_as_long_as_the_call_and_its_grace(
    anna: Agent, ada: Customer, minutes: int, status: int
) -> None:
    anna.press("checked")
    anna.press("put", choice="klopt")
    anna.hang_up()
    with db.transaction() as session:
        ended = datetime.now(UTC) - timedelta(minutes=minutes)
        session.execute(update(Call).where(Call.sid == anna.sid).values(ended_at=ended))

    seen = ada.get()

    assert seen.status_code == status
    assert ("Zaak Z1" in seen.text) is (status == 200)
    assert ("U sprak met Anna" in seen.text) is (status == 200)
    said = ada.post(f"/b/items/{table.item('question')}", answer="yes").status_code
    assert said == (303 if status == 200 else 410)
    assert anna.press("put", choice="klopt").status_code == (200 if status == 200 else 409)


def test_yes_and_no_and_a_day_come_back_to_the_card(anna: Agent, ada: Customer) -> None:
    anna.press("checked")
    for choice in ("klopt", "dag", "folder", "balie"):
        anna.press("put", choice=choice)
    anna.press("put", kind="question", words="Woont u <b>hier</b>?")
    with db.transaction() as session:
        factories.line(session, "+31201234599", hours="We 09:00-17:00")
    seen = ada.get().text
    assert "<b>hier" not in seen
    assert 'href="tel:+31201234500"' in seen
    days = re.findall('<option value="([^"]*)"', seen)
    assert {date.fromisoformat(one).weekday() for one in days} == {2}, "the line never closes, the team does"
    day = seen.partition('<option value="')[2][:10]

    assert ada.post(f"/b/items/{table.item('date')}", answer="2020-01-01").status_code == 422
    assert ada.post(f"/b/items/{table.item('date')}", answer=day).status_code == 303
    assert ada.post(f"/b/items/{table.item('question')}", answer="perhaps").status_code == 422
    assert ada.post(f"/b/items/{table.item('question')}", answer="no").status_code == 303
    # What was answered stays.
    assert ada.post(f"/b/items/{table.item('question')}", answer="yes").status_code == 409
    assert ada.get(f"/b/items/{table.item('question')}").location == "/b", "loaded anew it is the page again"
    opened = ada.get(f"/b/items/{table.item('document')}/open")
    assert opened.location == "https://www.example.nl/folder.pdf"
    panel = anna.panel()
    assert "U antwoordde: nee." in ada.get().text
    assert panel.count('data-item-state="answered"') == 3
    assert panel.count('data-item-state="seen"') == 2


def test_what_was_taken_away_is_gone_and_can_not_be_answered(anna: Agent, ada: Customer) -> None:
    anna.press("checked")
    anna.press("put", choice="klopt")
    item = table.item("question")

    anna.press(f"items/{item}/take-away")

    assert "Woorden klopt" not in ada.get().text
    assert ada.post(f"/b/items/{item}", answer="yes").status_code == 409


def test_nobody_reaches_anothers_page_items_or_call(
    anna: Agent, ada: Customer, flask_app: Flask, settings: Settings
) -> None:
    anna.press("checked")
    anna.press("put", choice="klopt")
    item = table.item("question")
    with db.transaction() as session:
        factories.agent(session, "cas")
        factories.customer(session, "eve", BEN)
        factories.case(session, "Z9", "eve", handled_by=("cas",))
    other = Agent(flask_app, settings, BEN, "cas")
    eve = Customer(flask_app)
    eve.type(other.code())
    other.press("checked")

    assert eve.post(f"/b/items/{item}", answer="yes").status_code == 409
    assert eve.get(f"/b/items/{item}/open").status_code == 409
    # Another agent, and another team's list.
    assert other.client.get(f"/desk/calls/{anna.sid}/screen").status_code == 404
    other.sid = anna.sid
    assert other.press("put", choice="klopt").status_code == 404
    assert anna.press("put", choice="anders").status_code == 409
    stranger = Customer(flask_app)
    stranger.client.set_cookie("rechtdoor-screen", "made up")
    assert stranger.get().status_code == 410


def test_a_number_that_gets_no_texts_or_wants_none_leaves_the_code(anna: Agent) -> None:
    assert anna.press("offer", by="sms", number="020 123 45 99").status_code == 409
    assert anna.press("offer", by="sms", number="nonsense").status_code == 409
    answer = anna.press("offer", by="whatsapp")
    assert "WhatsApp" in answer.text
    with db.transaction() as session:
        session.add(MessageStop(number=ADA, at=datetime.now(UTC), how="asked"))
    assert "Lees een code voor" in anna.press("offer", by="sms").text
    with db.reading() as session:
        assert session.scalars(select(Message)).all() == []


def test_by_whatsapp_it_goes_to_who_wrote_to_us_there(anna: Agent, flask_app: Flask) -> None:
    with db.transaction() as session:
        session.add(
            Message(
                sid="SM1",
                direction="inbound",
                channel="whatsapp",
                number=ADA,
                line=factories.LINE,
                body="Hoe staat het ervoor?",
                status="received",
                at=datetime.now(UTC) - timedelta(hours=2),
            )
        )
    assert "Stuur de link met WhatsApp" in anna.panel()

    assert anna.press("offer", by="whatsapp").status_code == 200

    assert Customer(flask_app).post(table.link_in_message()).location == "/b"
    with db.reading() as session:
        sent = session.scalars(select(Message).where(Message.direction == "outbound")).one()
        assert (sent.channel, sent.number) == ("whatsapp", ADA)


def test_a_line_that_does_so_texts_known_callers_a_link_by_itself(
    flask_app: Flask, settings: Settings
) -> None:
    table.set_up()
    with db.transaction() as session:
        session.get_one(Line, factories.LINE).sends_screen = True

    anna = Agent(flask_app, settings)

    assert Customer(flask_app).post(table.link_in_message()).location == "/b"
    assert "kijkt mee sinds" in anna.panel()
    with db.transaction() as session:
        sent = session.scalars(select(Message)).one()
        assert (sent.author, sent.number, sent.agent) == (None, ADA, "anna")


def test_strangers_are_texted_nothing_by_itself(flask_app: Flask, settings: Settings) -> None:
    table.set_up()
    with db.transaction() as session:
        session.get_one(Line, factories.LINE).sends_screen = True

    Agent(flask_app, settings, BEN)

    with db.reading() as session:
        assert session.scalars(select(Message)).all() == []


def test_a_form_that_comes_from_elsewhere_is_refused(ada: Customer) -> None:
    refused = ada.client.post("/b/stop", headers={"Origin": "https://evil.example", "Accept": "text/html"})
    assert refused.status_code == 400
    assert ada.get().status_code == 200


def test_pages_keep_to_the_strict_policy_and_are_kept_nowhere(ada: Customer) -> None:
    headers = ada.get().headers
    assert "script-src 'self'; style-src 'self'" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"
    cookie = ada.client.get_cookie("rechtdoor-screen")
    assert cookie is not None
    assert (cookie.http_only, cookie.same_site) == (True, "Lax")
