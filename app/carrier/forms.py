"""What does the carrier's form say? Read strictly where it matters, and answered in the carrier's own way."""

import logging
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast
from urllib.parse import unquote_to_bytes

from flask import Request, Response, current_app, g, request
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import RequestEntityTooLarge

from app.callers.numbers import to_e164
from app.carrier.recut import SHAPES, SignedForm
from app.carrier.signature import is_from_carrier
from app.carrier.words import DialEnded
from config import Settings

log = logging.getLogger(__name__)

CALL_SID = re.compile(r"CA[0-9a-fA-F]{32}")

LONGEST_SPEECH = 4000
# A number may be set to either at the carrier, and by mistake; to be refused then is silence on the line.
METHODS = ("GET", "POST")
# The carrier's longest, a message with its sender's particulars, has some ten thousand.
LONGEST_BODY = 256 * 1024
_USUAL_FORM = "application/x-www-form-urlencoded"


def refuse_strangers(
    unread: Callable[[], Response], in_doubt: Callable[[], Response] | None
) -> Response | None:
    """Nothing is read, looked up or written for a request that the carrier didn't sign.

    A form of a size that the carrier never sends isn't read, so nobody knows who signed it: whoever shows no
    signature is refused as ever, else the answer is `unread`'s, which may tell and change nothing. A form
    that may have been cut out of another one (see recut.py) is `in_doubt`; without it the view must know.
    """
    settings: Settings = current_app.config["SETTINGS"]
    asked = _asked()
    asked.max_content_length = LONGEST_BODY
    try:
        if settings.check_signatures and not is_from_carrier(
            asked, settings.public_url, settings.auth_tokens, _signed_form
        ):
            log.warning("webhook refused", extra={"path": asked.path})
            return Response("signature missing or wrong\n", 403, mimetype="text/html")
        form = _signed_form()
    except RequestEntityTooLarge:
        log.warning("webhook too long to be read", extra={"path": asked.path})
        return unread()
    if form is not None and form.is_doubtful:
        log.warning("webhook in doubt", extra={"path": asked.path})
        return in_doubt() if in_doubt is not None else None
    return None


def _asked() -> Request:
    """Return the request itself: each word with its proxy takes as long as ten with it."""
    itself: Request = cast(Any, request)._get_current_object()
    return itself


def is_certain() -> bool:
    """Tell whether all that we read of this form is where the carrier put it."""
    form: SignedForm | None = g.signed_form
    return form is None or not form.is_doubtful


def as_it_stands(name: str) -> str:
    """Return a field for people to read, even where it is in doubt."""
    form: SignedForm | None = g.signed_form
    return form.text(name).replace("\x00", "") if form is not None else value(name)


def _signed_form() -> SignedForm | None:
    """Return the form as it was signed; None where names and values are told apart by the address."""
    known = g._get_current_object()
    if "signed_form" not in known:
        asked = _asked()
        known.signed_form = SignedForm(posted(asked)) if asked.method == "POST" else None
    form: SignedForm | None = known.signed_form
    return form


def posted(asked: Request) -> Mapping[str, Sequence[str]]:
    """Return the fields of a form with their values, as Werkzeug reads them, for half of its time.

    Raises RequestEntityTooLarge for one that is longer than the request may be.
    """
    if asked.mimetype != _USUAL_FORM:
        return asked.form.to_dict(flat=False)
    fields: dict[str, list[str]] = {}
    try:
        text = asked.get_data().decode()
    except UnicodeDecodeError:
        return fields
    for piece in text.split("&"):
        if piece:
            name, _, value = piece.partition("=")
            if "%" in piece or "+" in piece:
                name, value = _unquoted(name), _unquoted(value)
            if name in fields:
                fields[name].append(value)
            else:
                fields[name] = [value]
    return fields


def _unquoted(text: str) -> str:
    # The errors are Werkzeug's: what is no UTF-8 stays as it was quoted.
    return unquote_to_bytes(text.replace("+", " ")).decode(errors="werkzeug.url_quote")


def too_long() -> Response:
    """Refuse a form that is too long to be read, where nobody is on the line."""
    return Response("too long to be read\n", 413, mimetype="text/html")


def _said() -> MultiDict[str, str]:
    """Return the fields, which are in the address when the carrier asks with GET."""
    return request.form if request.method == "POST" else request.args


def value(name: str) -> str:
    """Return a field of the form; nothing when it was said twice, or can't be what its name says."""
    form: SignedForm | None = g.get("signed_form")
    if form is not None:
        text = form.value(name) or ""
    else:
        values = _said().getlist(name)
        text = values[0] if len(values) == 1 else ""
        if name in SHAPES and name not in ("From", "To") and not SHAPES[name].fullmatch(text):
            text = ""
    text = text.replace("\x00", "")
    return text[:LONGEST_SPEECH] if name == "SpeechResult" else text


def seconds(name: str) -> int | None:
    """Return a duration of the form; None when there is none, or it is none."""
    return number(name)


def number(name: str) -> int | None:
    """Return a whole number of the form; None when there is none, or it is none."""
    text = value(name)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 7 else None


def share(name: str) -> float | None:
    """Return a number of the form between nought and one; None when there is none, or it is none."""
    text = value(name)
    found = float(text) if re.fullmatch(r"[01](\.[0-9]{1,9})?", text, re.ASCII) else None
    return found if found is not None and found <= 1 else None


def caller_id() -> str | None:
    """Return our own number when the caller's is hidden, which the carrier refuses to pass on; else None."""
    country = current_app.config["SETTINGS"].default_country
    return None if to_e164(value("From"), country) else to_e164(value("To"), country)


def dial_ended() -> DialEnded:
    """Return what the carrier says of a ring that is over."""
    bridged = value("DialBridged").lower()
    return DialEnded(
        status=value("DialCallStatus"),
        call_status=value("CallStatus"),
        bridged=None if not bridged else bridged == "true",
        seconds=seconds("DialCallDuration"),
    )


def xml(reply: bytes) -> Response:
    """Answer with TwiML; whatever is between us and the carrier must ask us each time, with GET too."""
    return Response(reply, mimetype="text/xml", headers={"Cache-Control": "no-store"})


def done() -> Response:
    """Answer news that asks for nothing."""
    return Response(status=204)
