"""The application, for an ASGI server such as uvicorn; the streams of desks are held on its loop.

uvicorn asgi:app --http app.doors:Patient --timeout-graceful-shutdown 5
"""

from typing import Any

from app import logs
from app.api import auth
from app.api.problems import ApiProblem
from app.db import OUT_OF_REACH
from app.desk.streams import Hub
from app.door import sign_in
from app.door.sessions import Limits
from app.screen import customer_views
from app.screen.pages import Life
from app.screen.streams import ScreenHub
from app.serving import Application
from app.shares import share_of
from app.voice import webhooks
from config import Settings
from wsgi import app as flask_app

logs.configure()
webhooks.start(flask_app)


def knows(environ: dict[str, Any]) -> bool:
    """Tell whether somebody asks who is signed in, holds a token of ours, or was asked for a file."""
    with flask_app.request_context(environ):
        try:
            if share_of(environ["REQUEST_METHOD"], environ["PATH_INFO"]) == "uploads":
                return customer_views.may_upload()
            return sign_in.current() is not None or auth.of_request() is not None
        except (ApiProblem, *OUT_OF_REACH):
            return False


settings: Settings = flask_app.config["SETTINGS"]
app = application = Application(
    flask_app,
    Hub(settings.redis_url, limits=Limits.of(settings)),
    knows,
    ScreenHub(settings.redis_url, life=Life.of(settings.screen_grace_minutes)),
)
