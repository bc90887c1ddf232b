"""Builders: mistakes, corrections and CoT rows, pure over (problems, engine, ledger), and the folder they
end in.
"""

from lema_hub.builders.built import Built
from lema_hub.builders.clean import Cleaned, clean
from lema_hub.builders.corrections import build_corrections
from lema_hub.builders.cot import build_cot
from lema_hub.builders.dataset import write_dataset
from lema_hub.builders.mistakes import collect_paths

__all__ = ["Built", "Cleaned", "build_corrections", "build_cot", "clean", "collect_paths", "write_dataset"]
