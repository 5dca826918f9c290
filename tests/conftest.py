"""What holds for every test."""

from __future__ import annotations

import gc
import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadScopeScheduling

_OPERATORS_OWN = re.compile(
    r"(KRAKEN|COINBASE|ALPACA|NIJA|WEB|NOTIFY|LOG|METRICS)_|LEDGER_URL$|SYSTEM_DISABLED$|OBSERVE_ONLY$|"
    r"CREDENTIALS_DIRECTORY$"
)

# Before any test module is imported: no test may find real keys or the real ledger in the developer's shell.
for _name in [name for name in os.environ if _OPERATORS_OWN.match(name)]:
    del os.environ[_name]

# A busy machine is not a wrong program.
settings.register_profile("nija", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
settings.load_profile("nija")


@pytest.fixture(scope="session", autouse=True)
def _remembered_migrations() -> Iterator[None]:
    # Only here: the environment is clean now.
    from tests.fakes.migrations import remembered

    with remembered():
        yield


def pytest_collection_finish() -> None:
    """Thousands of tests stay where they are: to look for garbage among them again and again is a fifth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000)


# -- several processes ------------------------------------------------------------------------------------------------

#: Files here make something costly once for all their tests, which then stay together; other tests go one by one.
_BY_FILE = ("tests/deployment/", "tests/faults/", "tests/e2e/page/", "tests/integration/", "tests/unit/")
_ONE_BY_ONE = ("tests/integration/copying/",)


def _together(nodeid: str) -> str:
    path = nodeid.partition("::")[0]
    return path if path.startswith(_BY_FILE) and not path.startswith(_ONE_BY_ONE) else nodeid


class _Scheduling(LoadScopeScheduling):
    """Hands out what belongs together, in the order of the collection, to whoever is free."""

    def _split_scope(self, nodeid: str) -> str:
        return _together(nodeid)


def pytest_xdist_setupnodes(config: pytest.Config) -> None:
    """Have what pytest makes of the test modules made once, by two processes, and not by each of them."""
    modules = list((config.rootpath / "tests").rglob("test_*.py"))
    if sys.dont_write_bytecode or sum(map(_is_made, modules)) > len(modules) / 2:
        return
    halves = (["tests/unit"], ["tests", "--ignore=tests/unit"])
    words = [sys.executable, "-m", "pytest", "--collect-only", "-qq", "-n0"]
    makers = [subprocess.Popen([*words, *half], cwd=config.rootpath, stdout=subprocess.DEVNULL) for half in halves]
    for maker in makers:
        maker.wait()


def _is_made(module: Path) -> bool:
    made = (module.parent / "__pycache__").glob(f"{module.stem}.*-pytest-*.pyc")
    return any(file.stat().st_mtime >= module.stat().st_mtime for file in made)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """One way to share the tests out, whatever ``--dist`` says."""
    config.option.loadscopereorder = False
    return _Scheduling(config, log)


#: What may take so many seconds begins first.
_LONG_S = 200.0


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with what takes longest, mix what computes with what waits, and let no slow one be among the last."""
    if not hasattr(config, "workerinput"):
        return
    seconds: dict[str, float] = {}
    for item in items:
        scope = _together(item.nodeid)
        seconds[scope] = max(seconds.get(scope, 0.0), _may_take(item))

    def turn(item: pytest.Item) -> tuple[float, float, str]:
        scope = _together(item.nodeid)
        # An order that means nothing, and is the same in every process.
        share = int(hashlib.blake2s(scope.encode(), digest_size=4).hexdigest(), 16) / 2**32
        longest = seconds[scope] if seconds[scope] >= _LONG_S else 0.0
        return -longest, share * 0.8 if seconds[scope] else share, scope

    items.sort(key=turn)


def _may_take(item: pytest.Item) -> float:
    if item.get_closest_marker("slow") is None:
        return 0.0
    longest = item.get_closest_marker("timeout")
    return float(longest.args[0]) if longest else 1.0
