"""How much of everything is there, and was there ever? Read when a monitor asks.

What goes on is counted from indexes that hold nothing else; of what is over there are tallies, so that it
costs the same after a million calls (records/tallies.py).

Each figure is had or missing by itself: one that could not be counted in time says so, and costs no other.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from sqlalchemy import case, func, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app import db
from app.clock import utcnow
from app.forgetting import counting
from app.outgoing import outbox
from app.promises import caps
from app.records.calls import IS_LIVE, Call, CallState
from app.records.jobs import CarrierLook
from app.records.outgoing import Outbox
from app.records.privacy import Erasure
from app.records.promises import IS_OWED, Promise
from app.records.tallies import LATENESS, LATER, Figure, Tally

ANSWER_SECONDS = 1.0


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
    counted = _counted(session, Figure.PROMISE_FINISHED, Figure.PROMISE_TAKEN_BACK, Figure.PROMISE_BROKEN)
    promises = GaugeMetricFamily(
        "rechtdoor_promises",
        "Promises by state: how many are owed, and how many ever came to an end.",
        labels=["state"],
    )
    owed = select(Promise.state, func.count()).where(IS_OWED).group_by(Promise.state)
    for state, count in session.execute(owed):
        promises.add_metric([state], count)
    finished = counted[Figure.PROMISE_FINISHED]
    for ended, count in _still(finished, counted[Figure.PROMISE_TAKEN_BACK]):
        promises.add_metric([ended], count)
    yield promises
    about = "How often promises came to an end, by state; an end that was taken back stays counted."
    yield _counter("rechtdoor_promises_finished", about, "state", finished)
    about = "Promises whose time passed, whatever became of them since."
    yield _gauge("rechtdoor_promises_broken", about, sum(counted[Figure.PROMISE_BROKEN].values()))


def _lateness(session: Session) -> Iterator[Metric]:
    kept = _counted(session, Figure.PROMISE_KEPT)[Figure.PROMISE_KEPT]
    so_far = 0
    buckets = []
    for label, limit in [*((str(limit), str(float(limit))) for limit in LATENESS), (LATER, "+Inf")]:
        so_far += kept.get(label, 0)
        buckets.append((limit, float(so_far)))
    late = select(func.sum(Tally.seconds)).where(Tally.figure == Figure.PROMISE_KEPT)
    histogram = HistogramMetricFamily(
        "rechtdoor_promises_kept_late_seconds", "How late promises were kept, each time; 0 is on time."
    )
    histogram.add_metric([], buckets, session.scalar(late) or 0.0)
    yield histogram


def _calls(session: Session) -> Iterator[Metric]:
    counted = _counted(session, Figure.CALL_ENDED, Figure.CALL_CORRECTED)
    calls = GaugeMetricFamily(
        "rechtdoor_calls",
        "Calls by state and outcome: how many go on, and how many ever ended.",
        labels=["state", "outcome"],
    )
    for state, count in session.execute(select(Call.state, func.count()).where(IS_LIVE).group_by(Call.state)):
        calls.add_metric([state, ""], count)
    ended = counted[Figure.CALL_ENDED]
    for outcome, count in _still(ended, counted[Figure.CALL_CORRECTED]):
        calls.add_metric([CallState.ENDED, outcome], count)
    yield calls
    about = "How often calls ended, by outcome; an outcome that was corrected stays counted."
    yield _counter("rechtdoor_calls_ended", about, "outcome", ended)


def _counted(session: Session, *figures: Figure) -> dict[Figure, dict[str, int]]:
    """Return how often each of these ever happened, by its label."""
    wanted = select(Tally.figure, Tally.label, func.sum(Tally.times)).where(Tally.figure.in_(figures))
    found: dict[Figure, dict[str, int]] = {figure: {} for figure in figures}
    for figure, label, times in session.execute(wanted.group_by(Tally.figure, Tally.label)):
        found[Figure(figure)][label] = int(times)
    return found


def _still(came: Mapping[str, int], went: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    """Yield of how many each is still true."""
    for label, times in sorted(came.items()):
        yield label, times - went.get(label, 0)


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


def _counter(name: str, about: str, label: str, counted: Mapping[str, int]) -> Metric:
    counter = CounterMetricFamily(name, about, labels=[label])
    for value, times in sorted(counted.items()):
        counter.add_metric([value], times)
    return counter


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
