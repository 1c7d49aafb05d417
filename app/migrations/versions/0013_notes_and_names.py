"""Notes of calls that are no contacts, and the words of customers' names to find them by"""

import sqlalchemy as sa
from alembic import op

import app.db
from app.migrations.indexes import create_index, drop_index

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

LONGEST = 80
# As app/desk/finding.py has it.
PLAIN = {
    "a": "àáâãäåāăąæ",
    "c": "çćč",
    "d": "ďđ",
    "e": "èéêëēėęě",
    "g": "ğ",
    "i": "ìíîïīįı",
    "l": "ľł",
    "n": "ñńň",
    "o": "òóôõöøőœ",
    "r": "ŕř",
    "s": "śšșşß",
    "t": "ťț",
    "u": "ùúûüūůűų",
    "y": "ýÿ",
    "z": "źžż",
}
BETWEEN = "-.,;:()/&\"'’_+"
# Large ones too: neither SQLite's lower() nor PostgreSQL's in the locale C knows more than those of ASCII.
PAIRS = [
    (form, plain)
    for plain, letters in PLAIN.items()
    for letter in letters
    for form in sorted({letter, letter.upper()})
    if len(form) == 1
]


def upgrade() -> None:
    is_postgres = op.get_bind().dialect.name == "postgresql"
    # They stand already where an upgrade was broken off at an index.
    may_stand = is_postgres or None
    op.create_table(
        "call_notes",
        sa.Column("call_sid", sa.String(length=64), nullable=False),
        sa.Column("agent", sa.String(length=121), nullable=False),
        sa.Column("number", sa.String(length=32), nullable=True),
        sa.Column("customer", sa.String(length=121), nullable=True),
        sa.Column("case", sa.String(length=121), nullable=True),
        sa.Column("outcome", sa.String(length=20), server_default="", nullable=False),
        sa.Column("summary", sa.Text(), server_default="", nullable=False),
        sa.Column("written_at", app.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("found_in", sa.String(length=64), nullable=True),
        _gone_with("call_sid", "calls.sid"),
        _gone_with("customer", "customers.key"),
        sa.PrimaryKeyConstraint("call_sid", "agent", name=op.f("pk_call_notes")),
        if_not_exists=may_stand,
    )
    for column in ("number", "customer", "case", "found_in"):
        create_index(f"ix_call_notes_{column}", "call_notes", column)
    if is_postgres:
        op.get_bind().exec_driver_sql(_PLAIN_NAME)
        create_index("ix_customers_name", "customers", sa.text(_WORDS), using="gin")
        return
    op.create_table(
        "customer_words",
        sa.Column("word", sa.String(length=LONGEST), nullable=False),
        sa.Column("customer", sa.String(length=121), nullable=False),
        sa.PrimaryKeyConstraint("word", "customer", name=op.f("pk_customer_words")),
    )
    op.create_index("ix_customer_words_customer", "customer_words", ["customer"])
    for statement in _sqlite():
        # Past SQLAlchemy, which takes what follows a colon for a value.
        op.get_bind().exec_driver_sql(statement)


def _gone_with(column: str, other: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_call_notes_{column}")
    return sa.ForeignKeyConstraint([column], [other], name=name, ondelete="CASCADE")


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        drop_index("ix_customers_name", "customers")
        op.execute("DROP FUNCTION plain_name(text)")
    else:
        for when in ("insert", "update", "delete"):
            op.execute(f"DROP TRIGGER customer_words_{when}")
        op.drop_table("customer_words")
    op.drop_table("call_notes")


# --- PostgreSQL: an index of its own full text --------------------------------------------------------

_FROM = "".join(letter for letter, _ in PAIRS) + BETWEEN.replace("'", "''")
_TO = "".join(plain for _, plain in PAIRS) + " " * len(BETWEEN)
_PLAIN_NAME = f"""
CREATE OR REPLACE FUNCTION plain_name(name text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT translate(lower(name), '{_FROM}', '{_TO}')
$$
"""
# The same expression as in app/desk/finding.py.
_WORDS = "to_tsvector('simple', plain_name(name))"


# --- SQLite: the words themselves, written by triggers --------------------------------------------------


def _sqlite() -> list[str]:
    # It has nothing that splits a text but its reader of JSON.
    apart = "lower({name})"
    for mark in BETWEEN:
        apart = f"replace({apart}, '{mark.replace(chr(39), chr(39) * 2)}', ' ')"
    words = f"""
INSERT OR IGNORE INTO customer_words (word, customer)
SELECT substr(value, 1, {LONGEST}), {{key}}
FROM {{source}}json_each('[' || replace(json_quote({apart}), ' ', '","') || ']') WHERE value <> ''"""
    of_new = words.format(name="new.name", key="new.key", source="")
    # Most names have nothing but ASCII: for those none of this is looked at.
    plain = ";".join(
        _plain_letters("new.name GLOB '*[^ -~]*' AND customer = new.key AND word GLOB '*[^a-z0-9]*'")
    )
    forget = "DELETE FROM customer_words WHERE customer = new.key"
    return [
        f"CREATE TRIGGER customer_words_insert AFTER INSERT ON customers BEGIN {of_new};{plain}; END",
        "CREATE TRIGGER customer_words_update AFTER UPDATE OF name ON customers WHEN old.name <> new.name "
        f"BEGIN {forget};{of_new};{plain}; END",
        "CREATE TRIGGER customer_words_delete AFTER DELETE ON customers "
        "BEGIN DELETE FROM customer_words WHERE customer = old.key; END",
        words.format(name="customers.name", key="customers.key", source="customers, "),
        *_plain_letters("word GLOB '*[^a-z0-9]*'"),
    ]


def _plain_letters(which: str) -> list[str]:
    """Return what takes off what stands on or under letters; a few at a time, since its depth has a limit."""
    statements = []
    for start in range(0, len(PAIRS), 22):
        word = "word"
        for letter, plain in PAIRS[start : start + 22]:
            word = f"replace({word}, '{letter}', '{plain}')"
        statements.append(f"UPDATE OR REPLACE customer_words SET word = {word} WHERE {which}")
    return statements
