"""Who is on the line, when we don't know them yet? A new customer, a new case, in the words of the agent."""

import re
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import InvalidField
from app.records.agents import Agent
from app.records.callers import Case, CaseStatus, Customer, CustomerNumber
from app.records.calls import Call

LONGEST_NAME, LONGEST_SUBJECT = 200, 300
# Keys are the organisation's own; whoever is made here has one that says so, until their system knows them.
PREFIX = "desk-"
_ONCE = re.compile(r"[0-9a-f]{16}")


def new_customer(session: Session, call: Call, name: str, *, has_number: bool, once: str) -> str:
    """Make a customer of whoever rings, and return their key; `once` names the form, which makes one.

    `has_number`: the number that they ring from is theirs. Raises InvalidField for the field `name`.
    """
    name = _one_line("name", name, LONGEST_NAME)
    key = _key(once)
    if session.get(Customer, key) is None:
        customer = Customer(key=key, name=name, language=call.language, tags=[])
        if has_number and call.remote_e164 is not None:
            customer.numbers = [CustomerNumber(e164=call.remote_e164, position=0)]
        session.add(customer)
        session.flush()
    return key


def new_case(
    session: Session, customer: str, subject: str, agent: str, now: datetime, *, once: str
) -> str | None:
    """Open a case of a customer in the agent's team, and return its key; None when nothing is its subject.

    Whoever has the conversation about it owns it, as ever. Raises InvalidField for the field `subject`.
    """
    if not subject.strip():
        return None
    subject = _one_line("subject", subject, LONGEST_SUBJECT)
    key = _key(once)
    if session.get(Case, key) is None:
        team = session.scalar(select(Agent.team).where(Agent.key == agent)) or ""
        session.add(
            Case(
                key=key,
                customer=customer,
                subject=subject,
                team=team,
                status=CaseStatus.OPEN,
                opened_at=now,
                named_owner=None,
            )
        )
        session.flush()
    return key


def _key(once: str) -> str:
    if not _ONCE.fullmatch(once):
        raise InvalidField("once", "reload the page")
    return PREFIX + once


def _one_line(field: str, text: str, longest: int) -> str:
    """Return a text of one line, without what stands around it. Raises InvalidField when it is none."""
    line = " ".join(text.split())
    if not line or len(line) > longest or not line.isprintable():
        raise InvalidField(field, f"write something of {longest} characters at most")
    return line
