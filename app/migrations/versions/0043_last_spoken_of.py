"""Which open cases were spoken of last, so that their owners, of however many, are known in an outage"""

from app.migrations.indexes import create_index, drop_index

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_index("ix_cases_open_last_contact_at", "cases", "last_contact_at", where="status <> 'solved'")


def downgrade() -> None:
    drop_index("ix_cases_open_last_contact_at", "cases")
