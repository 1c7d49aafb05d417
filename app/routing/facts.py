"""What is known when a call comes in? All that a decision and a screen-pop need, as values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from app.callers.recognition import Caller
from app.catalogue import LANGUAGES, text
from app.routing.resolving import resolve
from app.routing.rules import Rules
from app.routing.situation import AgentFacts, LineFacts, Situation, Tried


@dataclass(frozen=True)
class LastContact:
    """Who was in touch last, and when; `summary` is older where nothing was noted then."""

    agent: str
    at: datetime
    summary: str


@dataclass(frozen=True)
class Facts:
    """What the database says about a call at one moment."""

    line: LineFacts
    line_name: str
    caller: Caller
    owner: str | None
    agents: Mapping[str, AgentFacts]  # after the first stage of the reading: the owner alone, if anybody
    last_contact: LastContact | None
    rules: Rules
    calls_lately: int | None = None  # about this case within a week, with this one; None: not counted
    reply: bytes | None = None  # what was answered when the carrier asked the same before

    @property
    def language(self) -> str:
        """In which language the caller is spoken to."""
        customer = self.caller.customer
        if customer is not None and customer.language in LANGUAGES:
            return customer.language
        return self.line.language if self.line.language in LANGUAGES else LANGUAGES[0]

    def situation(
        self,
        now: datetime,
        *,
        can_be_rung_back: bool,
        tried: Sequence[Tried] = (),
        rung_seconds: float = 0.0,
    ) -> Situation:
        """Return everything that the decision may depend on, with what the rules say of it."""
        known = Situation(
            now=now,
            line=self.line,
            caller=self.caller,
            owner=self.owner,
            agents=self.agents,
            can_be_rung_back=can_be_rung_back,
            tried=tuple(tried),
            rung_seconds=rung_seconds,
            calls_lately=self.calls_lately,
        )
        resolved = resolve(self.rules, known)
        agents = self.agents if resolved.ladder.speaks_names else self._without_names()
        return replace(known, resolved=resolved, agents=agents)

    def _without_names(self) -> dict[str, AgentFacts]:
        """Leave the agents' names out of what is spoken."""
        nameless = text("say.a_colleague", self.language)
        return {key: replace(agent, spoken_name=nameless) for key, agent in self.agents.items()}
