"""What a token may do, noun by noun: longer than one word"""

import sqlalchemy as sa
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # PostgreSQL rewrites nothing for it; SQLite never held a text to its length.
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("api_tokens", "scope", type_=sa.Text(), existing_nullable=False)


def downgrade() -> None:
    # The program before this can't hold a token to its nouns: those end.
    op.execute("DELETE FROM api_tokens WHERE scope NOT IN ('read', 'write', 'desk')")
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("api_tokens", "scope", type_=sa.String(8), existing_nullable=False)
