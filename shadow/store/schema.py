"""The tables: what a pair is made of, and an index for every question of the report.

What many pairs have in common stands once, in `contexts`; a pair points there. So a million pairs are small, and the
report's conditions are decided on a few hundred contexts before any pair is read. docs/shadow-store.md has it in prose.

A change here needs a migration (`migrations/versions`); a test compares both.
"""

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    literal_column,
)

METADATA: Final = MetaData()
NUMBERS: Final = 1 << 40
"""A pair's id is its source's id × this + its number: known without asking, in the order of time per source, and never
given twice. Room for 8 million sources with 10^12 pairs each."""

ID: Final = BigInteger().with_variant(Integer, "sqlite")
"""SQLite keeps a table in the order of its INTEGER PRIMARY KEY; BIGINT would be an index beside it."""


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def _long(name: str, **options: Any) -> Column[int]:
    return Column(name, BigInteger, nullable=False, **options)


SOURCES: Final = Table(
    "sources",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
)

CONTEXTS: Final = Table(
    "contexts",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("digest", LargeBinary, nullable=False, unique=True),
    Column("source_id", Integer, ForeignKey("sources.id"), nullable=False),
    *map(_text, ("service", "color", "role")),
    _text("method"),
    _long("revision"),
    *map(_text, ("outcome", "reason")),
    Column("canceled", Boolean, nullable=False),
    _text("request_encoding"),
    *map(_text, (f"primary_{name}" for name in ("color", "status", "endpoint", "version", "encoding"))),
    *map(_text, (f"shadow_{name}" for name in ("status", "endpoint", "version", "encoding"))),
    Index("contexts_by_scope", "service", "color", "role"),
)
"""`digest` is of all the rest, so that one index finds them: see `facts.py`."""

PAIRS: Final = Table(
    "pairs",
    METADATA,
    Column("id", ID, primary_key=True, autoincrement=False),
    Column("context_id", Integer, ForeignKey("contexts.id"), nullable=False),
    _long("at"),
    _long("primary_latency"),
    _long("shadow_latency"),
    Column("bucket", Integer, nullable=False),
    Column("agrees", Boolean),
    Column("score", Double),
    Column("trace_id", Text),
    *(Column(name, Text) for name in ("primary_message", "shadow_message", "error")),
    Index("pairs_by_context", "context_id", "at"),
    Index("pairs_by_time", "at"),
)
"""`agrees` and `score` are null where nothing was compared, texts where they would be empty."""

_IMPERFECT: Final[ColumnElement[bool]] = literal_column("score < 1")
Index(
    "pairs_by_score",
    PAIRS.c.context_id,
    PAIRS.c.score,
    PAIRS.c.at,
    sqlite_where=_IMPERFECT,
    postgresql_where=_IMPERFECT,
)

OUTPUTS: Final = Table(
    "outputs",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("digest", LargeBinary, nullable=False, unique=True),
    *map(_text, ("service", "color", "role", "name", "measure", "figures")),
    Index("outputs_by_scope", "service", "color", "role", "name"),
)
"""`figures`: the names of the figures that its differences have, as JSON, in order."""

DIFFERENCES: Final = Table(
    "differences",
    METADATA,
    Column("pair_id", ID, ForeignKey("pairs.id", ondelete="CASCADE"), primary_key=True),
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("output_id", Integer, ForeignKey("outputs.id"), nullable=False),
    Column("agrees", Boolean, nullable=False),
    Column("score", Double, nullable=False),
    Column("figures", LargeBinary, nullable=False),
    Column("detail", Text),
    sqlite_with_rowid=False,
)
"""One row per pair and output; `figures` are 8 bytes each (IEEE 754, little endian): columns, ready for numpy."""
Index(
    "differences_by_score",
    DIFFERENCES.c.output_id,
    DIFFERENCES.c.score,
    DIFFERENCES.c.pair_id,
    sqlite_where=_IMPERFECT,
    postgresql_where=_IMPERFECT,
)

PAYLOADS: Final = Table(
    "payloads",
    METADATA,
    Column("pair_id", ID, ForeignKey("pairs.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    _long("at"),
    Column("size", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Index("payloads_by_time", "at", "size"),
)
"""See `payload.py`. `size` is that of `body`, in an index: how much there is, is known without reading it."""

ACCOUNT: Final = ("source_id", "service", "color", "role", "revision", "outcome", "reason", "minute")
ACCOUNTS: Final = Table(
    "accounts",
    METADATA,
    Column("source_id", Integer, ForeignKey("sources.id"), primary_key=True, autoincrement=False),
    *(Column(name, Text, primary_key=True) for name in ("service", "color", "role")),
    Column("revision", BigInteger, primary_key=True, autoincrement=False),
    *(Column(name, Text, primary_key=True) for name in ("outcome", "reason")),
    Column("minute", BigInteger, primary_key=True, autoincrement=False),
    _long("pairs"),
    _long("others"),
    Index("accounts_by_scope", "service", "color", "role", "minute"),
    Index("accounts_by_minute", "minute"),
    sqlite_with_rowid=False,
)
"""Shadows by the minute of their beginning (Unix ns; 0: longer ago than what is kept): with a pair, and without."""
