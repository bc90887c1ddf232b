"""The `lighteval` command line, so that it starts and is not stale: `python -m lema_hub.evals.lighteval ...`.

    python -m lema_hub.evals.lighteval accelerate "model_name=lema/nano-backbone,device=cpu" "lema:nano" \
        --custom-tasks lema_hub.evals.tasks

LightEval imports all of its built-in tasks at the start, and three of them keep it from starting:
`tiny_benchmarks` downloads a file on import, `mt_bench` and `mix_eval` raise a TypeError with huggingface_hub 2.
Empty modules stand in for these three; every other built-in task and every command stay as they are.

Its prediction cache is keyed by the model's name and settings, not by its weights: new weights at an old path
are scored from old predictions, and for a local model the cache lies in the model's folder, from where it would
be published. Here every run has a cache folder of its own, which goes when the run ends.

The trap: the stand-ins have to be there before anything of lighteval is imported.
"""

from __future__ import annotations

import sys
import tempfile
from importlib.util import find_spec
from types import ModuleType
from typing import Any

LEFT_OUT = ("tiny_benchmarks", "mt_bench.main", "mix_eval.main")


def prepare() -> None:
    """Put the stand-ins into `sys.modules`; what is imported already is left alone."""
    for name in LEFT_OUT:
        path = f"lighteval.tasks.tasks.{name}"
        sys.modules.setdefault(path, ModuleType(path, "Left out by lema_hub.evals.lighteval; see there."))
    if find_spec("lighteval") is not None:
        import torch

        # On import it turns gradients off for the whole process: who trains after scoring would not train at all.
        gradients = torch.is_grad_enabled()
        import lighteval.models.transformers.transformers_model  # noqa: F401

        torch.set_grad_enabled(gradients)


def main() -> None:
    """Run LightEval's own command line."""
    prepare()
    from lighteval.__main__ import app

    with tempfile.TemporaryDirectory(prefix="lighteval-cache-") as folder:
        _move_cache(folder)
        app()


def _move_cache(folder: str) -> None:
    from lighteval.utils.cache_management import SampleCache

    original = SampleCache.__init__

    def init(self: Any, model_config: Any) -> None:
        # The folder is cache_dir / model_name: an absolute model_name would win over any cache_dir.
        original(self, model_config.model_copy(update={"cache_dir": folder, "model_name": "model"}))

    SampleCache.__init__ = init


if __name__ == "__main__":
    main()
