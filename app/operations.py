"""Is all well? For the balancer, the operator and their monitoring: /healthz, /readyz, /metrics."""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

from flask import Blueprint, Flask, Response, current_app, g, jsonify, request
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from redis import RedisError
from sqlalchemy import case, extract, func, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app import bus, db
from app.agents import streams
from app.clock import utcnow
from app.outgoing import outbox
from app.records.calls import Call
from app.records.jobs import CarrierLook, WorkerSeen
from app.records.outgoing import Outbox
from app.records.promises import Promise, PromiseState

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
    registry.register(_Stored())

    @app.before_request
    def begin() -> None:
        g.began = time.perf_counter()

    @app.after_request
    def end(response: Response) -> Response:
        if request.blueprint == "voice" and request.endpoint and "began" in g:
            took = time.perf_counter() - g.began
            webhook_seconds.labels(request.endpoint, str(response.status_code)).observe(took)
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
    return Response(generate_latest(current_app.extensions["metrics"]), content_type=CONTENT_TYPE_LATEST)


_asking = ThreadPoolExecutor(4, "operations")


def _in_time(ask: Callable[[Session], T]) -> T:
    """Ask the database, but not longer than whoever monitors would wait. Raises TimeoutError."""

    def work() -> T:
        with db.reading() as session:
            return ask(session)

    return _asking.submit(work).result(timeout=ANSWER_SECONDS)


def _database() -> dict[str, Any]:
    try:
        _in_time(lambda session: session.execute(text("SELECT 1")))
        return {"ready": True}
    except (SQLAlchemyError, TimeoutError) as error:
        return {"ready": False, "why": f"does not answer ({type(error).__name__}); check DATABASE_URL"}


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


# Up to so many seconds late; on time is 0.
LATENESS = (0, 60, 300, 900, 3600, 4 * 3600, 24 * 3600)


@dataclass(frozen=True)
class _Counted:
    """What the database holds at this moment."""

    calls: list[Any]  # state, outcome, how many
    promises: list[Any]  # state, how many
    broken: int
    kept_late: list[int]  # how many were kept at most so late, for each of LATENESS, and all of them
    seconds_late: float
    left: int
    untold: int
    look: CarrierLook | None


def _count(session: Session) -> _Counted:
    calls = select(Call.state, Call.outcome, func.count()).group_by(Call.state, Call.outcome)
    promises = select(Promise.state, func.count()).group_by(Promise.state)
    broken = select(func.count()).where(Promise.broken_at.is_not(None))
    late = extract("epoch", Promise.finished_at) - extract("epoch", Promise.due_at)
    kept = select(
        *(func.count(case((late <= seconds, 1))) for seconds in LATENESS),
        func.count(),
        func.sum(case((late > 0, late), else_=0)),
    ).where(Promise.state == PromiseState.KEPT)
    *kept_late, seconds_late = session.execute(kept).one()
    is_for_hooks = case((Outbox.kind == outbox.CALL_HOOK, 1))
    waiting = select(func.count(), func.count(is_for_hooks)).where(Outbox.done_at.is_(None))
    left, untold = session.execute(waiting).one()
    return _Counted(
        calls=list(session.execute(calls)),
        promises=list(session.execute(promises)),
        broken=session.scalar(broken) or 0,
        kept_late=kept_late,
        seconds_late=float(seconds_late or 0),
        left=left - untold,
        untold=untold,
        look=session.scalar(select(CarrierLook)),
    )


class _Stored(Collector):
    """What the database knows, counted when somebody asks: the same from whichever process they ask."""

    def collect(self) -> Iterable[Metric]:
        labels = ["state", "outcome"]
        calls = GaugeMetricFamily("rechtdoor_calls", "Calls by state and outcome.", labels=labels)
        promises = GaugeMetricFamily("rechtdoor_promises", "Promises by state.", labels=["state"])
        broken = GaugeMetricFamily(
            "rechtdoor_promises_broken", "Promises whose time passed, whatever became of them since."
        )
        late = HistogramMetricFamily(
            "rechtdoor_promises_kept_late_seconds", "How late kept promises were kept; 0 is on time."
        )
        waiting = GaugeMetricFamily("rechtdoor_outbox_waiting", "What must still leave for the carrier.")
        try:
            counted = _in_time(_count)
        except (SQLAlchemyError, TimeoutError):
            return []
        for state, outcome, count in counted.calls:
            calls.add_metric([state, outcome or ""], count)
        for promise_state, count in counted.promises:
            promises.add_metric([promise_state], count)
        broken.add_metric([], counted.broken)
        limits = [*(str(float(seconds)) for seconds in LATENESS), "+Inf"]
        buckets = list(zip(limits, map(float, counted.kept_late), strict=True))
        late.add_metric([], buckets, counted.seconds_late)
        waiting.add_metric([], counted.left)
        added = CounterMetricFamily(
            "rechtdoor_calls_added_from_carrier", "Calls that only the carrier knew of, after an outage."
        )
        behind = GaugeMetricFamily(
            "rechtdoor_carrier_compared_age_seconds",
            "How long ago the moment is up to which all calls were compared with the carrier's.",
        )
        if counted.look is not None:
            added.add_metric([], counted.look.added)
            behind.add_metric([], max(0.0, (utcnow() - counted.look.complete_until).total_seconds()))
        untold = GaugeMetricFamily("rechtdoor_hooks_waiting", "What other systems must still be told.")
        untold.add_metric([], counted.untold)
        return [calls, promises, broken, late, waiting, untold, added, behind]

    def describe(self) -> Iterable[Metric]:
        return []
