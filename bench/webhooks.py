"""What does the carrier send when a call comes in? Whole signed requests, ready to go over the wire."""

import secrets
from collections.abc import Mapping
from urllib.parse import urlencode

from twilio.request_validator import RequestValidator


def form_of_call(sid: str, remote_e164: str, line: str, account_sid: str) -> dict[str, str]:
    """Return the fields of an incoming call as the carrier fills them in, those of a place included."""
    fields = {
        "AccountSid": account_sid,
        "ApiVersion": "2010-04-01",
        "CallSid": sid,
        "CallStatus": "ringing",
        "CallToken": '{"parentCallInfoToken":"' + "x" * 160 + '"}',
        "Direction": "inbound",
        "From": remote_e164,
        "To": line,
        "Caller": remote_e164,
        "Called": line,
    }
    for side, place in (("From", ""), ("Caller", ""), ("To", "Utrecht"), ("Called", "Utrecht")):
        fields |= {f"{side}City": place, f"{side}State": "", f"{side}Zip": "", f"{side}Country": "NL"}
    return fields | {"ForwardedFrom": line, "StirVerstat": ""}


def signed_post(path: str, form: Mapping[str, str], *, public_url: str, token: str) -> bytes:
    """Return a whole HTTP request with the carrier's signature for the public address."""
    body = urlencode(form).encode()
    signature = RequestValidator(token).compute_signature(public_url + path, form)
    head = (
        f"POST {path} HTTP/1.1\r\n"
        f"Host: {public_url.partition('://')[2]}\r\n"
        "Content-Type: application/x-www-form-urlencoded; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\n"
        f"X-Twilio-Signature: {signature}\r\n"
        f"I-Twilio-Idempotency-Token: {secrets.token_hex(18)}\r\n"
        "User-Agent: TwilioProxy/1.1\r\n"
        "Accept: */*\r\n"
        "X-Home-Region: us1\r\n"
        "\r\n"
    )
    return head.encode() + body


def new_call_sid() -> str:
    return "CA" + secrets.token_hex(16)
