"""The ways in which the sockets of the venues' SDKs die or fall silent without a word: here each of them is told."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import pytest

from bot.domain.errors import AccountBarred, RateLimited, SettingsError, VenueUnclear, VenueUnreachable
from bot.domain.executions import Execution
from tests.fakes.socket_server import Peer, serving
from tests.unit.brokers.conftest import Certificate
from tests.unit.brokers.stream.stand import (
    ALPACA,
    CALM,
    COINBASE,
    KRAKEN,
    PATIENCE_S,
    QUICK,
    Ear,
    Venue,
    alpaca_fill,
    coinbase_greets,
    running,
    wait_until,
)

FILL = ("O-1", "0.1", "0.1", "50000")


def test_a_close_with_code_1000_is_no_end(venue: Venue, ear: Ear) -> None:
    """coinbase-advanced-py: the reader ends, without a retry and without an exception."""
    with (
        serving(venue.greet, venue.good(venue.fill(1, *FILL))) as server,
        running(venue.make(server.url, ear, CALM)) as stream,
    ):
        ear.wait_for("closed by the venue: 1000")
        ear.wait_for_executions(1)
        assert stream.healthy is True


class _Faulty(Ear):
    def executed(self, executions: Sequence[Execution]) -> None:
        super().executed(executions)
        raise KeyError("channel")


def test_a_fault_in_the_handler_does_not_kill_the_reader(venue: Venue) -> None:
    """coinbase-advanced-py: an exception in on_message ends the reader task, and nothing says so."""
    ear = _Faulty()
    fills = [venue.fill(1, *FILL), venue.fill(2, "O-2", "0.2", "0.2", "50000")]
    with serving(venue.good(*fills)) as server, running(venue.make(server.url, ear, CALM)) as stream:
        ear.wait_for_executions(2)
        assert stream.healthy is True


def test_an_error_frame_is_read_as_one(ear: Ear) -> None:
    """coinbase-advanced-py: it has no channel, which its own class answers with a KeyError."""
    first = COINBASE.then(lambda peer: peer.say({"type": "error", "message": "no more"}), lambda peer: peer.stay())
    with serving(first, COINBASE.good()) as server, running(COINBASE.make(server.url, ear, CALM)):
        ear.wait_for("the venue said: no more")
        ear.wait_for("listening", 2)


def test_a_new_connection_subscribes_to_everything_again(venue: Venue, ear: Ear) -> None:
    """coinbase-advanced-py: channels of all products are not restored on a new connection."""
    with serving(venue.then(lambda peer: peer.cut()), venue.good()) as server:
        with running(venue.make(server.url, ear, CALM)):
            ear.wait_for("listening", 2)

        said = [[message for message in peer.heard if message.get("method") != "ping"] for peer in server.peers]
        assert said[0] == said[1] != []


def test_a_channel_that_is_not_acknowledged_is_not_taken_for_quiet(ear: Ear) -> None:
    """Heartbeats alone look alive."""

    def only_heartbeats(peer: Peer) -> None:
        peer.hear()
        peer.hear()
        peer.beat({"channel": "heartbeats", "events": []}, 0.05)

    with serving(only_heartbeats) as server, running(COINBASE.make(server.url, ear, QUICK)) as stream:
        ear.wait_for("the subscription was not acknowledged")
        assert stream.healthy is False


def test_tries_never_come_to_an_end(venue: Venue, ear: Ear) -> None:
    """coinbase-advanced-py: five, and then an exception in the background."""
    with serving(lambda peer: peer.cut()) as server, running(venue.make(server.url, ear, CALM)) as stream:
        ear.wait(lambda one: len(one.reasons) >= 8)
        assert stream.alive is True


def test_bad_keys_are_told_each_time_and_not_hammered(ear: Ear) -> None:
    """alpaca-py: ValueError inside the loop, only logged, and four tries in six seconds for ever."""
    timing = replace(CALM, first_wait_s=0.001, longest_wait_s=1.0)
    with serving(ALPACA.refuse) as server, running(ALPACA.make(server.url, ear, timing)):
        began = time.monotonic()
        ear.wait_for("the key was refused", 3)

    assert time.monotonic() - began >= 2 * timing.longest_wait_s / 2


def test_an_event_that_cannot_be_read_is_not_lost(ear: Ear) -> None:
    """alpaca-py: logged, and that event is lost; the stream goes on."""
    odd = alpaca_fill("O-9", "?", "1", "50000")
    with (
        serving(ALPACA.good(odd), ALPACA.good(alpaca_fill(*FILL))) as server,
        running(ALPACA.make(server.url, ear, CALM)),
    ):
        ear.wait_for_executions(1)

    # Whoever is told so asks the venue, once the socket listens again.
    assert ear.said[:3] == ["listening", ear.reasons[0], "listening"]
    assert ear.reasons[0].startswith("a message cannot be read: ")


def test_unknown_words_beside_a_fill_do_not_hide_it(ear: Ear) -> None:
    """alpaca-py: an enum that it does not know inside the order makes the whole event unreadable."""
    fill = alpaca_fill(*FILL, order={"status": "brand_new_status", "order_class": "spiral", "time_in_force": "fok2"})
    with serving(ALPACA.good(fill)) as server, running(ALPACA.make(server.url, ear, CALM)):
        ear.wait_for_executions(1)


def test_a_dead_peer_is_noticed_though_nothing_is_expected(venue: Venue, ear: Ear) -> None:
    """Where the other side is gone without a word: alpaca-py notices after three minutes."""

    def dead(peer: Peer) -> None:
        venue.greet(peer)
        peer.mute()
        peer.stay()

    with serving(dead, venue.good()) as server, running(venue.make(server.url, ear, QUICK)):
        ear.wait_for("listening", 2)

    assert ear.reasons == ["silent for 0.5 s"]


def test_a_connection_that_never_said_hello_is_noticed(ear: Ear) -> None:
    with serving(lambda peer: peer.stay(), ALPACA.good()) as server, running(ALPACA.make(server.url, ear, QUICK)):
        ear.wait_for("listening")

    assert ear.reasons == ["the subscription was not acknowledged within 0.6 s"]


def test_whoever_shows_no_certificate_gets_no_token(venue: Venue, ear: Ear, certificate: Certificate) -> None:
    """coinbase-advanced-py: any certificate of anybody will do."""
    with serving(venue.good(), tls=certificate.context) as server, running(venue.make(server.url, ear, CALM)):
        ear.wait_for("the certificate is not to be trusted")
        assert server.peers == []


class TestTokens:
    """Only Kraken's are asked for over the network."""

    def test_each_connection_has_one_of_its_own(self, ear: Ear) -> None:
        tokens = iter(["token-one", "token-two"])
        with serving(KRAKEN.then(lambda peer: peer.cut()), KRAKEN.good()) as server:
            with running(KRAKEN.make(server.url, ear, CALM, lambda: next(tokens))):
                ear.wait_for("listening", 2)

            assert [peer.heard[0]["params"]["token"] for peer in server.peers] == ["token-one", "token-two"]

    @pytest.mark.parametrize(
        ("error", "wait_s"),
        [
            (VenueUnreachable("no route"), 0.0),
            (VenueUnclear("HTTP 502"), 0.0),
            (VenueUnclear("EService:Unavailable"), 0.5),
            (RateLimited("EAPI:Rate limit exceeded", 0.7), 0.7),
            (AccountBarred("EAPI:Invalid key"), 0.45),
        ],
        ids=["unreachable", "unclear", "maintenance", "limited", "barred"],
    )
    def test_one_that_is_not_to_be_had(self, ear: Ear, error: Exception, wait_s: float) -> None:
        asked: list[float] = []

        def token() -> str:
            asked.append(time.monotonic())
            if len(asked) == 1:
                raise error
            return "token"

        timing = replace(CALM, first_wait_s=0.001, longest_wait_s=0.9, maintenance_s=0.5)
        with serving(KRAKEN.good()) as server, running(KRAKEN.make(server.url, ear, timing, token)):
            ear.wait_for("listening")

        assert ear.reasons == [f"no token for the socket: {error}"]
        assert wait_s <= asked[1] - asked[0] < wait_s + 3

    def test_a_key_that_signs_nothing(self, ear: Ear) -> None:
        def jwt() -> str:
            raise SettingsError("the COINBASE API secret is no private key")

        with serving(COINBASE.good()) as server, running(COINBASE.make(server.url, ear, CALM, jwt)):
            ear.wait_for("no private key", 2)

    def test_whatever_else_happens_the_thread_lives(self, ear: Ear) -> None:
        def token() -> str:
            raise ZeroDivisionError

        with serving(KRAKEN.good()) as server, running(KRAKEN.make(server.url, ear, CALM, token)) as stream:
            ear.wait_for("an error of the program (ZeroDivisionError)", 3)
            assert stream.alive is True

    def test_one_that_never_comes_does_not_keep_the_process(self, ear: Ear) -> None:
        asked: list[bool] = []

        def token() -> str:
            asked.append(True)
            time.sleep(5)
            return "late"

        with serving(KRAKEN.good()) as server:
            stream = KRAKEN.make(server.url, ear, CALM, token)
            stream.start()
            wait_until(lambda: asked)
            stream.stop()
            assert stream.join(time.monotonic() + 1) is True


class TestMaintenance:
    def test_the_next_connection_waits(self, ear: Ear) -> None:
        def closed_for_maintenance(peer: Peer) -> None:
            peer.say({"channel": "status", "type": "update", "data": [{"system": "maintenance"}]})
            peer.hear()
            peer.close(1012, "service restart")

        timing = replace(CALM, first_wait_s=0.001, longest_wait_s=0.002, maintenance_s=0.6)
        with serving(closed_for_maintenance, KRAKEN.good()) as server, running(KRAKEN.make(server.url, ear, timing)):
            ear.wait_for("listening")

        assert ear.at("listening") - ear.at("service restart") >= 0.6

    def test_afterwards_it_does_not(self, ear: Ear) -> None:
        timing = replace(CALM, maintenance_s=60.0)
        with (
            serving(KRAKEN.then(lambda peer: peer.cut()), KRAKEN.good()) as server,
            running(KRAKEN.make(server.url, ear, timing)),
        ):
            ear.wait_for("listening", 2)


def test_an_edge_that_pings_is_not_the_venue(ear: Ear) -> None:
    """Frames of the protocol come from whoever stands in front; only heartbeats come from the venue."""

    def edge(peer: Peer) -> None:
        coinbase_greets(peer)
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            peer.ping()
            time.sleep(0.05)

    with serving(edge) as server, running(COINBASE.make(server.url, ear, QUICK)):
        ear.wait_for("silent for 0.5 s")
