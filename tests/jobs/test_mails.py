"""Does what somebody asked for reach their mailbox, once, whatever the mail server does meanwhile?"""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from flask import Flask
from sqlalchemy import func, select

from app import db
from app.clock import utcnow
from app.door import mails
from app.jobs.mails import Office, deliver_due
from app.records.access import AccessKind
from app.records.agents import Role
from app.records.links import OneTimeLink, Purpose
from app.records.outgoing import Outbox
from config.mail import Mail, read
from phonebox.client import Phonebox, running
from tests.desk import office as people

ANNA = "anna@example.nl"


@pytest.fixture(scope="module")
def _phone() -> Iterator[Phonebox]:
    with running("http://127.0.0.1:1") as phone:
        yield phone


@pytest.fixture
def phone(_phone: Phonebox) -> Phonebox:
    """Whoever shows the mails."""
    _phone.reset()
    return _phone


@pytest.fixture
def office(flask_app: Flask, phone: Phonebox) -> Iterator[Office]:
    server, problems = read(phone.smtp, "Rechtdoor <bellen@example.nl>")
    assert server is not None, problems
    with db.transaction() as session:
        people.user(session, None, Role.ADMIN, email=ANNA)
    mails.bind(True)
    yield Office(server, "https://bellen.example.nl", "Gemeente Waterrijk")
    mails.bind(False)


def ask() -> None:
    with db.transaction() as session:
        mails.ask_for_link(session, ANNA, Purpose.RESET, utcnow())


def row() -> Outbox:
    with db.reading() as session:
        return session.scalars(select(Outbox).where(Outbox.kind == mails.SEND_MAIL)).one()


def test_a_link_arrives_in_the_words_of_its_reader(office: Office, phone: Phonebox) -> None:
    ask()

    assert deliver_due(office, utcnow()) == 1

    mail = phone.wait_for_mail(ANNA, "nieuw wachtwoord")
    assert mail["from"] == "Rechtdoor <bellen@example.nl>"
    assert re.search(r"https://bellen\.example\.nl/login/password/[\w-]{43}\n", mail["text"])
    assert "Gemeente Waterrijk" in mail["text"]
    assert (row().result, deliver_due(office, utcnow())) == ("sent", 0)


def test_a_server_that_is_away_or_refuses_for_now_is_tried_again(office: Office, phone: Phonebox) -> None:
    ask()
    phone.refuse_mail(450)

    deliver_due(office, utcnow())

    assert (row().done_at, row().result) == (None, "refused 450")
    away = Office(Mail(host="127.0.0.1", port=1, sender="a@example.nl"), office.public_url, "")
    deliver_due(away, utcnow() + timedelta(minutes=1))
    assert (row().done_at, row().result) == (None, "ConnectionRefusedError")
    phone.refuse_mail(None)
    assert deliver_due(office, utcnow() + timedelta(minutes=5)) == 1
    assert len(phone.mails(ANNA)) == 1


def test_a_mailbox_that_there_is_not_is_given_up(office: Office, phone: Phonebox) -> None:
    ask()
    phone.refuse_mail(550)

    deliver_due(office, utcnow())

    assert row().done_at is not None


def test_a_link_that_would_come_too_late_is_not_sent(office: Office, phone: Phonebox) -> None:
    ask()

    deliver_due(office, utcnow() + timedelta(minutes=31))

    assert row().result == "nobody"
    assert phone.mails() == []
    with db.reading() as session:
        assert session.scalar(select(func.count()).select_from(OneTimeLink)) == 0


def test_no_password_goes_to_a_server_that_can_not_hide_it(office: Office, phone: Phonebox) -> None:
    host, port = phone.smtp.removeprefix("smtp://").split(":")
    # The same server, by a name that isn't known to be this machine.
    elsewhere = Mail(host=f"{host}.", port=int(port), user="u", password="p", sender="a@example.nl")
    assert not elsewhere.is_here
    ask()

    deliver_due(Office(elsewhere, office.public_url, ""), utcnow())

    assert row().done_at is None
    assert phone.mails() == []


def test_news_of_an_account_arrives(office: Office, phone: Phonebox) -> None:
    with db.transaction() as session:
        mails.tell(session, AccessKind.PASSKEY_ADDED, ANNA, "laptop", utcnow())
        mails.tell(session, AccessKind.SIGNED_IN, ANNA, "", utcnow())

    deliver_due(office, utcnow())

    [mail] = phone.mails(ANNA)
    assert "“laptop”" in mail["text"]
