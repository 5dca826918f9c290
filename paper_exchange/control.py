"""The control API: a second, open door for tests, on loopback only."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from paper_exchange.control_models import AccountChange, MarketChange, NewAccount, NewFault, SettingsChange
from paper_exchange.core.accounts import Account
from paper_exchange.core.faults import DEFAULT_SECONDS, Fault
from paper_exchange.core.journal import Request as JournalRequest
from paper_exchange.core.journal import refusals
from paper_exchange.core.market import Quote
from paper_exchange.core.orders import Order, Trade
from paper_exchange.kraken.keys import ApiKey, check_permissions
from paper_exchange.kraken.routes import PRIVATE, PUBLIC
from paper_exchange.kraken.setup import NameTaken, check_assets, check_new_account, open_account
from paper_exchange.kraken.venue import Kraken

_Model = TypeVar("_Model", bound=BaseModel)
_ACCOUNTS: TypeAdapter[list[NewAccount]] = TypeAdapter(list[NewAccount])


class Control:
    """The endpoints over one venue. All of them read and write the truth, past latency, read lag and faults."""

    def __init__(self, venue: Kraken) -> None:
        self._venue = venue
        self._exchange = venue.exchange

    def app(self) -> Starlette:
        """The ASGI application."""
        return Starlette(
            routes=[
                Route("/health", self._health),
                Route("/accounts", self._accounts, methods=["GET", "POST"]),
                Route("/accounts/{name}", self._account, methods=["GET", "PATCH"]),
                Route("/books", self._books),
                Route("/requests", self._requests, methods=["GET", "DELETE"]),
                Route("/settings", self._settings, methods=["GET", "PATCH"]),
                Route("/faults", self._faults, methods=["GET", "POST", "DELETE"]),
                Route("/faults/{fault_id:int}", self._fault, methods=["DELETE"]),
                Route("/market", self._market),
                Route("/market/hold", self._hold, methods=["POST"]),
                Route("/market/release", self._release, methods=["POST"]),
                Route("/market/{symbol}", self._symbol, methods=["PATCH"]),
            ],
            exception_handlers={HTTPException: _refuse},
        )

    def open_accounts(self, wanted: list[NewAccount]) -> list[dict[str, str]]:
        """Opens accounts and answers their keys; raises ValueError, and opens none, if one cannot be opened."""
        names = [account.name for account in wanted]
        for account in wanted:
            if names.count(account.name) > 1:
                raise NameTaken(f"account {account.name} is named twice")
            check_new_account(self._venue, account.name, account.balances, account.permissions, account.api_secret)
        return [self._open(account) for account in wanted]

    def _open(self, wanted: NewAccount) -> dict[str, str]:
        values = {name: getattr(wanted, name) for name in type(wanted).model_fields if name != "venue"}
        key = open_account(self._venue, **values)
        account = key.account
        return {"name": account.name, "venue": account.venue, "api_key": key.key, "api_secret": key.secret}

    async def _health(self, request: Request) -> Response:
        return _json({"ok": True, "venues": ["kraken"], "time": self._exchange.clock.now()})

    async def _accounts(self, request: Request) -> Response:
        if request.method == "GET":
            return _json([self._describe(key) for key in self._venue.keys.by_account.values()])
        body = await request.body()
        wanted = _validated(lambda: _ACCOUNTS.validate_json(body if body.lstrip()[:1] == b"[" else b"[" + body + b"]"))
        try:
            return _json(self.open_accounts(wanted))
        except NameTaken as error:
            raise HTTPException(409, str(error)) from error
        except ValueError as error:
            raise HTTPException(400, str(error)) from error

    async def _account(self, request: Request) -> Response:
        key = self._venue.keys.by_account.get(request.path_params["name"])
        if key is None:
            raise HTTPException(404, f"no account {request.path_params['name']}")
        if request.method == "PATCH":
            self._change_account(key, await _read(request, AccountChange))
        return _json(self._describe(key))

    def _change_account(self, key: ApiKey, change: AccountChange) -> None:
        try:
            check_assets(self._venue, change.balances or {})
            key.permissions = key.permissions if change.permissions is None else check_permissions(change.permissions)
        except ValueError as error:
            raise HTTPException(400, str(error)) from error
        for asset, amount in (change.balances or {}).items():
            self._exchange.engine.deposit(key.account, asset, amount - key.account.balances.get(asset, Decimal(0)))
        if change.nonce_window is not None:
            key.nonce_window = change.nonce_window
        if change.tier is not None:
            key.tier = change.tier
        if "fee_rate" in change.model_fields_set:
            key.account.fee_rate = change.fee_rate
        if change.enabled is not None:
            key.account.enabled = change.enabled

    async def _books(self, request: Request) -> Response:
        accounts = self._chosen_accounts(request)
        since = _number(request, "since")
        orders = [order for account in accounts for order in account.orders.values() if _touched(order, since)]
        trades = [(account, trade) for account in accounts for trade in account.trades if trade.time >= since]
        return _json(
            {
                "orders": [_order_row(self._exchange.accounts[order.account], order) for order in orders],
                "trades": [_trade_row(account, trade) for account, trade in trades],
            }
        )

    def _chosen_accounts(self, request: Request) -> list[Account]:
        name = request.query_params.get("account")
        if name is None:
            return list(self._exchange.accounts.values())
        if name not in self._exchange.accounts:
            raise HTTPException(404, f"no account {name}")
        return [self._exchange.accounts[name]]

    async def _requests(self, request: Request) -> Response:
        if request.method == "DELETE":
            return _json({"cleared": self._exchange.journal.clear()})
        query = request.query_params
        found = self._exchange.journal.find(query.get("method"), query.get("account"))
        return _json(
            {"requests": [_request_row(row) for row in found], "refused": refusals(found), "count": len(found)}
        )

    async def _settings(self, request: Request) -> Response:
        if request.method == "PATCH":
            change = await _read(request, SettingsChange)
            for name in change.model_fields_set:
                value = getattr(change, name)
                if value is None and name != "public_rate_per_s":
                    raise HTTPException(400, f"{name} cannot be null")
                if name == "clock_offset_s":
                    self._exchange.clock.offset_s = value
                else:
                    setattr(self._exchange.settings, name, value)
        return _json(self._settings_row())

    def _settings_row(self) -> dict[str, Any]:
        settings = self._exchange.settings
        names = [name for name in SettingsChange.model_fields if name != "clock_offset_s"]
        return {name: getattr(settings, name) for name in names} | {"clock_offset_s": self._exchange.clock.offset_s}

    async def _faults(self, request: Request) -> Response:
        faults = self._exchange.faults
        if request.method == "GET":
            return _json([_fault_row(fault) for fault in faults.armed.values()])
        if request.method == "DELETE":
            return _json({"cleared": faults.clear()})
        wanted = await _read(request, NewFault)
        if wanted.method is not None and wanted.method not in PRIVATE.keys() | PUBLIC.keys():
            raise HTTPException(400, f"no method {wanted.method}")
        values = wanted.model_dump(exclude={"when", "seconds", "for_s"})
        seconds = DEFAULT_SECONDS.get(wanted.kind, 0.0) if wanted.seconds is None else wanted.seconds
        ends_at = None if wanted.for_s is None else self._exchange.clock.now() + wanted.for_s
        fault = Fault(fault_id=faults.next_id(), moment=wanted.when, seconds=seconds, ends_at=ends_at, **values)
        faults.arm(fault)
        return _json({"id": fault.fault_id})

    async def _fault(self, request: Request) -> Response:
        fault_id = request.path_params["fault_id"]
        if not self._exchange.faults.clear(fault_id):
            raise HTTPException(404, f"no fault {fault_id}")
        return _json({"cleared": 1})

    async def _market(self, request: Request) -> Response:
        return _json({symbol: _market_row(quote) for symbol, quote in self._exchange.market.quotes.items()})

    async def _symbol(self, request: Request) -> Response:
        symbol = request.path_params["symbol"]
        quote = self._exchange.market.quotes.get(symbol)
        if quote is None:
            raise HTTPException(404, f"no symbol {symbol}")
        self._change_market(symbol, quote, await _read(request, MarketChange))
        return _json(_market_row(quote))

    def _change_market(self, symbol: str, quote: Quote, change: MarketChange) -> None:
        given = change.model_fields_set
        for name in given & {"spread", "depth"}:
            setattr(quote, name, getattr(change, name))
        for name in given & {"status", "minimum_size", "minimum_cost"}:
            value = getattr(change, name)
            if value is None:
                raise HTTPException(400, f"{name} cannot be null")
            setattr(quote.instrument, name, value)
        if change.price is not None:
            self._exchange.market.set_price(symbol, change.price)
        elif given & {"spread", "depth"}:
            self._exchange.market.refresh(symbol)

    async def _hold(self, request: Request) -> Response:
        self._exchange.market.held = True
        return _json({"held": True})

    async def _release(self, request: Request) -> Response:
        self._exchange.market.held = False
        return _json({"held": False})

    def _describe(self, key: ApiKey) -> dict[str, Any]:
        account = key.account
        return {
            "name": account.name,
            "venue": account.venue,
            "balances": account.balances,
            "holds": {asset: amount for asset, amount in account.holds.items() if amount},
            "permissions": sorted(key.permissions),
            "nonce": key.nonce,
            "counter": key.call_level(),
            "nonce_window": key.nonce_window,
            "tier": key.tier,
            "fee_rate": self._exchange.fee_rate(account),
            "enabled": account.enabled,
        }


def _order_row(account: Account, order: Order) -> dict[str, Any]:
    ticket, state = order.ticket, order.state
    return {
        "account": account.name,
        "venue": account.venue,
        "order_id": order.order_id,
        "client_order_id": ticket.client_order_id,
        "symbol": ticket.instrument.symbol,
        "side": ticket.side,
        "type": ticket.order_type,
        "volume": ticket.volume,
        "executed": state.executed,
        "cost": state.cost,
        "fee": state.fee,
        "price": state.cost / state.executed if state.executed else Decimal(0),
        "status": state.status,
        "opened_at": order.opened_at,
        "closed_at": order.closed_at,
    }


def _trade_row(account: Account, trade: Trade) -> dict[str, Any]:
    return {
        "account": account.name,
        "trade_id": trade.trade_id,
        "order_id": trade.order_id,
        "symbol": trade.instrument.symbol,
        "side": trade.side,
        "price": trade.price,
        "volume": trade.volume,
        "cost": trade.cost,
        "fee": trade.fee,
        "time": trade.time,
    }


def _request_row(row: JournalRequest) -> dict[str, Any]:
    return {
        "account": row.account,
        "venue": row.venue,
        "method": row.method,
        "arrived_ns": row.arrived_ns,
        "answered_ns": row.answered_ns,
        "error": row.error,
        "order_id": row.order_id,
        "fault": row.fault,
    }


def _fault_row(fault: Fault) -> dict[str, Any]:
    return {
        "id": fault.fault_id,
        "kind": fault.kind,
        "when": fault.moment,
        "venue": fault.venue,
        "account": fault.account,
        "method": fault.method,
        "times": fault.times,
        "skip": fault.skip,
        "each_account": fault.each_account,
        "ends_at": fault.ends_at,
        "seconds": fault.seconds,
        "probability": fault.probability,
        "text": fault.text,
        "fraction": fault.fraction,
        "struck": fault.struck,
    }


def _market_row(quote: Quote) -> dict[str, Any]:
    instrument = quote.instrument
    return {
        "bid": quote.bid,
        "ask": quote.ask,
        "last": quote.last,
        "price": quote.price,
        "spread": quote.ask - quote.bid,
        "depth": quote.depth,
        "status": instrument.status,
        "minimum_size": instrument.minimum_size,
        "minimum_cost": instrument.minimum_cost,
        "price_step": instrument.price_step,
        "size_step": instrument.size_step,
    }


def _touched(order: Order, since: float) -> bool:
    return max(order.opened_at, order.state.time) >= since


def _number(request: Request, name: str) -> float:
    try:
        return float(request.query_params.get(name, "0") or "0")
    except ValueError:
        raise HTTPException(400, f"{name} is not a number") from None


async def _read(request: Request, model: type[_Model]) -> _Model:
    body = await request.body()
    return _validated(lambda: model.model_validate_json(body))


_Value = TypeVar("_Value")


def _validated(read: Callable[[], _Value]) -> _Value:
    try:
        return read()
    except ValidationError as error:
        problems = json.loads(error.json(include_url=False, include_input=False, include_context=False))
        lines = [f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}" for problem in problems]
        raise HTTPException(400, "; ".join(lines)) from error


def _json(value: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(value, default=_decimal_text), status, media_type="application/json")


def _decimal_text(value: Any) -> str:
    if isinstance(value, Decimal):
        return f"{value:f}"
    raise TypeError(type(value).__name__)


async def _refuse(_request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    return _json({"error": error.detail}, error.status_code)
