"""Any venue's socket ends at once, whatever it does, and speaks to nobody whom it does not trust."""

from __future__ import annotations

import time
from dataclasses import replace

from tests.fakes.socket_server import Peer, deaf, held_back, nobody, serving
from tests.unit.brokers.conftest import Certificate
from tests.unit.brokers.stream.stand import CALM, PATIENCE_S, Ear, Venue, running, wait_until

FILL = ("O-1", "0.1", "0.1", "50000.5")


def mute(peer: Peer) -> None:
    peer.mute()
    peer.stay()


class TestEnding:
    """It ends within a second, whatever it does."""

    @staticmethod
    def ends(stream: object, within_s: float = 1.0) -> None:
        began = time.monotonic()
        stream.stop()  # type: ignore[attr-defined]
        assert time.monotonic() - began < 0.3
        assert stream.join(began + within_s) is True  # type: ignore[attr-defined]

    def test_while_it_listens(self, venue: Venue, ear: Ear) -> None:
        with serving(venue.good()) as server:
            stream = venue.make(server.url, ear, replace(CALM, ask_s=100.0, silence_s=300.0))
            stream.start()
            ear.wait_for("listening")
            self.ends(stream)

        assert ear.said == ["listening"]
        assert stream.healthy is False

    def test_while_the_other_side_is_silent(self, venue: Venue, ear: Ear) -> None:
        with serving(venue.then(mute)) as server:
            stream = venue.make(server.url, ear, replace(CALM, ask_s=100.0, silence_s=300.0))
            stream.start()
            ear.wait_for("listening")
            self.ends(stream)

    def test_while_it_connects(self, venue: Venue, ear: Ear) -> None:
        with deaf() as url:
            stream = venue.make(url, ear, replace(CALM, open_s=60.0))
            stream.start()
            wait_until(lambda: stream._opening is not None)
            self.ends(stream)

        assert ear.said == []

    def test_while_it_waits_for_the_acknowledgement(self, venue: Venue, ear: Ear) -> None:
        with serving(lambda peer: peer.stay()) as server:
            stream = venue.make(server.url, ear, replace(CALM, acknowledge_s=300.0, silence_s=300.0))
            stream.start()
            wait_until(lambda: server.peers and server.peers[0].heard)
            self.ends(stream)

    def test_while_it_waits_for_the_next_connection(self, venue: Venue, ear: Ear) -> None:
        with nobody() as url:
            stream = venue.make(url, ear, replace(CALM, first_wait_s=300.0, longest_wait_s=300.0))
            stream.start()
            ear.wait_for("no connection", 2)
            self.ends(stream)

    def test_before_it_began(self, venue: Venue, ear: Ear) -> None:
        with nobody() as url:
            stream = venue.make(url, ear)
            stream.stop()
            assert stream.join(time.monotonic()) is True
            stream.start()
            assert stream.join(time.monotonic() + PATIENCE_S) is True

        assert ear.said == []

    def test_a_connection_that_comes_about_too_late_is_closed(self, venue: Venue, ear: Ear) -> None:
        gone: list[bool] = []

        def late(peer: Peer) -> None:
            peer.stay()
            gone.append(True)

        with serving(late) as server, held_back(server.url) as (url, let_go):
            stream = venue.make(url, ear, CALM)
            stream.start()
            wait_until(lambda: stream._opening is not None)
            time.sleep(0.1)
            self.ends(stream)
            let_go()
            wait_until(lambda: gone)

        assert ear.said == []


class TestTls:
    def test_a_certificate_of_nobody_is_refused(self, venue: Venue, ear: Ear, certificate: Certificate) -> None:
        with serving(venue.good(), tls=certificate.context) as server:
            with running(venue.make(server.url, ear, CALM)):
                ear.wait_for("the certificate is not to be trusted", 2)

            assert server.peers == []

    def test_one_of_a_known_authority_is_taken(self, venue: Venue, ear: Ear, certificate: Certificate) -> None:
        with (
            serving(venue.good(venue.fill(1, *FILL)), tls=certificate.context) as server,
            running(venue.make(server.url, ear, CALM, ca_file=certificate.ca_file)),
        ):
            ear.wait_for_executions(1)

    def test_one_for_another_name_is_refused(self, venue: Venue, ear: Ear, certificate: Certificate) -> None:
        with serving(venue.good(), tls=certificate.context) as server:
            url = server.url.replace("127.0.0.1", "127.0.0.2")
            with running(venue.make(url, ear, CALM, ca_file=certificate.ca_file)):
                ear.wait(lambda one: one.reasons)

            assert server.peers == []

    def test_it_ends_at_once_there_too(self, venue: Venue, ear: Ear, certificate: Certificate) -> None:
        with serving(venue.good(), tls=certificate.context) as server:
            stream = venue.make(server.url, ear, replace(CALM, ask_s=100.0), ca_file=certificate.ca_file)
            stream.start()
            ear.wait_for("listening")
            TestEnding.ends(stream)
