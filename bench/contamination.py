"""What looking for test questions costs and finds, beside plain Python sets and polars, in one run.

    python bench/contamination.py [--json] [--rows 50000]

50,000 rows (question and solution) against 5,312 test questions: GSM8K and MATH of `../shared/data`, their
training rows repeated with every number counted up so that no row stands there twice; without that folder
generated problems. Each way runs in a process of its own that reads the rows from a file; peak memory is that of
the whole process. Recall: every test question is planted in a row, verbatim, and looked for. CPU seconds are user
and system.

The peers are the plain definition, a set of 13-word runs, written with a dict of Python and with polars: neither says
where a hit lies, checks its numbers, or can find a question that is shorter than a run. datatrove measured 571 rows per
CPU-second and the same recall on such rows; it is not run here, it asks for older versions of the other packages.
"""

from __future__ import annotations

import argparse
import json
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
TESTS, N = 5_312, 13
_WORD = re.compile(r"[^\W\d_]+|\d+")


def read(file: Path) -> Iterator[dict[str, Any]]:
    """The lines of a JSONL file."""
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def counted_up(text: str, by: int) -> str:
    """The text with every number so much larger."""
    return re.sub(r"\d+", lambda match: str(int(match[0]) + by), text) if by else text


def make(folder: Path, rows: int) -> str:
    """Write `rows.jsonl`, `tests.jsonl` and `planted.jsonl`, and say what they are made of."""
    if DATA.is_dir():
        source = "GSM8K and MATH"
        tests = [row["question"] for row in read(DATA / "gsm8k/test.jsonl")]
        tests += [row["problem"] for row in read(DATA / "math/test.jsonl")]
        train = [(row["question"], row["answer"]) for row in read(DATA / "gsm8k/train.jsonl")]
        train += [(row["problem"], row["solution"]) for row in read(DATA / "math/train.jsonl")]
    else:
        from lema_hub import nano

        source = "generated problems"
        tests = [made.problem.question for made in nano.generate("test", TESTS)]
        made = (item.problem for item in nano.generate("train", min(rows, 15_000)))
        train = [(problem.question, problem.gold_solution) for problem in made]
    tests = tests[:TESTS]
    with (folder / "rows.jsonl").open("w", encoding="utf-8") as file:
        for number, texts in enumerate(islice(cycle(train), rows)):
            question, solution = (counted_up(text, number // len(train)) for text in texts)
            file.write(json.dumps({"question": question, "completion": solution}) + "\n")
    with (folder / "tests.jsonl").open("w", encoding="utf-8") as file:
        file.writelines(json.dumps({"question": test}) + "\n" for test in tests)
    with (folder / "planted.jsonl").open("w", encoding="utf-8") as file:
        for test, (question, _) in zip(tests, cycle(train), strict=False):
            file.write(json.dumps({"question": f"{question} {test} Think.", "completion": ""}) + "\n")
    return source


def ours(folder: Path, name: str) -> list[bool]:
    """Which rows hold a test question."""
    from lema_hub.tasks.held_out import find_hits, from_file

    tests = from_file(folder / "tests.jsonl")
    return [any(hit.overlap.is_hit for hit in hits) for hits in find_hits(read(folder / name), [tests])]


def runs(text: str) -> Iterator[tuple[str, ...]]:
    """All runs of 13 words."""
    said = _WORD.findall(text.lower())
    return (tuple(said[at : at + N]) for at in range(len(said) - N + 1))


def sets(folder: Path, name: str) -> list[bool]:
    """The same by a set of tuples of words."""
    known = {run for row in read(folder / "tests.jsonl") for run in runs(row["question"])}
    return [any(run in known for text in row.values() for run in runs(text)) for row in read(folder / name)]


def polars(folder: Path, name: str) -> list[bool]:
    """The same by joined columns."""
    import polars as pl

    def grams(texts: Iterable[str]) -> pl.DataFrame:
        frame = pl.DataFrame({"text": list(texts)}).with_row_index("row")
        said = frame.select(
            "row", pl.col("text").str.to_lowercase().str.extract_all(r"[^\W\d_]+|\d+").alias("word")
        ).explode("word")
        return said.select(
            "row",
            pl.concat_str([pl.col("word").shift(-at) for at in range(N)], separator=" ").hash().alias("gram"),
            (pl.col("row").shift(-(N - 1)) == pl.col("row")).alias("within"),
        ).filter("within")

    known = grams(row["question"] for row in read(folder / "tests.jsonl"))
    texts = [" # ".join(row.values()) for row in read(folder / name)]
    found = set(grams(texts).join(known, on="gram", how="semi")["row"].unique().to_list())
    return [number in found for number in range(len(texts))]


def twins(folder: Path, name: str) -> list[bool]:
    """Which questions and which solutions repeat an earlier one nearly (`lema_hub.builders.dedup`)."""
    from lema_hub.builders.dedup import Item
    from lema_hub.builders.dedup import twins as find

    rows = list(read(folder / name))
    repeated = find(Item(id=str(n), text=row["question"], group=0) for n, row in enumerate(rows))
    paths = find(Item(id=str(n), text=row["completion"], group=0) for n, row in enumerate(rows))
    return [str(number) in repeated or str(number) in paths for number in range(len(rows))]


WAYS = {"ours": ours, "Python sets": sets, "polars": polars, "near-duplicates, ours": twins}


def measure(way: str, folder: Path) -> None:
    """Run one way in this process and print what it cost."""
    if way == "polars":
        import polars  # noqa: F401 - its import is no part of the work
    elif way != "Python sets":
        import lema_hub.tasks.held_out  # noqa: F401
    began = time.process_time()
    found = WAYS[way](folder, "rows.jsonl")
    spent = time.process_time() - began
    report: dict[str, Any] = {
        "rows_per_cpu_second": round(len(found) / spent),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
        "rows_found": sum(found),
    }
    if way != "near-duplicates, ours":
        planted = WAYS[way](folder, "planted.jsonl")
        report["recall"] = round(sum(planted) / len(planted), 4)
    print(json.dumps(report))


def main() -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=50_000)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.way:
        measure(given.way, given.folder)
        return
    with tempfile.TemporaryDirectory() as folder:
        report: dict[str, Any] = {"rows": given.rows, "of": make(Path(folder), given.rows)}
        for way in WAYS:
            command = [sys.executable, __file__, "--way", way, "--folder", folder]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            reason = (done.stderr.strip().splitlines() or ["failed"])[-1]
            report[way] = json.loads(done.stdout) if done.returncode == 0 else {"skipped": reason}
    if given.json:
        print(json.dumps(report))
        return
    print(f"{report['rows']:,} rows of {report['of']} against {TESTS:,} test questions")
    for way in WAYS:
        print(f"  {way:22} " + ", ".join(f"{name} {value}" for name, value in report[way].items()))


if __name__ == "__main__":
    main()
