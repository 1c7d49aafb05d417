"""Who lives in the town that is measured? Agents, lines, and as many customers as asked for, loaded in bulk.

Each customer has one number and three cases, one of them open; the open case was handled last by one of the
agents. Whose turn it is follows from the customer's position, so a pass can ring each agent once.
"""

import random
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from bench.history import EVENTS, House, statements

AGENTS = 500
AGENTS_IN_TEAM = 8
# Calls that were before: an installation that has just begun has other plans in its database.
CALLS_BEFORE = 20_000
# And all that came of those before: a hundred thousand promises, all of them kept, messages, what has left.
HISTORY = House(300_000, owed=0)
LINE = "+31201234500"

Row = tuple[Any, ...]
Table = tuple[str, str, Callable[[], Iterable[Row]]]  # name, columns, rows


@dataclass(frozen=True)
class Town:
    customers: int

    @property
    def agents(self) -> int:
        """How many agents own an open case."""
        return min(AGENTS, self.customers)

    def number(self, customer: int) -> str:
        return f"+316{10_000_000 + customer}"

    def agent_of(self, customer: int) -> str:
        return f"a{customer % AGENTS}"

    def callers(self, count: int, chance: random.Random) -> list[int]:
        """Return customers anywhere in the town, no two of whom belong to the same agent."""
        if count > self.agents:
            raise ValueError(f"{count} callers at once are more than the {self.agents} agents who own a case")
        of_agents = chance.sample(range(self.agents), count)
        turns = max(1, self.customers // AGENTS)
        return [agent + AGENTS * chance.randrange(turns) for agent in of_agents]


def tables(town: Town, now: datetime) -> list[Table]:
    """Return what is loaded: table, columns, rows; in an order in which what is referred to comes first."""
    everybody = range(town.customers)
    yesterday = now - timedelta(days=1)
    return [
        (
            "lines",
            "number name language country team timezone hours greeting records_messages",
            lambda: [(LINE, "Algemeen", "nl", "NL", "t0", "Europe/Amsterdam", "", "", False)],
        ),
        (
            "agents",
            "key name spoken_name email team phone language enabled",
            lambda: (
                (f"a{i}", f"Agent {i}", "Anna", "", f"t{i // AGENTS_IN_TEAM}", None, "nl", True)
                for i in range(AGENTS)
            ),
        ),
        (
            "agent_slots",
            "agent intent intent_since intent_why reach activity activity_since fence"
            " heartbeat_at softphone desk_visible event_number",
            lambda: (
                (
                    f"a{i}",
                    "available",
                    yesterday,
                    "agent",
                    "desk",
                    "idle",
                    yesterday,
                    0,
                    now,
                    "ready",
                    True,
                    0,
                )
                for i in range(AGENTS)
            ),
        ),
        (
            "customers",
            "key name language postcode tags",
            lambda: ((f"c{i}", f"Klant {i}", "nl", "1234AB", "[]") for i in everybody),
        ),
        (
            "customer_numbers",
            "e164 customer position",
            lambda: ((town.number(i), f"c{i}", 0) for i in everybody),
        ),
        (
            "cases",
            "key customer subject team status priority opened_at url last_contact_agent last_contact_at",
            lambda: _cases(town, everybody, yesterday),
        ),
        (
            "calls",
            "sid from_e164 line attestation customer case owner language state outcome"
            " rule_version said created_at ended_at step",
            lambda: (_call(town, i, yesterday) for i in range(CALLS_BEFORE)),
        ),
        (
            "call_steps",
            "call_sid number kind agent reason reason_values endpoint started_at outcome declined_why",
            lambda: (
                (
                    _sid(i),
                    1,
                    "owner",
                    town.agent_of(i),
                    "owner_free",
                    "{}",
                    "client",
                    yesterday,
                    "answered",
                    "",
                )
                for i in range(CALLS_BEFORE)
            ),
        ),
        (
            "inbox",
            "call_sid request reply created_at",
            lambda: ((_sid(i), "incoming", b"x" * 600, yesterday) for i in range(CALLS_BEFORE)),
        ),
        (
            "contacts",
            "key case agent channel direction started_at seconds outcome summary",
            lambda: (
                (f"k{i}", f"z{i}-0", town.agent_of(i), "call", "inbound", yesterday, 240, "", SUMMARY)
                for i in everybody
            ),
        ),
    ]


SUMMARY = "Heeft gebeld over de aanvraag; de brief gaat morgen de deur uit, daarna belt Anna terug."


def _cases(town: Town, everybody: Iterable[int], handled_at: datetime) -> Iterator[Row]:
    for i in everybody:
        agent = town.agent_of(i)
        team = f"t{i % AGENTS // AGENTS_IN_TEAM}"
        for number, status in enumerate(("open", "solved", "solved")):
            opened_at = handled_at - timedelta(days=20 + 100 * number)
            key = f"z{i}-{number}"
            about = "Aanvraag parkeervergunning", team, status, "normal", opened_at
            url = f"https://zaken.example.nl/{key}"
            yield key, f"c{i}", *about, url, agent, handled_at - timedelta(days=100 * number)


def _sid(i: int) -> str:
    return f"CA{i:032x}"


def _call(town: Town, i: int, at: datetime) -> Row:
    customer = i % town.customers
    who = f"c{customer}", f"z{customer}-0", town.agent_of(customer)
    return _sid(i), town.number(customer), LINE, "", *who, "nl", "ended", "talked", 1, "[]", at, at, 1


class PostgresTown:
    """The town in a migrated PostgreSQL database; `dsn` is a plain libpq address."""

    def __init__(self, dsn: str, town: Town) -> None:
        self.town = town
        self._connection = psycopg.connect(dsn, autocommit=True)

    def load(self) -> None:
        """Fill the tables; the triggers of foreign keys would take longer than everything else together."""
        self._connection.execute("SET session_replication_role = replica")
        for name, columns, rows in tables(self.town, datetime.now(UTC)):
            names = ", ".join(f'"{column}"' for column in columns.split())
            with self._connection.cursor().copy(f"COPY {name} ({names}) FROM STDIN") as copy:
                for row in rows():
                    copy.write_row(row)
        for statement in statements(HISTORY, datetime.now(UTC), is_sqlite=False, only=EVENTS):
            self._connection.execute(statement.encode())
        self._connection.execute("VACUUM ANALYZE")

    def rest(self) -> None:
        """End all calls, and put every agent back at a living desk: each pass finds the same town."""
        self._connection.execute("UPDATE calls SET state = 'ended', ended_at = now() WHERE state <> 'ended'")
        self._connection.execute(
            "UPDATE call_steps SET started_at = started_at - interval '2 hours'"
            " WHERE started_at > now() - interval '1 hour'"
        )
        self._connection.execute(
            "UPDATE agent_slots SET intent = 'available', activity = 'idle', call_sid = NULL,"
            " lease_until = NULL, suspect_until = NULL, heartbeat_at = now()"
        )
        self._connection.execute("VACUUM ANALYZE agent_slots, calls, call_steps")

    def beat(self) -> None:
        """Let every desk prove that it lives."""
        self._connection.execute("UPDATE agent_slots SET heartbeat_at = now()")

    def close(self) -> None:
        self._connection.close()


class SqliteTown:
    """The town in a migrated SQLite file."""

    def __init__(self, path: str, town: Town) -> None:
        self.town = town
        self._connection = sqlite3.connect(path, timeout=10, isolation_level=None)

    def load(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        for name, columns, rows in tables(self.town, datetime.now(UTC)):
            names = ", ".join(f'"{column}"' for column in columns.split())
            places = ", ".join("?" * len(columns.split()))
            self._connection.executemany(
                f"INSERT INTO {name} ({names}) VALUES ({places})", ([*map(_plain, row)] for row in rows())
            )
        for statement in statements(HISTORY, datetime.now(UTC), is_sqlite=True, only=EVENTS):
            self._connection.execute(statement)
        self._connection.execute("COMMIT")
        self._connection.execute("ANALYZE")

    def rest(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")
        now = datetime.now(UTC)
        self._connection.execute(
            "UPDATE calls SET state = 'ended', ended_at = ? WHERE state <> 'ended'", [_plain(now)]
        )
        self._connection.execute(
            "UPDATE call_steps SET started_at = ? WHERE started_at > ?",
            [_plain(now - timedelta(hours=2)), _plain(now - timedelta(hours=1))],
        )
        self._connection.execute(
            "UPDATE agent_slots SET intent = 'available', activity = 'idle', call_sid = NULL,"
            " lease_until = NULL, suspect_until = NULL, heartbeat_at = ?",
            [_plain(now)],
        )
        self._connection.execute("COMMIT")

    def beat(self) -> None:
        self._connection.execute("UPDATE agent_slots SET heartbeat_at = ?", [_plain(datetime.now(UTC))])

    def close(self) -> None:
        self._connection.close()


def _plain(value: object) -> object:
    """Return a value as SQLAlchemy writes it to SQLite: moments as text in UTC."""
    return value.strftime("%Y-%m-%d %H:%M:%S.%f") if isinstance(value, datetime) else value


AnyTown = PostgresTown | SqliteTown
