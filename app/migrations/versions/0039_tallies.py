"""Counts for monitors that nothing takes back: lines that the database adds as calls and promises end"""

import sqlalchemy as sa
from alembic import op

revision = "0039"
down_revision = "0038"
branch_labels = None
depends_on = None

LATENESS = (0, 60, 300, 900, 3600, 4 * 3600, 24 * 3600)
FINISHED = "('kept', 'merged', 'withdrawn')"


def upgrade() -> None:
    is_postgres = op.get_bind().dialect.name == "postgresql"
    op.create_table(
        "tallies",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("figure", sa.String(length=20), nullable=False),
        sa.Column("label", sa.String(length=20), nullable=False),
        sa.Column("times", sa.Integer(), nullable=False),
        sa.Column("seconds", sa.Float(), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tallies")),
        # It stands already where an upgrade was broken off.
        if_not_exists=is_postgres or None,
    )
    if not is_postgres:
        _run(*_SQLITE, _BEFORE.format(late=_LATE_ON_SQLITE))
        return
    # Each by itself: a trigger keeps those from writing who come while it is made, and what there was is
    # counted while calls go on.
    with op.get_context().autocommit_block():
        _run(*_POSTGRES, _BEFORE.format(late=_LATE_ON_POSTGRES))


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        _run(
            *(f"DROP TRIGGER {trigger} ON calls" for trigger in ("calls_tally_new", "calls_tally")),
            *(f"DROP TRIGGER {trigger} ON promises" for trigger in ("promises_tally_new", "promises_tally")),
            "DROP FUNCTION tally_call()",
            "DROP FUNCTION tally_promise()",
        )
    else:
        _run(*(f"DROP TRIGGER {trigger}" for trigger in _TRIGGERS_OF_SQLITE))
    op.drop_table("tallies")


def _run(*statements: str) -> None:
    for statement in statements:
        op.get_bind().exec_driver_sql(statement)


def _bucket(late: str) -> str:
    limits = " ".join(f"WHEN {late} <= {limit} THEN '{limit}'" for limit in LATENESS)
    return f"CASE {limits} ELSE 'later' END"


_LATE_ON_POSTGRES = "greatest(extract(epoch FROM {row}finished_at - {row}due_at), 0)"
_LATE_ON_SQLITE = (
    "max(round((julianday({row}finished_at) - julianday({row}due_at)) * 86400, 3), 0)"  # to the millisecond
)

# --- what there was before -------------------------------------------------------------------------------

# In one statement, which sees one moment, less what triggers have added since: so nothing is counted twice,
# also when it is run once more.
_BEFORE = f"""
INSERT INTO tallies (figure, label, times, seconds)
SELECT figure, label, sum(times), sum(seconds) FROM (
    SELECT 'call_ended' AS figure, coalesce(outcome, '') AS label, count(*) AS times, 0 AS seconds
    FROM calls WHERE state = 'ended' GROUP BY outcome
    UNION ALL
    SELECT 'promise_finished', state, count(*), 0 FROM promises WHERE state IN {FINISHED} GROUP BY state
    UNION ALL
    SELECT 'promise_broken', '', count(*), 0 FROM promises WHERE broken_at IS NOT NULL
    UNION ALL
    SELECT 'promise_kept', label, count(*), sum(late) FROM (
        SELECT {_bucket("late")} AS label, late FROM (
            SELECT {{late}} AS late FROM promises WHERE state = 'kept' AND finished_at IS NOT NULL
        ) AS kept
    ) AS sorted GROUP BY label
    UNION ALL
    SELECT
        CASE figure WHEN 'call_corrected' THEN 'call_ended' WHEN 'promise_taken_back' THEN 'promise_finished'
        ELSE figure END,
        label,
        CASE WHEN figure IN ('call_corrected', 'promise_taken_back') THEN times ELSE -times END,
        -seconds
    FROM tallies
) AS counted
GROUP BY figure, label HAVING sum(times) > 0
"""
_LATE_ON_POSTGRES, _OF_NEW_ON_POSTGRES = (_LATE_ON_POSTGRES.format(row=row) for row in ("", "new."))
_LATE_ON_SQLITE, _OF_NEW_ON_SQLITE = (_LATE_ON_SQLITE.format(row=row) for row in ("", "new."))

# --- what happens from now on ----------------------------------------------------------------------------

_ADD = "INSERT INTO tallies (figure, label, times, seconds)"
_COUNT_CALL = f"{_ADD} VALUES ('call_ended', coalesce(new.outcome, ''), 1, 0)"
_CORRECT_CALL = f"{_ADD} VALUES ('call_corrected', coalesce(old.outcome, ''), 1, 0)"
_COUNT_PROMISE = f"{_ADD} VALUES ('promise_finished', new.state, 1, 0)"
_TAKE_BACK = f"{_ADD} VALUES ('promise_taken_back', old.state, 1, 0)"
_COUNT_BROKEN = f"{_ADD} VALUES ('promise_broken', '', 1, 0)"


def _count_kept(late: str) -> str:
    return f"{_ADD} SELECT 'promise_kept', {_bucket('late')}, 1, late FROM (SELECT {late} AS late) AS kept"


# What an INSERT begins with, and an UPDATE goes from: nothing that is counted.
_POSTGRES = [
    f"""
CREATE OR REPLACE FUNCTION tally_call() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' THEN
        IF old.state = 'ended' THEN {_CORRECT_CALL}; END IF;
    END IF;
    IF new.state = 'ended' THEN {_COUNT_CALL}; END IF;
    RETURN NULL;
END $$
""",
    f"""
CREATE OR REPLACE FUNCTION tally_promise() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    was text;
    was_broken boolean := false;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        was := old.state;
        was_broken := old.broken_at IS NOT NULL;
    END IF;
    IF new.state IS DISTINCT FROM was THEN
        IF was IN {FINISHED} THEN {_TAKE_BACK}; END IF;
        IF new.state IN {FINISHED} THEN {_COUNT_PROMISE}; END IF;
        IF new.state = 'kept' AND new.finished_at IS NOT NULL THEN {_count_kept(_OF_NEW_ON_POSTGRES)}; END IF;
    END IF;
    IF new.broken_at IS NOT NULL AND NOT was_broken THEN {_COUNT_BROKEN}; END IF;
    RETURN NULL;
END $$
""",
    # A call that begins, or goes on, is no more than asked whether it has ended.
    "CREATE OR REPLACE TRIGGER calls_tally_new AFTER INSERT ON calls FOR EACH ROW "
    "WHEN (new.state = 'ended') EXECUTE FUNCTION tally_call()",
    "CREATE OR REPLACE TRIGGER calls_tally AFTER UPDATE OF state, outcome ON calls FOR EACH ROW "
    "WHEN ('ended' IN (old.state, new.state) AND (old.state, old.outcome) IS DISTINCT FROM "
    "(new.state, new.outcome)) EXECUTE FUNCTION tally_call()",
    "CREATE OR REPLACE TRIGGER promises_tally_new AFTER INSERT ON promises FOR EACH ROW "
    f"WHEN (new.state IN {FINISHED} OR new.broken_at IS NOT NULL) EXECUTE FUNCTION tally_promise()",
    "CREATE OR REPLACE TRIGGER promises_tally AFTER UPDATE OF state, broken_at ON promises FOR EACH ROW "
    "WHEN (old.state IS DISTINCT FROM new.state OR old.broken_at IS NULL AND new.broken_at IS NOT NULL) "
    "EXECUTE FUNCTION tally_promise()",
]


def _trigger(name: str, when: str, condition: str, do: str) -> str:
    return f"CREATE TRIGGER {name} AFTER {when} WHEN {condition} BEGIN {do}; END"


# Name, of what, when, and what is added.
_ON_SQLITE = [
    ("calls_tally_new", "INSERT ON calls", "new.state = 'ended'", _COUNT_CALL),
    (
        "calls_tally",
        "UPDATE OF state, outcome ON calls",
        "new.state = 'ended' AND (old.state <> 'ended' OR old.outcome IS NOT new.outcome)",
        _COUNT_CALL,
    ),
    (
        "calls_tally_corrected",
        "UPDATE OF state, outcome ON calls",
        "old.state = 'ended' AND (new.state <> 'ended' OR old.outcome IS NOT new.outcome)",
        _CORRECT_CALL,
    ),
    ("promises_tally_new", "INSERT ON promises", f"new.state IN {FINISHED}", _COUNT_PROMISE),
    (
        "promises_tally_kept_new",
        "INSERT ON promises",
        "new.state = 'kept' AND new.finished_at IS NOT NULL",
        _count_kept(_OF_NEW_ON_SQLITE),
    ),
    ("promises_tally_broken_new", "INSERT ON promises", "new.broken_at IS NOT NULL", _COUNT_BROKEN),
    (
        "promises_tally",
        "UPDATE OF state ON promises",
        f"new.state IN {FINISHED} AND old.state <> new.state",
        _COUNT_PROMISE,
    ),
    (
        "promises_tally_taken_back",
        "UPDATE OF state ON promises",
        f"old.state IN {FINISHED} AND old.state <> new.state",
        _TAKE_BACK,
    ),
    (
        "promises_tally_kept",
        "UPDATE OF state ON promises",
        "new.state = 'kept' AND old.state <> 'kept' AND new.finished_at IS NOT NULL",
        _count_kept(_OF_NEW_ON_SQLITE),
    ),
    (
        "promises_tally_broken",
        "UPDATE OF broken_at ON promises",
        "old.broken_at IS NULL AND new.broken_at IS NOT NULL",
        _COUNT_BROKEN,
    ),
]
_TRIGGERS_OF_SQLITE = [name for name, _, _, _ in _ON_SQLITE]
_SQLITE = [_trigger(name, when, condition, do) for name, when, condition, do in _ON_SQLITE]
