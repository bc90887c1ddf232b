"""A report as Markdown, JSON and a picture."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lema_hub.evals.report import make_report
from lema_hub.evals.report_files import to_json, to_markdown, write_report
from lema_hub.stats import selection_inflation
from tests.scored import BASE, BETTER, run, three_runs


@pytest.fixture
def three(tmp_path: Path) -> list[Path]:
    return three_runs(tmp_path)


def test_the_table_shows_every_verdict_and_the_notes(three: list[Path]) -> None:
    text = to_markdown(make_report(three), picture="report.png")
    right = sum(BASE)
    assert f"| base | 200 | {right / 2:.1f} ± 3.5 | " in text
    assert f" | 0 | {200 - right} | 0 | 0 | 0 |" in text
    assert "| tie |" in text
    assert "cannot tell the two apart" in text
    assert f"{100 * selection_inflation(3, 0.0354):.1f} points on average" in text
    assert "![Scores and differences with their 95 % intervals](report.png)" in text


def test_names_from_outside_do_not_break_the_table(tmp_path: Path) -> None:
    path = run(tmp_path / "run", "a|b\n<script>$x$ [l](u)", BASE)
    text = to_markdown(make_report([path]))
    assert r"| a\|b \<script\>$x$ \[l\](u) | 200 |" in text
    write_report(make_report([path]), tmp_path / "report")


def test_all_three_files_are_written(three: list[Path], tmp_path: Path) -> None:
    report = make_report(three)
    markdown, data, picture = write_report(report, tmp_path / "report")
    assert markdown.read_text() == to_markdown(report, picture="report.png")
    assert json.loads(data.read_text()) == json.loads(json.dumps(to_json(report)))
    assert picture.read_bytes().startswith(b"\x89PNG")
    first = picture.read_bytes()
    write_report(report, tmp_path / "report")
    assert picture.read_bytes() == first


def test_two_tasks_have_a_table_each(tmp_path: Path) -> None:
    a = run(tmp_path / "a", "a", BASE)
    b = run(tmp_path / "b", "b", BETTER, task="lema:gsm8k")
    report = make_report([a, b])
    assert report.tasks == ["lema:nano", "lema:gsm8k"]
    assert report.pairs == ()
    assert write_report(report, tmp_path / "report")
