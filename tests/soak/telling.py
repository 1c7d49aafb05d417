"""What happened, in full? The whole story of a call or a promise, from our books and the carrier's."""

from collections.abc import Iterator
from datetime import UTC, datetime

from phonebox.client import DrivingError, Phonebox
from tests.soak.audit import Account, Books, Finding
from tests.soak.kills import Kill
from tests.soak.witness import Leg

Line = tuple[float, str]


def story(
    finding: Finding, books: Books, account: Account, phonebox: Phonebox, kills: list[Kill]
) -> Iterator[str]:
    """Yield all that is known of what a finding is about, in the order in which it happened."""
    about = ", ".join(filter(None, (finding.call_sid, finding.other)))
    yield f"{finding.kind}: {finding.what} (calls {about or 'none'}, promise {finding.promise})"
    lines: list[Line] = []
    promise = finding.promise
    sids = {sid for sid in (finding.call_sid, finding.other) if sid}
    if promise is not None:
        lines += _of_promise(promise, books)
        sids |= {one.call_sid for one in books.attempts if one.promise == promise}
        if (row := books.promises.get(promise)) is not None:
            sids |= {leg.sid for leg in account.phoned(row.number)}
    legs = {one.agent_leg for one in books.attempts if one.call_sid in sids and one.agent_leg}
    for sid in sids:
        lines += _of_call(sid, books)
    for sid in {*sids, *legs}:
        if (leg := account.by_sid.get(sid)) is not None:
            for one in (leg, *account.children(sid)):
                lines += _of_leg(one)
            lines += _webhooks(sid, phonebox)
    lines.sort()
    if lines:
        began, ended = lines[0][0], lines[-1][0]
        lines += [
            (kill.at, f"KILLED {kill.part} for {kill.down_seconds} s, at {kill.point}")
            for kill in kills
            if began - 5 < kill.at < ended
        ]
    for at, text in sorted(lines):
        yield f"  {datetime.fromtimestamp(at, UTC):%H:%M:%S.%f}"[:-3] + f"  {text}"


def _of_promise(promise: int, books: Books) -> Iterator[Line]:
    if (row := books.promises.get(promise)) is not None:
        yield (
            row.created_at.timestamp(),
            f"promise {row.id} {row.origin}: by {row.agent}, due {row.due_at:%H:%M:%S}, now {row.state}, "
            f"next {row.next_at and row.next_at.strftime('%H:%M:%S')}, {row.tries} tries",
        )
    for event in books.events_of(promise):
        yield event.at.timestamp(), f"promise: {event.why} → {event.state} {event.who} {event.details or ''}"
    for one in books.attempts:
        if one.promise == promise:
            marks = {
                "asked": one.asked_at,
                "accepted": one.accepted_at,
                "dialled": one.dialled_at,
                "bridged": one.bridged_at,
                "agent left": one.agent_left_at,
                "ended": one.ended_at,
            }
            said = ", ".join(f"{name} {at:%H:%M:%S.%f}"[:-3] for name, at in marks.items() if at)
            yield (
                one.started_at.timestamp(),
                f"try {one.call_sid[:8]} by {one.agent} ({one.agent_leg}): {said} → {one.outcome}",
            )


def _of_call(sid: str, books: Books) -> Iterator[Line]:
    if (call := books.calls.get(sid)) is not None:
        yield (
            call.created_at.timestamp(),
            f"call {sid[:8]} {call.direction}: {call.state}, {call.outcome}, bridged to {call.bridged_to}, "
            f"promise {call.promise}, step {call.step}",
        )
        if call.ended_at is not None:
            yield call.ended_at.timestamp(), f"call {sid[:8]} ended"
    for step in books.steps:
        if step.call_sid == sid:
            yield (
                step.started_at.timestamp(),
                f"step {step.number} {step.kind} {step.agent or ''} {step.reason} → {step.outcome}",
            )


def _of_leg(leg: Leg) -> Iterator[Line]:
    who = f"carrier: {leg.sid[:8]} {leg.direction} to {leg.to.split('?')[0]}"
    for at, what in (
        (leg.began_at, "begins"),
        (leg.rang_at, "rings"),
        (leg.answered_at, "is answered"),
        (leg.bridged_at, f"is put through ({leg.talked_seconds:.0f} s)"),
        (leg.ended_at, f"ends: {leg.status}"),
    ):
        if at is not None:
            yield at, f"{who} {what}"


def _webhooks(sid: str, phonebox: Phonebox) -> Iterator[Line]:
    try:
        requests = phonebox.call(sid).requests
    except (DrivingError, OSError):
        return
    for request in requests:
        at = datetime.fromisoformat(request["at"]).timestamp()
        path = request["url"].partition("/voice")[2][:90]
        if path.endswith("/wait") and "<Pause" in request["body"]:
            continue  # a waiting caller is asked after each second
        status = request["params"].get("DialCallStatus") or request["params"].get("CallStatus")
        answered = request["status"] or request["error"]
        yield at, f"webhook …{path} {status} → {answered} in {request['ms']} ms {_verbs(request['body'])}"


def _verbs(body: str) -> str:
    return body.partition("<Response")[2].strip(">/ ")[:160].replace("\n", " ")
