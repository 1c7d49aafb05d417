"""Can one ask why a call went where it went?"""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from app import db
from app.records.calls import Call, CallState, CallStep, Outcome, StepKind, StepOutcome
from tests.api.conftest import Api, errors_of

NOON = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


def call(session: Session, sid: str, minutes: int = 0, **more: object) -> None:
    values: dict[str, object] = {
        "sid": sid,
        "remote_e164": "+31612345678",
        "line": "+31201234567",
        "customer": "K1",
        "case": "Z1",
        "owner": "anna",
        "language": "nl",
        "state": CallState.ENDED,
        "outcome": Outcome.TALKED,
        "bridged_to": "ben",
        "rule_version": 3,
        "said": [
            {"at": NOON.isoformat(), "text": "Anna is er niet."},
            {"at": NOON.isoformat(), "text": "Ben wel."},
        ],
        "created_at": NOON + timedelta(minutes=minutes),
    }
    session.add(Call(**values | more))
    session.flush()


@pytest.fixture
def called(api: Api) -> Api:
    with db.transaction() as session:
        call(session, "CA1")
        for number, kind, agent, reason, outcome in (
            (1, StepKind.OWNER, "anna", "owner_free", StepOutcome.NO_ANSWER),
            (2, StepKind.COLLEAGUE, "ben", "colleague_handled", StepOutcome.ANSWERED),
        ):
            session.add(
                CallStep(
                    call_sid="CA1",
                    number=number,
                    kind=kind,
                    agent=agent,
                    team="Balie",
                    reason=reason,
                    reason_values={"agent": agent.title()},
                    started_at=NOON + timedelta(seconds=number),
                    outcome=outcome,
                    # The second is from before it was kept which rule decides.
                    rule_version=3 if number == 1 else None,
                    rule="weekend" if number == 1 else "",
                )
            )
    return api


def test_a_call_tells_each_step_with_its_reason_in_words(called: Api) -> None:
    answer = called.get("/calls/CA1", language="en")
    assert answer.json == {
        "heard": None,
        "call_sid": "CA1",
        "direction": "inbound",
        "from": "+31612345678",
        "line": "+31201234567",
        "customer": "K1",
        "case": "Z1",
        "owner": "anna",
        "rule_version": 3,
        "attestation": "",
        "state": "ended",
        "outcome": "talked",
        "bridged_to": "ben",
        "promise": None,
        "started_at": "2026-05-01T12:00:00+00:00",
        "ended_at": None,
        "said": ["Anna is er niet.", "Ben wel."],
        "steps": [
            {
                "kind": "owner",
                "target": "anna",
                "reason": "Anna had the last contact on this case and can be reached.",
                "reason_code": "owner_free",
                "rule_version": 3,
                "rule": "weekend",
                "rule_name": None,  # of a version that nobody kept
                "rules_changed": None,
                "started_at": "2026-05-01T12:00:01+00:00",
                "ended_at": None,
                "outcome": "no_answer",
                "declined_why": "",
                "checked_at": None,
            },
            {
                "kind": "colleague",
                "target": "ben",
                "reason": "Ben has handled this case before and can be reached.",
                "reason_code": "colleague_handled",
                "rule_version": None,
                "rule": None,
                "rule_name": None,
                "rules_changed": None,
                "started_at": "2026-05-01T12:00:02+00:00",
                "ended_at": None,
                "outcome": "answered",
                "declined_why": "",
                "checked_at": None,
            },
        ],
    }
    assert answer.headers["Content-Language"] == "en"


def test_the_reasons_are_told_in_the_language_that_was_asked_for(called: Api) -> None:
    steps = called.get("/calls/CA1", language="nl").json["steps"]
    assert steps[1]["reason"] == "Ben heeft deze zaak eerder behandeld en is bereikbaar."


def test_a_reason_without_words_is_told_by_its_code(called: Api) -> None:
    with db.transaction() as session:
        session.get_one(CallStep, ("CA1", 1)).reason = "of_an_older_version"
    assert called.get("/calls/CA1").json["steps"][0]["reason"] == "of_an_older_version"


def test_a_word_that_only_an_older_version_knew_is_still_told(called: Api) -> None:
    with db.transaction() as session:
        session.execute(update(Call).values(outcome="of_an_older_version"))
    assert called.get("/calls/CA1").json["outcome"] == "of_an_older_version"
    assert called.get("/calls").json["items"][0]["outcome"] == "of_an_older_version"


def test_calls_are_listed_from_the_newest_by_caller_time_case_and_customer(api: Api) -> None:
    with db.transaction() as session:
        call(session, "CA1", 0)
        call(session, "CA2", 10, remote_e164="+32475123456", customer="K2", case=None)
        call(session, "CA3", 10)
        call(session, "CA4", 20, remote_e164=None, customer=None, case=None)

    def listed(**query: str) -> list[str]:
        return [one["call_sid"] for one in api.get("/calls", query_string=query).json["items"]]

    assert listed() == ["CA4", "CA3", "CA2", "CA1"]
    assert listed(**{"from": "06-12345678"}) == ["CA3", "CA1"]
    assert listed(**{"from": "+32475123456"}) == ["CA2"]
    assert listed(since="2026-05-01T14:10:00+02:00") == ["CA4", "CA3", "CA2"]
    assert listed(since="2026-05-01T12:10:00Z", until="2026-05-01T12:20:00Z") == ["CA3", "CA2"]
    assert listed(customer="K2") == ["CA2"]
    assert listed(case="Z1") == ["CA3", "CA1"]
    page = api.get("/calls?limit=2").json
    assert page["next"] == "CA3"
    assert listed(after="CA3", limit="2") == ["CA2", "CA1"]


@pytest.mark.parametrize("path", ["/calls?from=+32475123456", "/calls?from=%2B32475123456"])
def test_a_plus_in_the_address_counts_as_one_also_unencoded(api: Api, path: str) -> None:
    with db.transaction() as session:
        call(session, "CA2", remote_e164="+32475123456")
    assert [one["call_sid"] for one in api.get(path).json["items"]] == ["CA2"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("from=anonymous", "from"),
        ("from=266696687", "from"),
        ("since=yesterday", "since"),
        ("since=2026-05-01T12:00:00", "since"),
        ("after=CA9", "after"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused_by_its_name(api: Api, query: str, field: str) -> None:
    assert errors_of(api.get(f"/calls?{query}")).keys() == {field}


def test_all_that_is_wrong_with_a_question_is_said_at_once(api: Api) -> None:
    errors = errors_of(api.get("/calls?since=yesterday&form=0612345678&limit=many"))
    assert errors.keys() == {"since", "form", "limit"}
    assert "isn't known at this address" in errors["form"]


def test_a_filter_that_was_left_empty_narrows_nothing(api: Api) -> None:
    with db.transaction() as session:
        call(session, "CA1")
    assert [one["call_sid"] for one in api.get("/calls?from=&case=%20&after=").json["items"]] == ["CA1"]
