"""How to get at a ledger."""

from __future__ import annotations

import pytest

from bot.ledger.entry import password_of


@pytest.mark.parametrize(
    ("url", "password"),
    [
        ("postgresql+psycopg://nija:s3cret-word@db.example/nija", "s3cret-word"),
        ("postgresql+psycopg://nija:p%40ss@db.example/nija", "p@ss"),
        ("postgresql+psycopg://nija@db.example/nija", ""),
        ("sqlite:////var/lib/nija/ledger.sqlite3", ""),
        ("", ""),
        ("no url", ""),
    ],
)
def test_the_password_of_a_ledger_url_is_known_to_whoever_masks_it(url: str, password: str) -> None:
    assert password_of(url) == password
