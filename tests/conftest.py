"""What holds for every test."""

from __future__ import annotations

import os
import re

from hypothesis import settings

_OPERATORS_OWN = re.compile(
    r"(KRAKEN|COINBASE|ALPACA|NIJA|WEB|NOTIFY|LOG|METRICS)_|LEDGER_URL$|SYSTEM_DISABLED$|OBSERVE_ONLY$|"
    r"CREDENTIALS_DIRECTORY$"
)

# Before any test module is imported: no test may find real keys or the real ledger in the developer's shell.
for _name in [name for name in os.environ if _OPERATORS_OWN.match(name)]:
    del os.environ[_name]

# A busy machine is not a wrong program.
settings.register_profile("nija", deadline=None, print_blob=True)
settings.load_profile("nija")
