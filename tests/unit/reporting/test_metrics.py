"""The figures: what is counted, what is read off the system, and that Prometheus can read it."""

from __future__ import annotations

import ast
import logging
import math
import re
import threading
import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from bot.domain.enums import BrokerType, OrderState, Side
from bot.domain.events import EventKind, OperatorEvent
from bot.domain.ids import AccountId
from bot.domain.money import MINIMUM_FUNDED_BALANCE
from bot.domain.orders import Refused, Sized
from bot.reporting.listening import AnnouncementListener, Announcements
from bot.reporting.metrics import CONTENT_TYPE, Metrics
from bot.reporting.metrics.reasons import PLANNED_REASONS, REASONS, likely_reasons, reason_of
from bot.runtime.clock import SystemClock
from tests.fakes.clock import SettableClock
from tests.unit.reporting.metrics_parts import (
    DAIVON,
    MASTER,
    TANIA,
    FakeLive,
    account_state,
    busy_metrics,
    families,
    planned_copy,
    result_of,
    signal_of,
    value,
)

BOT = Path(__file__).resolve().parents[3] / "bot"
ACCOUNT = {"account": "daivon_frazier:kraken", "venue": "kraken", "role": "user"}


@pytest.fixture
def clock() -> SettableClock:
    return SettableClock()


@pytest.fixture
def metrics(clock: SettableClock) -> Metrics:
    made = Metrics("0.1.0", clock)
    made.listener.connected(MASTER)
    return made


class TestCopies:
    def test_one_that_was_taken_is_counted_with_its_time(self, metrics: Metrics, clock: SettableClock) -> None:
        metrics.listener.copy_ended(result_of(signal_of(clock), DAIVON, OrderState.ACCEPTED, milliseconds=41.0))
        assert value(metrics, "nija_copies_total", venue="kraken", state="ACCEPTED", reason="none") == 1
        assert value(metrics, "nija_copy_latency_seconds_count", venue="kraken") == 1
        assert value(metrics, "nija_copy_latency_seconds_sum", venue="kraken") == pytest.approx(0.041)
        assert value(metrics, "nija_copy_latency_seconds_bucket", venue="kraken", le="0.025") == 0
        assert value(metrics, "nija_copy_latency_seconds_bucket", venue="kraken", le="0.05") == 1

    def test_one_that_was_skipped_is_counted_by_its_code(self, metrics: Metrics, clock: SettableClock) -> None:
        refused = Refused("below minimum", "$0.50 of $1.00")
        metrics.listener.not_copying(planned_copy(signal_of(clock), DAIVON, refused, OrderState.SKIPPED))
        assert value(metrics, "nija_copies_total", venue="kraken", state="SKIPPED", reason="below minimum") == 1
        assert value(metrics, "nija_copy_latency_seconds_count", venue="kraken") == 0

    def test_an_exit_that_waits_and_an_observed_entry_are_counted(self, metrics: Metrics, clock: SettableClock) -> None:
        sized = Sized(Decimal(1), Decimal(1))
        signal = signal_of(clock)
        waits = "waiting: account paused: paused until 12:00:00 UTC"
        metrics.listener.not_copying(planned_copy(signal, DAIVON, sized, OrderState.PLANNED, waits))
        metrics.listener.not_copying(planned_copy(signal, DAIVON, sized, OrderState.OBSERVED, "observe mode"))
        assert value(metrics, "nija_copies_total", venue="kraken", state="PLANNED", reason="account paused") == 1
        assert value(metrics, "nija_copies_total", venue="kraken", state="OBSERVED", reason="observe mode") == 1

    @pytest.mark.parametrize("state", [OrderState.UNKNOWN, OrderState.PLANNED, OrderState.EXPIRED])
    def test_how_long_nobody_answered_is_no_latency(
        self, metrics: Metrics, clock: SettableClock, state: OrderState
    ) -> None:
        metrics.listener.copy_ended(result_of(signal_of(clock), DAIVON, state, "timeout", milliseconds=10_000.0))
        assert value(metrics, "nija_copy_latency_seconds_count", venue="kraken") == 0

    def test_a_copy_at_another_venue_counts_there(self, metrics: Metrics, clock: SettableClock) -> None:
        metrics.listener.copy_ended(result_of(signal_of(clock), TANIA, OrderState.ACCEPTED))
        assert value(metrics, "nija_copies_total", venue="coinbase", state="ACCEPTED", reason="none") == 1
        assert value(metrics, "nija_copies_total", venue="kraken", state="ACCEPTED", reason="none") == 0

    def test_a_venue_that_is_connected_begins_at_zero_so_that_the_first_failure_is_a_rise(
        self, metrics: Metrics
    ) -> None:
        for state in ("REJECTED", "FAILED", "UNKNOWN"):
            samples = [one for one in families(metrics)["nija_copies"].samples if one.labels["state"] == state]
            assert len(samples) > 5
            assert {one.value for one in samples} == {0}

    def test_connecting_again_sets_nothing_back(self, metrics: Metrics, clock: SettableClock) -> None:
        metrics.listener.copy_ended(result_of(signal_of(clock), DAIVON, OrderState.ACCEPTED))
        metrics.listener.connected(DAIVON)
        assert value(metrics, "nija_copies_total", venue="kraken", state="ACCEPTED", reason="none") == 1


class TestReasons:
    @pytest.mark.parametrize(
        ("state", "text", "code"),
        [
            (OrderState.ACCEPTED, "", "none"),
            (OrderState.SKIPPED, "below minimum: $0.50", "below minimum"),
            (OrderState.EXPIRED, "signal too old: 61 s, at most 60 s", "signal too old"),
            (OrderState.PLANNED, "waiting: kill switch: set by hand", "kill switch"),
            (OrderState.PLANNED, "account paused until 12:00:00 UTC: 5 failures", "account paused"),
            (OrderState.REJECTED, "EOrder:Insufficient funds", "insufficient funds"),
            (OrderState.REJECTED, "EOrder:Rate limit exceeded", "rate limited"),
            (OrderState.REJECTED, "EGeneral:Permission denied", "key refused"),
            (OrderState.REJECTED, "EOrder:Something nobody knows", "refused by the venue"),
            (OrderState.FAILED, "its answer was lost, and the venue does not have it", "not at the venue"),
            (OrderState.UNKNOWN, "EAPI:Invalid nonce: is the key used elsewhere too?", "nonce refused"),
            (OrderState.UNKNOWN, "HTTP 502", "no clear answer"),
            (OrderState.SKIPPED, "a new reason", "other"),
        ],
        ids=lambda one: str(one),
    )
    def test_a_text_has_its_code(self, state: OrderState, text: str, code: str) -> None:
        assert reason_of(state, text) == code

    @pytest.mark.parametrize("state", list(OrderState), ids=str)
    def test_whatever_a_venue_writes_the_code_is_of_the_list(self, state: OrderState) -> None:
        for text in ("", ":", "waiting: ", "EOrder:🚨 42", "x" * 1000, "nonce" * 3, 'a "quoted"\nline'):
            assert reason_of(state, text) in REASONS

    def test_the_list_is_short_and_what_begins_at_zero_is_of_it(self) -> None:
        assert len(REASONS) < 50
        assert {reason for _, reason in likely_reasons()} <= REASONS
        assert len(likely_reasons()) == len(set(likely_reasons()))

    @pytest.mark.parametrize("place", ["position_sizer.py", "copying/guards.py", "copying/plan.py"])
    def test_every_code_that_a_plan_gives_is_in_the_list(self, place: str) -> None:
        """A new one would be counted as ``other`` until it is named in bot/reporting/metrics/reasons.py."""
        calls = [node for node in ast.walk(ast.parse((BOT / place).read_text())) if isinstance(node, ast.Call)]
        codes = {
            call.args[0].value
            for call in calls
            if isinstance(call.func, ast.Name) and call.func.id == "Refused" and isinstance(call.args[0], ast.Constant)
        }
        assert codes
        assert codes <= PLANNED_REASONS


class TestSignals:
    @pytest.mark.parametrize("by_hand", [False, True], ids=["by the bot", "by hand"])
    @pytest.mark.parametrize("side", list(Side), ids=str)
    def test_one_is_counted_by_side_and_hand(
        self, metrics: Metrics, clock: SettableClock, side: Side, by_hand: bool
    ) -> None:
        metrics.listener.received(signal_of(clock, side=side, by_hand=by_hand))
        hand = "true" if by_hand else "false"
        assert value(metrics, "nija_signals_total", venue="kraken", side=side.value, by_hand=hand) == 1
        assert sum(one.value for one in families(metrics)["nija_signals"].samples) == 1

    def test_every_stage_has_the_time_since_the_masters_answer(self, metrics: Metrics, clock: SettableClock) -> None:
        signal = signal_of(clock)
        clock.advance(0.002)
        metrics.listener.emitted(signal)
        clock.advance(0.018)
        metrics.listener.received(signal)
        clock.advance(0.480)
        metrics.listener.summary(signal, [])
        for stage, seconds in (("queued", 0.002), ("sent", 0.020), ("settled", 0.500)):
            found = value(metrics, "nija_signal_latency_seconds_sum", venue="kraken", stage=stage)
            assert found == pytest.approx(seconds)
        assert value(metrics, "nija_master_order_duration_seconds_sum", venue="kraken") == pytest.approx(0.1)

    def test_a_signal_of_an_earlier_process_has_no_times(self, metrics: Metrics, clock: SettableClock) -> None:
        signal = replace(signal_of(clock), answered_ns=0, made_ns=0)
        metrics.listener.emitted(signal)
        metrics.listener.received(signal)
        metrics.listener.summary(signal, [])
        assert sum(one.value for one in families(metrics)["nija_signal_latency_seconds"].samples) == 0
        assert value(metrics, "nija_signals_total", venue="kraken", side="buy", by_hand="false") == 1

    def test_a_trade_by_hand_says_nothing_of_how_long_the_venue_takes(
        self, metrics: Metrics, clock: SettableClock
    ) -> None:
        metrics.listener.emitted(signal_of(clock, by_hand=True))
        assert value(metrics, "nija_master_order_duration_seconds_count", venue="kraken") == 0

    def test_buckets_reach_from_a_millisecond_to_a_minute(self) -> None:
        bounds = {
            one.labels["le"]
            for one in families(busy_metrics())["nija_copy_latency_seconds"].samples
            if "le" in one.labels
        }
        finite = sorted(float(bound) for bound in bounds if bound != "+Inf")
        assert (finite[0], finite[-1]) == (0.001, 60.0)

    def test_trouble_on_the_way_is_counted(self) -> None:
        metrics = busy_metrics()
        for name in ("signals_not_emitted", "plans_not_committed", "watch_interruptions", "watch_blind"):
            assert value(metrics, f"nija_{name}_total", venue="kraken") == 1

    def test_events_are_counted_by_kind(self, metrics: Metrics) -> None:
        metrics.listener.happened(OperatorEvent(EventKind.DRIFT, "x", 1.0, DAIVON))
        assert value(metrics, "nija_events_total", kind="drift") == 1
        assert {one.labels["kind"] for one in families(metrics)["nija_events"].samples} == set(EventKind)


class TestState:
    def test_the_system_is_shown_as_it_is_at_the_moment_of_asking(self, metrics: Metrics) -> None:
        live = FakeLive()
        metrics.watch(live)
        assert value(metrics, "nija_engine_alive") == 1
        assert value(metrics, "nija_engine_heartbeat_age_seconds") == 0.4
        assert value(metrics, "nija_signals_waiting") == 2
        assert value(metrics, "nija_kill_switch") == 0
        assert value(metrics, "nija_ledger_healthy") == 1
        assert value(metrics, "nija_observe_mode") == 0
        engine = replace(live.now.engine, alive=False, observing=True)
        live.now = replace(live.now, engine=engine, stopped="kill switch", ledger_error="disk full")
        assert value(metrics, "nija_engine_alive") == 0
        assert value(metrics, "nija_observe_mode") == 1
        assert value(metrics, "nija_kill_switch") == 1
        assert value(metrics, "nija_ledger_healthy") == 0

    def test_an_account_has_its_figures(self, metrics: Metrics) -> None:
        metrics.watch(FakeLive(account_state(DAIVON, waiting_orders=3, entries_stopped="disabled", paused=True)))
        expected = {
            "connected": 1,
            "paused": 1,
            "barred": 0,
            "entries_stopped": 1,
            "lane_alive": 1,
            "funded": 1,
            "orders_waiting": 3,
            "balance_usd": 1000.5,
            "equity_usd": 1200.25,
            "balances_timestamp_seconds": 1_790_000_000,
            "nonce_errors_total": 0,
        }
        for name, figure in expected.items():
            assert value(metrics, f"nija_account_{name}", **ACCOUNT) == figure, name

    def test_what_is_not_known_of_an_account_is_left_out(self, metrics: Metrics) -> None:
        metrics.watch(FakeLive(account_state(DAIVON, balance=None, equity=None, balances_at=None, connected=False)))
        for name in ("balance_usd", "equity_usd", "funded", "balances_timestamp_seconds"):
            assert math.isnan(value(metrics, f"nija_account_{name}", **ACCOUNT))
        assert value(metrics, "nija_account_connected", **ACCOUNT) == 0

    @pytest.mark.parametrize(("less", "funded"), [("0", 1), ("0.01", 0)], ids=["just enough", "a cent less"])
    def test_an_account_is_funded_from_the_smallest_balance_that_trades(
        self, metrics: Metrics, less: str, funded: int
    ) -> None:
        metrics.watch(FakeLive(account_state(DAIVON, balance=MINIMUM_FUNDED_BALANCE - Decimal(less))))
        assert value(metrics, "nija_account_funded", **ACCOUNT) == funded

    def test_restarts_of_lanes_are_counted_together(self, metrics: Metrics) -> None:
        live = FakeLive()
        metrics.watch(live)
        assert value(metrics, "nija_service_restarts_total", service="lane") == 0
        restarts = {"lane daivon_frazier:kraken": 2, "lane master:kraken": 1, "copy engine": 1, "reconnect": 4}
        live.now = replace(live.now, restarts=restarts)
        for service, times in (("lane", 3), ("copy engine", 1), ("reconnect", 4)):
            assert value(metrics, "nija_service_restarts_total", service=service) == times

    def test_a_state_that_cannot_be_read_leaves_the_counts(
        self, metrics: Metrics, clock: SettableClock, caplog: pytest.LogCaptureFixture
    ) -> None:
        live = FakeLive()
        live.error = RuntimeError("dictionary changed size during iteration")
        metrics.watch(live)
        metrics.listener.copy_ended(result_of(signal_of(clock), DAIVON, OrderState.ACCEPTED))
        with caplog.at_level(logging.ERROR, logger="nija.metrics"):
            assert value(metrics, "nija_state_known") == 0
        assert caplog.records
        assert value(metrics, "nija_copies_total", venue="kraken", state="ACCEPTED", reason="none") == 1
        assert math.isnan(value(metrics, "nija_engine_alive"))

    def test_before_there_is_a_system_there_are_figures(self, clock: SettableClock) -> None:
        fresh = Metrics("0.1.0", clock)
        assert value(fresh, "nija_state_known") == 0
        assert value(fresh, "nija_build_info", version="0.1.0") == 1
        assert value(fresh, "process_resident_memory_bytes") > 1_000_000


class TestFormat:
    def test_it_is_prometheus_text(self) -> None:
        assert CONTENT_TYPE == "text/plain; version=0.0.4; charset=utf-8"
        assert busy_metrics().render().endswith(b"\n")

    def test_no_series_comes_twice(self) -> None:
        lines = [line for line in busy_metrics().render().decode().splitlines() if not line.startswith("#")]
        names = [line.rpartition(" ")[0] for line in lines]
        assert len(names) == len(set(names))
        assert not [name for name in names if "_created" in name]

    def test_names_follow_the_rules_of_prometheus(self) -> None:
        """As `promtool check metrics` has them: units, endings, help, no kind of metric in a name."""
        whole_units = {"seconds", "bytes", "usd"}
        parts_of_units = {"ms", "us", "ns", "minutes", "hours", "milliseconds", "microseconds", "kb", "mb", "percent"}
        for name, family in families(busy_metrics()).items():
            words = name.split("_")
            assert re.fullmatch(r"[a-z][a-z0-9_]*", name), name
            assert family.documentation, name
            assert not {"counter", "gauge", "histogram", "summary"} & set(words), name
            assert not parts_of_units & set(words), name
            assert not (whole_units & set(words[:-1])) or words[-1] in {"seconds", "total", "bytes"}, name
            if family.type == "counter":
                assert all(one.name.endswith("_total") for one in family.samples), name
            else:
                assert not name.endswith(("_total", "_count", "_sum", "_bucket")), name
            if family.type == "histogram":
                assert name.endswith("_seconds"), name
            for sample in family.samples:
                assert all(re.fullmatch(r"[a-z][a-z_]*", label) for label in sample.labels), name
                assert family.type == "histogram" or not {"le", "quantile"} & set(sample.labels), name

    def test_a_name_with_odd_signs_is_one_label(self, metrics: Metrics) -> None:
        odd = AccountId('o"dd\\\nname', BrokerType.KRAKEN)
        metrics.watch(FakeLive(account_state(odd)))
        assert value(metrics, "nija_account_connected", account=str(odd), venue="kraken", role="user") == 1

    def test_users_are_in_the_figures_of_accounts_alone(self) -> None:
        for name, family in families(busy_metrics()).items():
            if not name.startswith("nija_account_"):
                assert all("daivon" not in "".join(one.labels.values()) for one in family.samples), name

    def test_nothing_is_in_the_registry_that_all_programs_share(self) -> None:
        busy_metrics()
        assert not [family.name for family in REGISTRY.collect() if family.name.startswith("nija")]

    def test_two_do_not_know_of_each_other(self, clock: SettableClock) -> None:
        one, other = Metrics("1", clock), Metrics("2", clock)
        one.listener.connected(MASTER)
        assert math.isnan(value(other, "nija_watch_blind_total", venue="kraken"))


class TestManyThreads:
    def test_no_count_is_lost_and_it_can_be_read_meanwhile(self, clock: SettableClock) -> None:
        metrics, threads, each = Metrics("1", clock), 8, 500
        metrics.watch(FakeLive())
        result = result_of(signal_of(clock), DAIVON, OrderState.ACCEPTED)
        ended = threading.Event()

        def copy() -> None:
            for _ in range(each):
                metrics.listener.copy_ended(result)

        def read() -> None:
            while not ended.is_set():
                families(metrics)

        reader = threading.Thread(target=read)
        writers = [threading.Thread(target=copy) for _ in range(threads)]
        for thread in (reader, *writers):
            thread.start()
        for thread in writers:
            thread.join(30)
        ended.set()
        reader.join(30)
        assert value(metrics, "nija_copies_total", venue="kraken", state="ACCEPTED", reason="none") == threads * each
        assert value(metrics, "nija_copy_latency_seconds_count", venue="kraken") == threads * each

    def test_it_listens_to_what_all_listeners_are_told(self, metrics: Metrics, clock: SettableClock) -> None:
        announcements = Announcements(AnnouncementListener(), metrics.listener)
        announcements.received(signal_of(clock))
        assert value(metrics, "nija_signals_total", venue="kraken", side="buy", by_hand="false") == 1


@pytest.mark.benchmark
def test_a_copy_costs_less_than_20_microseconds() -> None:
    clock = SystemClock()
    metrics = Metrics("1", clock)
    result = result_of(signal_of(SettableClock()), DAIVON, OrderState.REJECTED, "EOrder:Something nobody knows")
    best = math.inf
    for _ in range(20):
        began = time.perf_counter()
        for _ in range(200):
            metrics.listener.copy_ended(result)
        best = min(best, (time.perf_counter() - began) / 200)
    assert best < 20e-6
