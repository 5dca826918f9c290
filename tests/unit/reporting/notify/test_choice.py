"""``NOTIFY_EVENTS``."""

from __future__ import annotations

import pytest

from bot.domain.errors import SettingsError
from bot.domain.events import EventKind
from bot.reporting.notify import chosen_kinds


@pytest.mark.parametrize(
    ("names", "kinds"),
    [
        pytest.param("all", set(EventKind), id="all"),
        pytest.param("drift, ALL", set(EventKind), id="all among others"),
        pytest.param("kill_switch", {EventKind.KILL_SWITCH}, id="one"),
        pytest.param(" Drift,engine_stopped, ", {EventKind.DRIFT, EventKind.ENGINE_STOPPED}, id="two"),
    ],
)
def test_the_kinds_that_are_named_are_chosen(names: str, kinds: set[EventKind]) -> None:
    assert chosen_kinds(names) == kinds


@pytest.mark.parametrize("names", ["drift,losses", "", " , "], ids=["unknown", "empty", "commas only"])
def test_what_is_no_kind_is_refused_and_the_known_ones_are_named(names: str) -> None:
    with pytest.raises(SettingsError, match="NOTIFY_EVENTS") as refused:
        chosen_kinds(names)
    assert all(kind in str(refused.value) for kind in EventKind)
    assert ("losses" in str(refused.value)) == ("losses" in names)
