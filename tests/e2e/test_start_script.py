"""start.sh, run for real; pip and the network are replaced by a stub that writes down its calls."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e

REPOSITORY = Path(__file__).resolve().parents[2]
BASH = shutil.which("bash") or "bash"
# what start.sh calls besides Python and pip
TOOLS = ("awk", "basename", "bash", "cat", "dirname", "flock", "ls", "mkdir", "readlink", "rm", "sha256sum", "shasum")

# Stands for .venv/bin/python: pip is only written down, everything else is the real interpreter.
STUB_PYTHON = """\
#!{bash}
if [ "$1 $2" = "-m pip" ]; then
    if [ "$3" = install ]; then
        echo "begin $*" >>"{calls}"
        if [ -e "{slow}" ]; then sleep 0.5; fi
        echo "end" >>"{calls}"
        if [ -e "{broken}" ]; then echo "ERROR: no route to the packages" >&2; exit 1; fi
    fi
    exit 0
fi
if [ "$1 $2" = "-m pytest" ]; then echo "pytest: $*"; exit 0; fi
exec "{python}" "$@"
"""

BOT = """\
import sys
print("arguments:", sys.argv[1:])
sys.exit(7 if "fail" in sys.argv else 0)
"""


def locked(name: str) -> str:
    return f"{name}==1 \\\n    --hash=sha256:00\n"


@dataclass
class Checkout:
    """A folder with start.sh, and an environment whose pip is a stub."""

    root: Path

    @property
    def venv(self) -> Path:
        return self.root / "environment"

    @property
    def calls(self) -> Path:
        return self.root / "pip-calls"

    @property
    def broken(self) -> Path:
        return self.root / "pip-is-broken"

    @property
    def slow(self) -> Path:
        return self.root / "pip-is-slow"

    @property
    def installs(self) -> list[str]:
        """What pip was asked to install, the build tool left out."""
        if not self.calls.exists():
            return []
        lines = self.calls.read_text().splitlines()
        return [line for line in lines if line.startswith("begin") and ".build-tool" not in line]

    def environment(self, **more: str) -> dict[str, str]:
        return {"PATH": os.environ["PATH"], "NIJA_VENV": str(self.venv)} | more

    def command(self, *arguments: str) -> list[str]:
        return [BASH, str(self.root / "start.sh"), *arguments]

    def run(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*arguments),
            cwd="/",
            env=self.environment(**environment),
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    made = Checkout(tmp_path / "a checkout")
    made.root.mkdir()
    shutil.copy(REPOSITORY / "start.sh", made.root)
    (made.root / "requirements.txt").write_text(locked("setuptools") + locked("rich"))
    (made.root / "requirements-dev.txt").write_text(locked("pytest"))
    (made.root / "bot.py").write_text(BOT)
    python = made.venv / "bin" / "python"
    python.parent.mkdir(parents=True)
    (made.venv / "pyvenv.cfg").touch()
    python.write_text(
        STUB_PYTHON.format(bash=BASH, calls=made.calls, slow=made.slow, broken=made.broken, python=sys.executable)
    )
    python.chmod(0o755)
    return made


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder for PATH that has what start.sh needs, but no Python."""
    folder = tmp_path / "tools"
    folder.mkdir()
    for name in TOOLS:
        found = shutil.which(name)
        if found:
            (folder / name).symlink_to(found)
    return folder


def fake_python(path: Path, body: str) -> Path:
    path.write_text(f"#!{BASH}\n{body}\n")
    path.chmod(0o755)
    return path


class TestInstalling:
    def test_first_start_installs_with_hashes_and_says_so(self, checkout: Checkout) -> None:
        result = checkout.run()

        assert result.returncode == 0
        assert len(checkout.installs) == 1
        assert "--require-hashes" in checkout.installs[0]
        assert "-r requirements.txt" in checkout.installs[0]
        assert "Installing" in result.stderr

    def test_nothing_is_installed_while_the_lock_file_stays(self, checkout: Checkout) -> None:
        checkout.run()
        checkout.calls.unlink()
        checkout.broken.touch()

        result = checkout.run()

        assert (result.returncode, result.stderr) == (0, "")
        assert checkout.installs == []

    def test_a_changed_lock_file_is_installed(self, checkout: Checkout) -> None:
        checkout.run()
        with (checkout.root / "requirements.txt").open("a") as lock:
            lock.write(locked("typer"))

        checkout.run()

        assert len(checkout.installs) == 2

    def test_a_failed_install_starts_nothing_and_is_tried_again(self, checkout: Checkout) -> None:
        checkout.broken.touch()
        failed = checkout.run()
        checkout.broken.unlink()
        again = checkout.run()

        assert failed.returncode != 0
        assert failed.stdout == ""
        assert "ERROR: no route to the packages" in failed.stderr
        assert "installing failed" in failed.stderr
        assert "arguments:" in again.stdout
        assert "Installing" in again.stderr

    def test_a_failed_upgrade_does_not_leave_the_old_stamps(self, checkout: Checkout) -> None:
        checkout.run("install-dev")
        lock = checkout.root / "requirements.txt"
        before = lock.read_text()
        lock.write_text(before + locked("typer"))
        checkout.broken.touch()
        checkout.run()
        checkout.broken.unlink()
        lock.write_text(before)
        checkout.calls.unlink()

        checkout.run()
        checkout.run("install-dev")

        assert len(checkout.installs) == 2

    def test_the_tests_packages_come_only_when_asked_for(self, checkout: Checkout) -> None:
        checkout.run()
        result = checkout.run("test", "-k", "one thing")

        assert [("requirements-dev.txt" in call) for call in checkout.installs] == [False, True]
        assert result.stdout == "pytest: -m pytest -k one thing\n"

    def test_starting_after_testing_installs_nothing(self, checkout: Checkout) -> None:
        checkout.run("test")
        checkout.run()
        checkout.run("test")

        assert len(checkout.installs) == 1

    def test_the_build_tool_is_installed_first_and_pinned(self, checkout: Checkout) -> None:
        checkout.run("install")

        first, _, second, _ = checkout.calls.read_text().splitlines()
        assert ".build-tool" in first
        assert "--no-build-isolation" in second
        pinned = (checkout.venv / ".build-tool.txt").read_text()
        assert pinned == locked("setuptools")

    @pytest.mark.skipif(not shutil.which("flock"), reason="start.sh locks with flock where there is one")
    def test_two_at_once_install_once(self, checkout: Checkout) -> None:
        checkout.slow.touch()
        results: list[subprocess.CompletedProcess[str]] = []
        starts = [threading.Thread(target=lambda: results.append(checkout.run())) for _ in range(3)]
        for start in starts:
            start.start()
        for start in starts:
            start.join()

        assert [result.returncode for result in results] == [0, 0, 0]
        assert len(checkout.installs) == 1

    def test_the_running_bot_does_not_hold_the_lock(self, checkout: Checkout) -> None:
        (checkout.root / "bot.py").write_text("import os\nprint(os.listdir('/proc/self/fd'))\n")
        if not Path("/proc/self/fd").exists():
            pytest.skip("needs /proc")

        assert "'9'" not in checkout.run().stdout


class TestStarting:
    def test_arguments_and_exit_code_pass_through(self, checkout: Checkout) -> None:
        result = checkout.run("--help", "two words", "*", "fail")

        assert result.stdout == "arguments: ['--help', 'two words', '*', 'fail']\n"
        assert result.returncode == 7

    def test_stdout_belongs_to_the_bot(self, checkout: Checkout) -> None:
        assert checkout.run("status", "--json").stdout == "arguments: ['status', '--json']\n"

    def test_a_link_to_the_script_starts_the_same_bot(self, checkout: Checkout, tmp_path: Path) -> None:
        link = tmp_path / "nija"
        link.symlink_to(checkout.root / "start.sh")

        result = subprocess.run(
            [BASH, str(link), "x"], cwd="/", env=checkout.environment(), capture_output=True, text=True, check=False
        )

        assert result.stdout == "arguments: ['x']\n"

    def test_the_bot_takes_the_place_of_the_script_and_gets_its_signals(self, checkout: Checkout) -> None:
        (checkout.root / "bot.py").write_text(
            "import os, signal, sys\n"
            "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])\n"
            "print(os.getpid(), flush=True)\n"
            "signal.sigwait([signal.SIGTERM])\n"
            "print('stopped in order')\n"
            "sys.exit(3)\n"
        )
        checkout.run("install")
        process = subprocess.Popen(
            checkout.command(), cwd="/", env=checkout.environment(), stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        try:
            assert int(process.stdout.readline()) == process.pid
            process.send_signal(signal.SIGTERM)
            rest, _ = process.communicate(timeout=120)
        finally:
            process.kill()

        assert rest == "stopped in order\n"
        assert process.returncode == 3


class TestPython:
    def test_one_that_is_too_old_is_named(self, checkout: Checkout, tmp_path: Path) -> None:
        shutil.rmtree(checkout.venv)
        old = fake_python(tmp_path / "python3.8", "exit 1")

        result = checkout.run(PYTHON=str(old))

        assert result.returncode != 0
        assert f"PYTHON={old} is not Python 3.11 or newer" in result.stderr
        assert len(result.stderr.splitlines()) == 1
        assert not checkout.venv.exists()

    def test_none_at_all_says_what_to_install(self, checkout: Checkout, tools: Path) -> None:
        shutil.rmtree(checkout.venv)
        fake_python(tools / "python3", "exit 1")

        result = checkout.run(PATH=str(tools))

        assert result.returncode != 0
        assert "no Python 3.11 or newer found" in result.stderr
        assert "apt install python3" in result.stderr
        assert len(result.stderr.splitlines()) == 1

    def test_one_without_venv_says_what_to_install(self, checkout: Checkout, tmp_path: Path) -> None:
        shutil.rmtree(checkout.venv)
        bare = fake_python(tmp_path / "python3", 'case "$2" in *ensurepip*) exit 1;; esac')

        result = checkout.run(PYTHON=str(bare))

        assert result.returncode != 0
        assert "apt install python3-venv" in result.stderr
        assert len(result.stderr.splitlines()) == 1

    def test_a_folder_that_is_no_environment_is_left_alone(self, checkout: Checkout, tmp_path: Path) -> None:
        precious = tmp_path / "photos"
        precious.mkdir()
        (precious / "cat.jpg").touch()

        result = checkout.run(NIJA_VENV=str(precious))

        assert result.returncode != 0
        assert "not a Python environment" in result.stderr
        assert [path.name for path in precious.iterdir()] == ["cat.jpg"]

    def test_an_environment_of_another_python_is_installed_anew(self, checkout: Checkout) -> None:
        checkout.run()
        python = checkout.venv / "bin" / "python"
        python.write_text(
            python.read_text().replace("exec ", 'if [ "$1" = --version ]; then echo Python 9.9; exit; fi\nexec ')
        )

        checkout.run()

        assert len(checkout.installs) == 2

    @pytest.mark.slow
    def test_a_new_environment_is_made_where_there_is_none(self, checkout: Checkout) -> None:
        shutil.rmtree(checkout.venv)
        for lock in ("requirements.txt", "requirements-dev.txt"):
            (checkout.root / lock).write_text("")

        result = checkout.run("x", PYTHON=sys.executable)

        assert result.stdout == "arguments: ['x']\n"
        assert (checkout.venv / "pyvenv.cfg").exists()
