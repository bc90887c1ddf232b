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
from lema_hub.cli.finite import refuse_nan
from lema_hub.errors import LemaError

# name -> (module in lema_hub.cli, its line in the help): `lema --help` imports none of the modules.
COMMANDS = {
    "quickstart": ("quickstart", "The whole loop in the nano world, on CPU."),
    "sample": ("sample", "Collect reasoning paths, judge them, keep the wrong ones."),
    "build": ("build", "Build a dataset of corrections or CoT from a recipe."),
    "publish": ("publish", "Publish a dataset or an adapter to a Hub, versioned, with its card."),
    "diff": ("diff", "Rows added, dropped and changed between two versions of a dataset."),
    "pull": ("pull", "Fetch a published version."),
    "rebuild": ("rebuild", "The whole rows of an id-only release, from the sources that you may read."),
    "verify": ("verify", "Check a published version: bytes, rows, card, numbers, licence."),
    "contamination": ("contamination", "Which rows of a data set hold a test question."),
    "train": ("train", "Fine-tune an adapter from a recipe."),
    "merge": ("merge", "An adapter and its backbone as one model, and how alike the two write."),
    "eval": ("eval", "Score a model or an adapter with LightEval, one row per item."),
    "report": ("report", "Compare scored runs: intervals, paired test, picture."),
    "perplexity": ("perplexity", "How much likelier a model finds right paths than wrong ones."),
    "grade": ("grade", "Judge the answers of a JSONL file."),
    "demo": ("demo", "The Gradio demo: find, explain and correct a mistake."),
    "ledger": ("ledger", "What a build asked its models, and what that cost; export, prune."),
    "hub": ("hub", "The embedded Hub server."),
    "doctor": ("doctor", "What is installed, what can run here, what is misconfigured."),
}


INTERRUPTED = 130


class _LazyGroup(TyperGroup):
    """A group that imports a command's module only when that command is called."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module, _ = COMMANDS[cmd_name]
        command = typer.main.get_command(importlib.import_module(f"lema_hub.cli.{module}").app)
        command.name = cmd_name
        return refuse_nan(command)

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


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
    """The entry point: a `LemaError`, or a file that cannot be had, becomes one line on stderr and exit code 1."""
    # Read when torch is imported: waiting threads that spin make two processes on two cores slow each other ten-fold.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    try:
        app()
    except LemaError as error:
        sys.stderr.write(f"lema: {' '.join(str(error).split())}\n")
        sys.exit(1)
    except OSError as error:
        if error.filename is None:  # not about a file: a fault of ours, with its traceback
            raise
        sys.stderr.write(
            f"lema: {str(error.filename)!r} cannot be read or written ({error.strerror}); "
            "check its permissions, or give another path\n"
        )
        sys.exit(1)
    except SystemExit as done:
        if done.code == INTERRUPTED:  # what typer makes of Ctrl-C, without a word
            sys.stderr.write("lema: interrupted; finished work is kept: the same command goes on from here\n")
        raise
