"""The problem sets, one file each, `TASKS`, the list of them, and `load_problems`, which reads any of them."""

from lema_hub.tasks.load import SCORED_TASKS, TASKS, get, load_problems
from lema_hub.tasks.split import question_key, split_of
from lema_hub.tasks.task import Split, Task

__all__ = ["SCORED_TASKS", "TASKS", "Split", "Task", "get", "load_problems", "question_key", "split_of"]
