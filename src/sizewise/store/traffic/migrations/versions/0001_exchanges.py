"""The table of exchanges.

A migration names its columns itself and borrows nothing from the schema, which goes on changing after it.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Make the table and its indexes."""
    op.create_table(
        "exchanges",
        sa.Column("number", _NUMBER, primary_key=True, autoincrement=True),
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("at", _NUMBER, nullable=False),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("method", sa.Text, nullable=False),
        sa.Column("status", sa.Integer),
        sa.Column("request_type", sa.Text),
        sa.Column("response_type", sa.Text),
        sa.Column("streamed", sa.Boolean, nullable=False),
        sa.Column("model", sa.Text),
        sa.Column("answered_by", sa.Text),
        sa.Column("finish_reason", sa.Text),
        sa.Column("prompt_tokens", _NUMBER),
        sa.Column("cached_tokens", _NUMBER),
        sa.Column("completion_tokens", _NUMBER),
        sa.Column("cost_usd", sa.Double),
        sa.Column("latency_ms", sa.Double),
        sa.Column("first_byte_ms", sa.Double),
        sa.Column("route", sa.Text),
        sa.Column("failure", sa.Text),
        sa.Column("task", sa.Text),
        sa.Column("mode", sa.Text),
        sa.Column("run_id", sa.Text),
        sa.Column("confidence", sa.Double),
        sa.Column("agreed", sa.Boolean),
        sa.Column("subject", sa.Text),
        sa.Column("idempotency", sa.LargeBinary),
        sa.Column("masked", sa.Text),
        sa.Column("small_answer", sa.LargeBinary),
        sa.Column("input", sa.LargeBinary),
        sa.Column("response", sa.LargeBinary, nullable=False),
        sa.Column("request", sa.LargeBinary, nullable=False),
    )
    op.create_index("exchanges_id", "exchanges", ["id"], unique=True)
    op.create_index("exchanges_at", "exchanges", ["at"])
    for name, unique in (("subject", False), ("idempotency", True)):
        there = sa.column(name).is_not(None)
        op.create_index(
            f"exchanges_{name}", "exchanges", [name], unique=unique, sqlite_where=there, postgresql_where=there
        )
