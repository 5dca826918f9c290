"""A request that is asked again under its key stays one command."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from bot.domain.errors import NijaError, RequestKeyTaken
from bot.ledger.audit_queries import AuditQueries
from bot.ledger.entry import open_views
from bot.ledger.journal import Ledger
from tests.integration.ledger.looking import execute, rows
from tests.integration.ledger.test_migrations import version_4
from tests.unit.ledger.builders import NOW, SetClock

TRADE = {"symbol": "BTC-USD", "side": "buy", "quantity": "100", "by": "page"}
_runs = count()


def queued(url: str) -> list[tuple[Any, ...]]:
    return rows(url, "SELECT id, kind, request_key FROM commands ORDER BY id")


def all_at_once(jobs: list[Callable[[], int]]) -> list[int | BaseException]:
    """What each of them answered, or raised; they begin at the same moment."""
    start = threading.Barrier(len(jobs))
    answers: list[int | BaseException] = []

    def run(job: Callable[[], int]) -> None:
        start.wait(10)
        try:
            answers.append(job())
        except BaseException as error:
            answers.append(error)

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def test_the_same_request_is_answered_with_the_command_that_stands(ledger: Ledger, url: str, clock: SetClock) -> None:
    number = ledger.post_command("trade", TRADE, "k1")
    clock.now += 60

    assert ledger.post_command("trade", dict(reversed(TRADE.items())), "k1") == number

    assert queued(url) == [(number, "trade", "k1")]
    assert ledger.command(number).created_at == NOW


def test_it_stays_one_whatever_has_become_of_it(ledger: Ledger, url: str) -> None:
    number = ledger.post_command("trade", TRADE, "k1")
    assert ledger.take_command() is not None
    assert ledger.post_command("trade", TRADE, "k1") == number
    ledger.finish_command(number, {"error": "no such symbol"}, failed=True)

    assert ledger.post_command("trade", TRADE, "k1") == number

    assert ledger.take_command() is None
    assert ledger.command(number).result == {"error": "no such symbol"}
    assert len(queued(url)) == 1


@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        pytest.param("kill", TRADE, id="kind"),
        pytest.param("trade", TRADE | {"quantity": "101"}, id="value"),
        pytest.param("trade", TRADE | {"note": None}, id="one field more"),
        pytest.param("trade", {}, id="nothing"),
    ],
)
def test_a_key_stands_for_one_request_only(ledger: Ledger, url: str, kind: str, payload: dict[str, Any]) -> None:
    number = ledger.post_command("trade", TRADE, "k1")

    with pytest.raises(RequestKeyTaken, match=f"belongs to command {number}, .* take a new key") as told:
        ledger.post_command(kind, payload, "k1")

    assert isinstance(told.value, NijaError)
    assert isinstance(told.value, ValueError)
    assert queued(url) == [(number, "trade", "k1")]
    assert ledger.healthy


def test_a_yes_is_not_a_one(ledger: Ledger) -> None:
    ledger.post_command("observe", {"on": True}, "k1")

    with pytest.raises(RequestKeyTaken):
        ledger.post_command("observe", {"on": 1}, "k1")


def test_amounts_are_compared_as_they_are_stored(ledger: Ledger) -> None:
    number = ledger.post_command("trade", {"quantity": Decimal("0.0150")}, "k1")

    assert ledger.post_command("trade", {"quantity": "0.0150"}, "k1") == number
    with pytest.raises(RequestKeyTaken):
        ledger.post_command("trade", {"quantity": "0.015"}, "k1")


def test_without_a_key_and_under_other_keys_each_request_is_a_command(ledger: Ledger) -> None:
    numbers = [ledger.post_command("trade", TRADE, key) for key in (None, None, "k1", "K1", "k2", None)]

    assert len(set(numbers)) == 6
    assert [ledger.command(number).request_key for number in numbers] == [None, None, "k1", "K1", "k2", None]


def test_threads_that_ask_at_the_same_moment_get_one_command(ledger: Ledger, url: str) -> None:
    answers = all_at_once([lambda: ledger.post_command("trade", TRADE, "k1")] * 8)

    assert answers == [1] * 8
    assert queued(url) == [(1, "trade", "k1")]


def test_who_comes_with_another_request_takes_no_other_one_with_it(ledger: Ledger, url: str) -> None:
    def ask(key: str | None, quantity: str) -> Callable[[], int]:
        return lambda: ledger.post_command("trade", TRADE | {"quantity": quantity}, key)

    answers = all_at_once([ask("k1", "1"), ask("k1", "2"), ask("k2", "3"), ask(None, "4"), ask(None, "4")])

    assert len([one for one in answers if isinstance(one, RequestKeyTaken)]) == 1
    assert len({one for one in answers if isinstance(one, int)}) == 4
    assert len(queued(url)) == 4


@pytest.mark.parametrize("round_", range(5))
def test_processes_that_ask_at_the_same_moment_get_one_command(url: str, clock: SetClock, round_: int) -> None:
    # Each ledger has a writer and connections of its own, as another process has.
    with Ledger(url, clock) as first, Ledger(url, clock) as second, Ledger(url, clock) as third:
        answers = all_at_once(
            [lambda one=one: one.post_command("trade", TRADE, f"k{round_}") for one in (first, second, third)] * 2
        )

    assert len(set(answers)) == 1
    assert queued(url) == [(answers[0], "trade", f"k{round_}")]


def test_a_key_outlives_the_process(url: str, clock: SetClock) -> None:
    with Ledger(url, clock) as ledger:
        number = ledger.post_command("trade", TRADE, "k1")

    with Ledger(url, clock) as ledger:
        assert ledger.post_command("trade", TRADE, "k1") == number


def test_the_database_itself_takes_no_second_row(ledger: Ledger, url: str) -> None:
    ledger.post_command("trade", TRADE, "k1")

    with pytest.raises(Exception, match=r"(?i)unique"):
        execute(
            url,
            "INSERT INTO commands (kind, payload, state, created_at, request_key) VALUES "
            "('trade', '{}', 'queued', 1, 'k1')",
        )


def test_commands_of_an_older_ledger_have_no_key_and_stay(url: str, clock: SetClock) -> None:
    before = rows(version_4(url), "SELECT id, kind, payload, state FROM commands ORDER BY id")
    execute(url, "INSERT INTO commands (kind, payload, state, created_at) VALUES ('kill', '{}', 'done', 1)")
    execute(url, "INSERT INTO commands (kind, payload, state, created_at) VALUES ('kill', '{}', 'done', 1)")

    with Ledger(url, clock) as ledger:
        number = ledger.post_command("trade", TRADE, "k1")
        assert ledger.post_command("trade", TRADE, "k1") == number

    kept = rows(url, "SELECT id, kind, payload, state FROM commands ORDER BY id")
    assert kept[: len(before)] == before
    assert [key for _, _, key in queued(url)] == [None] * (len(before) + 2) + ["k1"]


def test_the_audit_log_sees_each_command_once(ledger: Ledger, url: str) -> None:
    number = ledger.post_command("trade", TRADE, "k1")
    ledger.post_command("trade", TRADE, "k1")

    views = open_views(url)
    try:
        [seen] = AuditQueries.beside(views).commands_after(0, 10)
    finally:
        views.close()
    assert seen == ledger.command(number)
    assert seen.request_key == "k1"


# -- any sequence ----------------------------------------------------------------------------------------------------

KEYS = st.sampled_from([None, "a", "b", "c"])
KINDS = st.sampled_from(["trade", "kill"])
PAYLOADS = st.dictionaries(
    st.sampled_from(["x", "y"]),
    st.one_of(st.booleans(), st.none(), st.integers(0, 1), st.text(max_size=2), st.lists(st.booleans(), max_size=1)),
    max_size=2,
)


@pytest.fixture(scope="module")
def kept(server: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Ledger]]:
    """A ledger on each kind of database, for all examples."""
    file = tmp_path_factory.mktemp("keys") / "ledger.sqlite3"
    urls = {"sqlite": f"sqlite:///{file}", "postgresql": server.make_place("request_keys")}
    ledgers = {name: Ledger(url, SetClock(), linger_s=0) for name, url in urls.items()}
    for ledger in ledgers.values():
        ledger.open()
    yield ledgers
    for ledger in ledgers.values():
        assert ledger.close()
    server.execute("DROP SCHEMA request_keys CASCADE")


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
@hypothesis_settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(asked=st.lists(st.tuples(KEYS, KINDS, PAYLOADS), max_size=12))
def test_any_sequence_makes_one_row_a_key(
    kept: dict[str, Ledger], database: str, asked: list[tuple[str | None, str, dict[str, Any]]]
) -> None:
    ledger, run = kept[database], next(_runs)
    first: dict[str, tuple[int, str, dict[str, Any]]] = {}
    without: set[int] = set()

    for key, kind, payload in asked:
        if key is None:
            number = ledger.post_command(kind, payload)
            assert number not in without
            without.add(number)
            continue
        named = f"{run}.{key}"
        number, *stands = first.get(key, (0, kind, payload))
        # The same by value and by type, nested values too.
        if repr([kind, sorted(payload.items())]) == repr([stands[0], sorted(stands[1].items())]):
            answer = ledger.post_command(kind, payload, named)
            assert number in (0, answer)
            first.setdefault(key, (answer, kind, payload))
        else:
            with pytest.raises(RequestKeyTaken):
                ledger.post_command(kind, payload, named)

    numbers = {number for number, *_ in first.values()}
    assert len(numbers) == len(first)
    assert not numbers & without
    for key, (number, kind, payload) in first.items():
        command = ledger.command(number)
        assert (command.request_key, command.kind, repr(command.payload)) == (f"{run}.{key}", kind, repr(payload))
