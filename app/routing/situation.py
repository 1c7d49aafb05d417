"""What may a decision depend on? Everything that is known of a call at one moment, as values."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from functools import cached_property

from app.agents.presence import Endpoint, Reachability
from app.callers.recognition import Caller
from app.lines.hours import Calendar
from app.records.calls import StepKind, StepOutcome
from app.routing.ladder import BY_DEFAULT, Ladder, Resolved


class TakenFor(StrEnum):
    """What an answer to the open question was taken for."""

    CASE = "case"  # they said the number of one
    NAME = "name"  # they said who they are and where they live
    TOPIC = "topic"
    NOTHING = "nothing"  # there was doubt: a human of the line's team hears it
    SILENCE = "silence"


@dataclass(frozen=True)
class Heard:
    """What whom nobody knows was understood to say; the words themselves stand with the call alone."""

    taken_for: TakenFor
    topic: str | None = None
    team: str | None = None  # that answers for the topic
    customer: str | None = None  # who they say they are
    case: str | None = None

    @property
    def is_claim(self) -> bool:
        """Whether they say to be somebody whom we know: nobody has checked it, and a stranger may."""
        return self.customer is not None


@dataclass(frozen=True)
class AgentFacts:
    """One agent, as a decision sees them."""

    key: str
    spoken_name: str
    team: str
    reachability: Reachability
    endpoint: Endpoint | None = None
    phone: str | None = None
    idle_since: datetime | None = None
    handled_at: datetime | None = None  # their newest contact on this case
    back_at: datetime | None = None
    free_in_minutes: int | None = None  # what their conversations usually still take; None when unknown
    makes_way: bool = False  # they were about to ring this very caller, and are putting the telephone down
    callers_waiting: int = 0  # for this agent, before this caller
    direct_calls: int = 0  # within the last hour
    is_supervisor: bool = False
    language: str = "nl"  # in which their screen and their whisper are
    is_apart: bool = False  # abused by this caller before: never connected again, so as if they had left


@dataclass(frozen=True)
class LineFacts:
    number: str
    team: str | None  # None: a number that nobody described; whoever is there may answer
    language: str
    calendar: Calendar
    greeting: str = ""
    records_messages: bool = False  # what callers say after the tone; they are told
    asks: bool = False  # whom nobody knows is asked what it is about
    question: str = ""  # in the line's own words


def answering_team(
    caller: Caller, heard: Heard | None, line: LineFacts, agents: Mapping[str, AgentFacts]
) -> str | None:
    """Return whose it is what nobody has by name: the case's team, that of the topic, the line's.

    A topic's team to which nobody belongs answers nothing.
    """
    if caller.case is not None:
        return caller.case.team
    topics = heard.team if heard is not None else None
    is_there = any(one.team == topics and one.reachability != Reachability.LEFT for one in agents.values())
    return topics if topics and is_there else line.team


@dataclass(frozen=True)
class Tried:
    """A step of this call that is over."""

    kind: StepKind
    agent: str | None
    outcome: StepOutcome
    declined_why: str = ""
    endpoint: str = ""  # client | phone


@dataclass(frozen=True)
class Missed:
    """One of ours tried to reach the caller, and didn't: their ring may be the answer to it."""

    agent: str
    at: datetime


@dataclass(frozen=True)
class Situation:
    """Everything that a decision may depend on."""

    now: datetime
    line: LineFacts
    caller: Caller
    owner: str | None  # the agent who should be rung first
    agents: Mapping[str, AgentFacts]
    can_be_rung_back: bool
    resolved: Resolved = BY_DEFAULT  # what the rules say of it
    tried: tuple[Tried, ...] = ()
    rung_seconds: float = 0.0
    calls_lately: int | None = None  # about this case within a week, with this one; None: not counted
    calls_within: Mapping[int, int] = field(default_factory=dict)  # the same by days, where rules ask for it
    attestation: str = ""  # the carrier's own word
    country: str = ""  # of the caller's number, where that itself isn't kept
    came_in_at: datetime | None = None  # the call; None: now
    heard: Heard | None = None  # None: not asked, or not answered yet
    missed: Missed | None = None  # nobody has spoken with them since
    handlers: int | None = None  # how many handled the case; None: those among the agents

    @property
    def began_at(self) -> datetime:
        """The moment that rules ask about: nobody is treated otherwise because the clock strikes."""
        return self.came_in_at or self.now

    @property
    def is_claimed(self) -> bool:
        """Whether the caller is known by what they said alone."""
        return self.heard is not None and self.heard.is_claim

    @property
    def to_rules(self) -> "Situation":
        """The same as rules see it: of who says to be somebody, nothing is known."""
        if not self.is_claimed:
            return self
        caller = replace(self.caller, customers=())
        return replace(self, caller=caller, owner=None, calls_lately=None, calls_within={}, heard=None)

    @cached_property
    def local(self) -> datetime:
        """When the call came in, by the clock where the line is."""
        return self.began_at.astimezone(self.line.calendar.timezone)

    @cached_property
    def tags(self) -> tuple[frozenset[str], ...]:
        """The tags of each customer whose number it may be, without regard to capitals."""
        return tuple(frozenset(map(str.casefold, one.tags)) for one in self.caller.customers)

    @property
    def ladder(self) -> Ladder:
        """How long each step may take, and who takes part."""
        return self.resolved.ladder

    @property
    def goes_round(self) -> bool:
        """Whether the caller is being sent from counter to counter."""
        return goes_round(self.ladder.counter_to_counter, self.calls_lately or 1, self.agents)


def goes_round(most: int | None, calls_lately: int, agents: Mapping[str, AgentFacts]) -> bool:
    """Tell whether a case has seen so many calls that somebody must take charge, or the next agent would be
    one too many; never with None.
    """
    handlers = sum(agent.handled_at is not None for agent in agents.values())
    return most is not None and (calls_lately >= most or handlers + 1 >= most)
