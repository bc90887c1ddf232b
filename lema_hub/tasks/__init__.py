"""What is asked: the problem sets, one file each, and `load_problems`, which reads any of them."""

from lema_hub.tasks.load import TASKS, get, load_problems
from lema_hub.tasks.split import question_key, split_of
from lema_hub.tasks.task import Split, Task

__all__ = ["TASKS", "Split", "Task", "get", "load_problems", "question_key", "split_of"]
