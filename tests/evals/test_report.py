"""Reports on runs whose truth is known."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from lema_hub.artifacts.scores import EvalResult, TaskScore, read_items, read_result, write_result
from lema_hub.errors import InputError
from lema_hub.evals.report import make_report, to_json, to_markdown, write_report
from lema_hub.records import VERDICTS, Score, Verdict
from lema_hub.stats import compare, estimate, outcomes, selection_inflation
from tests.command import lema_here


def run(
    out: Path, system: str, right: list[bool], *, task: str = "lema:nano", judge: str = "j", repo: str = "r",
    checkpoint: str = "", other: Verdict = "wrong", limit: int | None = None,
) -> Path:  # fmt: skip
    """A run whose items are right where the list says so."""
    items = [
        Score(
            item_id=f"nano/test/{i}", task=task, system=system, revision="sha", checkpoint=checkpoint, seed=0,
            verdict="correct" if ok else other, gold="1", extracted=None, output="", reason="",
        )
        for i, ok in enumerate(right)
    ]  # fmt: skip
    measured, counts = estimate(outcomes(items)), Counter(item.verdict for item in items)
    score = TaskScore(
        task=task, n=measured.n, pass_at_1=measured.value, stderr=measured.stderr, low=measured.low,
        high=measured.high, verdicts={v: counts[v] for v in VERDICTS}, samples=1, repo=repo, revision="1",
        config="default", split="test", prompt="lema-cot@1#0", max_new_tokens=160,
    )  # fmt: skip
    write_result(
        EvalResult(
            system=system, revision="sha", engine="transformers", checkpoint=checkpoint, seed=0, limit=limit,
            scores=(score,), packages={}, judge=judge, key=system, out=out,
        ),
        items,
    )  # fmt: skip
    return out


def some(n: int, share: float, seed: int) -> list[bool]:
    rng = Random(seed)
    return [rng.random() < share for _ in range(n)]


BASE = some(200, 0.5, 0)
BETTER = [ok or i % 3 == 0 for i, ok in enumerate(BASE)]
SAME = [ok if i % 20 else not ok for i, ok in enumerate(BASE)]


@pytest.fixture
def three(tmp_path: Path) -> list[Path]:
    return [
        run(tmp_path / "base", "base", BASE, other="unparsed"),
        run(tmp_path / "better", "base+better", BETTER),
        run(tmp_path / "same", "base+same", SAME),
    ]


def test_a_folder_reads_as_it_was_written(three: list[Path]) -> None:
    items = read_items(three[0])
    assert [item.verdict == "correct" for item in items] == BASE
    assert read_result(three[0]).scores[0].pass_at_1 == sum(BASE) / 200


def test_a_difference_is_shown_and_chance_is_a_tie(three: list[Path]) -> None:
    better, same = make_report(three).pairs
    assert (better.label, better.outcome, better.baseline) == ("better", "better", "base")
    assert (same.label, same.outcome) == ("same", "tie")
    assert better.comparison == compare(read_items(three[0]), read_items(three[1]))
    reverse = make_report(three[1::-1]).pairs[0]
    assert reverse.outcome == "worse"
    assert reverse.comparison.difference == -better.comparison.difference


def test_p_is_adjusted_for_the_table(three: list[Path]) -> None:
    better, same = make_report(three).pairs
    assert better.p_holm == pytest.approx(min(1, 2 * better.comparison.p))
    assert same.p_holm == max(same.comparison.p, better.p_holm)


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


def test_the_picture_shows_ties_in_grey(three: list[Path], tmp_path: Path) -> None:
    import numpy as np
    from matplotlib import colors, image

    from lema_hub.evals.picture import COLOURS, draw

    draw(make_report(three), tmp_path / "a.png")
    pixels = image.imread(tmp_path / "a.png")[..., :3]
    found = {
        outcome: bool(np.isclose(pixels, colors.to_rgb(colour), atol=0.01).all(axis=-1).any())
        for outcome, colour in COLOURS.items()
    }
    assert found == {"better": True, "worse": False, "tie": True}
    assert pixels[0, 0].tolist() == [1, 1, 1]  # its own ground: it reads on dark pages


def test_two_tasks_have_a_table_each(tmp_path: Path) -> None:
    a = run(tmp_path / "a", "a", BASE)
    b = run(tmp_path / "b", "b", BETTER, task="lema:gsm8k")
    report = make_report([a, b])
    assert report.tasks == ["lema:nano", "lema:gsm8k"]
    assert report.pairs == ()
    assert write_report(report, tmp_path / "report")


def test_checkpoints_of_one_system_are_told_apart(tmp_path: Path) -> None:
    paths = [run(tmp_path / f"c{i}", "s", BASE, checkpoint=f"step-{i}") for i in (100, 200)]
    assert [row.label for row in make_report(paths).rows] == ["s:step-100", "s:step-200"]
    paths = [run(tmp_path / name, "s", BASE) for name in ("one", "two")]
    assert [row.label for row in make_report(paths).rows] == ["s (one)", "s (two)"]


def test_items_that_cannot_be_paired_are_counted(tmp_path: Path) -> None:
    report = make_report([run(tmp_path / "a", "a", BASE), run(tmp_path / "b", "b", BASE[:150])])
    assert report.pairs[0].comparison.n == 150
    assert "items that one of the two did not answer: b 50." in report.notes[0]


def test_a_part_of_the_items_is_named(tmp_path: Path) -> None:
    report = make_report([run(tmp_path / "a", "a", BASE, limit=200)])
    assert report.notes == ("Scored on a part of the items (limit 200).",)


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"judge": "k"}, "judged by other code"),
        ({"repo": "other"}, "is other at 1 under lema-cot@1#0, of the baseline r at 1"),
    ],
)
def test_what_cannot_be_compared_is_refused(tmp_path: Path, other: dict[str, str], message: str) -> None:
    a = run(tmp_path / "a", "a", BASE)
    with pytest.raises(InputError, match=message):
        make_report([a, run(tmp_path / "b", "b", BASE, **other)])  # type: ignore[arg-type]
    with pytest.raises(InputError, match="two runs are called 'a \\(a\\)'"):
        make_report([a, a])
    with pytest.raises(InputError, match="no runs"):
        make_report([])


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    path = run(tmp_path / "a", "a", BASE)
    pq.write_table(pq.read_table(path / "items.parquet").drop_columns(["verdict"]), path / "items.parquet")
    with pytest.raises(InputError, match="column 'verdict' is missing for a Score"):
        make_report([path])


def test_the_command_prints_and_writes(three: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = lema_here("report", *three, "--out", out)
    assert done.returncode == 0, done.stderr
    assert "Against base, on the same items:" in done.stdout
    assert {path.name for path in out.iterdir()} == {"report.md", "report.json", "report.png"}
    done = lema_here("report", *three, "--out", out, "--json")
    assert [row["outcome"] for row in json.loads(done.stdout)["comparisons"]] == ["better", "tie"]
