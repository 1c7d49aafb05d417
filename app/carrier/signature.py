"""Is it the carrier that asks? Checked with the carrier's own validator against our public address."""

import base64
import hmac
from collections.abc import Callable, Sequence
from functools import lru_cache
from urllib.parse import urlparse

from flask import Request
from twilio.request_validator import (
    SIGNATURE_HEADER,
    SIGNATURE_SETTINGS_HEADER,
    RequestValidator,
    add_port,
    get_signature_algorithm,
    remove_port,
)
from werkzeug.datastructures import MultiDict

from app.carrier.recut import SignedForm

# https://www.twilio.com/docs/usage/security#validating-requests: how a body that is no form is signed.
BODY_HASH = "bodySHA256"


def is_from_carrier(
    request: Request,
    public_url: str,
    tokens: Sequence[str],
    form: Callable[[], SignedForm | None] = lambda: None,
) -> bool:
    """Tell whether the request was signed with one of the tokens, for the address that we are known by.

    `form` gives what was posted, if it is read anyhow: then a usual request is known by its HMAC at once, and
    the carrier's validator judges every other. The address is the configured one with the path and query as
    they were sent, never what a proxy or a Host header says. https://www.twilio.com/docs/usage/security#validating-requests
    """
    signature = request.headers.get(SIGNATURE_HEADER, "")
    if not signature:
        return False
    url = public_url + _raw_path(request)
    if _is_signed_as_usual(request, url, signature, tokens, form()):
        return True
    params = _signed_parameters(request)
    algorithm = get_signature_algorithm(request.headers.get(SIGNATURE_SETTINGS_HEADER))
    try:
        return any(RequestValidator(token).validate(url, params, signature, algorithm) for token in tokens)
    except ValueError:
        # An address that can't be taken apart was not signed by the carrier.
        return False


def _is_signed_as_usual(
    request: Request, url: str, signature: str, tokens: Sequence[str], form: SignedForm | None
) -> bool:
    """Tell whether a plain form has the plain signature. True only where the validator would say so, too."""
    if form is None or "?" in url or SIGNATURE_SETTINGS_HEADER in request.headers:
        return False
    try:
        if not _is_plain(url):
            return False
        signed, shown = (url + form.signed).encode(), signature.encode()
    except ValueError:
        return False
    made = (base64.b64encode(hmac.digest(token.encode(), signed, "sha1")) for token in tokens)
    return any(hmac.compare_digest(one, shown) for one in made)


@lru_cache(maxsize=1000)
def _is_plain(url: str) -> bool:
    """Tell whether the validator takes the address as it stands, with or without its port."""
    parts = urlparse(url)
    return url in (remove_port(parts), add_port(parts))


def _signed_parameters(request: Request) -> MultiDict[str, str] | str:
    """Return what is signed beside the address: a form; a body of which the address holds the hash."""
    if request.method != "POST":
        return MultiDict()  # the parameters of a GET stand in the address already
    if BODY_HASH in request.args and not request.form:
        return request.get_data(as_text=True)
    return request.form


def _raw_path(request: Request) -> str:
    """Return path and query exactly as they came over the wire: the signature covers the raw spelling."""
    raw = request.environ.get("RAW_URI") or request.environ.get("REQUEST_URI")
    if isinstance(raw, str) and raw.startswith("/"):
        return raw
    query = request.query_string.decode("latin-1")
    return request.path + (f"?{query}" if query else "")
