"""The held-out nano problems as a dataset folder, which LightEval loads like one of the Hub.

The folder lies in the Hub clients' own cache (`HF_HOME`) and is made when it is missing: the problems follow from the
generator's revision, so there is nothing to keep up to date.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from lema_hub import nano
from lema_hub.nano.problems import REVISION

ITEMS = 1000


def nano_folder() -> Path:
    """The folder with `test.parquet`: the first 1,000 held-out problems, one in three of 2, 3 and 4 steps."""
    from huggingface_hub import constants

    folder = Path(constants.HF_HOME) / "lema_hub" / f"nano-{REVISION}-{ITEMS}"
    if not folder.is_dir():
        _write(folder)
    return folder


def _write(folder: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from lema_hub.records import Problem, schema

    rows = [made.problem.to_row() for made in nano.generate("test", ITEMS)]
    folder.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        pq.write_table(pa.Table.from_pylist(rows, schema=schema(Problem)), made / "test.parquet")
        os.replace(made, folder)  # noqa: PTH105 - over an empty folder of another process, in one step
    except OSError:
        shutil.rmtree(made, ignore_errors=True)
        if not (folder / "test.parquet").is_file():  # else another process was first, with the same bytes
            raise
