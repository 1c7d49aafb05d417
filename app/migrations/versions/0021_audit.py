"""A log that is only ever added to: who changed what, and who looked at whom"""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

import app.db
from app.migrations.indexes import create_index

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    is_postgres = op.get_bind().dialect.name == "postgresql"
    # They stand already where an upgrade was broken off at an index.
    may_stand = is_postgres or None
    op.create_table(
        "audit_pending",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", app.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("what", sa.String(length=40), nullable=False),
        sa.Column("who", sa.String(length=254), nullable=False),
        sa.Column("via", sa.String(length=10), nullable=False),
        sa.Column("subjects", app.db.Json, nullable=False),
        sa.Column("details", app.db.Json, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_pending")),
        if_not_exists=may_stand,
    )
    op.create_table(
        "audit_entries",
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", app.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("sort", sa.String(length=8), nullable=False),
        sa.Column("what", sa.String(length=40), nullable=False),
        sa.Column("who", sa.String(length=254), nullable=False),
        sa.Column("via", sa.String(length=10), nullable=False),
        sa.Column("why", sa.String(length=30), nullable=False),
        sa.Column("subject_kind", sa.String(length=12), nullable=False),
        sa.Column("subject", sa.String(length=254), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("forgets_until", sa.BigInteger(), nullable=True),
        sa.Column("key_id", sa.Integer(), nullable=False),
        sa.Column("previous", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_audit_entries")),
        if_not_exists=may_stand,
    )
    op.create_table(
        "audit_keys",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("salt", sa.String(length=64), nullable=False),
        sa.Column("locked", sa.String(length=64), nullable=False),
        sa.Column("tag", sa.String(length=64), nullable=False),
        sa.Column("made_at", app.db.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_keys")),
        if_not_exists=may_stand,
    )
    op.create_table(
        "audit_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("key_id", sa.Integer(), nullable=False),
        sa.Column("mac", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_head")),
        if_not_exists=may_stand,
    )
    op.create_table(
        "audit_subjects",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("customer", sa.String(length=121), nullable=True),
        sa.Column("case", sa.String(length=121), nullable=True),
        _gone_with("customer", "customers.key"),
        _gone_with("case", "cases.key"),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_audit_subjects")),
        if_not_exists=may_stand,
    )
    for column in ("customer", "case"):
        create_index(f"ix_audit_subjects_{column}", "audit_subjects", column)
    create_index("ix_audit_entries_at", "audit_entries", "at")
    create_index("ix_audit_entries_forgets_until", "audit_entries", "forgets_until")
    for column in ("who", "what", "subject", "sort"):
        create_index(f"ix_audit_entries_{column}", "audit_entries", column, "number")
    for statement in _POSTGRES if is_postgres else _SQLITE:
        op.get_bind().exec_driver_sql(statement)
    _begin()


def _gone_with(column: str, other: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_audit_subjects_{column}")
    return sa.ForeignKeyConstraint([column], [other], name=name, ondelete="CASCADE")


def _begin() -> None:
    """Write down that the log began: from here on one without a line is one that was emptied."""
    pending = sa.table(
        "audit_pending",
        sa.column("at", app.db.UtcDateTime(timezone=True)),
        *(sa.column(name, sa.String()) for name in ("what", "who", "via")),
        sa.column("subjects", app.db.Json),
        sa.column("details", app.db.Json),
    )
    if op.get_bind().scalar(sa.select(sa.func.count()).select_from(pending)):
        return
    op.bulk_insert(
        pending,
        [
            {
                "at": datetime.now(UTC),
                "what": "log_begun",
                "who": "",
                "via": "command",
                "subjects": [],
                "details": {},
            }
        ],
    )


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TABLE audit_entries")
        op.execute("DROP FUNCTION audit_stays()")
    else:
        op.drop_table("audit_entries")
    for name in ("audit_subjects", "audit_head", "audit_keys", "audit_pending"):
        op.drop_table(name)


# --- a wall that stands whoever asks: what was written stays, until a line says that it was forgotten ----

_SQLITE = [
    "CREATE TRIGGER audit_entries_update BEFORE UPDATE ON audit_entries "
    "BEGIN SELECT RAISE(ABORT, 'the audit log can only be added to'); END",
    "CREATE TRIGGER audit_entries_delete BEFORE DELETE ON audit_entries "
    "WHEN NOT EXISTS (SELECT 1 FROM audit_entries WHERE forgets_until >= old.number) "
    "BEGIN SELECT RAISE(ABORT, 'the audit log can only be added to'); END",
]
_POSTGRES = [
    """
CREATE OR REPLACE FUNCTION audit_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF EXISTS (SELECT 1 FROM audit_entries WHERE forgets_until >= old.number) THEN
            RETURN old;
        END IF;
    END IF;
    RAISE EXCEPTION 'the audit log can only be added to' USING ERRCODE = 'insufficient_privilege';
END $$
""",
    "CREATE OR REPLACE TRIGGER audit_entries_stay BEFORE UPDATE OR DELETE ON audit_entries "
    "FOR EACH ROW EXECUTE FUNCTION audit_stays()",
    "CREATE OR REPLACE TRIGGER audit_entries_stay_all BEFORE TRUNCATE ON audit_entries "
    "FOR EACH STATEMENT EXECUTE FUNCTION audit_stays()",
]
