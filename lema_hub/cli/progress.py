"""Progress of generation on stderr: a bar on a terminal, a line per tenth elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def stage_progress() -> Iterator[Callable[[str], Callable[[int, int], None]]]:
    """Gives each stage a function that is told (answered, requested); says at Ctrl-C how to go on."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    told: dict[str, tuple[int, int]] = {}
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as bar:

        def stage(name: str) -> Callable[[int, int], None]:
            task = bar.add_task(name, total=None)
            line = _lines(name)

            def tell(done: int, total: int) -> None:
                told[name] = (done, total)
                bar.update(task, completed=done, total=total)
                if bar.disable:
                    line(done, total)

            return tell

        try:
            yield stage
        except KeyboardInterrupt:
            for name, (done, total) in told.items():
                sys.stderr.write(f"{name}: {done} of {total} answered\n")
            raise


def _lines(name: str) -> Callable[[int, int], None]:
    shown = -1

    def told(done: int, total: int) -> None:
        nonlocal shown
        tenth = 10 if total == 0 else done * 10 // total
        if tenth > shown:
            shown = tenth
            sys.stderr.write(f"{name}: {done}/{total}\n")

    return told
