"""Which password is taken, and how does somebody get another one?"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from click.testing import Result
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select, update
from werkzeug.test import TestResponse

import app.db
from app.clock import utcnow
from app.db import reading, transaction
from app.door import common_passwords, guessing, mails, one_time_links, passwords
from app.door.common_passwords import Weakness
from app.jobs import mails as mail_job
from app.records.access import AccessEvent, AccessKind
from app.records.agents import User
from app.records.links import OneTimeLink, Purpose
from app.records.outgoing import Outbox
from config import ConfigurationError, load
from config.mail import Mail
from tests import factories
from tests.asked import watched
from tests.desk import office
from tests.desk.office import PASSWORD, try_password

PAGE = {"Accept": "text/html"}
EMAIL = "anna@example.nl"
NEW = "de molen draait alweer zachtjes"
OWN = (EMAIL, "Gemeente Waterrijk")


@pytest.fixture
def anna(flask_app: Flask) -> str:
    with transaction() as session:
        factories.agent(session, "anna")
        return office.user(session, "anna")


@pytest.fixture
def mail(flask_app: Flask) -> Iterator[mail_job.Office]:
    """Mails can be sent; what leaves is looked at where it is written."""
    server = Mail(host="127.0.0.1", port=9, sender="Rechtdoor <bellen@example.nl>")
    settings = replace(flask_app.config["SETTINGS"], mail=server)
    flask_app.config["SETTINGS"] = settings
    mails.bind(True)
    made = mail_job.Office.of(settings)
    assert made is not None
    yield made
    mails.bind(False)


def post(client: FlaskClient, where: str, address: str = "192.0.2.1", **form: str) -> TestResponse:
    with client.session_transaction() as session:
        token = session.setdefault("csrf", "a token")
    return client.post(
        where, data={"csrf": token, **form}, headers=PAGE, environ_base={"REMOTE_ADDR": address}
    )


def asked_for() -> list[dict[str, str]]:
    with reading() as session:
        rows = session.scalars(select(Outbox).where(Outbox.kind == mails.SEND_MAIL).order_by(Outbox.id))
        return [row.payload for row in rows]


def letter(mail: mail_job.Office, payload: dict[str, str]) -> str:
    with transaction() as session:
        written = mail_job.letter_of(session, mail, payload, utcnow())
    assert written is not None
    return f"{written['Subject']}\n{written.get_content()}"


def link_in(text: str) -> str:
    found = re.search(r"https?://[^/]+(/login/password/\S+)", text)
    assert found, text
    return found[1]


def is_signed_in(client: FlaskClient) -> bool:
    return client.get("/account", headers=PAGE).status_code == 200


# --- which are taken ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("password", "weakness"),
    [
        ("leavemealone", Weakness.COMMON),
        ("LeaveMeAlone", Weakness.COMMON),
        ("leave me alone", Weakness.COMMON),
        ("Wachtwoord1234", Weakness.COMMON),
        ("P@ssw0rd!2345", Weakness.COMMON),
        ("W3lk0m2026!!", Weakness.COMMON),
        ("zomerzomer2026", Weakness.COMMON),
        ("!!password!!password!!", Weakness.REPEATED),
        ("aaaaaaaaaaaaaaaa", Weakness.REPEATED),
        ("abcabcabcabcab", Weakness.REPEATED),
        ("W3lkom26!W3lkom26!", Weakness.REPEATED),
        ("abcdefghijklmn", Weakness.REPEATED),
        ("mnbvcxzlkjhg", Weakness.REPEATED),
        ("qwertyuiopasdf", Weakness.REPEATED),
        ("098765432109", Weakness.REPEATED),
        ("Waterrijk2026!", Weakness.OWN),
        ("Gemeente Waterrijk 1", Weakness.OWN),
        ("Anna@example.nl", Weakness.OWN),
        ("welkomwaterrijk", Weakness.OWN),
        (PASSWORD, None),
        (NEW, None),
        ("correcthorsebatterystaple", None),
        ("k3Jd92mZq0Lw", None),
        ("480913572266", None),
        ("wij wonen graag in waterrijk", None),
        ("ÁÉÍ ÓÚ ñandú çedilla", None),
    ],
)
def test_what_is_tried_first_is_no_password(password: str, weakness: Weakness | None) -> None:
    assert common_passwords.weakness_of(password, OWN, least_length=12) == weakness


def test_the_list_is_long_enough() -> None:
    assert len(common_passwords._common()) > 40_000


@pytest.mark.parametrize("language", ["nl", "en"])
def test_whoever_chooses_a_weak_one_reads_why(client: FlaskClient, anna: str, language: str) -> None:
    office.sign_in(client, anna)
    post(client, "/language", language=language)

    refused = post(client, "/account/password", present=PASSWORD, password="wachtwoord1234")

    assert refused.status_code == 422
    assert {"nl": "gebruiken veel mensen", "en": "Many people use"}[language] in refused.text


# --- changing it --------------------------------------------------------------------------------------


def test_another_password_ends_all_other_sessions_and_what_was_half_way(
    client: FlaskClient, anna: str
) -> None:
    elsewhere = client.application.test_client()
    office.sign_in(elsewhere, anna)
    office.sign_in(client, anna)

    done = post(client, "/account/password", present=PASSWORD, password=NEW)

    assert (done.status_code, done.location) == (303, "/account")
    assert "Uw nieuwe wachtwoord geldt" in client.get("/account").text
    assert not is_signed_in(elsewhere)
    assert try_password(elsewhere, anna, PASSWORD).status_code == 401
    assert try_password(elsewhere, anna, NEW).status_code == 303
    with reading() as session:
        kinds = session.scalars(select(AccessEvent.kind).where(AccessEvent.email == anna)).all()
    assert AccessKind.PASSWORD_CHANGED in kinds


def test_to_change_it_one_knows_the_present_one_and_may_not_guess(client: FlaskClient, anna: str) -> None:
    office.sign_in(client, anna)

    for _ in range(guessing.FREE_FOR_ACCOUNT):
        assert post(client, "/account/password", present="mis mis mis", password=NEW).status_code == 401

    assert post(client, "/account/password", present=PASSWORD, password=NEW).status_code == 429
    with reading() as session:
        assert passwords.fits(session.get_one(User, anna).password_hash, PASSWORD)


# --- forgotten ----------------------------------------------------------------------------------------


def test_a_link_that_was_mailed_sets_another_password_once(
    client: FlaskClient, anna: str, mail: mail_job.Office
) -> None:
    office.sign_in(client, anna)
    stranger = client.application.test_client()

    asked = post(stranger, "/login/forgot", email=" Anna@Example.nl")

    assert "is er nu een mail met een link onderweg" in asked.text
    [payload] = asked_for()
    text = letter(mail, payload)
    link = link_in(text)
    with reading() as session:
        kept = session.scalars(select(OneTimeLink)).one()
    assert kept.hash not in link
    assert link.rpartition("/")[2] not in str(payload)
    assert "Nieuw wachtwoord" in stranger.get(link).text, "opening it uses nothing up"
    assert post(stranger, link, password="kort").status_code == 422
    done = post(stranger, link, password=NEW)
    assert done.location == "/login"
    assert "Log er nu mee in" in stranger.get("/login").text
    assert not is_signed_in(stranger)
    assert not is_signed_in(client)
    assert try_password(stranger, anna, NEW).status_code == 303
    assert post(client, link, password="nog een hele andere zin").status_code == 404


def test_whether_there_is_an_account_changes_neither_the_answer_nor_what_is_asked_of_the_database(
    client: FlaskClient, anna: str, mail: mail_job.Office
) -> None:
    def told(email: str) -> tuple[str, list[str]]:
        with watched() as asked:
            page = post(client, "/login/forgot", email=email).text
        return page.replace(email, "…"), [re.sub(r"\s+", " ", statement) for statement, _ in asked]

    known, unknown = told(anna), told("nobody@example.nl")

    assert known == unknown


def test_to_who_has_no_account_nothing_is_sent(client: FlaskClient, anna: str, mail: mail_job.Office) -> None:
    post(client, "/login/forgot", email="nobody@example.nl")

    [payload] = asked_for()
    with transaction() as session:
        assert mail_job.letter_of(session, mail, payload, utcnow()) is None


def test_nobody_is_flooded_with_mails(client: FlaskClient, anna: str, mail: mail_job.Office) -> None:
    free, *_ = guessing.MAILS_TO_ONE
    for place in range(free):
        assert post(client, "/login/forgot", f"192.0.2.{place}", email=anna).status_code == 200

    assert post(client, "/login/forgot", "198.51.100.1", email=anna).status_code == 429
    assert post(client, "/login/forgot", "198.51.100.1", email="ben@example.nl").status_code == 200
    assert len(asked_for()) == free + 1


def test_nobody_floods_everybody_from_one_place(client: FlaskClient, mail: mail_job.Office) -> None:
    free, *_ = guessing.MAILS_FROM_ONE
    answers = [
        post(client, "/login/forgot", email=f"{one}@example.nl").status_code for one in range(free + 1)
    ]

    assert answers == [200] * free + [429]


@pytest.mark.parametrize("late", [31, 24 * 60])
def test_a_link_is_over_after_half_an_hour(
    client: FlaskClient, anna: str, mail: mail_job.Office, late: int
) -> None:
    with transaction() as session:
        link = one_time_links.make(session, anna, Purpose.RESET, utcnow() - timedelta(minutes=late))

    assert client.get(link).status_code == 404
    assert post(client, link, password=NEW).status_code == 404
    # And one that would be mailed so late isn't.
    at = utcnow() - timedelta(minutes=late)
    payload = {"what": "reset", "email": anna, "about": "", "at": at.isoformat()}
    with transaction() as session:
        assert mail_job.letter_of(session, mail, payload, utcnow()) is None


def test_a_link_dies_with_another_password(client: FlaskClient, anna: str) -> None:
    with transaction() as session:
        link = one_time_links.make(session, anna, Purpose.RESET, utcnow())
        other = one_time_links.make(session, anna, Purpose.RESET, utcnow())
    office.sign_in(client, anna)
    post(client, "/account/password", present=PASSWORD, password=NEW)

    assert {client.get(one).status_code for one in (link, other)} == {404}


def test_where_no_mail_can_be_sent_that_is_said(client: FlaskClient, anna: str) -> None:
    page = client.get("/login/forgot").text

    assert "Vraag uw beheerder om een link" in page
    assert '<input type="email"' not in page
    post(client, "/login/forgot", email=anna)
    assert asked_for() == []


# --- invited, and helped by an operator ---------------------------------------------------------------


def test_somebody_new_chooses_their_first_password(
    client: FlaskClient, flask_command: Callable[..., Result]
) -> None:
    made = flask_command("users", "invite", "Ben@example.nl", "--role", "auditor")
    assert made.exit_code == 0, made.output
    link = link_in(made.stdout)
    for password in ("", "the account that nobody has"):
        assert try_password(client, "ben@example.nl", password).status_code == 401

    assert "Welkom" in client.get(link).text
    post(client, link, password=NEW)

    assert try_password(client, "ben@example.nl", NEW).location == "/admin"


def test_an_operator_prints_a_link_where_no_mail_can_be_sent_and_mails_it_where_one_can(
    client: FlaskClient, anna: str, flask_command: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    printed = flask_command("users", "reset-password", anna)
    assert client.get(link_in(printed.stdout)).status_code == 200
    assert asked_for() == []

    monkeypatch.setitem(
        client.application.config,
        "SETTINGS",
        replace(
            client.application.config["SETTINGS"], mail=Mail(host="localhost", port=25, sender="a@example.nl")
        ),
    )
    mailed = flask_command("users", "reset-password", anna)
    assert "/login/password/" not in mailed.output
    assert [one["what"] for one in asked_for()] == ["reset"]


def test_who_left_gets_no_link(client: FlaskClient, anna: str, mail: mail_job.Office) -> None:
    with transaction() as session:
        session.execute(update(app.db.Base.metadata.tables["agents"]).values(enabled=False))
    post(client, "/login/forgot", email=anna)

    with transaction() as session:
        assert mail_job.letter_of(session, mail, asked_for()[0], utcnow()) is None


def test_what_changes_an_account_is_mailed_to_its_owner_in_their_language(
    client: FlaskClient, anna: str, mail: mail_job.Office
) -> None:
    office.sign_in(client, anna)
    post(client, "/language", language="en")

    post(client, "/account/password", present=PASSWORD, password=NEW)

    [news] = asked_for()
    assert "Your password was changed" in letter(mail, news)


@pytest.mark.parametrize("kind", sorted(mails.NEWS))
@pytest.mark.parametrize("language", ["nl", "en"])
def test_each_news_has_words(anna: str, mail: mail_job.Office, kind: AccessKind, language: str) -> None:
    with transaction() as session:
        session.execute(update(User).values(language=language))
        mails.tell(session, kind, anna, "laptop", utcnow())

    assert anna in letter(mail, asked_for()[0])


# --- the mail server ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://us%40er:p%3Aw@mail.example.nl", ("mail.example.nl", 587, "us@er", "p:w", False)),
        ("smtps://mail.example.nl", ("mail.example.nl", 465, "", "", True)),
        ("smtp://127.0.0.1:2525", ("127.0.0.1", 2525, "", "", False)),
    ],
)
def test_the_mail_server_is_read_from_its_address(url: str, expected: tuple[object, ...]) -> None:
    mail = load({"SMTP_URL": url, "MAIL_FROM": "Bellen <bellen@example.nl>"}).mail
    assert mail is not None
    assert (mail.host, mail.port, mail.user, mail.password, mail.is_tls) == expected


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"SMTP_URL": "http://mail.example.nl", "MAIL_FROM": "a@example.nl"}, "SMTP_URL: is no address"),
        ({"SMTP_URL": "smtp://u:geheim@", "MAIL_FROM": "a@example.nl"}, "SMTP_URL: is no address"),
        ({"SMTP_URL": "smtp://x:y", "MAIL_FROM": "a@example.nl"}, "SMTP_URL: is no address"),
        ({"SMTP_URL": "smtp://mail.example.nl"}, "MAIL_FROM: “” is no address"),
        ({"MAIL_FROM": "a@example.nl"}, "SMTP_URL: is no address"),
    ],
)
def test_a_mail_server_that_can_not_be_stops_the_start_without_telling_its_password(
    values: dict[str, str], problem: str
) -> None:
    with pytest.raises(ConfigurationError, match=problem) as refused:
        load(values)
    assert "geheim" not in str(refused.value)
