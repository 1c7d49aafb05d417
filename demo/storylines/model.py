"""What is a storyline, and with which words is it told?

A storyline is a matter as it goes at a municipality: a row of contacts, each with who, how, how long after
the one before, how it ended and what the agent wrote down. A case follows its storyline up to some step; the
last step is always the one that solves the matter.

The notes are in Dutch, as agents write them. Between braces:

- `{mw}`, `{Mw}`, `{zij}`, `{Zij}`, `{haar}` (whose), `{hem}` (whom): the words that fit the customer;
- `{a}`, `{b}`, `{c}`: the spoken names of the agents in those roles;
- `{next}`: the day of the next step in words, so that what was promised is what then happens;
- `{straat}`: where the customer lives; and the storyline's own details, drawn once for each case.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from demo.words import Channel, Direction, Outcome, Priority, Team


@dataclass(frozen=True)
class Step:
    """One contact. `gap` is the least and most working days since the step before; `seconds` likewise."""

    role: str
    channel: Channel
    direction: Direction
    gap: tuple[int, int]
    outcome: Outcome
    notes: tuple[str, ...]
    seconds: tuple[int, int]


@dataclass(frozen=True)
class Storyline:
    """A matter from first contact to end.

    `roles` names the team of a role that is not in the case's own team. `for_whom` and `not_for` are tags of
    customers whom alone it fits, or whom it does not. One customer has one case of a `theme` at most: nobody
    settles in the country and is naturalised in the same two months.
    """

    key: str
    team: Team
    subjects: tuple[str, ...]
    steps: tuple[Step, ...]
    priority: Priority = Priority.NORMAL
    details: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    roles: Mapping[str, Team] = field(default_factory=lambda: MappingProxyType({}))
    theme: str = ""
    for_whom: str = ""
    not_for: frozenset[str] = frozenset()

    def fits(self, tags: tuple[str, ...]) -> bool:
        """Tell whether a customer with these tags could have this matter."""
        return (not self.for_whom or self.for_whom in tags) and self.not_for.isdisjoint(tags)

    @property
    def subject_matter(self) -> str:
        """What a customer has at most one case of: the theme, or else the storyline itself."""
        return self.theme or self.key

    def team_of(self, role: str) -> Team:
        """Return the team of a role: the case's own, unless the storyline says otherwise."""
        return self.roles.get(role, self.team)


def called(
    role: str, gap: tuple[int, int], outcome: Outcome, *notes: str, seconds: tuple[int, int] = (110, 540)
) -> Step:
    """The customer rings."""
    return Step(role, Channel.CALL, Direction.INBOUND, gap, outcome, notes, seconds)


def rang(
    role: str, gap: tuple[int, int], outcome: Outcome, *notes: str, seconds: tuple[int, int] = (80, 420)
) -> Step:
    """The agent rings the customer."""
    return Step(role, Channel.CALL, Direction.OUTBOUND, gap, outcome, notes, seconds)


def visited(
    role: str, gap: tuple[int, int], outcome: Outcome, *notes: str, seconds: tuple[int, int] = (420, 1500)
) -> Step:
    """The customer comes to the counter, or the agent to the customer's home."""
    return Step(role, Channel.VISIT, Direction.INBOUND, gap, outcome, notes, seconds)


def got_mail(role: str, gap: tuple[int, int], outcome: Outcome, *notes: str) -> Step:
    """The customer sends an e-mail and the agent answers it."""
    return Step(role, Channel.EMAIL, Direction.INBOUND, gap, outcome, notes, (0, 0))


def mailed(role: str, gap: tuple[int, int], outcome: Outcome, *notes: str) -> Step:
    """The agent sends an e-mail."""
    return Step(role, Channel.EMAIL, Direction.OUTBOUND, gap, outcome, notes, (0, 0))


def got_message(role: str, gap: tuple[int, int], outcome: Outcome, *notes: str) -> Step:
    """The customer sends a text message and the agent answers it."""
    return Step(role, Channel.MESSAGE, Direction.INBOUND, gap, outcome, notes, (0, 0))


def texted(role: str, gap: tuple[int, int], outcome: Outcome, *notes: str) -> Step:
    """The agent sends a text message."""
    return Step(role, Channel.MESSAGE, Direction.OUTBOUND, gap, outcome, notes, (0, 0))
