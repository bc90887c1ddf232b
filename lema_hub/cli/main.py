"""`lema`: finds the command, runs it, and turns errors into one line and an exit code.

Exit codes: 0 done, 1 failed (one-line reason and remedy on stderr), 2 wrong usage, 130 interrupted.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from lema_hub import __version__
from lema_hub.cli import hint, missing
from lema_hub.cli.finite import refuse_nan
from lema_hub.errors import LemaError

# heading -> command -> its line in the help; the module of a command has its name and is imported when it is called.
GROUPS = {
    "Make": {
        "sample": "Collect reasoning paths, judge them, and keep the wrong ones.",
        "build": "Build a dataset of corrections, CoT rows, evolved problems or mixes from a recipe.",
        "grade": "Judge the answers in a JSONL file.",
        "contamination": "Find the rows of a dataset that contain a test question.",
    },
    "Publish": {
        "publish": "Publish a dataset, an adapter or a model to a Hub, with a version and a card.",
        "verify": "Check a published version: bytes, rows, card, numbers, licence.",
        "diff": "Show the rows added, dropped and changed between two versions of a dataset.",
        "pull": "Download a published version.",
        "rebuild": "Restore the texts of an id-only release from sources that you may read.",
    },
    "Train and score": {
        "train": "Fine-tune an adapter from a recipe.",
        "merge": "Merge an adapter into its backbone and measure what that changes.",
        "eval": "Score a model or an adapter with LightEval, one row per item.",
        "report": "Compare scored runs: intervals, paired tests, picture.",
        "perplexity": "Measure how much likelier a model finds right paths than wrong ones.",
    },
    "Look": {
        "quickstart": "Run the whole loop in the nano world, on a CPU.",
        "demo": "Open the page that finds, explains and corrects a mistake.",
    },
    "Keep house": {
        "doctor": "Show what is installed, what can run here, and what is misconfigured.",
        "ledger": "Show, export and prune the answers that builds have paid for.",
        "hub": "Run and maintain the embedded Hub.",
    },
}
COMMANDS = {name: line for commands in GROUPS.values() for name, line in commands.items()}

INTERRUPTED = 130


class _LazyGroup(TyperGroup):
    """A group that imports a command's module only when that command is called."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        hint.remember(args)
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        command = typer.main.get_command(importlib.import_module(f"lema_hub.cli.{cmd_name}").app)
        command.name = cmd_name
        return refuse_nan(command)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        width = max(map(len, COMMANDS))
        for heading, commands in GROUPS.items():
            with formatter.section(heading):
                formatter.write_dl([(name.ljust(width), line) for name, line in commands.items()])


def _version(show: bool) -> None:
    if show:
        typer.echo(f"lema_hub {__version__}")
        raise typer.Exit


app = typer.Typer(
    cls=_LazyGroup,
    name="lema",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback()
def _root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version."
    ),
) -> None:
    """Datasets, adapters and honest scores for models that learn from mistakes (LeMa, LEMMA)."""


def main() -> None:
    """The entry point: a `LemaError`, a package that is not installed, or a file that cannot be read or written becomes
    one line and exit code 1.
    """
    # Read when torch is imported; without it waiting threads spin, and two processes on two cores run ten times slower
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        try:
            app()
        except ModuleNotFoundError as error:
            raise missing.explained(error) from error
    except LemaError as error:
        sys.stderr.write(f"lema: {' '.join(str(error).split())}\n")
        sys.exit(1)
    except OSError as error:
        if error.filename is None:  # not about a file, so it is a bug of ours: show the traceback
            raise
        sys.stderr.write(
            f"lema: {str(error.filename)!r} cannot be read or written ({error.strerror}); "
            "check its permissions, or give another path\n"
        )
        sys.exit(1)
    except SystemExit as done:
        if done.code == INTERRUPTED:  # typer turns Ctrl-C into this and prints nothing
            sys.stderr.write(
                "lema: interrupted; finished work is kept, and the same command continues from here\n"
            )
        raise
