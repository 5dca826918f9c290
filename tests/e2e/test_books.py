"""The comparison that the demo ends with: every kind of difference is found and named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import typer

from bot.cli import demo
from bot.cli.books import differences
from bot.domain.enums import BrokerType, OrderState, Side
from bot.domain.ids import AccountId, ClientOrderId, VenueOrderId, new_client_order_id
from bot.domain.orders import MarketOrder, OrderReport
from bot.domain.outcomes import Accepted, Rejected
from bot.ledger.entry import open_ledger
from bot.ledger.journal import Ledger
from tests.fakes.clock import SettableClock

MASTER = AccountId.master(BrokerType.KRAKEN)


@dataclass
class Books:
    """A ledger with orders, and what an exchange would say of the same."""

    ledger: Ledger
    exchange: list[dict[str, Any]]

    def filled(self, name: str) -> None:
        """One order that both know alike."""
        order = MarketOrder(MASTER, ClientOrderId(name), "BTC-USD", Side.BUY, Decimal("0.01"), Decimal(50_000))
        order_id = VenueOrderId(f"O-{name}")
        report = OrderReport(
            order_id, Decimal("0.01"), Decimal(50_000), Decimal("500.00"), Decimal("1.3"), "USD", final=True
        )
        self.ledger.intend(order)
        self.ledger.answered(order, Accepted(order_id), OrderState.ACCEPTED)
        self.ledger.settled(order, report, OrderState.FILLED)
        self.exchange.append(
            {
                "account": "master",
                "venue": "kraken",
                "client_order_id": name,
                "order_id": order_id,
                "executed": "0.01000000",
                "cost": "500.00000",
                "fee": "1.30000",
            }
        )

    def differences(self) -> tuple[int, list[str]]:
        assert self.ledger.flush(30)
        return differences(self.ledger.views, {"orders": self.exchange})


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    with closing(open_ledger(tmp_path / "ledger.sqlite3", SettableClock())) as ledger:
        made = Books(ledger, [])
        made.filled("one")
        made.filled("two")
        yield made


def test_books_that_agree_have_no_difference(books: Books) -> None:
    assert books.differences() == (2, [])


def test_an_order_that_was_refused_is_not_expected_at_the_exchange(books: Books) -> None:
    order = MarketOrder(MASTER, ClientOrderId("no"), "BTC-USD", Side.BUY, Decimal("0.01"), Decimal(50_000))
    books.ledger.intend(order)
    books.ledger.answered(order, Rejected("EOrder:Insufficient funds"), OrderState.REJECTED)

    assert books.differences() == (2, [])


def test_an_order_that_the_exchange_does_not_have_is_found(books: Books) -> None:
    del books.exchange[0]

    assert books.differences() == (1, ["order one of master is in the ledger and not at the exchange"])


def test_an_order_that_the_ledger_does_not_have_is_found(books: Books) -> None:
    name = new_client_order_id()
    books.exchange.append({**books.exchange[0], "client_order_id": name})

    assert books.differences() == (3, [f"order {name} of master is at the exchange and not in the ledger"])


@pytest.mark.parametrize("name", [None, "9a1c0d52-1111-4222-8333-444455556666"])
def test_an_order_by_hand_that_is_no_signal_is_found(books: Books, name: str | None) -> None:
    books.exchange.append({**books.exchange[0], "client_order_id": name, "order_id": "O-three"})

    line = "order O-three by hand of master:kraken: 0.01000000 traded, signals have 0 of it"
    assert books.differences() == (3, [line])


def test_an_order_of_a_user_without_a_name_is_found(books: Books) -> None:
    books.exchange.append({**books.exchange[0], "account": "anna", "client_order_id": None})

    assert books.differences()[1] == ["order None of anna is at the exchange and not in the ledger"]


def test_an_order_of_somebody_else_is_found(books: Books) -> None:
    books.exchange[0]["account"] = "anna"

    _, found = books.differences()

    assert sorted(found) == [
        "order one of anna is at the exchange and not in the ledger",
        "order one of master is in the ledger and not at the exchange",
    ]


def test_an_order_that_was_placed_twice_is_found(books: Books) -> None:
    books.exchange.append(dict(books.exchange[1]))

    assert books.differences() == (3, ["order two of master is at the exchange 2 times"])


@pytest.mark.parametrize(("what", "value"), [("executed", "0.00999999"), ("cost", "500.01"), ("fee", "0")])
def test_a_figure_that_differs_is_found_and_named(books: Books, what: str, value: str) -> None:
    books.exchange[1][what] = value

    _, (found,) = books.differences()

    assert found.startswith(f"order two of master: {what} is ")
    assert found.endswith(f"{value} at the exchange")


def test_another_order_id_is_found(books: Books) -> None:
    books.exchange[0]["order_id"] = "O-other"

    assert books.differences()[1] == ["order one of master: order O-one in the ledger, O-other at the exchange"]


def test_the_demo_ends_with_an_error_when_a_difference_is_found(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class NoExchange:
        def __enter__(self) -> NoExchange:
            return self

        def __exit__(self, *_: object) -> None:
            return None

    monkeypatch.setattr(demo, "PaperExchange", NoExchange)
    monkeypatch.setattr(demo, "_play", lambda *_: ["order one of master is at the exchange 2 times"])

    with pytest.raises(typer.Exit) as ended:
        demo.demo()

    assert ended.value.exit_code == 1
