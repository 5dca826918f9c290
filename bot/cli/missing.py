"""Says in one line that packages are missing, to whoever starts a script with another Python than that of ``.venv``.

Imports nothing but what needs the standard library alone: nothing else may be there.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bot.cli.ending import BAD_SETTINGS


@contextmanager
def packages_named() -> Iterator[None]:
    """Within it a package that is not installed ends the process with one line."""
    try:
        yield
    except ModuleNotFoundError as error:
        name = (error.name or "").partition(".")[0]
        if name in ("", "bot", "paper_exchange"):
            raise
        script = Path(sys.argv[0]).name
        print(
            f"❌ the package {name} is not installed for {sys.executable}; ./start.sh install, then: "
            f".venv/bin/python {script}",
            file=sys.stderr,
        )
        sys.exit(BAD_SETTINGS)
