"""The application, for an ASGI server such as uvicorn; the streams of desks are held on its loop.

uvicorn asgi:app --timeout-graceful-shutdown 5
"""

from app import logs
from app.agents.sessions import Limits
from app.agents.streams import Hub
from app.serving import Application
from app.voice import webhooks
from config import Settings
from wsgi import app as flask_app

logs.configure()
webhooks.start(flask_app)
settings: Settings = flask_app.config["SETTINGS"]
app = application = Application(flask_app, Hub(settings.redis_url, limits=Limits.of(settings)))
