"""Scores with LightEval, and honest comparisons: `score`, `compare`, `report`, `localise`."""

from lema_hub.artifacts.scores import EvalResult, TaskScore, read_items, read_result
from lema_hub.evals.run import TASKS, score
from lema_hub.stats import Comparison, Estimate, compare, estimate

__all__ = [
    "TASKS",
    "Comparison",
    "Estimate",
    "EvalResult",
    "TaskScore",
    "compare",
    "estimate",
    "read_items",
    "read_result",
    "score",
]
