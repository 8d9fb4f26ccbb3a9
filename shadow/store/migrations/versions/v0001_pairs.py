"""The tables as they began."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_IMPERFECT = sa.text("score < 1")


def _texts(*names: str) -> list[sa.Column[str]]:
    return [sa.Column(name, sa.Text, nullable=False) for name in names]


def _longs(*names: str) -> list[sa.Column[int]]:
    return [sa.Column(name, sa.BigInteger, nullable=False) for name in names]


def upgrade() -> None:
    op.create_table(
        "sources",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", sa.Text, nullable=False, unique=True),
    )
    op.create_table(
        "contexts",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("digest", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("source_id", sa.Integer, sa.ForeignKey("sources.id"), nullable=False),
        *_texts("service", "color", "role", "method"),
        *_longs("revision"),
        *_texts("outcome", "reason"),
        sa.Column("canceled", sa.Boolean, nullable=False),
        *_texts("request_encoding"),
        *_texts("primary_color", "primary_status", "primary_endpoint", "primary_version", "primary_encoding"),
        *_texts("shadow_status", "shadow_endpoint", "shadow_version", "shadow_encoding"),
    )
    op.create_index("contexts_by_scope", "contexts", ["service", "color", "role"])
    op.create_table(
        "pairs",
        sa.Column("id", _ID, primary_key=True, autoincrement=False),
        sa.Column("context_id", sa.Integer, sa.ForeignKey("contexts.id"), nullable=False),
        *_longs("at", "primary_latency", "shadow_latency"),
        sa.Column("bucket", sa.Integer, nullable=False),
        sa.Column("agrees", sa.Boolean),
        sa.Column("score", sa.Double),
        *(sa.Column(name, sa.Text) for name in ("trace_id", "primary_message", "shadow_message", "error")),
    )
    op.create_index("pairs_by_context", "pairs", ["context_id", "at"])
    op.create_index("pairs_by_time", "pairs", ["at"])
    op.create_index(
        "pairs_by_score",
        "pairs",
        ["context_id", "score", "at"],
        sqlite_where=_IMPERFECT,
        postgresql_where=_IMPERFECT,
    )
    op.create_table(
        "outputs",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("digest", sa.LargeBinary, nullable=False, unique=True),
        *_texts("service", "color", "role", "name", "measure", "figures"),
    )
    op.create_index("outputs_by_scope", "outputs", ["service", "color", "role", "name"])
    op.create_table(
        "differences",
        sa.Column("pair_id", _ID, sa.ForeignKey("pairs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("place", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("output_id", sa.Integer, sa.ForeignKey("outputs.id"), nullable=False),
        sa.Column("agrees", sa.Boolean, nullable=False),
        sa.Column("score", sa.Double, nullable=False),
        sa.Column("figures", sa.LargeBinary, nullable=False),
        sa.Column("detail", sa.Text),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "differences_by_score",
        "differences",
        ["output_id", "score", "pair_id"],
        sqlite_where=_IMPERFECT,
        postgresql_where=_IMPERFECT,
    )
    op.create_table(
        "payloads",
        sa.Column(
            "pair_id",
            _ID,
            sa.ForeignKey("pairs.id", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        *_longs("at"),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_index("payloads_by_time", "payloads", ["at", "size"])
    op.create_table(
        "accounts",
        sa.Column(
            "source_id", sa.Integer, sa.ForeignKey("sources.id"), primary_key=True, autoincrement=False
        ),
        *(sa.Column(name, sa.Text, primary_key=True) for name in ("service", "color", "role")),
        sa.Column("revision", sa.BigInteger, primary_key=True, autoincrement=False),
        *(sa.Column(name, sa.Text, primary_key=True) for name in ("outcome", "reason")),
        sa.Column("minute", sa.BigInteger, primary_key=True, autoincrement=False),
        *_longs("pairs", "others"),
        sqlite_with_rowid=False,
    )
    op.create_index("accounts_by_scope", "accounts", ["service", "color", "role", "minute"])
    op.create_index("accounts_by_minute", "accounts", ["minute"])
