"""The screen beside a call: its page, what is put there, what a team can put there, and files"""

import sqlalchemy as sa
from alembic import op

import app.db
from app.migrations.indexes import create_index

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def _moment(name: str, *, nullable: bool = True) -> "sa.Column[object]":
    return sa.Column(name, app.db.UtcDateTime(timezone=True), nullable=nullable)


def _text(name: str, length: int | None = None, *, nullable: bool = False) -> "sa.Column[object]":
    return sa.Column(name, sa.String(length=length) if length else sa.Text(), nullable=nullable)


def _table(name: str, *parts: "sa.Column[object] | sa.Constraint") -> None:
    # It stands already where an upgrade was broken off.
    op.create_table(name, *parts, if_not_exists=op.get_bind().dialect.name == "postgresql")


def upgrade() -> None:
    _table(
        "screen_pages",
        sa.Column("id", sa.Integer(), nullable=False),
        _text("call_sid", 64),
        sa.Column("version", sa.Integer(), nullable=False),
        _text("agent", 121),
        _text("language", 2),
        _moment("made_at", nullable=False),
        _text("way", 10, nullable=True),
        _moment("offered_at"),
        _text("message", 64, nullable=True),
        _text("link_hash", 64, nullable=True),
        sa.Column("links_sent", sa.Integer(), nullable=False),
        _text("code_hash", 64, nullable=True),
        _moment("code_ends_at"),
        sa.Column("codes_made", sa.Integer(), nullable=False),
        _text("holder_hash", 64, nullable=True),
        _moment("opened_at"),
        _text("waiting_hash", 64, nullable=True),
        _moment("waiting_since"),
        _moment("checked_at"),
        _text("checked_by", 121),
        _moment("stopped_at"),
        _text("stopped_by", 121),
        sa.ForeignKeyConstraint(
            ["call_sid"], ["calls.sid"], name=op.f("fk_screen_pages_call_sid"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_screen_pages")),
    )
    for column in ("call_sid", "link_hash", "code_hash", "holder_hash", "waiting_hash"):
        create_index(f"uq_screen_pages_{column}", "screen_pages", column, unique=True)
    _table(
        "screen_items",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("page", sa.Integer(), nullable=False),
        _text("kind", 10),
        _text("choice", 121),
        _text("words"),
        _text("value"),
        _text("put_by", 121),
        _moment("put_at", nullable=False),
        _moment("seen_at"),
        _moment("answered_at"),
        _text("answer"),
        _moment("taken_away_at"),
        sa.ForeignKeyConstraint(
            ["page"], ["screen_pages.id"], name=op.f("fk_screen_items_page"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_screen_items")),
    )
    create_index("ix_screen_items_page", "screen_items", "page")
    _table(
        "screen_choices",
        _text("key", 121),
        _text("team", 120),
        _text("kind", 10),
        _text("name", 80),
        _text("words_nl"),
        _text("words_en"),
        _text("value"),
        sa.Column("place", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_screen_choices")),
    )
    create_index("ix_screen_choices_team", "screen_choices", "team")
    _table(
        "uploads",
        _text("id", 32),
        _text("call_sid", 64),
        sa.Column("item", sa.Integer(), nullable=True),
        _text("customer", 121, nullable=True),
        _text("case", 121, nullable=True),
        _text("name", 120),
        _text("content_type", 40),
        sa.Column("size", sa.Integer(), nullable=False),
        _moment("at", nullable=False),
        sa.ForeignKeyConstraint(
            ["item"], ["screen_items.id"], name=op.f("fk_uploads_item"), ondelete="SET NULL"
        ),
        sa.ForeignKeyConstraint(
            ["customer"], ["customers.key"], name=op.f("fk_uploads_customer"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_uploads")),
    )
    for column in ("call_sid", "customer", "case", "at"):
        create_index(f"ix_uploads_{column}", "uploads", column)
    _table(
        "upload_pieces",
        _text("upload", 32),
        sa.Column("number", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("bytes", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["upload"], ["uploads.id"], name=op.f("fk_upload_pieces_upload"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("upload", "number", name=op.f("pk_upload_pieces")),
    )


def downgrade() -> None:
    for name in ("upload_pieces", "uploads", "screen_choices", "screen_items", "screen_pages"):
        op.drop_table(name)
