"""The one table of a traffic store, as its newest version has it.

Small columns stand before the bodies: SQLite keeps a long body on pages of its own, so that a search by time, task or
subject never reads them. Texts that come from a person or a model are bytes (UTF-8, lone surrogates passed), since
neither a lone surrogate nor, in PostgreSQL, a NUL can stand in a text column.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    column,
)

METADATA = MetaData()
NUMBER = BigInteger().with_variant(Integer, "sqlite")

EXCHANGES = Table(
    "exchanges",
    METADATA,
    Column("number", NUMBER, primary_key=True, autoincrement=True),  # in the order of writing
    Column("id", Text, nullable=False),
    Column("at", NUMBER, nullable=False),  # microseconds since 1970, UTC
    Column("path", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("status", Integer),
    Column("request_type", Text),
    Column("response_type", Text),
    Column("streamed", Boolean, nullable=False),
    Column("model", Text),
    Column("answered_by", Text),
    Column("finish_reason", Text),
    Column("prompt_tokens", NUMBER),
    Column("cached_tokens", NUMBER),
    Column("completion_tokens", NUMBER),
    Column("cost_usd", Double),
    Column("latency_ms", Double),
    Column("first_byte_ms", Double),
    Column("route", Text),
    Column("failure", Text),
    Column("task", Text),
    Column("mode", Text),
    Column("run_id", Text),
    Column("confidence", Double),
    Column("agreed", Boolean),
    Column("subject", Text),
    Column("idempotency", LargeBinary),
    Column("masked", Text),  # JSON: counts by kind
    Column("small_answer", LargeBinary),
    Column("input", LargeBinary),
    Column("response", LargeBinary, nullable=False),
    Column("request", LargeBinary, nullable=False),
    Index("exchanges_id", "id", unique=True),
    Index("exchanges_at", "at"),
    Index(
        "exchanges_subject", "subject",
        sqlite_where=column("subject").is_not(None), postgresql_where=column("subject").is_not(None),
    ),
    Index(
        "exchanges_idempotency", "idempotency", unique=True,
        sqlite_where=column("idempotency").is_not(None), postgresql_where=column("idempotency").is_not(None),
    ),
)  # fmt: skip
