"""Any venue's socket over real connections: it listens, and whatever happens to a connection, it mends itself."""

from __future__ import annotations

import http
import json
import time
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import pytest

from bot.brokers.stream import StreamTiming
from bot.domain.enums import Side
from bot.domain.executions import Execution
from tests.fakes.socket_server import Peer, deaf, nobody, serving
from tests.unit.brokers.stream.stand import (
    ALPACA,
    CALM,
    COINBASE,
    KRAKEN,
    MOMENT,
    QUICK,
    Ear,
    Venue,
    coinbase_greets,
    running,
    wait_until,
)

FIRST = ("O-1", "0.1", "0.1", "50000.5")
SECOND = ("O-2", "0.2", "0.2", "50001")


def mute(peer: Peer) -> None:
    peer.mute()
    peer.stay()


class TestListening:
    def test_what_trades_is_told(self, venue: Venue, ear: Ear) -> None:
        with serving(venue.good(venue.fill(1, *FIRST))) as server, running(venue.make(server.url, ear, CALM)):
            ear.wait_for_executions(1)

        (told,) = ear.executions
        assert (told.account, told.order_id, told.client_order_id) == (venue.account, "O-1", "name-O-1")
        assert (told.symbol, told.side, told.time) == ("BTC-USD", Side.BUY, MOMENT)
        assert (told.quantity, told.price, told.executed) == (Decimal("0.1"), Decimal("50000.5"), Decimal("0.1"))
        assert told.complete is False
        assert ear.said == ["listening", "executed"]

    def test_it_is_healthy_while_it_listens_and_not_before(self, venue: Venue, ear: Ear) -> None:
        with serving(venue.good()) as server:
            stream = venue.make(server.url, ear, CALM)
            assert stream.healthy is False
            with running(stream):
                ear.wait_for("listening")
                assert stream.healthy is True
            assert stream.healthy is False

    def test_quiet_is_not_silence(self, venue: Venue, ear: Ear) -> None:
        """Nothing trades for longer than a dead connection may stay unnoticed, and the connection is kept."""
        timing = replace(QUICK, silence_s=1.0)
        with serving(venue.good()) as server, running(venue.make(server.url, ear, timing)) as stream:
            ear.wait_for("listening")
            time.sleep(2.5)

            assert stream.healthy is True
            assert (server.asked, ear.said) == (1, ["listening"])

    def test_frames_may_be_binary(self, venue: Venue, ear: Ear) -> None:
        def speaks_in_binary(peer: Peer) -> None:
            say = peer.say_raw
            peer.say_raw = lambda text: say(text.encode() if isinstance(text, str) else text)  # type: ignore[method-assign]
            peer.say = lambda *messages: [peer.say_raw(json.dumps(message)) for message in messages]  # type: ignore[method-assign]
            venue.good(venue.fill(1, *FIRST))(peer)

        with serving(speaks_in_binary) as server, running(venue.make(server.url, ear, CALM)):
            ear.wait_for_executions(1)

    def test_starting_twice_is_a_mistake(self, venue: Venue, ear: Ear) -> None:
        with (
            serving(venue.good()) as server,
            running(venue.make(server.url, ear, CALM)) as stream,
            pytest.raises(RuntimeError, match="started before"),
        ):
            stream.start()


#: What a sound connection dies of, and a word of the reason that is told.
ENDINGS: dict[str, tuple[Callable[[Venue], Callable[[Peer], None]], str]] = {
    "closed with code 1000": (lambda venue: lambda peer: peer.close(1000, "bye"), "closed by the venue: 1000 bye"),
    "closed with code 1001": (lambda venue: lambda peer: peer.close(1001), "closed by the venue: 1001"),
    "closed for a fault": (lambda venue: lambda peer: peer.close(1011, "oh"), "closed by the venue: 1011 oh"),
    "cut": (lambda venue: lambda peer: peer.cut(), "the connection was lost"),
    "no json": (lambda venue: lambda peer: peer.say_raw("{nonsense"), "a message is no JSON (JSONDecodeError)"),
    "no object": (lambda venue: lambda peer: peer.say_raw("[1]"), "a message is no JSON object"),
    "nan": (lambda venue: lambda peer: peer.say_raw('{"a": NaN}'), "a message is no JSON"),
    "deep": (lambda venue: lambda peer: peer.say_raw("[" * 200_000), "a message is no JSON"),
    "endless number": (lambda venue: lambda peer: peer.say_raw('{"a": ' + "9" * 5000 + "}"), "a message is no JSON"),
    "no text": (lambda venue: lambda peer: peer.say_badly(b"\xff\xfe"), ""),
    "too large": (lambda venue: lambda peer: peer.say_raw('"' + "a" * (5 * 2**20) + '"'), "1009"),
    "unreadable": (lambda venue: lambda peer: peer.say(venue.broken(2)), "a message cannot be read"),
}


class TestMending:
    @pytest.mark.parametrize("ending", list(ENDINGS))
    def test_a_connection_that_ends_is_made_anew(self, venue: Venue, ear: Ear, ending: str) -> None:
        act, reason = ENDINGS[ending]

        def dies(peer: Peer) -> None:
            act(venue)(peer)
            peer.stay()

        first = venue.then(lambda peer: peer.say(venue.fill(1, *FIRST)), dies)
        with (
            serving(first, venue.good(venue.fill(1, *SECOND))) as server,
            running(venue.make(server.url, ear, CALM)) as stream,
        ):
            ear.wait_for_executions(2)
            assert stream.healthy is True

        assert [told.order_id for told in ear.executions] == ["O-1", "O-2"]
        listening, executed, told, *rest = ear.said
        assert (listening, executed, rest) == ("listening", "executed", ["listening", "executed"])
        assert reason in told

    def test_silence_of_a_connection_that_stays_open_is_noticed(self, venue: Venue, ear: Ear) -> None:
        with (
            serving(venue.then(mute), venue.good(venue.fill(1, *FIRST))) as server,
            running(venue.make(server.url, ear, QUICK)),
        ):
            ear.wait_for_executions(1)

        assert ear.reasons[0] == "silent for 0.5 s"
        assert ear.at("silent") - ear.at("listening") < 2 * QUICK.silence_s

    def test_with_the_times_as_they_come_silence_is_noticed_within_half_a_minute(self) -> None:
        timing = StreamTiming()

        assert timing.silence_s + timing.ask_s < 30
        assert timing.ask_s < timing.silence_s / 2

    def test_it_is_not_healthy_while_it_is_silent(self, venue: Venue, ear: Ear) -> None:
        timing = replace(QUICK, silence_s=1.0)
        with (
            serving(venue.then(mute), lambda peer: peer.stay()) as server,
            running(venue.make(server.url, ear, timing)) as stream,
        ):
            ear.wait_for("listening")
            assert stream.healthy is True
            wait_until(lambda: not stream.healthy, 2 * timing.silence_s)

    def test_what_is_not_acknowledged_in_time_is_begun_anew(self, venue: Venue, ear: Ear) -> None:
        def never(peer: Peer) -> None:
            # Something comes all the time, but never what counts.
            peer.beat({"channel": "heartbeats_of_others"}, 0.05)

        with serving(never, venue.good()) as server, running(venue.make(server.url, ear, QUICK)):
            ear.wait_for("listening")

        assert ear.said[0] == "the subscription was not acknowledged within 0.6 s"

    def test_a_late_acknowledgement_is_one(self, venue: Venue, ear: Ear) -> None:
        def late(peer: Peer) -> None:
            time.sleep(0.3)
            venue.good()(peer)

        with serving(late) as server, running(venue.make(server.url, ear, CALM)):
            ear.wait_for("listening")

        assert ear.said == ["listening"]

    def test_a_venue_that_sends_connections_away_is_asked_again(self, venue: Venue, ear: Ear) -> None:
        with serving(venue.good()) as server:
            server.status = http.HTTPStatus.SERVICE_UNAVAILABLE
            with running(venue.make(server.url, ear, CALM)):
                ear.wait_for("no connection: HTTP 503", 3)
                server.status = None
                ear.wait_for("listening")

    def test_a_venue_that_is_away_is_asked_again(self, venue: Venue, ear: Ear) -> None:
        with nobody() as url, running(venue.make(url, ear, CALM)):
            ear.wait_for("no connection (Connection refused)", 3)

    def test_a_venue_that_takes_the_connection_and_says_nothing_is_given_up(self, venue: Venue, ear: Ear) -> None:
        with deaf() as url, running(venue.make(url, ear, replace(CALM, open_s=0.2))):
            ear.wait_for("no connection in time", 2)

    def test_whoever_is_turned_away_waits_long_and_says_so_each_time(self, venue: Venue, ear: Ear) -> None:
        timing = replace(CALM, first_wait_s=0.001, longest_wait_s=0.6)
        with serving(venue.refuse) as server, running(venue.make(server.url, ear, timing)) as stream:
            ear.wait(lambda one: len(one.reasons) >= 3)
            assert stream.healthy is False

        assert set(ear.said) == set(ear.reasons)
        waits = [later - earlier for (_, earlier), (_, later) in zip(ear.events, ear.events[1:], strict=False)]
        assert all(wait >= timing.longest_wait_s / 2 for wait in waits)

    def test_the_first_new_connection_is_made_at_once(self, venue: Venue, ear: Ear) -> None:
        slow = replace(CALM, first_wait_s=60, longest_wait_s=60)
        with (
            serving(venue.then(lambda peer: peer.cut()), venue.good()) as server,
            running(venue.make(server.url, ear, slow)),
        ):
            ear.wait_for("listening", 2)

        assert ear.at("listening", 1) - ear.at("lost") < 5

    def test_a_venue_that_takes_and_cuts_connections_is_not_stormed(self, venue: Venue, ear: Ear) -> None:
        slow = replace(CALM, first_wait_s=60, longest_wait_s=60)
        with serving(venue.then(lambda peer: peer.cut())) as server, running(venue.make(server.url, ear, slow)):
            ear.wait_for("lost", 2)
            time.sleep(0.3)

            assert server.asked == 2

    def test_after_a_steady_connection_the_waits_begin_anew(self, venue: Venue, ear: Ear) -> None:
        slow = replace(CALM, ask_s=0.05, first_wait_s=60, longest_wait_s=60, steady_s=0.2)

        def cut_later(peer: Peer) -> None:
            time.sleep(1.0)
            peer.cut()

        with serving(venue.then(cut_later)) as server, running(venue.make(server.url, ear, slow)):
            ear.wait_for("listening", 3)


class TestTheListenersFaults:
    def test_one_that_raises_harms_nothing(self, venue: Venue) -> None:
        ear = Ear(failing=True)
        with (
            serving(venue.then(lambda peer: peer.cut()), venue.good(venue.fill(1, *FIRST))) as server,
            running(venue.make(server.url, ear, CALM)) as stream,
        ):
            ear.wait_for_executions(1)
            assert stream.healthy is True

        assert [said if said in ("listening", "executed") else "lost" for said in ear.said] == [
            "listening",
            "lost",
            "listening",
            "executed",
        ]


class TestOneVenueOnly:
    def test_kraken_is_asked_for_a_sign_of_life(self, ear: Ear) -> None:
        def without_heartbeats(peer: Peer) -> None:
            peer.stay(KRAKEN.answer)

        timing = replace(QUICK, silence_s=1.0)
        with (
            serving(KRAKEN.then(without_heartbeats)) as server,
            running(KRAKEN.make(server.url, ear, timing)) as stream,
        ):
            ear.wait_for("listening")
            time.sleep(2.0)

            assert stream.healthy is True
            assert [message["method"] for message in server.peers[0].heard].count("ping") >= 2
        assert ear.said == ["listening"]

    def test_heartbeats_that_end_are_silence_although_something_answers_pings(self, ear: Ear) -> None:
        """An edge server that lives on in front of a dead channel."""

        def edge(peer: Peer) -> None:
            coinbase_greets(peer)
            for _ in range(100):
                peer.ping()
                time.sleep(0.05)

        with serving(edge, COINBASE.good()) as server, running(COINBASE.make(server.url, ear, QUICK)):
            ear.wait_for("listening", 2)

        assert ear.reasons == ["silent for 0.5 s"]

    def test_alpaca_says_nothing_and_is_alive(self, ear: Ear) -> None:
        timing = replace(QUICK, silence_s=1.0)
        with serving(ALPACA.good()) as server, running(ALPACA.make(server.url, ear, timing)) as stream:
            ear.wait_for("listening")
            time.sleep(2.0)

            assert stream.healthy is True
        assert ear.said == ["listening"]

    @pytest.mark.parametrize("venue", [KRAKEN, COINBASE], ids=["kraken", "coinbase"])
    def test_a_gap_is_an_interruption(self, venue: Venue, ear: Ear) -> None:
        first = venue.then(
            lambda peer: peer.say(venue.fill(1, *FIRST), venue.fill(3, *SECOND)), lambda peer: peer.stay()
        )
        with (
            serving(first, venue.good(venue.fill(1, *SECOND))) as server,
            running(venue.make(server.url, ear, CALM)),
        ):
            ear.wait_for_executions(2)

        assert ear.said[:4] == ["listening", "executed", ear.reasons[0], "listening"]
        assert ear.reasons[0].startswith("a message is missing: ")

    @pytest.mark.parametrize("venue", [KRAKEN, COINBASE], ids=["kraken", "coinbase"])
    def test_the_same_message_again_is_nothing(self, venue: Venue, ear: Ear) -> None:
        first, second = venue.fill(1, *FIRST), venue.fill(2, *SECOND)
        with (
            serving(venue.good(first, first, second, first, second)) as server,
            running(venue.make(server.url, ear, CALM)),
        ):
            ear.wait_for_executions(2)
            time.sleep(0.2)

        assert [told.order_id for told in ear.executions] == ["O-1", "O-2"]
        assert ear.reasons == []

    @pytest.mark.parametrize("venue", [KRAKEN, COINBASE], ids=["kraken", "coinbase"])
    def test_another_message_of_a_known_number_is_an_interruption(self, venue: Venue, ear: Ear) -> None:
        first = venue.then(
            lambda peer: peer.say(venue.fill(1, *FIRST), venue.fill(1, *SECOND)), lambda peer: peer.stay()
        )
        with serving(first, venue.good()) as server, running(venue.make(server.url, ear, CALM)):
            ear.wait_for("with another message")
            ear.wait_for("listening", 2)


def test_an_execution_is_told_once_for_each_message(venue: Venue, ear: Ear) -> None:
    fills = [("O-1", "0.1", "0.1", "50000"), ("O-1", "0.2", "0.3", "50000"), ("O-2", "0.5", "0.5", "50000")]
    messages = [venue.fill(number, *fill) for number, fill in enumerate(fills, start=1)]
    with serving(venue.good(*messages)) as server, running(venue.make(server.url, ear, CALM)):
        ear.wait_for_executions(3)

    def essence(told: Execution) -> tuple[str, Decimal, Decimal]:
        return told.order_id, told.quantity, told.executed

    assert [essence(told) for told in ear.executions] == [
        (order, Decimal(quantity), Decimal(executed)) for order, quantity, executed, _ in fills
    ]
