"""Writes docs/data-format.md from the records, so that the documentation cannot drift from the code.

python scripts/write_data_format.py
"""

from __future__ import annotations

from pathlib import Path

from lema_hub import records
from lema_hub.cards.fields import ERROR_NAMES, describe

DATASETS = (
    (records.Correction, "Corrections", "`lema-corrections`, a config per task: wrong solutions, corrected."),
    (records.CotExample, "CoT examples", "`lema-cot`, a config per task: right solutions."),
    (
        records.Trajectory,
        "Trajectories",
        "`lemma-trajectories`: a wrong start, a turn, a right continuation.",
    ),
    (
        records.EvolvedProblem,
        "Evolved problems",
        "`lema-problems`: questions made of questions that models failed on, answered by a majority.",
    ),
    (
        records.MixedRow,
        "Mixes",
        "Training rows of published data sets in a fixed proportion, for controlled comparisons.",
    ),
    (
        records.Rejection,
        "Rejections",
        "The config `rejected` of each dataset: every dropped row, with its reason.",
    ),
)
HEAD = """# Data format

Written by `python scripts/write_data_format.py` from the records (`lema_hub.records`); a test keeps it current.

A dataset repository holds `data/<config>/<split>.parquet`, a card, and `manifest.json` with everything that made it.
A config is a task (`gsm8k`, `math`, `nano`) or `rejected`; `dev` is carved from the training questions by problem, test
questions never enter.
Versions are tags: `load_dataset("lema/lema-corrections", "nano", revision="v0.1.0")`.

In a generic JSONL of recorded solutions (`lema sample --import FILE --format jsonl`), see
`lema_hub.builders.importers.recorded`.
"""


def render() -> str:
    """The text of docs/data-format.md."""
    parts = [HEAD]
    for record, title, about in DATASETS:
        rows = [f"| `{field.name}` | {field.type} | {field.meaning} |" for field in describe(record)]
        parts.append(
            "\n".join(
                [f"## {title}", "", about, "", "| column | type | meaning |", "|---|---|---|", *rows, ""]
            )
        )
    codes = [f"| `{code}` | {name} |" for code, name in ERROR_NAMES.items()]
    parts.append(
        "\n".join(
            [
                "## Error types",
                "",
                "LEMMA's taxonomy (arXiv 2503.17439, Table 1).",
                "",
                "| code | name |",
                "|---|---|",
                *codes,
                "",
            ]
        )
    )
    return "\n".join(parts)


def main() -> None:
    """Writes the file."""
    (Path(__file__).resolve().parents[1] / "docs" / "data-format.md").write_text(render(), encoding="utf-8")


if __name__ == "__main__":
    main()
