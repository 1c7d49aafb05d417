"""How much of everything does the database hold? Counted when a monitor asks, from indexes alone.

Each figure is had or missing by itself: one that could not be counted in time says so, and costs no other.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from sqlalchemy import ColumnElement, case, extract, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app import db
from app.clock import utcnow
from app.forgetting import counting
from app.outgoing import outbox
from app.promises import caps
from app.records.calls import IS_ENDED, IS_LIVE, Call, CallState
from app.records.jobs import CarrierLook
from app.records.outgoing import Outbox
from app.records.privacy import Erasure
from app.records.promises import IS_KEPT, Promise

ANSWER_SECONDS = 1.0
# Up to so many seconds late; on time is 0.
LATENESS = (0, 60, 300, 900, 3600, 4 * 3600, 24 * 3600)


def _outbox(session: Session) -> Iterator[Metric]:
    is_for_hooks = case((Outbox.kind == outbox.CALL_HOOK, 1))
    waiting = select(func.count(), func.count(is_for_hooks)).where(Outbox.done_at.is_(None))
    left, untold = session.execute(waiting).one()
    yield _gauge("rechtdoor_outbox_waiting", "What must still leave for the carrier.", left - untold)
    yield _gauge("rechtdoor_hooks_waiting", "What other systems must still be told.", untold)


def _carrier(session: Session) -> Iterator[Metric]:
    look = session.scalar(select(CarrierLook))
    added = CounterMetricFamily(
        "rechtdoor_calls_added_from_carrier", "Calls that only the carrier knew of, after an outage."
    )
    behind = GaugeMetricFamily(
        "rechtdoor_carrier_compared_age_seconds",
        "How long ago the moment is up to which all calls were compared with the carrier's.",
    )
    if look is not None:
        added.add_metric([], look.added)
        behind.add_metric([], max(0.0, (utcnow() - look.complete_until).total_seconds()))
    yield added
    yield behind


def _promises(session: Session) -> Iterator[Metric]:
    promises = GaugeMetricFamily("rechtdoor_promises", "Promises by state.", labels=["state"])
    for state, count in session.execute(select(Promise.state, func.count()).group_by(Promise.state)):
        promises.add_metric([state], count)
    yield promises
    broken = session.scalar(select(func.count()).select_from(Promise).where(Promise.broken_at.is_not(None)))
    about = "Promises whose time passed, whatever became of them since."
    yield _gauge("rechtdoor_promises_broken", about, broken or 0)


def _lateness(session: Session) -> Iterator[Metric]:
    seconds: ColumnElement[Any] = extract("epoch", Promise.finished_at) - extract("epoch", Promise.due_at)
    late = select(seconds.label("seconds")).where(IS_KEPT, Promise.finished_at > Promise.due_at).subquery()
    limits = [(late.c.seconds <= limit, place) for place, limit in enumerate(LATENESS)]
    bucket = case(*limits, else_=len(LATENESS))
    counted = select(bucket, func.count(), func.sum(late.c.seconds)).group_by(bucket)
    found = {place: (count, float(total)) for place, count, total in session.execute(counted)}
    all_kept = session.scalar(select(func.count()).select_from(Promise).where(IS_KEPT)) or 0
    # In time were all but those.
    so_far = all_kept - sum(count for count, _ in found.values())
    buckets = []
    for place, limit in enumerate([*(str(float(limit)) for limit in LATENESS), "+Inf"]):
        so_far += found.get(place, (0, 0.0))[0]
        buckets.append((limit, float(so_far)))
    histogram = HistogramMetricFamily(
        "rechtdoor_promises_kept_late_seconds", "How late kept promises were kept; 0 is on time."
    )
    histogram.add_metric([], buckets, sum(total for _, total in found.values()))
    yield histogram


def _calls(session: Session) -> Iterator[Metric]:
    calls = GaugeMetricFamily("rechtdoor_calls", "Calls by state and outcome.", labels=["state", "outcome"])
    for state, count in session.execute(select(Call.state, func.count()).where(IS_LIVE).group_by(Call.state)):
        calls.add_metric([state, ""], count)
    ended = select(Call.outcome, func.count()).where(IS_ENDED).group_by(Call.outcome)
    for outcome, count in session.execute(ended):
        calls.add_metric([CallState.ENDED, outcome or ""], count)
    yield calls


def _caps(session: Session) -> Iterator[Metric]:
    share = GaugeMetricFamily(
        "rechtdoor_cap_share",
        "How much of what may leave within an hour has left; 1 is all. Of prefix and country, the fullest.",
        labels=["what", "scope"],
    )
    for use in caps.fullest(session, utcnow()):
        share.add_metric([str(use.what), use.scope], use.share)
    yield share


def _gauge(name: str, about: str, value: float) -> Metric:
    return GaugeMetricFamily(name, about, value=value)


def _forgotten(session: Session) -> Iterator[Metric]:
    gone = GaugeMetricFamily(
        "rechtdoor_forgotten_rows",
        "How much grew old and went by itself since yesterday began, by kind.",
        labels=["kind"],
    )
    for kind, rows in counting.lately(session, utcnow())[0].items():
        gone.add_metric([kind], rows)
    yield gone
    waiting = select(func.count()).where(Erasure.done_at.is_(None))
    about = "Requests to forget somebody that are not done."
    yield _gauge("rechtdoor_erasures_waiting", about, session.scalar(waiting) or 0)


# The quickest first: where time runs out it is the last that are missing.
FIGURES: dict[str, Callable[[Session], Iterator[Metric]]] = {
    "outbox": _outbox,
    "caps": _caps,
    "carrier": _carrier,
    "forgotten": _forgotten,
    "promises": _promises,
    "lateness": _lateness,
    "calls": _calls,
}

# One at a time, however often and by whomever they are asked for.
_counting = ThreadPoolExecutor(1, "figures")


def _count(found: dict[str, list[Metric]]) -> None:
    ends = time.monotonic() + ANSWER_SECONDS
    for name, figure in FIGURES.items():
        if time.monotonic() > ends:
            return
        try:
            with db.reading() as session:
                found[name] = list(figure(session))
        except (SQLAlchemyError, TimeoutError):
            continue


class Stored(Collector):
    """The figures of the database: the same from whichever process they are asked."""

    def collect(self) -> Iterable[Metric]:
        found: dict[str, list[Metric]] = {}
        work = _counting.submit(_count, found)
        wait([work], timeout=ANSWER_SECONDS)
        work.cancel()
        counted = dict(found)
        missing = GaugeMetricFamily(
            "rechtdoor_figures_missing",
            "1 where the figure could not be had from the database in time, and is left out.",
            labels=["figure"],
        )
        for name in FIGURES:
            missing.add_metric([name], float(name not in counted))
            yield from counted.get(name, ())
        yield missing

    def describe(self) -> Iterable[Metric]:
        return []
