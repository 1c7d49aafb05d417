"""How does the carrier ask the application something: signed, timed, retried, and remembered?"""

import asyncio
import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urljoin, urlsplit
from uuid import uuid4

import aiohttp
from yarl import URL

from phonebox import debugger
from phonebox.events import EventLog
from phonebox.faults import Fault, FaultRule, Faults
from phonebox.settings import Settings
from phonebox.timing import utcnow

MAX_REDIRECTS = 10
REDIRECTS = frozenset({301, 302, 303, 307, 308})
# Twilio reads documents up to 64 kB (error 11750).
MAX_BODY = 64 * 1024
OUT_OF_ORDER = frozenset({Fault.LATE, Fault.OUT_OF_ORDER, Fault.TWICE})


class WebhookFailed(Exception):
    """The application did not answer as it should; `code` is Twilio's."""

    def __init__(self, code: int, message: str, url: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.url = url


@dataclass(frozen=True)
class ConnectionOptions:
    """Time-outs in seconds and the retry policy, as written in a URL's fragment.

    https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides
    """

    connect: float = 5.0
    read: float = 15.0
    total: float = 15.0
    retries: int = 1
    policy: frozenset[str] = frozenset({"ct"})

    def retries_after(self, kind: str) -> bool:
        """Say whether a failure of this kind (`ct`, `rt`, `4xx`, `5xx`) is tried again."""
        return kind in self.policy or "all" in self.policy


def _between(text: str | None, low: int, high: int, default: int) -> int:
    """Read a whole number; what is no number, or outside the range, leaves the default."""
    if text is None or not text.isdecimal():
        return default
    return int(text) if low <= int(text) <= high else default


def options_in(fragment: str) -> ConnectionOptions:
    """Read `#rc=2&rp=ct,5xx&rt=4000`; unknown keys (edges, sni) change nothing here."""
    given = dict(parse_qsl(fragment))
    return ConnectionOptions(
        connect=_between(given.get("ct"), 100, 10_000, 5_000) / 1000,
        read=_between(given.get("rt"), 100, 15_000, 15_000) / 1000,
        total=_between(given.get("tt"), 100, 15_000, 15_000) / 1000,
        retries=_between(given.get("rc"), 0, 5, 1),
        policy=frozenset(given["rp"].split(",")) if given.get("rp") else frozenset({"ct"}),
    )


def sign(secret: str, url: str, params: Mapping[str, str], algorithm: str = "sha1") -> str:
    """Sign a webhook: the URL as it was configured, then every name and value in the order of the names.

    https://www.twilio.com/docs/usage/security#validating-requests
    """
    signed = url + "".join(name + params[name] for name in sorted(params))
    digest = hmac.new(secret.encode(), signed.encode(), getattr(hashlib, algorithm)).digest()
    return base64.b64encode(digest).decode()


@dataclass
class RequestRecord:
    """A webhook as it happened; `ms` are real milliseconds, `at` is ISO 8601."""

    id: int
    call_sid: str | None
    kind: str
    url: str
    method: str
    params: dict[str, str]
    attempt: int
    at: str
    status: int | None = None
    content_type: str = ""
    body: str = ""
    ms: int | None = None
    error: str | None = None
    fault: str | None = None

    @property
    def done(self) -> bool:
        """Whether it was answered or given up."""
        return self.ms is not None


@dataclass(frozen=True)
class Reply:
    """What the application answered, and from where after redirects."""

    status: int
    content_type: str
    body: str
    url: str
    raw: bytes = b""


class Webhooks:
    """Sends requests to the application and keeps a record of each."""

    def __init__(self, settings: Callable[[], Settings], faults: Faults, events: EventLog) -> None:
        self._settings = settings
        self._faults = faults
        self._events = events
        self._session: aiohttp.ClientSession | None = None
        self._overtaken: dict[str, asyncio.Event] = {}
        # While this is set nothing more is sent.
        self.silent = False
        self.records: list[RequestRecord] = []
        self._by_call: dict[str, list[RequestRecord]] = {}

    async def close(self) -> None:
        """Give the connections back."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def about(self, call_sids: set[str]) -> list[dict[str, Any]]:
        """Return the requests that concern these legs, oldest first."""
        records = [record for sid in call_sids for record in self._by_call.get(sid, [])]
        return [asdict(record) for record in sorted(records, key=lambda record: record.id)]

    def forget(self) -> None:
        """Begin with an empty record."""
        self.records.clear()
        self._by_call.clear()

    def may_overtake(self, url: str) -> bool:
        """Say whether a fault takes requests to this URL out of their order."""
        return any(rule.fault in OUT_OF_ORDER and rule.strikes(url) for rule in self._faults.rules)

    async def request(
        self,
        url: str,
        method: str,
        params: Mapping[str, str],
        *,
        kind: str,
        call_sid: str | None = None,
        cookies: dict[str, str] | None = None,
    ) -> Reply:
        """Ask the application, with the retries that the URL's fragment wants.

        Raises WebhookFailed when no answer below 400 came in time.
        """
        address, _, fragment = url.partition("#")
        options = options_in(fragment)
        rule = self._faults.take(address)
        twin: asyncio.Task[Reply] | None = None
        send = _Sending(address, method.upper(), dict(params), kind, call_sid, cookies, options, rule)
        await self._before(send)
        if rule is not None and rule.fault is Fault.TWICE:
            twin = asyncio.ensure_future(self._with_retries(send))
        try:
            return await self._with_retries(send)
        finally:
            if twin is not None:
                await asyncio.gather(twin, return_exceptions=True)

    async def _before(self, send: "_Sending") -> None:
        """Hold a request back where a fault says so, and let those go that waited to be overtaken."""
        rule = send.rule
        path = urlsplit(send.url).path
        if rule is not None and rule.fault is Fault.LATE:
            await asyncio.sleep(rule.seconds)
        if rule is None or rule.fault is not Fault.OUT_OF_ORDER:
            return
        if (earlier := self._overtaken.pop(path, None)) is not None:
            # This one has overtaken; the earlier one goes once this one has had time to arrive.
            asyncio.get_running_loop().call_later(0.05, earlier.set)
            return
        overtaken = self._overtaken[path] = asyncio.Event()
        try:
            await asyncio.wait_for(overtaken.wait(), rule.seconds)
        except TimeoutError:
            self._overtaken.pop(path, None)

    async def _with_retries(self, send: "_Sending") -> Reply:
        deadline = time.monotonic() + send.options.total
        attempt = 1
        while True:
            failed: _Failure
            try:
                return await self._follow(send, attempt, deadline)
            except _Failure as failure:
                failed = failure
            again = attempt <= send.options.retries and send.options.retries_after(failed.kind)
            if not again or time.monotonic() >= deadline:
                raise WebhookFailed(failed.code, str(failed), send.url)
            attempt += 1

    async def _follow(self, send: "_Sending", attempt: int, deadline: float) -> Reply:
        """Send once and follow where the answer points to."""
        url, method = send.url, send.method
        for _ in range(MAX_REDIRECTS + 1):
            reply, location = await self._once(send, url, method, attempt, deadline)
            if location is None:
                if reply.status >= 400:
                    kind = "4xx" if reply.status < 500 else "5xx"
                    raise _Failure(debugger.HTTP_RETRIEVAL_FAILURE, kind, f"{url} answered {reply.status}")
                return reply
            if reply.status not in (307, 308):
                method = "GET"
            url = urljoin(url, location)
        raise _Failure(debugger.HTTP_TOO_MANY_REDIRECTS, "4xx", f"{send.url} redirects in a circle")

    async def _once(
        self, send: "_Sending", url: str, method: str, attempt: int, deadline: float
    ) -> tuple[Reply, str | None]:
        """Send one HTTP request; return the reply and where it redirects to, if it does."""
        if self.silent:
            raise _Failure(debugger.HTTP_CONNECTION_FAILURE, "none", f"{url} was not asked: reset")
        record = self._record(send, url, method, attempt)
        began = time.monotonic()
        try:
            reply, location = await self._exchange(send, url, method, deadline)
            record.status, record.content_type, record.body = reply.status, reply.content_type, reply.body
            return reply, location
        except _Failure as failure:
            record.error = str(failure)
            raise
        finally:
            record.ms = round((time.monotonic() - began) * 1000)
            self._events.add("request", asdict(record))

    def _record(self, send: "_Sending", url: str, method: str, attempt: int) -> RequestRecord:
        fault = None if send.rule is None else send.rule.fault.value
        record = RequestRecord(
            len(self.records) + 1, send.call_sid, send.kind, url, method, dict(send.params), attempt,
            utcnow().isoformat(), fault=fault,
        )  # fmt: skip
        self.records.append(record)
        if send.call_sid is not None:
            self._by_call.setdefault(send.call_sid, []).append(record)
        self._events.add("request", asdict(record))
        return record

    async def _exchange(
        self, send: "_Sending", url: str, method: str, deadline: float
    ) -> tuple[Reply, str | None]:
        fault = None if send.rule is None else send.rule.fault
        if fault is Fault.DROP:
            raise _Failure(debugger.HTTP_CONNECTION_FAILURE, "ct", f"{url} was not reached (fault: drop)")
        if fault is Fault.SERVER_ERROR:
            return Reply(503, "text/plain", "fault: 5xx", url), None
        if "_" in (urlsplit(url).hostname or ""):
            raise _Failure(debugger.HTTP_BAD_HOST_NAME, "4xx", f"{url}: no underscores in host names")
        try:
            reply = await self._http(send, url, method, deadline)
        except (aiohttp.ServerTimeoutError, TimeoutError) as error:
            kind = "ct" if isinstance(error, aiohttp.ConnectionTimeoutError) else "rt"
            raise _Failure(debugger.HTTP_RETRIEVAL_FAILURE, kind, f"{url} did not answer in time") from error
        except aiohttp.InvalidURL as error:
            raise _Failure(debugger.HTTP_BAD_HOST_NAME, "4xx", f"{url} is no address") from error
        except aiohttp.ClientConnectorError as error:
            raise _Failure(debugger.HTTP_CONNECTION_FAILURE, "ct", f"{url} was not reached") from error
        except aiohttp.ClientError as error:
            raise _Failure(debugger.HTTP_CONNECTION_FAILURE, "rt", f"{url} broke off") from error
        if fault is Fault.LOST_REPLY:
            raise _Failure(debugger.HTTP_RETRIEVAL_FAILURE, "rt", f"{url}: answer lost (fault: lost_reply)")
        return reply

    async def _http(
        self, send: "_Sending", url: str, method: str, deadline: float
    ) -> tuple[Reply, str | None]:
        """Do the real request: the URL goes out letter by letter as it was configured."""
        data: str | None = None
        if method == "GET":
            query = urlencode(send.params, quote_via=quote)
            url = f"{url}{'&' if '?' in url else '?'}{query}" if query else url
            headers = self._headers(send, url, {})
        else:
            data = urlencode(send.params)
            headers = self._headers(send, url, send.params)
            headers["Content-Type"] = "application/x-www-form-urlencoded; charset=UTF-8"
        timeout = aiohttp.ClientTimeout(
            total=max(deadline - time.monotonic(), 0.001),
            sock_connect=send.options.connect,
            sock_read=send.options.read,
        )
        async with self._client().request(
            method,
            URL(url, encoded=True),
            data=data,
            headers=headers,
            cookies=send.cookies,
            timeout=timeout,
            allow_redirects=False,
        ) as response:
            raw = await response.content.read(MAX_BODY + 1)
            while len(raw) <= MAX_BODY and (more := await response.content.read(MAX_BODY + 1)):
                raw += more
            if send.cookies is not None:
                send.cookies.update({name: cookie.value for name, cookie in response.cookies.items()})
            if len(raw) > MAX_BODY and response.status < 400:
                raise _Failure(debugger.RESPONSE_TOO_LARGE, "4xx", f"{url} answered more than 64 kB")
            reply = Reply(response.status, response.content_type, raw.decode("utf-8", "replace"), url, raw)
            location = response.headers.get("Location") if response.status in REDIRECTS else None
            return reply, location

    def _headers(self, send: "_Sending", url: str, params: Mapping[str, str]) -> dict[str, str]:
        headers = {
            "User-Agent": "TwilioProxy/1.1",
            "Accept": "*/*",
            "I-Twilio-Idempotency-Token": send.token,
        }
        settings = self._settings()
        key = settings.shared_key
        if key is not None:
            headers["X-Twilio-Webhooks-Signature-Settings"] = f"key={key.sid},algorithm=HMAC_SHA256"
            signature = sign(key.secret, url, params, "sha256")
        else:
            signature = sign(settings.auth_token, url, params)
        if send.rule is not None and send.rule.fault is Fault.FORGED:
            signature = sign("not the secret", url, params)
        return headers | {"X-Twilio-Signature": signature}

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            # A connection each: one kept alive may be closed by the application just as it is used.
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(force_close=True, limit=0),
                cookie_jar=aiohttp.DummyCookieJar(),
                requote_redirect_url=False,
            )
        return self._session


class _Failure(Exception):
    """One attempt failed; `kind` is how the retry policy calls it."""

    def __init__(self, code: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.kind = kind


@dataclass(frozen=True)
class _Sending:
    """A request with all that its attempts share; the token tells a retry from a new request."""

    url: str
    method: str
    params: dict[str, str]
    kind: str
    call_sid: str | None
    cookies: dict[str, str] | None
    options: ConnectionOptions
    rule: FaultRule | None
    token: str = field(default_factory=lambda: str(uuid4()))
