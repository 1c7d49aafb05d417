"""Which access tokens open a telephone, and whose?"""

import time
from datetime import timedelta
from typing import Any

import jwt
import pytest
from twilio.jwt.access_token import AccessToken
from twilio.jwt.access_token.grants import VoiceGrant

from phonebox.tokens import EXPIRED, INVALID, TokenRefused, verify

ACCOUNT, KEY, SECRET = "AC" + "1" * 32, "SK" + "2" * 32, "a secret of some length, as keys have"
OPENS: dict[str, Any] = {"identity": "anna", "voice": {"incoming": {"allow": True}}}


def token(**changes: Any) -> str:
    """Return a token as twilio.md A11 draws it, with claims changed or, when None, left out.

    A timedelta is a time seen from now: from when the test runs, not from when its table was read.
    """
    now = int(time.time())
    claims: dict[str, Any] = {
        "jti": f"{KEY}-{now}", "iss": KEY, "sub": ACCOUNT, "nbf": now, "exp": now + 60, "grants": OPENS,
    }  # fmt: skip
    header = {"cty": changes.pop("cty", "twilio-fpa;v=1")}
    secret = changes.pop("secret", SECRET)
    claims = {
        name: now + int(value.total_seconds()) if isinstance(value, timedelta) else value
        for name, value in (claims | changes).items()
        if value is not None
    }
    return jwt.encode(claims, secret, algorithm="HS256", headers=header)


def test_the_official_librarys_token_opens_the_telephone_it_names() -> None:
    official = AccessToken(ACCOUNT, KEY, SECRET, identity="anna", ttl=600)
    official.add_grant(VoiceGrant(incoming_allow=True))

    access = verify(str(official.to_jwt()), ACCOUNT, {KEY: SECRET})

    assert (access.identity, access.may_ring) == ("anna", True)
    assert 590 < access.seconds_left <= 600


@pytest.mark.parametrize(
    ("changes", "code", "names"),
    [
        ({"secret": "another secret of some length here"}, INVALID, "secret"),
        ({"iss": "SK" + "9" * 32}, INVALID, "iss"),
        ({"iss": None}, INVALID, "iss"),
        ({"sub": "AC" + "9" * 32}, INVALID, "sub"),
        ({"exp": None}, INVALID, "exp"),
        ({"sub": None}, INVALID, "sub"),
        ({"nbf": timedelta(minutes=10), "exp": timedelta(minutes=15)}, INVALID, "nbf"),
        ({"exp": 1_700_000_000, "nbf": 1_699_990_000}, EXPIRED, "expired"),
        ({"exp": timedelta(hours=25)}, EXPIRED, "24 hours"),
        ({"grants": None}, INVALID, "grants"),
        ({"grants": {"voice": {}}}, INVALID, "identity"),
        ({"grants": {"identity": "anna de vries", "voice": {}}}, INVALID, "identity"),
        ({"grants": {"identity": "anna"}}, INVALID, "voice"),
        ({"cty": "JWT"}, INVALID, "cty"),
    ],
)
def test_a_token_that_is_wrong_anywhere_is_refused_with_the_reason(
    changes: dict[str, Any], code: int, names: str
) -> None:
    with pytest.raises(TokenRefused, match=names) as refused:
        verify(token(**changes), ACCOUNT, {KEY: SECRET})

    assert refused.value.code == code


@pytest.mark.parametrize("rubbish", ["", "a.b.c", "x" * 5000])
def test_what_is_no_token_is_refused(rubbish: str) -> None:
    with pytest.raises(TokenRefused, match="no access token"):
        verify(rubbish, ACCOUNT, {KEY: SECRET})


def test_an_unsigned_token_is_refused() -> None:
    unsigned = jwt.encode(
        {"iss": KEY, "sub": ACCOUNT, "exp": int(time.time()) + 60, "grants": OPENS},
        "",
        algorithm="none",
        headers={"cty": "twilio-fpa;v=1"},
    )

    with pytest.raises(TokenRefused, match="secret"):
        verify(unsigned, ACCOUNT, {KEY: SECRET})


def test_a_token_without_incoming_calls_lets_nobody_ring() -> None:
    grants = {"identity": "anna", "voice": {"outgoing": {"application_sid": "AP" + "3" * 32}}}

    assert not verify(token(grants=grants), ACCOUNT, {KEY: SECRET}).may_ring
