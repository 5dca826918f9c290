"""An order in three steps - signed, sent, waited for - in whichever threads suit."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import krakenex
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.brokers.kraken.client import KrakenClient
from bot.brokers.kraken.nonce import NonceStore
from bot.brokers.transport import encode_form
from bot.domain.errors import VenueUnclear, VenueUnreachable
from tests.unit.brokers.raw_server import Arrived, Peer, RawServer

KEY = "k" * 56
SECRET = base64.b64encode(bytes(range(64))).decode()
ORDER = {"ordertype": "market", "type": "buy", "volume": "0.01", "pair": "XBTUSD"}

_texts = st.text(min_size=0, max_size=30)
_fields = st.dictionaries(st.text(min_size=1, max_size=12), _texts | st.integers(), max_size=8)


class _CountingNonces:
    def __init__(self) -> None:
        self.last = 100

    def next_nonce(self) -> int:
        self.last += 1
        return self.last

    def reserve_ahead(self) -> None:
        """Nothing to reserve."""

    def close(self) -> None:
        """Nothing to close."""


@pytest.fixture
def client_for(tmp_path: Path) -> Iterator[Any]:
    made: list[KrakenClient] = []

    def make(url: str, **options: Any) -> KrakenClient:
        made.append(KrakenClient(KEY, SECRET, NonceStore("a:kraken", tmp_path), account="a:kraken", url=url, **options))
        return made[-1]

    yield make
    for client in made:
        client.close()


def _placed(peer: Peer, request: Arrived) -> bool:
    return peer.answer_json({"error": [], "result": {"txid": [f"O{request.number}"]}})


def _until(true: Any, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        threading.Event().wait(0.005)


@given(fields=_fields)
def test_a_form_is_encoded_as_the_standard_library_would(fields: dict[str, str | int]) -> None:
    assert encode_form(fields) == urlencode(fields)


@given(fields=_fields, nonce=st.integers(min_value=1, max_value=2**63))
def test_signatures_are_those_that_krakenex_makes(fields: dict[str, str | int], nonce: int) -> None:
    data = {"nonce": nonce, **{name: value for name, value in fields.items() if name != "nonce"}}
    theirs = krakenex.API(KEY, SECRET)._sign(data, "/0/private/AddOrder")
    ours = KrakenClient(KEY, SECRET, _CountingNonces())._api._sign(data, "/0/private/AddOrder")
    assert ours == theirs


def test_nothing_leaves_before_it_is_sent_and_all_of_it_then(client_for: Any) -> None:
    with RawServer(_placed) as server:
        client = client_for(server.url)
        client.query_private("Balance")
        call = client.prepare_private("AddOrder", ORDER)
        assert len(server.arrived) == 1
        call.send()
        _until(lambda: len(server.arrived) == 2)
        assert call.result() == {"txid": ["O2"]}
        assert [request.path for request in server.arrived] == ["/0/private/Balance", "/0/private/AddOrder"]


def test_what_one_thread_prepares_another_may_send_and_a_third_wait_for(client_for: Any) -> None:
    with RawServer(_placed) as server:
        client = client_for(server.url)
        call = client.prepare_private("AddOrder", ORDER)
        sender = threading.Thread(target=call.send)
        sender.start()
        sender.join(30)
        results: list[Any] = []
        waiter = threading.Thread(target=lambda: results.append(call.result()))
        waiter.start()
        waiter.join(30)
        assert results == [{"txid": ["O1"]}]


def test_a_discarded_call_never_arrives_and_its_nonce_is_left_behind(client_for: Any) -> None:
    with RawServer(_placed) as server:
        client = client_for(server.url)
        client.query_private("Balance")
        client.prepare_private("AddOrder", ORDER).discard()
        client.query_private("Balance")
        client.prepare_private("AddOrder", ORDER).discard()
        last = client.prepare_private("AddOrder", ORDER)
        last.send()
        last.result()
        assert [request.path.rpartition("/")[2] for request in server.arrived] == ["Balance", "Balance", "AddOrder"]
        nonces = [int(dict(parse_qsl(request.body.decode()))["nonce"]) for request in server.arrived]
        assert nonces == sorted(set(nonces))


def test_other_calls_wait_until_a_prepared_one_is_over(client_for: Any) -> None:
    with RawServer(_placed) as server:
        client = client_for(server.url)
        call = client.prepare_private("AddOrder", ORDER)
        other = threading.Thread(target=lambda: client.query_private("Balance"))
        other.start()
        other.join(0.2)
        assert other.is_alive()
        assert server.arrived == []
        call.send()
        call.result()
        other.join(30)
        assert [request.path.rpartition("/")[2] for request in server.arrived] == ["AddOrder", "Balance"]


def test_a_refused_connection_is_known_not_to_have_been_sent(client_for: Any) -> None:
    with RawServer(_placed) as server:
        url = server.url
    client = client_for(url)
    call = client.prepare_private("AddOrder", ORDER)
    call.send()
    with pytest.raises(VenueUnreachable):
        call.result()
    with pytest.raises(VenueUnreachable):
        client.query_private("Balance")


def test_an_answer_that_never_comes_is_unclear_after_the_total_time_out(client_for: Any) -> None:
    release = threading.Event()

    def hang(_peer: Peer, _request: Arrived) -> bool:
        release.wait(60)
        return False

    with RawServer(hang) as server:
        client = client_for(server.url, read_timeout_s=0.3)
        call = client.prepare_private("AddOrder", ORDER)
        began = time.monotonic()
        call.send()
        assert time.monotonic() - began < 0.2
        with pytest.raises(VenueUnclear):
            call.result()
        assert 0.2 < time.monotonic() - began < 3
        release.set()


def test_a_connection_that_breaks_after_the_order_was_read_is_unclear_and_the_order_is_not_repeated(
    client_for: Any,
) -> None:
    with RawServer(lambda peer, request: _placed(peer, request) if request.number == 1 else peer.close()) as server:
        client = client_for(server.url)
        client.query_private("Balance")
        call = client.prepare_private("AddOrder", ORDER)
        call.send()
        with pytest.raises(VenueUnclear):
            call.result()
        assert len(server.arrived) == 2


def test_with_the_plain_session_it_works_too_and_leaves_when_it_is_waited_for(client_for: Any) -> None:
    with RawServer(_placed) as server:
        client = client_for(server.url, session="requests")
        call = client.prepare_private("AddOrder", ORDER)
        call.send()
        assert call.result() == {"txid": ["O1"]}
        client.prepare_private("AddOrder", ORDER).discard()
        assert len(server.arrived) == 1
