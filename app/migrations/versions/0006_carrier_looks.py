"""Up to when our calls were compared with the carrier's"""

import sqlalchemy as sa
from alembic import op

import app.db

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "carrier_looks",
        sa.Column("name", sa.String(length=20), nullable=False),
        sa.Column("complete_until", app.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("next_at", app.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("added", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_carrier_looks")),
    )


def downgrade() -> None:
    op.drop_table("carrier_looks")
