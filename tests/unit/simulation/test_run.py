"""Simulations by hand: fills and fees of each venue, positions, skips, and which cause gets what."""

from __future__ import annotations

import dataclasses
from decimal import Decimal

import pytest

from bot.domain.enums import BrokerType, Side
from bot.domain.errors import SettingsError
from bot.simulation import Simulation, figures_of, read_candles, simulate
from bot.simulation.report import AccountFigures
from bot.trading_strategy import Action, StrategySettings, strategy_named
from tests.unit.simulation.series import QUARTER, SHIPPED, START, SYMBOL
from tests.unit.simulation.stage import Acts, Told, candles_of, played, user

D = Decimal
#: In for 5 % with the first candle, out with the last.
ROUND_TRIP: Acts = [D("0.05"), None, D(-1)]
UP = [50_000.0, 55_000.0, 60_000.0]


def parts_of(figures: AccountFigures) -> dict[str, Decimal]:
    """The parts that are more than the digits of what venues book."""
    assert figures.parts is not None
    return {cause: amount for cause, amount in figures.parts.items() if abs(amount) > D("0.001")}


class TestVenues:
    """$10,000, 5 % of it spent at 50,000 and sold at 60,000."""

    def test_kraken_takes_its_fee_on_top(self) -> None:
        result = played(UP, ROUND_TRIP, spread=D(0))

        master = figures_of(result).master
        # 0.01 BTC: 500 + 4 of fee, then 600 - 4.8
        assert [trade.report.executed for trade in result.trades] == [D("0.01000000")] * 2
        assert (master.end, master.fees, master.gain) == (D("10091.20000"), D("8.80000"), D("0.00912"))

    def test_coinbase_has_the_fee_inside_what_is_spent(self) -> None:
        result = played(UP, ROUND_TRIP, spread=D(0), venue=BrokerType.COINBASE)

        bought, sold = (trade.report for trade in result.trades)
        assert bought.cost + bought.fee == 500
        assert bought.cost == pytest.approx(D(500) / D("1.009"), abs=D("1E-15"))
        assert bought.executed == pytest.approx(bought.cost / 50_000, abs=D("1E-15"))
        # Sold down to the lot; the rest is dust and no position.
        assert sold.executed == D("0.00991080")
        assert 0 < result.master.account.coins("BTC") < D("1E-8")

    def test_alpaca_takes_it_from_what_is_received(self) -> None:
        result = played(UP, ROUND_TRIP, spread=D(0), venue=BrokerType.ALPACA)

        bought, sold = (trade.report for trade in result.trades)
        assert (bought.cost, bought.fee_currency) == (500, "BTC")
        assert sold.executed == D("0.01") - bought.fee
        assert bought.fee == pytest.approx(D("0.000025"), abs=D("1E-8"))
        assert sold.fee == (sold.cost * D("0.0025")).quantize(D("1E-9"))

    def test_the_fee_can_be_named_and_half_the_spread_is_paid_each_way(self) -> None:
        result = played(UP, ROUND_TRIP, spread=D("0.002"), fee_rate=D("0.001"))

        bought, sold = (trade.report for trade in result.trades)
        assert (bought.average_price, sold.average_price) == (D("50050.0"), D("59940.0"))
        assert bought.fee == (bought.cost * D("0.001")).quantize(D("0.00001"))


class TestCauses:
    def test_what_a_cap_keeps_out_is_the_caps(self) -> None:
        result = played(UP, ROUND_TRIP, user("capped", max_trade_usd=10), spread=D(0), fee_rate=D(0))

        (figures,) = figures_of(result).users
        # A tenth of the money: $50 would have earned 10, 10 earn 2.
        assert (figures.ideal, figures.profit) == (D(10), D(2))
        assert parts_of(figures) == {"caps": D(-8)}
        assert figures.notes == {"capped at max_trade_usd $10.00": 1}

    def test_what_was_skipped_is_named_by_its_reason(self) -> None:
        users = user("off", disabled_symbols=[SYMBOL]), user("small", 40), user("poor", "0.4")

        result = played(UP, ROUND_TRIP, *users, spread=D(0), fee_rate=D(0))

        off, small, poor = figures_of(result).users
        assert parts_of(off) == {"skipped: symbol disabled": D(-10)}
        assert off.skips == {"nothing to sell": 1, "symbol disabled": 1}
        assert parts_of(small) == {"skipped: below minimum": D("-0.4")}
        assert parts_of(poor) == {"skipped: underfunded": D("-0.004")}

    def test_an_exit_that_is_too_small_is_a_skip_too(self) -> None:
        # A twentieth is sold at 60,000: 0.000003 BTC are below the minimum, so all are kept until 30,000.
        result = played(
            [50_000.0, 60_000.0, 30_000.0],
            [D("0.05"), D("-0.05"), D(-1)],
            user("small", 60),
            spread=D(0),
            fee_rate=D(0),
        )

        (figures,) = figures_of(result).users
        assert (figures.ideal, figures.profit) == (D("-1.11"), D("-1.2"))
        assert parts_of(figures) == {"skipped: below minimum": D("-0.09")}

    def test_what_is_sold_early_because_the_rest_would_be_dust_is_rounding(self) -> None:
        result = played(
            [50_000.0, 60_000.0, 30_000.0],
            [D("0.05"), D("-0.5"), D(-1)],
            user("small", 60),
            spread=D(0),
            fee_rate=D(0),
        )

        (figures,) = figures_of(result).users
        # 0.00006 BTC: half of the share gains 10,000 a coin and half loses 20,000; the small one sold all in time.
        assert (figures.ideal, figures.profit) == (D("-0.3"), D("0.6"))
        assert parts_of(figures) == {"rounding": D("0.9")}
        assert figures.notes == {"the rest would be dust": 1}

    def test_a_multiplier_is_the_users_own_doing(self) -> None:
        result = played(UP, ROUND_TRIP, user("brave", multiplier=2), spread=D(0), fee_rate=D(0))

        (figures,) = figures_of(result).users
        assert figures.profit == D(20)
        assert figures.kept == 2
        assert parts_of(figures) == {"multiplier": D(10)}

    def test_another_venues_fees_are_the_fees(self) -> None:
        abroad = [user(venue, venue=venue) for venue in (BrokerType.COINBASE, BrokerType.ALPACA)]

        report = figures_of(played(UP, ROUND_TRIP, *abroad, spread=D(0)))

        for figures in report.users:
            found = parts_of(figures)
            assert found.keys() == {"fees"}
            # Coinbase takes more than Kraken, Alpaca less.
            assert (found["fees"] > 0) is (figures.account.venue is BrokerType.ALPACA)

    def test_coarse_lots_are_rounding(self) -> None:
        closes = [0.25, 0.30, 0.35]
        simulation = Simulation(
            {"DOGE-USD": candles_of(closes, "DOGE-USD")},
            Told({"DOGE-USD": ROUND_TRIP}),
            users=[user("round", "500.2", BrokerType.KRAKEN)],
            spread=D(0),
            fee_rate=D(0),
        )
        coarse = dataclasses.replace(simulation, users=[user("coarse", "500.2", BrokerType.COINBASE)])

        (fine,), (cut,) = (figures_of(simulate(one)).users for one in (simulation, coarse))

        # 100.04 DOGE are wanted; Coinbase sizes buys in money, and sells in tenths.
        assert parts_of(fine) == {}
        assert cut.parts is not None
        assert cut.profit == pytest.approx(fine.profit, abs=D("0.02"))

    def test_what_a_cause_does_to_later_trades_stays_with_it(self) -> None:
        # The first trade is capped and wins; the second is not, and is smaller for the money that was not earned.
        users = [user("capped", 1000, max_trade_usd=60)]
        closes = [50_000.0, 100_000.0, 50_000.0, 100_000.0]
        acts = [D("0.08"), D(-1), D("0.05"), D(-1)]

        (figures,) = figures_of(played(closes, acts, *users, spread=D(0), fee_rate=D(0))).users

        # 10,800 of 10,000 then 540 more; the user 60, and then 5.3 % of what it has, below its cap.
        assert figures.ideal == D(134)
        assert figures.profit == D(60) + D(53)
        assert parts_of(figures) == {"caps": D(-21)}

    def test_a_quote_map_changes_the_money_and_nothing_else(self) -> None:
        report = figures_of(played(UP, ROUND_TRIP, user("plain"), user("coins", quote_map={"USD": "USDC"})))

        plain, mapped = report.users
        assert mapped.profit == plain.profit != 0


class TestMaster:
    def test_what_it_cannot_pay_is_skipped_and_copied_by_nobody(self) -> None:
        result = played(UP, [D(1), None, D(-1)], user("one"))

        report = figures_of(result)
        assert report.master.skips == {"insufficient funds": 1}
        assert (report.master.buys, report.users[0].skips, report.users[0].parts) == (
            0,
            {},
            {"fees": D(0), "rounding": D(0), "caps": D(0), "multiplier": D(0), "rest": D(0)},
        )
        assert report.users[0].kept is None

    def test_buying_and_holding_is_from_the_first_close_to_the_last(self) -> None:
        assert figures_of(played(UP, [])).held == D("0.2")

    def test_the_deepest_fall_is_from_the_highest_before(self) -> None:
        closes = [50_000.0, 100_000.0, 50_000.0, 60_000.0]

        master = figures_of(played(closes, [D("0.1")], spread=D(0), fee_rate=D(0))).master

        # 10,000, 11,000, 10,000, 10,200
        assert master.max_drawdown == pytest.approx(1 / 11)

    def test_several_symbols_share_the_money_and_have_their_turns_by_time(self) -> None:
        candles = {
            SYMBOL: candles_of(UP),
            "ETH-USD": candles_of([1000.0, 1000.0, 2000.0], "ETH-USD"),
        }
        told = Told({SYMBOL: [D("0.05"), None, D(-1)], "ETH-USD": [D("0.05"), None, D("-0.5")]})

        result = simulate(Simulation(candles, told, users=[user("one")], spread=D(0), fee_rate=D(0)))

        assert [(trade.time, trade.signal.symbol, trade.signal.side) for trade in result.trades] == [
            (START + QUARTER, SYMBOL, Side.BUY),
            (START + QUARTER, "ETH-USD", Side.BUY),
            (START + 3 * QUARTER, SYMBOL, Side.SELL),
            (START + 3 * QUARTER, "ETH-USD", Side.SELL),
        ]
        report = figures_of(result)
        # 500 and then 475 of the 9,500 that were left; half of the latter's coins are still there.
        assert report.master.end == D(10_000) + 100 + 475
        assert parts_of(report.users[0]) == {}
        assert report.held == D("0.6")

    @pytest.mark.parametrize(
        "symbols", [(), ("BTC-USD", "ETH-USDC"), ("BTC-EUR",)], ids=["none", "two kinds of money", "no dollar"]
    )
    def test_money_of_one_kind_is_needed(self, symbols: tuple[str, ...]) -> None:
        with pytest.raises(SettingsError, match=r"^candles must be of symbols in one of USD, USDT, USDC"):
            simulate(Simulation({symbol: candles_of(UP, symbol) for symbol in symbols}, Told({})))


def test_the_shipped_candles_make_the_default_strategy_trade() -> None:
    candles = read_candles(SHIPPED)

    result = simulate(Simulation(candles, strategy_named("rsi_ema"), users=[user("one")]))

    actions = [trade.decision.action for trade in result.trades]
    assert len(actions) > 40
    assert actions[::2] == [Action.BUY] * len(actions[::2])
    assert actions[1::2] == [Action.SELL] * len(actions[1::2])


def test_the_strategy_knows_what_was_paid_and_when() -> None:
    settings = StrategySettings(stop_loss=D("0.005"), take_profit=D("0.01"))

    result = simulate(Simulation(read_candles(SHIPPED), strategy_named("rsi_ema"), settings, spread=D(0)))

    exits = list(zip(result.trades[::2], result.trades[1::2], strict=False))
    by_price = {"stop-loss": 0, "take-profit": 0}
    for entry, left in exits:
        gain = left.report.average_price / entry.report.average_price - 1
        expected = "stop-loss" if gain <= D("-0.005") else "take-profit" if gain >= D("0.01") else ""
        assert expected in left.decision.reasons[0]
        by_price[expected] = by_price.get(expected, 0) + 1
    assert all(count > 3 for count in by_price.values())


def test_progress_ends_with_all_candles() -> None:
    heard: list[tuple[int, int]] = []

    simulate(
        Simulation({SYMBOL: candles_of([100.0 + number % 5 for number in range(2500)])}, Told({})),
        lambda done, total: heard.append((done, total)),
    )

    assert heard == [(1000, 2500), (2000, 2500), (2500, 2500)]
