"""Who may drive the simulator, and through which addresses?"""

from aiohttp import web

from phonebox.driving.calls import Calls
from phonebox.driving.conditions import Conditions
from phonebox.driving.messages import Messages
from phonebox.driving.post import Post
from phonebox.driving.reading import Handle, Part, Refused
from phonebox.driving.rooms import Rooms
from phonebox.driving.telephones import Telephones
from phonebox.driving.watching import Watching
from phonebox.network.world import World

PARTS: tuple[type[Part], ...] = (Calls, Rooms, Telephones, Messages, Post, Watching, Conditions)


def routes(world: World) -> list[web.RouteDef]:
    """Return every address of the driving API: JSON, without sign-in, for this machine only."""
    return [
        web.route(method, "/phonebox" + path, _guarded(handle))
        for part in PARTS
        for method, path, handle in part(world).routes()
    ]


def _guarded(handle: Handle) -> Handle:
    async def guarded(request: web.Request) -> web.StreamResponse:
        # A page of another site may not drive the simulator behind its reader's back.
        origin = request.headers.get("Origin")
        if origin is not None and origin.partition("://")[2] != request.host:
            return web.json_response({"error": "only phonebox's own page may do this"}, status=403)
        try:
            return await handle(request)
        except Refused as refused:
            return web.json_response(refused.body, status=refused.status)

    return guarded
