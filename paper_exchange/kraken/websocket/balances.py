"""Balances as the channel `balances` shows them (Kraken WebSocket v2 docs, Balances)."""

from __future__ import annotations

from decimal import ROUND_DOWN, Decimal
from typing import Any

from paper_exchange.core.accounts import Account, LedgerEntry
from paper_exchange.kraken.formats import number, rfc3339
from paper_exchange.kraken.instruments import Catalogue


def snapshot(account: Account, catalogue: Catalogue) -> list[dict[str, Any]]:
    """Every asset that the account ever had, in its spot wallet."""
    return [_balance(code, amount, catalogue) for code, amount in account.balances.items()]


def change(entry: LedgerEntry, catalogue: Catalogue) -> dict[str, Any]:
    """One change of one balance; both legs of a trade have the same `ref_id`, its id."""
    decimals = catalogue.assets[entry.asset].decimals
    return {
        "ledger_id": entry.ledger_id,
        "ref_id": entry.reference,
        "timestamp": rfc3339(entry.time),
        "type": entry.kind,
        "asset": entry.asset,
        "asset_class": "currency",
        "category": entry.kind,
        "wallet_type": "spot",
        "wallet_id": "main",
        "amount": number(entry.amount, decimals),
        "fee": number(entry.fee, decimals),
        "balance": number(_cut(entry.balance, decimals), decimals),
    }


def _balance(code: str, amount: Decimal, catalogue: Catalogue) -> dict[str, Any]:
    decimals = catalogue.assets[code].decimals
    shown = number(_cut(amount, decimals), decimals)
    wallet = {"type": "spot", "id": "main", "balance": shown}
    return {"asset": code, "asset_class": "currency", "balance": shown, "wallets": [wallet]}


def _cut(amount: Decimal, decimals: int) -> Decimal:
    return amount.quantize(Decimal(1).scaleb(-decimals), ROUND_DOWN)
