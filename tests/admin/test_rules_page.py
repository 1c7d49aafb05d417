"""Can somebody who writes no code change who gets which caller, and is nobody's work lost? Without script."""

import html
import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from app import db
from app.records.access import UserSession
from app.records.agents import Role
from app.records.calls import CallStep
from app.records.rules import RuleVersion
from app.routing import last_week, publishing, trials
from app.routing.ladder import OF_A_RULE
from config import Settings
from tests import factories
from tests.desk import office
from tests.factories import ADA, BEN

BRAM = "bram@example.nl"


@pytest.fixture(autouse=True)
def town(flask_app: Flask) -> Iterator[None]:
    last_week.forget()
    with db.transaction() as session:
        factories.line(session)
        for key in ("anna", "bram"):
            factories.agent(session, key)
        factories.customer(session, "ada", ADA).tags = ["VIP"]
        for key, role in (("anna", Role.ADMIN), ("bram", Role.ADMIN)):
            office.user(session, key, role)
        for role in (Role.SUPERVISOR, Role.AUDITOR):
            office.user(session, None, role)
    yield
    last_week.forget()


class Page:
    """The page as one admin has it in their browser."""

    def __init__(self, app: Flask, email: str = "anna@example.nl") -> None:
        self.client = app.test_client()
        self.csrf = office.sign_in(self.client, email)
        self.look()

    def look(self, query: str = "") -> str:
        answer = self.client.get(f"/admin/rules{query}")
        assert answer.status_code == 200, answer.text
        self.text = answer.text
        self.revision, self.based_on = re.findall(r'name="(?:revision|based_on)" value="(\d+)"', self.text)[
            :2
        ]
        return self.text

    def send(self, path: str, **fields: Any) -> TestResponse:
        seen = {"revision": self.revision, "based_on": self.based_on, "csrf": self.csrf}
        return self.client.post(f"/admin/rules{path}", data={**seen, **fields})

    def does(self, path: str, **fields: Any) -> str:
        """Send a form, and follow to the page that says what came of it."""
        answer = self.send(path, **fields)
        assert answer.status_code == 303, answer.text
        return self.look("?" + answer.headers["Location"].partition("?")[2].partition("#")[0])

    def edits(self, rule: str, **fields: Any) -> TestResponse:
        return self.send(f"/rule/{rule}", edited="1", **fields)


@pytest.fixture
def anna(flask_app: Flask, town: None) -> Page:
    return Page(flask_app)


@pytest.fixture
def bram(flask_app: Flask, town: None) -> Page:
    return Page(flask_app, BRAM)


def drafted() -> list[dict[str, Any]]:
    with db.reading() as session:
        return list(publishing.draft(session).document["rules"])


def sentences(page: str) -> list[str]:
    found = re.findall(r'<p class="sentence" data-part="sentence">(.*?)</p>', page, re.S)
    return [html.unescape(re.sub(r"<[^>]+>", "", one)) for one in found]


def test_without_rules_the_page_explains_itself_and_offers_examples(anna: Page) -> None:
    assert "Er zijn nog geen regels" in anna.text
    assert anna.text.count('name="example"') == 4

    page = anna.does("/add", example="vip")

    assert sentences(page)[0] == "Als de klant het kenmerk VIP heeft: bel eerst Anna Jansen."
    assert "Regel 1 is erbij." in page


def test_the_words_of_a_sentence_lead_to_the_fields_in_which_they_are_changed(anna: Page) -> None:
    anna.does("/add", example="often")
    rule = drafted()[0]["id"]

    page = anna.look(f"?open={rule}")

    for row in ("when-0", "then-who"):
        assert f'href="/admin/rules?open={rule}#{rule}-{row}"' in page
        assert f'id="{rule}-{row}"' in page
    answer = anna.edits(
        rule,
        **{
            "name": "Te vaak",
            "when-0-fact": "case.calls",
            "when-0-from": "5",
            "when-0-to": "",
            "when-0-days": "14",
            "when-1-fact": "case.team",
            "when-1-how": "is_not",
            "when-1-more": "Belastingen, Burgerzaken",
            "then-who": "team:Burgerzaken",
            "then-wait_for_owner_seconds": "2",
            "then-wait_for_owner_seconds-unit": "minutes",
            "then-records_messages": "no",
        },
    )

    assert answer.status_code == 303
    assert drafted() == [
        {
            "id": rule,
            "name": "Te vaak",
            "enabled": True,
            "when": [
                {"fact": "case.calls", "at_least": 5, "days": 14},
                {"fact": "case.team", "is_not": ["Belastingen", "Burgerzaken"]},
            ],
            "then": {
                "first": {"team": "Burgerzaken"},
                "wait_for_owner_seconds": 120,
                "records_messages": False,
            },
        }
    ]


def test_a_rule_is_added_to_duplicated_switched_off_moved_removed_and_brought_back(anna: Page) -> None:
    anna.does("/add")
    rule = drafted()[0]["id"]
    assert not drafted()[0]["enabled"]
    anna.does(f"/rule/{rule}", **{"edited": "1", "do": "add", "add-fact": "case.team"})
    assert drafted()[0]["when"] == [{"fact": "case.team", "is": ["Burgerzaken"]}]
    fields = {"edited": "1", "when-0-fact": "case.team", "when-0-how": "is", "when-0-value": "Burgerzaken"}
    anna.does(f"/rule/{rule}", do="switch", **fields)
    anna.does(f"/rule/{rule}", do="duplicate")
    assert [one["enabled"] for one in drafted()] == [True, False]
    copy = drafted()[1]["id"]

    assert "op plaats 1" in anna.does(f"/rule/{copy}", do="up")
    assert [one["id"] for one in drafted()] == [copy, rule]
    anna.does(f"/rule/{copy}", do="to:1")
    assert [one["id"] for one in drafted()] == [rule, copy]

    page = anna.does(f"/rule/{rule}", do="remove")

    assert [one["id"] for one in drafted()] == [copy]
    of, version = re.findall(r'name="of(?:_version)?" value="(\d+)"', page)
    anna.does("/restore", rule=rule, of=of, of_version=version)
    assert [one["id"] for one in drafted()] == [rule, copy]
    anna.does(f"/rule/{rule}", do="drop:0", **fields)
    assert drafted()[0]["when"] == []


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"when-0-fact": "case.team", "when-0-how": "is"}, "Kies of typ er minstens één"),
        ({"when-0-fact": "case.calls", "when-0-from": "veel", "when-0-days": "7"}, "heel getal zijn van 0"),
        ({"when-0-fact": "time", "when-0-from": "17:00", "when-0-to": "09:00"}, "vóór het tweede komen"),
        ({"when-0-fact": "caller.country", "when-0-more": "Duitsland"}, "een land van twee letters"),
        (
            {"then-owner_ring_seconds": "5", "then-owner_ring_seconds-unit": "seconds"},
            "van 10 tot en met 120",
        ),
        ({"name": "n" * 200}, "hoogstens 120"),
    ],
)
def test_what_cannot_be_said_is_told_at_its_field_and_nothing_is_lost(
    anna: Page, fields: dict[str, str], says: str
) -> None:
    anna.does("/add", example="vip")
    before = drafted()

    answer = anna.edits(before[0]["id"], **{"name": "Onze VIP’s", **fields})

    assert answer.status_code == 422
    assert drafted() == before
    [said] = re.findall(r'class="field-mistake"[^>]*data-mistake="[^"]+">([^<]+)<', answer.text)
    assert says in html.unescape(said)
    assert fields.get("name", "Onze VIP’s") in answer.text
    assert answer.text.count('aria-invalid="true"') == 1


def test_the_installations_own_settings_are_part_of_the_draft(anna: Page) -> None:
    page = anna.look("?open=ladder")
    assert "Anders, altijd" in page

    anna.does(
        "/ladder",
        **{
            "edited": "1",
            "ladder-wait_for_owner_seconds": "2",
            "ladder-wait_for_owner_seconds-unit": "minutes",
            "ladder-counter_to_counter": "",
        },
    )

    with db.reading() as session:
        ladder = publishing.draft(session).rules.ladder
    assert (ladder.wait_for_owner_seconds, ladder.counter_to_counter) == (120, None)
    assert ladder.owner_ring_seconds == 25
    assert "wacht hoogstens 2 minuten op wie het eerst gebeld wordt in plaats van 4 minuten" in anna.text


def test_the_installation_has_a_greeting_for_lines_that_have_none_and_takes_it_back(anna: Page) -> None:
    """All that a rule may leave out has a field among the installation's settings, but for whom to ring."""
    fields = re.findall(r'name="ladder-([a-z_]+?)(?:-unit|-shown)?"', anna.look("?open=ladder"))
    of_a_rule = {{"teams": "extra_teams"}.get(name, name) for name in OF_A_RULE} - {"first", "only"}
    assert of_a_rule <= set(fields)

    said = {"edited": "1", "ladder-greeting": "Goedendag.", "ladder-records_messages": "no"}
    anna.does("/ladder", **said)
    with db.reading() as session:
        ladder = publishing.draft(session).rules.ladder
    assert (ladder.greeting, ladder.records_messages) == ("Goedendag.", False)
    assert "zeg eerst “Goedendag.”" in html.unescape(anna.text)
    assert "neem niet op wat de beller inspreekt" in anna.text

    anna.does("/ladder", **{**said, "ladder-greeting": "", "ladder-records_messages": ""})
    with db.reading() as session:
        ladder = publishing.draft(session).rules.ladder
    assert (ladder.greeting, ladder.records_messages) == (None, None)


# --- two people in one draft --------------------------------------------------------------------------


def test_two_change_different_rules_and_both_stay(anna: Page, bram: Page) -> None:
    anna.does("/add", example="vip")
    bram.look()

    anna.does("/add", example="often")
    bram.does("/add", example="friday")

    assert {json.dumps(one["then"]) for one in drafted()} == {
        '{"first": {"agent": "anna"}}',
        '{"first": "supervisor"}',
        '{"only": "promise"}',
    }


@pytest.mark.parametrize("take", ["mine", "theirs", "both"])
def test_two_change_the_same_rule_and_each_sees_both_texts(anna: Page, bram: Page, take: str) -> None:
    anna.does("/add", example="vip")
    rule = drafted()[0]["id"]
    bram.look()
    tag = {"when-0-fact": "customer.tag", "when-0-how": "is", "when-0-value": "VIP"}
    anna.edits(rule, **tag, **{"then-who": "supervisor"})

    answer = bram.edits(rule, **tag, **{"then-who": "owner"})

    assert answer.status_code == 409
    texts = re.findall(r"<h4>.*?</h4><p>(.*?)</p>", answer.text)
    assert texts == [
        "Als de klant het kenmerk VIP heeft: bel eerst de behandelaar.",
        "Als de klant het kenmerk VIP heeft: bel eerst een leidinggevende.",
    ]
    assert "Neem die van Anna Jansen" in answer.text
    bram.text = answer.text
    bram.revision, bram.based_on = re.findall(r'name="(?:revision|based_on)" value="(\d+)"', answer.text)[:2]
    [mine] = re.findall(r'name="mine" value="([^"]+)"', answer.text)

    bram.does("/settle", rule=rule, mine=html.unescape(mine), take=take)

    firsts = {"mine": ["owner"], "theirs": ["supervisor"], "both": ["supervisor", "owner"]}[take]
    assert [one["then"]["first"] for one in drafted()] == firsts
    assert [one["enabled"] for one in drafted()] == [True, False][: len(firsts)]


def test_one_takes_a_rule_away_that_another_changes_and_it_is_asked_about(anna: Page, bram: Page) -> None:
    anna.does("/add", example="vip")
    rule = drafted()[0]["id"]
    bram.look()
    anna.does(f"/rule/{rule}", do="remove")

    answer = bram.edits(rule, **{"then-who": "owner"})

    assert answer.status_code == 409
    assert "(weggehaald)" in answer.text
    assert "Altijd: bel eerst de behandelaar." in answer.text


# --- beside a rule ------------------------------------------------------------------------------------


@pytest.fixture
def rang(settings: Settings, town: None) -> list[str]:
    """Ada, who is a VIP, rang twice and Ben once."""
    return [office.call_in(settings, number) for number in (ADA, ADA, BEN)]


def test_beside_a_rule_stands_which_of_last_weeks_calls_it_would_take(
    rang: list[str], anna: Page, flask_app: Flask
) -> None:
    anna.does("/add", example="vip")
    page = anna.does("/add", example="often")

    assert "Zou 0 van de 3" in page
    assert "Onder geen regel: 1 van de 3 gesprekken van de afgelopen week" in page
    assert "Zou 2 van de 3 gesprekken van de afgelopen week krijgen" in page
    assert page.count("toen: geen regel") >= 2
    # Pages that this installation hasn't got are not led to.
    rules = [rule.rule for rule in flask_app.url_map.iter_rules()]
    for linked in ("/admin/calls/", "/admin/simulate"):
        assert (f'href="{linked}' in page) == any(rule.startswith(linked) for rule in rules)


def test_a_rule_that_can_get_no_call_is_told_which_one_takes_them(rang: list[str], anna: Page) -> None:
    anna.does("/add")
    everything = drafted()[0]["id"]
    anna.does(f"/rule/{everything}", do="switch")

    page = anna.does("/add", example="vip")

    assert "Deze regel krijgt nooit een gesprek: regel 1 neemt alles." in page
    assert "Zou 3 van de 3 gesprekken" in page
    assert "Zou 0 van de 3 gesprekken" in page


def test_calls_that_come_in_meanwhile_are_counted_within_a_minute(
    rang: list[str], anna: Page, settings: Settings, flask_app: Flask
) -> None:
    anna.does("/add", example="vip")
    office.call_in(settings, ADA)
    assert "Zou 2 van de 3" in anna.look()
    now = datetime.now(UTC)
    with db.transaction() as session:
        oldest = session.get_one(CallStep, (rang[0], 1))
        oldest.started_at = now - timedelta(days=7, minutes=-1)
        last_week.forget()
        assert len(last_week.calls(session, now).calls) == 4

        later = last_week.calls(session, now + timedelta(minutes=2))

    assert [call.sid for call in later.calls][:2] == rang[1:]
    assert len(later.calls) == len(later.asked.situations) == 3


def test_calls_of_more_than_a_week_ago_are_not_counted(rang: list[str], anna: Page) -> None:
    with db.transaction() as session:
        for step in session.scalars(select(CallStep)):
            step.started_at -= timedelta(days=8)
    last_week.forget()

    assert "De afgelopen week is er niet gebeld" in anna.does("/add", example="vip")


# --- publishing ---------------------------------------------------------------------------------------


def test_the_draft_is_published_with_its_why_and_put_back_with_one_press(anna: Page) -> None:
    page = anna.does("/add", example="often")
    assert "Nieuw: regel 1. Als het aantal gesprekken over de zaak in 7 dagen minstens 3 is" in page

    assert anna.send("/publish", why=" ").status_code == 422
    page = anna.does("/publish", why="Bellers bleven rondgestuurd worden")

    assert "Versie 2 geldt nu." in page
    assert "Bellers bleven rondgestuurd worden" in page
    assert "Anna Jansen" in page
    assert "Het concept is gelijk aan versie 2" in page

    page = anna.does("/versions/1", why="Te veel leidinggevenden")

    assert "Versie 3 geldt nu, met de regels van eerder." in page
    assert drafted() == []
    with db.reading() as session:
        newest = session.get_one(RuleVersion, 3)
    assert (newest.restores, newest.published_by, newest.why) == (
        1,
        "anna@example.nl",
        "Te veel leidinggevenden",
    )


def test_what_cannot_be_proved_is_not_published_and_says_why(anna: Page) -> None:
    anna.does("/add", example="vip")
    rule = drafted()[0]["id"]
    anna.does(f"/rule/{rule}", **{"edited": "1", "then-who": "agent:zoe"})
    assert "Regel 1: noemt “zoe”, en die is er niet" in anna.text

    answer = anna.send("/publish", why="Zoë kent ze")

    assert answer.status_code == 422
    assert "Niet gepubliceerd" in answer.text
    assert "Zoë kent ze" in answer.text


def test_a_draft_by_which_saved_calls_go_astray_is_published_with_a_reason_of_its_own(anna: Page) -> None:
    call = {"caller": {"kind": "unknown"}, "line": factories.LINE, "at": "2026-11-24T10:00+01:00"}
    with db.transaction() as session:
        saved = trials.read([{"name": "Een vreemde", "call": call, "expect": {"rule": "vip"}}], "NL")
        trials.save_all(session, saved, "anna@example.nl", datetime.now(UTC))
    anna.does("/add", example="often")

    answer = anna.send("/publish", why="Druk")

    assert answer.status_code == 422
    assert "<li>Een vreemde</li>" in answer.text
    assert "Druk</textarea>" in answer.text
    anna.does("/publish", why="Druk", despite="Die regel is er nog niet")
    with db.reading() as session:
        why = session.get_one(RuleVersion, 2).why
    assert why.startswith("Druk")
    assert "Die regel is er nog niet" in why


def test_nobody_publishes_what_a_colleague_changed_meanwhile(anna: Page, bram: Page) -> None:
    anna.does("/add", example="vip")
    bram.look()
    anna.does("/add", example="often")

    answer = bram.send("/publish", why="Af")

    assert answer.status_code == 409
    assert "veranderde het concept intussen" in answer.text


def test_who_signed_in_a_while_ago_is_asked_again_before_publishing(anna: Page) -> None:
    anna.does("/add", example="vip")
    with db.transaction() as session:
        for one in session.scalars(select(UserSession)):
            one.proven_at = datetime.now(UTC) - timedelta(minutes=6)

    assert anna.send("/publish", why="Af").status_code == 403
    with db.reading() as session:
        assert session.get(RuleVersion, 2) is None


@pytest.mark.parametrize("role", [Role.SUPERVISOR, Role.AUDITOR])
def test_supervisors_and_auditors_read_the_rules_and_change_nothing(
    flask_app: Flask, anna: Page, role: Role
) -> None:
    anna.does("/add", example="vip")
    rule = drafted()[0]["id"]
    client = flask_app.test_client()
    csrf = office.sign_in(client, f"{role}@example.nl")

    page = client.get(f"/admin/rules?open={rule}").text

    assert sentences(page)[0] == "Als de klant het kenmerk VIP heeft: bel eerst Anna Jansen."
    assert 'name="do"' not in page.replace('<button name="do" value="save" hidden>', "")
    for path in (f"/rule/{rule}", "/ladder", "/add", "/restore", "/settle", "/publish", "/versions/1"):
        assert client.post(f"/admin/rules{path}", data={"csrf": csrf}).status_code == 403, path


@pytest.mark.parametrize("number", ["x", "-1", "9" * 12, "99"])
def test_a_draft_that_never_was_is_refused(anna: Page, number: str) -> None:
    anna.revision = number

    assert anna.send("/add", example="vip").status_code in (303, 400)
    assert anna.send("/settle", take="mine", mine="[").status_code == 400


def test_a_script_gets_what_lives_in_the_page_and_nothing_when_that_is_unchanged(anna: Page) -> None:
    asked = {"X-Requested-With": "fetch"}
    anna.does("/add", example="vip")
    live = anna.client.get("/admin/rules", headers=asked).text
    [stamp] = re.findall(r'data-stamp="([^"]+)"', live)

    assert not live.lstrip().startswith("<!doctype")
    assert anna.client.get(f"/admin/rules?revision={stamp}", headers=asked).status_code == 204
    assert anna.client.get("/admin/rules?revision=0-0", headers=asked).status_code == 200


def test_what_forbids_to_publish_can_be_tried_unless_no_call_can_be_such(anna: Page) -> None:
    anna.does("/add", example="vip")
    anna.does("/add", example="vip")

    page = html.unescape(anna.client.get("/admin/rules/proof").text)

    [way] = re.findall(r'href="(/admin/simulate[^"]+)"[^<]*<span class="visually-hidden"> .bezwaar 1', page)
    assert "Regel 1 beslist." in anna.client.get(way).text


def test_which_callers_the_draft_treats_otherwise_is_told_and_can_be_tried_both_ways(anna: Page) -> None:
    assert "gelijk aan versie 1" in anna.client.get("/admin/rules/proof").text
    anna.does("/add", example="friday")

    page = html.unescape(anna.client.get("/admin/rules/proof").text)

    assert "nu de standaardladder, straks regel 1" in page
    assert "Andere soorten gesprekken die anders gaan zijn er niet." in page
    assert "Wie onder geen regel valt, gaat de standaardladder." in page
    ways = re.findall(r'href="(/admin/simulate\?[^"]+)"', page)
    assert len(ways) == 3, "with the draft and without it; and the note's"
    told = [anna.client.get(way).text for way in ways]
    assert ["Regel 1 beslist." in one for one in told] == [True, False, False]
