"""The first tables"""

import sqlalchemy as sa
from alembic import op

import app.db

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:

    op.create_table(
        "agents",
        sa.Column("key", sa.String(length=121), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("spoken_name", sa.String(length=100), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("team", sa.String(length=120), nullable=False),
        sa.Column("phone", sa.String(length=32), nullable=True),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_agents")),
    )
    with op.batch_alter_table("agents", schema=None) as batch_op:
        batch_op.create_index("ix_agents_team", ["team"], unique=False)

    op.create_table(
        "calls",
        sa.Column("sid", sa.String(length=64), nullable=False),
        sa.Column("from_e164", sa.String(length=32), nullable=True),
        sa.Column("line", sa.String(length=32), nullable=False),
        sa.Column("attestation", sa.String(length=60), nullable=False),
        sa.Column("customer", sa.String(length=121), nullable=True),
        sa.Column("case", sa.String(length=121), nullable=True),
        sa.Column("owner", sa.String(length=121), nullable=True),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=True),
        sa.Column("bridged_to", sa.String(length=121), nullable=True),
        sa.Column("bridged_at", app.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("promise", sa.Integer(), nullable=True),
        sa.Column("rule_version", sa.Integer(), nullable=False),
        sa.Column("situation", app.db.Json, nullable=False),
        sa.Column("said", app.db.Json, nullable=False),
        sa.Column("created_at", app.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("ended_at", app.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("waiting_for_agent", sa.String(length=121), nullable=True),
        sa.Column("waiting_for_team", sa.String(length=120), nullable=True),
        sa.Column("waiting_since", app.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("checked_at", app.db.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("sid", name=op.f("pk_calls")),
    )
    with op.batch_alter_table("calls", schema=None) as batch_op:
        batch_op.create_index("ix_calls_case_created_at", ["case", "created_at"], unique=False)
        batch_op.create_index("ix_calls_from_e164_created_at", ["from_e164", "created_at"], unique=False)
        batch_op.create_index(
            "ix_calls_unfinished",
            ["created_at"],
            unique=False,
            postgresql_where=sa.text("state <> 'ended'"),
            sqlite_where=sa.text("state <> 'ended'"),
        )
        batch_op.create_index(
            "ix_calls_waiting",
            ["waiting_since"],
            unique=False,
            postgresql_where=sa.text("waiting_since IS NOT NULL"),
            sqlite_where=sa.text("waiting_since IS NOT NULL"),
        )

    op.create_table(
        "customers",
        sa.Column("key", sa.String(length=121), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.Column("postcode", sa.String(length=16), nullable=False),
        sa.Column("tags", app.db.Json, nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_customers")),
    )
    op.create_table(
        "inbox",
        sa.Column("call_sid", sa.String(length=64), nullable=False),
        sa.Column("request", sa.String(length=80), nullable=False),
        sa.Column("reply", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", app.db.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("call_sid", "request", name=op.f("pk_inbox")),
    )
    with op.batch_alter_table("inbox", schema=None) as batch_op:
        batch_op.create_index("ix_inbox_created_at", ["created_at"], unique=False)

    op.create_table(
        "lines",
        sa.Column("number", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.Column("country", sa.String(length=2), nullable=False),
        sa.Column("team", sa.String(length=120), nullable=False),
        sa.Column("timezone", sa.String(length=64), nullable=False),
        sa.Column("hours", sa.Text(), nullable=False),
        sa.Column("greeting", sa.Text(), nullable=False),
        sa.Column("records_messages", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_lines")),
    )
    op.create_table(
        "messages",
        sa.Column("sid", sa.String(length=64), nullable=False),
        sa.Column("direction", sa.String(length=10), nullable=False),
        sa.Column("number", sa.String(length=32), nullable=False),
        sa.Column("line", sa.String(length=32), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("customer", sa.String(length=121), nullable=True),
        sa.Column("case", sa.String(length=121), nullable=True),
        sa.Column("agent", sa.String(length=121), nullable=True),
        sa.Column("promise", sa.Integer(), nullable=True),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("at", app.db.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("sid", name=op.f("pk_messages")),
    )
    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.create_index("ix_messages_agent_at", ["agent", "at"], unique=False)
        batch_op.create_index("ix_messages_number_at", ["number", "at"], unique=False)

    op.create_table(
        "outbox",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("key", sa.String(length=140), nullable=False),
        sa.Column("payload", app.db.Json, nullable=False),
        sa.Column("created_at", app.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("next_at", app.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("done_at", app.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("result", sa.String(length=120), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("key", name=op.f("uq_outbox_key")),
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index(
            "ix_outbox_waiting",
            ["next_at"],
            unique=False,
            postgresql_where=sa.text("done_at IS NULL"),
            sqlite_where=sa.text("done_at IS NULL"),
        )

    op.create_table(
        "promises",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("origin", sa.String(length=100), nullable=False),
        sa.Column("number", sa.String(length=32), nullable=False),
        sa.Column("line", sa.String(length=32), nullable=True),
        sa.Column("customer", sa.String(length=121), nullable=True),
        sa.Column("case", sa.String(length=121), nullable=True),
        sa.Column("agent", sa.String(length=121), nullable=True),
        sa.Column("team", sa.String(length=120), nullable=False),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.Column("due_at", app.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("about", sa.Text(), nullable=False),
        sa.Column("recording_sid", sa.String(length=64), nullable=True),
        sa.Column("created_at", app.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("finished_at", app.db.UtcDateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_promises")),
        sa.UniqueConstraint("origin", name="uq_promises_origin"),
    )
    with op.batch_alter_table("promises", schema=None) as batch_op:
        batch_op.create_index("ix_promises_agent_state", ["agent", "state"], unique=False)
        batch_op.create_index("ix_promises_customer", ["customer"], unique=False)
        batch_op.create_index(
            "uq_promises_unfinished_number",
            ["number"],
            unique=True,
            postgresql_where=sa.text("state IN ('open', 'due', 'calling', 'reassigned')"),
            sqlite_where=sa.text("state IN ('open', 'due', 'calling', 'reassigned')"),
        )

    op.create_table(
        "rule_versions",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("rules", app.db.Json, nullable=False),
        sa.Column("published_at", app.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("published_by", sa.String(length=254), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_rule_versions")),
    )
    op.create_table(
        "sign_in_attempts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("subject", sa.String(length=64), nullable=False),
        sa.Column("at", app.db.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sign_in_attempts")),
    )
    with op.batch_alter_table("sign_in_attempts", schema=None) as batch_op:
        batch_op.create_index("ix_sign_in_attempts_subject_at", ["subject", "at"], unique=False)

    op.create_table(
        "workers_seen",
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("seen_at", app.db.UtcDateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_workers_seen")),
    )
    op.create_table(
        "agent_slots",
        sa.Column("agent", sa.String(length=121), nullable=False),
        sa.Column("intent", sa.String(length=10), nullable=False),
        sa.Column("intent_since", app.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("intent_why", sa.String(length=120), nullable=False),
        sa.Column("back_at", app.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("reach", sa.String(length=10), nullable=False),
        sa.Column("activity", sa.String(length=12), nullable=False),
        sa.Column("activity_since", app.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("call_sid", sa.String(length=64), nullable=True),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("lease_until", app.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("wrap_up_until", app.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("heartbeat_at", app.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("softphone", sa.String(length=10), nullable=False),
        sa.Column("desk_visible", sa.Boolean(), nullable=False),
        sa.Column("suspect_until", app.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("proven_at", app.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("event_number", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["agent"], ["agents.key"], name=op.f("fk_agent_slots_agent"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("agent", name=op.f("pk_agent_slots")),
    )
    op.create_table(
        "api_tokens",
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("scope", sa.String(length=8), nullable=False),
        sa.Column("agent", sa.String(length=121), nullable=True),
        sa.Column("created_at", app.db.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["agent"], ["agents.key"], name=op.f("fk_api_tokens_agent"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_api_tokens")),
        sa.UniqueConstraint("name", name=op.f("uq_api_tokens_name")),
    )
    op.create_table(
        "call_steps",
        sa.Column("call_sid", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("agent", sa.String(length=121), nullable=True),
        sa.Column("team", sa.String(length=120), nullable=True),
        sa.Column("reason", sa.String(length=60), nullable=False),
        sa.Column("reason_values", app.db.Json, nullable=False),
        sa.Column("endpoint", sa.String(length=8), nullable=False),
        sa.Column("started_at", app.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("rang_at", app.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("answered_at", app.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("ended_at", app.db.UtcDateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(length=20), nullable=True),
        sa.Column("declined_why", sa.String(length=40), nullable=False),
        sa.Column("leg_sid", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(
            ["call_sid"], ["calls.sid"], name=op.f("fk_call_steps_call_sid"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("call_sid", "number", name=op.f("pk_call_steps")),
    )
    with op.batch_alter_table("call_steps", schema=None) as batch_op:
        batch_op.create_index("ix_call_steps_agent_started_at", ["agent", "started_at"], unique=False)

    op.create_table(
        "cases",
        sa.Column("key", sa.String(length=121), nullable=False),
        sa.Column("customer", sa.String(length=121), nullable=False),
        sa.Column("subject", sa.String(length=300), nullable=False),
        sa.Column("team", sa.String(length=120), nullable=False),
        sa.Column("status", sa.String(length=10), nullable=False),
        sa.Column("priority", sa.String(length=20), nullable=False),
        sa.Column("opened_at", app.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("named_owner", sa.String(length=121), nullable=True),
        sa.Column("last_contact_agent", sa.String(length=121), nullable=True),
        sa.Column("last_contact_at", app.db.UtcDateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["customer"], ["customers.key"], name=op.f("fk_cases_customer"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_cases")),
    )
    with op.batch_alter_table("cases", schema=None) as batch_op:
        batch_op.create_index("ix_cases_customer", ["customer"], unique=False)
        batch_op.create_index(
            "ix_cases_customer_open",
            ["customer"],
            unique=False,
            postgresql_where=sa.text("status <> 'solved'"),
            sqlite_where=sa.text("status <> 'solved'"),
        )
        batch_op.create_index("ix_cases_team", ["team"], unique=False)

    op.create_table(
        "customer_numbers",
        sa.Column("e164", sa.String(length=32), nullable=False),
        sa.Column("customer", sa.String(length=121), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["customer"], ["customers.key"], name=op.f("fk_customer_numbers_customer"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("e164", "customer", name=op.f("pk_customer_numbers")),
    )
    with op.batch_alter_table("customer_numbers", schema=None) as batch_op:
        batch_op.create_index("ix_customer_numbers_customer", ["customer"], unique=False)

    op.create_table(
        "desk_events",
        sa.Column("agent", sa.String(length=121), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("data", app.db.Json, nullable=False),
        sa.Column("created_at", app.db.UtcDateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["agent"], ["agents.key"], name=op.f("fk_desk_events_agent"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("agent", "number", name=op.f("pk_desk_events")),
    )
    with op.batch_alter_table("desk_events", schema=None) as batch_op:
        batch_op.create_index("ix_desk_events_created_at", ["created_at"], unique=False)

    op.create_table(
        "promise_events",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("promise", sa.Integer(), nullable=False),
        sa.Column("at", app.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("why", sa.String(length=60), nullable=False),
        sa.Column("who", sa.String(length=254), nullable=False),
        sa.ForeignKeyConstraint(
            ["promise"], ["promises.id"], name=op.f("fk_promise_events_promise"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_promise_events")),
    )
    with op.batch_alter_table("promise_events", schema=None) as batch_op:
        batch_op.create_index("ix_promise_events_promise_at", ["promise", "at"], unique=False)

    op.create_table(
        "users",
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("password_hash", sa.Text(), nullable=False),
        sa.Column("role", sa.String(length=12), nullable=False),
        sa.Column("agent", sa.String(length=121), nullable=True),
        sa.Column("language", sa.String(length=2), nullable=False),
        sa.Column("session_number", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["agent"], ["agents.key"], name=op.f("fk_users_agent"), ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("email", name=op.f("pk_users")),
    )
    op.create_table(
        "contacts",
        sa.Column("key", sa.String(length=121), nullable=False),
        sa.Column("case", sa.String(length=121), nullable=False),
        sa.Column("agent", sa.String(length=121), nullable=False),
        sa.Column("channel", sa.String(length=10), nullable=False),
        sa.Column("direction", sa.String(length=10), nullable=False),
        sa.Column("started_at", app.db.UtcDateTime(timezone=True), nullable=False),
        sa.Column("seconds", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.String(length=120), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["case"], ["cases.key"], name=op.f("fk_contacts_case"), ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_contacts")),
    )
    with op.batch_alter_table("contacts", schema=None) as batch_op:
        batch_op.create_index("ix_contacts_agent_started_at", ["agent", "started_at"], unique=False)
        batch_op.create_index("ix_contacts_case_started_at", ["case", "started_at"], unique=False)


def downgrade() -> None:

    with op.batch_alter_table("contacts", schema=None) as batch_op:
        batch_op.drop_index("ix_contacts_case_started_at")
        batch_op.drop_index("ix_contacts_agent_started_at")

    op.drop_table("contacts")
    op.drop_table("users")
    with op.batch_alter_table("promise_events", schema=None) as batch_op:
        batch_op.drop_index("ix_promise_events_promise_at")

    op.drop_table("promise_events")
    with op.batch_alter_table("desk_events", schema=None) as batch_op:
        batch_op.drop_index("ix_desk_events_created_at")

    op.drop_table("desk_events")
    with op.batch_alter_table("customer_numbers", schema=None) as batch_op:
        batch_op.drop_index("ix_customer_numbers_customer")

    op.drop_table("customer_numbers")
    with op.batch_alter_table("cases", schema=None) as batch_op:
        batch_op.drop_index("ix_cases_team")
        batch_op.drop_index(
            "ix_cases_customer_open",
            postgresql_where=sa.text("status <> 'solved'"),
            sqlite_where=sa.text("status <> 'solved'"),
        )
        batch_op.drop_index("ix_cases_customer")

    op.drop_table("cases")
    with op.batch_alter_table("call_steps", schema=None) as batch_op:
        batch_op.drop_index("ix_call_steps_agent_started_at")

    op.drop_table("call_steps")
    op.drop_table("api_tokens")
    op.drop_table("agent_slots")
    op.drop_table("workers_seen")
    with op.batch_alter_table("sign_in_attempts", schema=None) as batch_op:
        batch_op.drop_index("ix_sign_in_attempts_subject_at")

    op.drop_table("sign_in_attempts")
    op.drop_table("rule_versions")
    with op.batch_alter_table("promises", schema=None) as batch_op:
        batch_op.drop_index(
            "uq_promises_unfinished_number",
            postgresql_where=sa.text("state IN ('open', 'due', 'calling', 'reassigned')"),
            sqlite_where=sa.text("state IN ('open', 'due', 'calling', 'reassigned')"),
        )
        batch_op.drop_index("ix_promises_customer")
        batch_op.drop_index("ix_promises_agent_state")

    op.drop_table("promises")
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_outbox_waiting",
            postgresql_where=sa.text("done_at IS NULL"),
            sqlite_where=sa.text("done_at IS NULL"),
        )

    op.drop_table("outbox")
    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.drop_index("ix_messages_number_at")
        batch_op.drop_index("ix_messages_agent_at")

    op.drop_table("messages")
    op.drop_table("lines")
    with op.batch_alter_table("inbox", schema=None) as batch_op:
        batch_op.drop_index("ix_inbox_created_at")

    op.drop_table("inbox")
    op.drop_table("customers")
    with op.batch_alter_table("calls", schema=None) as batch_op:
        batch_op.drop_index(
            "ix_calls_waiting",
            postgresql_where=sa.text("waiting_since IS NOT NULL"),
            sqlite_where=sa.text("waiting_since IS NOT NULL"),
        )
        batch_op.drop_index(
            "ix_calls_unfinished",
            postgresql_where=sa.text("state <> 'ended'"),
            sqlite_where=sa.text("state <> 'ended'"),
        )
        batch_op.drop_index("ix_calls_from_e164_created_at")
        batch_op.drop_index("ix_calls_case_created_at")

    op.drop_table("calls")
    with op.batch_alter_table("agents", schema=None) as batch_op:
        batch_op.drop_index("ix_agents_team")

    op.drop_table("agents")
