"""How is one subject measured beside another? In turns, each pass on the same town, round after round."""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from app.carrier.executor import REST_SECONDS
from bench import load
from bench.figures import percentile
from bench.load import Answer
from bench.servers import Machine, Web, cpu_seconds
from bench.town import LINE, AnyTown
from bench.webhooks import form_of_call, new_call_sid, signed_post

CONNECTIONS = 8
CALM_PER_SECOND = 40
WARM_UPS, WARM_UP_CALLS = 5, 300


@dataclass(frozen=True)
class Subject:
    """Something that answers calls."""

    name: str
    web: Web
    path: str
    town: AnyTown
    database_pid: int | None  # None: the database is in the web process itself
    rings: bool = True  # whether its answer must ring the agent who knows the case

    def requests(self, count: int, chance: random.Random) -> list[tuple[bytes, str]]:
        """Return that many calls, each with the agent whom it must ring."""
        town = self.town.town
        made = []
        for customer in town.callers(count, chance):
            form = form_of_call(
                new_call_sid(), town.number(customer), LINE, self.web.settings["TWILIO_ACCOUNT_SID"]
            )
            request = signed_post(self.path, form, public_url=self.web.public_url, token=self.web.token)
            made.append((request, town.agent_of(customer)))
        return made

    def expected(self, agents: Sequence[str]) -> Callable[[Answer], bool]:
        """Return what tells a right answer: a ring, and nothing else, of one of these agents."""
        keys = {agent.encode() for agent in agents}

        def is_right(answer: Answer) -> bool:
            if answer.status != 200 or b"<Dial" not in answer.body or b"<Say" in answer.body:
                return False
            if not self.rings:
                return True
            rung = answer.body.split(b"<Identity>")[1:]
            # With less known several telephones ring at once.
            return len(rung) == 1 and rung[0].partition(b"<")[0] in keys

        return is_right


@dataclass
class Series:
    """What the rounds of one subject came to, one value for each round."""

    per_second: list[float] = field(default_factory=list)
    web_cpu: list[float] = field(default_factory=list)  # seconds for each request
    database_cpu: list[float] = field(default_factory=list)
    p50: list[float] = field(default_factory=list)  # seconds, at a calm pace
    p99: list[float] = field(default_factory=list)


def rounds_of(subjects: Sequence[Subject], rounds: int) -> Iterator[Subject]:
    """Yield the subjects round by round, each round beginning with another: nobody always comes first."""
    for turn in range(rounds):
        for place in range(len(subjects)):
            yield subjects[(turn + place) % len(subjects)]


def most_per_second(
    subjects: Sequence[Subject], *, rounds: int, calls: int, chance: random.Random
) -> dict[str, Series]:
    """Let each subject answer `calls` calls as fast as it can, in each round."""
    series = {subject.name: Series() for subject in subjects}
    for subject in subjects:
        _warm_up(subject, chance)
    for subject in rounds_of(subjects, rounds):
        answers, web_cpu, database_cpu = _closed_pass(subject, calls, chance)
        found = series[subject.name]
        found.per_second.append(answers.per_second)
        found.web_cpu.append(web_cpu / calls)
        found.database_cpu.append(database_cpu / calls)
    return series


def _warm_up(subject: Subject, chance: random.Random) -> None:
    """Let a process that has just begun import, connect and plan, until it answers as it will."""
    for patience in reversed(range(WARM_UPS)):
        try:
            _closed_pass(subject, WARM_UP_CALLS, chance)
            return
        except load.NotAsExpected:
            if not patience:
                raise
            time.sleep(REST_SECONDS)


def _closed_pass(subject: Subject, calls: int, chance: random.Random) -> tuple[load.Answers, float, float]:
    subject.town.rest()
    made = subject.requests(calls, chance)
    expected = subject.expected([agent for _, agent in made])
    database = subject.database_pid
    web_before = cpu_seconds(subject.web.process.pid)
    database_before = cpu_seconds(database) if database else 0.0
    answers = load.run(
        load.closed_loop(
            subject.web.port, [request for request, _ in made], connections=CONNECTIONS, expected=expected
        )
    )
    web_cpu = cpu_seconds(subject.web.process.pid) - web_before
    database_cpu = cpu_seconds(database) - database_before if database else 0.0
    return load.require_expected(answers, subject.name, subject.web.process.words), web_cpu, database_cpu


def calm(
    subjects: Sequence[Subject],
    *,
    rounds: int,
    seconds: float,
    chance: random.Random,
    per_second: float = CALM_PER_SECOND,
) -> dict[str, Series]:
    """Let each subject answer calls at a steady pace, and note how long they waited."""
    series = {subject.name: Series() for subject in subjects}
    for subject in rounds_of(subjects, rounds):
        subject.town.rest()
        made = subject.requests(round(seconds * per_second), chance)
        answers = load.run(
            load.open_loop(
                subject.web.port,
                [request for request, _ in made],
                per_second=per_second,
                expected=subject.expected([agent for _, agent in made]),
            )
        )
        load.require_expected(answers, subject.name)
        series[subject.name].p50.append(percentile(answers.seconds, 0.5))
        series[subject.name].p99.append(percentile(answers.seconds, 0.99))
    return series


def product(machine: Machine, web: Web, town: AnyTown, name: str = "rechtdoor") -> Subject:
    database = machine.database_pid if "postgresql" in web.settings["DATABASE_URL"] else None
    return Subject(name, web, "/voice/incoming", town, database)


def floors(machine: Machine, web: Web, town: AnyTown) -> tuple[Subject, Subject, Subject]:
    """Return the constant, the signed floor, and the control."""
    database = machine.database_pid if "postgresql" in web.settings["DATABASE_URL"] else None
    return (
        Subject("constant", web, "/constant", town, None, rings=False),
        Subject("signed floor", web, "/signed", town, None, rings=False),
        Subject("careful ORM", web, "/control", town, database),
    )
