"""The control API: a second, open door for tests, on loopback only. It works over all venues."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, ValidationError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from paper_exchange.control_hand import cancel_by_hand, place_by_hand
from paper_exchange.control_models import MarketChange, NewFault, NewOrder, SettingsChange, SocketTrouble
from paper_exchange.control_rows import (
    fault_row,
    market_row,
    market_time_row,
    order_row,
    request_row,
    socket_row,
    trade_row,
)
from paper_exchange.control_sockets import trouble
from paper_exchange.core.accounts import Account
from paper_exchange.core.bodies import NewAccount
from paper_exchange.core.faults import DEFAULT_SECONDS, Fault
from paper_exchange.core.journal import refusals
from paper_exchange.core.market import Market
from paper_exchange.core.orders import Order
from paper_exchange.core.venue import NameTaken, Venue

_Model = TypeVar("_Model", bound=BaseModel)
_FIRST = "kraken"


class Control:
    """The endpoints over all venues. They read and write the truth, past latency, read lag and faults.

    `venues` by name. Where one venue must be meant and none is named, it is Kraken.
    """

    def __init__(self, venues: Mapping[str, Venue]) -> None:
        self._venues = venues
        world = venues[_FIRST].exchange
        self._clock, self._all_faults, self._journal = world.clock, world.faults, world.journal

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
                Route("/orders", self._orders, methods=["POST"]),
                Route("/orders/{order_id}", self._order, methods=["DELETE"]),
                Route("/sockets", self._sockets, methods=["GET", "POST", "DELETE"]),
                Route("/market", self._market),
                Route("/market-time", self._market_time),
                Route("/market/hold", self._hold, methods=["POST"]),
                Route("/market/release", self._release, methods=["POST"]),
                Route("/market/{symbol}", self._symbol, methods=["PATCH"]),
            ],
            exception_handlers={HTTPException: _refuse},
        )

    def open_accounts(self, text: bytes) -> list[dict[str, str]]:
        """Opens the accounts of a JSON object or list and answers their keys.

        Raises ValueError (ValidationError, NameTaken), and opens none, if one cannot be opened.
        """
        wanted = self._read_accounts(text)
        names = [account.name for account in wanted]
        for account in wanted:
            if names.count(account.name) > 1:
                raise NameTaken(f"account {account.name} is named twice")
            if self._find(account.name) is not None:
                raise NameTaken(f"account {account.name} exists already")
            self._venues[account.venue].check_account(account)
        return [self._venues[account.venue].open_account(account) for account in wanted]

    def _read_accounts(self, text: bytes) -> list[NewAccount]:
        given = json.loads(text)
        return [self._account_body(item).model_validate_json(json.dumps(item)) for item in _listed(given)]

    def _account_body(self, item: object) -> type[NewAccount]:
        name = item.get("venue", _FIRST) if isinstance(item, dict) else _FIRST
        if name not in self._venues:
            raise ValueError(f"no venue {name}; there are: {', '.join(self._venues)}")
        return self._venues[name].account_body

    def _find(self, name: str) -> tuple[Venue, Account] | None:
        for venue in self._venues.values():
            if name in venue.exchange.accounts:
                return venue, venue.exchange.accounts[name]
        return None

    def _named(self, name: str) -> tuple[Venue, Account]:
        found = self._find(name)
        if found is None:
            raise HTTPException(404, f"no account {name}")
        return found

    def _chosen(self, request: Request) -> list[Venue]:
        """The venue in `?venue=`, or all."""
        name = request.query_params.get("venue")
        if name is None:
            return list(self._venues.values())
        return [self._venue(name)]

    def _venue(self, name: str) -> Venue:
        if name not in self._venues:
            raise HTTPException(404, f"no venue {name}; there are: {', '.join(self._venues)}")
        return self._venues[name]

    async def _health(self, request: Request) -> Response:
        return _json({"ok": True, "venues": list(self._venues), "time": self._clock.now()})

    async def _accounts(self, request: Request) -> Response:
        if request.method == "GET":
            return _json(
                [
                    venue.describe_account(account)
                    for venue in self._chosen(request)
                    for account in venue.exchange.accounts.values()
                ]
            )
        body = await request.body()
        return _json(_validated(lambda: self.open_accounts(body)))

    async def _account(self, request: Request) -> Response:
        venue, account = self._named(request.path_params["name"])
        if request.method == "PATCH":
            change = await _read(request, venue.change_body)
            _validated(lambda: venue.change_account(account, change))
        return _json(venue.describe_account(account))

    async def _books(self, request: Request) -> Response:
        accounts = self._chosen_accounts(request)
        since = _number(request, "since")
        return _json(
            {
                "orders": [
                    order_row(account, order)
                    for account in accounts
                    for order in account.orders.values()
                    if _touched(order, since)
                ],
                "trades": [
                    trade_row(account, trade) for account in accounts for trade in account.trades if trade.time >= since
                ],
            }
        )

    def _chosen_accounts(self, request: Request) -> Iterable[Account]:
        name = request.query_params.get("account")
        if name is not None:
            return [self._named(name)[1]]
        return [account for venue in self._chosen(request) for account in venue.exchange.accounts.values()]

    async def _requests(self, request: Request) -> Response:
        if request.method == "DELETE":
            return _json({"cleared": self._journal.clear()})
        query = request.query_params
        found = self._journal.find(query.get("method"), query.get("account"), query.get("venue"))
        return _json({"requests": [request_row(row) for row in found], "refused": refusals(found), "count": len(found)})

    async def _settings(self, request: Request) -> Response:
        venues = self._chosen(request)
        if request.method == "PATCH":
            change = await _read(request, SettingsChange)
            for name in change.model_fields_set:
                if getattr(change, name) is None and name != "public_rate_per_s":
                    raise HTTPException(400, f"{name} cannot be null")
            for name in change.model_fields_set:
                self._set(venues, name, getattr(change, name))
        return _json(self._settings_row(venues[0]))

    def _set(self, venues: list[Venue], name: str, value: Any) -> None:
        if name == "clock_offset_s":
            self._clock.offset_s = value
            return
        for venue in venues:
            setattr(venue.exchange.settings, name, value)

    def _settings_row(self, venue: Venue) -> dict[str, Any]:
        names = [name for name in SettingsChange.model_fields if name != "clock_offset_s"]
        row = {name: getattr(venue.exchange.settings, name) for name in names}
        return row | {"clock_offset_s": self._clock.offset_s}

    async def _faults(self, request: Request) -> Response:
        faults = self._all_faults
        if request.method == "GET":
            return _json([fault_row(fault) for fault in faults.armed.values()])
        if request.method == "DELETE":
            return _json({"cleared": faults.clear()})
        wanted = await _read(request, NewFault)
        self._check_fault(wanted)
        values = wanted.model_dump(exclude={"when", "seconds", "for_s"})
        seconds = DEFAULT_SECONDS.get(wanted.kind, 0.0) if wanted.seconds is None else wanted.seconds
        ends_at = None if wanted.for_s is None else self._clock.now() + wanted.for_s
        fault = Fault(fault_id=faults.next_id(), moment=wanted.when, seconds=seconds, ends_at=ends_at, **values)
        faults.arm(fault)
        return _json({"id": fault.fault_id})

    def _check_fault(self, wanted: NewFault) -> None:
        owner = self._find(wanted.account) if wanted.account is not None else None
        if wanted.venue is not None:
            venues = [self._venue(wanted.venue)]
        else:
            venues = list(self._venues.values()) if owner is None else [owner[0]]
        able = [venue for venue in venues if wanted.kind in venue.fault_kinds]
        if not able:
            raise HTTPException(400, f"{wanted.kind} does not happen at {_names(venues)}")
        if wanted.method is not None and not any(wanted.method in venue.calls for venue in able):
            raise HTTPException(400, f"no method {wanted.method}")

    async def _fault(self, request: Request) -> Response:
        fault_id = request.path_params["fault_id"]
        if not self._all_faults.clear(fault_id):
            raise HTTPException(404, f"no fault {fault_id}")
        return _json({"cleared": 1})

    async def _orders(self, request: Request) -> Response:
        wanted = await _read(request, NewOrder)
        venue, account = self._named(wanted.account)
        return _json(order_row(account, _validated(lambda: place_by_hand(venue.exchange, account, wanted))))

    async def _order(self, request: Request) -> Response:
        venue, account, order = self._order_named(request.path_params["order_id"])
        _validated(lambda: cancel_by_hand(venue.exchange, account, order))
        return _json(order_row(account, order))

    def _order_named(self, order_id: str) -> tuple[Venue, Account, Order]:
        for venue in self._venues.values():
            for account in venue.exchange.accounts.values():
                if order_id in account.orders:
                    return venue, account, account.orders[order_id]
        raise HTTPException(404, f"no order {order_id}")

    async def _sockets(self, request: Request) -> Response:
        all_sockets = [(venue.name, venue.exchange.sockets) for venue in self._chosen(request)]
        if request.method == "GET":
            return _json([socket_row(name, wire) for name, sockets in all_sockets for wire in sockets.open])
        if request.method == "DELETE":
            for _, sockets in all_sockets:
                sockets.heal()
            return _json({"cleared": True})
        wanted = await _read(request, SocketTrouble)
        return _json({"struck": sum(trouble(sockets, wanted) for _, sockets in all_sockets)})

    async def _market(self, request: Request) -> Response:
        venue = self._venue(request.query_params.get("venue", _FIRST))
        return _json({symbol: market_row(quote) for symbol, quote in venue.exchange.market.quotes.items()})

    async def _market_time(self, request: Request) -> Response:
        return _json(market_time_row(self._venues[_FIRST].exchange.market.time, self._clock.now()))

    async def _symbol(self, request: Request) -> Response:
        symbol = request.path_params["symbol"]
        markets = [venue.exchange.market for venue in self._chosen(request) if symbol in venue.exchange.market.quotes]
        if not markets:
            raise HTTPException(404, f"no symbol {symbol}")
        change = await _read(request, MarketChange)
        for name in change.model_fields_set & {"status", "minimum_size", "minimum_cost"}:
            if getattr(change, name) is None:
                raise HTTPException(400, f"{name} cannot be null")
        for market in markets:
            _change_market(market, symbol, change)
        return _json(market_row(markets[0].quotes[symbol]))

    async def _hold(self, request: Request) -> Response:
        return self._set_held(True)

    async def _release(self, request: Request) -> Response:
        return self._set_held(False)

    def _set_held(self, held: bool) -> Response:
        for venue in self._venues.values():
            venue.exchange.market.held = held
        return _json({"held": held})


def _change_market(market: Market, symbol: str, change: MarketChange) -> None:
    given, quote = change.model_fields_set, market.quotes[symbol]
    for name in given & {"spread", "depth"}:
        setattr(quote, name, getattr(change, name))
    for name in given & {"status", "minimum_size", "minimum_cost"}:
        setattr(quote.instrument, name, getattr(change, name))
    if change.price is not None:
        market.set_price(symbol, change.price)
    elif given & {"spread", "depth"}:
        market.refresh(symbol)


def _listed(given: Any) -> list[Any]:
    return given if isinstance(given, list) else [given]


def _names(venues: list[Venue]) -> str:
    return ", ".join(venue.name for venue in venues)


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
    except NameTaken as error:
        raise HTTPException(409, str(error)) from error
    except ValueError as error:
        raise HTTPException(400, str(error)) from error


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
