"""Second factors, and with what each session was begun"""

import sqlalchemy as sa
from alembic import op

import app.db
from app.migrations.indexes import create_index

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # They stand already where an upgrade was broken off.
    may_stand = op.get_bind().dialect.name == "postgresql"
    op.create_table(
        "authenticators",
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("seal", sa.String(length=16), nullable=False),
        sa.Column("last_step", sa.BigInteger(), nullable=False),
        sa.Column("added_at", app.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("used_at", app.db.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["email"], ["users.email"], name=op.f("fk_authenticators_email"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("email", name=op.f("pk_authenticators")),
        if_not_exists=may_stand,
    )
    op.create_table(
        "passkeys",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("handle", sa.String(length=88), nullable=False),
        sa.Column("credential", sa.String(length=1364), nullable=False),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("uses", sa.BigInteger(), nullable=False),
        sa.Column("transports", app.db.Json, nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("added_at", app.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("used_at", app.db.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["email"], ["users.email"], name=op.f("fk_passkeys_email"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_passkeys")),
        if_not_exists=may_stand,
    )
    op.create_table(
        "recovery_codes",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("made_at", app.db.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["email"], ["users.email"], name=op.f("fk_recovery_codes_email"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_recovery_codes")),
        if_not_exists=may_stand,
    )
    op.create_table(
        "spent_challenges",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("at", app.db.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_spent_challenges")),
        if_not_exists=may_stand,
    )
    # A process of the release before begins sessions without a word of how: by a password, then.
    op.add_column(
        "user_sessions",
        sa.Column("proven_by", sa.String(length=12), nullable=False, server_default=""),
        if_not_exists=may_stand or None,
    )
    op.add_column(
        "user_sessions",
        sa.Column("proven_at", app.db.UtcDateTime(timezone=True), nullable=True),
        if_not_exists=may_stand or None,
    )
    create_index("ix_authenticators_seal", "authenticators", "seal")
    create_index("ix_spent_challenges_at", "spent_challenges", "at")
    create_index("ix_passkeys_email", "passkeys", "email")
    create_index("ix_passkeys_credential", "passkeys", "credential", unique=True)
    create_index("ix_recovery_codes_email", "recovery_codes", "email")


def downgrade() -> None:
    for name in ("proven_at", "proven_by"):
        op.drop_column("user_sessions", name)
    for name in ("spent_challenges", "recovery_codes", "passkeys", "authenticators"):
        op.drop_table(name)
