"""What can be asked about queues, and of those who wait in them?"""

from aiohttp import web

from phonebox.network.calls import Fetch
from phonebox.network.queues import Queue, member_of
from phonebox.rest import pictures
from phonebox.rest.forms import CREATED, ApiError, Form, Resource, Route, not_found, whole
from phonebox.timing import utcnow


class Queues(Resource):
    """Queues and their members."""

    def routes(self) -> list[Route]:
        """Return method, path below the account, and handler of every address."""
        return [
            ("GET", "/Queues.json", self.list_queues),
            ("POST", "/Queues.json", self.create_queue),
            ("GET", "/Queues/{sid}.json", self.fetch_queue),
            ("POST", "/Queues/{sid}.json", self.update_queue),
            ("DELETE", "/Queues/{sid}.json", self.delete_queue),
            ("GET", "/Queues/{queue}/Members.json", self.list_members),
            ("GET", "/Queues/{queue}/Members/{sid}.json", self.fetch_member),
            ("POST", "/Queues/{queue}/Members/{sid}.json", self.update_member),
        ]

    def _queue(self, request: web.Request, sid: str) -> Queue:
        queue = self._world.queues.by_sid(sid)
        if queue is None:
            raise not_found(request)
        return queue

    def _queue_json(self, queue: Queue, status: int = 200) -> web.Response:
        return web.json_response(pictures.queue(queue, self._account), status=status)

    async def list_queues(self, request: web.Request, form: Form) -> web.Response:
        """List the queues."""
        account = self._account
        queues = [pictures.queue(queue, account) for queue in self._world.queues]
        return self._page(request, form, "queues", queues)

    async def create_queue(self, request: web.Request, form: Form) -> web.Response:
        """Make a queue."""
        name = form.get("FriendlyName")
        if self._world.queues.has(name):
            raise ApiError(400, 22003, f"a queue with the name {name} exists already")
        return self._queue_json(self._world.queues.named(name, whole(form.get("MaxSize"), 1000)), CREATED)

    async def fetch_queue(self, request: web.Request, form: Form) -> web.Response:
        """Return one queue."""
        return self._queue_json(self._queue(request, request.match_info["sid"]))

    async def update_queue(self, request: web.Request, form: Form) -> web.Response:
        """Give a queue another name or size."""
        queue = self._queue(request, request.match_info["sid"])
        if name := form.get("FriendlyName"):
            self._world.queues.rename(queue, name)
        queue.max_size = whole(form.get("MaxSize"), queue.max_size)
        queue.updated_at = utcnow()
        return self._queue_json(queue)

    async def delete_queue(self, request: web.Request, form: Form) -> web.Response:
        """Take away a queue in which nobody waits."""
        queue = self._queue(request, request.match_info["sid"])
        if queue.members:
            raise ApiError(400, 22001, "the queue is not empty")
        self._world.queues.delete(queue)
        return web.Response(status=204)

    async def list_members(self, request: web.Request, form: Form) -> web.Response:
        """List those who wait, the first one first."""
        queue = self._queue(request, request.match_info["queue"])
        account = self._account
        members = [pictures.member(queue, each, account) for each in queue.members]
        return self._page(request, form, "queue_members", members)

    async def fetch_member(self, request: web.Request, form: Form) -> web.Response:
        """Return somebody who waits."""
        queue = self._queue(request, request.match_info["queue"])
        member = member_of(queue, request.match_info["sid"])
        if member is None:
            raise not_found(request)
        return web.json_response(pictures.member(queue, member, self._account))

    async def update_member(self, request: web.Request, form: Form) -> web.Response:
        """Take somebody out of the queue and run TwiML on their call."""
        queue = self._queue(request, request.match_info["queue"])
        member = member_of(queue, request.match_info["sid"])
        if member is None:
            raise not_found(request)
        if member.dialler is not None or member.leg.ended:
            raise ApiError(400, 22002, "the member has left the queue")
        answer = pictures.member(queue, member, self._account)
        self._world.queues.leave(queue, member)
        member.leg.redirect(Fetch(form.get("Url"), form.get("Method", "POST")))
        return web.json_response(answer)
