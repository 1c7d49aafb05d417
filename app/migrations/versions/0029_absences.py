"""From which day to which an agent isn't here"""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # One stands already where an upgrade was broken off.
    may_stand = op.get_bind().dialect.name == "postgresql" or None
    for name in ("absent_from", "absent_until"):
        column: sa.Column[Any] = sa.Column(name, sa.Date(), nullable=True)
        op.add_column("agents", column, if_not_exists=may_stand)


def downgrade() -> None:
    for name in ("absent_from", "absent_until"):
        op.drop_column("agents", name)
