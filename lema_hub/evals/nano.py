"""The nano problems as a data set folder, which LightEval loads like one of a Hub.

The folder lies in the Hub clients' own cache (`HF_HOME`). Its name is the hash of its problems, which are generated
anew every time (a third of a second): another generator never meets old problems.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from lema_hub import nano
from lema_hub.nano.problems import Split
from lema_hub.records import Problem, digest, schema
from lema_hub.tasks.nano import SCORED

SIZES: dict[Split, int] = {"train": 100, "test": SCORED}
"""Problems of each split: the first of its stream, those of 2, 3 and 4 steps taking turns."""


def nano_folder() -> Path:
    """The folder with `test.parquet`, the held-out problems, and `train.parquet`, examples for few-shot prompts."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from huggingface_hub import constants

    rows = {split: [made.problem.to_row() for made in nano.generate(split, n)] for split, n in SIZES.items()}
    folder = Path(constants.HF_HOME) / "lema_hub" / f"nano-{digest(rows)[:16]}"
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    for split, problems in rows.items():
        pq.write_table(pa.Table.from_pylist(problems, schema=schema(Problem)), made / f"{split}.parquet")
    try:
        made.rename(folder)
    except OSError:
        shutil.rmtree(made)
        if not folder.is_dir():  # else another process was first, with the same problems
            raise
    return folder
