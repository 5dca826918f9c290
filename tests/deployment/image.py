"""Carries out a Dockerfile's steps in a folder that holds a small Debian: what an image would be, without an engine."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from dockerfile_parse import DockerfileParser

#: What a build or a run may take.
_TIMEOUT_S = 600
#: What a process has in a container before ENV says more.
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_MOUNTS = ("dev", "proc")


@dataclass
class Stage:
    """One root file system and what stands beside it in an image."""

    root: Path
    variables: dict[str, str] = field(default_factory=lambda: {"PATH": _PATH, "HOME": "/root"})
    folder: str = "/"
    user: str = "root"
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)

    def run(self, *command: str, user: str | None = None, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a command inside, as the image's user, and wait for its end."""
        return subprocess.run(
            self.words(*command, user=user, **variables),
            capture_output=True,
            text=True,
            check=False,
            timeout=_TIMEOUT_S,
            stdin=subprocess.DEVNULL,
        )

    def words(self, *command: str, user: str | None = None, **variables: str) -> list[str]:
        """What runs a command inside."""
        given = [f"{name}={value}" for name, value in {**self.variables, **variables}.items()]
        inside = ["env", "-i", *given, "env", f"--chdir={self.folder}", *command]
        return ["chroot", f"--userspec={user or self.user}", str(self.root), *inside]

    def place(self, path: str) -> Path:
        """A path of the image, from outside."""
        return self.root / str(Path(self.folder, path)).lstrip("/")


def mount(root: Path) -> None:
    """Give a root the kernel's own folders, as every container has them."""
    for name in _MOUNTS:
        subprocess.run(["mount", "--rbind", f"/{name}", str(root / name)], check=True)
        subprocess.run(["mount", "--make-rslave", str(root / name)], check=True)


def unmount(root: Path) -> None:
    """Take them away again, so that the folder can be removed."""
    for name in _MOUNTS:
        subprocess.run(["umount", "--recursive", "--lazy", str(root / name)], check=False, capture_output=True)


def build(dockerfile: Path, base: Path, work: Path) -> Stage:
    """Carry out every step; the last stage is what would be shipped.

    Args:
        base: a root file system, copied for every stage.
        work: an empty folder for the stages.
    """
    stages: dict[str, Stage] = {}
    stage: Stage | None = None
    for step in DockerfileParser(str(dockerfile)).structure:
        kind, value = step["instruction"], step["value"]
        if kind == "FROM":
            _, _, name = value.partition(" AS ")
            stage = Stage(_copy_of(base, work / (name or "last")))
            stages[name or "last"] = stage
        elif stage is not None:
            _carry_out(stage, kind, value, dockerfile.parent, stages)
    assert stage is not None
    return stage


def _copy_of(base: Path, root: Path) -> Path:
    subprocess.run(["cp", "--archive", "--reflink=auto", str(base), str(root)], check=True)
    mount(root)
    return root


def _carry_out(stage: Stage, kind: str, value: str, context: Path, stages: dict[str, Stage]) -> None:
    match kind:
        case "WORKDIR":
            stage.folder = value
            stage.place(value).mkdir(parents=True, exist_ok=True)
        case "COPY":
            _copy(stage, value, context, stages)
        case "RUN":
            done = stage.run("sh", "-c", value, **_network())
            assert done.returncode == 0, f"RUN {value}\n{done.stdout}\n{done.stderr}"
        case "ENV":
            for word in shlex.split(value):
                name, _, text = word.partition("=")
                stage.variables[name] = text.replace("$PATH", stage.variables["PATH"])
        case "USER":
            stage.user = value
        case "ENTRYPOINT":
            stage.command = json.loads(value)
        case "HEALTHCHECK":
            stage.health = json.loads(value.partition("CMD ")[2])
        case "VOLUME" | "ARG" | "COMMENT":
            pass
        case _:
            raise AssertionError(f"the Dockerfile has a step that is not known here: {kind}")


def _network() -> dict[str, str]:
    # Docker hands these to RUN too, where they are set for the build.
    return {name: value for name, value in os.environ.items() if name.startswith("PIP_") or name.endswith("_proxy")}


def _copy(stage: Stage, value: str, context: Path, stages: dict[str, Stage]) -> None:
    words = shlex.split(value)
    source = context
    if words[0].startswith("--from="):
        other = stages[words.pop(0).removeprefix("--from=")]
        source = other.root
    *names, target = words
    for name in names:
        into = stage.place(target)
        found = source / name.lstrip("/")
        if source is context and name == ".":
            _copy_context(context, into)
        elif found.is_dir():
            subprocess.run(["cp", "--archive", f"{found}/.", str(_made(into))], check=True)
        else:
            shutil.copy2(found, into / found.name if target.endswith("/") else into)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _copy_context(context: Path, into: Path) -> None:
    rules = [line for line in (context / ".dockerignore").read_text().splitlines() if line and not line.startswith("#")]
    assert rules[0] == "*", "the context has to be named thing by thing"
    named = [rule[1:] for rule in rules if rule.startswith("!")]
    left_out = shutil.ignore_patterns(*(rule.removeprefix("**/") for rule in rules[1:] if not rule.startswith("!")))
    for pattern in named:
        for found in context.glob(pattern):
            if found.is_dir():
                shutil.copytree(found, into / found.name, ignore=left_out, dirs_exist_ok=True)
            else:
                shutil.copy2(found, into / found.name)
