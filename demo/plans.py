"""Who has which case, how far is it, and who handles it?"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from demo.organisation import in_team
from demo.people import PEOPLE, Person, person
from demo.storylines import STORYLINES, Storyline
from demo.words import STATUS_AFTER, Status

CASES = 90
WITHOUT_CASE = 3
SHARE_SOLVED = 0.42


@dataclass(frozen=True)
class Plan:
    """A case to be told: the first `steps` steps of a storyline.

    `agents` maps role to agent. `last_back` says how many working days ago the latest contact was; None
    leaves it to the lot.
    """

    customer: str
    storyline: Storyline
    steps: int
    agents: Mapping[str, str]
    last_back: int | None = None

    @property
    def status(self) -> Status:
        """Where the case stands after its latest contact."""
        return STATUS_AFTER[self.storyline.steps[self.steps - 1].outcome]

    @property
    def last_agent(self) -> str:
        """Who handled the latest contact."""
        return self.agents[self.storyline.steps[self.steps - 1].role]

    @property
    def named_owner(self) -> str:
        """Who is named as owner, or empty when it goes without saying: then it is the last agent.

        A colleague who takes a call, or hands the case over, writes down who goes on with it: the owner.
        """
        if self.steps == len(self.storyline.steps):
            return ""
        last, following = self.storyline.steps[self.steps - 1 : self.steps + 1]
        goes_on = following.role != last.role and all(f"{{{following.role}}}" in note for note in last.notes)
        return self.agents[following.role] if goes_on else ""

    @property
    def owner(self) -> str:
        """Who owns the case now, and should be rung."""
        return self.named_owner or self.last_agent


def draw(random: Random, fixed: Sequence[Plan]) -> list[Plan]:
    """Return the fixed plans and as many by lot as make up the number of cases.

    Nobody of the fixed plans gets another case. The storylines are used evenly.
    """
    plans = list(fixed)
    used = Counter(plan.storyline.key for plan in plans)
    for customer in _customers_by_lot(random, {plan.customer for plan in plans}, CASES - len(plans)):
        taken = {plan.storyline.subject_matter for plan in plans if plan.customer == customer.key}
        chosen = _storyline_for(random, customer, taken, used)
        used[chosen.key] += 1
        plans.append(Plan(customer.key, chosen, _steps(random, chosen), cast_roles(random, chosen)))
    return plans


def cast_roles(random: Random, storyline: Storyline) -> dict[str, str]:
    """Return an agent for each role of a storyline, from the team of that role, no agent twice."""
    chosen: dict[str, str] = {}
    for role in sorted({step.role for step in storyline.steps}):
        free = [key for key in in_team(storyline.team_of(role)) if key not in chosen.values()]
        chosen[role] = random.choice(free)
    return chosen


def _customers_by_lot(random: Random, cast: set[str], cases: int) -> list[Person]:
    """Return one customer per case: everybody once but a few, some of them twice."""
    keys = [each.key for each in PEOPLE if each.key not in cast]
    random.shuffle(keys)
    having = keys[WITHOUT_CASE:]
    return [person(key) for key in having + random.sample(having, cases - len(having))]


def _storyline_for(random: Random, customer: Person, taken: set[str], used: Counter[str]) -> Storyline:
    """Return one of the storylines used least so far that fits the customer and is new to them."""
    fitting = [each for each in STORYLINES if each.fits(customer.tags) and each.subject_matter not in taken]
    least = min(used[each.key] for each in fitting)
    return random.choice([each for each in fitting if used[each.key] == least])


def _steps(random: Random, storyline: Storyline) -> int:
    """Return how many steps have been taken: all of them, or some."""
    if random.random() < SHARE_SOLVED:
        return len(storyline.steps)
    return random.randint(1, len(storyline.steps) - 1)
