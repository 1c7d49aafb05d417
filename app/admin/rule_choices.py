"""What is there to choose from in a rule? Agents, teams, lines, and the names that callers really have."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.records.agents import Agent
from app.records.lines import Line
from app.routing.conditions import FACTS
from app.routing.last_week import LastWeek


@dataclass(frozen=True)
class Choices:
    agents: Mapping[str, str]  # who works here: what they are called by their key
    teams: tuple[str, ...]
    lines: Mapping[str, str]
    known: Mapping[str, list[str]]  # by fact, which names there are

    @property
    def called(self) -> dict[str, str]:
        """Return what keys and numbers are called in a sentence."""
        return {**self.agents, **self.lines}


def choices(session: Session, week: LastWeek, document: Mapping[str, Any]) -> Choices:
    """Return what there is to choose from, with what the rules name already."""
    agents = session.execute(
        select(Agent.key, Agent.name, Agent.team).where(Agent.enabled).order_by(Agent.name)
    ).all()
    lines = session.execute(select(Line.number, Line.name, Line.team).order_by(Line.name)).all()
    teams = {row.team for row in agents} | {row.team for row in lines}
    known = {fact: set(names) for fact, names in week.named().items()}
    known.setdefault("customer.tag", set())
    known["customer.language"] = known.get("customer.language", set()) | {"nl", "en"}
    known["case.team"] = teams
    known["line"] = {row.number for row in lines}
    for rule in document["rules"]:
        for one in rule.get("when", ()):
            if one["fact"] in known and FACTS[one["fact"]].names:
                known[one["fact"]].update(one.get("is") or one.get("is_not") or ())
    return Choices(
        {row.key: row.name for row in agents},
        tuple(sorted(teams, key=str.casefold)),
        {row.number: _called(row.name, row.number, lines) for row in lines},
        {fact: _in_order(names) for fact, names in known.items()},
    )


def _called(name: str, number: str, lines: Iterable[Any]) -> str:
    """Return a line's name, with its number where two have the same."""
    return name if sum(row.name == name for row in lines) == 1 else f"{name} ({number})"


def _in_order(names: Iterable[str]) -> list[str]:
    """Return names in order, each once whatever its capitals."""
    once: dict[str, str] = {}
    for name in sorted(names):
        once.setdefault(name.casefold(), name)
    return [once[key] for key in sorted(once)]
