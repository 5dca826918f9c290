"""The account, its positions, the assets and the clock (Alpaca docs, Account, Positions, Assets, Clock)."""

from __future__ import annotations

from datetime import datetime, time, timedelta

from paper_exchange.alpaca.calls import PrivateCall, Result
from paper_exchange.alpaca.errors import not_found
from paper_exchange.alpaca.formats import NEW_YORK, cents, microseconds, new_york
from paper_exchange.alpaca.instruments import DOLLAR, asset_record
from paper_exchange.alpaca.positions import position_record, positions
from paper_exchange.core.orders import ZERO

_OPENS, _CLOSES = time(9, 30), time(16)
_SATURDAY = 5


def account(call: PrivateCall) -> Result:
    """GET /v2/account: money in dollars as text; crypto is bought with `non_marginable_buying_power`."""
    horizon, key = call.horizon(), call.key
    cash = key.account.balances_at(horizon).get(DOLLAR, ZERO)
    power = cents(cash - key.account.holds_at(horizon).get(DOLLAR, ZERO))
    held = positions(call)
    value = sum((position.value for position in held), ZERO)
    value_before = sum((position.quantity * position.last_close for position in held), ZERO)
    equity, worth = cents(cash + value), cents(value)
    return {
        "id": key.account_id,
        "admin_configurations": {"allow_instant_ach": True, "max_margin_multiplier": "4"},
        "user_configurations": {"fractional_trading": True, "max_margin_multiplier": "4"},
        "account_number": key.account_number,
        "status": "ACTIVE",
        "crypto_status": "ACTIVE",
        "currency": DOLLAR,
        "buying_power": power,
        "regt_buying_power": power,
        "daytrading_buying_power": "0",
        "effective_buying_power": power,
        "non_marginable_buying_power": power,
        "bod_dtbp": "0",
        "cash": cents(cash),
        "accrued_fees": "0",
        "portfolio_value": equity,
        "pattern_day_trader": False,
        "trading_blocked": key.trading_blocked,
        "transfers_blocked": False,
        "account_blocked": False,
        "created_at": microseconds(key.opened_at),
        "trade_suspended_by_user": False,
        "multiplier": "1",
        "shorting_enabled": False,
        "equity": equity,
        "last_equity": cents(cash + value_before),
        "long_market_value": worth,
        "short_market_value": "0",
        "position_market_value": worth,
        "initial_margin": "0",
        "maintenance_margin": "0",
        "last_maintenance_margin": "0",
        "sma": power,
        "daytrade_count": "0",
        "balance_asof": _yesterday(call).strftime("%Y-%m-%d"),
        "crypto_tier": "1",
        "intraday_adjustments": "0",
        "pending_reg_taf_fees": "0",
    }


def all_positions(call: PrivateCall) -> Result:
    """GET /v2/positions."""
    return [position_record(position) for position in positions(call)]


def open_position(call: PrivateCall) -> Result:
    """GET /v2/positions/{BTCUSD or asset id}; the name with a slash is not one of them."""
    for position in positions(call):
        if call.argument in (position.pair.joined, position.pair.asset_id):
            return position_record(position)
    raise not_found(f"position not found: {call.argument}")


def assets(call: PrivateCall) -> Result:
    """GET /v2/assets: crypto only; `status` active or inactive, else both."""
    status, asset_class = call.query.text("status"), call.query.text("asset_class")
    if asset_class not in (None, "crypto"):
        return []
    records = [asset_record(pair) for pair in call.catalogue.pairs]
    return [record for record in records if status in (None, record["status"])]


def asset(call: PrivateCall) -> Result:
    """GET /v2/assets/{BTC/USD, escaped; BTCUSD; or asset id}."""
    pair = call.catalogue.pair(call.argument)
    if pair is None:
        raise not_found(f"asset not found for {call.argument}")
    return asset_record(pair)


def clock(call: PrivateCall) -> Result:
    """GET /v2/clock: the stock market's hours, without its holidays; crypto trades all the time."""
    unix = call.exchange.clock.now()
    now = datetime.fromtimestamp(unix, NEW_YORK)
    return {
        "timestamp": new_york(unix),
        "is_open": now.weekday() < _SATURDAY and _OPENS <= now.time() < _CLOSES,
        "next_open": _next(now, _OPENS).isoformat(),
        "next_close": _next(now, _CLOSES).isoformat(),
    }


def _next(now: datetime, moment: time) -> datetime:
    days = (now.date() + timedelta(days=number) for number in range(8))
    moments = (datetime.combine(day, moment, NEW_YORK) for day in days if day.weekday() < _SATURDAY)
    return next(at for at in moments if at > now)


def _yesterday(call: PrivateCall) -> datetime:
    return datetime.fromtimestamp(call.exchange.clock.now(), NEW_YORK) - timedelta(days=1)
