"""What a house with years behind it needs: indexes for what is asked of it, and when what was forgotten"""

from typing import Any

import sqlalchemy as sa
from alembic import op

import app.db
from app.migrations.indexes import create_index, drop_index

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

OWNER = "coalesce(nullif(named_owner, avoided_agent), nullif(last_contact_agent, avoided_agent))"

OWED = "state IN ('open', 'due', 'calling', 'reassigned', 'broken')"
KEPT_LATE = "state = 'kept' AND finished_at > due_at"

# Name, table, columns, and of which rows.
INDEXES: tuple[tuple[str, str, tuple[str | sa.TextClause, ...], str | None], ...] = (
    ("ix_calls_created_at_sid", "calls", ("created_at", "sid"), None),
    ("ix_calls_customer_created_at", "calls", ("customer", "created_at"), "customer IS NOT NULL"),
    ("ix_calls_promise", "calls", ("promise",), "promise IS NOT NULL"),
    ("ix_calls_ended_outcome", "calls", ("outcome",), "state = 'ended'"),
    ("ix_calls_not_forgotten", "calls", ("created_at",), "forgotten_at IS NULL"),
    ("ix_promises_case", "promises", ("case",), '"case" IS NOT NULL'),
    ("ix_promises_number", "promises", ("number",), "number IS NOT NULL"),
    ("ix_promises_finished_at", "promises", ("finished_at",), None),
    ("ix_promises_team_finished_at", "promises", ("team", "finished_at"), None),
    ("ix_promises_state_finished_at", "promises", ("state", "finished_at"), None),
    ("ix_promises_kept_late", "promises", ("due_at", "finished_at"), KEPT_LATE),
    ("ix_promises_owed_due_at", "promises", ("due_at", "id"), OWED),
    ("ix_promises_broken", "promises", ("finished_at",), "broken_at IS NOT NULL"),
    ("ix_promises_not_forgotten", "promises", ("finished_at",), "forgotten_at IS NULL"),
    ("ix_promises_spoken_at", "promises", (sa.text("coalesce(broken_at, due_at)"),), None),
    ("ix_recordings_to_be_heard", "recordings", ("made_at",), "state IN ('at_carrier', 'stored', 'kept')"),
    ("ix_messages_at", "messages", ("at",), None),
    ("ix_messages_customer", "messages", ("customer",), "customer IS NOT NULL"),
    ("ix_messages_case", "messages", ("case",), '"case" IS NOT NULL'),
    ("ix_outbox_done", "outbox", ("kind", "done_at"), "done_at IS NOT NULL"),
    ("ix_cases_team_key", "cases", ("team", "key"), None),
    ("ix_cases_status_key", "cases", ("status", "key"), None),
    ("ix_cases_open_owner", "cases", (sa.text(OWNER),), "status <> 'solved'"),
    ("ix_contacts_agent_key", "contacts", ("agent", "key"), None),
)


def upgrade() -> None:
    is_postgres = op.get_bind().dialect.name == "postgresql"
    for table in ("calls", "promises"):
        column: sa.Column[Any] = sa.Column("forgotten_at", app.db.UtcDateTime(timezone=True), nullable=True)
        # It stands already where an upgrade was broken off among the indexes.
        op.add_column(table, column, if_not_exists=is_postgres or None)
    for name, table, columns, where in INDEXES:
        create_index(name, table, *columns, where=where)
    drop_index("ix_cases_team", "cases")


def downgrade() -> None:
    create_index("ix_cases_team", "cases", "team")
    for name, table, _, _ in reversed(INDEXES):
        drop_index(name, table)
    for table in ("promises", "calls"):
        op.drop_column(table, "forgotten_at")
