"""Since when the carrier lets somebody hear what is said on hold, so that a desk says so no sooner"""

import sqlalchemy as sa
from alembic import op

import app.db

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # It stands already where an upgrade was broken off.
    may_stand = op.get_bind().dialect.name == "postgresql" or None
    column: sa.Column[object] = sa.Column("held_at", app.db.UtcDateTime(), nullable=True)
    op.add_column("call_legs", column, if_not_exists=may_stand)


def downgrade() -> None:
    op.drop_column("call_legs", "held_at")
