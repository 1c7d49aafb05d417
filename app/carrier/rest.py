"""What do we ask of the telephone company? The few things we need, over its official client."""

import logging
import random
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

import requests
from requests.exceptions import RequestException
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from app.errors import CarrierError
from config import TWILIO_API_URL, Settings

log = logging.getLogger(__name__)

T = TypeVar("T")

TIMEOUT_SECONDS = 5.0
LATELY = 20  # calls of one page, newest first
# Two minutes, which is the longest message that we let be recorded, take a quarter of this.
MOST_BYTES_OF_SOUND = 4 * 1024 * 1024
PAGE = 200  # calls of one page of a long list: answered well within the time-out
# https://www.twilio.com/docs/api/errors/20429: too many requests at once.
TOO_MANY_REQUESTS = 20429
MOST_TRIES = 6
LONGEST_PAUSE_SECONDS = 30.0
# https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides: two more tries when we can't be
# reached, fail or are slow; each is given 4 s, all together 12 s of the carrier's 15 s.
RETRIES = "#rc=2&rp=ct,5xx,rt&rt=4000&tt=12000"
# https://www.twilio.com/docs/api/errors/21220: the call is over; a race with the caller who hangs up.
CALL_NOT_IN_PROGRESS = 21220
# What will be refused again however often it is asked.
# https://www.twilio.com/docs/api/errors: 21211 invalid number, 21610 unsubscribed, 21614 not a mobile …
FOR_GOOD = frozenset(
    {20404, 21211, 21212, 21220, 21408, 21602, 21604, 21606, 21610, 21611, 21612, 21614, 21659, 21660, 21661}
)


def with_parameters(to: str, parameters: Mapping[str, str]) -> str:
    """Return the address with what a softphone is given along with the call; a number stays as it is.

    https://www.twilio.com/docs/voice/api/call-resource#create-a-call-resource, the parameter To.
    """
    return f"{to}?{urlencode(parameters, quote_via=quote)}" if to.startswith("client:") else to


class _HttpClient(TwilioHttpClient):
    """The official transport with a time-out, which it lacks, towards the address that the settings name."""

    def __init__(self, api_url: str) -> None:
        super().__init__(timeout=TIMEOUT_SECONDS, pool_connections=True)
        self._api_url = api_url

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Response:
        response = super().request(method, url.replace(TWILIO_API_URL, self._api_url, 1), *args, **kwargs)
        if response.status_code == 429:
            raise _Busy(dict(response.headers or {}))
        return response


class _Busy(TwilioException):
    """The carrier wants to be left alone for a while; the official client would lose for how long."""

    def __init__(self, headers: dict[str, str]) -> None:
        super().__init__("too many requests")
        said = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
        self.retry_after = float(said) if said.isascii() and said.isdigit() else None


def patiently(question: Callable[[], T]) -> T:
    """Ask again, after the pause that it wants, while the carrier says that it is asked too much.

    For work that nobody on the telephone waits for. Raises CarrierError when it stays at that, or for
    anything else.
    """
    for tried in range(1, MOST_TRIES + 1):
        try:
            return question()
        except CarrierError as error:
            if error.status != 429 or tried == MOST_TRIES:
                raise
            # Many who were refused at once must not come back at once.
            pause = error.retry_after or 2 ** (tried - 2)
            time.sleep(min(pause, LONGEST_PAUSE_SECONDS) * random.uniform(1, 1.3))
    raise AssertionError("asked at least once")


@dataclass(frozen=True)
class CarrierCall:
    """What the carrier knows of a call."""

    sid: str
    status: str
    direction: str
    from_raw: str
    to_raw: str
    started_at: datetime | None
    seconds: int | None = None  # how long it was answered; None while the carrier doesn't say
    answered_by: str = ""  # human, machine_start …; empty when that was not asked
    ended_at: datetime | None = None


@dataclass(frozen=True)
class Participant:
    """Somebody in a conference, as the carrier has it: what we asked of it may have been ignored."""

    call_sid: str
    label: str
    on_hold: bool
    muted: bool
    coaches: str  # the SID of the call that alone hears this one; empty: everybody does
    closes_room: bool  # the conference ends when this one leaves


def _there(found: Any) -> Participant:
    return Participant(
        call_sid=str(found.call_sid),
        label=str(found.label or ""),
        on_hold=bool(found.hold),
        muted=bool(found.muted),
        coaches=str(found.call_sid_to_coach or "") if found.coaching else "",
        closes_room=bool(found.end_conference_on_exit),
    )


def _no_more_than(most: int, parts: Iterable[bytes]) -> Iterator[bytes]:
    """Pass on what comes in. Raises CarrierError when it is more than what we asked to be recorded can be."""
    size = 0
    for part in parts:
        size += len(part)
        if size > most:
            raise CarrierError(None)
        yield part


def _seconds(duration: Any) -> int | None:
    text = str(duration or "")
    return int(text) if text.isascii() and text.isdigit() else None


def _known(found: Any) -> CarrierCall:
    return CarrierCall(
        sid=str(found.sid),
        status=str(found.status),
        direction=str(found.direction),
        from_raw=str(found._from or ""),
        to_raw=str(found.to or ""),
        started_at=found.start_time,
        seconds=_seconds(found.duration),
        answered_by=str(found.answered_by or ""),
        ended_at=found.end_time,
    )


class Carrier:
    """One account at the carrier. Every method raises CarrierError when it was refused or not answered."""

    def __init__(self, settings: Settings) -> None:
        self._api_url = settings.api_url
        self._client = Client(
            settings.account_sid,
            settings.auth_tokens[0],
            http_client=_HttpClient(settings.api_url),
            # What stands in the process's environment for another program must not lead us elsewhere.
            environment={},
        )

    def redirect_call(self, sid: str, url: str) -> None:
        """Break off what a live call hears, and let the carrier fetch `url` for it."""
        self._ask(lambda: self._client.calls(sid).update(url=url, method="POST"))

    def end_call(self, sid: str) -> None:
        """Hang up a call, or stop a telephone that rings."""
        self._ask(lambda: self._client.calls(sid).update(status="completed"))

    def place_call(self, *, to: str, from_: str, url: str, status_url: str, ring_seconds: int) -> str:
        """Ask the carrier to ring `to` and to fetch `url` when it is picked up; return the call's sid.

        `to` is `client:…` or a number. A CarrierError without a status leaves open whether it will ring: ask
        `calls_to` before asking again.
        """
        placed = self._ask(
            lambda: self._client.calls.create(
                to=to,
                from_=from_,
                url=url,
                method="POST",
                status_callback=status_url,
                status_callback_method="POST",
                status_callback_event=["initiated", "ringing", "answered", "completed"],
                timeout=ring_seconds,
            )
        )
        return str(placed.sid)

    def calls_to(self, to: str, since: datetime) -> list[CarrierCall]:
        """Return the calls to an address that we asked for at `since` or later, newest first.

        Chosen here by the time of asking: the carrier's own filter is by the time at which a call was
        dialled, which one that still waits for its turn hasn't got.
        """
        found = self._ask(lambda: self._client.calls.list(to=to, limit=LATELY))
        if not found and "?" in to:
            # Nobody says whether such a call is filed with what it was given along, or without.
            found = self._ask(lambda: self._client.calls.list(to=to.partition("?")[0], limit=LATELY))
        return [
            _known(one)
            for one in found
            if str(one.direction) == "outbound-api" and (one.date_created or since) >= since
        ]

    def legs_of(self, sid: str) -> list[CarrierCall]:
        """Return the calls that a call has dialled."""
        found = self._ask(lambda: self._client.calls.list(parent_call_sid=sid, limit=LATELY))
        return [_known(one) for one in found]

    def calls_in(self, since: datetime) -> Iterator[list[CarrierCall]]:
        """Yield the calls that came in at `since` or later, the newest first, page by page."""
        asked = self._client.calls
        page = patiently(lambda: self._ask(lambda: asked.page(start_time_after=since, page_size=PAGE)))
        while page is not None:
            yield [_known(one) for one in page if str(one.direction) == "inbound"]
            page = patiently(partial(self._ask, page.next_page)) if page.next_page_url else None

    def conference_of(self, name: str) -> str | None:
        """Return the SID of the conference of that name that is open now; None when there is none."""
        found = self._ask(lambda: self._client.conferences.list(friendly_name=name, limit=LATELY))
        return next((str(one.sid) for one in found if str(one.status) != "completed"), None)

    def participants(self, conference_sid: str) -> list[Participant]:
        """Return who is in a conference; nobody is in one that is over, or that nobody knows."""
        room = self._client.conferences(conference_sid)
        try:
            return [_there(one) for one in self._ask(lambda: room.participants.list(limit=LATELY))]
        except CarrierError as error:
            if error.status == 404:
                return []
            raise

    def add_participant(
        self, conference: str, *, label: str, to: str, from_: str, status_url: str, ring_seconds: int
    ) -> str:
        """Ring somebody straight into a conference, by its SID or our name of it; return the call's SID.

        For a desk only: an ordinary phone is asked first whether a human is listening (place_call).
        """
        rung = self._ask(
            lambda: self._client.conferences(conference).participants.create(
                to=to,
                from_=from_,
                label=label,
                timeout=ring_seconds,
                beep="false",
                end_conference_on_exit=False,
                jitter_buffer_size="small",
                status_callback=status_url,
                status_callback_method="POST",
                status_callback_event=["initiated", "ringing", "answered", "completed"],
            )
        )
        return str(rung.call_sid)

    def set_participant(
        self,
        conference_sid: str,
        label: str,
        *,
        on_hold: bool | None = None,
        hold_url: str = "",
        muted: bool | None = None,
        closes_room: bool | None = None,
        coaches: str | None = None,
    ) -> Participant:
        """Change what is given of somebody in a conference, and return how they stand by the answer.

        That is no proof: the carrier ignores `closes_room` of who is on hold without a word. Read it back.
        https://www.twilio.com/docs/voice/api/conference-participant-resource#update-a-participant-resource
        """
        wanted: dict[str, Any] = {}
        if on_hold is not None:
            wanted["hold"] = on_hold
            if on_hold:
                wanted |= {"hold_url": hold_url, "hold_method": "POST"}
        if muted is not None:
            wanted["muted"] = muted
        if closes_room is not None:
            wanted["end_conference_on_exit"] = closes_room
        if coaches is not None:
            wanted["coaching"] = bool(coaches)
            if coaches:
                wanted["call_sid_to_coach"] = coaches
        one = self._client.conferences(conference_sid).participants(label)
        return _there(self._ask(lambda: one.update(**wanted)))

    def announce(self, conference_sid: str, label: str, url: str) -> None:
        """Let one person in a conference hear what `url` answers; the others hear none of it."""
        one = self._client.conferences(conference_sid).participants(label)
        self._ask(lambda: one.update(announce_url=url, announce_method="POST"))

    def remove_participant(self, conference_sid: str, label: str) -> None:
        """Take somebody out of a conference: their call goes on with what follows it, or ends."""
        self._delete(self._client.conferences(conference_sid).participants(label))

    def close_conference(self, conference_sid: str) -> None:
        """End a conference: the calls of all who are in it go on with what follows it, or end."""
        self._ask(lambda: self._client.conferences(conference_sid).update(status="completed"))

    def send_message(self, *, to: str, from_: str, body: str, status_url: str | None = None) -> str:
        """Send an SMS; return its sid."""
        extra = {"status_callback": status_url} if status_url else {}
        message = self._ask(lambda: self._client.messages.create(to=to, from_=from_, body=body, **extra))
        return str(message.sid)

    def recording_sound(self, sid: str) -> tuple[str, bytes] | None:
        """Return a recording's content type and sound; None when the carrier hasn't got it (yet).

        Fetched from the address in the settings, by SID alone: a webhook's RecordingUrl is never followed,
        nor does a redirect lead elsewhere.
        https://www.twilio.com/docs/voice/api/recording#fetch-a-recording-media-file
        """
        url = f"{self._api_url}/2010-04-01/Accounts/{self._client.account_sid}/Recordings/{sid}.mp3"
        account = (self._client.username, self._client.password)
        try:
            with requests.get(
                url, auth=account, timeout=TIMEOUT_SECONDS, stream=True, allow_redirects=False
            ) as answer:
                if answer.status_code == 404:
                    return None
                if answer.status_code != 200:
                    raise CarrierError(None, answer.status_code)
                sound = b"".join(_no_more_than(MOST_BYTES_OF_SOUND, answer.iter_content(65536)))
                return answer.headers.get("Content-Type", "").partition(";")[0].strip(), sound
        except RequestException as error:
            raise CarrierError(None) from error

    def delete_recording(self, sid: str) -> None:
        """Have a recording deleted; one that isn't there is deleted already."""
        self._delete(self._client.recordings(sid))

    def delete_copy(self, sid: str) -> None:
        """Have a message, or the record of a call and of all that it dialled, deleted, unless it is gone.

        Both are refused while they are under way.
        https://www.twilio.com/docs/voice/api/call-resource#delete-a-call-resource
        https://www.twilio.com/docs/messaging/api/message-resource#delete-a-message-resource
        """
        if sid.startswith("CA"):
            while legs := self.legs_of(sid):
                for leg in legs:
                    self._delete(self._client.calls(leg.sid))
            self._delete(self._client.calls(sid))
        else:
            self._delete(self._client.messages(sid))

    def recordings_of(self, call_sid: str) -> list[tuple[str, int | None]]:
        """Return the SID of each recording of a call, and how many seconds it lasts if that is known."""
        found = self._ask(lambda: self._client.calls(call_sid).recordings.list(limit=LATELY))
        return [(str(one.sid), _seconds(one.duration)) for one in found]

    def call(self, sid: str) -> CarrierCall:
        """Return what the carrier knows of a call."""
        return _known(self._ask(lambda: self._client.calls(sid).fetch()))

    def numbers(self) -> list[tuple[str, str]]:
        """Return the account's telephone numbers: sid and E.164 of each."""
        found = self._ask(lambda: self._client.incoming_phone_numbers.list())
        return [(str(one.sid), str(one.phone_number)) for one in found]

    def point_number(self, sid: str, public_url: str, fallback_url: str) -> None:
        """Let a number's calls and messages come to us; the address says how often to try again."""
        self._ask(
            lambda: self._client.incoming_phone_numbers(sid).update(
                voice_url=f"{public_url}/voice/incoming{RETRIES}",
                voice_method="POST",
                voice_fallback_url=f"{fallback_url}/voice/fallback",
                voice_fallback_method="POST",
                status_callback=f"{public_url}/voice/status",
                status_callback_method="POST",
                sms_url=f"{public_url}/messages/incoming",
                sms_method="POST",
            )
        )

    def check(self) -> None:
        """Ask for our own account: an answer means that the address and the credentials are right."""
        self._ask(lambda: self._client.api.accounts(self._client.account_sid).fetch())

    def _delete(self, resource: Any) -> None:
        try:
            self._ask(resource.delete)
        except CarrierError as error:
            if error.status != 404:
                raise

    def _ask(self, question: Any) -> Any:
        try:
            return question()
        except _Busy as error:
            raise CarrierError(TOO_MANY_REQUESTS, 429, error.retry_after) from error
        except TwilioRestException as error:
            raise CarrierError(error.code, error.status) from error
        except (TwilioException, RequestException) as error:
            # The official client tells of a list that was refused by the bare answer, without its code.
            refused = next((one for one in error.args if isinstance(one, Response)), None)
            raise CarrierError(None, refused.status_code if refused else None) from error
