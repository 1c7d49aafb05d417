"""What does the agent see before the telephone rings? The data of a screen-pop, as the contract has it."""

from typing import Any

from app.callers.recognition import KnownCustomer
from app.records.calls import AnyCall
from app.routing.facts import Facts
from app.speech.machines import sounds_recorded

# https://www.twilio.com/docs/voice/trusted-calling-with-shakenstir: only A says that the caller may use the
# number; B and C say no more than where the call came in.
FULL_ATTESTATION = "TN-Validation-Passed-A"


def is_verified(attestation: str) -> bool:
    """Tell whether the carriers vouch for the caller's number; never so in the Netherlands."""
    return attestation == FULL_ATTESTATION


def parameters(call: AnyCall) -> dict[str, str]:
    """Return what a softphone is told along with the call, so that the pop works when the stream is late."""
    known = {"call_sid": call.sid, "case": call.case, "customer": call.customer}
    return {name: value for name, value in known.items() if value}


def screen_pop(call: AnyCall, facts: Facts, *, reason: str, ring_expected: bool) -> dict[str, Any]:
    """Return the `screen_pop` event's data for one agent; `reason` in that agent's language."""
    case = facts.caller.case
    last = facts.last_contact
    promise = facts.caller.promise
    return {
        "call_sid": call.sid,
        # Who the number belongs to may be vouched for; not who they say to be.
        "verified": is_verified(call.attestation) and not facts.is_claimed,
        **({"claimed": True} if facts.is_claimed else {}),
        **({"sounds_recorded": True} if call.heard and sounds_recorded(call.heard.get("text", "")) else {}),
        **({"heard": call.heard["text"]} if call.heard and call.heard.get("text") else {}),
        "customers": [_customer(customer) for customer in facts.caller.customers],
        "case": case and {"case": case.key, "subject": case.subject, "url": case.url, "status": case.status},
        "owner": facts.owner,
        "last_contact": last and {"agent": last.agent, "at": last.at.isoformat(), "summary": last.summary},
        "promise": promise
        and {
            "promise": promise.id,
            "agent": promise.agent,
            "case": promise.case,
            "due_at": promise.due_at.isoformat(),
        },
        "ring_expected": ring_expected,
        "reason": reason,
        "line": facts.line.number,
    }


def _customer(customer: KnownCustomer) -> dict[str, Any]:
    return {
        "customer": customer.key,
        "name": customer.name,
        "language": customer.language,
        "tags": list(customer.tags),
        "cases": [
            {"case": case.key, "subject": case.subject, "status": case.status} for case in customer.cases
        ],
    }
