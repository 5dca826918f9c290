"""Balances, fees, ledgers and the key itself (Kraken REST docs, Account Data)."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from paper_exchange.core.accounts import LedgerEntry
from paper_exchange.core.orders import ZERO
from paper_exchange.kraken.calls import PrivateCall, Result
from paper_exchange.kraken.errors import UNKNOWN_ASSET, UNKNOWN_PAIR, KrakenError, invalid_argument
from paper_exchange.kraken.formats import fixed, floored, moment
from paper_exchange.kraken.identifiers import TRADE_ID
from paper_exchange.kraken.keys import TOKEN_SECONDS

_PAGE = 50
_MOST_LEDGERS = 20
_MONEY_DECIMALS = 4


def balance(call: PrivateCall) -> Result:
    """Balance: every asset that the account ever had, padded to the asset's decimals."""
    assets = call.catalogue.assets
    held = call.key.account.balances_at(call.horizon())
    return {assets[code].asset_id: floored(amount, assets[code].decimals) for code, amount in held.items()}


def balance_extended(call: PrivateCall) -> Result:
    """BalanceEx: balance, and what open orders hold of it."""
    horizon = call.horizon()
    assets, account = call.catalogue.assets, call.key.account
    holds = account.holds_at(horizon)
    return {
        assets[code].asset_id: {
            "balance": floored(amount, assets[code].decimals),
            "hold_trade": fixed(holds.get(code, ZERO), assets[code].decimals),
        }
        for code, amount in account.balances_at(horizon).items()
    }


def trade_balance(call: PrivateCall) -> Result:
    """TradeBalance: the worth of all balances in one asset; the margin fields are zero."""
    asset = call.catalogue.asset(call.parameters.text("asset") or "ZUSD")
    if asset is None:
        raise KrakenError(UNKNOWN_ASSET)
    balances = call.key.account.balances_at(call.horizon())
    worth = sum((amount * call.exchange.market.value_in(code, asset.code) for code, amount in balances.items()), ZERO)
    total, nothing = fixed(worth, _MONEY_DECIMALS), fixed(ZERO, _MONEY_DECIMALS)
    return {
        "eb": total,
        "tb": total,
        "m": nothing,
        "uv": nothing,
        "n": nothing,
        "c": nothing,
        "v": nothing,
        "e": total,
        "mf": total,
    }


def trade_volume(call: PrivateCall) -> Result:
    """TradeVolume: the account's volume in dollars and, for the pairs in `pair`, its fees in percent."""
    market, account = call.exchange.market, call.key.account
    traded = sum((trade.cost * market.value_in(trade.instrument.quote, "USD") for trade in account.trades), ZERO)
    answer: dict[str, Any] = {"currency": "ZUSD", "volume": fixed(traded, _MONEY_DECIMALS)}
    fees = {}
    for name in call.parameters.names("pair"):
        pair = call.catalogue.pair(name)
        if pair is None:
            raise KrakenError(UNKNOWN_PAIR)
        fees[pair.pair_id] = _fee_record(call.exchange.fee_rate(account))
    return answer | {"fees": fees, "fees_maker": fees} if fees else answer


def ledgers(call: PrivateCall) -> Result:
    """Ledgers: changes of balances, newest first, 50 a page."""
    names, kind = call.parameters.names("asset"), call.parameters.text("type") or "all"
    codes = {_asset_code(call, name) for name in names if name != "all"}
    start, end = call.parameters.seconds("start"), call.parameters.seconds("end")
    shown = [
        entry
        for entry in _visible_entries(call)
        if (not codes or entry.asset in codes)
        and kind in ("all", entry.kind)
        and (start is None or entry.time > start)
        and (end is None or entry.time <= end)
    ]
    shown.reverse()
    offset = max(call.parameters.whole("ofs", 0) or 0, 0)
    page = {entry.ledger_id: _ledger_record(call, entry) for entry in shown[offset : offset + _PAGE]}
    return {"ledger": page} if call.parameters.flag("without_count") else {"ledger": page, "count": len(shown)}


def query_ledgers(call: PrivateCall) -> Result:
    """QueryLedgers: by ledger id, at most 20; unknown ids are left out."""
    names = call.parameters.names("id")
    if not 0 < len(names) <= _MOST_LEDGERS:
        raise invalid_argument("id")
    found = {entry.ledger_id: entry for entry in _visible_entries(call)}
    return {name: _ledger_record(call, found[name]) for name in names if name in found}


def websockets_token(call: PrivateCall) -> Result:
    """GetWebSocketsToken: a token for private channels, and the seconds in which it must be used."""
    return {"token": call.key.make_token(call.exchange.clock.now()), "expires": TOKEN_SECONDS}


def api_key_info(call: PrivateCall) -> Result:
    """GetApiKeyInfo, in the snake_case form of recorded answers."""
    key = call.key
    return {
        "api_key_name": key.account.name,
        "api_key": key.key,
        "nonce": str(key.nonce),
        "nonce_window": str(key.nonce_window),
        "permissions": sorted(key.permissions),
        "iban": "",
        "valid_until": str(key.valid_until),
        "query_from": "0",
        "query_to": "0",
        "created_time": str(int(key.created_at)),
        "modified_time": str(int(key.created_at)),
        "ip_allowlist": list(key.ip_allowlist) or [""],
        "last_used": str(int(key.last_used_at)),
    }


def _fee_record(rate: Decimal) -> dict[str, Any]:
    percent = fixed(rate * 100, _MONEY_DECIMALS)
    return {
        "fee": percent,
        "minfee": percent,
        "maxfee": percent,
        "nextfee": None,
        "nextvolume": None,
        "tiervolume": "0.0000",
    }


def _asset_code(call: PrivateCall, name: str) -> str:
    asset = call.catalogue.asset(name)
    if asset is None:
        raise KrakenError(UNKNOWN_ASSET)
    return asset.code


def _visible_entries(call: PrivateCall) -> list[LedgerEntry]:
    horizon = call.horizon()
    entries = call.key.account.entries
    return entries[:] if horizon is None else [entry for entry in entries if entry.time <= horizon]


def _ledger_record(call: PrivateCall, entry: LedgerEntry) -> dict[str, Any]:
    asset = call.catalogue.assets[entry.asset]
    return {
        "refid": entry.reference,
        "time": moment(entry.time),
        "type": entry.kind,
        "subtype": "tradespot" if TRADE_ID.match(entry.reference) else "",
        "aclass": "currency",
        "asset": asset.asset_id,
        "amount": fixed(entry.amount, asset.decimals),
        "fee": fixed(entry.fee, asset.decimals),
        "balance": floored(entry.balance, asset.decimals),
    }
