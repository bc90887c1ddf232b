"""lema_hub: datasets, adapters and honest scores for learning from mistakes (LeMa, LEMMA).

Everything that a notebook needs is offered here. A name is imported when it is first used, so `import lema_hub`
itself is quick and loads no other package:

    >>> import lema_hub
    >>> lema_hub.judge("4 pens and 3 pens make 8. The answer is 8.", "7").verdict
    'wrong'

| to | use |
|---|---|
| judge answers | `judge`, `gold_answer` |
| make data | `load_problems`, `collect_paths`, `build_corrections`, `build_cot`, `clean`, `write_dataset` |
| ask models | `Source`, `choose_engine`, `find_system`, `Ledger`, `Sampling` |
| publish | `publish_dataset`, `publish_adapter`, `publish_model`, `pull`, `verify` |
| train and score | `load_recipe`, `fine_tune`, `score`, `read_result`, `compare` |
| look at one mistake | `diagnose` |

Training is called `fine_tune` here, because `lema_hub.train` is the package that it comes from. Every other name is
the one that it has at home.
"""

TYPE_CHECKING = False  # type checkers read True; `typing` would take longer to import than all of this

__version__ = "0.1.0"

__all__ = [
    "BudgetError",
    "Built",
    "Comparison",
    "Correction",
    "CotExample",
    "Diagnosis",
    "Engine",
    "EngineError",
    "EvalResult",
    "EvolvedProblem",
    "FormatError",
    "Gate",
    "HubError",
    "InputError",
    "Judgement",
    "Ledger",
    "LemaError",
    "MissingExtraError",
    "MixedRow",
    "Problem",
    "Published",
    "Pulled",
    "ReasoningPath",
    "Recipe",
    "RecipeError",
    "Rejection",
    "Sampling",
    "Score",
    "SlowDownError",
    "Source",
    "StaleParentError",
    "TagExistsError",
    "TrainResult",
    "Trajectory",
    "Verification",
    "__version__",
    "build_corrections",
    "build_cot",
    "choose_engine",
    "clean",
    "collect_paths",
    "compare",
    "diagnose",
    "exact_corrector",
    "find_system",
    "fine_tune",
    "gold_answer",
    "judge",
    "load_held_out",
    "load_problems",
    "load_recipe",
    "problem_inputs",
    "publish_adapter",
    "publish_dataset",
    "publish_model",
    "pull",
    "read_result",
    "score",
    "verify",
    "write_dataset",
]

if TYPE_CHECKING:
    from lema_hub.answers import Judgement, gold_answer, judge
    from lema_hub.builders import Built, build_corrections, build_cot, collect_paths, write_dataset
    from lema_hub.builders.clean import clean
    from lema_hub.builders.dataset import problem_inputs
    from lema_hub.demo.correctors import exact as exact_corrector
    from lema_hub.demo.diagnose import Diagnosis, diagnose
    from lema_hub.engines import Engine, Ledger, Sampling
    from lema_hub.engines.choose import Source
    from lema_hub.engines.choose import choose as choose_engine
    from lema_hub.errors import (
        BudgetError,
        EngineError,
        FormatError,
        HubError,
        InputError,
        LemaError,
        MissingExtraError,
        RecipeError,
        SlowDownError,
        StaleParentError,
        TagExistsError,
    )
    from lema_hub.evals import Comparison, EvalResult, compare, read_result, score
    from lema_hub.evals.systems import find as find_system
    from lema_hub.hub.publish import publish_adapter, publish_dataset, publish_model
    from lema_hub.hub.pull import Pulled, pull
    from lema_hub.hub.release import Published
    from lema_hub.hub.verify import Verification, verify
    from lema_hub.records import (
        Correction,
        CotExample,
        EvolvedProblem,
        Gate,
        MixedRow,
        Problem,
        ReasoningPath,
        Rejection,
        Score,
        Trajectory,
    )
    from lema_hub.tasks import load_problems
    from lema_hub.tasks.held_out import load_held_out
    from lema_hub.train import Recipe, TrainResult
    from lema_hub.train import load as load_recipe
    from lema_hub.train import train as fine_tune
else:  # hidden from type checkers, which would otherwise take any name at all for one of ours
    _HOMES = {
        "lema_hub.answers": "Judgement gold_answer judge",
        "lema_hub.builders": "Built build_corrections build_cot collect_paths write_dataset",
        "lema_hub.builders.clean": "clean",
        "lema_hub.builders.dataset": "problem_inputs",
        "lema_hub.demo.correctors": "exact=exact_corrector",
        "lema_hub.demo.diagnose": "Diagnosis diagnose",
        "lema_hub.engines": "Engine Ledger Sampling",
        "lema_hub.engines.choose": "Source choose=choose_engine",
        "lema_hub.errors": (
            "BudgetError EngineError FormatError HubError InputError LemaError MissingExtraError RecipeError "
            "SlowDownError StaleParentError TagExistsError"
        ),
        "lema_hub.evals": "Comparison EvalResult compare read_result score",
        "lema_hub.evals.systems": "find=find_system",
        "lema_hub.hub.publish": "publish_adapter publish_dataset publish_model",
        "lema_hub.hub.pull": "Pulled pull",
        "lema_hub.hub.release": "Published",
        "lema_hub.hub.verify": "Verification verify",
        "lema_hub.records": (
            "Correction CotExample EvolvedProblem Gate MixedRow Problem ReasoningPath Rejection Score Trajectory"
        ),
        "lema_hub.tasks": "load_problems",
        "lema_hub.tasks.held_out": "load_held_out",
        "lema_hub.train": "Recipe TrainResult load=load_recipe train=fine_tune",
    }

    def __getattr__(name: str) -> object:
        """Import a name of `__all__` when it is first used (PEP 562)."""
        from importlib import import_module

        for home, names in _HOMES.items():
            for entry in names.split():
                own, _, offered = entry.partition("=")
                if name == (offered or own):
                    value = getattr(import_module(home), own)
                    globals()[name] = value
                    return value
        raise AttributeError(f"module 'lema_hub' has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__})
