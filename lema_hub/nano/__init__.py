"""The nano world: word problems whose right and wrong steps are all known exactly, and a small backbone."""

from lema_hub.nano.backbone import backbone_path
from lema_hub.nano.checker import Check, check
from lema_hub.nano.corrector import correct
from lema_hub.nano.injector import INJECTABLE, inject, inject_any
from lema_hub.nano.problems import NanoProblem, generate, load, solve, stream

__all__ = [
    "INJECTABLE",
    "Check",
    "NanoProblem",
    "backbone_path",
    "check",
    "correct",
    "generate",
    "inject",
    "inject_any",
    "load",
    "solve",
    "stream",
]
