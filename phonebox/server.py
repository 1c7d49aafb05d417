"""Which addresses does the simulator serve?"""

from pathlib import Path

from aiohttp import web

from phonebox.driving import api as driving
from phonebox.network.kept import load
from phonebox.network.world import World
from phonebox.rest.api import RestApi
from phonebox.settings import Settings
from phonebox.verbs.execution import run_call

PAGE = Path(__file__).parent / "page"
PAGE_FILES = {
    "/": ("index.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
    "/words.js": ("words.js", "text/javascript"),
    "/favicon.svg": ("favicon.svg", "image/svg+xml"),
}
SECURITY = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def make_app(settings: Settings) -> tuple[web.Application, World]:
    """Put a simulator together; it needs a running event loop, and starts to listen nowhere by itself."""
    world = World(settings, run_call)
    world.own_lines()
    if settings.state_file is not None:
        load(settings.state_file, settings.app_url, world.numbers, world.endpoints)
    app = web.Application(client_max_size=1024 * 1024)
    app.add_routes(RestApi(world).routes())
    app.add_routes(driving.routes(world))
    app.add_routes([web.get(path, page_file) for path in PAGE_FILES])
    app.add_routes([web.get("/healthz", healthz)])

    async def stop(_: web.Application) -> None:
        await world.close()

    app.on_shutdown.append(stop)
    return app, world


async def page_file(request: web.Request) -> web.Response:
    """Return a part of the page."""
    name, content_type = PAGE_FILES[request.path]
    return web.Response(
        body=(PAGE / name).read_bytes(), content_type=content_type, charset="utf-8", headers=SECURITY
    )


async def healthz(request: web.Request) -> web.Response:
    """Say that the simulator is up."""
    return web.json_response({"status": "up"})
