"""Whom nobody knows is asked once: the lines' words, what was heard, and by what somebody is found"""

import sqlalchemy as sa
from alembic import op

import app.db
from app.migrations.indexes import create_index, drop_index

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None

# So many cases are given their digits at once where the database can't do it by itself.
AT_ONCE = 1000


def upgrade() -> None:
    # One stands already where an upgrade was broken off.
    is_postgres = op.get_bind().dialect.name == "postgresql"
    added: list[tuple[str, sa.Column[object]]] = [
        ("lines", sa.Column("asks", sa.Boolean(), nullable=False, server_default=sa.true())),
        ("lines", sa.Column("question", sa.Text(), nullable=False, server_default="")),
        ("calls", sa.Column("heard", app.db.Json, nullable=True)),
        ("calls", sa.Column("claimed", sa.String(length=121), nullable=True)),
        ("cases", sa.Column("digits", sa.String(length=40), nullable=True)),
    ]
    for table, column in added:
        op.add_column(table, column, if_not_exists=is_postgres or None)
    _give_digits(is_postgres)
    create_index("ix_cases_digits", "cases", "digits")
    create_index("ix_calls_claimed", "calls", "claimed", where="claimed IS NOT NULL")
    create_index("ix_customers_area", "customers", sa.text("substr(postcode, 1, 4)"))


def _give_digits(is_postgres: bool) -> None:
    connection = op.get_bind()
    if is_postgres:
        connection.execute(
            sa.text(
                "UPDATE cases SET digits = left(regexp_replace(key, '[^0-9]', '', 'g'), 40)"
                " WHERE digits IS NULL"
            )
        )
        return
    keys = connection.scalars(sa.text("SELECT key FROM cases WHERE digits IS NULL")).all()
    for start in range(0, len(keys), AT_ONCE):
        connection.execute(
            sa.text("UPDATE cases SET digits = :digits WHERE key = :key"),
            [
                {"key": key, "digits": "".join(one for one in key if one in "0123456789")[:40]}
                for key in keys[start : start + AT_ONCE]
            ],
        )


def downgrade() -> None:
    drop_index("ix_customers_area", "customers")
    drop_index("ix_calls_claimed", "calls")
    drop_index("ix_cases_digits", "cases")
    for table, name in (
        *(("lines", "asks"), ("lines", "question"), ("calls", "heard")),
        *(("calls", "claimed"), ("cases", "digits")),
    ):
        op.drop_column(table, name)
