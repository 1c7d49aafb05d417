"""Whether a line sends known callers a link to the screen beside their call by itself"""

import sqlalchemy as sa
from alembic import op

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # It stands already where an upgrade was broken off.
    may_stand = op.get_bind().dialect.name == "postgresql" or None
    column: sa.Column[bool] = sa.Column(
        "sends_screen", sa.Boolean(), nullable=False, server_default=sa.false()
    )
    op.add_column("lines", column, if_not_exists=may_stand)


def downgrade() -> None:
    op.drop_column("lines", "sends_screen")
