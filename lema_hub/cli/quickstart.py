"""`lema quickstart`: the whole loop in the nano world, on CPU, from sampling mistakes to scored adapters.

It starts an embedded Hub in the output folder, points the clients at it, and runs `lema_hub.loop`.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from lema_hub import errors
from lema_hub.cli import missing
from lema_hub.loop import ADAPTERS, CORRECTIONS, STAGES, VERSION, Sizes, run

PACKAGES = (
    "starlette",
    "uvicorn",
    "torch",
    "transformers",
    "peft",
    "trl",
    "bitsandbytes",
    "lighteval",
    "matplotlib",
)
"""What the loop needs besides the base installation."""

app = typer.Typer(add_completion=False, rich_markup_mode=None)


class Screen:
    """Progress on stderr: a line per stage, and a counter within it where there is a terminal."""

    def __init__(self) -> None:
        self.stage = 0

    @contextmanager
    def step(self, title: str) -> Iterator[Callable[..., None]]:
        """A stage; yields the function that reports its progress (done, of how many)."""
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        self.stage += 1
        began = time.monotonic()
        label = f"[{self.stage}/{STAGES}] {title}"
        live = sys.stderr.isatty()
        columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, console=Console(stderr=True), disable=not live, transient=True) as bar:
            task = bar.add_task(label, total=None)

            def advance(done: int, total: int, *_: object) -> None:
                bar.update(task, completed=done, total=total)

            yield advance
        sys.stderr.write(f"{label}: {time.monotonic() - began:.0f} s\n")


@app.command()
def quickstart(
    out: Annotated[Path, typer.Option(help="Folder for the Hub, the runs and the ledger.")] = Path(
        "quickstart"
    ),
    demo: Annotated[
        bool, typer.Option("--demo/--no-demo", help="Keep the Hub up and open the demo.")
    ] = False,
    port: Annotated[int, typer.Option(help="Port of the demo.")] = 7860,
    train_problems: Annotated[
        int, typer.Option(min=10, help="Problems to sample mistakes from.")
    ] = Sizes().train,
    test_problems: Annotated[int, typer.Option(min=10, help="Held-out problems to score on.")] = Sizes().test,
    steps: Annotated[int, typer.Option(min=1, help="Optimisation steps of each adapter.")] = Sizes().steps,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object at the end.")] = False,
) -> None:
    """Run the whole loop offline: mistakes, corrections, datasets, adapters, scores."""
    missing.require(*PACKAGES, *(("gradio",) if demo else ()))
    # Clients read these once, at their import: they get a cache of their own and talk to the embedded Hub only.
    os.environ.update(
        HF_HOME=str((out / "hf-home").resolve()),
        HF_HUB_DISABLE_XET="1",
        HF_HUB_DISABLE_TELEMETRY="1",
        HF_HUB_DISABLE_PROGRESS_BARS="1",
        HF_DATASETS_DISABLE_PROGRESS_BARS="1",
        TOKENIZERS_PARALLELISM="false",
        TRANSFORMERS_VERBOSITY="error",
    )
    sizes = Sizes(train=train_problems, dev=max(10, train_problems // 10), test=test_problems, steps=steps)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise errors.InputError(
            f"{str(out)!r} cannot be created ({error.strerror}); give another --out"
        ) from error
    with serving(out / "hub") as (url, token):
        os.environ.update(HF_ENDPOINT=url, HF_TOKEN=token)
        summary = run(out, sizes, Screen())
        typer.echo(json.dumps(summary) if as_json else describe(summary, out))
        if demo:
            from lema_hub.cli.demo import open_page

            sys.stderr.write(f"the Hub stays up at {url} and the demo opens; Ctrl-C stops both\n")
            open_page(adapter=f"{ADAPTERS['lema']}@v{VERSION}", port=port)


@contextmanager
def serving(directory: Path) -> Iterator[tuple[str, str]]:
    """URL and token of the Hub in a directory: the server that runs already, or one started here."""
    from lema_hub.localhub import DirectoryInUseError, HubError, LocalHub, running

    try:
        hub = LocalHub(directory, port=0)
    except DirectoryInUseError:
        found = running(directory)
        yield found.url, found.token
        return
    except HubError as error:
        raise errors.HubError(str(error)) from error
    with hub:
        yield hub.url, hub.token


def describe(summary: dict[str, Any], out: Path) -> str:
    """The summary for people: counts, scores with intervals, where everything lies, and what to run next."""
    verdicts, stages = summary["counts"]["verdicts"], summary["counts"]["stages"]
    folder, hub = shlex.quote(str(out)), shlex.quote(str(out / "hub"))
    lines = [
        "",
        "Reasoning paths by verdict: " + ", ".join(f"{count} {name}" for name, count in verdicts.items()),
    ]
    for stage in stages:
        dropped = ", ".join(f"{count} {reason}" for reason, count in stage["dropped"].items()) or "nothing"
        lines.append(
            f"  {stage['name']:13} {stage['rows_in']:5} in, {stage['rows_out']:5} out, dropped: {dropped}"
        )
    lines.append("")
    for system in summary["systems"]:
        lines.append(
            f"{system['name']:24} pass@1 {_percent(system['pass_at_1'])} ± {_percent(system['stderr'])} "
            f"(95 % interval {_percent(system['low'])} to {_percent(system['high'])}, n = {system['n']})"
        )
    c = summary["comparison"]
    better = "CoT + corrections is better" if c["difference"] > 0 else "CoT alone is better"
    said = "a tie: these items cannot tell them apart" if c["p"] >= 0.05 else better
    p = "p < 0.001" if c["p"] < 0.001 else f"p = {c['p']:.2g}"
    lines.append(
        f"CoT + corrections minus CoT alone, at equal steps and tokens: {100 * c['difference']:+.1f} points "
        f"(95 % interval {100 * c['low']:+.1f} to {100 * c['high']:+.1f}, McNemar {p}): {said}"
    )
    f = summary["localisation"]
    lines += [
        "",
        f"First wrong step of {f['n']} own held-out mistakes, named rightly:",
        f"  by the fine-tuned model   {_share(f['named'])}",
        f"  always step {f['always_step']['step']}             {_share(f['always_step'])}",
    ]
    if f["solving_again"]:
        lines.append(f"  by solving it again       {_share(f['solving_again'])}")
    lines += [
        "",
        f"All of it took {summary['seconds']:.0f} s and lies in {out}: hub/, corrections/, cot/, runs/, eval/, report/",
        "To load what was published:",
        f"  lema hub serve --dir {hub}          # the Hub with these datasets and adapters",
        f'  eval "$(lema hub env --dir {hub})"   # in another shell: point the Hub\'s clients at it, then',
        f"  python -c 'from datasets import load_dataset; "
        f'print(load_dataset("{CORRECTIONS}", "nano", revision="v{VERSION}"))\'',
        "To find and correct mistakes in the browser:",
        f"next: lema quickstart --out {folder} --demo",
    ]
    return "\n".join(lines)


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _share(share: dict[str, float]) -> str:
    return f"{_percent(share['value'])} (95 % interval {_percent(share['low'])} to {_percent(share['high'])})"
