"""Until when a token works, and when it was last used"""

from typing import Any

import sqlalchemy as sa
from alembic import op

import app.db

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # One stands already where an upgrade was broken off.
    may_stand = op.get_bind().dialect.name == "postgresql" or None
    for name in ("ends_at", "used_at"):
        column: sa.Column[Any] = sa.Column(name, app.db.UtcDateTime(timezone=True), nullable=True)
        op.add_column("api_tokens", column, if_not_exists=may_stand)


def downgrade() -> None:
    for name in ("ends_at", "used_at"):
        op.drop_column("api_tokens", name)
