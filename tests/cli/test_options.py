"""No message names an option that the command at hand does not have."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from lema_hub.cli.main import COMMANDS

PACKAGE = Path(__file__).resolve().parents[2] / "lema_hub"
BUILDS = ("build corrections", "build cot", "build evolve")

# What lies below the commands, and every command that its messages reach; the first entry that fits holds.
REACHED = {
    "builders/rebuild.py": ("rebuild",),
    "builders": BUILDS,
    "tasks/search.py": ("contamination",),
    "tasks": ("sample", *BUILDS, "build mix", "eval", "contamination", "merge"),
    "engines": ("sample", *BUILDS, "eval", "demo", "perplexity"),
    "artifacts/withheld.py": ("publish dataset",),
    "artifacts/runs.py": ("train", "eval"),
    "artifacts": ("sample", *BUILDS, "build mix", "train"),
    "hub/tags.py": ("publish tag",),
    "hub/collections.py": ("publish collection",),
    "hub/checkpoints.py": ("publish adapter",),
    "hub": ("publish dataset",),
    "train/merge.py": ("merge",),
    "train": ("train",),
    "evals": ("eval",),
    "demo": ("demo",),
    "loop.py": ("quickstart",),
}
OF_OTHERS = ("evals/lighteval.py", "evals/tasks.py", "nano/checkpoint")
"""LightEval's own options, and those of a script."""


def _options(command: Any, path: str) -> Iterator[tuple[str, set[str]]]:
    if hasattr(command, "commands"):
        for name, inner in command.commands.items():
            yield from _options(inner, f"{path} {name}")
    else:
        yield path, {option for item in command.params for option in (*item.opts, *item.secondary_opts)}


def _commands() -> dict[str, set[str]]:
    modules = {name: importlib.import_module(f"lema_hub.cli.{name}") for name in COMMANDS}
    found: dict[str, set[str]] = {}
    for name, module in modules.items():
        found |= dict(_options(typer.main.get_command(module.app), name))
    return found


OPTIONS = _commands()


def _messages(path: Path) -> Iterator[str]:
    """The texts of a module that are not documentation, with `X` where a value goes in."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    plain = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            plain |= {id(part) for part in node.values}
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in plain:
            yield node.value


def _wrong(text: str, reached: tuple[str, ...]) -> list[str]:
    """The options in a message that some command lacks: the one that it names, or those that it reaches."""
    wrong: list[str] = []
    if text.startswith("python "):
        return wrong
    for match in re.finditer(r"(?<![\w-])--[a-z][a-z-]*", text):
        named = re.findall(r"\blema ((?:[a-z]+ ?)+)", text[: match.start()])
        words = named[-1].split() if named else []
        commands = next((" ".join(words[:n]) for n in (2, 1) if " ".join(words[:n]) in OPTIONS), None)
        lacking = [name for name in ((commands,) if commands else reached) if match[0] not in OPTIONS[name]]
        wrong += [f"{match[0]}, which lema {name} does not have: {text}" for name in lacking]
    return wrong


@pytest.mark.parametrize("place", REACHED)
def test_a_message_names_only_options_that_its_commands_have(place: str) -> None:
    earlier = list(REACHED)[: list(REACHED).index(place)]
    root = PACKAGE / place
    for path in [root] if root.is_file() else sorted(root.rglob("*.py")):
        name = path.relative_to(PACKAGE).as_posix()
        if not name.startswith((*earlier, *OF_OTHERS)):
            assert not [wrong for text in _messages(path) for wrong in _wrong(text, REACHED[place])], name


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_names_only_its_own_options(command: str) -> None:
    own = [name for name in OPTIONS if name == command or name.startswith(f"{command} ")]
    texts = [text for text in _messages(PACKAGE / f"cli/{command}.py") if not text.startswith("--")]
    for text in texts:
        assert any(not _wrong(text, (name,)) for name in own), text
