"""Rules that hold for the repository as a whole and that no linter knows."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bot.settings.env import Environment

REPOSITORY = Path(__file__).resolve().parents[2]
BOT = REPOSITORY / "bot"
LOCKS = ("requirements.txt", "requirements-dev.txt")


def project_files() -> list[Path]:
    """Files that are tracked, or would be with the next `git add`."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
            cwd=REPOSITORY,
            capture_output=True,
            check=True,
        ).stdout.decode()
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs a git checkout")
    return [path for name in listed.split("\0") if name and (path := REPOSITORY / name).is_file()]


def lines_matching(pattern: str) -> list[str]:
    found = []
    for path in project_files():
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
            if re.search(pattern, line):
                found.append(f"{path.relative_to(REPOSITORY)}:{number}: {line.strip()[:120]}")
    return found


def modules(package: Path) -> list[Path]:
    return sorted(package.rglob("*.py"))


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and full name of every import in a file; relative ones keep their dots."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield node.lineno, name.name
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, "." * node.level + (node.module or "")


class TestFiles:
    def test_no_file_names_an_address_of_a_package_registry(self) -> None:
        # Written so that this file does not hold what it looks for.
        addresses = r"pypi[.]org|python[h]osted[.]org|registry[.]npm[j]s|deb[.]debian[.]org"
        options = r"-(?:-index-url|-extra-index-url|-find-links)\b"

        assert lines_matching(f"{addresses}|{options}") == []

    def test_no_file_names_a_path_of_somebodys_machine(self) -> None:
        machines = r"(?<![\w.:/~-])/(?:root|work|tmp|Users|home)/\w"

        assert lines_matching(machines) == []
        assert lines_matching(re.escape(str(REPOSITORY)) + r"\b") == []

    def test_no_file_holds_a_private_key(self) -> None:
        assert lines_matching(r"-{5}BEGIN (?:[A-Z]+ )?PRIVATE KEY-{5}$") == []

    def test_secrets_and_data_are_ignored_by_git(self) -> None:
        for name in (".env", ".env.live", "data/ledger.sqlite3", "kraken.key", ".venv/pyvenv.cfg"):
            asked = subprocess.run(["git", "check-ignore", "-q", name], cwd=REPOSITORY, check=False)
            if asked.returncode == 128:
                pytest.skip("needs a git checkout")
            assert asked.returncode == 0, f"git would track {name}"

    def test_the_example_settings_set_nothing(self) -> None:
        lines = (REPOSITORY / ".env.example").read_text(encoding="utf-8").splitlines()

        assert [line for line in lines if line and not line.startswith("#")] == []

    def test_the_example_settings_name_every_setting(self) -> None:
        example = (REPOSITORY / ".env.example").read_text(encoding="utf-8")
        shown = set(re.findall(r"^#([A-Z_]+)=", example, flags=re.MULTILINE))

        assert {name.upper() for name in Environment.model_fields} - shown == set()


class TestLockFiles:
    @staticmethod
    def entries(name: str) -> list[tuple[Requirement, list[str]]]:
        """Each requirement of a lock file with its hashes."""
        text = (REPOSITORY / name).read_text(encoding="utf-8").replace("\\\n", " ")
        found = []
        for line in text.splitlines():
            if line.strip() and not line.lstrip().startswith("#"):
                requirement, *hashes = re.split(r"\s+--hash=", line.strip())
                found.append((Requirement(requirement), hashes))
        return found

    @pytest.mark.parametrize("name", LOCKS)
    def test_every_requirement_is_one_version_with_its_hashes(self, name: str) -> None:
        entries = self.entries(name)

        assert len(entries) > 20
        for requirement, hashes in entries:
            assert re.fullmatch(r"==[^,*]+", str(requirement.specifier)), requirement
            assert hashes, f"{requirement} has no hash"
            assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", digest) for digest in hashes), requirement

    def test_tests_run_on_the_versions_that_the_bot_runs_on(self) -> None:
        runtime, dev = ({str(requirement) for requirement, _ in self.entries(name)} for name in LOCKS)

        # a marker may be wider where a test tool needs the package too
        assert {pin.split(";")[0].strip() for pin in runtime} <= {pin.split(";")[0].strip() for pin in dev}

    @pytest.mark.parametrize("name", LOCKS)
    def test_what_is_asked_for_is_locked(self, name: str) -> None:
        asked = (REPOSITORY / name.replace(".txt", ".in")).read_text(encoding="utf-8").splitlines()
        locked = {canonicalize_name(entry.name): entry for entry, _ in self.entries(name)}

        for line in asked:
            if not line.strip() or line.startswith(("#", "-")):
                continue
            wanted = Requirement(line)
            pin = locked.get(canonicalize_name(wanted.name))
            assert pin is not None, f"{wanted} is not in {name}: make lock"
            version = str(pin.specifier).removeprefix("==")
            assert wanted.specifier.contains(version), f"{wanted}, locked {version}: make lock"


class TestImports:
    def test_the_package_exists_and_imports_nothing(self) -> None:
        """Without it ``import bot`` finds bot.py; with imports in it every module of the bot loads all others."""
        assert list(imports(BOT / "__init__.py")) == []

    def test_the_bots_modules_have_one_name_each(self) -> None:
        """``import broker_manager`` beside ``import bot.broker_manager`` would make two modules of one file."""
        own = {path.stem for path in BOT.iterdir() if not path.name.startswith("__")}
        scripts = [path for path in REPOSITORY.glob("*.py") if path.name != "bot.py"]

        bare = [
            f"{path.relative_to(REPOSITORY)}:{line}: {name}"
            for path in [*modules(BOT), *modules(REPOSITORY / "tests"), *scripts, REPOSITORY / "bot.py"]
            if path.exists()
            for line, name in imports(path)
            if name.startswith(".") or name.split(".")[0] in own
        ]

        assert bare == []

    def test_the_domain_imports_the_standard_library_and_itself(self) -> None:
        """import-linter forbids the packages that it is told; this forbids the rest."""
        strangers = [
            f"{path.relative_to(REPOSITORY)}:{line}: {name}"
            for path in modules(BOT / "domain")
            for line, name in imports(path)
            if name.split(".")[0] not in sys.stdlib_module_names and not f"{name}.".startswith("bot.domain.")
        ]

        assert strangers == []


# Runs alone in a fresh interpreter, in an empty folder. Prints what importing every module of the bot did.
WATCH_IMPORTS = """\
import importlib, json, logging, os, pkgutil, signal, sys, threading

bot_folder = sys.argv[1]
standard_library = os.path.dirname(os.__file__)
done = []

def importing_line():
    # The line of the bot whose doing it is: its own, or the standard library's called by it.
    frame = sys._getframe(2)
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(bot_folder):
            return f"bot{name[len(bot_folder):]}:{frame.f_lineno}"
        if name.startswith("<frozen importlib") or "site-packages" in name:
            return None
        if not name.startswith((standard_library, "<frozen ")):
            return None
        frame = frame.f_back
    return None

def watch(event, arguments):
    if event == "open":
        path, mode, flags = arguments
        if isinstance(path, int) or not flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) or str(path) == os.devnull:
            if not (line := importing_line()):
                return
            done.append(f"read the file {path} at {line}")
        else:
            done.append(f"opened {path} for writing")
    elif event in ("socket.connect", "socket.bind", "subprocess.Popen", "os.system", "os.mkdir", "os.rename",
                   "os.remove", "sqlite3.connect"):
        done.append(f"{event} {arguments[1:] if event.startswith('socket') else arguments}")

def watched(read):
    def get(self, name):
        if line := importing_line():
            done.append(f"read the variable {name} at {line}")
        return read(self, name)
    return get

def state():
    root = logging.getLogger()
    return {
        "threads": sorted(thread.name for thread in threading.enumerate()),
        "root log handlers": [repr(handler) for handler in root.handlers],
        "root log level": root.level,
        "signal handlers": [repr(signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM)],
        "excepthook": repr(sys.excepthook),
        "variables": dict(os.environ),
        "files": sorted(os.listdir()),
    }

names = ["bot"] + [found.name for found in pkgutil.walk_packages([bot_folder], "bot.") if found.name != "bot.__main__"]
before = state()
os._Environ.__getitem__ = watched(os._Environ.__getitem__)
sys.addaudithook(watch)
for name in names:
    importlib.import_module(name)
after = state()
done += [f"{what}: {before[what]} became {after[what]}" for what in before if before[what] != after[what]]
print(json.dumps({"modules": names, "done": done}))
"""


def test_importing_the_bot_does_nothing(tmp_path: Path) -> None:
    """No thread, file, connection, log handler or signal handler, and no look at the environment."""
    result = subprocess.run(
        [sys.executable, "-B", "-c", WATCH_IMPORTS, str(BOT)],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(REPOSITORY)},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )

    assert result.returncode == 0, result.stderr[-3000:]
    *printed, last = result.stdout.splitlines()
    report = json.loads(last)
    assert "bot.domain.money" in report["modules"]
    assert report["done"] == []
    assert (printed, result.stderr) == ([], "")
