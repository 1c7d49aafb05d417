"""Where do calls and messages to a number of the account go?"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime

from phonebox.sids import new_sid
from phonebox.timing import utcnow


@dataclass
class OwnNumber:
    """A number that the account owns, with what happens when it is dialled or texted."""

    phone_number: str
    friendly_name: str
    voice_url: str
    voice_fallback_url: str
    status_callback: str
    sms_url: str
    sid: str = field(default_factory=lambda: new_sid("PN"))
    voice_method: str = "POST"
    voice_fallback_method: str = "POST"
    status_callback_method: str = "POST"
    sms_method: str = "POST"
    sms_fallback_url: str = ""
    sms_fallback_method: str = "POST"
    created_at: datetime = field(default_factory=utcnow)
    updated_at: datetime = field(default_factory=utcnow)


class OwnNumbers:
    """The account's numbers; each one that somebody dials or texts is owned from then on."""

    def __init__(self, app_url: str) -> None:
        self._app_url = app_url.rstrip("/")
        self._numbers: dict[str, OwnNumber] = {}

    def __iter__(self) -> Iterator[OwnNumber]:
        return iter(self._numbers.values())

    def __contains__(self, phone_number: str) -> bool:
        return phone_number in self._numbers

    def own(self, phone_number: str, friendly_name: str | None = None) -> OwnNumber:
        """Return the number, bought on the spot with the addresses of the application if it is new."""
        if phone_number not in self._numbers:
            self._numbers[phone_number] = OwnNumber(
                phone_number,
                friendly_name or phone_number,
                voice_url=f"{self._app_url}/voice/incoming",
                voice_fallback_url=f"{self._app_url}/voice/fallback",
                status_callback=f"{self._app_url}/voice/status",
                sms_url=f"{self._app_url}/messages/incoming",
            )
        return self._numbers[phone_number]

    def by_sid(self, sid: str) -> OwnNumber | None:
        """Return the number with this SID, if there is one."""
        return next((number for number in self if number.sid == sid), None)

    def add(self, number: OwnNumber) -> None:
        """Put back a number as it was kept."""
        self._numbers[number.phone_number] = number

    def release(self, number: OwnNumber) -> None:
        """Give a number back to the carrier."""
        self._numbers.pop(number.phone_number, None)

    def forget(self) -> None:
        """Give all of them back."""
        self._numbers.clear()
