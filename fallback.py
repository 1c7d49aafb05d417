"""The last resort as a process of its own: rings FALLBACK_NUMBERS, with neither database nor Redis.

uvicorn fallback:application --http app.doors:Patient --port 8002

On another machine than the rest, behind /voice/fallback.
"""

import sys

from flask import Flask

from app import logs
from app.serving import Application
from app.voice.outage import last_resort
from config import ConfigurationError, load


def create_app() -> Flask:
    """Return an application that serves /voice/fallback, what it leads to, and /healthz; nothing else."""
    flask_app = Flask(__name__, static_folder=None)
    flask_app.config["SETTINGS"] = load()
    last_resort.register(flask_app, keeper=None)
    flask_app.add_url_rule("/healthz", view_func=lambda: {"status": "up"}, endpoint="healthz")
    return flask_app


try:
    logs.configure()
    app = create_app()
    # The same care with whoever knocks as in the web process: there is nobody behind this one.
    application = Application(app, None)
except ConfigurationError as error:
    sys.exit("Can't start:\n" + "\n".join(f"  {problem}" for problem in error.problems))
