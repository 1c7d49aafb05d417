"""What callers said after the tone, kept by us; promises without a number, of callers who hid theirs"""

import sqlalchemy as sa
from alembic import op

import app.db

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

OWED = sa.text("state IN ('open', 'due', 'calling', 'reassigned', 'broken')")
UNFINISHED = sa.text("next_at IS NOT NULL")
AWAITED = sa.text("recording_asked_at IS NOT NULL")


def upgrade() -> None:
    _number_of_promises(nullable=True)
    op.execute("UPDATE promises SET number = NULL WHERE number = ''")
    op.add_column("calls", sa.Column("recording_asked_at", app.db.UtcDateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_calls_recording_asked_at",
        "calls",
        ["recording_asked_at"],
        postgresql_where=AWAITED,
        sqlite_where=AWAITED,
    )
    op.create_table(
        "recordings",
        sa.Column("sid", sa.String(length=64), nullable=False),
        sa.Column("call_sid", sa.String(length=64), nullable=False),
        sa.Column("promise", sa.Integer(), nullable=True),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("seconds", sa.Integer(), nullable=True),
        sa.Column("made_at", app.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("next_at", app.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("content_type", sa.String(length=40), nullable=False),
        sa.Column("sound", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("sid", name=op.f("pk_recordings")),
    )
    op.create_index("ix_recordings_call_sid", "recordings", ["call_sid"])
    op.create_index("ix_recordings_promise", "recordings", ["promise"])
    op.create_index(
        "ix_recordings_next_at",
        "recordings",
        ["next_at"],
        postgresql_where=UNFINISHED,
        sqlite_where=UNFINISHED,
    )
    # Those of the last resort stood with their promise, and are still at the carrier.
    op.execute(
        "INSERT INTO recordings (sid, call_sid, promise, state, made_at, next_at, attempts, content_type) "
        "SELECT recording_sid, '', MAX(id), 'at_carrier', MAX(created_at), MAX(created_at), 0, '' "
        "FROM promises WHERE recording_sid IS NOT NULL AND recording_sid <> '' GROUP BY recording_sid"
    )
    op.drop_column("promises", "recording_sid")


def downgrade() -> None:
    op.add_column("promises", sa.Column("recording_sid", sa.String(length=64), nullable=True))
    op.execute(
        "UPDATE promises SET recording_sid = (SELECT MAX(sid) FROM recordings "
        "WHERE recordings.promise = promises.id AND state = 'at_carrier')"
    )
    op.drop_table("recordings")
    op.drop_index("ix_calls_recording_asked_at", "calls")
    op.drop_column("calls", "recording_asked_at")
    # Nothing is owed to a caller whom nobody can ring, as far as the older version can tell.
    op.execute("UPDATE promises SET state = 'withdrawn' WHERE number IS NULL AND finished_at IS NULL")
    op.execute("UPDATE promises SET number = '' WHERE number IS NULL")
    _number_of_promises(nullable=False)


def _number_of_promises(*, nullable: bool) -> None:
    """Let a promise do without a number, or not.

    SQLite can't change a column. Making the table anew, as is usual there, would drop it, and with it by
    its foreign keys everything that promises went through; so the column is made anew instead.
    """
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("promises", "number", nullable=nullable)
        return
    op.drop_index("uq_promises_owed_number", "promises")
    op.execute("ALTER TABLE promises RENAME COLUMN number TO number_before")
    default = "" if nullable else " NOT NULL DEFAULT ''"
    op.execute(f"ALTER TABLE promises ADD COLUMN number VARCHAR(32){default}")
    op.execute("UPDATE promises SET number = number_before")
    op.execute("ALTER TABLE promises DROP COLUMN number_before")
    op.create_index("uq_promises_owed_number", "promises", ["number"], unique=True, sqlite_where=OWED)
