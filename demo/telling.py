"""How do plans become cases and contacts with times and words?"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from random import Random

from demo.organisation import agent
from demo.people import Address, Person, person
from demo.plans import Plan
from demo.storylines import Step
from demo.words import Channel, Direction, Outcome, Priority, Status, Team
from demo.workdays import ZONE, WorkingDays, in_words

OPENS, CLOSES = time(8, 30), time(17, 0)
WRAP_UP_SECONDS = 90
WRITING_SECONDS = 240

_WORDS_FOR = {
    Address.MEVROUW: {
        "mw": "mevrouw",
        "Mw": "Mevrouw",
        "zij": "zij",
        "Zij": "Zij",
        "haar": "haar",
        "hem": "haar",
    },
    Address.MENEER: {
        "mw": "meneer",
        "Mw": "Meneer",
        "zij": "hij",
        "Zij": "Hij",
        "haar": "zijn",
        "hem": "hem",
    },
}


@dataclass(frozen=True)
class Case:
    """A row of cases.csv; `owner` is empty when the last agent owns the case. Times are in Amsterdam."""

    case: str
    customer: str
    subject: str
    team: Team
    status: Status
    priority: Priority
    opened_at: datetime
    url: str
    owner: str


@dataclass(frozen=True)
class Contact:
    """A row of contacts.csv; `seconds` is how long was talked, 0 for what was written."""

    contact: str
    case: str
    agent: str
    channel: Channel
    direction: Direction
    started_at: datetime
    seconds: int
    outcome: Outcome
    summary: str


class Diary:
    """When is everybody engaged? Gives out moments within working hours, never two at once to one person."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._engaged: defaultdict[tuple[str, date], list[tuple[datetime, datetime]]] = defaultdict(list)

    def book(self, who: Sequence[str], day: date, seconds: int) -> datetime:
        """Engage these people for so many seconds on a day and return from when.

        Raises RuntimeError when they have no such time together that day.
        """
        length = timedelta(seconds=seconds)
        for start in self._moments(day, length):
            if all(self._free(each, day, start, start + length) for each in who):
                for each in who:
                    self._engaged[each, day].append((start, start + length))
                return start
        raise RuntimeError(
            f"no {seconds} s free for {', '.join(who)} on {day}: spread the cases over more days"
        )

    def _moments(self, day: date, length: timedelta) -> Iterator[datetime]:
        """Yield the moments of a day at which something of this length can begin, in random order."""
        opens = datetime.combine(day, OPENS, ZONE)
        room = datetime.combine(day, CLOSES, ZONE) - length - opens
        minutes = list(range(int(room.total_seconds()) // 60))
        self._random.shuffle(minutes)
        for minute in minutes:
            yield opens + timedelta(minutes=minute, seconds=self._random.randrange(60))

    def _free(self, who: str, day: date, start: datetime, end: datetime) -> bool:
        return all(end <= begun or ended <= start for begun, ended in self._engaged[who, day])


def tell(random: Random, plans: Sequence[Plan], now: datetime) -> tuple[list[Case], list[Contact]]:
    """Return the cases in the order in which they were opened, and all contacts in the order of time."""
    days, diary = WorkingDays(now), Diary(random)
    told = [_tell_one(random, plan, days, diary) for plan in plans]
    told.sort(key=lambda each: (each[0].opened_at, each[0].customer))
    cases, contacts = [], []
    for number, (case, its_contacts) in enumerate(told, start=1001):
        key = f"Z-{case.opened_at.year}-{number}"
        cases.append(replace(case, case=key, url=f"https://zaken.waterrijk.example/zaak/{key}"))
        contacts += [replace(contact, case=key) for contact in its_contacts]
    contacts.sort(key=lambda each: (each.started_at, each.case))
    return cases, [replace(each, contact=f"C-{number}") for number, each in enumerate(contacts, start=20001)]


def _tell_one(random: Random, plan: Plan, days: WorkingDays, diary: Diary) -> tuple[Case, list[Contact]]:
    """Return a case, still without its key, and its contacts."""
    customer = person(plan.customer)
    words = {**_words(plan, customer), **_details(random, plan)}
    backs = _days_back(random, plan, days.oldest)
    contacts = []
    for position, step in enumerate(plan.storyline.steps[: plan.steps]):
        if position + 1 < len(backs):
            words["next"] = in_words(days.day(backs[position + 1]))
        contacts.append(_contact(random, plan, step, days.day(backs[position]), words, diary))
    subject = random.choice(plan.storyline.subjects).format_map(words)
    opened_at = contacts[0].started_at - _time_to_open(random, contacts[0].channel)
    story = plan.storyline
    case = Case(
        "", customer.key, subject, story.team, plan.status, story.priority, opened_at, "", plan.named_owner
    )
    return case, contacts


def _contact(
    random: Random, plan: Plan, step: Step, day: date, words: Mapping[str, str], diary: Diary
) -> Contact:
    """Return one contact, still without keys, at a time when agent and customer are both free."""
    customer, who = person(plan.customer), plan.agents[step.role]
    seconds = random.randint(*step.seconds)
    start = diary.book((who, customer.key), day, seconds + WRAP_UP_SECONDS if seconds else WRITING_SECONDS)
    summary = random.choice(step.notes).format_map(words)
    if seconds and customer.language == "en":
        summary += " Gesprek in het Engels."
    return Contact("", "", who, step.channel, step.direction, start, seconds, step.outcome, summary)


def _days_back(random: Random, plan: Plan, oldest: int) -> list[int]:
    """Return for each step taken, and the one to come, how many working days back it lies.

    What is still to come lies today or later, so that no case begins with a broken promise.
    """
    gaps = [random.randint(*step.gap) for step in plan.storyline.steps[1 : plan.steps]]
    backs: list[int] = []
    if plan.steps == len(plan.storyline.steps):
        last = plan.last_back or random.randint(1, oldest - sum(gaps))
    else:
        least, most = plan.storyline.steps[plan.steps].gap
        last = plan.last_back or random.randint(1, most)
        backs.append(last - random.randint(max(least, last), most))
    backs.append(last)
    for gap in reversed(gaps):
        backs.append(backs[-1] + gap)
    return backs[::-1]


def _words(plan: Plan, customer: Person) -> dict[str, str]:
    """Return what stands for the braces of a note that are the same in every storyline."""
    names = {role: agent(key).spoken_name for role, key in plan.agents.items()}
    return {**_WORDS_FOR[customer.address], **names, "straat": customer.home}


def _details(random: Random, plan: Plan) -> dict[str, str]:
    """Return the storyline's own details, drawn for this case."""
    return {name: random.choice(choices) for name, choices in plan.storyline.details.items()}


def _time_to_open(random: Random, channel: Channel) -> timedelta:
    """Return how long before the first contact the case was opened: an e-mail waits for the morning."""
    if channel is Channel.EMAIL:
        return timedelta(minutes=random.randint(40, 16 * 60))
    return timedelta(seconds=random.randint(20, 240))
