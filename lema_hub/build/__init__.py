"""Builders: mistakes, corrections and CoT rows, pure over (problems, engine, ledger), and the folder they
end in.
"""

from lema_hub.build.built import Built
from lema_hub.build.clean import Cleaned, clean
from lema_hub.build.corrections import build_corrections
from lema_hub.build.cot import build_cot
from lema_hub.build.dataset import write_dataset
from lema_hub.build.mistakes import collect_paths

__all__ = ["Built", "Cleaned", "build_corrections", "build_cot", "clean", "collect_paths", "write_dataset"]
