"""What can be asked about calls?"""

from aiohttp import web

from phonebox.addresses import parameters_of, without_parameters
from phonebox.network.calls import CallStatus, Direction, Fetch, HungUpBy, Inline, Leg, Source
from phonebox.placing import end_after, place
from phonebox.rest import pictures
from phonebox.rest.forms import (
    CREATED,
    ApiError,
    Form,
    Resource,
    Route,
    not_found,
    placing,
    subscribe,
    whole,
    within,
)


class Calls(Resource):
    """Calls: placed, found, redirected, ended."""

    def routes(self) -> list[Route]:
        """Return method, path below the account, and handler of every address."""
        return [
            ("GET", "/Calls.json", self.list_calls),
            ("POST", "/Calls.json", self.create_call),
            ("GET", "/Calls/{sid}.json", self.fetch_call),
            ("POST", "/Calls/{sid}.json", self.update_call),
            ("DELETE", "/Calls/{sid}.json", self.delete_call),
        ]

    def _leg(self, request: web.Request, sid: str) -> Leg:
        leg = self._world.legs.get(sid)
        if leg is None:
            raise not_found(request)
        return leg

    def _call(self, leg: Leg, status: int = 200) -> web.Response:
        return web.json_response(pictures.call(leg, self._account), status=status)

    async def list_calls(self, request: web.Request, form: Form) -> web.Response:
        """List calls, newest first."""
        legs = [leg for leg in reversed(self._world.legs.values()) if _call_matches(leg, form)]
        account = self._account
        return self._page(request, form, "calls", [pictures.call(leg, account) for leg in legs])

    async def create_call(self, request: web.Request, form: Form) -> web.Response:
        """Ring somebody and execute TwiML when they pick up; `Url` wins over `Twiml`."""
        details = {"MachineDetection": form.get("MachineDetection")} if "MachineDetection" in form else {}
        to = form.get("To")
        leg = self._world.new_leg(
            form.get("From"), without_parameters(to), Direction.OUTBOUND_API, details=details
        )
        leg.custom_parameters = parameters_of(to)
        subscribe(leg, form)
        answered = self._call(leg, CREATED)
        source = _source(form)
        self._world.tasks.spawn(place(self._world, leg, source, placing(form)))
        return answered

    async def fetch_call(self, request: web.Request, form: Form) -> web.Response:
        """Return one call."""
        return self._call(self._leg(request, request.match_info["sid"]))

    async def update_call(self, request: web.Request, form: Form) -> web.Response:
        """End a call, or give it other TwiML; 21220 when it is too late for that."""
        leg = self._leg(request, request.match_info["sid"])
        wanted = form.get("Status")
        if wanted:
            self._end(leg, wanted)
        elif "Url" in form or "Twiml" in form:
            if leg.ended or not (leg.answered or self._may_be_redirected_ringing(leg)):
                raise _not_in_progress(leg)
            subscribe(leg, form)
            leg.redirect(_source(form))
        elif leg.ended:
            raise _not_in_progress(leg)
        else:
            subscribe(leg, form)
            if limit := whole(form.get("TimeLimit"), 0):
                self._world.tasks.spawn(end_after(self._world, leg, limit))
        return self._call(leg)

    def _may_be_redirected_ringing(self, leg: Leg) -> bool:
        return leg.direction is Direction.INBOUND and self._world.settings.redirect_while_ringing

    @staticmethod
    def _end(leg: Leg, wanted: str) -> None:
        if leg.ended:
            raise _not_in_progress(leg)
        if wanted == "canceled" and leg.answered:
            raise ApiError(400, 21220, f"Call {leg.sid} is in progress: it can be completed, not canceled")
        leg.end(CallStatus.CANCELED, HungUpBy.APP)

    async def delete_call(self, request: web.Request, form: Form) -> web.Response:
        """Delete the record of a call that is over."""
        leg = self._leg(request, request.match_info["sid"])
        if not leg.ended:
            raise ApiError(409, 20409, f"Call {leg.sid} is in progress")
        del self._world.legs[leg.sid]
        return web.Response(status=204)


def _not_in_progress(leg: Leg) -> ApiError:
    return ApiError(400, 21220, f"Call {leg.sid} is not in-progress. Cannot redirect.")


def _source(form: Form) -> Source:
    if url := form.get("Url"):
        return Fetch(url, form.get("Method", "POST"))
    return Inline(form.get("Twiml"))


def _asks_for_end(form: Form) -> bool:
    return any(name in form for name in ("EndTime", "EndTime>", "EndTime<"))


def _call_matches(leg: Leg, form: Form) -> bool:
    return (
        without_parameters(form.get("To", leg.to)) == leg.to
        and form.get("From", leg.from_) == leg.from_
        and form.get("Status", leg.status.value) == leg.status.value
        and form.get("ParentCallSid", leg.parent.sid if leg.parent else "")
        == (leg.parent.sid if leg.parent else "")
        and within(leg.created_at, form, "StartTime")
        and (within(leg.ended_at, form, "EndTime") if leg.ended_at else not _asks_for_end(form))
    )
