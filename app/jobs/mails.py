"""What must leave by mail? Takes rows of the outbox to the mail server; safe when several do it."""

import logging
import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid, parseaddr
from functools import partial

from sqlalchemy.orm import Session

from app import catalogue, db
from app.catalogue import times
from app.clock import Clock, going_on_from
from app.door import mails, one_time_links
from app.jobs import in_hand
from app.outgoing import outbox
from app.outgoing.outbox import Taken
from app.records.agents import Agent, User
from app.records.links import Purpose
from app.web import DEFAULT_ZONE
from config import Settings
from config.mail import Mail

log = logging.getLogger(__name__)

ANSWER_SECONDS = 10.0


@dataclass(frozen=True)
class Office:
    """By which server mails leave, and what stands in all of them."""

    mail: Mail
    public_url: str
    organisation: str

    @classmethod
    def of(cls, settings: Settings) -> "Office | None":
        """Return it, or None where there is no server."""
        return cls(settings.mail, settings.public_url, settings.organisation) if settings.mail else None


def deliver_due(
    office: Office, now: datetime, *, left_over: bool = True, stopped: Callable[[], bool] = lambda: False
) -> int:
    """Send what is due, one by one; return how many were tried. `left_over`: see outbox.take."""
    clock, tried = going_on_from(now), 0
    while not stopped():
        with db.transaction() as session:
            taken = outbox.take(session, mails.SEND_MAIL, clock(), left_over=left_over)
        if taken is None:
            break
        _deliver(office, taken, clock)
        tried += 1
    return tried


def _deliver(office: Office, taken: Taken, clock: Clock) -> None:
    is_for_good = False
    try:
        with in_hand.held(partial(outbox.hold, taken)):
            result = _send(office, taken, clock())
    except db.OUT_OF_REACH:
        log.warning("mail given back", extra={"row": taken.row_id})
        in_hand.written(lambda session: outbox.give_back(session, taken, clock()))
        return
    except smtplib.SMTPRecipientsRefused as error:
        # A server's 5xx is for ever: there is no such mailbox.
        codes = [code for code, _ in error.recipients.values()]
        is_for_good, failed = all(code >= 500 for code in codes), f"refused {codes[0]}"
    except smtplib.SMTPResponseException as error:
        failed = f"error {error.smtp_code}"
    except (OSError, smtplib.SMTPException, ssl.SSLError) as error:
        failed = type(error).__name__
    except Exception:
        # What can't be sent must not keep what is due besides.
        log.exception("mail failed", extra={"row": taken.row_id})
        failed = "failed"
    else:
        in_hand.written(lambda session: outbox.delivered(session, taken, result, clock()))
        return
    log.warning("mail put off", extra={"row": taken.row_id, "why": failed})
    in_hand.written(lambda session: outbox.failed(session, taken, failed, clock(), for_good=is_for_good))


def _send(office: Office, taken: Taken, now: datetime) -> str:
    """Write and send one; return what came of it. Its link is kept before the mail can be read."""
    with db.transaction() as session:
        letter = letter_of(session, office, taken.payload, now)
    if letter is None:
        return "nobody"
    with _connected(office.mail) as server:
        server.send_message(letter)
    return "sent"


def _connected(mail: Mail) -> smtplib.SMTP:
    context = ssl.create_default_context()
    if mail.is_tls:
        server: smtplib.SMTP = smtplib.SMTP_SSL(mail.host, mail.port, timeout=ANSWER_SECONDS, context=context)
    else:
        server = smtplib.SMTP(mail.host, mail.port, timeout=ANSWER_SECONDS)
    try:
        if not mail.is_tls and not mail.is_here:
            # Raises where the server has none: neither a password nor a link goes about in the open.
            server.starttls(context=context)
        if mail.user:
            server.login(mail.user, mail.password)
    except BaseException:
        server.close()
        raise
    return server


# --- what is written ----------------------------------------------------------------------------------


def letter_of(
    session: Session, office: Office, payload: dict[str, str], now: datetime
) -> EmailMessage | None:
    """Return a mail in the words of who gets it; None when nobody should: no such account, or too late."""
    user, at = session.get(User, payload["email"]), datetime.fromisoformat(payload["at"])
    if user is None or (user.agent is not None and not session.get_one(Agent, user.agent).enabled):
        return None
    what, language = payload["what"], user.language
    values = {
        "organisation": office.organisation or "Rechtdoor",
        "email": user.email,
        "url": office.public_url,
        "moment": times.written(at, DEFAULT_ZONE, language),
        "about": payload["about"],
    }
    for purpose, of_mail in mails.OF_PURPOSE.items():
        if what == of_mail:
            if at + one_time_links.WORKS_FOR[Purpose(purpose)] <= now:
                return None
            path = one_time_links.make(session, user.email, purpose, now, since=at)
            values["link"] = office.public_url + path
    subject = catalogue.text(f"mail.{what}_subject", language, **values)
    parts = [catalogue.text(f"mail.{one}", language, **values) for one in ("hello", f"{what}_text", "end")]
    return _letter(office.mail, user.email, subject, "\n\n".join(parts) + "\n", language, now)


def _letter(mail: Mail, to: str, subject: str, text: str, language: str, now: datetime) -> EmailMessage:
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = mail.sender, to, subject
    letter["Date"] = format_datetime(now)
    letter["Message-ID"] = make_msgid(domain=parseaddr(mail.sender)[1].partition("@")[2])
    # No machine answers a machine. https://www.rfc-editor.org/rfc/rfc3834
    letter["Auto-Submitted"] = "auto-generated"
    letter["Content-Language"] = language
    letter.set_content(text)
    return letter
