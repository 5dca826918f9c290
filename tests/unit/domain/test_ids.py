"""Names: stable over restarts, distinct between accounts, legs and attempts."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.enums import AccountType, BrokerType
from bot.domain.ids import AccountId, client_order_id_of, is_own_name, new_client_order_id, signal_id_of

MASTER = AccountId.master(BrokerType.KRAKEN)
DAIVON = AccountId("daivon_frazier", BrokerType.KRAKEN)

names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.\-]{0,63}", fullmatch=True)
accounts = st.builds(AccountId, names, st.sampled_from(BrokerType))


@given(accounts)
def test_an_account_is_read_back_from_what_it_is_written_as(account: AccountId) -> None:
    assert AccountId.parse(str(account)) == account


@pytest.mark.parametrize("text", ["", "kraken", ":kraken", "daivon_frazier:", "daivon_frazier:mars", "a:KRAKEN"])
def test_what_is_no_account_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"account|valid BrokerType"):
        AccountId.parse(text)


def test_only_the_reserved_name_leads() -> None:
    assert MASTER.account_type is AccountType.MASTER
    assert MASTER.label == "MASTER"
    assert DAIVON.account_type is AccountType.USER
    assert DAIVON.label == "USER:daivon_frazier"
    assert AccountId("masterful", BrokerType.KRAKEN).account_type is AccountType.USER


def test_the_written_form_has_the_venue() -> None:
    assert str(MASTER) == "master:kraken"
    assert f"{DAIVON}" == "daivon_frazier:kraken"


def test_names_never_change_between_releases() -> None:
    """The ledger of a running installation has these; another name for the same order would buy twice."""
    signal = signal_id_of(MASTER, "OQCLML-BW3P3-BUCMWZ")
    assert signal == "b1880e15-b455-54d0-afa2-fa52b60e2b9f"
    assert client_order_id_of(signal, DAIVON) == "40e84e7d-b265-50a1-b5db-232ddd98b513"


def test_the_same_order_has_the_same_names_every_time() -> None:
    signal = signal_id_of(MASTER, "OQCLML-BW3P3-BUCMWZ")
    again = signal_id_of(AccountId.parse("master:kraken"), "OQCLML-BW3P3-BUCMWZ")
    assert again == signal
    assert client_order_id_of(again, AccountId.parse(str(DAIVON)), 1, 1) == client_order_id_of(signal, DAIVON)


def test_every_account_leg_attempt_and_signal_has_a_name_of_its_own() -> None:
    signals = [signal_id_of(AccountId.master(venue), order) for venue in BrokerType for order in ("A", "B", "A1")]
    users = [AccountId(name, venue) for name in ("tania", "tania1", "Tania") for venue in BrokerType]
    combinations = list(itertools.product(signals, users, range(1, 13), range(1, 13)))
    made = {client_order_id_of(signal, user, leg, attempt) for signal, user, leg, attempt in combinations}
    assert len(made) == len(combinations)


@given(accounts, accounts, st.integers(1, 200), st.integers(1, 200), st.integers(1, 200), st.integers(1, 200))
def test_two_orders_share_a_name_only_when_they_are_the_same_order(
    one: AccountId, other: AccountId, leg: int, other_leg: int, attempt: int, other_attempt: int
) -> None:
    signal = signal_id_of(MASTER, "ORDER")
    same = (one, leg, attempt) == (other, other_leg, other_attempt)
    first = client_order_id_of(signal, one, leg, attempt)
    assert (first == client_order_id_of(signal, other, other_leg, other_attempt)) is same


def test_names_are_uuids_which_every_venue_takes() -> None:
    for name in (client_order_id_of(signal_id_of(MASTER, "O"), DAIVON), new_client_order_id()):
        assert str(uuid.UUID(name)) == name


def test_a_masters_own_orders_have_fresh_names() -> None:
    assert len({new_client_order_id() for _ in range(1000)}) == 1000


def test_a_masters_own_names_are_random_uuids_in_form_and_begin_with_the_mark() -> None:
    for name in (new_client_order_id() for _ in range(100)):
        found = uuid.UUID(name)
        assert (found.version, found.variant) == (4, uuid.RFC_4122)
        assert name.startswith("6e696a61-")


@pytest.mark.parametrize(
    "written",
    [str, str.upper, lambda name: name.replace("-", ""), lambda name: name.replace("-", "").upper()],
    ids=["as it is", "capitals", "no hyphens", "capitals without hyphens"],
)
def test_the_bot_knows_its_own_names_however_a_venue_writes_them(written: Callable[[str], str]) -> None:
    assert is_own_name(written(new_client_order_id()))


@given(st.uuids(version=4).map(str) | st.text(max_size=40) | st.text(max_size=10).map(lambda text: "6e696a61" + text))
def test_other_names_are_not_the_bots_own(name: str) -> None:
    assert not is_own_name(name)


def test_the_names_of_copies_are_not_those_of_masters() -> None:
    assert not is_own_name(client_order_id_of(signal_id_of(MASTER, "O"), DAIVON))
    assert not is_own_name("6e696a61-0000-5000-8000-000000000000")
