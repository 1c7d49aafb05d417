"""What each of an agent's desks said last: the best of them counts"""

import sqlalchemy as sa
from alembic import op

import app.db

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("agent_slots", sa.Column("desks", app.db.Json, server_default="{}", nullable=False))


def downgrade() -> None:
    op.drop_column("agent_slots", "desks")
