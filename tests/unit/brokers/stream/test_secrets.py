"""Keys and tokens stand in no log, no reason and no repr, even where the venue repeats them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import pytest

from tests.fakes.socket_server import Peer, nobody, serving
from tests.unit.brokers.stream.stand import CALM, KEY, KRAKEN, SECRET, TOKEN, Ear, Venue, running

#: As long as a signed one: longer than what is shown of a venue's words.
_LONG = TOKEN + "Zm9vYmFy" * 80
_FORMAT = logging.Formatter("%(name)s %(threadName)s %(message)s %(exc_text)s")


def _token_of(peer: Peer) -> str:
    """The most secret thing that the client sent."""
    hello = peer.heard[0]
    return str(hello.get("params", {}).get("token") or hello.get("jwt") or hello["data"]["secret_key"])


def _closes_with_it(venue: Venue, peer: Peer) -> None:
    venue.greet(peer)
    # A reason has room for so much.
    peer.close(1008, f"bad {_token_of(peer)}"[:100])


def _repeats_it_in_an_error(venue: Venue, peer: Peer) -> None:
    venue.greet(peer)
    token = _token_of(peer)
    peer.say({"type": "error", "stream": "error", "message": token, "error": token, "data": {"error": token}})
    peer.stay()


def _repeats_it_in_a_field(venue: Venue, peer: Peer) -> None:
    venue.greet(peer)
    token = _token_of(peer)
    fill = venue.fill(1, "O-1", "0.1", "0.1", "50000")
    for row in fill["data"] if isinstance(fill.get("data"), list) else [fill.get("data", {})]:
        row["timestamp"] = row["side"] = token
        row.setdefault("order", {})["side"] = token
    for event in fill.get("events", []):
        event["orders"][0]["order_side"] = token
    peer.say(fill)
    peer.stay()


TROUBLES: dict[str, Callable[[Venue, Peer], None]] = {
    "refused": lambda venue, peer: venue.refuse(peer),
    "closed": _closes_with_it,
    "error": _repeats_it_in_an_error,
    "field": _repeats_it_in_a_field,
    "garbage": lambda venue, peer: venue.then(lambda one: one.say_raw(f"{{{_token_of(one)}"), lambda one: one.stay())(
        peer
    ),
    "cut": lambda venue, peer: venue.then(lambda one: one.cut())(peer),
}


@pytest.mark.parametrize("trouble", list(TROUBLES))
def test_nothing_secret_is_written_or_told(venue: Venue, trouble: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    ear = Ear(failing=True)
    with serving(lambda peer: TROUBLES[trouble](venue, peer)) as server:
        stream = venue.make(server.url, ear, CALM, lambda: _LONG)
        with running(stream):
            ear.wait(lambda one: len(one.reasons) >= 2)
            shown = [repr(stream), str(stream), stream.name, *(thread.name for thread in threading.enumerate())]
        sent = [text for peer in server.peers for text in (_token_of(peer),)]

    # The server's own frames are logged as well, by a logger that only these tests have.
    mine = [record for record in caplog.records if record.name != "websockets.server"]
    written = "\n".join(_FORMAT.format(record) for record in mine)
    assert sent
    assert "interrupted" in written
    for secret in (KEY, SECRET, TOKEN, TOKEN[:16], *sent):
        assert secret not in written
        assert not [text for text in [*ear.said, *shown] if secret in text]


def test_nothing_secret_is_written_where_nobody_answers(venue: Venue, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    ear = Ear()
    with nobody() as url, running(venue.make(url, ear, CALM)):
        ear.wait_for("no connection")

    assert not [secret for secret in (KEY, SECRET, TOKEN) if secret in caplog.text]


def test_an_error_of_the_program_shows_its_place_and_not_its_text(ear: Ear, caplog: pytest.LogCaptureFixture) -> None:
    def token() -> str:
        raise ValueError(f"what is {TOKEN}?")

    with serving(KRAKEN.good()) as server, running(KRAKEN.make(server.url, ear, CALM, token)):
        ear.wait_for("an error of the program (ValueError)")

    assert "in token" in caplog.text
    assert TOKEN not in caplog.text
