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

#: What runs real processes and waits for them comes first: begun last, a file of it would keep everybody waiting.
_LONGEST_FIRST = ("faults", "e2e", "integration", "contract", "state_machine", "paper_exchange", "unit")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the folders; the order within one stays."""
    here = Path(__file__).parent

    def rank(item: pytest.Item) -> int:
        folder = item.path.relative_to(here).parts[0]
        return _LONGEST_FIRST.index(folder) if folder in _LONGEST_FIRST else len(_LONGEST_FIRST)

    items.sort(key=rank)
