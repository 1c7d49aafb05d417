"""The legs of a call, the room that they meet in, and hand-overs"""

from typing import Any

import sqlalchemy as sa
from alembic import op

import app.db
from app.migrations.indexes import create_index

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

_MOMENT = app.db.UtcDateTime(timezone=True)


def upgrade() -> None:
    # They stand already where an upgrade was broken off at an index.
    may_stand = op.get_bind().dialect.name == "postgresql" or None
    op.create_table(
        "call_rooms",
        sa.Column("call_sid", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=40), nullable=False),
        sa.Column("conference_sid", sa.String(length=64), nullable=True),
        sa.Column("opened_at", _MOMENT, nullable=False),
        sa.Column("look_at", _MOMENT, nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        _gone_with_the_call("call_rooms"),
        sa.PrimaryKeyConstraint("call_sid", name=op.f("pk_call_rooms")),
        sa.UniqueConstraint("name", name=op.f("uq_call_rooms_name")),
        if_not_exists=may_stand,
    )
    op.create_table(
        "call_legs",
        sa.Column("call_sid", sa.String(length=64), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("role", sa.String(length=12), nullable=False),
        sa.Column("agent", sa.String(length=121), nullable=True),
        sa.Column("sid", sa.String(length=64), nullable=True),
        sa.Column("is_parent", sa.Boolean(), nullable=False),
        *(sa.Column(name, _MOMENT, nullable=name != "added_at") for name in _MOMENTS_OF_LEG),
        sa.Column("on_hold", sa.Boolean(), nullable=False),
        sa.Column("muted", sa.Boolean(), nullable=False),
        sa.Column("coaches", sa.Integer(), nullable=True),
        sa.Column("closes_room", sa.Boolean(), nullable=False),
        sa.Column("goes", sa.Boolean(), nullable=False),
        sa.Column("sequence", sa.Integer(), server_default="-1", nullable=False),
        _gone_with_the_call("call_legs"),
        sa.PrimaryKeyConstraint("call_sid", "number", name=op.f("pk_call_legs")),
        if_not_exists=may_stand,
    )
    op.create_table("hand_overs", *_of_hand_over(), if_not_exists=may_stand)
    create_index("ix_call_rooms_look_at", "call_rooms", "look_at", where="look_at IS NOT NULL")
    create_index("ix_call_legs_agent", "call_legs", "agent")
    create_index("uq_hand_overs_going_on", "hand_overs", "call_sid", where="ended_at IS NULL", unique=True)
    create_index("ix_hand_overs_call_sid", "hand_overs", "call_sid")
    create_index("ix_hand_overs_to_agent_started_at", "hand_overs", "to_agent", "started_at")


_MOMENTS_OF_LEG = ("added_at", "asked_at", "answered_at", "joined_at", "left_at")


def _of_hand_over() -> list[Any]:
    return [
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("call_sid", sa.String(length=64), nullable=False),
        sa.Column("kind", sa.String(length=8), nullable=False),
        sa.Column("why", sa.Text(), server_default="", nullable=False),
        sa.Column("from_agent", sa.String(length=121), nullable=False),
        sa.Column("to_agent", sa.String(length=121), nullable=False),
        sa.Column("to_team", sa.String(length=120), nullable=True),
        sa.Column("from_leg", sa.Integer(), nullable=False),
        sa.Column("to_leg", sa.Integer(), nullable=False),
        sa.Column("phase", sa.String(length=12), nullable=False),
        sa.Column("phase_since", _MOMENT, nullable=False),
        sa.Column("started_at", _MOMENT, nullable=False),
        sa.Column("ended_at", _MOMENT, nullable=True),
        sa.Column("outcome", sa.String(length=20), nullable=True),
        sa.Column("keeps_owner", sa.Boolean(), nullable=False),
        sa.Column("not_taken", sa.String(length=20), server_default="", nullable=False),
        sa.Column("promise", sa.Integer(), nullable=True),
        _gone_with_the_call("hand_overs"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_hand_overs")),
    ]


def _gone_with_the_call(table: str) -> sa.ForeignKeyConstraint:
    name = op.f(f"fk_{table}_call_sid")
    return sa.ForeignKeyConstraint(["call_sid"], ["calls.sid"], name=name, ondelete="CASCADE")


def downgrade() -> None:
    for table in ("hand_overs", "call_legs", "call_rooms"):
        op.drop_table(table)
