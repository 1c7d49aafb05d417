"""What can be asked about the account's own numbers?"""

from aiohttp import web

from phonebox.addresses import AddressKind, kind_of
from phonebox.rest import pictures
from phonebox.rest.forms import CREATED, ApiError, Form, Resource, Route, not_found


class Numbers(Resource):
    """Numbers of the account, and where their calls go."""

    def routes(self) -> list[Route]:
        """Return method, path below the account, and handler of every address."""
        return [
            ("GET", "/IncomingPhoneNumbers.json", self.list_numbers),
            ("POST", "/IncomingPhoneNumbers.json", self.create_number),
            ("GET", "/IncomingPhoneNumbers/{sid}.json", self.fetch_number),
            ("POST", "/IncomingPhoneNumbers/{sid}.json", self.update_number),
            ("DELETE", "/IncomingPhoneNumbers/{sid}.json", self.delete_number),
        ]

    async def list_numbers(self, request: web.Request, form: Form) -> web.Response:
        """List the account's numbers."""
        account = self._account
        numbers = [
            pictures.number(number, account)
            for number in self._world.numbers
            if form.get("PhoneNumber", number.phone_number) in number.phone_number
            and form.get("FriendlyName", number.friendly_name) == number.friendly_name
        ]
        return self._page(request, form, "incoming_phone_numbers", numbers)

    async def create_number(self, request: web.Request, form: Form) -> web.Response:
        """Buy a number."""
        phone_number = form.get("PhoneNumber")
        if kind_of(phone_number) is not AddressKind.PHONE:
            raise ApiError(400, 21421, "PhoneNumber is not a number in E.164")
        number = self._world.numbers.own(phone_number, form.get("FriendlyName") or None)
        pictures.change_number(number, form.fields)
        self._world.numbers_changed()
        return web.json_response(pictures.number(number, self._account), status=CREATED)

    async def fetch_number(self, request: web.Request, form: Form) -> web.Response:
        """Return one number."""
        number = self._world.numbers.by_sid(request.match_info["sid"])
        if number is None:
            raise not_found(request)
        return web.json_response(pictures.number(number, self._account))

    async def update_number(self, request: web.Request, form: Form) -> web.Response:
        """Say where calls and messages to a number go."""
        number = self._world.numbers.by_sid(request.match_info["sid"])
        if number is None:
            raise not_found(request)
        pictures.change_number(number, form.fields)
        self._world.numbers_changed()
        return web.json_response(pictures.number(number, self._account))

    async def delete_number(self, request: web.Request, form: Form) -> web.Response:
        """Give a number back."""
        number = self._world.numbers.by_sid(request.match_info["sid"])
        if number is None:
            raise not_found(request)
        self._world.numbers.release(number)
        self._world.numbers_changed()
        return web.Response(status=204)
