"""Who signs in elsewhere, and the people and groups of whom the organisation's directory tells"""

from typing import Any

import sqlalchemy as sa
from alembic import op

import app.db
from app.migrations.indexes import create_index, drop_index

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

SIDS = "ix_user_sessions_provider_sid"


def upgrade() -> None:
    # They stand already where an upgrade was broken off at an index.
    may_stand = op.get_bind().dialect.name == "postgresql"
    for table, column in _columns():
        op.add_column(table, column, if_not_exists=may_stand or None)
    create_index(SIDS, "user_sessions", "provider_sid", where="provider_sid IS NOT NULL")
    _tables(may_stand)
    create_index("ix_user_identities_email", "user_identities", "email")
    create_index("uq_directory_people_name_key", "directory_people", "name_key", unique=True)
    for column_name in ("external_id", "email", "agent"):
        create_index(f"ix_directory_people_{column_name}", "directory_people", column_name)
    create_index("ix_directory_groups_name", "directory_groups", "name")
    create_index("ix_directory_members_person", "directory_members", "person")


def _columns() -> list[tuple[str, sa.Column[Any]]]:
    # With defaults of the database's own: the release before writes rows beside this one.
    return [
        ("users", sa.Column("is_active", sa.Boolean(), nullable=False, server_default=sa.true())),
        ("user_sessions", sa.Column("how", sa.String(length=10), nullable=False, server_default="password")),
        ("user_sessions", sa.Column("provider_sid", sa.String(length=255), nullable=True)),
        ("user_sessions", sa.Column("provider_sub", sa.String(length=255), nullable=True)),
        ("user_sessions", sa.Column("id_token", sa.Text(), nullable=True)),
    ]


def _tables(may_stand: bool) -> None:
    moment = app.db.UtcDateTime(timezone=True)
    op.create_table(
        "user_identities",
        sa.Column("issuer", sa.String(length=500), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("linked_at", moment, nullable=False),
        sa.ForeignKeyConstraint(
            ["email"], ["users.email"], name=op.f("fk_user_identities_email"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("issuer", "subject", name=op.f("pk_user_identities")),
        if_not_exists=may_stand,
    )
    op.create_table(
        "directory_people",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name_key", sa.String(length=254), nullable=False),
        sa.Column("external_id", sa.String(length=255), nullable=True),
        sa.Column("email", sa.String(length=254), nullable=True),
        sa.Column("agent", sa.String(length=121), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("role", sa.String(length=12), nullable=True),
        sa.Column("told", app.db.Json, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("changed_at", moment, nullable=False),
        sa.ForeignKeyConstraint(
            ["email"], ["users.email"], name=op.f("fk_directory_people_email"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["agent"], ["agents.key"], name=op.f("fk_directory_people_agent"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_directory_people")),
        if_not_exists=may_stand,
    )
    op.create_table(
        "directory_groups",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=254), nullable=False),
        sa.Column("external_id", sa.String(length=255), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("changed_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_directory_groups")),
        if_not_exists=may_stand,
    )
    op.create_table(
        "directory_members",
        sa.Column("group", sa.String(length=36), nullable=False),
        sa.Column("person", sa.String(length=36), nullable=False),
        sa.ForeignKeyConstraint(
            ["group"], ["directory_groups.id"], name=op.f("fk_directory_members_group"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["person"], ["directory_people.id"], name=op.f("fk_directory_members_person"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("group", "person", name=op.f("pk_directory_members")),
        if_not_exists=may_stand,
    )


def downgrade() -> None:
    op.execute("DELETE FROM api_tokens WHERE scope = 'directory'")
    for table in ("directory_members", "directory_groups", "directory_people", "user_identities"):
        op.drop_table(table)
    drop_index(SIDS, "user_sessions")
    for table, column in reversed(_columns()):
        op.drop_column(table, str(column.name))
