"""Is all well? For the balancer, the operator and their monitoring: /healthz, /readyz, /metrics."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import cache
from typing import Any, TypeVar

from flask import Blueprint, Flask, Response, abort, current_app, g, jsonify, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Histogram, generate_latest
from redis import RedisError
from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app import browser_reports, bus, db
from app.carrier.webhook import is_webhook
from app.clock import utcnow
from app.desk import streams
from app.records.jobs import WorkerSeen
from app.screen import ways_in
from app.stored_figures import Stored

bp = Blueprint("operations", __name__)

ANSWER_SECONDS = 1.0
T = TypeVar("T")
WORKER_SEEN_WITHIN = timedelta(seconds=20)


def register(app: Flask) -> None:
    """Serve the three, and time every webhook of the carrier's."""
    registry = CollectorRegistry()
    app.extensions["metrics"] = registry
    webhook_seconds = Histogram(
        "rechtdoor_webhook_seconds",
        "How long the carrier waited for an answer.",
        ["endpoint", "status"],
        buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1, 1.5, 2, 3, 5),
        registry=registry,
    )
    registry.register(streams.POP_SECONDS)
    registry.register(ways_in.WRONG_CODES)
    registry.register(Stored())
    browser_reports.register(app, registry)

    @app.before_request
    def begin() -> None:
        g.began = time.perf_counter()

    # To find out whose figure it is takes as long as to count.
    figure_of = cache(lambda endpoint, status: webhook_seconds.labels(endpoint, str(status)))

    @app.after_request
    def end(response: Response) -> Response:
        if is_webhook() and (began := g.get("began")) is not None:
            figure_of(request.endpoint, response.status_code).observe(time.perf_counter() - began)
        return response

    app.register_blueprint(bp)


@bp.get("/healthz")
def healthz() -> Response:
    """The process is up."""
    return jsonify(status="up")


@bp.get("/readyz")
def readyz() -> tuple[Response, int]:
    """Every part that a call needs, each with what is wrong with it; 503 when one is missing."""
    parts = {"database": _database(), "redis": _redis(), "worker": _worker()}
    ready = all(part["ready"] for part in parts.values())
    return jsonify(ready=ready, **parts), 200 if ready else 503


@bp.get("/metrics")
def metrics() -> Response:
    """The figures, at this address as written and no other: a proxy that guards it may look no closer."""
    written, *_ = str(request.environ.get("REQUEST_URI") or request.path).partition("?")
    if written != f"{request.root_path}/metrics":
        abort(404)
    return Response(generate_latest(current_app.extensions["metrics"]), content_type=CONTENT_TYPE_LATEST)


_asking = ThreadPoolExecutor(4, "operations")


def _in_time(ask: Callable[[Session], T]) -> T:
    """Ask the database, but not longer than whoever monitors would wait. Raises TimeoutError."""

    def work() -> T:
        with db.reading() as session:
            return ask(session)

    asked = _asking.submit(work)
    try:
        return asked.result(timeout=ANSWER_SECONDS)
    finally:
        # Behind those that hang, nobody waits for it any more.
        asked.cancel()


def _database() -> dict[str, Any]:
    try:
        _in_time(lambda session: session.execute(text("SELECT 1")))
        return {"ready": True}
    except (SQLAlchemyError, TimeoutError) as error:
        # What a pooler says to time-outs that are asked for at the start of a connection.
        is_pooled = "startup parameter" in str(error)
        pooled = "; behind a pooler it ends in ?pooler=transaction" if is_pooled else ""
        why = f"does not answer ({type(error).__name__}); check DATABASE_URL{pooled}"
        return {"ready": False, "why": why}


def _redis() -> dict[str, Any]:
    client = bus.redis()
    try:
        if client is None:
            return {"ready": False, "why": "did not answer a moment ago; check REDIS_URL"}
        client.ping()
        return {"ready": True}
    except RedisError as error:
        bus.failed()
        return {"ready": False, "why": f"does not answer ({type(error).__name__}); check REDIS_URL"}


def _worker() -> dict[str, Any]:
    try:
        seen_at = _in_time(
            lambda session: session.scalar(select(func.max(WorkerSeen.seen_at)).select_from(WorkerSeen))
        )
    except (SQLAlchemyError, TimeoutError):
        return {"ready": False, "why": "unknown while the database does not answer"}
    if seen_at is None or utcnow() - seen_at > WORKER_SEEN_WITHIN:
        return {"ready": False, "why": "no worker was seen lately; start one: python -m app.jobs.worker"}
    return {"ready": True, "seen_at": seen_at.isoformat()}
