"""Sessions that can be ended here, what happened at the door, and which messages were heard"""

import sqlalchemy as sa
from alembic import op

import app.db
from app.migrations.indexes import create_index

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # They stand already where an upgrade was broken off at an index.
    may_stand = op.get_bind().dialect.name == "postgresql"
    op.create_table(
        "user_sessions",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("started_at", app.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("seen_at", app.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("browser", sa.String(length=80), nullable=False),
        sa.ForeignKeyConstraint(
            ["email"], ["users.email"], name=op.f("fk_user_sessions_email"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_user_sessions")),
        if_not_exists=may_stand,
    )
    create_index("ix_user_sessions_email", "user_sessions", "email")
    create_index("ix_user_sessions_seen_at", "user_sessions", "seen_at")
    op.create_table(
        "access_events",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", app.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(length=24), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=True),
        sa.Column("about", sa.String(length=120), nullable=False),
        sa.Column("browser", sa.String(length=80), nullable=False),
        sa.Column("network", sa.String(length=45), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_events")),
        if_not_exists=may_stand,
    )
    create_index("ix_access_events_email_at", "access_events", "email", "at")
    create_index("ix_access_events_at", "access_events", "at")
    op.create_table(
        "messages_heard",
        sa.Column("sid", sa.String(length=64), nullable=False),
        sa.Column("at", app.db.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("sid", name=op.f("pk_messages_heard")),
    )
    op.execute(
        "INSERT INTO messages_heard (sid, at) SELECT sid, at FROM messages WHERE direction = 'inbound'"
    )


def downgrade() -> None:
    op.drop_table("messages_heard")
    op.drop_table("access_events")
    op.drop_table("user_sessions")
