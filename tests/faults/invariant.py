"""What has to hold after every trouble: the exchange's own books against the ledger, read past the program."""

from __future__ import annotations

from collections import Counter, defaultdict
from decimal import Decimal

from bot.domain.enums import BrokerType
from tests.faults.town import Row, Town

_DONE = frozenset({"FILLED", "PARTIALLY_FILLED"})
_OPEN = frozenset({"SUBMITTING", "UNKNOWN", "ACCEPTED"})
#: Signal, account, leg.
_Place = tuple[str, str, int]
#: Account, symbol.
_Coins = tuple[str, str]


def assert_sound(town: Town, waiting: int = 0) -> None:
    """Nothing is lost, nothing was done twice, both sides tell the same, no nonce went back, nothing is unknown.

    Args:
        waiting: how many copies may still wait.
    """
    found = unsound(town, waiting)
    assert not found, "\n".join(found)


def unsound(town: Town, waiting: int = 0) -> list[str]:
    """One line for everything that does not hold."""
    check = _Check(town)
    found = [*check.open_rows(waiting), *check.masters(), *check.copies(), *check.fills(), *check.coins()]
    return found + check.nonces()


class _Check:
    def __init__(self, town: Town) -> None:
        self._town = town
        self._signals = town.rows("signals")
        self._copies = town.rows("copies")
        self._master_orders = town.rows("master_orders")
        self._fills = town.rows("fills")
        self._books = {who: login.books() for who, login in town.logins.items()}

    def open_rows(self, waiting: int) -> list[str]:
        rows = self._copies + self._master_orders
        found = [f"{_name(row)} is still {row['state']}" for row in rows if row["state"] in _OPEN]
        waits = [row for row in rows if row["state"] == "PLANNED"]
        return found + ([f"{len(waits)} copies wait, not {waiting}"] if len(waits) != waiting else [])

    def masters(self) -> list[str]:
        orders = {order["client_order_id"]: order for order in self._orders_of("master")}
        rows = {row["client_order_id"]: row for row in self._master_orders}
        found = [f"the master's order {name} is in no row" for name in orders.keys() - rows.keys()]
        for name, row in rows.items():
            found += _compare(row, [orders[name]] if name in orders else [])
        signals = Counter(signal["order_id"] for signal in self._signals)
        traded = Counter(order["order_id"] for order in orders.values())
        return found + ([f"signals of {signals} but master orders {traded}"] if signals != traded else [])

    def copies(self) -> list[str]:
        placed = self._placed()
        rows = {_place(row): row for row in self._copies}
        found = [f"an order of {place} is in no row" for place in placed.keys() - rows.keys()]
        for place, row in rows.items():
            found += _compare(row, placed.get(place, []))
        followed = {(signal_id, account) for signal_id, account, _ in rows}
        for signal in self._signals:
            missing = [
                user for user in self._town.users if (signal["signal_id"], self._town.account_of(user)) not in followed
            ]
            found += [f"{user} has no row for signal {signal['signal_id']}" for user in missing]
        return found

    def _placed(self) -> dict[_Place, list[Row]]:
        # A copy that went out a second time has another name; its former one is in its history.
        events = [event for event in self._town.rows("order_events") if event["signal_id"]]
        places = {row["client_order_id"]: _place(row) for row in events + self._copies}
        placed: dict[_Place, list[Row]] = defaultdict(list)
        for user in self._town.users:
            for order in self._orders_of(user):
                name = order["client_order_id"]
                placed[places.get(name, ("no signal", user, 0))].append(order)
        return placed

    def fills(self) -> list[str]:
        theirs = {
            (who, trade["trade_id"]): (Decimal(trade["volume"]), Decimal(trade["cost"]), Decimal(trade["fee"]))
            for who, books in self._books.items()
            for trade in books["trades"]
            if trade["order_id"] not in self._by_hand(who) and self._tells_trades(who)
        }
        ours = {
            (who, row["trade_id"]): (Decimal(row["quantity"]), Decimal(row["cost"]), Decimal(row["fee"]))
            for row in self._fills
            if self._tells_trades(who := row["account"].partition(":")[0])
        }
        return [
            f"trade {key}: {ours.get(key)} in the ledger, {theirs.get(key)} at the exchange"
            for key in ours.keys() | theirs.keys()
            if ours.get(key) != theirs.get(key)
        ]

    def coins(self) -> list[str]:
        # What the ledger says that copying holds, against what the exchange says that copies bought and sold.
        expected: dict[_Coins, Decimal] = defaultdict(Decimal)
        allowed: dict[_Coins, Decimal] = defaultdict(Decimal)
        for user in self._town.users:
            for order in self._orders_of(user):
                place = (self._town.account_of(user), order["symbol"])
                expected[place] += _signed(order)
                allowed[place] += _allowed(place[0])
        for row in self._town.rows("coin_adjustments"):
            expected[row["account"], row["symbol"]] -= Decimal(row["quantity"])
        held: dict[_Coins, Decimal] = defaultdict(Decimal)
        for row in self._town.rows("copied_coins"):
            held[row["account"], row["symbol"]] = Decimal(row["quantity"])
        return [
            f"{symbol} of {account}: {held[account, symbol]} copied coins, bought less sold {expected[account, symbol]}"
            for account, symbol in held.keys() | expected.keys()
            if not 0 <= expected[account, symbol] - held[account, symbol] <= allowed[account, symbol]
        ]

    def nonces(self) -> list[str]:
        names = {login.name: who for who, login in self._town.logins.items()}
        return [
            f"{names[request['account']]}: {request['method']} was refused: {request['error']}"
            for request in self._town.paper.get("/requests")["requests"]
            if request["account"] in names and request["fault"] is None and request["error"] == "EAPI:Invalid nonce"
        ]

    def _tells_trades(self, who: str) -> bool:
        # At Alpaca an order is told as one fill, by the order's own id.
        return self._town.venue_of(who) is not BrokerType.ALPACA

    def _orders_of(self, who: str) -> list[Row]:
        return [order for order in self._books[who]["orders"] if order["client_order_id"]]

    def _by_hand(self, who: str) -> set[str]:
        return {order["order_id"] for order in self._books[who]["orders"] if not order["client_order_id"]}


def _compare(row: Row, placed: list[Row]) -> list[str]:
    if len(placed) > 1:
        return [f"{_name(row)} is at the exchange {len(placed)} times"]
    if not placed:
        if row["state"] in _DONE or row["order_id"]:
            return [f"{_name(row)} is {row['state']} and not at the exchange"]
        return (
            [] if row["reason"] or row["state"] == "PLANNED" else [f"{_name(row)} is {row['state']} without a reason"]
        )
    (order,) = placed
    if row["state"] not in _DONE and not (row["state"] == "FAILED" and Decimal(order["executed"]) == 0):
        return [f"{_name(row)} is {row['state']} ({row['reason']}) and at the exchange"]
    pairs = [(what, Decimal(row[what]), Decimal(order[what])) for what in ("executed", "cost", "fee")]
    found = [
        f"{_name(row)}: {what} {ours} here, {theirs} there"
        for what, ours, theirs in pairs
        if abs(ours - theirs) > (0 if what == "executed" else _allowed(row["account"]))
    ]
    same_id = row["order_id"] == order["order_id"]
    return found + ([] if same_id else [f"{_name(row)}: order {row['order_id']} here, {order['order_id']} there"])


def _place(row: Row) -> _Place:
    return row["signal_id"], row["account"], row["leg"]


def _signed(order: Row) -> Decimal:
    executed = Decimal(order["executed"])
    fee = Decimal(order["fee"]) if order["fee_asset"] == order["symbol"].partition("-")[0] else Decimal(0)
    return (executed if order["side"] == "buy" else -executed) - fee


def _allowed(account: str) -> Decimal:
    # Alpaca tells neither cost nor fee: the ledger computes both, and counts no coin that may not be there.
    return Decimal("0.00000001") if account.endswith(":alpaca") else Decimal(0)


def _name(row: Row) -> str:
    return f"{row['side']} of {row['account']}"
