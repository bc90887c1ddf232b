"""Publishing, measured: rows to Parquet, the bytes of a patch, a diff of 50,000 rows.

    python bench/publish.py [--rows 45000]

Prints one JSON object. Aims: 45,000 rows to Parquet within 1 CPU-second and 500 MB; a patch of 100 rows
sends less than 5 % of the bytes; a diff of 50,000 rows within 5 CPU-seconds and 500 MB. Every measurement
runs in a process of its own, so that its peak memory is its own. `cpu_s` is of a first call, what the
libraries set up at it included; `again_cpu_s` of a second one. Texts are random words, which compress
worse than real ones.

Bytes of a patch: `file_share` is what a server receives that stores whole files; `chunk_share` is what one
with chunk-level storage stores anew, measured with the client's own hf_xet into a local folder, of one
file.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

from lema_hub.artifacts.manifest import Contamination, HeldOutUse, Manifest, Tokens
from lema_hub.records import Correction, Gate, Problem, ReasoningPath
from lema_hub.steps import format_correction, join_steps

TEXT = (
    "the number of apples pens total cost dollars each hour day week first second then left more fewer "
    "than bought "
    "sold gave took twice half per bag box group price change answer remaining sum add subtract so we"
)
WORDS = TEXT.split()


def make(index: int) -> Correction:
    """A correction of 2.8 kB as JSON, with drawn words and numbers."""
    rng = Random(index)

    def sentence(words: int) -> str:
        return " ".join((*rng.choices(WORDS, k=words), str(rng.randrange(1000)))).capitalize() + "."

    right = tuple(sentence(8) for _ in range(4))
    wrong = (*right[:2], sentence(8), sentence(8))
    problem = Problem(
        problem_id=f"bench/train/{index}",
        task="bench",
        split="train",
        question=sentence(28),
        answer=str(rng.randrange(1000)),
        gold_solution="\n".join(right),
        level=None,
        subject=None,
        source_repo="lema/bench",
        source_revision="v1.0.0",
        license="mit",
    )
    path = ReasoningPath.make(
        problem_id=problem.problem_id,
        model="bench",
        text=join_steps(wrong),
        steps=wrong,
        answer=str(rng.randrange(1000)),
        verdict="wrong",
        prompt_id="lema-cot@1#747f8094",
    )
    why = sentence(15)
    return Correction(
        problem=problem,
        path=path,
        incorrect_step=3,
        error_type="CA",
        explanation=why,
        correct_solution=join_steps(right),
        correct_steps=right[2:],
        corrector="bench",
        corrector_prompt_id="lema-correction@1#5686f5ec",
        answer_verdict="correct",
        gates=(Gate("answer", "pass", 1.0), Gate("changed", "pass")),
        cost_usd=None,
        prompt=f"Please solve the following math problem.\nQuestion: {problem.question}\n{join_steps(wrong)}\n",
        completion=format_correction(3, why, right[2:]),
    )


def repaired(row: Correction) -> Correction:
    """The row with another explanation, in both places where it stands."""
    why = f"Repaired: {row.explanation}"
    return replace(row, explanation=why, completion=format_correction(3, why, row.correct_steps))


def write(folder: Path, rows: list[Correction]) -> None:
    """The rows as a built dataset, its files cut as they are published."""
    from lema_hub.artifacts import shards
    from lema_hub.artifacts.parquet import to_table, write_table

    for path, table in shards.cut("bench", "train", to_table(rows, Correction)).items():
        write_table(table, folder / path)
    Manifest(
        kind="corrections",
        task="bench",
        command="python bench/publish.py",
        seed=0,
        inputs=(),
        prompts=(),
        models=(),
        stages=(),
        verdicts={},
        configs={"bench": {"train": len(rows)}},
        tokens=Tokens(),
        cost_usd=None,
        license="mit",
        packages={},
        contamination=Contamination(
            n=13,
            strict=False,
            rows=len(rows),
            dropped=0,
            phrases=0,
            tests=(HeldOutUse(name="bench", repo=None, revision=None, questions=0, hits=0),),
        ),
    ).write(folder)


def _worker(work: Callable[..., object], arguments: tuple[object, ...], pipe: object) -> None:
    prepared = work(*arguments)
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    result = prepared() if callable(prepared) else prepared
    spent = time.process_time() - began - result.get("again_cpu_s", 0)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    pipe.send(
        {
            "cpu_s": round(spent, 2),
            "peak_mb": round(peak / 1024),
            "grown_mb": round((peak - before) / 1024),
            **result,
        }
    )


def measured(work: Callable[..., object], *arguments: object) -> dict[str, float]:
    """The figures of a measurement in a process of its own; `work` prepares and returns what is measured."""
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_worker, args=(work, arguments, theirs))
    process.start()
    theirs.close()
    found: dict[str, float] = ours.recv()
    process.join()
    return found


def to_parquet(folder: Path, rows: int) -> Callable[[], dict[str, float]]:
    """Records in memory to files."""
    import pyarrow.parquet  # noqa: F401 - not what is measured

    from lema_hub import records
    from lema_hub.artifacts.parquet import write_rows

    members = [make(index) for index in range(rows)]
    records.schema(Correction)
    sample = members[: min(rows, 500)]
    megabytes = sum(len(json.dumps(row.to_row())) for row in sample) / len(sample) * rows / 1e6

    def run() -> dict[str, float]:
        write_rows(members, Correction, folder / "train.parquet")
        began = time.process_time()
        write_rows(members, Correction, folder / "again.parquet")
        again = time.process_time() - began
        return {"rows": rows, "json_mb": round(megabytes), "again_cpu_s": round(again, 2)}

    return run


def compare(folder: Path, rows: int) -> Callable[[], dict[str, float]]:
    """A diff of two versions: 1,000 rows changed, 500 dropped, 500 added."""
    write(folder / "one", [make(index) for index in range(rows)])
    after = [make(index) for index in range(500, rows + 500)]
    after[1000:2000] = [repaired(row) for row in after[1000:2000]]
    write(folder / "two", after)
    return _Compare(folder)


class _Compare:
    """The diff alone, started in a process that has not made the rows."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self) -> dict[str, float]:
        return measured(run_diff, self.folder)


def run_diff(folder: Path) -> Callable[[], dict[str, float]]:
    """Prepare nothing but imports."""
    import numpy as np  # noqa: F401 - not what is measured
    import pyarrow.parquet  # noqa: F401

    from lema_hub.hub.diff import Side, diff

    def run() -> dict[str, float]:
        found = diff(Side.of(folder / "one"), Side.of(folder / "two")).configs[0]
        return {"added": found.rows_added, "dropped": found.rows_dropped, "changed": len(found.changed)}

    return run


def patch(folder: Path, rows: int, kind: str) -> dict[str, float]:
    """What a patch of 100 rows sends, of what the first publish sent."""
    from lema_hub.artifacts.parquet import to_table, write_table

    before = [make(index) for index in range(rows)]
    spread = Random(0).sample(range(rows), 100)
    places = range(rows // 2, rows // 2 + 100) if kind == "together" else spread
    after = list(before)
    for place in places:
        after[place] = repaired(after[place])
    for name, members in (("one", before), ("two", after)):
        write(folder / name, members)
        write_table(to_table(members, Correction), folder / f"{name}.parquet")
    old = {path.read_bytes() for path in (folder / "one/data").rglob("*.parquet")}
    new = {path.read_bytes() for path in (folder / "two/data").rglob("*.parquet")} - old
    whole = sum(map(len, old))
    return {
        "files": len(old),
        "first_mb": round(whole / 1e6, 1),
        "file_share": round(sum(map(len, new)) / whole, 4),
        "chunk_share": chunk_share(folder / "one.parquet", folder / "two.parquet", folder / "cas"),
    }


def chunk_share(one: Path, two: Path, store: Path) -> float:
    """Bytes that hf_xet stores for the second file beside the first, of those for the first."""
    import warnings

    import hf_xet

    def stored() -> int:
        return sum(
            path.stat().st_size for path in store.rglob("*") if path.is_file() and "xorbs" in path.parts
        )

    warnings.simplefilter("ignore")
    sizes = [0]
    for path in (one, two):
        hf_xet.upload_files([str(path)], f"local://{store}", None, None, None, None)
        sizes.append(stored())
    return round((sizes[2] - sizes[1]) / sizes[1], 4)


def main() -> None:
    """Run every measurement once."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=45_000, help="rows to write and to patch")
    parser.add_argument(
        "--diff-rows", type=int, default=50_000, help="rows of each version that are compared"
    )
    options = parser.parse_args()
    found = {}
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["HF_HOME"] = scratch
        work = Path(scratch)
        found["to_parquet"] = measured(to_parquet, work / "parquet", options.rows)
        found["diff"] = measured(compare, work / "diff", options.diff_rows)
        for kind in ("together", "spread"):
            found[f"patch_{kind}"] = {
                key: value
                for key, value in measured(patch, work / kind, options.rows, kind).items()
                if key not in ("cpu_s", "peak_mb", "grown_mb")
            }
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
