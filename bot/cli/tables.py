"""Tables for people. Numbers come as text and are shown as they are; nothing is computed here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from rich import box
from rich.markup import escape
from rich.table import Table

from bot.domain.money import shown

_STATE_STYLES = {
    "FILLED": "green",
    "PARTIALLY_FILLED": "yellow",
    "ACCEPTED": "cyan",
    "SKIPPED": "yellow",
    "EXPIRED": "yellow",
    "OBSERVED": "blue",
    "PLANNED": "yellow",
    "SUBMITTING": "cyan",
    "REJECTED": "red",
    "FAILED": "red",
    "UNKNOWN": "red",
}


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], right: Sequence[str] = ()) -> Table:
    """A table; ``right`` names the columns that are aligned to the right."""
    result = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for column in columns:
        result.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        result.add_row(*(_cell(value) for value in row))
    return result


def trade_table(title: str, report: dict[str, Any]) -> Table:
    """A trade's report (:func:`bot.app.report.report_as_json`): the master first, then every user."""
    lines = [report["master"], *sorted(report["copies"], key=lambda copy: str(copy["account"]))]
    columns = ("account", "balance", "size", "order or reason", "price", "fee", "ms after master")
    return table(
        title, columns, [_trade_row(line) for line in lines], right=("balance", "size", "price", "fee", columns[-1])
    )


def _trade_row(line: dict[str, Any]) -> tuple[Any, ...]:
    outcome = line["order_id"] or f"{line['state']}: {line['reason']}"
    if line["state"] in ("PARTIALLY_FILLED", "FAILED"):
        outcome = f"{line['state']}: {outcome}"
    return (
        line["account"],
        money(line["balance"]),
        _amount(line["executed"] or line["quantity"]),
        outcome,
        _amount(line["price"]),
        _amount(line["fee"]),
        "-" if line["milliseconds"] is None else f"{line['milliseconds']:.0f}",
    )


def money(value: object) -> str:
    """Dollars and cents of a number or its text; ``-`` for None."""
    return "-" if value is None else f"${float(str(value)):,.2f}"


def _amount(text: str | None) -> str | None:
    return None if text is None else shown(Decimal(text))


def _cell(value: Any) -> str:
    if value is None or value == "":
        return "-"
    text = escape(str(value))
    style = _STATE_STYLES.get(text.partition(":")[0])
    return f"[{style}]{text}[/{style}]" if style else text
