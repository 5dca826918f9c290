"""The documents say what is so: commands parse, links lead somewhere, settings and quoted lines exist in the code."""

from __future__ import annotations

import ast
import importlib.util
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.exceptions import TyperException

from bot.cli.main import make_app
from bot.domain.enums import OrderState
from bot.settings.env import Environment

REPOSITORY = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted([*REPOSITORY.glob("*.md"), *REPOSITORY.glob("docs/**/*.md")])
#: What else may read a variable.
SHELLS = (
    "start.sh",
    "Makefile",
    "Dockerfile",
    "docker-compose.yml",
    "deploy/systemd/nija.service",
    "tests/e2e/page/visitor.py",
)
KEY = re.compile(
    r"(KRAKEN_MASTER|KRAKEN|COINBASE|ALPACA|(KRAKEN|COINBASE|ALPACA)_USER_[A-Z0-9_]+)_(API_KEY|API_SECRET|PAPER)"
)

_FENCE = re.compile(r"^(```+)[^\n]*\n(.*?)^\1\s*$", re.DOTALL | re.MULTILINE)
_SPAN = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
_LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\]\([^)]*\))*\]\(([^)\s]+)\)")
_STARTS = re.compile(r"(?:\S*python3? (?:-m )?[\w./]+|\./start\.sh|^make (?=[a-z]))")
_ENDS = frozenset({"|", "||", "&&", ";", "&", "<", ">", ">>", "2>"})


def name_of(path: Path) -> str:
    return str(path.relative_to(REPOSITORY))


def ids(paths: list[Path]) -> list[str]:
    return [name_of(path) for path in paths]


@cache
def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def blocks(text: str) -> list[str]:
    return [found.group(2) for found in _FENCE.finditer(text)]


def without_blocks(text: str) -> str:
    return _FENCE.sub("", text)


def spans(text: str) -> list[str]:
    return [" ".join(found.group(2).split()) for found in _SPAN.finditer(without_blocks(text))]


# -- commands ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shown:
    """A command as a document shows it; ``whole`` where somebody would paste it."""

    line: str
    whole: bool


def commands(text: str) -> Iterator[Shown]:
    for block in blocks(text):
        for line in block.replace("\\\n", " ").splitlines():
            # Two spaces or a # begin what is said about a command.
            yield from (Shown(one, True) for one in _commands_of(re.split(r"\s{2,}(?![-\s])|\s#\s", line.strip())[0]))
    for span in spans(text):
        yield from (Shown(one, False) for one in _commands_of(span))


def _commands_of(line: str) -> Iterator[str]:
    for found in _STARTS.finditer(line):
        before = line[: found.start()]
        if not before or before[-1] in " (=":
            yield line[found.start() :]


def words_of(line: str) -> list[str]:
    """The words of a command up to where another one begins; ``<id>`` is a word, ``[--flag]`` may be given."""
    plain = re.sub(r"<([a-z_ -]+)>", lambda one: one.group(1).replace(" ", "_"), line).replace("…", "...")
    lexer = shlex.shlex(re.sub(r"[\[\]]", "", plain), posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split, lexer.commenters = True, ""
    words: list[str] = []
    for word in lexer:
        if word in _ENDS:
            break
        words.append(word)
    return [word.strip(",") for word in words if word.strip(",.") or word == "."]


@cache
def the_app() -> Any:
    return typer.main.get_command(make_app())


def an_existing_file(word: str) -> str:
    """A candles file has to be there, and the reader's is not here."""
    return str(REPOSITORY / "README.md") if word == "FILE" or word.endswith(".csv") else word


def fault_of_bot_command(arguments: list[str], *, whole: bool) -> str:
    """What is wrong with the arguments of ``python bot.py``; empty when they parse."""
    command, parent = the_app(), None
    is_asking_for_help = "--help" in arguments
    left = [an_existing_file(word) for word in arguments if word != "--help"]
    while True:
        try:
            context = command.make_context("bot.py", list(left), parent=parent)
        except TyperException as error:
            is_mention = is_asking_for_help or (not left and not whole)
            return "" if is_mention and "Missing" in f"{error}" else f"{error}"
        inner = getattr(command, "commands", None)
        rest = [*getattr(context, "_protected_args", []), *context.args]
        if inner is None:
            return f"takes no {rest}" if rest else ""
        if not rest:
            return ""
        if rest[0] not in inner:
            return f"there is no command {rest[0]}"
        command, parent, left = inner[rest[0]], context, rest[1:]


@cache
def start_script_words() -> frozenset[str]:
    cases = re.findall(r"^    ([a-z-]+)\)$", text_of(REPOSITORY / "start.sh"), flags=re.MULTILINE)
    assert "test" in cases
    return frozenset(cases)


@cache
def make_targets() -> frozenset[str]:
    return frozenset(re.findall(r"^([a-z-]+):", text_of(REPOSITORY / "Makefile"), flags=re.MULTILINE))


def fault_of(shown: Shown) -> str:
    first, *rest = words_of(shown.line)
    if first == "make":
        return "" if rest and rest[0] in make_targets() else f"no target {rest}"
    if first == "./start.sh":
        return "" if rest and rest[0] in start_script_words() else fault_of_bot_command(rest, whole=shown.whole)
    if rest[0] == "-m":
        return "" if importlib.util.find_spec(rest[1]) else f"no module {rest[1]}"
    if rest[0] == "bot.py":
        return fault_of_bot_command(rest[1:], whole=shown.whole)
    return "" if (REPOSITORY / rest[0]).is_file() else f"no file {rest[0]}"


@pytest.mark.parametrize("path", DOCUMENTS, ids=ids(DOCUMENTS))
def test_commands_in_documents_parse(path: Path) -> None:
    faults = {shown.line: fault for shown in commands(text_of(path)) if (fault := fault_of(shown))}

    assert faults == {}


def test_commands_are_found_at_all() -> None:
    found = [shown for path in DOCUMENTS for shown in commands(text_of(path))]

    assert sum(shown.whole for shown in found) > 60
    assert sum(not shown.whole for shown in found) > 60


@pytest.mark.parametrize(
    "line",
    [
        "python bot.py trades",
        "python bot.py users ad somebody",
        "python bot.py users add",
        "python bot.py users pause anna",
        "python bot.py verify binance",
        "python bot.py copies --limit many",
        "python bot.py kill why not",
        "python bot.py vault rotate --pass",
        "./start.sh tests",
        "python verify_nothing.py",
        "python -m paper_exchanges",
        "make nothing",
    ],
)
def test_a_wrong_command_is_noticed(line: str) -> None:
    shown = next(commands(f"Text\n\n```\n{line}   and what it does\n```\n"))

    assert fault_of(shown)


def test_every_command_stands_in_some_document() -> None:
    """The last words of each: ``users add``."""
    said = {" ".join(words_of(shown.line)) + " " for path in DOCUMENTS for shown in commands(text_of(path))}
    said |= {f"python bot.py {one.removeprefix('./start.sh ')}" for one in said if one.startswith("./start.sh ")}

    def leaves(command: Any, path: str) -> Iterator[str]:
        inner = getattr(command, "commands", None)
        if inner is None:
            yield path
        for name, one in (inner or {}).items():
            yield from leaves(one, f"{path} {name}")

    missing = [
        one for one in leaves(the_app(), "python bot.py") if not any(said_.startswith(f"{one} ") for said_ in said)
    ]
    assert missing == []


# -- links ------------------------------------------------------------------------------------------------------------


def anchors(text: str) -> set[str]:
    """What a heading is called in an address, as GitHub makes it."""
    found: dict[str, int] = {}
    for heading in re.findall(r"^#{1,6} +(.+?) *$", without_blocks(text), flags=re.MULTILINE):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
        name = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        found[name] = found.get(name, 0) + 1
    return {f"{name}-{number}" if number else name for name, times in found.items() for number in range(times)}


def broken_links(path: Path) -> list[str]:
    broken = []
    text = _SPAN.sub("", without_blocks(text_of(path)))
    for target in [*_LINK.findall(text), *re.findall(r'(?:src|href)="([^"]+)"', text)]:
        if re.match(r"[a-z]+:", target):
            continue
        file, _, anchor = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        if not there.exists() or (anchor and anchor not in anchors(text_of(there))):
            broken.append(target)
    return broken


@pytest.mark.parametrize("path", DOCUMENTS, ids=ids(DOCUMENTS))
def test_links_and_pictures_lead_somewhere(path: Path) -> None:
    assert broken_links(path) == []


def test_links_that_lead_nowhere_are_noticed(tmp_path: Path) -> None:
    document = tmp_path / "one.md"
    document.write_text(
        '# A `b` c, d\n[a](two.md) [b](#a-b-c-d) [c](#a-b-c) ![d](p.png) [e](https://example.com)\n<img src="q.png">\n'
    )

    assert broken_links(document) == ["two.md", "#a-b-c", "p.png", "q.png"]


def test_every_document_is_reached_from_the_readme() -> None:
    reached, ahead = set(), [REPOSITORY / "README.md"]
    while ahead:
        path = ahead.pop()
        if path in reached:
            continue
        reached.add(path)
        for target in _LINK.findall(without_blocks(text_of(path))):
            there = (path.parent / target.partition("#")[0]).resolve()
            if there.is_dir():
                ahead += there.glob("*.md")
            elif there.suffix == ".md" and there.is_file():
                ahead.append(there)

    assert {name_of(path) for path in DOCUMENTS} - {name_of(path) for path in reached} == set()


# -- settings ---------------------------------------------------------------------------------------------------------

_SETTINGS = frozenset(name.upper() for name in Environment.model_fields)
_FAMILIES = frozenset(name.split("_")[0] for name in _SETTINGS)
#: States, and what Railway reads itself.
_OTHER_WORDS = frozenset(state.value for state in OrderState) | {"RAILWAY_RUN_UID"}


def variables(text: str) -> set[str]:
    """Names in code that are settings by their looks: of a family that there is, or given a value."""
    code = "\n".join([*blocks(text), *spans(text)])
    plain = re.sub(r"<[A-Za-z]+>", "NAME", code)
    named = set(re.findall(r"(?<![\w/:.$@-])([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)(?![\w/])", plain))
    given = set(re.findall(r"(?:^|[\s`])([A-Z][A-Z0-9_]{2,})=", plain))
    return {name for name in named if name.split("_")[0] in _FAMILIES} | given


@cache
def the_code() -> str:
    return "\n".join(text_of(path) for path in sorted((REPOSITORY / "bot").rglob("*.py")))


def is_known(name: str) -> bool:
    if name in _SETTINGS or name in _OTHER_WORDS or KEY.fullmatch(name):
        return True
    quoted = f'"{name}"' in the_code() or re.search(rf"^{name}\b", the_code(), flags=re.MULTILINE) is not None
    return quoted or any(re.search(rf"\b{name}\b", text_of(REPOSITORY / shell)) for shell in SHELLS)


@pytest.mark.parametrize("path", DOCUMENTS, ids=ids(DOCUMENTS))
def test_settings_that_documents_name_exist(path: Path) -> None:
    assert {name for name in variables(text_of(path)) if not is_known(name)} == set()


def test_a_setting_that_is_not_there_is_noticed() -> None:
    found = variables("`WEB_PASSWORD` and `LOG_LEVEL=DEBUG`\n```\nNOTHING=1\nKRAKEN_USER_<NAME>_API_KEY=...\n```\n")

    assert found == {"WEB_PASSWORD", "LOG_LEVEL", "NOTHING", "KRAKEN_USER_NAME_API_KEY"}
    assert {name for name in found if not is_known(name)} == {"WEB_PASSWORD", "NOTHING"}


# -- lines ------------------------------------------------------------------------------------------------------------

_HOLE = "\0"
_FORMAT = re.compile(r"%[-#0 +]?\d*(?:\.\d+)?[sdrfg]")
#: Letters that a line must have in common with the code: less is no word of anybody's.
_FEWEST_LETTERS = 6
#: First cells of tables that quote what the program says.
_HEADINGS = ("line", "log line", "it says", "message")


@dataclass(frozen=True)
class Template:
    """A text of the program: what stands between the values that it puts in."""

    parts: tuple[str, ...]

    @property
    def text(self) -> str:
        return _HOLE.join(self.parts)

    def has(self, quoted: list[str]) -> bool:
        """Whether these stand in it, in this order."""
        at, text = 0, self.text
        for part in quoted:
            at = text.find(part, at)
            if at < 0:
                return False
            at += len(part)
        return True

    def makes(self, line: str) -> bool:
        """Whether some values make it this line."""
        fixed = [part.strip() for part in self.parts]
        if len(fixed) == 1 or max(fixed, key=len) not in line:
            return False
        return re.fullmatch(".*".join(map(re.escape, fixed)), line) is not None


@cache
def templates() -> tuple[Template, ...]:
    found: set[str] = set(re.findall(r'"([^"\n]+)"', text_of(REPOSITORY / "start.sh")))
    for path in sorted((REPOSITORY / "bot").rglob("*.py")):
        inside: set[int] = set()
        for node in ast.walk(ast.parse(text_of(path))):
            if isinstance(node, ast.JoinedStr):
                inside |= {id(part) for part in node.values}
                found.add("".join(str(one.value) if isinstance(one, ast.Constant) else _HOLE for one in node.values))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inside:
                found.add(_FORMAT.sub(_HOLE, node.value))
    texts = {" ".join(one.split()) for one in found if letters(one) >= _FEWEST_LETTERS}
    return tuple(Template(tuple(text.split(_HOLE))) for text in sorted(texts))


def letters(text: str) -> int:
    return sum(map(str.isalpha, text))


def is_said(quoted: str) -> bool:
    """Whether the program says such a line; ``...`` stands for what is different each time."""
    parts = [part.strip() for part in quoted.replace("…", "...").split("...")]
    if sum(map(letters, parts)) < _FEWEST_LETTERS:
        return False
    return any(one.has(parts) for one in templates()) or any(one.makes(quoted) for one in templates())


def quoted_lines(text: str) -> list[str]:
    """What stands as code in the first column of tables that are headed by a word for it."""
    found: list[str] = []
    for table in re.findall(r"(?:^\|.*\n)+", without_blocks(text), flags=re.MULTILINE):
        head, _, *rows = table.splitlines()
        if head.strip("| ").split("|")[0].strip().lower() in _HEADINGS:
            for row in rows:
                first = re.split(r"(?<!\\)\|", row)[1]
                found += [one.group(2).strip() for one in _SPAN.finditer(first)]
    return found


@pytest.mark.parametrize("path", DOCUMENTS, ids=ids(DOCUMENTS))
def test_lines_that_documents_quote_are_said(path: Path) -> None:
    assert [line for line in quoted_lines(text_of(path)) if not is_said(line)] == []


def test_lines_are_found_at_all() -> None:
    assert len(quoted_lines(text_of(REPOSITORY / "docs" / "troubleshooting.md"))) > 80


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("❌ ... NOT connected: ...", True),
        ("✅ KRAKEN PRO CONNECTED (MASTER)", True),
        ("UNDERFUNDED - will NOT trade", True),
        ("❌ ... IS connected: ...", False),
        ("⚠️ User accounts will copy this trade!", False),
        ("... : ...", False),
    ],
)
def test_whether_a_line_is_said(line: str, said: bool) -> None:
    assert is_said(line) is said
