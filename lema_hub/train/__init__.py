"""Training: recipes, data, LoRA / QLoRA / full fine-tuning, checkpoints, merging.

Importing this package is light; torch and its kin are loaded when training starts.
"""

from lema_hub.train.recipe import DataSource, Recipe, load
from lema_hub.train.sft import Prepared, TrainResult, prepare, train

__all__ = ["DataSource", "Prepared", "Recipe", "TrainResult", "load", "prepare", "train"]
