"""Messages that are answered, those who want none, callbacks not before a time, and who was checked when"""

import sqlalchemy as sa
from alembic import op

import app.db

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

UNHANDLED = sa.text("handled_at IS NULL")


def upgrade() -> None:
    op.add_column("call_steps", sa.Column("checked_at", app.db.UtcDateTime(timezone=True), nullable=True))
    op.add_column("promises", sa.Column("not_before", app.db.UtcDateTime(timezone=True), nullable=True))
    op.add_column("messages", sa.Column("carrier_sid", sa.String(length=64), nullable=True))
    op.add_column(
        "messages", sa.Column("channel", sa.String(length=10), server_default="sms", nullable=False)
    )
    op.add_column("messages", sa.Column("team", sa.String(length=120), server_default="", nullable=False))
    op.add_column("messages", sa.Column("author", sa.String(length=121), nullable=True))
    op.add_column("messages", sa.Column("error", sa.Integer(), nullable=True))
    op.add_column("messages", sa.Column("read_as", sa.String(length=20), server_default="", nullable=False))
    op.add_column("messages", sa.Column("handled_at", app.db.UtcDateTime(timezone=True), nullable=True))
    op.add_column(
        "messages", sa.Column("handled_by", sa.String(length=254), server_default="", nullable=False)
    )
    op.execute("UPDATE messages SET carrier_sid = sid WHERE direction = 'outbound'")
    # What came in until now stood at a desk for a week; nobody could say that they had seen to it.
    op.execute("UPDATE messages SET handled_at = at")
    op.create_index("uq_messages_carrier_sid", "messages", ["carrier_sid"], unique=True)
    op.create_index("ix_messages_promise", "messages", ["promise"])
    op.create_index(
        "ix_messages_unhandled", "messages", ["at"], postgresql_where=UNHANDLED, sqlite_where=UNHANDLED
    )
    op.create_table(
        "message_stops",
        sa.Column("number", sa.String(length=32), nullable=False),
        sa.Column("at", app.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("how", sa.String(length=10), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_message_stops")),
    )


def downgrade() -> None:
    op.drop_table("message_stops")
    for index in ("ix_messages_unhandled", "ix_messages_promise", "uq_messages_carrier_sid"):
        op.drop_index(index, "messages")
    for column in (
        "handled_by",
        "handled_at",
        "read_as",
        "error",
        "author",
        "team",
        "channel",
        "carrier_sid",
    ):
        op.drop_column("messages", column)
    op.drop_column("promises", "not_before")
    op.drop_column("call_steps", "checked_at")
