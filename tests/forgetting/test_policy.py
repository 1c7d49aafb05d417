"""Is it known of everything how long it is kept, and can one see that it goes?"""

from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select

from app import catalogue, db
from app.db import Base
from app.forgetting import counting, export, policy, retention
from app.jobs import recordings
from app.jobs.retention import forget_old
from app.records.calls import Call, CallState
from app.records.notes import CallNote
from app.records.privacy import Erasure, ForgottenDay, Whom
from app.records.promises import Recording, RecordingState
from app.records.rules import RuleDraft
from config import Keep
from tests import factories
from tests.factories import ADA, BEN, LINE, NOW
from tests.forgetting import lives

KEEP = Keep()


def test_of_every_table_it_is_known_how_long_it_is_kept_or_why_it_stays() -> None:
    """A new one is added to the rules, with a job that forgets, or to what stays, with a reason."""
    goes = {table for rule in policy.rules(KEEP) for table in rule.tables}

    assert goes | policy.NEVER.keys() == Base.metadata.tables.keys()
    assert goes.isdisjoint(policy.NEVER)


def test_what_the_page_promises_is_what_the_job_does() -> None:
    told = {rule.kind: rule.keeps for rule in policy.rules(KEEP)}
    done = {policy.counted_as(old.name): NOW - old.before for old in retention.everything(KEEP, NOW)}

    # Recordings are forgotten by a job of their own.
    assert told == done | {"recordings": timedelta(days=90)}


@pytest.mark.parametrize("language", catalogue.LANGUAGES)
def test_each_kind_has_its_words(language: str) -> None:
    for rule in policy.rules(KEEP):
        assert catalogue.text(f"privacy.kind_{rule.kind}", language)
    for why in policy.NEVER.values():
        assert catalogue.text(f"privacy.never_{why}", language)


def call(sid: str, number: str, days_ago: int = 0) -> None:
    at = NOW - timedelta(days=days_ago)
    made = Call(sid=sid, remote_e164=number, line=LINE, language="nl", state=CallState.ENDED)
    made.rule_version, made.created_at, made.ended_at = 1, at, at
    with db.transaction() as session:
        session.add(made)


def noted(sid: str, number: str, days_ago: int) -> None:
    call(sid, number)
    with db.transaction() as session:
        at = NOW - timedelta(days=days_ago)
        session.add(CallNote(call_sid=sid, agent="anna", number=number, summary="x", written_at=at))


def test_notes_go_in_their_time_unless_their_number_is_still_waited_for(flask_app: Flask) -> None:
    noted("CA1", ADA, 31)
    noted("CA2", ADA, 29)
    noted("CA3", BEN, 31)
    with db.transaction() as session:
        factories.promise(session, number=BEN, now=NOW, due_at=NOW + timedelta(hours=1))

    assert forget_old(Keep(notes=30, numbers=None), NOW) == {"notes": 1}

    with db.reading() as session:
        assert set(session.scalars(select(CallNote.call_sid))) == {"CA2", "CA3"}


def test_steps_on_the_way_to_a_draft_go_and_the_newest_waits_for_whoever_made_it(flask_app: Flask) -> None:
    """A draft that nobody has touched for years is somebody's work still."""

    def save(revision: int, days_ago: int, published_as: int | None = None) -> None:
        row = RuleDraft(revision=revision, rules={}, based_on=1, saved_by="anna@example.nl")
        row.saved_at, row.published_as = NOW - timedelta(days=days_ago), published_as
        with db.transaction() as session:
            session.add(row)

    save(1, 900)
    save(2, 800, published_as=2)
    assert forget_old(KEEP, NOW) == {"rule_drafts": 1}
    save(3, 100)
    save(4, 91)
    save(5, 89)
    save(6, 0)
    assert forget_old(KEEP, NOW) == {"rule_drafts": 3}

    with db.reading() as session:
        assert session.scalars(select(RuleDraft.revision).order_by(RuleDraft.revision)).all() == [5, 6]


def test_no_recording_is_kept_longer_than_the_house_says_whatever_the_rules_say(flask_app: Flask) -> None:
    call("CA1", ADA)
    with db.transaction() as session:
        for sid, days in (("RE1", 8), ("RE2", 6)):
            session.add(
                Recording(
                    sid=sid,
                    call_sid="CA1",
                    state=RecordingState.KEPT,
                    made_at=NOW - timedelta(days=days),
                    keep_days=365,
                    sound=b"x",
                )
            )

    recordings.forget_old(NOW, 7)

    with db.reading() as session:
        assert dict(session.execute(select(Recording.sid, Recording.state)).all()) == {
            "RE1": RecordingState.GONE,
            "RE2": RecordingState.KEPT,
        }
        assert counting.lately(session, NOW)[0] == {"recordings": 1}


def test_receipts_go_when_access_does_and_requests_that_wait_never(flask_app: Flask) -> None:
    old = NOW - timedelta(days=400)
    with db.transaction() as session:
        for done_at in (old, None):
            session.add(
                Erasure(kind=Whom.NUMBER, whom=None, asked_at=old, asked_by="x", done_at=done_at, next_at=NOW)
            )

    assert forget_old(Keep(), NOW) == {"erasures": 1}

    with db.reading() as session:
        assert session.scalars(select(Erasure.done_at)).all() == [None]


def test_what_was_forgotten_is_counted_by_the_day(flask_app: Flask) -> None:
    for sid, days in (("CA1", 40), ("CA2", 40), ("CA3", 33)):
        call(sid, ADA, days)
    keep = Keep(calls=35, numbers=None)

    forget_old(keep, NOW)
    forget_old(keep, NOW + timedelta(days=3))

    with db.reading() as session:
        assert session.scalar(select(func.sum(ForgottenDay.rows))) == 3
        yesterday, month = counting.lately(session, NOW + timedelta(days=3))
    assert (yesterday, month) == ({"calls": 1}, {"calls": 3})


def test_two_workers_that_forget_at_once_both_count(flask_app: Flask) -> None:
    for _ in range(2):
        with db.transaction() as session:
            counting.add(session, "calls", 5, lives.now())
    with db.reading() as session:
        assert counting.since(session, lives.now().date()) == {"calls": 10}


# Of each table that is in no export, why not.
NOT_THEIRS = {
    *("agents", "agent_slots", "users", "user_sessions", "sign_in_attempts", "access_events"),  # our people
    *("authenticators", "passkeys", "recovery_codes", "spent_challenges", "one_time_links"),
    *("user_identities", "directory_people", "directory_groups", "directory_members"),
    *("lines", "rule_versions", "rule_drafts", "rule_tests", "api_tokens", "hooks"),  # ours
    # What people phone about, and single words of callers without the sentence, the call or who said it.
    *("topics", "topic_examples", "topic_synonyms", "topic_revision", "topic_fits"),
    "screen_choices",  # what a team can put on a customer's screen
    *("carrier_looks", "workers_seen", "text_refusals"),
    *("erasures", "forgotten_days", "tallies"),  # name nobody
    # Who looked at them is asked of the log itself: GET /consultations.
    *("audit_pending", "audit_entries", "audit_subjects", "audit_keys", "audit_head"),
    *("causes", "team_answers"),  # what our teams write for everybody
    "messages_heard",  # the carrier's names of messages, which stand with the messages
}


def test_of_every_table_it_is_known_whether_it_is_handed_out() -> None:
    """A new one is read by app/forgetting/export.py, or it is said here why it is nobody's."""
    models = {
        mapper.local_table.name
        for mapper in Base.registry.mappers
        if mapper.class_.__name__ in vars(export) and mapper.class_ is vars(export)[mapper.class_.__name__]
    }

    assert models | NOT_THEIRS == Base.metadata.tables.keys()
    assert models.isdisjoint(NOT_THEIRS)
