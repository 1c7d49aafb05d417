"""What becomes of calls that came in while nothing here could be reached? The carrier knows of them."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import Result
from flask import Flask

from app import db
from app.carrier.rest import Carrier
from app.commands import carrier as commands
from app.deployment import Deployment
from app.jobs import backfill
from app.records.calls import Call, CallState, Outcome
from app.records.jobs import CarrierLook
from app.records.promises import PromiseState
from config import Settings
from phonebox.client import Phonebox, PhoneCall, running
from phonebox.settings import DEVELOPMENT_ACCOUNT_SID, DEVELOPMENT_AUTH_TOKEN
from tests import factories, town
from tests.factories import ADA, BEN, LINE
from tests.phonebox.scripted import SPEED, Answer, App, Server, handler_for
from tests.servers import answering
from tests.telephone import Line

LATER = timedelta(minutes=5)
AN_HOUR = timedelta(hours=1)
OUTSIDE = "+31201112233"  # rung for us when all else is down

Look = Callable[[timedelta], backfill.Comparison | None]


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(scope="module")
def down() -> Iterator[App]:
    """What the carrier reaches in our place: nothing that answers, unless a test says otherwise."""
    app = App()
    with answering(Server(("127.0.0.1", 0), handler_for(app))) as app.url:
        yield app


@pytest.fixture(scope="module")
def _phonebox(down: App) -> Iterator[Phonebox]:
    with running(down.url, speed=SPEED, more=["--patience", "1"]) as phonebox:
        yield phonebox


@pytest.fixture
def phonebox(_phonebox: Phonebox, down: App) -> Phonebox:
    _phonebox.clear_faults()
    _phonebox.reset()
    for path in ("/voice/incoming", "/voice/fallback", "/voice/status"):
        down.on(path, answer=Answer("gone", 503))
    return _phonebox


@pytest.fixture
def settings_there(settings: Settings, phonebox: Phonebox) -> Settings:
    return replace(
        settings,
        api_url=phonebox.base_url,
        account_sid=DEVELOPMENT_ACCOUNT_SID,
        auth_tokens=(DEVELOPMENT_AUTH_TOKEN,),
    )


@pytest.fixture
def carrier(settings_there: Settings, flask_app: Flask) -> Carrier:
    town.settle()
    return Carrier(settings_there)


@pytest.fixture
def deployment(settings_there: Settings) -> Deployment:
    return Deployment.of(settings_there)


@pytest.fixture
def compare(carrier: Carrier, deployment: Deployment) -> Callable[[], backfill.Comparison]:
    """Compare what came in within the last hour, some minutes after it was over."""
    return lambda: backfill.compare(carrier, deployment, now() - AN_HOUR, now() + LATER)


Compare = Callable[[], backfill.Comparison]


def missed(phonebox: Phonebox, from_: str = ADA, to: str = LINE) -> PhoneCall:
    """Somebody phones, hears the carrier's error, and is gone."""
    call = phonebox.call_in(from_, to)
    call.wait("ended")
    return call


def talks_elsewhere(phonebox: Phonebox, down: App, from_: str = ADA) -> PhoneCall:
    """Somebody is put through to a telephone for emergencies, and speaks for half a minute."""
    down.on("/voice/fallback", f"<Dial><Number>{OUTSIDE}</Number></Dial>")
    phonebox.endpoint(OUTSIDE).register("answer")
    call = phonebox.call_in(from_, LINE)
    call.wait(f"bridged:{OUTSIDE}")
    phonebox.endpoint(OUTSIDE).wait("bridged")
    threading.Event().wait(30 / SPEED)
    call.hang_up()
    call.wait("ended")
    return call


def test_each_missed_call_gets_its_outcome_and_its_caller_a_callback(
    phonebox: Phonebox, compare: Compare
) -> None:
    ada, again, hidden = missed(phonebox), missed(phonebox), missed(phonebox, "anonymous")

    first, second = compare(), compare()

    assert {one.sid: one.outcome for one in first.added} == {
        ada.sid: Outcome.MISSED_PROMISED,
        again.sid: Outcome.MISSED_PROMISED,
        hidden.sid: Outcome.NOT_CALLABLE,
    }
    assert (second.added, second.closed, second.failed) == ([], [], [])
    owed = [one for one in town.promises() if one.number]
    assert [(one.number, one.agent, one.state) for one in owed] == [(ADA, "anna", PromiseState.OPEN)]
    call = town.call(ada.sid)
    assert (call.state, call.remote_e164, call.line, call.customer) == (CallState.ENDED, ADA, LINE, "ada")
    assert call.ended_at is not None
    assert call.created_at <= call.ended_at <= now(), "the carrier's own times"
    assert [(step.kind, step.reason) for step in town.steps(ada.sid)] == [("fallback", "unseen")]


def test_who_spoke_to_somebody_elsewhere_is_owed_nothing(
    phonebox: Phonebox, down: App, compare: Compare
) -> None:
    call = talks_elsewhere(phonebox, down)

    assert [(one.sid, one.outcome) for one in compare().added] == [(call.sid, Outcome.TALKED)]

    assert town.call(call.sid).bridged_at is not None
    assert town.promises() == []


def test_what_was_promised_after_a_talk_stands_when_the_talk_becomes_known(
    phonebox: Phonebox, down: App, compare: Compare
) -> None:
    talks_elsewhere(phonebox, down)
    with db.transaction() as session:
        factories.promise(session, due_at=now() + AN_HOUR, now=now() + timedelta(seconds=2))

    assert [one.outcome for one in compare().added] == [Outcome.TALKED]

    assert [one.state for one in town.promises()] == [PromiseState.OPEN]


def test_who_called_again_and_was_helped_need_not_be_rung(
    phonebox: Phonebox, flask_app: Flask, settings: Settings, compare: Compare
) -> None:
    lost = missed(phonebox)
    Line(flask_app.test_client(), settings).comes_in().talks().dial_ends(
        "completed", DialBridged="true", DialCallDuration="60"
    )

    assert [one.sid for one in compare().added] == [lost.sid]

    assert [one.state for one in town.promises()] == [PromiseState.MERGED]
    assert [row for row in town.outbox() if row.kind == "send_message" and row.result != "withdrawn"] == []


def test_a_call_that_goes_on_or_is_just_over_is_left_to_the_webhooks(
    phonebox: Phonebox, down: App, carrier: Carrier, deployment: Deployment
) -> None:
    over = missed(phonebox)
    down.on("/voice/fallback", f"<Dial><Number>{OUTSIDE}</Number></Dial>")
    phonebox.endpoint(OUTSIDE).register("manual")
    ringing = phonebox.call_in(BEN, LINE)
    ringing.wait(f"ringing:{OUTSIDE}")

    early = backfill.compare(carrier, deployment, now() - AN_HOUR, now())
    late = backfill.compare(carrier, deployment, now() - AN_HOUR, now() + LATER)

    assert (early.added, early.live) == ([], 2)
    assert ([one.sid for one in late.added], late.live) == ([over.sid], 1)
    assert late.complete_until < now(), "the next look must begin before the call that goes on"
    ringing.hang_up()


def test_only_our_lines_count(phonebox: Phonebox, compare: Compare) -> None:
    missed(phonebox, to="+31201234599")
    missed(phonebox, "client:anna")

    assert (compare().seen, town.promises()) == (0, [])


def test_calls_of_ours_that_are_over_are_closed(
    phonebox: Phonebox, flask_app: Flask, settings: Settings, compare: Compare
) -> None:
    call = missed(phonebox)
    Line(flask_app.test_client(), settings, sid=call.sid).comes_in()

    compared = compare()

    assert (compared.added, compared.closed) == ([], [call.sid])
    assert town.call(call.sid).outcome == Outcome.MISSED_PROMISED


def test_a_carrier_that_is_asked_too_much_is_asked_again(
    phonebox: Phonebox, compare: Compare, monkeypatch: pytest.MonkeyPatch
) -> None:
    call = missed(phonebox)
    monkeypatch.setattr("app.carrier.rest.time.sleep", lambda seconds: None)
    phonebox.fault("Calls.json", "429", times=2)

    assert [one.sid for one in compare().added] == [call.sid]


# --- by itself ----------------------------------------------------------------------------------------


def test_the_worker_goes_on_where_it_was_complete_however_long_ago_that_is(
    phonebox: Phonebox, carrier: Carrier, deployment: Deployment
) -> None:
    before = missed(phonebox)
    threading.Event().wait(1.1)  # the carrier counts in whole seconds
    began = now()
    assert backfill.look(carrier, deployment, began) is None, "nothing is older than this installation"
    assert backfill.look(carrier, deployment, began) is None, "it is not time yet"
    threading.Event().wait(1.1)
    during = missed(phonebox)

    compared = backfill.look(carrier, deployment, began + AN_HOUR)

    assert compared is not None
    assert [one.sid for one in compared.added] == [during.sid]
    assert backfill.complete_until(began + 2 * AN_HOUR) == began + AN_HOUR - backfill.OVERLAP
    with db.reading() as session:
        assert session.get(Call, before.sid) is None


def test_an_outage_of_weeks_is_caught_up_with_as_far_as_makes_sense_and_then_over(
    phonebox: Phonebox, carrier: Carrier, deployment: Deployment
) -> None:
    call = missed(phonebox)
    with db.transaction() as session:
        weeks_ago = now() - timedelta(weeks=5)
        session.add(CarrierLook(name=backfill.CALLS, complete_until=weeks_ago, next_at=weeks_ago, added=0))

    compared = backfill.look(carrier, deployment, now() + LATER)

    assert compared is not None
    assert [one.sid for one in compared.added] == [call.sid]
    complete = backfill.complete_until(now())
    assert complete is not None
    assert complete > now() - AN_HOUR, "the next look need not begin weeks ago"


def test_two_workers_that_compare_at_once_add_each_call_once(
    phonebox: Phonebox, carrier: Carrier, deployment: Deployment
) -> None:
    calls = [missed(phonebox, f"+3161234567{digit}") for digit in range(4)]
    results: list[backfill.Comparison] = []

    def compare() -> None:
        results.append(backfill.compare(carrier, deployment, now() - AN_HOUR, now() + LATER))

    threads = [threading.Thread(target=compare) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(results) == 2
    assert sorted(one.sid for result in results for one in result.added) == sorted(one.sid for one in calls)
    assert len(town.promises()) == len(calls)


# --- by hand ------------------------------------------------------------------------------------------


@pytest.fixture
def typed(
    flask_app: Flask, settings_there: Settings, carrier: Carrier, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Result]:
    """Type the command some minutes later."""
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.setattr(commands, "utcnow", lambda: now() + LATER)
    flask_app.config["SETTINGS"] = settings_there
    runner = flask_app.test_cli_runner()
    return lambda *words: runner.invoke(args=["carrier", "reconcile", *words])


def test_the_command_says_what_it_would_do_does_it_and_then_has_nothing_to_do(
    phonebox: Phonebox, typed: Callable[..., Result]
) -> None:
    call = missed(phonebox)

    would, did, again = typed("--dry-run"), typed(), typed("--since", (now() - AN_HOUR).isoformat())

    assert (would.exit_code, did.exit_code, again.exit_code) == (0, 0, 0)
    assert f"{call.sid} from +31…78: would be: spoke to nobody; will be rung back" in would.output
    assert f"{call.sid} from +31…78: spoke to nobody; will be rung back" in did.output
    assert "1 call at the carrier, 0 added here, 0 closed" in again.output
    assert [one.number for one in town.promises()] == [ADA]


@pytest.mark.parametrize(
    ("since", "words"),
    [("yesterday", "--since"), ("2026-11-24T10:00", "--since"), ("2126-11-24T10:00+01:00", "in the future")],
)
def test_a_time_that_is_none_is_refused(typed: Callable[..., Result], since: str, words: str) -> None:
    refused = typed("--since", since)

    assert refused.exit_code == 1
    assert words in refused.output


def test_a_carrier_out_of_reach_is_told_in_words(phonebox: Phonebox, typed: Callable[..., Result]) -> None:
    phonebox.fault("Calls.json", "drop")

    refused = typed()

    assert refused.exit_code == 1
    assert "the carrier did not answer" in refused.output
