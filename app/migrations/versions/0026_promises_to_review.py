"""Promises that a supervisor looks at before anybody is rung for them"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # One stands already where an upgrade was broken off. The release before this one doesn't fill it.
    may_stand = op.get_bind().dialect.name == "postgresql" or None
    column: sa.Column[Any] = sa.Column("to_review", sa.Boolean(), server_default=sa.false(), nullable=False)
    op.add_column("promises", column, if_not_exists=may_stand)


def downgrade() -> None:
    op.drop_column("promises", "to_review")
