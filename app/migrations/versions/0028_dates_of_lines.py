"""Days on which a line has hours of its own"""

import sqlalchemy as sa
from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # One stands already where an upgrade was broken off. Whoever doesn't know of it yet writes none.
    may_stand = op.get_bind().dialect.name == "postgresql" or None
    column = sa.Column("dates", sa.Text(), nullable=False, server_default="")
    op.add_column("lines", column, if_not_exists=may_stand)


def downgrade() -> None:
    op.drop_column("lines", "dates")
