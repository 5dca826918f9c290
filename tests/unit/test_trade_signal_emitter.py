"""The queue between a master's trade and the copy engine: every signal once, in order, and no wait for the master."""

from __future__ import annotations

import dataclasses
import threading
import time
from decimal import Decimal
from typing import Any

import pytest

from bot import trade_signal_emitter
from bot.domain.enums import BrokerType, Side, SizeType
from bot.domain.errors import InvalidAmount
from bot.domain.ids import AccountId, SignalId, signal_id_of
from bot.trade_signal_emitter import TradeSignal, TradeSignalEmitter, emit_trade_signal, get_signal_emitter
from tests.fakes.trace import PATIENCE_S

SIGNAL = TradeSignal(
    BrokerType.KRAKEN,
    "BTC-USD",
    Side.BUY,
    Decimal(50_000),
    Decimal("0.02"),
    SizeType.BASE,
    "O-1",
    Decimal(10_000),
    1.0,
)


def numbered(number: int) -> TradeSignal:
    return dataclasses.replace(SIGNAL, order_id=f"O-{number}", signal_id=SignalId(""))


@pytest.fixture
def own_emitter(monkeypatch: pytest.MonkeyPatch) -> TradeSignalEmitter:
    """The process's emitter, for this test alone."""
    monkeypatch.setattr(trade_signal_emitter, "_emitter", None)
    return get_signal_emitter()


def test_signals_come_out_in_the_order_they_went_in() -> None:
    emitter = TradeSignalEmitter()
    signals = [numbered(number) for number in range(100)]
    assert all(emitter.emit(signal) for signal in signals)
    assert [emitter.get_signal(0.0) for _ in signals] == signals
    assert emitter.get_signal(0.0) is None


def test_an_empty_queue_gives_nothing_after_its_time() -> None:
    begin = time.monotonic()
    assert TradeSignalEmitter().get_signal(0.05) is None
    assert 0.04 <= time.monotonic() - begin < PATIENCE_S / 2


def test_a_full_queue_refuses_at_once_and_counts_it() -> None:
    emitter = TradeSignalEmitter(capacity=2)
    begin = time.monotonic()
    assert [emitter.emit(numbered(number)) for number in range(4)] == [True, True, False, False]
    assert time.monotonic() - begin < PATIENCE_S / 2
    assert emitter.get_stats() == {"emitted": 2, "refused": 2, "waiting": 2, "capacity": 2}
    assert emitter.get_signal(0.0) == numbered(0)
    assert emitter.emit(numbered(9))


def test_who_waits_gets_a_signal_as_soon_as_it_comes() -> None:
    emitter = TradeSignalEmitter()
    got: list[TradeSignal | None] = []
    waiting = threading.Thread(target=lambda: got.append(emitter.get_signal(None)))
    waiting.start()
    emitter.emit(SIGNAL)
    waiting.join(PATIENCE_S)
    assert got == [SIGNAL]


def test_waking_lets_who_waits_go_on_without_a_signal() -> None:
    emitter = TradeSignalEmitter()
    got: list[TradeSignal | None] = []
    waiting = threading.Thread(target=lambda: got.append(emitter.get_signal(None)))
    waiting.start()
    emitter.wake()
    waiting.join(PATIENCE_S)
    assert got == [None]
    assert emitter.get_stats()["emitted"] == 0


def test_waking_takes_nothing_out_of_a_full_queue() -> None:
    emitter = TradeSignalEmitter(capacity=1)
    emitter.emit(SIGNAL)
    emitter.wake()
    assert emitter.get_signal(0.0) == SIGNAL


def test_many_masters_lose_no_signal_and_none_comes_twice() -> None:
    emitter = TradeSignalEmitter()
    taken: list[TradeSignal] = []
    taking = threading.Lock()

    def put(thread: int) -> None:
        for number in range(100):
            assert emitter.emit(numbered(1000 * thread + number))

    def take() -> None:
        while (signal := emitter.get_signal(PATIENCE_S)) is not None:
            with taking:
                taken.append(signal)

    takers = [threading.Thread(target=take) for _ in range(2)]
    putters = [threading.Thread(target=put, args=(thread,)) for thread in range(4)]
    for thread in takers + putters:
        thread.start()
    for thread in putters:
        thread.join(PATIENCE_S)
    for _ in takers:
        emitter.wake()
    for thread in takers:
        thread.join(PATIENCE_S)
    assert len(taken) == 400
    assert len({signal.signal_id for signal in taken}) == 400
    assert emitter.get_stats()["emitted"] == 400


def test_there_is_one_emitter_in_the_process(own_emitter: TradeSignalEmitter) -> None:
    found: list[TradeSignalEmitter] = []
    threads = [threading.Thread(target=lambda: found.append(get_signal_emitter())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert {id(emitter) for emitter in found} == {id(own_emitter)}
    assert len(found) == 8


def test_a_signal_can_be_emitted_from_plain_values(own_emitter: TradeSignalEmitter) -> None:
    assert emit_trade_signal(
        "kraken", "BTC-USD", "sell", 50_000.5, "0.02", "base", "O-7", 10_000, timestamp=5.0, position_before="0.04"
    )
    signal = own_emitter.get_signal(0.0)
    assert signal is not None
    assert (signal.broker, signal.side, signal.size_type) == (BrokerType.KRAKEN, Side.SELL, SizeType.BASE)
    assert (signal.price, signal.size) == (Decimal("50000.5"), Decimal("0.02"))
    assert (signal.master_balance, signal.position_before, signal.timestamp) == (10_000, Decimal("0.04"), 5.0)
    assert signal.signal_id == signal_id_of(AccountId.master(BrokerType.KRAKEN), "O-7")


def test_a_signal_without_time_and_position_has_the_time_of_now_and_no_position(
    own_emitter: TradeSignalEmitter,
) -> None:
    emit_trade_signal(BrokerType.ALPACA, "BTC-USD", Side.BUY, 1, 1, SizeType.QUOTE, "O-8", 1)
    signal = own_emitter.get_signal(0.0)
    assert signal is not None
    assert abs(signal.timestamp - time.time()) < 60
    assert signal.position_before is None


def test_the_same_order_emitted_twice_has_the_same_name_so_that_it_is_copied_once(
    own_emitter: TradeSignalEmitter,
) -> None:
    for _ in range(2):
        emit_trade_signal("kraken", "BTC-USD", "buy", 1, 1, "base", "O-9", 1)
    first, second = own_emitter.get_signal(0.0), own_emitter.get_signal(0.0)
    assert first is not None
    assert second is not None
    assert first.signal_id == second.signal_id


@pytest.mark.parametrize("field", ["price", "size", "master_balance"])
@pytest.mark.parametrize("bad", [0, -1, "abc", None, True, float("nan"), "inf", ""])
def test_a_signal_with_a_bad_amount_is_refused_and_not_queued(
    own_emitter: TradeSignalEmitter, field: str, bad: Any
) -> None:
    amounts: dict[str, Any] = {"price": 1, "size": 1, "master_balance": 1, field: bad}
    with pytest.raises(InvalidAmount, match=field.replace("_", " ")):
        emit_trade_signal(
            "kraken",
            "BTC-USD",
            "buy",
            amounts["price"],
            amounts["size"],
            "base",
            "O-1",
            amounts["master_balance"],
        )
    assert own_emitter.get_stats()["waiting"] == 0


@pytest.mark.parametrize(
    ("venue", "side", "unit"), [("mars", "buy", "base"), ("kraken", "hold", "base"), ("kraken", "buy", "contracts")]
)
def test_an_unknown_venue_side_or_unit_is_refused(
    own_emitter: TradeSignalEmitter, venue: str, side: str, unit: str
) -> None:
    with pytest.raises(ValueError, match="is not a valid"):
        emit_trade_signal(venue, "BTC-USD", side, 1, 1, unit, "O-1", 1)
    assert own_emitter.get_stats()["waiting"] == 0
