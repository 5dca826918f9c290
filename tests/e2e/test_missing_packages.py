"""A script that is started with a Python that has no packages says so in a line."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.paper_exchange.client import REPOSITORY


@pytest.mark.parametrize("script", ["bot.py", "verify_kraken_trading_enabled.py", "verify_kraken_signal_emission.py"])
def test_a_python_without_the_packages_is_told_to_install_them(script: str) -> None:
    # Isolated and without site: the standard library is all there is.
    words = [sys.executable, "-I", "-S", "-c", f"import sys, runpy; sys.path.insert(0, '.'); sys.argv = ['{script}']; "]
    words[-1] += f"runpy.run_path('{script}', run_name='__main__')"
    ended = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, timeout=180, check=False)
    assert ended.returncode == 2
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    assert "is not installed" in line
    assert "./start.sh install" in line
    assert f".venv/bin/python {script}" in line
