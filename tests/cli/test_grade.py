from __future__ import annotations

import json
from pathlib import Path

from tests.command import lema

ROOT = Path(__file__).parents[2]


def write(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_rows_keep_their_columns_and_get_a_verdict(tmp_path: Path) -> None:
    file = write(
        tmp_path / "in.jsonl",
        {"id": 7, "gold": "18", "output": "The answer is 18."},
        {"gold": "\\frac12", "pred": "0.5", "style": "math"},
        {"gold": "18", "output": "First we", "finish_reason": "length"},
        {"gold": 18, "pred": 19},
        {"gold": "18", "output": None},
    )
    out = tmp_path / "deep" / "out.jsonl"
    done = lema(None, "grade", str(file), "--out", str(out), "--json")
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    assert summary["verdicts"] == {"correct": 2, "truncated": 1, "wrong": 1, "unparsed": 1}
    rows = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert [row["verdict"] for row in rows] == ["correct", "correct", "truncated", "wrong", "unparsed"]
    assert rows[0]["id"] == 7
    assert rows[0]["extracted"] == "18"
    assert rows[2]["extracted"] is None


def test_the_panel_writes_a_table_that_a_person_settles_into_cases(tmp_path: Path) -> None:
    file = write(
        tmp_path / "in.jsonl",
        {"gold": "18", "output": "A: 18"},
        {"gold": "18", "output": "The answer is 18."},
    )
    out = tmp_path / "out.jsonl"
    done = lema(None, "grade", str(file), "--out", str(out), "--panel")
    assert done.returncode == 0, done.stderr
    assert "2 rows: 2 correct" in done.stdout
    table = tmp_path / "out.disagreements.md"
    assert json.loads(out.read_text("utf-8").splitlines()[0])["panel"]["lema"] == "wrong"
    lines = table.read_text("utf-8").splitlines()
    assert len(lines) == 3
    table.write_text(
        "\n".join([*lines[:2], lines[2].removesuffix("|  |  |") + "| correct | GSM8K's label |"]), "utf-8"
    )
    cases = tmp_path / "cases.jsonl"
    done = lema(None, "grade", str(file), "--settled", str(table), "--out", str(cases))
    assert done.returncode == 0, done.stderr
    [case] = [json.loads(line) for line in cases.read_text("utf-8").splitlines()]
    assert (case["pred"], case["gold"], case["same"], case["source"]) == ("18", "18", True, "in.jsonl")


def test_bad_input_is_one_line_that_names_the_remedy(tmp_path: Path) -> None:
    for text, expected in (
        ('{"gold": "1"}\n', "expected `gold`, and `pred` or `output`"),
        ("not json\n", "expected one JSON object per line"),
        ("", "holds no row; expected one JSON object per line"),
        ('{"gold": "1", "pred": "1", "style": "poem"}\n', "expected one of number, math, choice, text"),
    ):
        file = tmp_path / "bad.jsonl"
        file.write_text(text, encoding="utf-8")
        done = lema(None, "grade", str(file))
        assert done.returncode == 1
        assert expected in done.stderr
        assert done.stderr.strip().count("\n") == 0
    assert lema(None, "grade", str(tmp_path / "missing.jsonl")).returncode == 1
