"""Wallets, fees and the key itself (Coinbase docs, Accounts; API Key Permissions; Transaction Summary)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from paper_exchange.coinbase.calls import Call, Result
from paper_exchange.coinbase.errors import NOT_FOUND, CoinbaseError
from paper_exchange.coinbase.formats import iso, plain
from paper_exchange.coinbase.identifiers import named_uuid
from paper_exchange.coinbase.instruments import FIAT
from paper_exchange.coinbase.paging import page
from paper_exchange.core.orders import ZERO

_PAGE, _LONGEST_PAGE = 49, 250
_OPENED = "2024-01-01T00:00:00Z"


def accounts(call: Call) -> Result:
    """A wallet for every asset that the account ever had; what orders hold is not available."""
    wallets = _wallets(call)
    places = [(len(wallets) - number, wallet) for number, wallet in enumerate(wallets)]
    shown, more, cursor = page(call.parameters, places, _PAGE, _LONGEST_PAGE)
    return {"accounts": shown, "has_next": more, "cursor": cursor, "size": len(shown)}


def account(call: Call) -> Result:
    """One wallet by its id."""
    wanted = call.incoming.names["account_uuid"]
    found = next((wallet for wallet in _wallets(call) if wallet["uuid"] == wanted), None)
    if found is None:
        raise CoinbaseError(404, NOT_FOUND, "account not found")
    return {"account": found}


def key_permissions(call: Call) -> Result:
    """What the key may do."""
    key = call.key
    return {
        "can_view": key.can_view,
        "can_trade": key.can_trade,
        "can_transfer": key.can_transfer,
        "portfolio_uuid": key.portfolio_id,
        "portfolio_type": "DEFAULT",
    }


def transaction_summary(call: Call) -> Result:
    """Fee rates, and what was traded and paid so far in dollars; the rates do not fall with volume."""
    market, owner = call.exchange.market, call.key.account
    volume = sum((trade.cost * market.value_in(trade.instrument.quote, "USD") for trade in owner.trades), ZERO)
    fees = sum((trade.fee * market.value_in(trade.fee_asset, "USD") for trade in owner.trades), ZERO)
    rate = plain(call.exchange.fee_rate(owner))
    return {
        "total_volume": float(volume),
        "total_fees": float(fees),
        "fee_tier": {
            "pricing_tier": "Advanced 1",
            "usd_from": "0",
            "usd_to": "1000",
            "taker_fee_rate": rate,
            "maker_fee_rate": rate,
            "aop_from": "",
            "aop_to": "",
        },
        "margin_rate": None,
        "goods_and_services_tax": None,
        "advanced_trade_only_volume": float(volume),
        "advanced_trade_only_fees": float(fees),
        "coinbase_pro_volume": 0,
        "coinbase_pro_fees": 0,
        "total_balance": "",
        "has_promo_fee": False,
    }


def _wallets(call: Call) -> list[dict[str, Any]]:
    horizon, owner = call.horizon(), call.key.account
    holds = owner.holds_at(horizon)
    return [
        _wallet(call, code, balance - holds.get(code, ZERO), holds.get(code, ZERO))
        for code, balance in owner.balances_at(horizon).items()
    ]


def _wallet(call: Call, code: str, available: Decimal, held: Decimal) -> dict[str, Any]:
    return {
        "uuid": named_uuid(call.key.portfolio_id, code),
        "name": f"{code} Wallet",
        "currency": code,
        "available_balance": {"value": plain(available), "currency": code},
        "default": code == "BTC",
        "active": True,
        "created_at": _OPENED,
        "updated_at": iso(call.exchange.clock.now()),
        "deleted_at": None,
        "type": "ACCOUNT_TYPE_FIAT" if code in FIAT else "ACCOUNT_TYPE_CRYPTO",
        "ready": True,
        "hold": {"value": plain(held), "currency": code},
        "retail_portfolio_id": call.key.portfolio_id,
    }
