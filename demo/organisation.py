"""Who works at the service desk of Waterrijk, on which lines, and who signs in as what?"""

from dataclasses import dataclass

from demo.telephones import landline, mobile
from demo.words import Team

DOMAIN = "waterrijk.example"
ORGANISATION = "Gemeente Waterrijk"  # as its citizens know it


@dataclass(frozen=True)
class Agent:
    """Somebody who answers. `phone` is an ordinary telephone in E.164, or empty: then only the desk rings."""

    key: str
    name: str
    spoken_name: str
    team: Team
    phone: str
    language: str = "nl"
    role: str = "agent"

    @property
    def email(self) -> str:
        """The address to sign in with."""
        return f"{self.key}@{DOMAIN}"


@dataclass(frozen=True)
class Line:
    """A number of the municipality. `hours` as in the contract; empty means always open."""

    number: str
    name: str
    language: str
    team: Team
    hours: str


@dataclass(frozen=True)
class User:
    """Somebody who can sign in; `agent` is None for who never takes a call."""

    email: str
    role: str
    agent: str | None
    name: str


AGENTS = (
    Agent("anna", "Anna de Wit", "Anna", Team.BURGERZAKEN, mobile(900101)),
    Agent("youssef", "Youssef El Amrani", "Youssef", Team.BURGERZAKEN, mobile(900102), language="en"),
    Agent("joke", "Joke Terpstra", "Joke", Team.BURGERZAKEN, mobile(900103), role="supervisor"),
    Agent("daan", "Daan Hoekstra", "Daan", Team.VERGUNNINGEN, mobile(900104)),
    Agent("priya", "Priya Ramdin", "Priya", Team.VERGUNNINGEN, "", language="en"),
    Agent("willem", "Willem Bakker", "Willem", Team.VERGUNNINGEN, ""),
    Agent("fatma", "Fatma Öztürk", "Fatma", Team.WERK_EN_INKOMEN, mobile(900107)),
    Agent("sanne", "Sanne Verbeek", "Sanne", Team.WERK_EN_INKOMEN, mobile(900108)),
)

# The first line has no hours, so that whoever tries the product at eleven at night reaches a human too.
LINES = (
    Line(landline(140100), ORGANISATION, "nl", Team.BURGERZAKEN, ""),
    Line(landline(140110), "Burgerzaken", "nl", Team.BURGERZAKEN, "Mo-Fr 08:30-17:00; Th 08:30-20:00"),
    Line(landline(140120), "Vergunningen", "nl", Team.VERGUNNINGEN, "Mo-Fr 08:30-17:00"),
    Line(
        landline(140130), "Werk en Inkomen", "nl", Team.WERK_EN_INKOMEN, "Mo-Th 09:00-16:30; Fr 09:00-12:30"
    ),
    Line(landline(140140), "Waterrijk in English", "en", Team.BURGERZAKEN, "Mo-Fr 09:00-17:00"),
)

ADMIN = User(f"beheer@{DOMAIN}", "admin", None, "Noor Willems")

USERS = (*(User(agent.email, agent.role, agent.key, agent.name) for agent in AGENTS), ADMIN)


def agent(key: str) -> Agent:
    """Return the agent with this key. Raises KeyError when nobody has it."""
    return _BY_KEY[key]


def in_team(team: Team) -> list[str]:
    """Return the keys of the agents of a team, in the order of the list above."""
    return [each.key for each in AGENTS if each.team == team]


_BY_KEY = {each.key: each for each in AGENTS}
