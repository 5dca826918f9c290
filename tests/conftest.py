"""What holds for every test."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from hypothesis import settings

_OPERATORS_OWN = re.compile(r"(KRAKEN|COINBASE|ALPACA)_|NIJA_|LEDGER_URL$|SYSTEM_DISABLED$|OBSERVE_ONLY$")

# Before any test module is imported: no test may find real keys or the real ledger in the developer's shell.
for _name in [name for name in os.environ if _OPERATORS_OWN.match(name)]:
    del os.environ[_name]

# A busy machine is not a wrong program.
settings.register_profile("nija", deadline=None, print_blob=True)
settings.load_profile("nija")

#: Folders whose tests run real processes and wait for them, the longest first.
_LONG = ("faults", "e2e", "integration", "contract")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spread the long files among the short ones; the order within a file stays.

    Side by side they would take each other's time, and begun last they would keep everybody waiting.
    """
    here = Path(__file__).parent
    folder_of = {item.path: item.path.relative_to(here).parts[0] for item in items}
    long_files = sorted(
        (path for path, folder in folder_of.items() if folder in _LONG), key=lambda path: _LONG.index(folder_of[path])
    )
    short_files = [path for path, folder in folder_of.items() if folder not in _LONG]
    # The last long one begins when four fifths of the short ones have begun.
    places = {path: 0.8 * number / len(long_files) for number, path in enumerate(long_files)}
    places |= {path: number / len(short_files) for number, path in enumerate(short_files)}
    items.sort(key=lambda item: places[item.path])
