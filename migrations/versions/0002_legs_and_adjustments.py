"""Several orders (legs) to a copy, signals in their order, coins that are written off."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add what version 2 has more; every row stays."""
    _number_signals()
    _allow_legs()
    _make_coin_adjustments()
    if op.get_bind().dialect.name == "sqlite":
        _guard_on_sqlite("coin_adjustments")
    else:
        _guard_on_postgresql("order_events", "coin_adjustments")


def _number_signals() -> None:
    op.add_column("signals", sa.Column("number", sa.BigInteger, nullable=False, server_default=sa.text("0")))
    op.execute(
        "UPDATE signals SET number = ordered.place FROM (SELECT signal_id, "
        "row_number() OVER (ORDER BY planned_at, timestamp, signal_id) AS place FROM signals) AS ordered "
        "WHERE ordered.signal_id = signals.signal_id"
    )
    op.create_index("ix_signals_number", "signals", ["number"])


def _allow_legs() -> None:
    op.add_column("order_events", _leg())
    with op.batch_alter_table("copies") as copies:
        copies.add_column(_leg())
        copies.drop_constraint("one_copy_of_a_signal_per_account", type_="unique")
        copies.create_unique_constraint("one_copy_of_a_signal_per_account_and_leg", ["signal_id", "account", "leg"])


def _leg() -> sa.Column[Any]:
    return sa.Column("leg", sa.Integer, nullable=False, server_default=sa.text("1"))


def _make_coin_adjustments() -> None:
    op.create_table(
        "coin_adjustments",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column(
            "quantity",
            sa.Text().with_variant(sa.Numeric(), "postgresql"),
            nullable=False,
            server_default=sa.text("'0'"),
        ),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
    )
    op.create_index("ix_coin_adjustments_account", "coin_adjustments", ["account", "symbol"])


def _guard_on_sqlite(table: str) -> None:
    for operation in ("UPDATE", "DELETE"):
        op.execute(
            f"CREATE TRIGGER {table}_no_{operation.lower()} BEFORE {operation} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
        )


def _guard_on_postgresql(*tables: str) -> None:
    op.execute(
        "CREATE FUNCTION refuse_to_change_history() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"
    )
    for table in tables:
        op.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
            "FOR EACH STATEMENT EXECUTE FUNCTION refuse_to_change_history()"
        )
