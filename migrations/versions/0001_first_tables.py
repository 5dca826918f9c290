"""The first tables. Ledgers that were made before there were migrations have them already."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables of version 1."""
    _make_signals_and_copies()
    _make_master_orders()
    _make_events_and_fills()
    _make_what_is_known_of_accounts()
    _make_switches_and_commands()
    op.create_table(
        "schema_version",
        sa.Column("version", sa.Integer, primary_key=True),
        sa.Column("written_at", sa.Double, nullable=False),
    )


def _make_signals_and_copies() -> None:
    op.create_table(
        "signals",
        sa.Column("signal_id", sa.Text, primary_key=True),
        _word("venue"),
        _text("master"),
        _text("symbol"),
        _word("side"),
        _money("price"),
        _money("size"),
        _word("size_type"),
        _text("order_id"),
        _money("master_balance"),
        sa.Column("position_before", _decimal()),
        _moment("timestamp"),
        _moment("planned_at"),
        sa.Column("observe_only", sa.Boolean, nullable=False),
    )
    op.create_index("ix_signals_planned_at", "signals", ["planned_at"])
    op.create_index("ix_signals_order", "signals", ["master", "order_id"])
    op.create_table(
        "copies",
        sa.Column("client_order_id", sa.Text, primary_key=True),
        sa.Column("signal_id", sa.Text, sa.ForeignKey("signals.signal_id"), nullable=False),
        _text("account"),
        _text("user_id"),
        _word("venue"),
        _text("symbol"),
        _word("side"),
        _words("code"),
        _words("note"),
        sa.Column("attempt", sa.Integer, nullable=False),
        *(_money(name) for name in ("balance", "quantity", "quote_value", "price")),
        _moment("deadline"),
        _moment("planned_at"),
        sa.Column("milliseconds", sa.Double),
        *_outcome(),
        sa.UniqueConstraint("signal_id", "account", name="one_copy_of_a_signal_per_account"),
    )
    op.create_index("ix_copies_planned_at", "copies", ["planned_at"])
    op.create_index("ix_copies_state", "copies", ["state"])


def _make_master_orders() -> None:
    op.create_table(
        "master_orders",
        sa.Column("client_order_id", sa.Text, primary_key=True),
        _text("account"),
        _text("symbol"),
        _word("side"),
        *(_money(name) for name in ("quantity", "price", "balance_before", "position_before")),
        _moment("intended_at"),
        sa.Column("signal_id", sa.Text, sa.ForeignKey("signals.signal_id")),
        *_outcome(),
    )
    op.create_index("ix_master_orders_order", "master_orders", ["account", "order_id"])


def _make_events_and_fills() -> None:
    op.create_table(
        "order_events",
        _row_number(),
        _text("client_order_id"),
        sa.Column("signal_id", sa.Text),
        _text("account"),
        _moment("at"),
        sa.Column("from_state", sa.String(32)),
        sa.Column("to_state", sa.String(32)),
        _words("detail"),
    )
    op.create_index("ix_order_events_order", "order_events", ["signal_id", "client_order_id"])
    if op.get_bind().dialect.name == "sqlite":
        for operation in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER order_events_no_{operation.lower()} BEFORE {operation} ON order_events "
                "BEGIN SELECT RAISE(ABORT, 'order_events is append-only'); END"
            )
    op.create_table(
        "fills",
        sa.Column("trade_id", sa.Text, primary_key=True),
        sa.Column("account", sa.Text, primary_key=True),
        _text("client_order_id"),
        _text("symbol"),
        _word("side"),
        *(_money(name) for name in ("quantity", "price", "cost", "fee")),
        _words("fee_currency"),
        _moment("time"),
    )
    op.create_index("ix_fills_client_order_id", "fills", ["client_order_id"])


def _make_what_is_known_of_accounts() -> None:
    op.create_table(
        "copied_coins",
        sa.Column("account", sa.Text, primary_key=True),
        sa.Column("symbol", sa.Text, primary_key=True),
        _money("quantity"),
        _money("cost"),
    )
    op.create_table(
        "accounts",
        sa.Column("account", sa.Text, primary_key=True),
        sa.Column("connected", sa.Boolean, nullable=False),
        _text("status"),
        sa.Column("balance", _decimal()),
        sa.Column("equity", _decimal()),
        _moment("checked_at"),
    )


def _make_switches_and_commands() -> None:
    op.create_table(
        "switches",
        sa.Column("name", sa.Text, primary_key=True),
        _text("reason"),
        _text("set_by"),
        _moment("set_at"),
    )
    op.create_table(
        "commands",
        _row_number(),
        _text("kind"),
        _text("payload"),
        _text("state"),
        sa.Column("result", sa.Text),
        _moment("created_at"),
        sa.Column("taken_at", sa.Double),
        sa.Column("finished_at", sa.Double),
    )
    op.create_index("ix_commands_state", "commands", ["state"])


def _outcome() -> list[sa.Column[Any]]:
    return [
        _word("state"),
        _words("reason"),
        sa.Column("order_id", sa.Text),
        *(_money(name) for name in ("executed", "average_price", "cost", "fee")),
        _words("fee_currency"),
        sa.Column("answered_at", sa.Double),
        sa.Column("settled_at", sa.Double),
    ]


def _decimal() -> sa.types.TypeEngine[Any]:
    return sa.Text().with_variant(sa.Numeric(), "postgresql")


def _money(name: str) -> sa.Column[Any]:
    return sa.Column(name, _decimal(), nullable=False, server_default=sa.text("'0'"))


def _text(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, nullable=False)


def _words(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Text, nullable=False, server_default=sa.text("''"))


def _word(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.String(32), nullable=False)


def _moment(name: str) -> sa.Column[Any]:
    return sa.Column(name, sa.Double, nullable=False)


def _row_number() -> sa.Column[Any]:
    # SQLite counts by itself only in an INTEGER primary key.
    kind = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    return sa.Column("id", kind, primary_key=True, autoincrement=True)
