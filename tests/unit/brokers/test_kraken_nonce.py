from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.brokers.kraken.nonce import NonceStore
from bot.domain.errors import AccountInUse, SettingsError
from tests.unit.brokers.clocks import HandClock

ACCOUNT = "daivon_frazier:kraken"
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[NonceStore]:
    made = NonceStore(ACCOUNT, tmp_path, HandClock())
    yield made
    made.close()


def _persisted(store: NonceStore) -> int:
    return int(json.loads(store.path.read_text())["ceiling"])


def test_nonces_are_nanoseconds_and_rise_even_when_the_clock_stands_still(store: NonceStore) -> None:
    nonces = [store.next_nonce() for _ in range(1000)]
    assert nonces[0] == HandClock().time_ns()
    assert nonces == list(range(nonces[0], nonces[0] + 1000))
    assert store.last == nonces[-1]


def test_nonces_go_on_above_the_last_one_after_a_restart_and_a_clock_set_back(tmp_path: Path) -> None:
    clock = HandClock()
    first = NonceStore(ACCOUNT, tmp_path, clock)
    last = first.next_nonce()
    first.close()
    clock.step(-3_600_000_000_000)
    second = NonceStore(ACCOUNT, tmp_path, clock)
    assert second.last == last
    assert second.next_nonce() == last + 1
    second.close()


def test_after_a_crash_nonces_start_above_every_one_handed_out(tmp_path: Path) -> None:
    clock = HandClock()
    crashed = NonceStore(ACCOUNT, tmp_path, clock)
    last = [crashed.next_nonce() for _ in range(10)][-1]
    del crashed
    clock.step(-(10**9))
    store = NonceStore(ACCOUNT, tmp_path, clock)
    assert store.next_nonce() > last
    store.close()


_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("nonces"), st.integers(1, 5)),
        st.tuples(st.just("clock"), st.integers(-(10**13), 10**13)),
        st.tuples(st.just("restart"), st.just(0)),
        st.tuples(st.just("crash"), st.just(0)),
        st.tuples(st.just("reserve"), st.just(0)),
        st.tuples(st.just("raise"), st.integers(-(10**12), 10**12)),
    ),
    max_size=25,
)


@given(_STEPS)
def test_no_nonce_is_ever_repeated_or_lowered(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    folder, clock = tmp_path_factory.mktemp("nonces"), HandClock()
    store: NonceStore | None = NonceStore(ACCOUNT, folder, clock)
    handed_out = [store.next_nonce()]
    for action, value in steps:
        if action == "clock":
            clock.step(value)
        elif action == "reserve":
            store.reserve_ahead()
        elif action == "raise":
            store.raise_above(max(handed_out[-1] + value, 0))
        elif action in ("restart", "crash"):
            if action == "restart":
                store.close()
            # Dropped without close, as a crash drops it; the next line may not see two stores at once.
            store = None
            store = NonceStore(ACCOUNT, folder, clock)
        for _ in range(value if action == "nonces" else 1):
            handed_out.append(store.next_nonce())
            assert _persisted(store) >= handed_out[-1]
    store.close()
    assert handed_out == sorted(set(handed_out))


def test_eight_threads_never_get_the_same_nonce(store: NonceStore) -> None:
    taken: list[list[int]] = [[] for _ in range(8)]

    def take(nonces: list[int]) -> None:
        for _ in range(500):
            nonces.append(store.next_nonce())

    threads = [threading.Thread(target=take, args=(nonces,)) for nonces in taken]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(nonces == sorted(nonces) for nonces in taken)
    assert len({nonce for nonces in taken for nonce in nonces}) == 4000


def test_with_housekeeping_no_nonce_writes_to_the_disk(tmp_path: Path) -> None:
    clock = HandClock()
    store = NonceStore(ACCOUNT, tmp_path, clock)
    for _ in range(60):
        store.reserve_ahead()
        before = store.path.stat().st_ino
        for _ in range(60):
            clock.advance(1)
            store.next_nonce()
        assert store.path.stat().st_ino == before
    store.close()


def test_without_housekeeping_the_ceiling_is_raised_before_a_nonce_goes_over_it(tmp_path: Path) -> None:
    clock = HandClock()
    store = NonceStore(ACCOUNT, tmp_path, clock)
    clock.advance(86_400)
    nonce = store.next_nonce()
    assert nonce == clock.time_ns()
    assert _persisted(store) >= nonce
    store.close()


def test_housekeeping_writes_once_in_minutes_and_not_every_time(tmp_path: Path) -> None:
    clock = HandClock()
    store = NonceStore(ACCOUNT, tmp_path, clock)
    seen = set()
    for _ in range(60):
        clock.advance(1)
        store.reserve_ahead()
        seen.add(_persisted(store))
    assert len(seen) == 1
    store.close()


def test_closing_writes_the_exact_last_nonce_and_can_be_repeated(store: NonceStore) -> None:
    nonce = store.next_nonce()
    store.close()
    store.close()
    assert _persisted(store) == nonce
    with pytest.raises(SettingsError, match=r"daivon_frazier:kraken.*closed"):
        store.next_nonce()


def test_closing_works_from_another_thread(tmp_path: Path) -> None:
    store = NonceStore(ACCOUNT, tmp_path)
    closing = threading.Thread(target=store.close)
    closing.start()
    closing.join()
    NonceStore(ACCOUNT, tmp_path).close()


def test_nonces_climb_over_one_that_the_venue_has_seen(store: NonceStore) -> None:
    far = store.next_nonce() + 10**18
    store.raise_above(far)
    assert _persisted(store) > far
    assert store.next_nonce() == far + 1
    store.raise_above(5)
    assert store.next_nonce() == far + 2


@pytest.mark.parametrize("value", [2**64 - 1, 2**70, -1])
def test_a_nonce_that_64_bits_do_not_hold_is_refused(store: NonceStore, value: int) -> None:
    with pytest.raises(SettingsError, match="make a new API key"):
        store.raise_above(value)


def test_the_last_nonce_of_64_bits_is_handed_out_and_none_above_it(store: NonceStore) -> None:
    store.raise_above(2**64 - 2)
    assert store.next_nonce() == 2**64 - 1
    with pytest.raises(SettingsError, match="used up"):
        store.next_nonce()


def test_a_second_store_in_the_same_process_is_refused(store: NonceStore, tmp_path: Path) -> None:
    with pytest.raises(AccountInUse) as caught:
        NonceStore(ACCOUNT, tmp_path)
    text = str(caught.value)
    assert ACCOUNT in text
    assert str(store.path.with_suffix(".lock")) in text
    assert "stop the other bot" in text


def test_a_second_process_is_refused_and_may_have_it_later(store: NonceStore, tmp_path: Path) -> None:
    store.next_nonce()
    assert "AccountInUse" in _take_in_another_process(tmp_path)
    last = store.next_nonce()
    store.close()
    assert int(_take_in_another_process(tmp_path)) > last


def _take_in_another_process(folder: Path) -> str:
    script = (
        "import sys; from pathlib import Path; from bot.brokers.kraken.nonce import NonceStore\n"
        f"try: print(NonceStore({ACCOUNT!r}, Path(sys.argv[1])).next_nonce())\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(folder)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=180,
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "17",
        "[]",
        "{}",
        '{"account": "daivon_frazier:kraken"}',
        '{"account": "daivon_frazier:kraken", "ceiling": "17"}',
        '{"account": "daivon_frazier:kraken", "ceiling": true}',
        '{"account": "daivon_frazier:kraken", "ceiling": -1}',
        '{"account": "daivon_frazier:kraken", "ceiling": 1e30}',
        '{"account": "daivon_frazier:kraken", "ceiling": 18446744073709551616}',
        '{"account": "tania_gilbert:kraken", "ceiling": 17}',
        "\udcff",
    ],
)
def test_a_damaged_file_stops_the_account_with_the_file_and_the_mend(tmp_path: Path, content: str) -> None:
    NonceStore(ACCOUNT, tmp_path).close()
    [path] = tmp_path.glob("*.json")
    path.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(SettingsError) as caught:
        NonceStore(ACCOUNT, tmp_path)
    assert ACCOUNT in str(caught.value)
    assert str(path) in str(caught.value)
    assert "delete the file" in str(caught.value)
    assert path.read_bytes() == content.encode(errors="surrogateescape")


def test_a_damaged_file_leaves_the_account_free_for_the_next_start(tmp_path: Path) -> None:
    first = NonceStore(ACCOUNT, tmp_path)
    path = first.path
    first.close()
    path.write_text("{")
    with pytest.raises(SettingsError) as kept:
        NonceStore(ACCOUNT, tmp_path)
    path.unlink()
    NonceStore(ACCOUNT, tmp_path).close()
    # The error, kept by whoever shows it, keeps the half-made store alive.
    assert kept.value is not None


def test_a_folder_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SettingsError, match=r"daivon_frazier:kraken.*NIJA_DATA_DIR"):
        NonceStore(ACCOUNT, tmp_path / "file" / "data")


def test_a_file_that_cannot_be_written_hands_out_nothing(tmp_path: Path) -> None:
    clock = HandClock()
    store = NonceStore(ACCOUNT, tmp_path / "data", clock)
    last = store.next_nonce()
    (tmp_path / "data").rename(tmp_path / "moved")
    clock.advance(3600)
    with pytest.raises(SettingsError, match=r"daivon_frazier:kraken.*cannot be written"):
        store.next_nonce()
    (tmp_path / "moved").rename(tmp_path / "data")
    assert store.next_nonce() > last
    store.close()


def test_closing_without_a_disk_still_lets_go_of_the_account(tmp_path: Path) -> None:
    clock = HandClock()
    store = NonceStore(ACCOUNT, tmp_path / "data", clock)
    last = store.next_nonce()
    (tmp_path / "data").rename(tmp_path / "moved")
    store.close()
    again = NonceStore(ACCOUNT, tmp_path / "moved", clock)
    assert again.next_nonce() > last
    again.close()


def test_no_temporary_file_stays_behind(store: NonceStore, tmp_path: Path) -> None:
    store.raise_above(store.next_nonce() + 10**18)
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json", ".lock"]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("a b:kraken", "a_b:kraken"),
        ("../evil:kraken", "evil:kraken"),
        ("a/b:kraken", "a_b:kraken"),
        ("a:b:kraken", "a_b:kraken"),
        ("ä:kraken", "ö:kraken"),
        (".:kraken", "_:kraken"),
    ],
)
def test_two_accounts_never_meet_in_one_file_nor_leave_the_folder(tmp_path: Path, one: str, other: str) -> None:
    stores = [NonceStore(account, tmp_path) for account in (one, other)]
    assert stores[0].path != stores[1].path
    assert {store.path.parent for store in stores} == {tmp_path}
    for store in stores:
        store.close()


def test_the_file_of_an_ordinary_account_has_a_readable_name(store: NonceStore) -> None:
    assert store.path.name == "kraken_nonce_daivon_frazier_kraken.json"
