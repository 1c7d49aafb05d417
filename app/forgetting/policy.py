"""How long is what kept, and why? Every table has its answer, as an operator or a citizen may ask for it."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from app.door.mails import SEND_MAIL
from app.forgetting import retention
from app.outgoing import outbox
from config import Keep


@dataclass(frozen=True)
class Rule:
    """One kind of what is kept."""

    kind: str  # as it is counted; its words are `privacy.kind_…`
    tables: tuple[str, ...]
    setting: str  # empty: nobody can choose
    keeps: timedelta | None  # None: until somebody deletes it


# What never grows old by itself, with why: `privacy.never_…`.
NEVER = {
    "customers": "yours",
    "customer_numbers": "yours",
    "cases": "yours",
    "contacts": "yours",
    "nobodys_numbers": "yours",
    "agents": "work",
    "agent_slots": "work",
    "lines": "work",
    "causes": "work",
    "team_answers": "work",
    "screen_choices": "work",
    "users": "work",
    "api_tokens": "work",
    "hooks": "work",
    "rule_versions": "why",
    "rule_tests": "work",
    # What people phone about, and sentences that teach it: the organisation wrote or loaded them.
    "topics": "work",
    "topic_examples": "work",
    "topic_revision": "one_row",
    "topic_fits": "work",
    # With what people prove who they are, and what the organisation's directory says of them.
    "authenticators": "work",
    "passkeys": "work",
    "recovery_codes": "work",
    "user_identities": "work",
    "directory_people": "work",
    "directory_groups": "work",
    "directory_members": "work",
    "audit_keys": "seal",
    "audit_head": "seal",
    "message_stops": "wish",
    # Told once more, however late, a message must do nothing again; it holds the carrier's name of it alone.
    "messages_heard": "twice",
    "carrier_looks": "one_row",
    "tallies": "sums",
}


def rules(keep: Keep) -> Iterator[Rule]:
    """Yield how long what is kept, as this installation has it."""

    def days(number: int | None) -> timedelta | None:
        return None if number is None else timedelta(days=number)

    beside = ("call_rooms", "call_legs", "hand_overs", "wrap_ups", "thanks", "screen_pages", "screen_items")
    of_calls = ("calls", "call_steps", "inbox", "recordings", "call_notes", *beside)
    of_promises = ("promises", "promise_events", "promise_attempts", "recordings")
    yield Rule("numbers_of_calls", ("calls",), "KEEP_NUMBERS_DAYS", days(keep.numbers))
    yield Rule("numbers_of_promises", ("promises",), "KEEP_NUMBERS_DAYS", days(keep.numbers))
    yield Rule("calls", of_calls, "KEEP_CALLS_DAYS", days(keep.calls))
    yield Rule("situations", ("call_steps",), "KEEP_SITUATIONS_DAYS", days(keep.situations))
    yield Rule("promises", of_promises, "KEEP_PROMISES_DAYS", days(keep.promises))
    yield Rule("uploads", ("uploads", "upload_pieces"), "KEEP_UPLOADS_DAYS", days(keep.uploads))
    yield Rule("recordings", ("recordings",), "KEEP_RECORDINGS_DAYS", days(keep.recordings))
    yield Rule("notes", ("call_notes",), "KEEP_NOTES_DAYS", days(keep.notes))
    yield Rule("protections", ("protections",), "KEEP_CALLS_DAYS", days(keep.calls))
    yield Rule("messages", ("messages",), "KEEP_MESSAGES_DAYS", days(keep.messages))
    yield Rule("access", ("access_events",), "KEEP_ACCESS_DAYS", days(keep.access))
    of_log = ("audit_pending", "audit_entries", "audit_subjects")
    yield Rule("audit", of_log, "KEEP_AUDIT_DAYS", days(keep.audit))
    yield Rule("erasures", ("erasures",), "KEEP_ACCESS_DAYS", days(keep.access))
    yield Rule("sent", ("outbox",), "KEEP_SENT_DAYS", days(keep.sent))
    yield Rule(outbox.CALL_HOOK, ("outbox",), "", retention.KEEP_TOLD)
    yield Rule(SEND_MAIL, ("outbox",), "", retention.KEEP_TOLD)
    yield Rule("events", ("desk_events",), "", retention.KEEP_EVENTS)
    yield Rule("asks", ("asks",), "", retention.KEEP_ASKS)
    yield Rule("inbox", ("inbox",), "", retention.KEEP_INBOX)
    yield Rule("sessions", ("user_sessions",), "", retention.KEEP_SESSIONS)
    yield Rule("sign_ins", ("sign_in_attempts",), "", retention.KEEP_SIGN_INS)
    yield Rule("links", ("one_time_links",), "", timedelta(0))
    yield Rule("challenges", ("spent_challenges",), "", retention.KEEP_CHALLENGES)
    yield Rule("workers", ("workers_seen",), "", retention.KEEP_WORKERS)
    yield Rule("text_refusals", ("text_refusals",), "", retention.KEEP_REFUSALS)
    yield Rule("topic_words", ("topic_synonyms",), "", retention.KEEP_WORDS)
    yield Rule("rule_drafts", ("rule_drafts",), "", retention.KEEP_DRAFTS)
    yield Rule("forgotten_days", ("forgotten_days",), "", retention.KEEP_COUNTS)


def counted_as(kind: str) -> str:
    """Return under which rule what the job counts as `kind` belongs."""
    is_sent = kind in outbox.GIVE_UP_AFTER and kind not in (outbox.CALL_HOOK, SEND_MAIL)
    return "sent" if is_sent else kind
