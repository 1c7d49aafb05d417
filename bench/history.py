"""What does a house have behind it after some years? Written by the database itself, since that is quick.

python -m bench.history DATABASE_URL --calls 1000000    into a migrated, empty database, to look at by hand
"""

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import text

from app.db import Database

AGENTS, TEAMS = 40, 5
DAYS = 700


@dataclass(frozen=True)
class House:
    """How much there is of everything; `calls` says how big the house is."""

    calls: int
    owed: int = 60  # promises that are still to be kept

    @property
    def customers(self) -> int:
        return max(50, self.calls // 4)

    @property
    def promises(self) -> int:
        return self.calls // 3

    @property
    def messages(self) -> int:
        return self.calls // 2


class _Sql:
    """The few expressions that the two databases write differently."""

    def __init__(self, now: datetime, *, is_sqlite: bool) -> None:
        self.is_sqlite = is_sqlite
        self._now = f"{now.astimezone(UTC):%Y-%m-%d %H:%M:%S}"

    def ago(self, seconds: str) -> str:
        if self.is_sqlite:
            since = f"strftime('%s', '{self._now}') - ({seconds})"
            return f"strftime('%Y-%m-%d %H:%M:%S.000000', {since}, 'unixepoch')"
        return f"(timestamptz '{self._now}+00' - ({seconds}) * interval '1 second')"

    def rows(self, most: int) -> str:
        if self.is_sqlite:
            counted = f"SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < {most} - 1"
            return f"(WITH RECURSIVE n(i) AS ({counted}) SELECT i FROM n)"
        return f"(SELECT i FROM generate_series(0, {most} - 1) AS n(i))"


def fill(url: str, calls: int, now: datetime) -> House:
    """Write the history of a house that had so many calls, and let the database know how much it is.

    Of everything the newest few are still to be done: calls go on, promises are owed, messages wait.
    """
    house, database = House(calls), Database(url, patient=True)
    with database.engine.begin() as connection:
        for statement in statements(house, now, is_sqlite=database.is_sqlite):
            connection.exec_driver_sql(statement if database.is_sqlite else statement.replace("%", "%%"))
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        if not database.is_sqlite:
            # PostgreSQL does so by itself; of SQLite's tables nobody ever takes stock.
            connection.execute(text("VACUUM ANALYZE"))
    database.dispose()
    return house


# What a worker has made of the tallies long since: a few lines of many.
_ADD_UP = (
    "CREATE TEMPORARY TABLE sums AS SELECT figure, label, sum(times) AS times, sum(seconds) AS seconds "
    "FROM tallies GROUP BY figure, label",
    "DELETE FROM tallies",
    "INSERT INTO tallies (figure, label, times, seconds) SELECT * FROM sums",
    "DROP TABLE sums",
)
# What lies behind, apart from who works and lives there.
EVENTS = frozenset(
    "calls call_steps promises promise_events promise_attempts recordings messages outbox desk_events".split()
)


def statements(
    house: House, now: datetime, *, is_sqlite: bool, only: frozenset[str] | None = None
) -> Iterator[str]:
    """Yield what writes the history, one table after another; `only` those that are named."""
    for table, columns in _tables(house, _Sql(now, is_sqlite=is_sqlite)).items():
        rows = columns.pop("of")
        if only is None or table in only:
            quoted = ", ".join(f'"{name}"' for name in columns)
            yield f"INSERT INTO {table} ({quoted}) SELECT {', '.join(columns.values())} FROM {rows} AS n"
    yield from _ADD_UP


def _tables(house: House, sql: _Sql) -> dict[str, dict[str, str]]:
    """Return for each table its rows and what stands in them, oldest of all the last."""
    span = DAYS * 86400
    false, true = "false", "true"
    agent, team = f"'agent_' || (i % {AGENTS})", f"'Team ' || (i % {TEAMS})"
    number = f"'+316' || (10000000 + i % {house.customers * 2})"
    customer = (
        f"CASE WHEN i % {house.customers * 2} < {house.customers} THEN 'K' || (i % {house.customers * 2}) END"
    )
    case = customer.replace("'K'", "'Z'")
    call_at = sql.ago(f"60 + i * {span / house.calls:.3f}")
    promise_at = f"60 + i * {span / house.promises:.3f}"
    message_at = sql.ago(f"60 + i * {span / house.messages:.3f}")
    owed = f"i < {house.owed}"
    return {
        "agents": {
            "of": sql.rows(AGENTS),
            "key": "'agent_' || i",
            "name": "'Agent ' || i",
            "spoken_name": "'Agent ' || i",
            "email": "''",
            "team": team,
            "language": "'nl'",
            "enabled": true,
        },
        "agent_slots": {
            "of": sql.rows(AGENTS),
            "agent": "'agent_' || i",
            "intent": "'off'",
            "intent_why": "''",
            "reach": "'desk'",
            "activity": "'idle'",
            "fence": "0",
            "softphone": "'none'",
            "desk_visible": false,
            "event_number": "1000000",
        },
        "lines": {
            "of": sql.rows(TEAMS),
            "number": "'+3120123450' || i",
            "name": "'Lijn ' || i",
            "language": "'nl'",
            "country": "'NL'",
            "team": team,
            "timezone": "'Europe/Amsterdam'",
            "hours": "''",
            "greeting": "''",
            "records_messages": false,
        },
        "customers": {
            "of": sql.rows(house.customers),
            "key": "'K' || i",
            "name": "'Klant ' || i",
            "language": "'nl'",
            "postcode": "'1234AB'",
            "tags": "'[]'",
        },
        "customer_numbers": {
            "of": sql.rows(house.customers),
            "e164": "'+316' || (10000000 + i)",
            "customer": "'K' || i",
            "position": "0",
        },
        "cases": {
            "of": sql.rows(house.customers),
            "key": "'Z' || i",
            "customer": "'K' || i",
            "subject": "'Zaak ' || i",
            "team": team,
            "status": "CASE WHEN i % 4 = 0 THEN 'open' ELSE 'solved' END",
            "priority": "'normal'",
            "opened_at": sql.ago(f"i * {span / house.customers:.3f}"),
            "url": "''",
            "last_contact_agent": agent,
            "last_contact_at": sql.ago(f"i * {span / house.customers:.3f}"),
        },
        "contacts": {
            "of": sql.rows(house.calls),
            "key": "'C' || i",
            "case": f"'Z' || (i % {house.customers})",
            "agent": agent,
            "channel": "'call'",
            "direction": "'inbound'",
            "started_at": call_at,
            "seconds": "120",
            "outcome": "''",
            "summary": "'Besproken'",
        },
        "calls": {
            "of": sql.rows(house.calls),
            "sid": "'CA' || i",
            "direction": "'inbound'",
            "from_e164": f"CASE WHEN i % 20 <> 3 THEN {number} END",
            "line": f"'+3120123450' || (i % {TEAMS})",
            "attestation": "''",
            "customer": customer,
            "case": case,
            "owner": agent,
            "language": "'nl'",
            "state": "CASE WHEN i < 5 THEN 'ringing' ELSE 'ended' END",
            "outcome": "CASE WHEN i < 5 THEN NULL WHEN i % 5 = 0 THEN 'promised' ELSE 'talked' END",
            "bridged_to": agent,
            "bridged_at": call_at,
            "promise": f"CASE WHEN i % 3 = 0 AND i / 3 < {house.promises} THEN i / 3 + 1 END",
            "rule_version": "1",
            "said": "'[]'",
            "created_at": call_at,
            "ended_at": f"CASE WHEN i >= 5 THEN {call_at} END",
            "step": "1",
        },
        "call_steps": {
            "of": sql.rows(house.calls),
            "call_sid": "'CA' || i",
            "number": "1",
            "kind": "'owner'",
            "agent": agent,
            "reason": "'owner_free'",
            "reason_values": '\'{"agent": "Anna"}\'',
            "endpoint": "'client'",
            "started_at": call_at,
            "ended_at": f"CASE WHEN i >= 5 THEN {call_at} END",
            "outcome": "CASE WHEN i >= 5 THEN 'answered' END",
            "declined_why": "''",
        },
        "inbox": {
            "of": sql.rows(house.calls // 50),
            "call_sid": "'CA' || i",
            "request": "'incoming'",
            "reply": "CAST('<Response/>' AS BLOB)" if sql.is_sqlite else "'<Response/>'::bytea",
            "created_at": call_at,
        },
        "promises": {
            "of": sql.rows(house.promises),
            "origin": "'call:CA' || (3 * i)",
            "number": f"'+316' || (10000000 + (3 * i) % {house.customers * 2})",
            "line": f"'+3120123450' || (i % {TEAMS})",
            "customer": customer.replace("i %", "(3 * i) %"),
            "case": case.replace("i %", "(3 * i) %"),
            "agent": f"CASE WHEN i % 10 <> 0 THEN {agent} END",
            "team": team,
            "language": "'nl'",
            "due_at": sql.ago(f"{promise_at} - 3600"),
            "state": f"CASE WHEN {owed} THEN 'open' WHEN i % 50 = 1 THEN 'withdrawn' "
            "WHEN i % 50 = 2 THEN 'merged' ELSE 'kept' END",
            "about": "'Paspoort'",
            "created_at": sql.ago(promise_at),
            "finished_at": f"CASE WHEN NOT ({owed}) THEN {sql.ago(f'{promise_at} - 3000 - i % 660')} END",
            "next_at": f"CASE WHEN {owed} THEN {sql.ago('-86400')} END",
            "tries": "0",
            "broken_at": f"CASE WHEN i % 40 = 7 THEN {sql.ago(f'{promise_at} - 3600')} END",
        },
        "promise_events": {
            "of": sql.rows(house.promises * 2),
            "promise": "i / 2 + 1",
            "at": sql.ago(f"60 + (i / 2) * {span / house.promises:.3f}"),
            "state": "'open'",
            "why": "'promise_asked'",
            "who": "''",
            "details": "'{}'",
        },
        "promise_attempts": {
            "of": sql.rows(house.promises),
            "promise": "i + 1",
            "call_sid": "'CB' || i",
            "number": f"'+316' || (10000000 + (3 * i) % {house.customers * 2})",
            "agent": agent,
            "address": "'client:agent'",
            "started_at": sql.ago(promise_at),
            "dialled_at": sql.ago(promise_at),
            "bridged_at": sql.ago(promise_at),
            "lease_until": sql.ago(promise_at),
            "ended_at": sql.ago(promise_at),
            "machine": false,
            "outcome": "'kept'",
        },
        "recordings": {
            "of": sql.rows(house.promises // 5),
            "sid": "'RE' || i",
            "call_sid": "'CA' || (15 * i)",
            "promise": "5 * i + 1",
            "state": "CASE WHEN i < 20 THEN 'kept' ELSE 'gone' END",
            "seconds": "12",
            "made_at": sql.ago(f"60 + 5 * i * {span / house.promises:.3f}"),
            "attempts": "1",
            "content_type": "'audio/mpeg'",
        },
        "messages": {
            "of": sql.rows(house.messages),
            "sid": "'SM' || i",
            "carrier_sid": "'SM' || i",
            "direction": "CASE WHEN i % 3 = 0 THEN 'inbound' ELSE 'outbound' END",
            "channel": "'sms'",
            "number": number,
            "line": f"'+3120123450' || (i % {TEAMS})",
            "body": "'Wij bellen u.'",
            "customer": customer,
            "case": case,
            "agent": agent,
            "team": team,
            "promise": f"CASE WHEN i < {house.promises} THEN i + 1 END",
            "status": "CASE WHEN i % 3 = 0 THEN 'received' "
            "WHEN i % 100 = 1 THEN 'undelivered' ELSE 'delivered' END",
            "read_as": "''",
            "at": message_at,
            "handled_at": f"CASE WHEN i >= 40 THEN {message_at} END",
            "handled_by": "''",
        },
        "outbox": {
            "of": sql.rows(house.messages),
            "kind": "CASE WHEN i % 4 = 0 THEN 'send_message' WHEN i % 4 = 1 THEN 'end_leg' "
            "WHEN i % 4 = 2 THEN 'place_callback' ELSE 'redirect_call' END",
            "key": "'key/' || i",
            "payload": "'{\"message\": \"SM' || i || '\"}'"
            if sql.is_sqlite
            else "jsonb_build_object('message', 'SM' || i)",
            "created_at": message_at,
            "next_at": message_at,
            "attempts": "1",
            "done_at": message_at,
            "result": "'done'",
        },
        "desk_events": {
            "of": sql.rows(house.calls // 20),
            "agent": agent,
            "number": f"i / {AGENTS} + 1",
            "kind": "'call'",
            "data": "'{}'",
            "created_at": sql.ago(f"i * {86400 * 20 / house.calls:.3f}"),
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--calls", type=int, default=1_000_000)
    asked = parser.parse_args()
    print(fill(asked.url, asked.calls, datetime.now(UTC)))


if __name__ == "__main__":
    main()
