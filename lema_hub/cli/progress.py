"""Progress of generation on stderr: a bar on a terminal, a line per tenth elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def stage_progress() -> Iterator[Callable[[str], Callable[[int, int], None]]]:
    """Gives each stage a function that is told (answered, requested)."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    if not sys.stderr.isatty():
        yield _lines
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:

        def stage(name: str) -> Callable[[int, int], None]:
            task = bar.add_task(name, total=None)

            def told(done: int, total: int) -> None:
                bar.update(task, completed=done, total=total)

            return told

        yield stage


def _lines(name: str) -> Callable[[int, int], None]:
    shown = -1

    def told(done: int, total: int) -> None:
        nonlocal shown
        tenth = 10 if total == 0 else done * 10 // total
        if tenth > shown:
            shown = tenth
            sys.stderr.write(f"{name}: {done}/{total}\n")

    return told
