"""The product's own streams, for the web server that serves the product; without the sign-in before them."""

import os

from flask import Flask, Response

from app import bus, db
from app.clock import utcnow
from app.desk.streams import Hub, open_stream
from app.door.sessions import Proof, hash_of
from app.records.tokens import ApiToken, Scope
from app.serving import Application

db.bind(db.Database(os.environ["DATABASE_URL"]))
bus.bind(os.environ["REDIS_URL"])
app = Flask(__name__)

# What the streams are opened with, and looked at for as in life: a token of everybody's.
TOKEN = "bench desks"
with db.transaction() as session:
    session.merge(
        ApiToken(hash=hash_of(TOKEN), name=TOKEN, scope=Scope.READ, agent=None, created_at=utcnow())
    )


@app.get("/stream/<agent>")
def stream(agent: str) -> Response:
    return open_stream(agent, Proof("token", hash_of(TOKEN)))


@app.get("/healthz")
def healthz() -> Response:
    return Response(b"up")


application = Application(app, Hub(os.environ["REDIS_URL"]))
