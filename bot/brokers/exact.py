"""How the JSON of venues is read: no number of it passes through a float."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


#: For ``json.loads`` and whatever hands its options on: fractions become Decimal, NaN and Infinity a ValueError.
EXACT_NUMBERS: Final[dict[str, Any]] = {"parse_float": Decimal, "parse_constant": _refuse_constant}
