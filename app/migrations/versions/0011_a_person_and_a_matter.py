"""A promise belongs to a person and a matter: each of those who share a number may be owed one"""

import sqlalchemy as sa
from alembic import op

from app.migrations.indexes import create_index, drop_index

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

OWED = "state IN ('open', 'due', 'calling', 'reassigned', 'broken')"
IS_RUNG = "ended_at IS NULL AND number <> ''"
MATTER = ("number", sa.text("coalesce(customer, '')"), sa.text("coalesce(\"case\", '')"))


def upgrade() -> None:
    create_index("uq_promises_owed_matter", "promises", *MATTER, where=OWED, unique=True)
    create_index(
        "uq_promise_attempts_number_in_the_air", "promise_attempts", "number", where=IS_RUNG, unique=True
    )
    drop_index("uq_promises_owed_number", "promises")


def downgrade() -> None:
    # The release before this one owes a number one callback: the others stand on people's lists, with the
    # number in words, and none is lost.
    op.execute(
        f"UPDATE promises SET about = trim(about || ' ' || number), number = NULL, next_at = NULL "
        f"WHERE {OWED} AND number IS NOT NULL AND id NOT IN "
        f"(SELECT min(id) FROM promises WHERE {OWED} AND number IS NOT NULL GROUP BY number)"
    )
    create_index("uq_promises_owed_number", "promises", "number", where=OWED, unique=True)
    drop_index("uq_promise_attempts_number_in_the_air", "promise_attempts")
    drop_index("uq_promises_owed_matter", "promises")
