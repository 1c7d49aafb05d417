"""Notes of calls that are no contacts, and the words of customers' names to find them by"""

import sqlalchemy as sa
from alembic import op

import app.db
from app.migrations.indexes import create_index

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

# As `words_of_name` in app/records/callers.py has it.
LONGEST = 40
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
        _gone_with("call_notes", "call_sid", "calls.sid"),
        _gone_with("call_notes", "customer", "customers.key"),
        _gone_with("call_notes", "case", "cases.key"),
        sa.PrimaryKeyConstraint("call_sid", "agent", name=op.f("pk_call_notes")),
        if_not_exists=may_stand,
    )
    op.create_table(
        "customer_words",
        sa.Column("word", sa.String(length=LONGEST, collation="C" if is_postgres else None), nullable=False),
        sa.Column("customer", sa.String(length=121), nullable=False),
        _gone_with("customer_words", "customer", "customers.key"),
        sa.PrimaryKeyConstraint("word", "customer", name=op.f("pk_customer_words")),
        if_not_exists=may_stand,
    )
    *triggers, of_those_who_are_there = _POSTGRES if is_postgres else _sqlite()
    for statement in triggers:
        # Past SQLAlchemy, which takes what follows a colon for a value.
        op.get_bind().exec_driver_sql(statement)
    for column in ("number", "customer", "case", "found_in"):
        create_index(f"ix_call_notes_{column}", "call_notes", column)
    create_index("ix_customer_words_customer", "customer_words", "customer")
    # After what took hold of the customers was committed: from here on nobody waits for this.
    op.get_bind().exec_driver_sql(of_those_who_are_there)
    if not is_postgres:
        for statement in _plain_letters("word GLOB '*[^a-z0-9]*'"):
            op.get_bind().exec_driver_sql(statement)


def _gone_with(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [other], name=op.f(f"fk_{table}_{column}"), ondelete="CASCADE")


def downgrade() -> None:
    is_postgres = op.get_bind().dialect.name == "postgresql"
    on = " ON customers" if is_postgres else ""
    for when in ("insert", "update"):
        op.execute(f"DROP TRIGGER customer_words_{when}{on}")
    if is_postgres:
        op.execute("DROP FUNCTION words_of_new_customers(), words_of_renamed_customers()")
        op.execute("DROP FUNCTION words_of_name(text)")
    op.drop_table("customer_words")
    op.drop_table("call_notes")


# --- PostgreSQL: once for each statement, however many customers it writes ----------------------------

_ACCENTED = "".join(letter for letter, _ in PAIRS)
_WITHOUT = "".join(plain for _, plain in PAIRS)
_BETWEEN = BETWEEN.replace("'", "''")
_WORDS_OF = """
INSERT INTO customer_words (word, customer)
SELECT DISTINCT word, key FROM {customers}, words_of_name(name) AS word
ON CONFLICT DO NOTHING
"""
_POSTGRES = (
    f"""
CREATE OR REPLACE FUNCTION words_of_name(name text) RETURNS SETOF text LANGUAGE sql IMMUTABLE AS $$
    SELECT left(word, {LONGEST})
    FROM regexp_split_to_table(
        translate(lower(name), '{_ACCENTED}', '{_WITHOUT}'), '[{_BETWEEN}\\s]+'
    ) AS word
    WHERE word <> ''
$$
""",
    f"""
CREATE OR REPLACE FUNCTION words_of_new_customers() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    {_WORDS_OF.format(customers="new_rows")};
    RETURN NULL;
END
$$
""",
    f"""
CREATE OR REPLACE FUNCTION words_of_renamed_customers() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM customer_words USING new_rows, old_rows
    WHERE customer = new_rows.key AND old_rows.key = new_rows.key AND old_rows.name <> new_rows.name;
    {
        _WORDS_OF.format(
            customers="(SELECT new_rows.key, new_rows.name FROM new_rows JOIN old_rows USING (key)"
            " WHERE old_rows.name <> new_rows.name) AS renamed"
        )
    };
    RETURN NULL;
END
$$
""",
    """
CREATE OR REPLACE TRIGGER customer_words_insert AFTER INSERT ON customers
REFERENCING NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION words_of_new_customers()
""",
    """
CREATE OR REPLACE TRIGGER customer_words_update AFTER UPDATE ON customers
REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION words_of_renamed_customers()
""",
    _WORDS_OF.format(customers="customers"),
)


# --- SQLite: once for each customer -------------------------------------------------------------------


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
    plain = ";".join(_plain_letters("customer = new.key AND word GLOB '*[^a-z0-9]*'"))
    forget = "DELETE FROM customer_words WHERE customer = new.key"
    return [
        f"CREATE TRIGGER customer_words_insert AFTER INSERT ON customers BEGIN {of_new};{plain}; END",
        "CREATE TRIGGER customer_words_update AFTER UPDATE OF name ON customers WHEN old.name <> new.name "
        f"BEGIN {forget};{of_new};{plain}; END",
        words.format(name="customers.name", key="customers.key", source="customers, "),
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
