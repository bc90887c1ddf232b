"""`lema merge`: an adapter and its backbone as one model, and how alike the two write.

lema merge runs/nano-lema --out runs/nano-lema-merged
lema merge lema/nano-lema@v0.1.0 --out merged --task nano -n 200
"""

from __future__ import annotations

import json
import shlex
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import typer

from lema_hub.cli.hint import next_command, run_folder
from lema_hub.cli.missing import require
from lema_hub.errors import InputError

app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def merge(
    adapter: Annotated[
        str, typer.Argument(help="The folder of an adapter, or namespace/name@version.", show_default=False)
    ],
    out: Annotated[Path, typer.Option(help="The folder of the model, new or empty.", show_default=False)],
    base: Annotated[
        Path | None, typer.Option(help="The backbone's folder; by default the one that the adapter names.")
    ] = None,
    task: Annotated[
        str, typer.Option(help="Adapter and model are compared on problems of this task.")
    ] = "nano",
    split: Annotated[Literal["train", "dev", "test"], typer.Option(help="Split of the task.")] = "dev",
    n: Annotated[int, typer.Option("-n", help="Number of problems; 0 compares nothing.", min=0)] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON for a script.")] = False,
) -> None:
    """Merge an adapter into its unquantised backbone, and measure what that changes."""
    from lema_hub.cli.hub_client import prepare_client

    prepare_client(bars=False)
    require("torch", "transformers", "peft")
    from lema_hub import prompts
    from lema_hub.artifacts.training import FILE_NAME, Training
    from lema_hub.hub.pull import pull
    from lema_hub.snapshots import split_name
    from lema_hub.tasks import load_problems
    from lema_hub.train.merge import Prompts
    from lema_hub.train.merge import merge as write

    folder, name, revision = Path(adapter), None, None
    if not folder.is_dir():
        if adapter.startswith((".", "/", "~")) or adapter.count("/") != 1:
            raise InputError(
                f"{adapter!r} is neither a folder nor namespace/name[@version]; give one of them"
            )
        repo_id, asked = split_name(adapter)
        pulled = pull(repo_id, asked, repo_type="model")
        folder, name, revision = pulled.folder, repo_id, pulled.revision
    compared = None
    if n:
        template = Training.read(folder).prompt if (folder / FILE_NAME).is_file() else "lema-cot"
        prompt = prompts.load(template)
        problems = load_problems(task, split, limit=n)
        if not problems:
            raise InputError(
                f"task {task!r} has no problems in split {split!r}; give another --split, or -n 0"
            )
        compared = Prompts(task, split, tuple(prompt.render(question=one.question) for one in problems))
    command = shlex.join(["lema", "merge", adapter if name else folder.name, "--task", task, "-n", str(n)])
    found = write(folder, out=out, base=base, prompts=compared, name=name, revision=revision, command=command)
    if as_json:
        print(json.dumps({"folder": str(out), "agreement": [asdict(one) for one in found]}))
        return
    print(f"{out}: the model, without PEFT")
    for one in found:
        print(
            f"with the adapter on the {one.base} base: {one.same_texts} of {one.prompts} greedy texts are the same "
            f"({100 * one.low:.1f}-{100 * one.high:.1f} %), {one.same_tokens:,} of {one.tokens:,} tokens"
        )
    if compared:
        next_command("publish", "model", out, "ORG/NAME", "--version", "0.1.0")
    else:
        next_command("eval", out, "--out", run_folder(out))
