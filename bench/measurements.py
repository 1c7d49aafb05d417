"""What is measured? One function each, from a run to its figures."""

import csv
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

import psycopg
from flask import Flask
from twilio.request_validator import RequestValidator

from app import create_app
from app.voice import webhooks
from bench import heard, load
from bench.desks import Desks
from bench.figures import Figure, Goal, compared, percentile, summed_up
from bench.hand_overs import measured
from bench.menu import create_menu
from bench.passes import CALM_PER_SECOND, Series, Subject, calm, floors, most_per_second, product
from bench.run import Run
from bench.servers import DESKS, FLOORS, PRODUCT, ROOT, cpu_seconds, plain, resident_bytes
from bench.town import AGENTS, LINE, AnyTown
from bench.webhooks import form_of_call, new_call_sid
from config import load as load_settings
from startup import commands
from startup.process import Process

SMALL_TOWN = 10_000
IDLE_SECONDS = 60.0
SETTLED_AFTER_SECONDS = 10.0  # imports, connections, and the first look at everything


def calls(run: Run) -> list[Figure]:
    """A known caller whose owner is free, on PostgreSQL, with two workers."""
    url, town = run.postgres_town(run.sizes[-2])
    return _calls(run, "call", url, town, workers=2)


def sqlite(run: Run) -> list[Figure]:
    """The same with the embedded parts: SQLite, one worker."""
    with run.sqlite_town(min(SMALL_TOWN, run.sizes[-1])) as (url, town):
        return _calls(run, "call, SQLite", url, town, workers=1)


def _calls(run: Run, name: str, url: str, town: AnyTown, *, workers: int) -> list[Figure]:
    machine = run.machine
    with ExitStack() as stack:
        web = stack.enter_context(machine.serving(PRODUCT, url, workers=workers))
        beside = stack.enter_context(machine.serving(FLOORS, url, workers=workers))
        ours = product(machine, web, town)
        constant, signed, control = floors(machine, beside, town)
        subjects = [ours, constant, signed, control]
        fast = most_per_second(subjects, rounds=run.rounds, calls=run.calls, chance=run.chance)
        slow = calm([ours, constant, control], rounds=run.rounds, seconds=run.calm_seconds, chance=run.chance)
    run.seen[name] = {
        subject.name: {"full": asdict(fast[subject.name])}
        | ({"calm": asdict(slow[subject.name])} if subject.name in slow else {})
        for subject in subjects
    }

    def figure(
        quantity: str,
        of: Callable[[Series], list[float]],
        floor: Subject,
        goal: tuple[Goal, float] | None,
        series: dict[str, Series],
        subject: Subject = ours,
    ) -> Figure:
        return compared(
            of(series[subject.name]),
            of(series[floor.name]),
            measurement=name,
            names=(subject.name, floor.name),
            quantity=quantity,
            goal=goal,
        )

    def per_second(series: Series) -> list[float]:
        return series.per_second

    def web_cpu(series: Series) -> list[float]:
        return series.web_cpu

    def all_cpu(series: Series) -> list[float]:
        return [web + database for web, database in zip(series.web_cpu, series.database_cpu, strict=True)]

    return [
        figure("requests/s", per_second, signed, (Goal.AT_LEAST, 0.5), fast),
        figure("CPU of the web", web_cpu, signed, (Goal.AT_MOST, 2), fast),
        figure("requests/s", per_second, control, (Goal.AT_LEAST, 3), fast),
        figure("CPU of the web", web_cpu, control, (Goal.AT_MOST, 1 / 3), fast),
        figure("CPU, with the database", all_cpu, control, (Goal.AT_MOST, 0.48), fast),
        figure("requests/s", per_second, constant, None, fast),
        figure("p50, calm", lambda series: series.p50, constant, None, slow),
        figure("p99, calm", lambda series: series.p99, constant, (Goal.AT_MOST, 3), slow),
        figure("p99, calm", lambda series: series.p99, control, None, slow),
        figure("requests/s", per_second, signed, None, fast, control),
        figure("CPU of the web", web_cpu, signed, None, fast, control),
        figure("requests/s", per_second, constant, None, fast, signed),
    ]


def growth(run: Run) -> list[Figure]:
    """The same call when the town grows."""
    machine = run.machine
    with ExitStack() as stack:
        subjects = []
        for size in run.sizes:
            url, town = run.postgres_town(size)
            web = stack.enter_context(machine.serving(PRODUCT, url, workers=1))
            subjects.append(product(machine, web, town, f"{size:,} numbers"))
        series = most_per_second(subjects, rounds=run.rounds, calls=run.calls, chance=run.chance)
    smallest = subjects[0].name
    figures = []
    for subject in subjects[1:]:
        goal = (Goal.AT_MOST, 1.2) if subject is subjects[-1] else None
        for quantity, of in (
            ("seconds a call", lambda one: [1 / rate for rate in one.per_second]),
            ("CPU of the database", lambda one: one.database_cpu),
        ):
            figures.append(
                compared(
                    of(series[subject.name]),
                    of(series[smallest]),
                    measurement="growth",
                    names=(subject.name, smallest),
                    quantity=quantity,
                    goal=goal if quantity == "seconds a call" else None,
                )
            )
    run.seen["growth"] = {name: asdict(one) for name, one in series.items()}
    return figures


def workers(run: Run) -> list[Figure]:
    """Two workers instead of one: how near to double."""
    url, town = run.postgres_town(run.sizes[-2])
    with ExitStack() as stack:
        subjects = [
            product(
                run.machine,
                stack.enter_context(run.machine.serving(PRODUCT, url, workers=count)),
                town,
                f"{count} workers",
            )
            for count in (1, 2)
        ]
        series = most_per_second(subjects, rounds=run.rounds, calls=run.calls, chance=run.chance)
    one, two = (series[subject.name] for subject in subjects)
    names = (subjects[1].name, subjects[0].name)
    return [
        compared(two.per_second, one.per_second, measurement="workers", names=names, quantity="requests/s")
    ]


def pops(run: Run) -> list[Figure]:
    """From the webhook to the event at the desk, with many desks on one process of streams."""
    url, town = run.postgres_town(run.sizes[-2])
    figures: list[Figure] = []
    counts = (100, 1000) if run.quick else (100, 1000, 5000)
    limits = {1000: 0.020, 5000: 0.050}
    with run.machine.serving(PRODUCT, url, workers=1) as web:
        ours = product(run.machine, web, town)
        for count in counts:
            with run.machine.serving(DESKS, url, workers=1) as streams:
                before = resident_bytes(streams.process.pid)
                rounds = []
                without: list[float] = []
                for _ in range(run.rounds):
                    alone = calm([ours], rounds=1, seconds=run.calm_seconds, chance=run.chance)
                    without += alone[ours.name].p99
                    rounds.append(load.run(_pops_with(run, ours, streams.port, streams.process.pid, count)))
            subject = f"{count} desks"
            memory = [(held - before) / count / 1024 for _, _, held in rounds]
            waits = [wait for waits, _, _ in rounds for wait in waits]
            limit = limits.get(count)
            figures += [
                _absolute("pop", subject, "p50", [percentile(waits, 0.5) * 1000], None, "ms"),
                _absolute(
                    "pop",
                    subject,
                    "p99",
                    [percentile(one, 0.99) * 1000 for one, _, _ in rounds],
                    limit and limit * 1000,
                    "ms",
                ),
                _absolute("pop", subject, "memory of a desk", memory, 20 if limit else None, "KB"),
                compared(
                    [percentile(one, 0.99) for _, one, _ in rounds],
                    without,
                    measurement="pop",
                    names=("webhook, " + subject, "without desks"),
                    quantity="p99, calm",
                    goal=(Goal.AT_MOST, 1.1),
                ),
            ]
    return figures


def _absolute(
    measurement: str, subject: str, quantity: str, values: Sequence[float], limit: float | None, unit: str
) -> Figure:
    goal = (Goal.AT_MOST, limit) if limit else None
    return summed_up(
        values, measurement=measurement, subject=subject, quantity=quantity, floor="–", goal=goal, unit=unit
    )


async def _pops_with(
    run: Run, subject: Subject, port: int, pid: int, count: int
) -> tuple[list[float], list[float], int]:
    """Return how long each pop and each webhook took, and how many bytes the process of the streams holds.

    Most desks belong to agents of whom nobody asks anything: `count` desks, each of another agent as far as
    there are agents.
    """
    desks = Desks()
    await desks.open(port, [f"a{place % AGENTS}" for place in range(count)])
    held = resident_bytes(pid)
    subject.town.rest()
    made = subject.requests(round(run.calm_seconds * CALM_PER_SECOND), run.chance)
    heard_of = {f"a{place % AGENTS}" for place in range(count)}
    due: list[float] = []
    answers = await load.open_loop(
        subject.web.port,
        [request for request, _ in made],
        per_second=CALM_PER_SECOND,
        expected=subject.expected([agent for _, agent in made]),
        due=due,
    )
    load.require_expected(answers, subject.name)
    began = {
        request.partition(b"CallSid=")[2][:34]: moment
        for (request, agent), moment in zip(made, due, strict=True)
        if agent in heard_of
    }
    all_arrived = await load.settled(lambda: began.keys() <= desks.arrived.keys(), seconds=5)
    desks.close()
    if not all_arrived:
        missing = len(began.keys() - desks.arrived.keys())
        raise load.NotAsExpected(f"{missing} of {len(began)} screen-pops did not arrive within 5 s")
    waits = [desks.arrived[sid] - moment for sid, moment in began.items()]
    return waits, answers.seconds, held


def bulk(run: Run) -> list[Figure]:
    """`flask load customers` against COPY of the same rows, and its memory against a small file's."""
    count = 20_000 if run.quick else 1_000_000
    small = count // 10
    folder = run.machine.folder
    seconds: list[float] = []
    floor: list[float] = []
    memory: list[float] = []
    for turn in range(1 if not run.quick else run.rounds):
        floor.append(_copied(run, _customers_file(folder, count)))
        took, most = _loaded(run, _customers_file(folder, count))
        _, most_small = _loaded(run, _customers_file(folder, small))
        seconds.append(took)
        memory.append(most / most_small)
        run.seen[f"load {turn}"] = {"rows": count, "seconds": took, "copy seconds": floor[-1], "bytes": most}
    names = (f"{count:,} rows", "COPY")
    return [
        compared(seconds, floor, measurement="load", names=names, quantity="seconds", goal=(Goal.AT_MOST, 5)),
        summed_up(
            memory,
            measurement="load",
            subject=names[0],
            quantity="memory",
            floor=f"{small:,} rows",
            goal=(Goal.AT_MOST, 1.2),
        ),
    ]


def _customers_file(folder: Path, count: int) -> Path:
    path = folder / f"customers{count}.csv"
    if not path.exists():
        with path.open("w", newline="", encoding="utf-8") as file:
            out = csv.writer(file)
            out.writerow(["customer", "name", "phones", "language", "postcode", "tags"])
            for i in range(count):
                out.writerow([f"c{i}", f"Klant {i}", f"06 {10_000_000 + i}", "nl", "1234 AB", "wmo|werk"])
    return path


def _copied(run: Run, path: Path) -> float:
    """Copy the file's rows, as they are, into the two tables that a load fills; return the seconds."""
    with psycopg.connect(plain(run.machine.new_postgres_database()), autocommit=True) as connection:
        began = time.perf_counter()
        with connection.transaction():
            connection.execute(
                "CREATE TEMP TABLE file (customer text, name text, phones text, language text,"
                " postcode text, tags text) ON COMMIT DROP"
            )
            with (
                path.open("rb") as file,
                connection.cursor().copy("COPY file FROM STDIN (FORMAT csv, HEADER)") as copy,
            ):
                while piece := file.read(1 << 16):
                    copy.write(piece)
            connection.execute(
                "INSERT INTO customers (key, name, language, postcode, tags)"
                " SELECT customer, name, language, postcode, to_jsonb(string_to_array(tags, '|')) FROM file"
            )
            connection.execute(
                "INSERT INTO customer_numbers (e164, customer, position)"
                " SELECT '+31' || substr(replace(phones, ' ', ''), 2), customer, 0 FROM file"
            )
        return time.perf_counter() - began


def _loaded(run: Run, path: Path) -> tuple[float, float]:
    """Load the file as an operator does; return the seconds it took and the most bytes that it held."""
    settings = run.machine.settings_for(run.machine.new_postgres_database())
    process = Process(
        name="flask load",
        command=commands.flask("load", "customers", str(path)),
        warden=run.machine.warden,
        env=settings,
        folder=ROOT,
        output=run.machine.folder / "load.log",
    )
    began = time.perf_counter()
    process.spawn()
    most = 0
    assert process.popen is not None
    while process.is_running:
        try:
            most = max(most, resident_bytes(process.pid))
        except ProcessLookupError:
            break
        time.sleep(0.05)
    code = process.popen.wait()
    took = time.perf_counter() - began
    if code:
        raise load.NotAsExpected(f"`flask load customers` ended with {code}:\n{process.words()[-2000:]}")
    return took, float(most)


def before_it_rings(run: Run) -> list[Figure]:
    """Webhooks, keys and seconds of speech before a telephone rings: ours, and a menu of two levels."""
    url, town = run.postgres_town(run.sizes[0])
    settings = load_settings(run.machine.settings_for(url))
    application = create_app(settings)
    town.rest()
    customer = town.town.callers(1, run.chance)[0]
    form = form_of_call(new_call_sid(), town.town.number(customer), LINE, settings.account_sid)
    ask = _signed(application, settings.public_url, settings.auth_tokens[0], form)
    ask("/voice/incoming", {"CallSid": new_call_sid(), "From": "anonymous"})  # a process that has just begun
    ours = heard.until_it_rings(ask, "/voice/incoming")
    webhooks.stop(application)
    menu = heard.until_it_rings(_unsigned(create_menu(), form), "/incoming", keys="13")
    run.seen["before it rings"] = {"rechtdoor": asdict(ours), "menu": asdict(menu)}
    return [
        _absolute("before it rings", subject, quantity, [value], None, unit)
        for subject, found in (("rechtdoor", ours), ("menu of two levels", menu))
        for quantity, value, unit in (
            ("webhooks", found.webhooks, ""),
            ("keys pressed", found.keys, ""),
            ("speech", found.speech_seconds + found.pause_seconds, "s"),
        )
    ]


def _signed(application: Flask, public_url: str, token: str, form: dict[str, str]) -> heard.Post:
    client = application.test_client()

    def post(path: str, fields: dict[str, str]) -> bytes:
        sent = form | fields
        signature = RequestValidator(token).compute_signature(public_url + path, sent)
        return bytes(client.post(path, data=sent, headers={"X-Twilio-Signature": signature}).data)

    return post


def _unsigned(application: Flask, form: dict[str, str]) -> heard.Post:
    client = application.test_client()
    return lambda path, fields: bytes(client.post(path, data=form | fields).data)


def idle(run: Run) -> list[Figure]:
    """The worker of a product that nobody calls: how much of a core it takes, on either database."""
    machine, figures = run.machine, []
    for name, url in (
        ("SQLite", machine.new_sqlite_database()),
        ("PostgreSQL", machine.new_postgres_database()),
    ):
        with machine.serving(PRODUCT, url, workers=1) as web, machine.working(web) as worker:
            time.sleep(SETTLED_AFTER_SECONDS)
            shares = [_share_of_a_core(worker.pid, IDLE_SECONDS) for _ in range(1 if run.quick else 3)]
        figures.append(_absolute("idle", f"worker, {name}", "of a core", shares, 1, "%"))
    run.seen["idle"] = {figure.subject: figure.as_json() for figure in figures}
    return figures


def _share_of_a_core(pid: int, seconds: float) -> float:
    before, began = cpu_seconds(pid), time.monotonic()
    time.sleep(seconds)
    return (cpu_seconds(pid) - before) / (time.monotonic() - began) * 100


def hand_overs(run: Run) -> list[Figure]:
    """What a customer hears while two become a room, and are handed over; at the pace of life."""
    found = measured(run.machine, run.machine.new_postgres_database(), 10 if run.quick else 60)
    run.seen["hand-overs"] = [asdict(one) for one in found]
    series = {
        "nothing heard as two become a room": ([one.gap for one in found if one.gap is not None], 0.3),
        "customer hears neither a person nor a sentence": ([one.alone for one in found], 2.0),
        "music": ([one.music for one in found], None),
        "from the press until all three speak": ([one.joined for one in found], None),
        "from the press until the first is out": ([one.completed for one in found], None),
    }
    return [
        _absolute("hand-over", subject, quantity, seconds, limit, "s")
        for subject, (values, limit) in series.items()
        for quantity, seconds in (("each", values), ("p99", [percentile(values, 0.99)]))
    ]


ALL: dict[str, Callable[[Run], list[Figure]]] = {
    "call": calls,
    "growth": growth,
    "pop": pops,
    "sqlite": sqlite,
    "load": bulk,
    "heard": before_it_rings,
    "workers": workers,
    "idle": idle,
    "hand-overs": hand_overs,
}
