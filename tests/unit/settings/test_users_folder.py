"""The users folder while the bot runs: broken and half-written files change nothing, deletions have to hold."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from bot.settings.users import load_users
from bot.settings.users.folder import UsersFolder
from tests.unit.settings.helpers import Office

ANNA, BERT = {"user_id": "anna"}, {"user_id": "bert"}
FILE, OTHER = "retail_kraken.json", "investor_kraken.json"


def began(office: Office) -> UsersFolder:
    """The folder of a bot that has just been started."""
    users, problems = load_users(office.users)
    return UsersFolder(office.users, users, problems)


def seen(folder: UsersFolder) -> dict[str, Any]:
    """The users to be applied, each with its multiplier."""
    return {user.user_id: float(user.multiplier) for user in folder.entries}


def test_what_is_unchanged_stays_the_very_same(office: Office) -> None:
    office.write(FILE, ANNA, BERT)
    folder = began(office)
    before = folder.entries
    assert folder.look() == []
    assert all(one is other for one, other in zip(before, folder.entries, strict=True))


def test_a_change_is_seen_at_the_next_look_even_when_it_leaves_no_trace_in_times_and_size(office: Office) -> None:
    path = office.write(FILE, ANNA | {"multiplier": 1})
    folder = began(office)
    folder.look()
    before = path.stat()
    path.write_text(path.read_text().replace("1", "2"))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert folder.look() == []
    assert seen(folder) == {"anna": 2}


@pytest.mark.parametrize("cut", range(1, 30, 4))
def test_a_half_written_file_changes_nothing_however_long_it_stays(office: Office, cut: int) -> None:
    path = office.write(FILE, ANNA, BERT)
    folder = began(office)
    path.write_text(path.read_text()[:-cut])
    (problem,) = folder.look()
    assert "not valid JSON" in str(problem)
    assert [folder.look() for _ in range(5)] == [[]] * 5
    assert seen(folder) == {"anna": 1, "bert": 1}


@pytest.mark.parametrize("text", [None, "[]", " [\n]"], ids=["deleted", "empty list", "empty list, spaced"])
def test_a_file_without_users_counts_when_that_holds_for_two_looks(office: Office, text: str | None) -> None:
    path = office.write(FILE, ANNA)
    office.write(OTHER, BERT)
    folder = began(office)

    def empty() -> None:
        path.unlink() if text is None else path.write_text(text)

    empty()
    folder.look()
    assert seen(folder) == {"anna": 1, "bert": 1}
    office.write(FILE, ANNA)
    folder.look()
    empty()
    folder.look()
    assert seen(folder) == {"anna": 1, "bert": 1}
    folder.look()
    assert seen(folder) == {"bert": 1}
    office.write(FILE, ANNA)
    folder.look()
    assert seen(folder) == {"anna": 1, "bert": 1}


@pytest.mark.parametrize("text", ["", " \n"], ids=["no content", "blank"])
def test_a_file_without_content_is_none_that_has_no_users(office: Office, text: str) -> None:
    office.write(FILE, ANNA)
    folder = began(office)
    office.write_text(FILE, text)
    (problem,) = folder.look()
    assert "no content" in str(problem)
    assert [folder.look() for _ in range(4)] == [[]] * 4
    assert seen(folder) == {"anna": 1}


@pytest.mark.parametrize("text", [None, "[]"], ids=["deleted", "empty list"])
def test_a_file_that_is_gone_at_every_look_and_there_between_them_is_being_written(
    office: Office, text: str | None
) -> None:
    path = office.write(FILE, ANNA)
    folder = began(office)
    for _ in range(5):
        path.unlink() if text is None else path.write_text(text)
        folder.look()
        assert seen(folder) == {"anna": 1}
        office.write(FILE, ANNA)
        # File systems know times to a few milliseconds, and looks are seconds apart.
        time.sleep(0.02)


def test_a_folder_that_is_gone_removes_nobody(office: Office) -> None:
    office.write(FILE, ANNA)
    folder = began(office)
    office.users.rename(office.users.with_name("elsewhere"))
    (problem,) = folder.look()
    assert str(office.users) in str(problem)
    assert [folder.look() for _ in range(3)] == [[]] * 3
    assert seen(folder) == {"anna": 1}


def test_one_wrong_entry_keeps_its_file_and_not_the_others(office: Office) -> None:
    office.write(FILE, ANNA, BERT)
    office.write(OTHER, {"user_id": "carl"})
    folder = began(office)
    office.write(FILE, ANNA | {"multiplier": 2}, BERT | {"multiplier": 99})
    office.write(OTHER, {"user_id": "carl", "multiplier": 3})
    (problem,) = folder.look()
    assert str(problem).startswith(f"{office.users / FILE}: user bert: multiplier")
    assert seen(folder) == {"anna": 1, "bert": 1, "carl": 3}


def test_a_fault_is_told_once_for_each_content_and_those_of_the_start_not_again(office: Office) -> None:
    office.write(FILE, ANNA, BERT | {"multiplier": 99})
    folder = began(office)
    assert folder.look() == []
    office.write(FILE, ANNA, BERT | {"multiplier": 98})
    assert len(folder.look()) == 1
    assert folder.look() == []
    office.write(FILE, ANNA, BERT | {"multiplier": 2})
    assert folder.look() == []
    assert seen(folder) == {"anna": 1, "bert": 2}
    office.write(FILE, ANNA, BERT | {"multiplier": 98})
    assert len(folder.look()) == 1


def test_a_user_that_is_written_into_a_second_file_stays_as_the_first_has_it(office: Office) -> None:
    office.write(FILE, ANNA)
    folder = began(office)
    office.write(OTHER, ANNA | {"multiplier": 2}, BERT)
    (problem,) = folder.look()
    assert str(office.users / OTHER) in str(problem)
    assert "more than once" in str(problem)
    assert seen(folder) == {"anna": 1}
    office.write(FILE, {"user_id": "carl"})
    assert folder.look() == []
    assert seen(folder) == {"anna": 2, "bert": 1, "carl": 1}


def test_what_is_no_users_file_is_left_alone(office: Office, tmp_path: Path) -> None:
    office.write(FILE, ANNA)
    folder = began(office)
    office.write_text("users.schema.json", '{"type": "array"}')
    office.write_text(".retail_kraken.json.x1.tmp", "[")
    assert folder.look() == []
    assert load_users(office.users)[1] == []


def test_a_file_that_cannot_be_read_changes_nothing(office: Office) -> None:
    path = office.write(FILE, ANNA)
    folder = began(office)
    path.unlink()
    path.mkdir()
    assert len(folder.look()) == 1
    assert [folder.look() for _ in range(3)] == [[]] * 3
    assert seen(folder) == {"anna": 1}


def test_a_link_whose_target_is_away_removes_nobody(office: Office, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "users.json").write_text(json.dumps([ANNA]))
    (office.users / FILE).symlink_to(tmp_path / "disk" / "users.json")
    folder = began(office)
    (tmp_path / "disk").rename(tmp_path / "not mounted")

    (problem,) = folder.look()
    assert "cannot be read" in str(problem)
    assert [folder.look() for _ in range(3)] == [[]] * 3
    assert seen(folder) == {"anna": 1}

    (office.users / FILE).unlink()
    folder.look()
    folder.look()
    assert seen(folder) == {}, "the link itself was deleted"


def test_an_empty_place_where_a_disk_was_mounted_removes_nobody(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = office.write(FILE, ANNA)
    folder = began(office)
    folder.look()
    path.unlink()
    stat = Path.stat

    def of_the_disk_below(self: Path, **how: Any) -> Any:
        found = stat(self, **how)
        return os.stat_result((*found[:2], found.st_dev + 1, *found[3:])) if self == office.users else found

    monkeypatch.setattr(Path, "stat", of_the_disk_below)
    assert len(folder.look()) == 1
    assert [folder.look() for _ in range(3)] == [[]] * 3
    assert seen(folder) == {"anna": 1}
