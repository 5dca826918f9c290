"""The vault: what goes in comes out for its key alone, and whatever was changed does not open."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.domain.errors import SettingsError
from bot.settings.vault import KeyFile, Passphrase, Vault, merged_variables, read_dotenv
from bot.settings.vault.box import new_key_file

KEY = KeyFile(b"k" * 32)
SECRET = "kQH5HW/8p1uGOVjbgWA7FunAmGO8lsSUXNsu3eow76sz84Q18fWxnyRzBHCd3pd5nE9qa99HAZtuZuj6F1huXg=="


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "vault.json"


@pytest.fixture
def vault(path: Path) -> Vault:
    made = Vault.create(path, KEY)
    made.put("KRAKEN_API_KEY", "a key")
    made.put("KRAKEN_API_SECRET", SECRET)
    made.save()
    return made


def opened(path: Path, unlocking: Any = KEY) -> Vault:
    vault = Vault.read(path)
    vault.open(unlocking)
    return vault


def refusal(path: Path, unlocking: Any = KEY) -> str:
    """The one line that it is refused with, when it is opened and read whole."""
    with pytest.raises(SettingsError) as refused:
        opened(path, unlocking).values()
    text = str(refused.value)
    assert len(text.splitlines()) == 1
    assert SECRET not in text
    return text


def test_what_went_in_comes_out(vault: Vault, path: Path) -> None:
    assert opened(path).values() == {"KRAKEN_API_KEY": "a key", "KRAKEN_API_SECRET": SECRET}
    assert Vault.read(path).names == ["KRAKEN_API_KEY", "KRAKEN_API_SECRET"]
    assert SECRET not in repr(vault)


def test_the_file_shows_names_and_no_values(vault: Vault, path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    text = path.read_text()
    assert "KRAKEN_API_SECRET" in text
    assert SECRET not in text
    assert "a key" not in text
    assert [one.name for one in path.parent.iterdir()] == ["vault.json"]


def test_the_same_value_is_never_encrypted_the_same_way(vault: Vault, path: Path) -> None:
    seen = set()
    for _ in range(20):
        vault.put("KRAKEN_API_KEY", "a key")
        vault.save()
        seen.add(json.dumps(json.loads(path.read_text())["entries"]["KRAKEN_API_KEY"]))
    assert len(seen) == 20


def test_a_passphrase_opens_it_and_another_does_not(path: Path) -> None:
    made = Vault.create(path, Passphrase("correct horse battery staple"))
    made.put("KRAKEN_API_KEY", SECRET)
    made.save()
    assert opened(path, Passphrase("correct horse battery staple")).value("KRAKEN_API_KEY") == SECRET
    assert "does not open" in refusal(path, Passphrase("correct horse battery stable"))
    assert "opened by a passphrase" in refusal(path, KEY)
    costs = json.loads(path.read_text())["key"]["parameters"]
    assert (costs["passes"], costs["memory_kib"], costs["lanes"]) == (3, 65_536, 4)


def test_another_key_file_does_not_open_it(vault: Vault, path: Path) -> None:
    assert "does not open" in refusal(path, KeyFile(b"j" * 32))


def test_a_short_key_file_is_refused() -> None:
    with pytest.raises(SettingsError, match="32 bytes"):
        KeyFile(b"secret")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o660, 0o601])
def test_a_vault_that_others_may_read_is_refused_with_the_mend(vault: Vault, path: Path, mode: int) -> None:
    path.chmod(mode)
    assert f"chmod 600 {path}" in refusal(path)
    path.chmod(0o600)
    assert opened(path).names


def swap_values(content: dict[str, Any]) -> None:
    entries = content["entries"]
    entries["KRAKEN_API_KEY"], entries["KRAKEN_API_SECRET"] = entries["KRAKEN_API_SECRET"], entries["KRAKEN_API_KEY"]


CHANGES = {
    "an entry is taken out": lambda c: c["entries"].pop("KRAKEN_API_KEY"),
    "an entry has another name": lambda c: c["entries"].update(X=c["entries"].pop("KRAKEN_API_KEY")),
    "two entries are swapped": swap_values,
    "an entry is there twice": lambda c: c["entries"].update(X=c["entries"]["KRAKEN_API_KEY"]),
    "the vault has another id": lambda c: c.update(id="0" * 32),
    "the salt is another": lambda c: c["key"]["parameters"].update(salt="AAAAAAAAAAAAAAAAAAAAAA=="),
    "the salt is gone": lambda c: c["key"]["parameters"].clear(),
    "the seal is gone": lambda c: c.update(seal={}),
    "there are no entries": lambda c: c.pop("entries"),
    "the key is gone": lambda c: c.update(key={}),
    "an entry is none": lambda c: c["entries"].update(KRAKEN_API_KEY="a key"),
    "it is of a later version": lambda c: c.update(version=2),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_changed_file_does_not_open(vault: Vault, path: Path, change: Any) -> None:
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))
    refusal(path)


@given(st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=100)
def test_no_changed_letter_gives_another_value(vault: Vault, path: Path, data: st.DataObject) -> None:
    vault.save()
    before = opened(path).values()
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    try:
        found = opened(path).values()
    except SettingsError:
        return
    # A space between two words, or the last bits of base64.
    assert found == before


def test_costs_that_would_eat_the_machine_are_refused(path: Path) -> None:
    Vault.create(path, Passphrase("correct horse battery staple"))
    content = json.loads(path.read_text())
    content["key"]["parameters"]["memory_kib"] = 2**31 - 1
    path.write_text(json.dumps(content))
    assert "was changed" in refusal(path, Passphrase("correct horse battery staple"))


def test_a_rotated_vault_has_a_new_key_and_the_same_values(vault: Vault, path: Path) -> None:
    before, old = json.loads(path.read_text()), opened(path).data_key
    vault.rotate(KEY)
    vault.save()
    after = json.loads(path.read_text())
    assert opened(path).values() == {"KRAKEN_API_KEY": "a key", "KRAKEN_API_SECRET": SECRET}
    assert opened(path).data_key != old
    assert all(after["entries"][name] != before["entries"][name] for name in before["entries"])
    # An entry of the old file is worth nothing in the new one.
    after["entries"]["KRAKEN_API_KEY"] = before["entries"]["KRAKEN_API_KEY"]
    path.write_text(json.dumps(after))
    refusal(path)


def test_a_rotated_vault_may_be_opened_by_something_else(vault: Vault, path: Path) -> None:
    vault.rotate(Passphrase("correct horse battery staple"))
    vault.save()
    assert opened(path, Passphrase("correct horse battery staple")).value("KRAKEN_API_SECRET") == SECRET
    refusal(path, KEY)


def test_a_vault_that_cannot_be_written_stays_as_it_was(
    vault: Vault, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    vault.put("KRAKEN_API_KEY", "another")
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(SettingsError, match="No space left"):
        vault.save()
    monkeypatch.undo()
    assert opened(path).value("KRAKEN_API_KEY") == "a key"
    assert [one.name for one in path.parent.iterdir()] == ["vault.json"]


def test_a_vault_that_stands_is_said_to_stand(vault: Vault, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_: Path) -> None:
        raise OSError(22, "Invalid argument")

    # A file system without it: the file is there all the same.
    monkeypatch.setattr("bot.settings.vault.private._sync_folder", refused)
    other = KeyFile(b"o" * 32)
    vault.rotate(other)
    vault.save()
    assert opened(path, other).value("KRAKEN_API_SECRET") == SECRET


def test_a_link_to_a_vault_stays_one(vault: Vault, path: Path, tmp_path: Path) -> None:
    link = tmp_path / "data" / "vault.json"
    link.parent.mkdir()
    link.symlink_to(path)
    changed = opened(link)
    changed.put("KRAKEN_API_KEY", "another")
    changed.save()
    assert link.is_symlink()
    assert opened(path).value("KRAKEN_API_KEY") == "another"


def test_a_vault_is_never_written_over(vault: Vault, path: Path) -> None:
    with pytest.raises(SettingsError, match="is there already"):
        Vault.create(path, KEY)
    assert opened(path).names


# -- among the other settings --------------------------------------------------------------------------------------


@pytest.fixture
def keyed(tmp_path: Path) -> dict[str, str]:
    """Variables of a vault in the data folder that a key file opens."""
    new_key_file(tmp_path / "vault.key")
    key = KeyFile((tmp_path / "vault.key").read_bytes())
    made = Vault.create(tmp_path / "data" / "vault.json", key)
    made.put("KRAKEN_API_KEY", "of the vault")
    made.put("KRAKEN_API_SECRET", SECRET)
    made.save()
    return {"NIJA_DATA_DIR": str(tmp_path / "data"), "NIJA_VAULT_KEY_FILE": str(tmp_path / "vault.key")}


def test_the_environment_wins_over_the_vault_and_the_vault_over_dotenv(keyed: dict[str, str], tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("KRAKEN_API_KEY=of the file\nKRAKEN_API_SECRET=of the file\nOBSERVE_ONLY=true\n")
    dotenv.chmod(0o600)
    found = merged_variables({**keyed, "KRAKEN_API_KEY": "of the start"}, dotenv)
    assert (found["KRAKEN_API_KEY"], found["KRAKEN_API_SECRET"]) == ("of the start", SECRET)
    assert found["OBSERVE_ONLY"] == "true"


def test_where_the_vault_is_may_stand_in_dotenv(keyed: dict[str, str], tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("".join(f"{name}={value}\n" for name, value in keyed.items()))
    dotenv.chmod(0o600)
    assert merged_variables({}, dotenv)["KRAKEN_API_SECRET"] == SECRET


def test_without_a_vault_nothing_is_different(tmp_path: Path) -> None:
    assert merged_variables({"NIJA_DATA_DIR": str(tmp_path)}, None) == {"NIJA_DATA_DIR": str(tmp_path)}


def refused(variables: dict[str, str], dotenv: Path | None = None) -> str:
    with pytest.raises(SettingsError) as refusal:
        merged_variables(variables, dotenv)
    assert len(str(refusal.value).splitlines()) == 1
    return str(refusal.value)


def test_a_named_vault_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    assert "vault init" in refused({"NIJA_VAULT": str(tmp_path / "nowhere.json")})


def test_what_to_set_is_said_where_nobody_can_be_asked(keyed: dict[str, str], tmp_path: Path) -> None:
    said = refused({"NIJA_DATA_DIR": keyed["NIJA_DATA_DIR"]})
    assert "NIJA_VAULT_KEY_FILE" in said
    assert "LoadCredential" in said
    other = tmp_path / "other.json"
    Vault.create(other, Passphrase("correct horse battery staple"))
    said = refused({"NIJA_VAULT": str(other)})
    assert "NIJA_VAULT_PASSPHRASE" in said
    assert "--key-file" in said


def test_a_vault_that_has_nothing_that_is_needed_stays_shut(keyed: dict[str, str]) -> None:
    del keyed["NIJA_VAULT_KEY_FILE"]
    assert merged_variables(keyed, None, only=["LEDGER_URL"]) == keyed
    with pytest.raises(SettingsError):
        merged_variables(keyed, None, only=["KRAKEN_API_KEY"])


def test_a_key_file_of_systemd_is_found(keyed: dict[str, str], tmp_path: Path) -> None:
    folder = tmp_path / "credentials"
    folder.mkdir()
    Path(keyed.pop("NIJA_VAULT_KEY_FILE")).rename(folder / "nija-vault-key")
    # As an access list of systemd shows.
    (folder / "nija-vault-key").chmod(0o440)
    assert merged_variables({**keyed, "CREDENTIALS_DIRECTORY": str(folder)}, None)["KRAKEN_API_SECRET"] == SECRET


def test_a_key_file_that_others_may_read_is_refused(keyed: dict[str, str]) -> None:
    path = Path(keyed["NIJA_VAULT_KEY_FILE"])
    path.chmod(0o440)
    assert f"chmod 600 {path}" in refused(keyed)


def test_a_passphrase_does_not_lie_in_dotenv(tmp_path: Path) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text("NIJA_VAULT_PASSPHRASE=correct horse\n")
    dotenv.chmod(0o600)
    assert "NIJA_VAULT_PASSPHRASE" in refused({}, dotenv)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_dotenv_that_others_may_read_is_refused_with_the_mend(tmp_path: Path, mode: int) -> None:
    dotenv = tmp_path / ".env"
    dotenv.write_text(f"KRAKEN_API_SECRET={SECRET}\n")
    dotenv.chmod(mode)
    said = refused({"NIJA_DATA_DIR": str(tmp_path)}, dotenv)
    assert f"chmod 600 {dotenv}" in said
    assert SECRET not in said
    dotenv.chmod(0o400)
    assert read_dotenv(dotenv) == {"KRAKEN_API_SECRET": SECRET}
