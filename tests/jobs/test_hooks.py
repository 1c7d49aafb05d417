"""What do other systems hear of what happens, and what when they can't hear?"""

import hashlib
import hmac
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from app import db
from app.agents import presence
from app.forgetting import erasure
from app.jobs import hooks as delivery
from app.jobs import retention, worker
from app.outgoing import hooks
from app.outgoing.hooks import Event
from app.promises import ledger
from app.records.jobs import CarrierLook
from app.records.outgoing import Hook, Outbox
from app.records.promises import Promise, PromiseState
from config import Keep, Settings
from phonebox.certificate import tls_context
from tests import factories, town
from tests.factories import ADA
from tests.jobs.holding import LATER, until
from tests.servers import answering
from tests.telephone import Line

DAY = timedelta(days=1)


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Receiver:
    """Another system: what it was told, and what it answers."""

    told: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    status: int = 204
    location: str = ""
    drips: bool = False
    answers: threading.Event | None = None  # nothing is answered before
    url: str = ""

    def events(self) -> list[str]:
        return [fact["event"] for fact in self.told]


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever hung up on it did so on purpose."""


@pytest.fixture
def new_receiver() -> Iterator[Callable[..., Receiver]]:
    running = ExitStack()

    def make(context: ssl.SSLContext | None = None) -> Receiver:
        receiver = Receiver()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.bodies.append(body)
                receiver.headers.append(dict(self.headers))
                receiver.told.append(json.loads(body))
                if receiver.answers is not None:
                    receiver.answers.wait(60)
                if receiver.drips:
                    for _ in range(200):
                        self.wfile.write(b"H")
                        time.sleep(0.05)
                    return
                self.send_response(receiver.status)
                if receiver.location:
                    self.send_header("Location", receiver.location)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *words: object) -> None:
                pass

        server = _Server(("127.0.0.1", 0), Handler)
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        url = running.enter_context(answering(server))
        receiver.url = f"{url.replace('http', 'https') if context else url}/in?from=us"
        return receiver

    with running:
        yield make


@pytest.fixture
def receiver(new_receiver: Callable[..., Receiver]) -> Receiver:
    return new_receiver()


@pytest.fixture(autouse=True)
def settled(flask_app: Flask) -> None:
    town.settle()


def subscribe(receiver: Receiver, *events: Event) -> Hook:
    with db.transaction() as session:
        return hooks.add(session, receiver.url, events or list(Event), now())


def deliver(later: timedelta = timedelta()) -> int:
    return delivery.deliver_due(now() + later, strict=False)


def owed(number: str = ADA, case: str | None = None) -> int:
    with db.transaction() as session:
        return factories.promise(
            session,
            number=number,
            customer="ada" if case else None,
            case=case,
            due_at=now() + timedelta(hours=1),
            now=now(),
        ).id


def stored(hook: Hook) -> Hook:
    with db.reading() as session:
        return session.get_one(Hook, hook.id)


# --- what is told -------------------------------------------------------------------------------------


def test_a_conversation_is_told_with_its_contact_and_the_new_owner(
    client: FlaskClient, settings: Settings, receiver: Receiver
) -> None:
    subscribe(receiver)
    town.change("anna", intent="off")  # so Bram takes it, and is its owner from then on

    call = Line(client, settings).comes_in().talks()
    call.dial_ends("completed", DialBridged="true", DialCallDuration="30")
    deliver()

    by_event = {fact["event"]: fact["data"] for fact in receiver.told}
    assert sorted(receiver.events()) == ["call.ended", "case.owner_changed", "contact.created"]
    assert (by_event["call.ended"]["call_sid"], by_event["call.ended"]["outcome"]) == (call.sid, "talked")
    assert (by_event["contact.created"]["case"], by_event["contact.created"]["agent"]) == ("Z1", "bram")
    changed = by_event["case.owner_changed"]
    assert (changed["case"], changed["owner"], changed["previous_owner"]) == ("Z1", "bram", "anna")
    assert all(fact["id"].startswith("ev_") for fact in receiver.told)
    assert len({fact["id"] for fact in receiver.told}) == 3
    assert deliver() == 0, "what was taken is not sent again"


def test_a_missed_call_is_told_with_its_promise_and_that_one_is_broken_and_kept(
    client: FlaskClient, settings: Settings, receiver: Receiver
) -> None:
    subscribe(receiver)
    Line(client, settings).comes_in().hangs_up()
    [promise] = town.promises()
    for state in (PromiseState.BROKEN, PromiseState.KEPT):
        with db.transaction() as session:
            ledger.move(session, session.get_one(Promise, promise.id), state, "promise_broken", now())
    while deliver():
        pass

    assert sorted(receiver.events()) == ["call.ended", "promise.broken", "promise.kept", "promise.made"]
    told = {fact["event"]: fact["data"] for fact in receiver.told}
    assert told["call.ended"]["promise"] == told["promise.made"]["id"] == promise.id
    assert (told["promise.made"]["state"], told["promise.made"]["number"]) == ("open", ADA)
    assert told["promise.broken"]["broken_at"] is not None
    assert told["promise.kept"]["state"] == "kept"


def test_only_what_was_subscribed_to_is_told_and_nothing_that_was_undone(receiver: Receiver) -> None:
    subscribe(receiver, Event.PROMISE_KEPT)
    promise = owed()

    def keeps_and_fails() -> None:
        with db.transaction() as session:
            ledger.keep(session, promise, "anna", now())
            session.flush()
            raise RuntimeError

    with pytest.raises(RuntimeError):
        keeps_and_fails()
    assert deliver() == 0
    with db.transaction() as session:
        ledger.keep(session, promise, "anna", now())
    deliver()

    assert receiver.events() == ["promise.kept"]


def test_a_promise_that_another_call_made_a_moment_before_is_told_once(receiver: Receiver) -> None:
    subscribe(receiver, Event.PROMISE_MADE)

    assert owed() == owed()
    deliver()

    assert receiver.events() == ["promise.made"]


def test_a_broken_promise_that_is_made_anew_is_told_again(receiver: Receiver) -> None:
    promise = owed()
    subscribe(receiver, Event.PROMISE_MADE)
    with db.transaction() as session:
        ledger.move(session, session.get_one(Promise, promise), PromiseState.BROKEN, "promise_broken", now())
    due_at = now() + DAY
    with db.transaction() as session:
        ledger.set_time(session, promise, due_at, "anna", now())
    deliver()

    assert [fact["data"]["due_at"] for fact in receiver.told] == [due_at.isoformat()]


def test_a_running_worker_tells_it_beside_its_other_work(receiver: Receiver, settings: Settings) -> None:
    subscribe(receiver)
    here = db.current()
    # Neither the carrier nor the Redis of these settings is there, which holds up nothing.
    schedule = worker.prepare(replace(settings, redis_url="redis://127.0.0.1:1/0"))
    running = threading.Thread(target=schedule.run)
    running.start()
    try:
        owed()
        until(lambda: bool(receiver.told))
        # Calls are compared with the carrier's, too.
        until(lambda: looked_at("calls"))
    finally:
        schedule.stop()
        running.join()
        schedule.finish(30)
        db.current().dispose()
        db.bind(here)

    assert receiver.events() == ["promise.made"]


def looked_at(name: str) -> bool:
    with db.reading() as session:
        return session.get(CarrierLook, name) is not None


# --- how it is told -----------------------------------------------------------------------------------


def test_what_is_sent_is_signed_as_the_documentation_says(receiver: Receiver) -> None:
    hook = subscribe(receiver)
    owed()
    deliver()

    [headers], [body] = receiver.headers, receiver.bodies
    parts = dict(part.split("=", 1) for part in headers["Rechtdoor-Signature"].split(","))
    expected = hmac.new(hook.secret.encode(), f"{parts['t']}.".encode() + body, hashlib.sha256).hexdigest()
    assert parts["v1"] == expected
    assert abs(int(parts["t"]) - time.time()) < 60
    assert headers["Rechtdoor-Event"] == "promise.made"
    assert headers["Rechtdoor-Delivery"] == receiver.told[0]["id"]
    assert headers["Content-Type"] == "application/json"


def test_who_does_not_take_it_is_sent_the_same_again_later(receiver: Receiver) -> None:
    hook = subscribe(receiver)
    owed()
    receiver.status = 503

    at = now()
    assert [delivery.deliver_due(at, strict=False) for _ in range(2)] == [1, 0]
    assert (stored(hook).last_result, stored(hook).failures) == ("status 503", 1)
    receiver.status = 200
    assert deliver(timedelta(minutes=1)) == 1

    assert receiver.told[0] == receiver.told[1]
    assert (stored(hook).failing_since, stored(hook).failures) == (None, 0)


@pytest.mark.usefixtures("holding")
def test_what_a_slow_receiver_has_not_answered_yet_is_told_by_nobody_else(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "ANSWER_SECONDS", 60.0)
    subscribe(receiver)
    owed()
    receiver.answers = threading.Event()

    with ThreadPoolExecutor() as workers:
        telling = workers.submit(deliver)
        until(lambda: bool(receiver.told) and town.outbox()[0].next_at > now() + LATER)
        assert deliver(LATER) == 0
        receiver.answers.set()
        assert telling.result() == 1

    assert receiver.events() == ["promise.made"]


def test_one_that_is_refused_does_not_hold_up_the_next(receiver: Receiver) -> None:
    subscribe(receiver)
    owed("+31612345671")
    owed("+31612345672")
    receiver.status = 422

    assert deliver() == 2


def test_a_receiver_that_is_away_is_asked_once_and_holds_up_nobody(
    receiver: Receiver, new_receiver: Callable[..., Receiver]
) -> None:
    away = new_receiver()
    away.status = 500
    subscribe(away)
    subscribe(receiver)
    for digit in range(5):
        owed(f"+3161234567{digit}")

    deliver()

    assert len(away.told) == 1
    assert len(receiver.told) == 5
    away.status = 204
    deliver(timedelta(minutes=1))
    assert len({fact["id"] for fact in away.told}) == 5, "all that was kept for it arrives in the end"


def test_redirections_are_not_followed(receiver: Receiver, new_receiver: Callable[..., Receiver]) -> None:
    elsewhere = new_receiver()
    receiver.status, receiver.location = 307, elsewhere.url
    hook = subscribe(receiver)
    owed()

    deliver()

    assert (elsewhere.told, stored(hook).last_result) == ([], "status 307")


def test_who_answers_in_drops_is_given_up_in_time(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivery, "ANSWER_SECONDS", 0.5)
    receiver.drips = True
    hook = subscribe(receiver)
    owed()

    deliver()

    assert stored(hook).last_result == "timeout"


def test_an_encrypted_receiver_is_told_only_when_its_certificate_is_trusted(
    new_receiver: Callable[..., Receiver], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = tmp_path / "certificate.pem"
    receiver = new_receiver(tls_context(certificate))
    fact = {"id": "ev_1", "event": "hook.test"}

    assert delivery.send(receiver.url, "secret", fact, strict=False).word == "tls"
    assert receiver.told == []
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert delivery.send(receiver.url, "secret", fact, strict=False).is_yes
    assert receiver.told == [fact]


# --- who may not be told ------------------------------------------------------------------------------


def test_a_name_that_leads_inside_is_not_called(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    port = int(receiver.url.split(":")[2].split("/")[0])
    inside = [(2, 1, 6, "", ("93.184.216.34", port)), (2, 1, 6, "", ("127.0.0.1", port))]
    monkeypatch.setattr(delivery.socket, "getaddrinfo", lambda *words, **more: inside)

    answer = delivery.send(
        f"https://crm.example.nl:{port}/", "secret", {"id": "ev_1", "event": "hook.test"}, strict=True
    )

    assert (answer.word, receiver.told) == ("address_inside", [])


# --- the end of it ------------------------------------------------------------------------------------


def test_a_receiver_that_is_dead_for_days_is_told_nothing_more_and_doctor_says_so(
    receiver: Receiver, flask_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver.status = 500
    hook = subscribe(receiver)
    owed("+31612345671")
    owed("+31612345672")

    deliver()
    deliver(hooks.DISABLED_AFTER + timedelta(hours=1))

    assert stored(hook).disabled_at is not None
    owed("+31612345673")
    with db.reading() as session:
        waiting = select(Outbox.id).where(Outbox.kind == "call_hook", Outbox.done_at.is_(None))
        assert session.scalars(waiting).all() == [], "nothing waits for it any more"
    doctor = flask_app.test_cli_runner().invoke(args=["doctor", "--offline"])
    assert f"SICK  hooks: told nothing any more, since nothing arrived: {hook.id}" in doctor.output
    assert "NOTE  organisation: ORGANISATION is empty" in doctor.output
    with db.transaction() as session:
        hooks.enable(session, hook.id)
    receiver.status = 204
    owed("+31612345674")
    assert deliver() == 1


def test_a_receiver_that_says_it_is_gone_is_told_nothing_more(receiver: Receiver) -> None:
    receiver.status = 410
    hook = subscribe(receiver)
    owed()

    deliver()

    assert stored(hook).disabled_at is not None


def test_what_was_to_be_told_of_an_erased_customer_is_dropped(receiver: Receiver) -> None:
    subscribe(receiver)
    owed(case="Z1")
    owed("+31612345679")
    with db.transaction() as session:
        assert erasure.erase_customer(session, "ada", "test", now())

    deliver()

    assert [fact["data"]["number"] for fact in receiver.told if fact["event"] == "promise.made"] == [
        "+31612345679"
    ]
    # In quotes: an event's random id may hold these letters.
    assert "'ada'" not in str(receiver.told)


def test_what_was_told_is_forgotten_after_a_day(receiver: Receiver) -> None:
    subscribe(receiver)
    owed()
    deliver()

    retention.forget_old(Keep(), now() + 2 * DAY)

    with db.reading() as session:
        assert session.scalars(select(Outbox).where(Outbox.kind == "call_hook")).all() == []


# --- by hand ------------------------------------------------------------------------------------------


@pytest.fixture
def typed(flask_app: Flask, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    monkeypatch.setenv("LC_ALL", "C")
    runner = flask_app.test_cli_runner()
    return lambda *words: runner.invoke(args=["hooks", *words])


def test_an_operator_adds_tests_lists_and_removes_a_receiver(
    receiver: Receiver, typed: Callable[..., Result]
) -> None:
    added = typed("add", receiver.url, "--events", "call.ended,promise.kept")
    secret = added.stdout.strip().splitlines()[-1]
    [hook] = [row.split("\t") for row in typed("list").output.splitlines()]
    tested = typed("test", hook[0])

    assert hook[1:4] == ["active", receiver.url, "call.ended,promise.kept"]
    assert secret.startswith("rdh_")
    assert secret not in typed("list").output
    assert (tested.exit_code, receiver.events()) == (0, ["hook.test"])
    receiver.status = 500
    assert "status 500" in (refused := typed("test", hook[0])).output
    assert refused.exit_code == 1
    assert typed("remove", hook[0]).exit_code == 0
    assert typed("list").output == ""
    assert typed("remove", hook[0]).exit_code == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("https://crm.example.nl", "--events", "call.begun"), "events: “call.begun” can't be used"),
        (("crm.example.nl", "--events", "all"), "url: isn't a usable address"),
    ],
)
def test_what_can_not_be_subscribed_to_is_refused(
    typed: Callable[..., Result], words: tuple[str, ...], said: str
) -> None:
    refused = typed("add", *words)

    assert refused.exit_code == 1
    assert said in refused.output


def test_an_agent_at_work_is_no_news(receiver: Receiver) -> None:
    subscribe(receiver)
    with db.transaction() as session:
        presence.set_intent(session, "anna", presence.Intent.BREAK, now())

    assert deliver() == 0
