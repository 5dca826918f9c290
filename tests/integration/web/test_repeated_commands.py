"""Who got no answer asks again under the same key, and it stays one command."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import requests

from tests.integration.ledger.looking import rows
from tests.integration.web.stand import PATIENCE_S, Client, Stand

KEY = "Idempotency-Key"
TRADE: dict[str, Any] = {
    "kind": "trade",
    "payload": {"venue": "kraken", "symbol": "BTC-USD", "side": "buy", "quantity": "100", "size_type": "quote"},
    "confirm": True,
    "confirm_text": "BUY BTC-USD",
}


def ask(client: Client, key: str | bytes | None, body: dict[str, Any] | None = None) -> requests.Response:
    return client.post("/api/commands", json=body or TRADE, headers={} if key is None else {KEY: key})


def trade_of(quantity: str) -> dict[str, Any]:
    return TRADE | {"payload": TRADE["payload"] | {"quantity": quantity}}


def count(stand: Stand) -> int:
    (found,) = rows(f"sqlite:///{stand.folder / 'ledger.sqlite3'}", "SELECT count(*) FROM commands")
    return int(found[0])


def test_the_same_request_is_answered_with_the_same_id_and_is_one_command(stand: Stand, client: Client) -> None:
    first = ask(client, "k1")

    again = [ask(client, "k1") for _ in range(3)]

    assert {(one.status_code, one.text) for one in (first, *again)} == {(202, first.text)}
    assert count(stand) == 1


def test_it_is_the_same_after_the_command_was_carried_out_and_after_another_login(stand: Stand, client: Client) -> None:
    number = ask(client, "k1").json()["id"]
    command = stand.ledger.take_command()
    assert command is not None
    stand.ledger.finish_command(command.id, {"done": True})

    again = ask(stand.logged_in(), "k1")

    assert (again.status_code, again.json()["id"]) == (202, number)
    assert stand.ledger.take_command() is None
    assert client.get(f"/api/commands/{number}").json()["state"] == "done"


def test_the_same_said_otherwise_is_the_same(stand: Stand, client: Client) -> None:
    kill = {"kind": "kill", "payload": {"reason": "enough"}, "confirm": True}
    said_otherwise = {"confirm": True, "payload": {"reason": " enough "}, "kind": "kill"}

    assert ask(client, "k1", kill).text == ask(client, "k1", said_otherwise).text
    assert count(stand) == 1


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(trade_of("101"), id="quantity"),
        pytest.param({"kind": "kill", "payload": {}, "confirm": True}, id="kind"),
        pytest.param(TRADE | {"payload": TRADE["payload"] | {"size_type": "base"}}, id="unit"),
    ],
)
def test_the_same_key_with_another_body_is_refused_with_the_mend(
    stand: Stand, client: Client, body: dict[str, Any]
) -> None:
    number = ask(client, "k1").json()["id"]

    refused = ask(client, "k1", body)

    assert refused.status_code == 422
    assert refused.json() == {
        "error": f"Idempotency-Key: this key belongs to command {number}, which asks for something else: "
        "take a new key for a new command"
    }
    assert count(stand) == 1


def test_what_was_refused_has_used_no_key_up(stand: Stand, client: Client) -> None:
    assert ask(client, "k1", TRADE | {"confirm_text": "SELL BTC-USD"}).status_code == 422

    assert ask(client, "k1").status_code == 202
    assert count(stand) == 1


@pytest.mark.parametrize(
    "key",
    [
        pytest.param("", id="empty"),
        pytest.param("a" * 65, id="too long"),
        pytest.param("two words", id="space"),
        pytest.param('"quoted"', id="quotes"),
        pytest.param("a,b", id="list"),
        pytest.param("a/b", id="slash"),
        pytest.param("kĺúč".encode(), id="not ASCII"),
    ],
)
def test_a_malformed_key_is_refused_and_nothing_is_written(
    shared: Stand, shared_client: Client, key: str | bytes
) -> None:
    before = count(shared)

    refused = ask(shared_client, key)

    assert refused.status_code == 422
    assert KEY in refused.json()["error"]
    assert "\n" not in refused.json()["error"]
    assert count(shared) == before


@pytest.mark.parametrize("key", ["a", "A-Z_a.z-0.9", "f" * 64])
def test_keys_of_every_allowed_form(shared: Stand, shared_client: Client, key: str) -> None:
    before = count(shared)

    assert ask(shared_client, key).status_code == 202
    assert ask(shared_client, key).status_code == 202
    assert count(shared) == before + 1


def test_without_a_key_each_request_is_a_command(stand: Stand, client: Client) -> None:
    assert ask(client, None).json()["id"] != ask(client, None).json()["id"]
    assert count(stand) == 2


def test_eight_that_ask_at_once_get_one_id(stand: Stand) -> None:
    clients = [stand.logged_in() for _ in range(8)]
    start = threading.Barrier(len(clients))
    answers: list[tuple[int, str]] = []

    def run(client: Client) -> None:
        start.wait(PATIENCE_S)
        answer = ask(client, "k1")
        answers.append((answer.status_code, answer.text))

    threads = [threading.Thread(target=run, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(answers) == 8
    assert len(set(answers)) == 1
    assert answers[0][0] == 202
    assert count(stand) == 1


def test_a_key_opens_no_door(stand: Stand, client: Client) -> None:
    ask(client, "k1")

    assert ask(stand.client(), "k1").status_code == 401
    foreign = client.post("/api/commands", json=TRADE, headers={KEY: "k1", "Origin": "https://elsewhere.example"})
    assert foreign.status_code == 403
    bare = client.post("/api/commands", json=TRADE, headers={KEY: "k1", "X-NIJA": None})
    assert bare.status_code == 403
    assert "access-control-allow-headers" not in foreign.headers
    assert count(stand) == 1


def test_the_document_tells_of_the_key(shared_client: Client) -> None:
    document = shared_client.get("/api/openapi.json").json()

    told = {one["name"]: one for one in document["paths"]["/api/commands"]["post"]["parameters"]}

    assert (told[KEY]["in"], told[KEY]["required"]) == ("header", False)
    assert "asks again with the same key" in told[KEY]["description"]
    assert "[A-Za-z0-9._-]{1,64}" in str(told[KEY]["schema"])
