"""What is known when a call comes in? All that a decision and a screen-pop need, as values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from app.agents.presence import Reachability
from app.callers.recognition import Caller
from app.catalogue import LANGUAGES, text
from app.routing.resolving import looks_at, of_the_ladder, resolve
from app.routing.rules import Looks, Rules
from app.routing.situation import AgentFacts, Heard, LineFacts, Missed, Situation, Tried, answering_team


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
    calls_within: Mapping[int, int] = field(default_factory=dict)  # by days, where rules ask for it
    attestation: str = ""
    came_in_at: datetime | None = None  # None: now
    missed: Missed | None = None
    heard: Heard | None = None
    is_owed_on_a_claim: bool = False  # what they are owed comes of a call in which they said to be somebody
    country: str = ""  # of the caller, where their number itself is not known any more

    @property
    def language(self) -> str:
        """In which language the caller is spoken to."""
        customer = self.caller.customer
        # In which one somebody speaks with us is theirs: it isn't told to who says that they are somebody.
        if customer is not None and customer.language in LANGUAGES and not self.is_claimed:
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
        values = self._values(now) | {
            "can_be_rung_back": can_be_rung_back,
            "tried": tuple(tried),
            "rung_seconds": rung_seconds,
        }
        # Without rules there is nothing to ask, and no call pays for it.
        rules = self.rules
        resolved = of_the_ladder(rules, self.line)
        if rules.in_use:
            resolved = resolve(rules, Situation(**values))
        # Who answers for whose matter is not said to a stranger who names it.
        if not resolved.ladder.speaks_names or self.names_nobody:
            values["agents"] = self.without_names()
        if not self._is_recent(resolved.ladder.look_back_days, now):
            values["owner"] = None
        return Situation(**values, resolved=resolved)

    def looks_at(self, now: datetime) -> Looks:
        """Return what must be known of this call before the rules can say anything of it."""
        if not self.rules.in_use:
            return self.rules.looks
        return looks_at(self.rules, Situation(**self._values(now), can_be_rung_back=False))

    @property
    def is_claimed(self) -> bool:
        """Whether the caller is known by what they said alone."""
        return self.heard is not None and self.heard.is_claim

    @property
    def names_nobody(self) -> bool:
        """Whether no agent is named to the caller, whatever the rules say."""
        return self.is_claimed or self.is_owed_on_a_claim

    def _values(self, now: datetime) -> dict[str, Any]:
        """Return what rules may ask about, as a situation has it."""
        return {
            "now": now,
            "line": self.line,
            "caller": self.caller,
            "owner": self.owner,
            "agents": self.agents,
            "calls_lately": self.calls_lately,
            "calls_within": self.calls_within,
            "attestation": self.attestation,
            "country": self.country,
            "came_in_at": self.came_in_at,
            "missed": self.missed,
            "heard": self.heard,
        }

    def _is_recent(self, look_back_days: int, now: datetime) -> bool:
        """Tell whether the owner is one by the rules: the last contact may be too old."""
        last, owed = self.last_contact, self.caller.promise
        if self.caller.case is not None or last is None or (owed is not None and owed.agent is not None):
            return True
        return last.at >= now - timedelta(days=look_back_days)

    @property
    def debtor(self) -> str | None:
        """Who owes a callback to a caller who hung up unspoken: the owner; None, the team, once they left."""
        owner = self.agents.get(self.owner) if self.owner else None
        return owner.key if owner is not None and owner.reachability != Reachability.LEFT else None

    @property
    def team(self) -> str | None:
        """Whose it is what nobody has by name."""
        return answering_team(self.caller, self.heard, self.line, self.agents)

    def without_names(self) -> dict[str, AgentFacts]:
        """Leave the agents' names out of what is spoken."""
        nameless = text("say.a_colleague", self.language)
        return {key: replace(agent, spoken_name=nameless) for key, agent in self.agents.items()}
