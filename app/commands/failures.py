"""What is wrong with the database, and what does the operator do about it? One line for each way to fail.

Its own words are read, never shown: they may quote people.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import click
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app import db
from app.commands import say
from app.errors import TablesAreNewer

# https://www.postgresql.org/docs/current/errcodes-appendix.html
_BY_SQLSTATE = {
    "42P01": "database_old",  # no such table
    "42703": "database_old",  # no such column
    "42501": "database_forbids",
    "25006": "database_read_only",
    "55P03": "database_busy",  # somebody holds what we want
    "57014": "database_busy",  # it took longer than a statement may
    "53100": "database_full",
    # What was prepared is not there any more, or there already: another connection each time.
    "26000": "database_pooled",
    "42P05": "database_pooled",
}
# A server that does not let us in gives no code that libpq hands on, only words, English unless it was told
# otherwise. https://github.com/postgres/postgres/blob/master/src/backend/libpq/auth.c
_BY_WORDS = {
    "startup parameter": "database_pooled",
    "authentication failed": "database_denies",
    "no pg_hba.conf entry": "database_denies",
    "not permitted to log in": "database_denies",
    "permission denied": "database_denies",
    "too many": "database_crowded",
    "remaining connection slots": "database_crowded",
    'role "': "database_denies",
    'database "': "database_missing",
}
# https://www.sqlite.org/rescode.html
_BY_RESULT = {
    sqlite3.SQLITE_READONLY: "database_read_only",
    sqlite3.SQLITE_BUSY: "database_locked",
    sqlite3.SQLITE_LOCKED: "database_locked",
    sqlite3.SQLITE_CANTOPEN: "database_unopened",
    sqlite3.SQLITE_NOTADB: "database_is_none",
    sqlite3.SQLITE_CORRUPT: "database_is_none",
    sqlite3.SQLITE_FULL: "database_full",
}
_PRIMARY = 0xFF  # an extended result code ends in the one that it belongs to

FAILURES = (SQLAlchemyError, TimeoutError, TablesAreNewer)


@contextmanager
def database_errors_in_words() -> Iterator[None]:
    """End a command with one line that says what to mend, instead of a trace, when the database fails."""
    try:
        yield
    except FAILURES as error:
        raise click.ClickException(in_words(error)) from error


def in_words(error: Exception) -> str:
    """Say what to do about one of FAILURES, in the operator's language."""
    url = make_url(db.current().url)
    if db.current().is_sqlite:
        where = url.database or ":memory:"
    else:
        where = f"{url.host or url.query.get('host', 'localhost')}:{url.port or 5432}"
    values = {"where": where, "user": url.username or "", "name": url.database or ""}
    return say(_code(error), error=type(error).__name__, **values)


def _code(error: Exception) -> str:
    match error:
        case TablesAreNewer():
            return "database_new"
        case PoolTimeout() | TimeoutError():
            return "database_busy"
        case DBAPIError(orig=sqlite3.Error() as own):
            return _of_sqlite(own)
        case DBAPIError(orig=Exception() as own) if not db.current().is_sqlite:
            return _of_postgres(own)
    return "database_failed"


def _of_sqlite(error: sqlite3.Error) -> str:
    words = str(error)
    if words.startswith(("no such table", "no such column")) or "has no column" in words:
        return "database_old"
    result: int = getattr(error, "sqlite_errorcode", 0) & _PRIMARY
    return _BY_RESULT.get(result, "database_failed")


def _of_postgres(error: Exception) -> str:
    import psycopg  # it is there when it fails; SQLite would wait for it in vain

    if not isinstance(error, psycopg.Error):
        return "database_failed"
    if error.sqlstate is not None:
        return _BY_SQLSTATE.get(error.sqlstate, "database_failed")
    if not isinstance(error, psycopg.OperationalError):
        return "database_failed"
    _, is_answered, words = str(error).partition("FATAL:")
    if not is_answered:
        return "database_away"
    return next((code for part, code in _BY_WORDS.items() if part in words), "database_not_ready")
