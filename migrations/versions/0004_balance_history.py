"""How balances went on: the last look at each account in every quarter of an hour."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add what version 4 has more; every row stays."""
    op.create_table(
        "balance_history",
        sa.Column("account", sa.Text, primary_key=True),
        sa.Column("period", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("balance", sa.Text().with_variant(sa.Numeric(), "postgresql")),
        sa.Column("equity", sa.Text().with_variant(sa.Numeric(), "postgresql")),
        sa.Column("at", sa.Double, nullable=False),
    )
    op.create_index("ix_balance_history_at", "balance_history", ["at"])
