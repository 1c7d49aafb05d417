"""How does the demonstration get its first day back? `make run ARGS=--fresh`

Only what `make run` itself made in this checkout is thrown away, and only while nobody has put anything of
their own into it: then it loads a day that ends now.
"""

import csv
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from startup import demo

SQLITE = "sqlite:///"
# What the demonstration brings of each, by the column that names a row there and in its file.
BROUGHT = {"agents": ("key", "agent"), "customers": ("key", "customer"), "lines": ("number", "number")}
# How the keys begin of customers whom an agent made during a call. Where all agents are the demonstration's,
# that was done in it.
MADE_AT_THE_DESK = "desk-"


class NotOurs(Exception):
    """What would be thrown away isn't the demonstration's alone; the message says what to do instead."""


def put_back(
    root: Path, folder: Path, database_url: str, spool: Path, *, own_redis: Path | None
) -> list[Path]:
    """Throw away what the demonstration in `folder` made, and return it; nothing when there is none yet.

    `own_redis` is the folder of the Redis that `make run` starts, None when there is another. Raises NotOurs,
    before anything is touched, for a database that the demonstration was not loaded into, or that others use.
    """
    loaded = demo.loading(folder)
    database = _file_of(root, database_url)
    if loaded is None and (database is None or not database.exists()):
        return []
    if loaded is None or loaded.database_url != database_url:
        raise NotOurs(
            f"--fresh: the demonstration was not loaded into {_named(database_url)}; it is left alone"
        )
    if database is None:
        raise NotOurs(
            f"--fresh: {_named(database_url)} is no file of this checkout. Drop and create that database "
            f"yourself, delete {folder}, and type make run"
        )
    if database.exists():
        _is_the_demonstrations_alone(database, folder)
    return list(_thrown_away(root, folder, database, spool, own_redis))


def _file_of(root: Path, database_url: str) -> Path | None:
    """Return the database's file, None when it is no file inside this checkout."""
    if not database_url.startswith(SQLITE):
        return None
    file = (root / database_url.removeprefix(SQLITE).partition("?")[0]).resolve()
    return file if file.is_relative_to(root.resolve()) else None


def _named(database_url: str) -> str:
    """Return a database's address without who may use it."""
    kind, _, where = database_url.partition("://")
    return f"{kind}://{where.rpartition('@')[2]}"


def _is_the_demonstrations_alone(database: Path, folder: Path) -> None:
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
            for table, (column, of_file) in BROUGHT.items():
                ours = _keys(folder / f"{table}.csv", of_file)
                there = {str(row[0]) for row in connection.execute(f'SELECT "{column}" FROM {table}')}
                if others := sorted(one for one in there - ours if not _is_made_here(table, one)):
                    raise NotOurs(
                        f"--fresh: {database} also holds {table} that the demonstration did not bring "
                        f"({', '.join(others[:3])}); it is left alone. Move it away, or delete it yourself"
                    )
    except sqlite3.Error as error:
        raise NotOurs(f"--fresh: {database} can't be read ({error}); delete it yourself") from error


def _is_made_here(table: str, key: str) -> bool:
    return table == "customers" and key.startswith(MADE_AT_THE_DESK)


def _keys(file: Path, column: str) -> set[str]:
    with file.open(encoding="utf-8", newline="") as rows:
        return {row[column] for row in csv.DictReader(rows)}


def _thrown_away(
    root: Path, folder: Path, database: Path, spool: Path, own_redis: Path | None
) -> Iterator[Path]:
    # What lies on the disk for a dead database would be merged into the new one.
    facts = (root / spool).resolve()
    theirs = [facts] if facts.is_relative_to(root.resolve() / "instance") else []
    beside = [database.with_name(database.name + end) for end in ("", "-wal", "-shm")]
    # The folder goes last: it says whose the database was, should this be cut short.
    for path in [
        *beside,
        *theirs,
        *([own_redis] if own_redis else []),
        folder.parent / "phonebox.json",
        folder,
    ]:
        if path.is_dir():
            shutil.rmtree(path)
        elif path.exists():
            path.unlink()
        else:
            continue
        yield path
