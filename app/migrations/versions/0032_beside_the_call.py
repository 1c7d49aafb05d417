"""What stands beside a call: wrap-ups, causes, answers found by their words, what was asked, thanks"""

from typing import Any

import sqlalchemy as sa
from alembic import op

import app.db
from app.migrations.indexes import create_index

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

TABLES = ("thanks", "asks", "team_answers", "wrap_ups", "causes")
# The same expression as in app/beside/answers.py.
WORDS = "to_tsvector('dutch', title || ' ' || body)"


def upgrade() -> None:
    is_postgres = op.get_bind().dialect.name == "postgresql"
    # They stand already where an upgrade was broken off at an index.
    may_stand = is_postgres or None
    op.create_table(
        "causes",
        sa.Column("key", sa.String(60), nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("owner", sa.String(120), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("enabled", sa.Boolean(), nullable=False, server_default=sa.true()),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_causes")),
        if_not_exists=may_stand,
    )
    op.create_table(
        "wrap_ups",
        sa.Column("call_sid", sa.String(64), nullable=False),
        sa.Column("agent", sa.String(121), nullable=False),
        sa.Column("case", sa.String(121), nullable=True),
        sa.Column("team", sa.String(120), nullable=False),
        _text("outcome", 20),
        _text("cause", 60),
        _text("next_step", 120),
        _moment("at", nullable=False),
        _of_a_call("wrap_ups"),
        sa.PrimaryKeyConstraint("call_sid", "agent", name=op.f("pk_wrap_ups")),
        if_not_exists=may_stand,
    )
    op.create_table(
        "team_answers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(60), nullable=False),
        _text("team", 120),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        _moment("changed_at", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_team_answers")),
        if_not_exists=may_stand,
    )
    op.create_table(
        "asks",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("call_sid", sa.String(64), nullable=False),
        sa.Column("by_agent", sa.String(121), nullable=False),
        sa.Column("to_agent", sa.String(121), nullable=False),
        sa.Column("text", sa.String(300), nullable=False),
        _moment("asked_at", nullable=False),
        _text("answer", 10),
        _moment("answered_at"),
        _of_a_call("asks"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_asks")),
        if_not_exists=may_stand,
    )
    op.create_table(
        "thanks",
        sa.Column("call_sid", sa.String(64), nullable=False),
        sa.Column("agent", sa.String(121), nullable=False),
        _moment("at", nullable=False),
        _text("why_not", 40),
        _moment("thanked_at"),
        sa.Column("words", sa.Text(), nullable=False, server_default=""),
        _moment("wrong_at"),
        sa.Column("promise", sa.Integer(), nullable=True),
        _moment("seen_at"),
        _of_a_call("thanks"),
        sa.PrimaryKeyConstraint("call_sid", name=op.f("pk_thanks")),
        if_not_exists=may_stand,
    )
    create_index("uq_team_answers_key", "team_answers", "key", unique=True)
    create_index("ix_wrap_ups_team_at", "wrap_ups", "team", "at")
    create_index("ix_wrap_ups_at", "wrap_ups", "at")
    create_index("ix_wrap_ups_case", "wrap_ups", "case", where='"case" IS NOT NULL')
    create_index("ix_asks_call_sid", "asks", "call_sid")
    create_index("ix_asks_to_agent_asked_at", "asks", "to_agent", "asked_at")
    create_index("ix_asks_by_agent_asked_at", "asks", "by_agent", "asked_at")
    create_index("ix_asks_asked_at", "asks", "asked_at")
    create_index("ix_thanks_agent_thanked_at", "thanks", "agent", "thanked_at")
    create_index("ix_thanks_at", "thanks", "at")
    if is_postgres:
        create_index("ix_team_answers_words", "team_answers", sa.text(WORDS), using="gin")
        return
    for statement in SQLITE:
        op.get_bind().exec_driver_sql(statement)


def downgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TABLE answer_words")
    for table in TABLES:
        op.drop_table(table)


def _text(name: str, longest: int) -> "sa.Column[Any]":
    return sa.Column(name, sa.String(longest), nullable=False, server_default="")


def _moment(name: str, *, nullable: bool = True) -> "sa.Column[Any]":
    return sa.Column(name, app.db.UtcDateTime(timezone=True), nullable=nullable)


def _of_a_call(table: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_call_sid")
    return sa.ForeignKeyConstraint(["call_sid"], ["calls.sid"], name=name, ondelete="CASCADE")


# The words of the answers, kept by FTS5 itself; it reads the texts from their own table.
_GOES = (
    "INSERT INTO answer_words (answer_words, rowid, title, body) "
    "VALUES ('delete', old.id, old.title, old.body);"
)
_COMES = "INSERT INTO answer_words (rowid, title, body) VALUES (new.id, new.title, new.body);"
SQLITE = (
    "CREATE VIRTUAL TABLE answer_words USING fts5(title, body, content='team_answers', content_rowid='id', "
    "tokenize='unicode61 remove_diacritics 2')",
    f"CREATE TRIGGER answer_words_insert AFTER INSERT ON team_answers BEGIN {_COMES} END",
    f"CREATE TRIGGER answer_words_delete AFTER DELETE ON team_answers BEGIN {_GOES} END",
    f"CREATE TRIGGER answer_words_update AFTER UPDATE ON team_answers BEGIN {_GOES} {_COMES} END",
)
