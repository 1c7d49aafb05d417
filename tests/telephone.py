"""The carrier's side in tests without a carrier: signed webhooks, posted in the order that the test tells."""

import re
import secrets
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from flask.testing import FlaskClient
from twilio.request_validator import RequestValidator
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

from config import Settings
from phonebox.twilio_spec.twiml import problems_in_twiml
from tests.factories import ADA, LINE


@dataclass
class Line:
    """One call as the carrier sees it: posts what happens and follows the TwiML's own addresses."""

    client: FlaskClient
    settings: Settings
    from_: str = ADA
    to: str = LINE
    sid: str = field(default_factory=lambda: "CA" + secrets.token_hex(16))
    reply: ET.Element = field(default_factory=lambda: ET.Element("Response"))
    raw: bytes = b""

    def post(self, url: str, *, context: str = "voice", **fields: str) -> TestResponse:
        form = MultiDict(
            {"CallSid": self.sid, "AccountSid": self.settings.account_sid, "From": self.from_, "To": self.to}
            | {"CallStatus": "in-progress", "Direction": "inbound", "ApiVersion": "2010-04-01"}
            | fields
        )
        response = signed(self.client, self.settings, url, form)
        if response.mimetype == "text/xml":
            self.raw = response.data
            assert problems_in_twiml(response.text, context=context) == [], response.text  # type: ignore[arg-type]
            self.reply = ET.fromstring(response.data)
        return response

    def comes_in(self) -> "Line":
        assert self.post("/voice/incoming", CallStatus="ringing").status_code == 200
        return self

    def answered(self) -> str:
        """Come in, as fast as can be; return the answer as it stands there."""
        form = MultiDict({"CallSid": self.sid, "From": self.from_, "To": self.to, "CallStatus": "ringing"})
        return signed(self.client, self.settings, "/voice/incoming", form).text

    # --- what the TwiML says ---

    @property
    def verbs(self) -> list[str]:
        return [verb.tag for verb in self.reply]

    @property
    def said(self) -> str:
        return " ".join("".join(say.itertext()) for say in self.reply.iter("Say"))

    @property
    def rings(self) -> str | None:
        """The one whom the document rings, as client:anna or a number; None when it rings nobody."""
        for client in self.reply.iter("Client"):
            return f"client:{client.findtext('Identity')}"
        for number in self.reply.iter("Number"):
            return number.text
        return None

    def attribute(self, verb: str, name: str) -> str:
        found = self.reply.find(f".//{verb}")
        assert found is not None, f"no {verb} in {self.raw!r}"
        return found.attrib[name]

    # --- what happens next ---

    def leg(self, status: str) -> None:
        noun = "Client" if self.reply.find(".//Client") is not None else "Number"
        response = self.post(
            self.attribute(noun, "statusCallback"), CallStatus=status, CallSid="CA" + "e" * 32
        )
        assert response.status_code == 204

    def dial_ends(self, status: str, **fields: str) -> "Line":
        self.post(self.attribute("Dial", "action"), DialCallStatus=status, **fields)
        return self

    def talks(self) -> "Line":
        self.leg("ringing")
        self.leg("in-progress")
        return self

    def hangs_up(self) -> None:
        assert self.post("/voice/status", CallStatus="completed").status_code == 204


def signed(
    client: FlaskClient, settings: Settings, url: str, form: MultiDict[str, str], token: str | None = None
) -> TestResponse:
    """Post a form to the product as the carrier would, signed for the public address."""
    parts = urlsplit(url)
    path = parts.path + (f"?{parts.query}" if parts.query else "")
    validator = RequestValidator(token or settings.auth_tokens[0])
    signature = validator.compute_signature(settings.public_url + path, form)
    return client.post(path, data=form, headers={"X-Twilio-Signature": signature})


Another = Callable[..., Line]


def plain(words: str) -> str:
    """Return words with single spaces, for comparing."""
    return re.sub(r"\s+", " ", words).strip()
