"""Does a mail that a client sends lie there to be read?"""

import smtplib
from email.message import EmailMessage

import pytest

from phonebox.client import Phonebox


def letter(text: str = "Kies hier: http://127.0.0.1:8000/x\n.\n.. punt\n") -> EmailMessage:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "a@example.nl", "anna@example.nl", "Één nieuw wachtwoord"
    made.set_content(text)
    return made


def post_office(phone: Phonebox) -> smtplib.SMTP:
    host, _, port = phone.smtp.removeprefix("smtp://").partition(":")
    return smtplib.SMTP(host, int(port), timeout=10)


def test_a_mail_is_shown_as_its_reader_sees_it(phone: Phonebox) -> None:
    with post_office(phone) as server:
        server.login("anybody", "anything")
        server.send_message(letter())

    mail = phone.wait_for_mail("anna@example.nl", "Kies hier")

    assert (mail["subject"], mail["to"]) == ("Één nieuw wachtwoord", ["anna@example.nl"])
    assert mail["text"].splitlines() == letter().get_content().splitlines()
    assert phone.mails("ben@example.nl") == []


@pytest.mark.parametrize("code", [450, 550])
def test_mail_can_be_refused(phone: Phonebox, code: int) -> None:
    phone.refuse_mail(code)
    with post_office(phone) as server, pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        server.send_message(letter())
    assert [said for said, _ in refused.value.recipients.values()] == [code]
    phone.refuse_mail(None)
    with post_office(phone) as server:
        server.send_message(letter())
    assert len(phone.mails()) == 1


def test_nonsense_ends_the_conversation_and_nothing_else(phone: Phonebox) -> None:
    with post_office(phone) as server:
        assert server.sock is not None
        server.sock.sendall(b"\xff" * 5000 + b"\r\n")
    with post_office(phone) as server:
        assert server.noop()[0] == 250
