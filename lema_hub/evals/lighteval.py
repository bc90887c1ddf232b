"""The `lighteval` command line, so that it starts: `python -m lema_hub.evals.lighteval accelerate ...`.

LightEval imports all of its built-in tasks at the start, and three of them keep it from starting: `tiny_benchmarks`
downloads a file on import, `mt_bench` and `mix_eval` raise a TypeError with huggingface_hub 2. Empty modules stand in
for these three; every other built-in task and every command stay as they are.

The trap: the stand-ins have to be there before anything of lighteval is imported.
"""

from __future__ import annotations

import sys
from types import ModuleType

LEFT_OUT = ("tiny_benchmarks", "mt_bench.main", "mix_eval.main")


def prepare() -> None:
    """Put the stand-ins into `sys.modules`; modules that are imported already are left alone."""
    for name in LEFT_OUT:
        path = f"lighteval.tasks.tasks.{name}"
        sys.modules.setdefault(path, ModuleType(path, "Left out by lema_hub.evals.lighteval; see there."))


def main() -> None:
    """Run LightEval's own command line."""
    prepare()
    from lighteval.__main__ import app

    app()


if __name__ == "__main__":
    main()
