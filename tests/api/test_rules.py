"""Can rules be written, proven, published and rolled back by another system, and is nobody's work lost?"""

from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select

from app import db
from app.records.agents import Agent
from app.records.rules import RuleDraft, RuleVersion
from app.records.tokens import Scope
from app.routing import proving, rules
from tests import factories
from tests.api.conftest import Api, NewToken

Json = dict[str, Any]

VIP: Json = {
    "id": "vip",
    "name": "VIP's",
    "enabled": True,
    "when": [{"fact": "customer.tag", "is": ["vip"]}],
    "then": {"first": {"agent": "anna"}, "wait_for_owner_seconds": 240},
}
FRIDAY: Json = {
    "id": "friday",
    "name": "",
    "enabled": True,
    "when": [{"fact": "weekday", "is": ["fr"]}, {"fact": "time", "between": ["16:00", "24:00"]}],
    "then": {"only": "promise"},
}
ROUND: Json = {
    "id": "round",
    "name": "",
    "enabled": True,
    "when": [{"fact": "case.calls", "at_least": 3, "days": 7}],
    "then": {"first": "supervisor"},
}


@pytest.fixture
def eva(client: FlaskClient, new_token: NewToken) -> Api:
    """An admin's own tool; the town has Anna."""
    with db.transaction() as session:
        factories.line(session)
        factories.agent(session, "anna")
    return Api(client, new_token(Scope.WRITE, name="eva"))


@pytest.fixture
def joris(client: FlaskClient, new_token: NewToken) -> Api:
    return Api(client, new_token(Scope.WRITE, name="joris"))


def save(api: Api, *written: Json, **more: Any) -> Any:
    return api.put("/rules/draft", {"rules": list(written), "based_on": 1} | more)


def published(api: Api, *written: Json, why: str = "a test") -> int:
    assert save(api, *written).status_code == 200
    answer = api.post("/rules/publish", {"why": why})
    assert answer.status_code == 200, answer.json
    return int(answer.json["version"])


def test_without_a_draft_the_rules_in_force_are_what_one_begins_with(eva: Api) -> None:
    answer = eva.get("/rules/draft")

    assert answer.status_code == 200
    assert (answer.json["rules"], answer.json["based_on"], answer.json["revision"]) == ([], 1, 0)
    assert answer.json["ladder"]["owner_ring_seconds"] == 25


def test_a_draft_is_said_in_words_with_its_values_marked_and_changes_no_call(eva: Api) -> None:
    answer = save(eva, VIP, FRIDAY)

    assert answer.json["rules"] == [VIP, FRIDAY]
    assert answer.json["saved_by"] == "api:eva"
    first = answer.json["sentences"][0]
    assert first["words"] == (
        "When the customer has the tag vip: ring anna first;"
        " wait 4 minutes at most for whoever is rung first."
    )
    assert {one["field"]: one["text"] for one in first["pieces"] if one["field"]} == {
        "when[0].is": "vip",
        "then.first": "anna",
        "then.wait_for_owner_seconds": "4 minutes",
    }
    with db.reading() as session:
        assert rules.in_force(session).rules == ()


def test_what_is_published_is_in_force_with_who_and_why_and_what_became_different(eva: Api) -> None:
    version = published(eva, VIP, why="VIP's speak to Anna")

    assert version == 2
    [second, first] = eva.get("/rules/versions").json["items"]
    assert (second["version"], second["published_by"], second["why"]) == (2, "api:eva", "VIP's speak to Anna")
    assert [one["kind"] for one in second["changes"]] == ["added"]
    assert (first["version"], first["rules"], first["changes"]) == (1, [], [])
    with db.reading() as session:
        assert [rule.id for rule in rules.in_force(session).rules] == ["vip"]
    assert eva.get("/rules/draft").json["revision"] == 0


def test_a_difference_is_told_in_a_sentence(eva: Api) -> None:
    published(eva, FRIDAY, VIP)
    shorter = VIP | {"then": VIP["then"] | {"wait_for_owner_seconds": 120}}
    save(eva, FRIDAY, shorter, based_on=2)

    changes = eva.get("/rules/changes", language="nl").json["changes"]

    assert [(one["kind"], one["rule"], one["words"]) for one in changes] == [
        (
            "changed",
            "vip",
            "Regel 2 “VIP's”: wacht hoogstens 2 minuten op wie het eerst gebeld wordt"
            " in plaats van 4 minuten",
        )
    ]


def test_one_press_puts_the_rules_of_an_earlier_version_in_force_again(eva: Api) -> None:
    published(eva, VIP)
    published(eva, FRIDAY)

    answer = eva.post("/rules/rollback", {"version": 2, "why": "too strict"})

    assert answer.status_code == 200
    assert (answer.json["version"], answer.json["restores"]) == (4, 2)
    assert [rule["id"] for rule in answer.json["rules"]] == ["vip"]
    assert eva.post("/rules/rollback", {"version": 1, "why": ""}).json["errors"][0]["field"] == "why"
    assert eva.post("/rules/rollback", {"version": 1, "why": "all off"}).json["rules"] == []
    [error] = eva.post("/rules/rollback", {"version": 99, "why": "x"}).json["errors"]
    assert error["field"] == "version"


# --- two people in one draft --------------------------------------------------------------------------------


def test_two_people_who_change_different_rules_both_find_their_work(eva: Api, joris: Api) -> None:
    published(eva, VIP, FRIDAY)
    hers = VIP | {"name": "Belangrijk"}
    his = FRIDAY | {"enabled": False}

    assert save(eva, hers, FRIDAY, based_on=2).status_code == 200
    answer = save(joris, VIP, his, ROUND, based_on=2)

    assert answer.status_code == 200
    assert answer.json["rules"] == [hers, his, ROUND]


def test_two_people_who_change_the_same_rule_get_both_texts_and_nothing_is_lost(eva: Api, joris: Api) -> None:
    published(eva, VIP)
    hers = VIP | {"then": {"first": "supervisor"}}
    his = VIP | {"then": {"only": "promise"}}
    save(eva, hers, based_on=2)

    answer = save(joris, his, FRIDAY, based_on=2)

    assert answer.status_code == 409
    [clash] = answer.json["clashes"]
    assert (clash["rule"], clash["mine"], clash["theirs"]) == ("vip", his, hers)
    assert "promise to ring back" in clash["mine_words"]
    assert "a supervisor first" in clash["theirs_words"]
    assert "api:eva" in answer.json["detail"]
    now = eva.get("/rules/draft").json
    assert now["rules"] == [hers]
    # Having seen both, he decides: what he looked at was her draft.
    assert save(joris, his, FRIDAY, based_on=2, revision=now["revision"]).json["rules"] == [his, FRIDAY]
    with db.reading() as session:
        assert session.scalar(select(func.count()).select_from(RuleDraft)) == 3


def test_a_rule_that_one_changes_and_another_takes_away_is_a_clash(eva: Api, joris: Api) -> None:
    published(eva, VIP)
    save(eva, based_on=2)

    [clash] = save(joris, VIP | {"name": "x"}, based_on=2).json["clashes"]

    assert (clash["theirs"], clash["theirs_words"]) == (None, "(taken away)")


def test_a_draft_that_was_published_meanwhile_is_merged_with_what_is_in_force(eva: Api, joris: Api) -> None:
    published(eva, VIP)

    answer = save(joris, FRIDAY, based_on=1)

    assert answer.json["rules"] == [VIP, FRIDAY]
    assert answer.json["based_on"] == 2


def test_a_draft_that_somebody_changed_after_it_was_looked_at_is_not_published_unseen(
    eva: Api, joris: Api
) -> None:
    seen = save(eva, VIP).json["revision"]
    save(joris, VIP, FRIDAY, revision=seen)

    assert eva.post("/rules/publish", {"why": "mine", "revision": seen}).status_code == 409
    assert eva.post("/rules/publish", {"why": "ours"}).status_code == 200
    assert eva.post("/rules/publish", {"why": "again"}).status_code == 409


# --- what is refused ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        (VIP | {"then": {"menu": ["1", "2"]}}, "rules[0].then.menu"),
        (VIP | {"then": {"first": {"agent": "anna"}, "only": "promise"}}, "rules[0].then.only"),
        (VIP | {"then": {"total_seconds": 9999}}, "rules[0].then.total_seconds"),
        (VIP | {"then": {"greeting": "a\nb"}}, "rules[0].then.greeting"),
        (VIP | {"when": [{"fact": "promise", "is": ["kept"]}]}, "rules[0].when[0].is"),
        (VIP | {"when": {}}, "rules[0].when"),
        (VIP | {"id": "a b"}, "rules[0].id"),
        (VIP | {"enabled": "yes"}, "rules[0].enabled"),
        (VIP | {"what": 1}, "rules[0].what"),
        ("vip", "rules[0]"),
    ],
)
def test_what_is_no_rule_is_refused_by_its_field(eva: Api, rule: Any, field: str) -> None:
    answer = eva.put("/rules/draft", {"rules": [rule], "based_on": 1})

    assert answer.status_code == 422
    assert [one["field"] for one in answer.json["errors"]] == [field]
    assert eva.get("/rules/draft").json["revision"] == 0


@pytest.mark.parametrize(
    "body",
    [
        {"rules": {}, "based_on": 1},
        {"rules": [], "based_on": "1"},
        {"rules": [], "based_on": 7},
        {"rules": []},
    ],
)
def test_a_draft_of_the_wrong_shape_is_refused(eva: Api, body: Json) -> None:
    assert eva.put("/rules/draft", body).status_code == 422


def test_two_rules_of_one_id_are_refused_and_one_without_is_given_its_own(eva: Api) -> None:
    assert [one["field"] for one in save(eva, VIP, VIP).json["errors"]] == ["rules[1].id"]

    nameless = {name: value for name, value in VIP.items() if name != "id"}
    assert save(eva, nameless).json["rules"][0]["id"]


def test_a_rule_that_names_who_is_not_there_is_not_published(eva: Api) -> None:
    save(eva, VIP | {"then": {"first": {"agent": "nobody"}, "teams": ["Nergens"]}})

    check = eva.post("/rules/check", {}).json
    answer = eva.post("/rules/publish", {"why": "try"})

    assert (check["ok"], [one["kind"] for one in check["problems"]]) == (False, ["unknown_name"] * 2)
    assert answer.status_code == 422
    assert [one["rule"] for one in answer.json["problems"]] == ["vip", "vip"]
    played = eva.post("/rules/simulate", check["problems"][0]["call"] | {"draft": True}).json
    assert played["rule"] == "vip"
    assert "nobody" in answer.json["errors"][0]["message"]
    with db.reading() as session:
        assert session.scalar(select(func.count()).select_from(RuleVersion)) == 0


def test_an_agent_who_left_is_not_there_and_a_rule_that_is_off_names_nobody(eva: Api) -> None:
    with db.transaction() as session:
        session.get_one(Agent, "anna").enabled = False
    save(eva, VIP)
    assert eva.post("/rules/publish", {"why": "try"}).status_code == 422

    save(eva, VIP | {"enabled": False}, revision=eva.get("/rules/draft").json["revision"])
    assert eva.post("/rules/publish", {"why": "off"}).status_code == 200


def test_rules_can_be_checked_before_anybody_saves_them(eva: Api) -> None:
    assert eva.post("/rules/check", {"rules": [VIP]}).json["ok"]
    assert not eva.post("/rules/check", {"rules": [VIP | {"then": {"teams": ["Nergens"]}}]}).json["ok"]
    assert eva.post("/rules/check", {"rules": ["?"]}).status_code == 422


def test_who_may_only_read_saves_publishes_and_rolls_back_nothing(
    client: FlaskClient, new_token: NewToken
) -> None:
    reader = Api(client, new_token(Scope.READ))

    assert reader.get("/rules/draft").status_code == 200
    assert reader.get("/rules/changes").status_code == 200
    assert reader.get("/rules/versions").status_code == 200
    assert save(reader, VIP).status_code == 403
    assert reader.post("/rules/publish", {"why": "x"}).status_code == 403
    assert reader.post("/rules/rollback", {"version": 1, "why": "x"}).status_code == 403


# --- what is proven of conditions -------------------------------------------------------------------------


def test_a_rule_that_no_call_can_come_to_is_not_published_until_it_is_off(eva: Api) -> None:
    under = FRIDAY | {"id": "under", "when": [*VIP["when"], *FRIDAY["when"]]}
    assert save(eva, VIP, under).status_code == 200

    check = eva.post("/rules/check", {}, language="nl").json
    refused = eva.post("/rules/publish", {"why": "test"})
    save(eva, VIP, under | {"enabled": False}, revision=eva.get("/rules/draft").json["revision"])
    done = eva.post("/rules/publish", {"why": "test"})

    [problem] = check["problems"]
    assert (check["ok"], problem["rule"], problem["kind"]) == (False, "under", "never_matches")
    assert "regel 1 gaat altijd voor" in problem["words"]
    assert (refused.status_code, refused.json["problems"][0]["kind"]) == (422, "never_matches")
    assert done.status_code == 200
    for [told] in (check["problems"], refused.json["problems"]):
        played = eva.post("/rules/simulate", told["call"] | {"draft": True}).json
        assert played["rule"] == VIP["id"], "a call for the one below, which the one above takes"


def test_a_rule_that_contradicts_itself_has_no_call_to_play(eva: Api) -> None:
    never = [{"fact": "caller.kind", "is": ["withheld"]}, *VIP["when"]]
    [problem] = eva.post("/rules/check", {"rules": [VIP | {"when": never}]}).json["problems"]
    assert (problem["kind"], problem["call"]) == ("never_matches", None)


def test_a_check_tells_which_rules_overlap_and_who_is_left_each_with_a_call(eva: Api) -> None:
    notes = eva.post("/rules/check", {"rules": [VIP, FRIDAY]}, language="nl").json["notes"]

    assert [(one["kind"], one["rule"], one["other"]) for one in notes] == [
        ("overlap", "friday", "vip"),
        ("gap", "", ""),
    ]
    assert "het kenmerk vip heeft en het vrijdag is en het 16:00 uur is" in notes[0]["words"]
    assert eva.post("/rules/simulate", notes[0]["call"]).status_code == 200


def test_the_changes_tell_which_calls_are_treated_otherwise_and_the_simulator_plays_them(eva: Api) -> None:
    published(eva, VIP)
    save(eva, VIP | {"when": [*VIP["when"], *ROUND["when"]]}, based_on=2)

    changes = eva.get("/rules/changes", language="en").json

    [one] = changes["situations"]
    assert (one["before"], one["after"], changes["is_whole"]) == ("vip", "", True)
    assert one["words"].startswith("When the customer has the tag vip and ")
    before = eva.post("/rules/simulate", one["call"]).json
    after = eva.post("/rules/simulate", one["call"] | {"draft": True}).json
    assert (before["rule"], after["rule"]) == ("vip", None)


def test_what_cannot_be_proven_is_said_and_forbids_nothing(eva: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proving, "_PROVER", proving._PROVER.with_name("nothing.py"))
    once = VIP | {"when": [{"fact": "customer.tag", "is": ["nowhere else"]}]}

    check = eva.post("/rules/check", {"rules": [once, once | {"id": "under"}]}).json

    assert (check["ok"], [one["kind"] for one in check["notes"]]) == (True, ["unproven"])
    save(eva, once)
    assert eva.get("/rules/changes").json["situations"] == []
    assert eva.post("/rules/publish", {"why": "test"}).status_code == 200
