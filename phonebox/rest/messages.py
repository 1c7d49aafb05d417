"""What can be asked about text messages?"""

from aiohttp import web

from phonebox.network.messages import REFUSALS, MessageStatus
from phonebox.rest import pictures
from phonebox.rest.forms import CREATED, ApiError, Form, Resource, Route, not_found, within
from phonebox.texting import send


class Messages(Resource):
    """Text messages."""

    def routes(self) -> list[Route]:
        """Return method, path below the account, and handler of every address."""
        return [
            ("GET", "/Messages.json", self.list_messages),
            ("POST", "/Messages.json", self.create_message),
            ("GET", "/Messages/{sid}.json", self.fetch_message),
            ("DELETE", "/Messages/{sid}.json", self.delete_message),
        ]

    def _message_json(self, sid: str, request: web.Request, status: int = 200) -> web.Response:
        message = self._world.messages.find(sid)
        if message is None:
            raise not_found(request)
        return web.json_response(pictures.message(message, self._account), status=status)

    async def list_messages(self, request: web.Request, form: Form) -> web.Response:
        """List messages, newest first."""
        account = self._account
        messages = [
            pictures.message(message, account)
            for message in reversed(list(self._world.messages))
            if form.get("To", message.to) == message.to
            and form.get("From", message.from_) == message.from_
            and within(message.created_at, form, "DateSent")
        ]
        return self._page(request, form, "messages", messages)

    async def create_message(self, request: web.Request, form: Form) -> web.Response:
        """Send a message; 21610 when the other has asked for none, 21606 from a number that can't."""
        from_ = form.get("From") or form.get("MessagingServiceSid")
        if self._world.messages.is_refused(from_, form.get("To")):
            raise ApiError(400, 21610, "Attempt to send to an unsubscribed recipient")
        if (code := self._world.messages.silent.get(from_)) is not None:
            raise ApiError(400, code, REFUSALS.get(code, "The message was refused"))
        message = send(self._world, from_, form.get("To"), form.get("Body"), form.get("StatusCallback"))
        return self._message_json(message.sid, request, CREATED)

    async def fetch_message(self, request: web.Request, form: Form) -> web.Response:
        """Return one message."""
        return self._message_json(request.match_info["sid"], request)

    async def delete_message(self, request: web.Request, form: Form) -> web.Response:
        """Delete a message; one that is under way can't be. https://www.twilio.com/docs/api/errors/20009"""
        message = self._world.messages.find(request.match_info["sid"])
        if message is not None and message.status is MessageStatus.QUEUED:
            raise ApiError(409, 20009, "Cannot delete message because delivery has not been completed")
        if not self._world.messages.delete(request.match_info["sid"]):
            raise not_found(request)
        return web.Response(status=204)
