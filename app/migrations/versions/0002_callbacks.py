"""Callbacks: when a promise is looked at next, each try to keep it, and calls of our own"""

import sqlalchemy as sa
from alembic import op

import app.db

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

UNFINISHED = sa.text("state IN ('open', 'due', 'calling', 'reassigned')")
OWED = sa.text("state IN ('open', 'due', 'calling', 'reassigned', 'broken')")
IN_THE_AIR = sa.text("ended_at IS NULL")


def upgrade() -> None:
    op.add_column(
        "calls", sa.Column("direction", sa.String(length=10), server_default="inbound", nullable=False)
    )
    op.add_column("promises", sa.Column("next_at", app.db.UtcDateTime(timezone=True), nullable=True))
    op.add_column("promises", sa.Column("tries", sa.Integer(), server_default="0", nullable=False))
    op.add_column("promises", sa.Column("broken_at", app.db.UtcDateTime(timezone=True), nullable=True))
    op.add_column("promise_events", sa.Column("details", app.db.Json, server_default="{}", nullable=False))
    # A number that asked again after its time had passed was owed a second one: the newer one is owed.
    op.execute(
        "UPDATE promises SET state = 'merged', finished_at = due_at WHERE state = 'broken' AND EXISTS ("
        "SELECT 1 FROM promises AS newer WHERE newer.number = promises.number AND newer.id > promises.id "
        "AND newer.state IN ('open', 'due', 'calling', 'reassigned', 'broken'))"
    )
    op.execute("UPDATE promises SET broken_at = due_at WHERE state = 'broken'")
    # Whoever looks first finds out when the time has come.
    op.execute(
        "UPDATE promises SET next_at = created_at "
        "WHERE state IN ('open', 'due', 'calling', 'reassigned', 'broken')"
    )
    op.drop_index("uq_promises_unfinished_number", "promises")
    op.create_index(
        "uq_promises_owed_number",
        "promises",
        ["number"],
        unique=True,
        postgresql_where=OWED,
        sqlite_where=OWED,
    )
    op.create_index(
        "ix_promises_owed_next_at", "promises", ["next_at"], postgresql_where=OWED, sqlite_where=OWED
    )
    op.create_table(
        "promise_attempts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("promise", sa.Integer(), nullable=False),
        sa.Column("call_sid", sa.String(length=64), nullable=False),
        sa.Column("number", sa.String(length=32), nullable=False),
        sa.Column("agent", sa.String(length=121), nullable=False),
        sa.Column("address", sa.String(length=140), nullable=False),
        sa.Column("started_at", app.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("asked_at", app.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("agent_leg", sa.String(length=64), nullable=True),
        sa.Column("customer_leg", sa.String(length=64), nullable=True),
        sa.Column("accepted_at", app.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("dialled_at", app.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("bridged_at", app.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("agent_left_at", app.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("machine", sa.Boolean(), nullable=False),
        sa.Column("lease_until", app.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("ended_at", app.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(length=20), nullable=True),
        sa.ForeignKeyConstraint(
            ["promise"], ["promises.id"], name=op.f("fk_promise_attempts_promise"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_promise_attempts")),
        sa.UniqueConstraint("call_sid", name="uq_promise_attempts_call_sid"),
    )
    op.create_index(
        "uq_promise_attempts_in_the_air",
        "promise_attempts",
        ["promise"],
        unique=True,
        postgresql_where=IN_THE_AIR,
        sqlite_where=IN_THE_AIR,
    )
    op.create_index("ix_promise_attempts_number_dialled_at", "promise_attempts", ["number", "dialled_at"])
    op.create_index("ix_promise_attempts_promise", "promise_attempts", ["promise"])


def downgrade() -> None:
    op.drop_table("promise_attempts")
    op.drop_index("ix_promises_owed_next_at", "promises")
    op.drop_index("uq_promises_owed_number", "promises")
    op.create_index(
        "uq_promises_unfinished_number",
        "promises",
        ["number"],
        unique=True,
        postgresql_where=UNFINISHED,
        sqlite_where=UNFINISHED,
    )
    op.drop_column("promise_events", "details")
    for column in ("broken_at", "tries", "next_at"):
        op.drop_column("promises", column)
    op.drop_column("calls", "direction")
