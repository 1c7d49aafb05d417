"""Lists of promises of an agent or a team, and of the calls that go on, from an index that has their order"""

from app.migrations.indexes import create_index, drop_index

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index("ix_promises_agent_finished_at", "promises", "agent", "finished_at")
    create_index("ix_promises_team_id", "promises", "team", "id")
    create_index("ix_calls_live", "calls", "created_at", "sid", where="state <> 'ended'")
    drop_index("ix_calls_unfinished", "calls")


def downgrade() -> None:
    create_index("ix_calls_unfinished", "calls", "created_at", where="state <> 'ended'")
    drop_index("ix_calls_live", "calls")
    drop_index("ix_promises_team_id", "promises")
    drop_index("ix_promises_agent_finished_at", "promises")
