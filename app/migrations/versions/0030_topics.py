"""What people phone about"""

import sqlalchemy as sa
from alembic import op

import app.db

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None

TABLES = ("topics", "topic_examples", "topic_synonyms", "topic_revision", "topic_fits")


def upgrade() -> None:
    # One stands already where an upgrade was broken off.
    may_stand = op.get_bind().dialect.name == "postgresql" or None
    moment = app.db.UtcDateTime(timezone=True)
    op.create_table(
        "topics",
        sa.Column("key", sa.String(121), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("team", sa.String(120), nullable=False),
        sa.Column("words", app.db.Json, nullable=False),
        sa.Column("language", sa.String(2), nullable=False),
        sa.Column("changed_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_topics")),
        if_not_exists=may_stand,
    )
    op.create_table(
        "topic_examples",
        sa.Column("text", sa.String(500), nullable=False),
        sa.Column("topic", sa.String(121), nullable=True),
        sa.Column("source", sa.String(10), nullable=False),
        sa.ForeignKeyConstraint(
            ["topic"], ["topics.key"], name=op.f("fk_topic_examples_topic"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("text", name=op.f("pk_topic_examples")),
        if_not_exists=may_stand,
    )
    op.create_table(
        "topic_synonyms",
        sa.Column("topic", sa.String(121), nullable=False),
        sa.Column("word", sa.String(60), nullable=False),
        sa.Column("calls", sa.Integer(), nullable=False),
        sa.Column("corrections", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("first_at", moment, nullable=False),
        sa.Column("last_at", moment, nullable=False),
        sa.Column("decided_by", sa.String(254), nullable=True),
        sa.ForeignKeyConstraint(
            ["topic"], ["topics.key"], name=op.f("fk_topic_synonyms_topic"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("topic", "word", name=op.f("pk_topic_synonyms")),
        if_not_exists=may_stand,
    )
    op.create_table(
        "topic_revision",
        sa.Column("name", sa.String(10), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_topic_revision")),
        if_not_exists=may_stand,
    )
    op.create_table(
        "topic_fits",
        sa.Column("revision", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("fitted_at", moment, nullable=False),
        sa.Column("form", sa.Integer(), nullable=False),
        sa.Column("learnt", sa.LargeBinary(), nullable=False),
        sa.Column("report", app.db.Json, nullable=False),
        sa.PrimaryKeyConstraint("revision", name=op.f("pk_topic_fits")),
        if_not_exists=may_stand,
    )


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
