"""Who may ask the REST API what, and what is refused before it is looked at?"""

import asyncio
import base64
import binascii
import re
from collections.abc import Awaitable, Callable

from aiohttp import web

from phonebox import debugger
from phonebox.addresses import AddressKind, is_whatsapp, kind_of, number_of, without_parameters
from phonebox.faults import Fault, FaultRule
from phonebox.network.world import World
from phonebox.rest.calls import Calls
from phonebox.rest.conferences import Conferences
from phonebox.rest.forms import ApiError, Form, Handle, Resource, not_found
from phonebox.rest.messages import Messages
from phonebox.rest.numbers import Numbers
from phonebox.rest.queues import Queues
from phonebox.rest.recordings import Recordings
from phonebox.twilio_spec.rest import problems_in_request

ACCOUNT = "/2010-04-01/Accounts/{account}"
RESOURCES: tuple[type[Resource], ...] = (Calls, Queues, Conferences, Messages, Numbers, Recordings)


class RestApi:
    """The REST API of one account."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[web.RouteDef]:
        """Return every address that is served."""
        routes = [
            web.route(method, ACCOUNT + path, self._guarded(handle))
            for resource in RESOURCES
            for method, path, handle in resource(self._world).routes()
        ]
        # The account, and a recording's sound as RecordingUrl leads to it, are not in the kept part of the
        # description that requests are checked by.
        sound = Recordings(self._world).sound
        return [
            *routes,
            web.get(ACCOUNT + ".json", self._guarded(self.fetch_account, check=False)),
            web.get(ACCOUNT + "/Recordings/{sid}", self._guarded(sound, check=False)),
            web.route("*", "/2010-04-01/{rest:.*}", self._guarded(self.nothing, check=False)),
        ]

    def _guarded(
        self, handle: Handle, check: bool = True
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Let a request through that is signed in and asks for what exists; the rest is refused."""

        async def guarded(request: web.Request) -> web.StreamResponse:
            try:
                self._authenticate(request)
                form = await self._form(request)
                if check:
                    self._check(request, form)
                rule = self._world.faults.take(request.path)
                return await (
                    handle(request, form) if rule is None else _spoiled(handle, request, form, rule)
                )
            except ApiError as error:
                return error.response()

        return guarded

    def _authenticate(self, request: web.Request) -> None:
        """Check the basic authentication, and that the address names our account."""
        scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
        try:
            username, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            username = password = ""
        right = self._world.settings.password_of(username)
        account = request.match_info.get("account", self._world.settings.account_sid)
        if scheme.lower() != "basic" or right is None or password != right:
            raise ApiError(401, 20003, "Authenticate")
        if account != self._world.settings.account_sid:
            raise not_found(request)

    async def _form(self, request: web.Request) -> Form:
        fields: dict[str, list[str]] = {}
        pairs = await request.post() if request.method == "POST" else request.query
        for name, value in pairs.items():
            fields.setdefault(name, []).append(str(value))
        return Form(fields)

    def _check(self, request: web.Request, form: Form) -> None:
        """Refuse what Twilio's own description of the API does not know."""
        if "/Messages" in request.path and request.method == "POST":
            self._check_message(form)
        if request.path.endswith("/Calls.json") and request.method == "POST":
            self._check_call(form)
        problems = problems_in_request(request.method, request.path, form.fields)
        if "/Participants" in request.path:
            problems = [each for each in problems if not self._forgiven(each)]
        if problems:
            code = _code_in(problems[0])
            raise ApiError(400, code, "; ".join(problems))

    def _forgiven(self, problem: str) -> bool:
        """Of a participant, whatever is neither true nor false is false, and nobody is told but the debugger.

        https://www.twilio.com/docs/voice/api/conference-participant-resource
        """
        if not problem.endswith("should be true or false"):
            return False
        self._world.debugger.warning(debugger.SCHEMA_VALIDATION_WARNING, f"{problem}: read as false")
        return True

    @staticmethod
    def _check_call(form: Form) -> None:
        if not form.get("To"):
            raise ApiError(400, 21201, "No 'To' number is specified")
        if not form.get("From"):
            raise ApiError(400, 21213, "No 'From' number is specified")
        if kind_of(without_parameters(form.get("To"))) is None:
            raise ApiError(400, 21211, "'To' is not a number in E.164, a client or a SIP address")
        if kind_of(form.get("From")) is None:
            raise ApiError(400, 21212, "'From' is not a number in E.164, a client or a SIP address")

    @staticmethod
    def _check_message(form: Form) -> None:
        if not form.get("To"):
            raise ApiError(400, 21604, "A 'To' phone number is required")
        if not form.get("From") and not form.get("MessagingServiceSid"):
            raise ApiError(400, 21603, "A 'From' phone number is required")
        if not form.get("Body") and not form.get("MediaUrl") and not form.get("ContentSid"):
            raise ApiError(400, 21602, "Message body is required")
        if kind_of(number_of(form.get("To"))) is not AddressKind.PHONE:
            raise ApiError(400, 21211, "'To' is not a phone number in E.164")
        if form.get("From") and is_whatsapp(form.get("From")) != is_whatsapp(form.get("To")):
            raise ApiError(400, 21910, "'From' and 'To' must be of the same channel")
        if len(form.get("Body")) > 1600:
            raise ApiError(400, 21617, "The message body has more than 1600 characters")

    async def nothing(self, request: web.Request, form: Form) -> web.Response:
        """There is nothing here."""
        raise not_found(request)

    async def fetch_account(self, request: web.Request, form: Form) -> web.Response:
        """Return the account; what a client asks to see whether its credentials work."""
        sid = self._world.settings.account_sid
        return web.json_response(
            {
                "sid": sid,
                "friendly_name": "phonebox",
                "status": "active",
                "type": "Full",
                "owner_account_sid": sid,
                "uri": f"/2010-04-01/Accounts/{sid}.json",
            }
        )


async def _spoiled(handle: Handle, request: web.Request, form: Form, rule: FaultRule) -> web.StreamResponse:
    """Answer a request with a fault: what was done and what the client learns of it may differ."""
    match rule.fault:
        case Fault.DROP:
            return _hang_up_on(request)
        case Fault.SERVER_ERROR:
            raise ApiError(503, 20503, "Service unavailable (fault: 5xx)")
        case Fault.TOO_MANY:
            raise ApiError(429, 20429, "Too many requests (fault: 429)")
        case Fault.LATE:
            await asyncio.sleep(rule.seconds)
    answer = await handle(request, form)
    return _hang_up_on(request) if rule.fault is Fault.LOST_REPLY else answer


def _hang_up_on(request: web.Request) -> web.Response:
    """Break the connection; the answer that the server wants of us reaches nobody."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=503)


def _code_in(problem: str) -> int:
    """Return the number that the sentence names as Twilio's error, or the general one."""
    named = re.search(r"error (\d{5})", problem)
    return int(named.group(1)) if named else 20001
