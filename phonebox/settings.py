"""What was this simulator told when it was started?"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

# Made to be recognised as no real account's: development settings of an application repeat them.
DEVELOPMENT_ACCOUNT_SID = "AC" + "d0" * 16
DEVELOPMENT_AUTH_TOKEN = "d0" * 16
DEVELOPMENT_API_KEY = "SK" + "d0" * 16
DEVELOPMENT_API_SECRET = "d0d0" * 8


@dataclass(frozen=True)
class SharedKey:
    """A key that signs webhooks with HMAC-SHA256 instead of the auth token's HMAC-SHA1."""

    sid: str
    secret: str


@dataclass(frozen=True)
class Settings:
    """The simulator's settings; `speed` divides simulated durations, never HTTP time-outs.

    `patience` divides the time that people have to answer, speak or press; None is as `speed`.
    """

    app_url: str = "http://127.0.0.1:8000"
    account_sid: str = DEVELOPMENT_ACCOUNT_SID
    auth_token: str = DEVELOPMENT_AUTH_TOKEN
    api_keys: Mapping[str, str] = field(default_factory=lambda: {DEVELOPMENT_API_KEY: DEVELOPMENT_API_SECRET})
    shared_key: SharedKey | None = None
    speed: float = 1.0
    patience: float | None = None
    # Twilio's page does not say whether <Dial action> is requested once the caller is gone; both exist here.
    action_after_hangup: bool = True
    # Whether TwiML may be given to an incoming call that nobody picked up yet. Error 21220 says no: it is not
    # in progress.
    redirect_while_ringing: bool = False
    # Which share of the words of who speaks a recogniser gets wrong.
    mishears: float = 0.0
    phonebook: Path | None = None
    telephones: Path | None = None  # whose the ordinary phones are that the application rings
    lines: Path | None = None
    state_file: Path | None = None
    # Where softphones connect; 0 is any free port.
    signal_port: int = 0
    # Where mails are taken; 0 is any free port.
    mail_port: int = 0

    def password_of(self, username: str) -> str | None:
        """Return the secret that goes with an account SID or an API key; None when there is no such user."""
        if username == self.account_sid:
            return self.auth_token
        return self.api_keys.get(username)


def read_list(path: Path | None) -> list[dict[str, Any]]:
    """Read a JSON file that holds a list of objects; no file is an empty list."""
    if path is None:
        return []
    entries = json.loads(path.read_text(encoding="utf-8"))
    return [dict(entry) for entry in entries]
