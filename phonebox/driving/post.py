"""What did the application write by mail?"""

from aiohttp import web

from phonebox.driving.reading import Part, Route, read_json, seconds_in
from phonebox.network.post import Mail


class Post(Part):
    """Mails, from the outside."""

    def routes(self) -> list[Route]:
        """Return method, path below /phonebox, and handler of every address."""
        return [
            ("GET", "/mails", self.mails),
            ("GET", "/mails/wait", self.wait_for_mail),
            ("PUT", "/mails/refused", self.refused),
        ]

    async def mails(self, request: web.Request) -> web.Response:
        """List mails, all or those to one address, oldest first; and where they are taken."""
        mails = [mail.as_json() for mail in self._world.post.to(request.query.get("to", ""))]
        return web.json_response({"mails": mails, "address": self._world.post.address})

    async def wait_for_mail(self, request: web.Request) -> web.Response:
        """Answer as soon as a mail to somebody arrived that contains a text."""
        to, containing = request.query.get("to", ""), request.query.get("containing", "")

        def arrived() -> list[Mail]:
            mails = self._world.post.to(to)
            return [mail for mail in mails if containing in mail.text or containing in mail.subject]

        in_time = await self._world.changes.until(lambda: bool(arrived()), seconds_in(request))
        mails = [mail.as_json() for mail in arrived()]
        return web.json_response({"mails": mails}, status=200 if in_time else 408)

    async def refused(self, request: web.Request) -> web.Response:
        """Say with which code of SMTP all mail is refused (550: for good, 450: for now); null takes it."""
        code = (await read_json(request)).get("code")
        if code is not None and not (isinstance(code, int) and 400 <= code < 600):
            raise web.HTTPBadRequest(text="code is one of SMTP's, from 400 to 599, or null")
        self._world.post.refuses = code
        return web.json_response({"code": code})
