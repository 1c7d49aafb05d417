"""How is a driving request read, and refused when it makes no sense?"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from phonebox.network.world import World

DEFAULT_WAIT = 10.0
LONGEST_WAIT = 300.0
# How long a word or a key waits for somebody to listen.
DEFAULT_PATIENCE = 5.0

Json = dict[str, Any]
Handle = Callable[[web.Request], Awaitable[web.StreamResponse]]
Route = tuple[str, str, Handle]


class Refused(Exception):
    """A driving request that can't be done; the message says why and what would."""

    def __init__(self, status: int, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": message, **more}


class Part(ABC):
    """One part of the driving API."""

    def __init__(self, world: World) -> None:
        self._world = world

    @abstractmethod
    def routes(self) -> list[Route]:
        """Return method, path below /phonebox, and handler of every address."""


async def read_json(request: web.Request) -> Json:
    """Return the body as an object; an empty body is an empty one."""
    if not request.body_exists:
        return {}
    try:
        body = await request.json()
    except ValueError as error:
        raise Refused(400, "the body is no JSON") from error
    if not isinstance(body, dict):
        raise Refused(400, "the body is no JSON object")
    return body


def text_in(body: Json, name: str) -> str:
    """Return a field as text; empty when it is not given."""
    value = body.get(name)
    return "" if value is None else str(value)


def number_in(body: Json, name: str, default: float) -> float:
    """Return a field as a number that is not negative."""
    value = body.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
        raise Refused(400, f"{name}: a number, 0 or more")
    return float(value)


def object_in(body: Json, name: str) -> Json:
    """Return a field that is an object; empty when it is not given."""
    value = body.get(name) or {}
    if not isinstance(value, dict):
        raise Refused(400, f"{name}: an object of names and values")
    return value


async def required(request: web.Request, name: str) -> str:
    """Return a field of the body that must be given."""
    value = text_in(await read_json(request), name)
    if not value:
        raise Refused(400, f"{name}: nothing is given")
    return value


def seconds_in(request: web.Request) -> float:
    """Return how many real seconds a wait may last."""
    try:
        return min(float(request.query.get("seconds", DEFAULT_WAIT)), LONGEST_WAIT)
    except ValueError as error:
        raise Refused(400, "seconds: a number") from error
