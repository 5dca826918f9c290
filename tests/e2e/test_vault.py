"""``vault``, as people and scripts call it, and a bot that takes its keys out of it."""

from __future__ import annotations

import os
import pty
import select
import stat
import subprocess
import sys
import time
from typing import Any

import pytest

from tests.e2e.house import Ended, House, Running
from tests.paper_exchange.client import REPOSITORY
from tests.warm import start_warm

pytestmark = pytest.mark.e2e

PASSPHRASE = "correct horse battery staple"


def given(house: House, value: str, *arguments: str) -> Ended:
    """One command with something on its standard input."""
    return Running(start_warm(["bot.py", *arguments], house.environment(), house.folder, given=value)).ended()


def keys_of(house: House) -> dict[str, str]:
    return {name: value for name, value in house.environment().items() if name.endswith(("_API_KEY", "_API_SECRET"))}


def moved_into_the_vault(house: House) -> None:
    """Every key is in the vault and nowhere else."""
    keys = keys_of(house)
    # A key of the environment would win.
    house.variables |= dict.fromkeys(keys)
    for name, value in keys.items():
        ended = given(house, value + "\n", "vault", "add", name)
        assert (ended.code, ended.err) == (0, ""), ended
    assert not any(value in house.environment().values() for value in keys.values())


def at_a_terminal(house: House, answers: list[str], *arguments: str) -> tuple[int, str]:
    """A command with a terminal of its own; an answer a question. Exit code and all that the terminal showed."""
    own, its = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, str(REPOSITORY / "bot.py"), *arguments],
        cwd=house.folder,
        env=house.environment(),
        stdin=its,
        stdout=its,
        stderr=its,
        start_new_session=True,
        preexec_fn=_take_terminal,
    )
    os.close(its)
    said, waiting, deadline = "", list(answers), time.monotonic() + 120
    while time.monotonic() < deadline:
        if not select.select([own], [], [], 1.0)[0]:
            continue
        try:
            part = os.read(own, 4096).decode(errors="replace")
        except OSError:
            break
        said += part
        if waiting and part.endswith(": "):
            os.write(own, waiting.pop(0).encode() + b"\n")
    os.close(own)
    return process.wait(180), said


def _take_terminal() -> None:
    import fcntl
    import termios

    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def test_a_bot_trades_with_keys_of_a_vault_that_a_key_file_opens(house: House) -> None:
    key_file = house.folder / "elsewhere" / "vault.key"
    made = house.run("vault", "init", "--key-file", str(key_file))
    assert made.code == 0, made
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    house.variables["NIJA_VAULT_KEY_FILE"] = str(key_file)
    moved_into_the_vault(house)

    with house.bot():
        assert house.run("trade", "buy", "BTC-USD", "--usd", "100").code == 0
        assert house.run("vault", "rotate").code == 0
        assert house.run("status").code == 0

    assert house.order_counts() == {"master": 1, "anna": 1, "bert": 1}
    text = (house.data / "vault.json").read_bytes() + b"".join(
        path.read_bytes() for path in (house.data / "audit").iterdir()
    )
    assert not any(secret in text for secret in house.secrets())
    said = house.run("audit", "show", "--kind", "secrets", "--json").json
    assert [entry["what"] for entry in said][-1] == "vault init, opened by a key file"
    assert said[0]["what"] == "vault rotate, opened by a key file"


def test_a_passphrase_of_the_environment_opens_it(house: House) -> None:
    house.variables["NIJA_VAULT_PASSPHRASE"] = PASSPHRASE
    assert house.run("vault", "init").code == 0
    moved_into_the_vault(house)
    assert house.run("users", "--json").json["problems"] == []

    house.variables["NIJA_VAULT_PASSPHRASE"] = "another one, fifteen"
    house.run("run").refused(2, "does not open", "passphrase")
    house.variables["NIJA_VAULT_PASSPHRASE"] = PASSPHRASE
    house.variables["NIJA_VAULT_NEW_PASSPHRASE"] = "a new one of many signs"
    assert house.run("vault", "rotate", "--passphrase").code == 0
    house.run("users").refused(2, "does not open")
    house.variables["NIJA_VAULT_PASSPHRASE"] = "a new one of many signs"
    assert house.run("users").code == 0


def test_a_start_without_a_terminal_says_what_to_set_and_the_kill_switch_needs_no_passphrase(house: House) -> None:
    house.variables["NIJA_VAULT_PASSPHRASE"] = PASSPHRASE
    assert house.run("vault", "init").code == 0
    moved_into_the_vault(house)
    house.variables["NIJA_VAULT_PASSPHRASE"] = None

    given(house, "", "run").refused(2, "NIJA_VAULT_PASSPHRASE", "--key-file", "no terminal")
    assert given(house, "", "kill", "now").code == 0
    assert given(house, "", "vault", "list").code == 0
    # A watchdog has no terminal either: nothing runs, and that is what it says.
    given(house, "", "health").refused(1, "no bot has worked")


def test_a_person_at_a_terminal_is_asked_and_nothing_is_shown(house: House) -> None:
    secret = keys_of(house)["KRAKEN_MASTER_API_SECRET"]
    code, said = at_a_terminal(house, [PASSPHRASE, PASSPHRASE], "vault", "init")
    assert code == 0, said
    code, more = at_a_terminal(house, [PASSPHRASE, secret], "vault", "add", "KRAKEN_MASTER_API_SECRET")
    assert code == 0, more
    code, wrong = at_a_terminal(house, ["not this one, really"], "vault", "remove", "KRAKEN_MASTER_API_SECRET")
    assert code == 2
    assert "does not open" in wrong
    assert PASSPHRASE not in said + more
    assert secret not in more
    listed = house.run("vault", "list", "--json").json
    assert listed["names"] == ["KRAKEN_MASTER_API_SECRET"]


def test_the_two_entries_of_a_new_passphrase_have_to_agree(house: House) -> None:
    code, said = at_a_terminal(house, [PASSPHRASE, PASSPHRASE + "x"], "vault", "init")
    assert code == 2
    assert "not the same" in said
    assert not (house.data / "vault.json").exists()


CASES: dict[str, tuple[list[str], tuple[str, ...]]] = {
    "no setting": (["vault", "add", "KRAKEN_MASTER_APIKEY"], ("is no setting", "KRAKEN_MASTER_API_KEY")),
    "too early": (["vault", "add", "NIJA_DATA_DIR"], ("before the vault is open",)),
    "nothing there": (
        ["vault", "remove", "KRAKEN_MASTER_API_KEY"],
        ("there is no KRAKEN_MASTER_API_KEY", "vault list"),
    ),
    "no value": (["vault", "add", "KRAKEN_MASTER_API_KEY"], ("there was no value",)),
    "a second one": (["vault", "init"], ("already",)),
    "both": (["vault", "rotate", "--passphrase", "--key-file", "x"], ("choose one",)),
}


@pytest.mark.parametrize(("arguments", "words"), CASES.values(), ids=CASES)
def test_what_cannot_be_done_is_one_line(house: House, arguments: list[str], words: tuple[str, ...]) -> None:
    house.variables["NIJA_VAULT_PASSPHRASE"] = PASSPHRASE
    assert house.run("vault", "init").code == 0
    given(house, "", *arguments).refused(2, *words)


def test_files_that_others_may_read_are_refused_with_the_mend(house: House) -> None:
    house.variables["NIJA_VAULT_PASSPHRASE"] = PASSPHRASE
    assert house.run("vault", "init").code == 0
    vault = house.data / "vault.json"
    vault.chmod(0o644)
    house.run("users").refused(2, f"chmod 600 {vault}")
    vault.chmod(0o600)
    (house.folder / ".env").write_text("OBSERVE_ONLY=false\n")
    (house.folder / ".env").chmod(0o644)
    house.run("users").refused(2, "chmod 600 .env")
    (house.folder / ".env").chmod(0o600)
    assert house.run("users").code == 0


def test_a_leftover_in_dotenv_is_pointed_out(house: House) -> None:
    house.variables["NIJA_VAULT_PASSPHRASE"] = PASSPHRASE
    assert house.run("vault", "init").code == 0
    dotenv = house.folder / ".env"
    dotenv.write_text("KRAKEN_MASTER_API_KEY=old\n")
    dotenv.chmod(0o600)
    ended = given(house, "new", "vault", "add", "KRAKEN_MASTER_API_KEY")
    assert ended.code == 0
    ended.in_one_line("KRAKEN_MASTER_API_KEY", ".env too", "take it out")


def test_a_key_in_pem_comes_out_as_it_would_of_dotenv(make_house: Any) -> None:
    house = make_house(variables={"NIJA_VAULT_PASSPHRASE": PASSPHRASE})
    assert house.run("vault", "init").code == 0
    pem = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n-----END EC PRIVATE KEY-----\n"
    assert given(house, pem, "vault", "add", "COINBASE_API_SECRET").code == 0
    script = (
        "from bot.settings.env import load_settings\n"
        "print(repr([a.credentials.api_secret.get_secret_value() for a in load_settings().masters][-1]))\n"
    )
    house.variables["COINBASE_API_KEY"] = "organizations/x/apiKeys/y"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=house.folder,
        env={**house.environment(), "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == repr(pem.strip().replace("\n", "\\n"))


@pytest.mark.parametrize("value", ["old", " "], ids=["old", "empty"])
def test_a_key_of_the_environment_that_hides_the_one_in_the_vault_is_pointed_out(house: House, value: str) -> None:
    house.variables |= {"NIJA_VAULT_PASSPHRASE": PASSPHRASE, "KRAKEN_MASTER_API_KEY": value}
    assert house.run("vault", "init").code == 0
    ended = given(house, "new", "vault", "add", "KRAKEN_MASTER_API_KEY")
    assert ended.code == 0
    ended.in_one_line("KRAKEN_MASTER_API_KEY", "the environment", "take it out there")
    house.run("vault", "list").in_one_line("KRAKEN_MASTER_API_KEY", "the environment", "take it out there")


def test_a_key_in_pem_that_is_pasted_at_the_terminal_is_not_taken_by_its_first_line(house: House) -> None:
    house.variables["NIJA_VAULT_PASSPHRASE"] = PASSPHRASE
    assert house.run("vault", "init").code == 0
    pem = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE\n-----END EC PRIVATE KEY-----"
    code, said = at_a_terminal(house, [pem], "vault", "add", "COINBASE_API_SECRET")
    assert code == 2
    assert "< key.pem" in said
    assert house.run("vault", "list", "--json").json["names"] == []


def test_a_passphrase_in_dotenv_makes_no_vault(house: House) -> None:
    dotenv = house.folder / ".env"
    dotenv.write_text(f"NIJA_VAULT_PASSPHRASE={PASSPHRASE}\n")
    dotenv.chmod(0o600)
    given(house, "", "vault", "init").refused(2, "NIJA_VAULT_PASSPHRASE", "does not belong into .env")
    assert not (house.data / "vault.json").exists()
