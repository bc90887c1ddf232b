"""The one judge of answers: `judge` a whole output, `judge_answer` a bare answer, `extract`, `equivalent`,
`majority`.
"""

from lema_hub.answers.extract import extract
from lema_hub.answers.judge import Item, Judgement, equivalent, gold_answer, judge, judge_answer, judge_many
from lema_hub.answers.vote import answer_classes, majority, pass_at_k

__all__ = [
    "Item",
    "Judgement",
    "answer_classes",
    "equivalent",
    "extract",
    "gold_answer",
    "judge",
    "judge_answer",
    "judge_many",
    "majority",
    "pass_at_k",
]
