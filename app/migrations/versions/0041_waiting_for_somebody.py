"""Who waits for an agent from an index of agents, so that one plan serves the ring of every call"""

from app.migrations.indexes import create_index, drop_index

revision = "0041"
down_revision = "0040"
branch_labels = None
depends_on = None

WAITS = "waiting_since IS NOT NULL"


def upgrade() -> None:
    create_index("ix_calls_waiting_for", "calls", "waiting_for_agent", "waiting_since", where=WAITS)
    drop_index("ix_calls_waiting", "calls")


def downgrade() -> None:
    create_index("ix_calls_waiting", "calls", "waiting_since", where=WAITS)
    drop_index("ix_calls_waiting_for", "calls")
