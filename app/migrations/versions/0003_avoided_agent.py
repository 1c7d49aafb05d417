"""Whom a caller asked not to speak to about a case any more"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("cases", sa.Column("avoided_agent", sa.String(length=121), nullable=True))


def downgrade() -> None:
    op.drop_column("cases", "avoided_agent")
