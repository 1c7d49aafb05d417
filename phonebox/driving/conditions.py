"""Under which conditions does the simulated world run?"""

import dataclasses
import re
from dataclasses import asdict

from aiohttp import web

from phonebox.driving.reading import Part, Refused, Route, number_in, object_in, read_json, required, text_in
from phonebox.faults import Fault, FaultRule
from phonebox.settings import SharedKey, read_list


class Conditions(Part):
    """Faults, settings, and what the page offers."""

    def routes(self) -> list[Route]:
        """Return method, path below /phonebox, and handler of every address."""
        return [
            ("GET", "/faults", self.faults),
            ("PUT", "/faults", self.set_fault),
            ("DELETE", "/faults", self.clear_faults),
            ("GET", "/settings", self.settings),
            ("PUT", "/settings", self.change_settings),
            ("GET", "/phonebook", self.phonebook),
            ("GET", "/lines", self.lines),
            ("POST", "/reset", self.reset),
        ]

    async def faults(self, request: web.Request) -> web.Response:
        """List the faults that are switched on."""
        return web.json_response({"faults": [asdict(rule) for rule in self._world.faults.rules]})

    async def set_fault(self, request: web.Request) -> web.Response:
        """Let something go wrong with the webhooks whose URL matches."""
        body = await read_json(request)
        try:
            fault = Fault(text_in(body, "fault"))
        except ValueError as error:
            raise Refused(400, f"fault: one of {', '.join(Fault)}") from error
        times = None if body.get("times") is None else int(number_in(body, "times", 0))
        pattern = await required(request, "pattern")
        try:
            re.compile(pattern)
        except re.error as error:
            raise Refused(400, f"pattern: a part of a URL, or a regular expression: {error}") from error
        rule = FaultRule(pattern, fault, number_in(body, "seconds", 1.0), times)
        self._world.faults.rules.append(rule)
        return web.json_response(asdict(rule))

    async def clear_faults(self, request: web.Request) -> web.Response:
        """Let nothing go wrong any more."""
        self._world.faults.rules.clear()
        return web.Response(status=204)

    async def settings(self, request: web.Request) -> web.Response:
        """Return the settings that matter to who drives."""
        settings = self._world.settings
        return web.json_response(
            {
                "app_url": settings.app_url,
                "account_sid": settings.account_sid,
                "speed": self._world.clock.speed,
                "patience": self._world.clock.patience,
                "action_after_hangup": settings.action_after_hangup,
                "redirect_while_ringing": settings.redirect_while_ringing,
                "mishears": settings.mishears,
                "shared_key": settings.shared_key.sid if settings.shared_key else None,
                "signal": self._world.switchboard.address,
            }
        )

    async def change_settings(self, request: web.Request) -> web.Response:
        """Change the speed, the patience, the auth token, the shared key, or one of the switches."""
        body = await read_json(request)
        settings = self._world.settings
        if "auth_token" in body:
            settings = dataclasses.replace(settings, auth_token=text_in(body, "auth_token"))
        if "action_after_hangup" in body:
            settings = dataclasses.replace(settings, action_after_hangup=bool(body["action_after_hangup"]))
        if "redirect_while_ringing" in body:
            allowed = bool(body["redirect_while_ringing"])
            settings = dataclasses.replace(settings, redirect_while_ringing=allowed)
        if "mishears" in body:
            share = number_in(body, "mishears", 0)
            if not 0 <= share <= 1:
                raise Refused(400, "mishears: a share of the words, from 0 to 1")
            settings = dataclasses.replace(settings, mishears=share)
        if "shared_key" in body:
            key = object_in(body, "shared_key")
            if key and set(key) != {"sid", "secret"}:
                raise Refused(400, "shared_key: sid and secret, or null")
            shared = SharedKey(str(key["sid"]), str(key["secret"])) if key else None
            settings = dataclasses.replace(settings, shared_key=shared)
        self._world.settings = settings
        if "speed" in body:
            speed = number_in(body, "speed", 1)
            if speed == 0:
                raise Refused(400, "speed: a number above 0; 1 is as fast as life")
            self._world.clock.run_at(speed)
        if "patience" in body:
            patience = None if body["patience"] is None else number_in(body, "patience", 1)
            if patience == 0:
                raise Refused(400, "patience: a number above 0, or null: as the speed")
            self._world.clock.patience = patience
        return await self.settings(request)

    async def phonebook(self, request: web.Request) -> web.Response:
        """List the callers whom the page offers, and whose the telephones are that ring."""
        settings = self._world.settings
        named = {"phonebook": read_list(settings.phonebook), "telephones": read_list(settings.telephones)}
        return web.json_response(named)

    async def lines(self, request: web.Request) -> web.Response:
        """List the account's numbers that can be dialled."""
        numbers = self._world.numbers
        return web.json_response(
            {"lines": [{"number": each.phone_number, "name": each.friendly_name} for each in numbers]}
        )

    async def reset(self, request: web.Request) -> web.Response:
        """Forget everything that happened."""
        await self._world.reset()
        return web.Response(status=204)
