"""Is it the carrier that asks? Whoever else does gets nothing and leaves nothing behind."""

import base64
import hashlib
import hmac
import json
import logging
from collections.abc import Mapping
from dataclasses import replace

import pytest
from flask import Flask, Request
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select
from twilio.request_validator import RequestValidator
from werkzeug.datastructures import MultiDict
from werkzeug.test import EnvironBuilder

from app import db
from app.carrier import forms
from app.carrier.recut import SignedForm
from app.carrier.signature import is_from_carrier
from config import Settings
from tests.factories import ADA, LINE
from tests.telephone import signed

TOKEN = "12345"
SHOP = "https://mycompany.com"
# https://www.twilio.com/docs/usage/security#validating-requests
PUBLISHED = MultiDict(
    {
        "CallSid": "CA1234567890ABCDE",
        "Digits": "1234",
        "From": "+14158675309",
        "Caller": "+14158675309",
        "To": "+18005551212",
    }
)
PUBLISHED_SIGNATURE = "RSOYDt4T1cUTdK1PDd93/VVr8B8="


def asked(
    path: str = "/myapp.php?foo=1&bar=2",
    form: Mapping[str, object] | None = PUBLISHED,
    *,
    signature: str | None = PUBLISHED_SIGNATURE,
    method: str = "POST",
    base: str = SHOP,
    headers: dict[str, str] | None = None,
    raw: str | None = None,
    **more: object,
) -> Request:
    """A request as it arrives; `raw` is its path as it came over the wire."""
    sent = dict(headers or {}) | ({"X-Twilio-Signature": signature} if signature is not None else {})
    builder = EnvironBuilder(path=path, base_url=base, method=method, headers=sent, data=form, **more)  # type: ignore[arg-type]
    environ = builder.get_environ()
    environ.pop("REQUEST_URI", None)
    environ.pop("RAW_URI", None)
    if raw is not None:
        environ["REQUEST_URI"] = raw
    return Request(environ)


def is_ours(request: Request, *, url: str = SHOP, tokens: tuple[str, ...] = (TOKEN,)) -> bool:
    return is_from_carrier(request, url, tokens)


def sign(url: str, form: object, token: str = TOKEN) -> str:
    return str(RequestValidator(token).compute_signature(url, form))


@given(
    form=st.dictionaries(
        st.text(max_size=8), st.text(max_size=8) | st.lists(st.text(max_size=4)), max_size=4
    ),
    base=st.sampled_from(
        [SHOP, "https://mycompany.com:8443", "http://mycompany.com", "https://my company.com"]
    ),
    path=st.sampled_from(
        ["/voice", "/voice/", "/voice?", "/voice?a=1", "/voice?bodySHA256=0", "//voice", "/v;x"]
    ),
    signs=st.sampled_from(
        ["as sent", "with port", "another form", "another path", "another token", "nothing"]
    ),
    settings=st.sampled_from([{}, {"X-Twilio-Webhooks-Signature-Settings": "alg=HMAC-SHA256"}]),
)
def test_nothing_is_known_at_once_that_the_carriers_validator_refuses(
    form: dict[str, object], base: str, path: str, signs: str, settings: dict[str, str]
) -> None:
    url, posted = base + path, MultiDict(form)
    signature = {
        "as sent": sign(url, posted),
        "with port": sign(f"{base}:443{path}", posted),
        "another form": sign(url, MultiDict({"From": ADA})),
        "another path": sign(f"{base}/else", posted),
        "another token": sign(url, posted, "54321"),
        "nothing": "bm90aGluZw==",
    }[signs]
    request = asked(path, form, signature=signature, base=SHOP, headers=settings, raw=path)
    known = is_from_carrier(request, base, (TOKEN,), lambda: SignedForm(forms.posted(request)))

    assert known == is_from_carrier(request, base, (TOKEN,))


def test_a_usual_request_is_known_without_the_validator(monkeypatch: pytest.MonkeyPatch) -> None:
    request = asked("/voice", signature=sign(f"{SHOP}/voice", PUBLISHED), raw="/voice")
    monkeypatch.delattr(RequestValidator, "validate")

    assert is_from_carrier(request, SHOP, ("another", TOKEN), lambda: SignedForm(forms.posted(request)))


def test_the_published_example_is_the_carriers() -> None:
    assert is_ours(asked())


@pytest.mark.parametrize(
    "change",
    [
        {"signature": None},
        {"signature": ""},
        {"signature": PUBLISHED_SIGNATURE.lower()},
        {"signature": PUBLISHED_SIGNATURE[:-1]},
        {"signature": "ë" * 28},
        {"path": "/myapp.php?foo=1&bar=3"},
        {"path": "/myapp.php"},
        {"form": {**PUBLISHED, "Digits": "1235"}},
        {"form": {**PUBLISHED, "More": "1"}},
        {"form": {name: value for name, value in PUBLISHED.items() if name != "Digits"}},
        {"form": {}},
        {"method": "PUT"},
    ],
)
def test_anything_changed_on_the_way_is_not_the_carriers(change: dict) -> None:
    assert not is_ours(asked(**change))


def test_another_token_is_not_the_carriers_and_either_of_two_is_while_one_is_rotated() -> None:
    assert not is_ours(asked(), tokens=("54321",))
    assert is_ours(asked(), tokens=("54321", TOKEN))
    assert is_ours(asked(), tokens=(TOKEN, "54321"))
    assert not is_ours(asked(), tokens=())


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "elsewhere.example:8000"},
        {"X-Forwarded-Host": "elsewhere.example", "X-Forwarded-Proto": "http", "X-Forwarded-Port": "81"},
        {"Forwarded": "host=elsewhere.example;proto=http", "X-Original-URL": "/other"},
    ],
)
def test_what_a_proxy_says_of_the_address_does_not_matter(headers: dict[str, str]) -> None:
    assert is_ours(asked(headers=headers))
    assert is_ours(asked(headers=headers, base="http://127.0.0.1:8000"))


def test_an_address_of_another_host_is_refused_though_the_request_came_in_there() -> None:
    elsewhere = "https://elsewhere.example"

    assert not is_ours(asked(base=elsewhere, signature=sign(f"{elsewhere}/myapp.php?foo=1&bar=2", PUBLISHED)))


@pytest.mark.parametrize("port", ["", ":443"])
def test_the_usual_port_may_be_in_the_signed_address_or_not(port: str) -> None:
    url = f"https://mycompany.com{port}/myapp.php?foo=1&bar=2"

    assert is_ours(asked(signature=sign(url, PUBLISHED)))
    assert is_ours(asked(signature=sign(url, PUBLISHED)), url="https://mycompany.com:443")


def test_a_port_of_ones_own_is_part_of_the_address() -> None:
    at_8443 = "https://mycompany.com:8443"
    signature = sign(f"{at_8443}/myapp.php?foo=1&bar=2", PUBLISHED)

    assert is_ours(asked(signature=signature), url=at_8443)
    assert not is_ours(asked(signature=signature), url="https://mycompany.com:9443")


def test_a_name_said_twice_is_signed_with_both_its_values() -> None:
    form = MultiDict([("CallSid", "CA1"), ("Extra", "b"), ("Extra", "a")])

    assert is_ours(asked("/x", form, signature=sign(f"{SHOP}/x", form)))
    assert not is_ours(asked("/x", {"CallSid": "CA1", "Extra": "b"}, signature=sign(f"{SHOP}/x", form)))


def test_an_empty_value_counts_by_its_name() -> None:
    form = MultiDict({"CallSid": "CA1", "FromCity": "", "FromState": ""})

    assert is_ours(asked("/x", form, signature=sign(f"{SHOP}/x", form)))
    assert not is_ours(asked("/x", {"CallSid": "CA1"}, signature=sign(f"{SHOP}/x", form)))


def test_names_in_any_alphabet_are_the_carriers() -> None:
    form = MultiDict({"FromCity": "’s-Hertogenbosch", "ToCity": "東京", "z": "Z", "Z": "z"})

    assert is_ours(asked("/x", form, signature=sign(f"{SHOP}/x", form)))


@pytest.mark.parametrize("path", ["/x?a=%2B31%20b", "/x?a=+b", "/x?a=%7Eb", "/x%20y", "/%C3%A9?q"])
def test_the_address_is_signed_as_it_was_spelled(path: str) -> None:
    assert is_ours(asked(path, {}, signature=sign(SHOP + path, {}), raw=path))


def test_a_request_by_get_is_signed_by_its_address_alone() -> None:
    path = "/x?CallSid=CA1&From=%2B31612345678"

    assert is_ours(asked(path, None, method="GET", signature=sign(SHOP + path, {}), raw=path))
    assert not is_ours(asked(path + "9", None, method="GET", signature=sign(SHOP + path, {}), raw=path + "9"))


def test_a_json_body_without_its_hash_is_refused_and_not_an_error() -> None:
    body = json.dumps({"CallSid": "CA1"})
    environ = EnvironBuilder(
        path="/x", base_url=SHOP, method="POST", data=body, content_type="application/json"
    ).get_environ()

    assert not is_ours(Request({**environ, "HTTP_X_TWILIO_SIGNATURE": "AAAA"}))


def json_request(body: str, *, hashed: str | None = None) -> Request:
    """A signed request with a JSON body; `hashed` is the body whose hash stands in the address."""
    digest = hashlib.sha256((hashed or body).encode()).hexdigest()
    path = f"/x?bodySHA256={digest}"
    environ = EnvironBuilder(
        path=path,
        base_url=SHOP,
        method="POST",
        data=body,
        content_type="application/json",
        headers={"X-Twilio-Signature": sign(SHOP + path, {})},
    ).get_environ()
    environ["REQUEST_URI"] = path
    return Request(environ)


def test_a_json_body_is_the_carriers_with_its_hash_and_not_with_anothers() -> None:
    assert is_ours(json_request('{"CallSid": "CA1"}'))
    assert not is_ours(json_request('{"CallSid": "CA2"}', hashed='{"CallSid": "CA1"}'))


def test_the_newer_algorithm_is_understood_and_unknown_ones_are_refused(
    caplog: pytest.LogCaptureFixture,
) -> None:
    url = f"{SHOP}/x"
    text = url + "CallSidCA1"
    digest = base64.b64encode(hmac.digest(TOKEN.encode(), text.encode(), "sha256")).decode()

    def request(settings: str) -> Request:
        headers = {"X-Twilio-Webhooks-Signature-Settings": settings}
        return asked("/x", {"CallSid": "CA1"}, signature=digest, headers=headers)

    assert is_ours(request("key=webhooks_sharedkey_1,algorithm=HMAC_SHA256"))
    assert not is_ours(request("key=webhooks_sharedkey_1"))
    with caplog.at_level(logging.CRITICAL):
        assert not is_ours(request("algorithm=HMAC_SHA3"))
    assert not is_ours(asked("/x", {"CallSid": "CA1"}, signature=digest))


# --- at our door --------------------------------------------------------------------------------------

ROUTES = [
    "/voice/incoming",
    "/voice/fallback",
    "/voice/status",
    *(
        f"/voice/calls/CA{'0' * 32}/1{what}"
        for what in ("", "/ended", "/leg", "/whisper", "/accept", "/wait")
    ),
    *(f"/voice/calls/CA{'0' * 32}/1/{what}" for what in ("left", "about", "number")),
    *(f"/voice/degraded/{what}" for what in ("after/owner", "whisper", "accept", "thanks")),
]


def rows() -> dict[str, int]:
    with db.transaction() as session:
        tables = db.Base.metadata.sorted_tables
        return {table.name: session.scalar(select(func.count()).select_from(table)) or 0 for table in tables}


def test_a_wrong_signature_is_refused_everywhere_and_leaves_no_trace(
    flask_app: Flask, client: FlaskClient, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    before = rows()
    caplog.set_level(logging.DEBUG)
    form = MultiDict({"CallSid": "CA" + "7" * 32, "From": ADA, "To": LINE, "CallStatus": "ringing"})
    for path in ROUTES:
        forged = signed(client, settings, path, form, token="forged")
        missing = client.post(path, data=form)
        for_another = signed(client, replace(settings, public_url="https://other.example"), path, form)
        assert [one.status_code for one in (forged, missing, for_another)] == [403] * 3, path

    assert rows() == before
    assert ADA not in caplog.text
    assert ADA[3:] not in caplog.text


def test_both_tokens_open_the_door_during_rotation(
    flask_app: Flask, client: FlaskClient, settings: Settings
) -> None:
    old, new = settings.auth_tokens[0], "n" * 32
    flask_app.config["SETTINGS"] = replace(settings, auth_tokens=(new, old))
    form = MultiDict({"CallSid": "CA" + "7" * 32, "From": "anonymous", "To": LINE, "CallStatus": "ringing"})

    assert signed(client, settings, "/voice/incoming", form, token=old).status_code == 200
    assert signed(client, settings, "/voice/incoming", form, token=new).status_code == 200
    assert signed(client, settings, "/voice/incoming", form, token=old[:-1]).status_code == 403


PIECES = [
    *rb"& = + % %20 %2B %C3%A9 %C3 %ff ; CallSid From %00 a=b a= =b %zz %u00e9".split(),
    *(b"\xc3\xa9", b"\xff", b" "),
]
KINDS = [
    *("application/x-www-form-urlencoded", "application/x-www-form-urlencoded; charset=utf-8"),
    *("Application/X-WWW-Form-Urlencoded", "application/json", "text/plain", ""),
]


@given(
    body=st.lists(
        st.one_of(
            st.binary(max_size=12),
            st.sampled_from(PIECES),
        ),
        max_size=12,
    ).map(b"".join),
    kind=st.sampled_from(KINDS),
)
def test_a_form_says_what_it_says_to_werkzeug(body: bytes, kind: str) -> None:
    def request() -> Request:
        return Request(EnvironBuilder(method="POST", data=body, content_type=kind).get_environ())

    ours = request()

    assert forms.posted(ours) == request().form.to_dict(flat=False)
    # And the carrier's validator, which asks Werkzeug, is told the same afterwards.
    assert ours.form == request().form
