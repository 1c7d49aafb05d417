"""No index of how calls ended: it was for counting all of them, which the database does as they end"""

from app.migrations.indexes import create_index, drop_index

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None


def upgrade() -> None:
    drop_index("ix_calls_ended_outcome", "calls")


def downgrade() -> None:
    create_index("ix_calls_ended_outcome", "calls", "outcome", where="state = 'ended'")
