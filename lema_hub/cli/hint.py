"""The last line of a command's output: the command to run next, with the real paths and ids filled in.

Words in capitals (ORG/NAME, RECIPE.yaml) are for the user to choose. With `--json` no command prints a hint.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

import typer

_typed: list[str] = []


def remember(words: Sequence[str]) -> None:
    """Keep what the user typed after `lema`, for `same_command`."""
    _typed[:] = words


def next_command(*words: object) -> None:
    """Print the command to run next; `words` are what follows `lema`."""
    typer.echo(f"next: {shlex.join(['lema', *map(str, words)])}")


def same_command(*more: str, without: str = "--dry-run") -> None:
    """Print the command that is running as the next one, with an option left out and others added."""
    next_command(*(word for word in _typed if word != without), *more)


def run_folder(system: object) -> str:
    """Where a scored run of a system may go: `runs/eval/` and the system's own name."""
    name = str(system).rstrip("/").partition("@")[0].rpartition("/")[2]
    return f"runs/eval/{name or 'model'}"
