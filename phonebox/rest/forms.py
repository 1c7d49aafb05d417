"""How does the REST API read what it is asked, and refuse it?"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from aiohttp import web

from phonebox.network.calls import Handler, Leg, StatusCallback
from phonebox.network.world import World
from phonebox.placing import Placing
from phonebox.timing import utcnow

MAX_PAGE = 1000
DEFAULT_PAGE = 50
CREATED = 201


class ApiError(Exception):
    """A refusal in Twilio's words. https://www.twilio.com/docs/usage/twilios-response#response-formats-exceptions"""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message

    def response(self) -> web.Response:
        """Return it as JSON."""
        body = {
            "code": self.code,
            "message": self.message,
            "more_info": f"https://www.twilio.com/docs/errors/{self.code}",
            "status": self.status,
        }
        return web.json_response(body, status=self.status)


def not_found(request: web.Request) -> ApiError:
    """Say that there is nothing at this address."""
    return ApiError(404, 20404, f"The requested resource {request.path} was not found")


class Form:
    """The fields of a request, by name; every value in a list, as it came."""

    def __init__(self, fields: Mapping[str, list[str]]) -> None:
        self.fields = fields

    def get(self, name: str, default: str = "") -> str:
        """Return the first value of a field."""
        values = self.fields.get(name)
        return values[0] if values else default

    def all(self, name: str) -> list[str]:
        """Return every value of a field; words of one value that are separated by spaces count apart."""
        return [word for value in self.fields.get(name, []) for word in value.split()]

    def __contains__(self, name: str) -> bool:
        return name in self.fields

    def is_true(self, name: str, default: bool = False) -> bool:
        """Read true or false: anything but `true` is false, as with Twilio."""
        return self.get(name).lower() == "true" if name in self else default


Handle = Callable[[web.Request, Form], Awaitable[web.StreamResponse]]
Route = tuple[str, str, Handle]


class Resource(ABC):
    """One kind of thing that the REST API serves."""

    def __init__(self, world: World) -> None:
        self._world = world

    @property
    def _account(self) -> str:
        return self._world.settings.account_sid

    @abstractmethod
    def routes(self) -> list[Route]:
        """Return method, path below the account, and handler of every address."""

    def _page(
        self, request: web.Request, form: Form, key: str, records: Sequence[dict[str, Any]]
    ) -> web.Response:
        """Return one page of a list, with where the next one is."""
        size = min(max(whole(form.get("PageSize"), DEFAULT_PAGE), 1), MAX_PAGE)
        page = max(whole(form.get("Page"), 0), 0)
        start, end = page * size, (page + 1) * size

        def address(number: int) -> str:
            query = {**dict(request.query), "Page": str(number), "PageSize": str(size)}
            return str(request.rel_url.with_query(query))

        body = {
            key: list(records[start:end]),
            "page": page,
            "page_size": size,
            "start": start,
            "end": max(min(end, len(records)) - 1, 0),
            "uri": str(request.rel_url),
            "first_page_uri": address(0),
            "next_page_uri": address(page + 1) if end < len(records) else None,
            "previous_page_uri": address(page - 1) if page else None,
        }
        return web.json_response(body)


def subscribe(leg: Leg, form: Form) -> None:
    """Note where the progress of a call goes, and what runs when its TwiML fails."""
    if url := form.get("StatusCallback"):
        events = frozenset(form.all("StatusCallbackEvent") or ["completed"])
        leg.callback = StatusCallback(url, form.get("StatusCallbackMethod", "POST"), events)
    if fallback := form.get("FallbackUrl"):
        leg.fallback = Handler(fallback, form.get("FallbackMethod", "POST"))


def placing(form: Form) -> Placing:
    """Read how a call is to be placed."""
    limit = whole(form.get("TimeLimit"), 0)
    return Placing(whole(form.get("Timeout"), 60), form.get("SendDigits"), limit or None)


def whole(text: str, default: int) -> int:
    """Read a whole number; anything else is the default."""
    return int(text) if text.isdecimal() else default


def within(moment: datetime, form: Form, name: str) -> bool:
    """Say whether a moment is on the day, or after or before the time, that a filter names."""
    if (after := form.get(f"{name}>")) and moment < _moment(after):
        return False
    if (before := form.get(f"{name}<")) and moment > _moment(before):
        return False
    on = form.get(name)
    return not on or moment.date() == _moment(on).date()


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ApiError(400, 20001, f"{text} is no time such as 2026-11-22T09:00:00Z") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=utcnow().tzinfo)
