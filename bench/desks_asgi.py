"""The product's own streams, for the web server that serves the product; without the sign-in before them."""

import os

from flask import Flask, Response

from app import bus, db
from app.agents.streams import Hub, open_stream
from app.serving import Application

db.bind(db.Database(os.environ["DATABASE_URL"]))
bus.bind(bus.Bus(os.environ["REDIS_URL"]))
app = Flask(__name__)


@app.get("/stream/<agent>")
def stream(agent: str) -> Response:
    return open_stream(agent)


@app.get("/healthz")
def healthz() -> Response:
    return Response(b"up")


application = Application(app, Hub(os.environ["REDIS_URL"]))
