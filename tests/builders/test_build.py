"""`lema build` against a real endpoint: pilots, several students, votes, and what can go wrong on the way."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lema_hub.artifacts.manifest import Manifest
from lema_hub.engines import Ledger
from tests.endpoint import Endpoint, Reply, failure, reply

WORDS = ("pens", "cups", "nuts", "hats", "bags", "keys", "eggs", "figs", "pins", "mugs")
ROWS = [
    {
        "question": f"{name} has {7 * i + 2} {word} and gets {i} more. How many {word} on day {i}?",
        "answer": f"{7 * i + 2} + {i} = {8 * i + 2}\n#### {8 * i + 2}",
    }
    for i, (name, word) in enumerate(
        ((name, word) for name in ("Tom", "Mia", "Ben", "Eva") for word in WORDS), start=10
    )
]
PRICES = "\n".join(
    f"- {{model: {model}, input: {price}, output: {4 * price}, date: 2026-11-01, source: test}}"
    for model, price in (("small", 1), ("large", 10), ("teacher", 100))
)


class School(Endpoint):
    """Two students and a teacher. `small` is wrong at three of four questions, `large` at one of two."""

    stop_after = 10**9
    refuse: Callable[[], Reply] | None = None

    def answer(self, body: dict[str, Any]) -> Reply:
        prompt, model = body["messages"][-1]["content"], body["model"]
        if self.paid >= self.stop_after and self.refuse is not None:
            return self.refuse()
        if "response_format" in body and not self.schemas:
            return failure(400, "response_format is not supported", "unsupported", param="response_format")
        self.paid += 1
        asked = re.findall(r"has (\d+) \w+ and gets (\d+) more", prompt)[-1]
        a, b = map(int, asked)
        if body["max_tokens"] == 16:
            text = "Step 1." if b % 5 else "Step 2."
        elif "response_format" in body:
            steps = [f"{a} + {b} = {a + b}", f"The answer is {a + b}."]
            text = json.dumps(
                {"incorrect_step": 1, "explanation": "It is added wrongly.", "correct_steps": steps}
            )
        elif "Original Solution:" in prompt:
            text = (
                f"Step 1:\nExplanation: {a} and {b} are {a + b}.\nCorrect Solution:\n"
                f"Step 1: {a} + {b} = {a + b}\nStep 2: The answer is {a + b + (b % 7 == 0)}."
            )
        else:
            wrong = int(b % 4 > 0) if model == "small" else b % 2 * (1 + (b % 3 == 0))
            text = f"Step 1: {a} + {b} = {a + b + wrong}\nStep 2: The answer is {a + b + wrong}."
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}
        usage = {"prompt_tokens": len(prompt) // 4, "completion_tokens": len(text) // 4}
        return reply({"model": model, "choices": [choice], "usage": usage})


def lema(*arguments: object, code: int = 0, prefix: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": "", "COLUMNS": "200"}
    environment.pop("OPENAI_API_KEY", None)
    done = subprocess.run(
        [sys.executable, "-c", f"{prefix}\nfrom lema_hub.cli import main; main()", *map(str, arguments)],
        capture_output=True, text=True, env=environment, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    return done


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    """The one line that says what went wrong."""
    assert "Traceback" not in done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("lema: "), done.stderr
    return last


@pytest.fixture
def school() -> Iterator[School]:
    with School(models=("small", "large", "teacher")) as endpoint:
        yield endpoint


def recipe(folder: Path, school: School, *, more: str = "") -> Path:
    """Problems without a test side, two students, a corrector."""
    (folder / "train.jsonl").write_text("\n".join(json.dumps(row) for row in ROWS))
    (folder / "prices.yaml").write_text(PRICES)
    at = f"base_url: {school.url}"
    file = folder / "r.yaml"
    file.write_text(
        f"kind: corrections\ntask: gsm8k\nproblems: {{path: {folder / 'train.jsonl'}}}\nnear_duplicate: 1.0\n"
        f"students:\n- {{engine: openai, model: small, {at}, paths: 1}}\n"
        f"- {{engine: openai, model: large, {at}, paths: 1, prompt: lema-fewshot-gsm8k, temperature: 0.2}}\n"
        f"corrector: {{engine: openai, model: teacher, {at}}}\n{more}"
    )
    return file


def test_a_pilot_is_paid_once_and_foretells_what_the_run_reports(school: School, tmp_path: Path) -> None:
    file, out = recipe(tmp_path, school), tmp_path / "out"
    command = ("build", "corrections", file, "--out", out, "--prices", tmp_path / "prices.yaml")
    plan = json.loads(lema(*command, "--dry-run", "--json").stdout)["stages"]
    assert [stage["stage"] for stage in plan] == ["sample_1", "sample_2", "correct"]
    assert [stage["problems"] for stage in plan] == [40, 40, 40]
    assert all(stage["expected_tokens"] is None and stage["seconds"] is None for stage in plan)
    assert (school.paid, out.exists()) == (0, False)

    found = json.loads(lema(*command, "--pilot", 16, "--json").stdout)
    paid = school.paid
    assert (found["sampled"], found["problems"]) == (16, 40)
    assert paid < 16 * 4 + 1
    assert not (out / "manifest.json").exists()
    assert json.loads(lema(*command, "--pilot", 16, "--json").stdout)["groups"] == found["groups"]
    assert school.paid == paid  # the same pilot asks nothing

    expected = json.loads(lema(*command, "--dry-run", "--json").stdout)["stages"]
    assert all(stage["expected_requests"] > 0 and stage["expected_cost_usd"] > 0 for stage in expected)
    assert all(stage["seconds"] > 0 for stage in expected)
    assert expected[0]["answered"] == 16

    printed = lema(*command)
    manifest = Manifest.read(out)
    totals = {(took.group, took.name): took for took in manifest.yields}
    assert set(totals) == {("all", "all"), ("student", "small"), ("student", "large")}
    assert school.paid == sum(spent.wrong for spent in manifest.success if spent.group == "all") + 80
    everything = totals["all", "all"]
    with Ledger(out / "ledger.sqlite") as ledger:
        assert everything.cost_usd == pytest.approx(ledger.cost())
    assert everything.accepted == manifest.rows
    assert everything.cost_usd == pytest.approx(
        sum(totals["student", s].cost_usd for s in ("small", "large"))
    )  # type: ignore[misc]
    for group in found["groups"]:
        row = group["cost_per_row"]
        assert row["low"] < row["value"] < row["high"]
        true = totals[group["group"], group["name"]].cost_per_row
        assert true is not None
        assert 0.6 * true < row["value"] < 1.7 * true
    whole = json.loads(lema(*command, "--pilot", 99, "--json").stdout)  # nothing is left to estimate
    assert whole["rows"] == dict.fromkeys(("value", "low", "high"), manifest.rows)
    assert whole["cost_usd"]["value"] == pytest.approx(everything.cost_usd)
    assert whole["groups"][0]["cost_per_row"]["high"] == pytest.approx(everything.cost_per_row)
    assert whole["seconds"] is None
    assert re.search(
        r"^  small: \d+ tokens, \$0\.\d+ \(\d+ accepted of 40 problems\)$", printed.stdout, re.MULTILINE
    )


def test_a_pilot_in_words_and_without_a_price(school: School, tmp_path: Path) -> None:
    file = recipe(tmp_path, school)
    printed = lema("build", "corrections", file, "--out", tmp_path / "out", "--pilot", 10).stdout
    assert "pilot: 10 of 40 problems, drawn at random; 95 % intervals" in printed
    assert "cost: no price is known; for a paid endpoint give --prices FILE" in printed
    assert re.search(
        r"^  all: [\d,]+ \[[\d,]+, [\d,]+\] tokens \(\d+ accepted of 10 problems\)$", printed, re.MULTILINE
    )


def cot(file: Path) -> Path:
    """The recipe as one of CoT rows."""
    other = file.with_name("cot.yaml")
    text = file.read_text().replace("kind: corrections", "kind: cot")
    other.write_text(re.sub(r"corrector:.*\n", "", text))
    return other


def test_what_two_students_wrote_alike_is_corrected_once_and_right_paths_are_kept(
    school: School, tmp_path: Path
) -> None:
    file = recipe(tmp_path, school)
    lema("build", "corrections", file, "--out", tmp_path / "out")
    manifest = Manifest.read(tmp_path / "out")
    first, second, once, correct = manifest.stages[:4]
    assert (first.rows_out, second.rows_out) == (30, 20)  # 14 questions both get wrong in the same words
    assert (once.name, once.rows_in, once.rows_out, once.dropped) == ("once", 50, 36, {"duplicate": 14})
    assert (correct.rows_in, correct.dropped["answer"]) == (36, correct.rows_in - correct.rows_out)
    assert correct.repaired == {"braces": correct.rows_out, "header": correct.rows_out}
    assert [use.name for use in manifest.models] == ["small", "large", "teacher"]
    lema("build", "cot", cot(file), "--out", tmp_path / "cot", "--ledger", tmp_path / "out" / "ledger.sqlite")
    right = Manifest.read(tmp_path / "cot")
    assert [stage.name for stage in right.stages[:4]] == ["sample_1", "sample_2", "once", "cot"]
    assert right.stages[2].dropped == {"duplicate": 10}
    assert school.paid == 80 + 36  # both datasets share the ledger: nobody was asked twice
    assert right.stages[3].rows_in == 40 + 20


def test_votes_are_a_gate_of_the_recipe(school: School, tmp_path: Path) -> None:
    vote = f"vote: {{engine: openai, model: large, base_url: {school.url}, k: 2, agree: 1}}\n"
    file = recipe(tmp_path, school, more=vote + "gates: [step_exists, numbering, answer, vote]\n")
    out = tmp_path / "out"
    lema("build", "corrections", file, "--out", out, "--prices", tmp_path / "prices.yaml")
    manifest = Manifest.read(out)
    correct = next(stage for stage in manifest.stages if stage.name == "correct")
    assert correct.dropped["vote"] > 0
    assert ("voter", "large") in {(use.role, use.name) for use in manifest.models}
    with Ledger(out / "ledger.sqlite") as ledger:
        stages = {(total.stage, total.model): total.responses for total in ledger.totals()}
    passed = correct.rows_out + correct.dropped["vote"]
    assert stages["vote", "large"] == 2 * passed


def test_a_structured_corrector_answers_in_json(school: School, tmp_path: Path) -> None:
    file, out = recipe(tmp_path, school), tmp_path / "out"
    lema("build", "corrections", file, "corrector.structured=true", "--out", out)
    correct = next(stage for stage in Manifest.read(out).stages if stage.name == "correct")
    assert (correct.rows_in, correct.rows_out, correct.repaired) == (36, 36, {})
    asked = [body for body in school.seen if body["model"] == "teacher"]
    schema = asked[0]["response_format"]["json_schema"]
    assert schema["strict"] is True
    assert set(schema["schema"]["required"]) == {"incorrect_step", "explanation", "correct_steps"}
    assert asked[0]["messages"][0]["role"] == "system"


def test_an_endpoint_without_json_is_read_as_text(school: School, tmp_path: Path) -> None:
    school.schemas = False
    file, out = recipe(tmp_path, school), tmp_path / "out"
    lema("build", "corrections", file, "corrector.structured=true", "--out", out)
    correct = next(stage for stage in Manifest.read(out).stages if stage.name == "correct")
    assert correct.repaired == {"braces": correct.rows_out, "header": correct.rows_out}
    assert correct.rows_out == 36 - correct.dropped["answer"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("gates=[answer, vote]", "gate 'vote' is required but there is no section 'vote'"),
        ("corrector=null", "the recipe has students but no corrector"),
        ("vote={engine: openai, model: large, k: 2, agree: 3}", "expected 1 <= agree <= k"),
        ("vote={engine: openai, k: 2}", "engine openai needs a model"),
        ("corrector.noise={typo: 0.5}", "corrector"),
        ("students.0.engine=gpt", "students.0.engine is 'gpt'; expected one of"),
        ("corrector.structured=perhaps", "corrector.structured is 'perhaps'; expected true or false"),
        ("students=[]", "neither students nor recorded solutions"),
    ],
)
def test_a_recipe_that_cannot_be_is_one_line(
    school: School, tmp_path: Path, change: str, message: str
) -> None:
    file = recipe(tmp_path, school)
    if change.startswith("corrector.noise"):
        done = lema(
            "build", "corrections", file, change, "corrector.engine=noisy", "--out", tmp_path / "out", code=1
        )
        assert "expected shares of at most 1" in last_line(done)
    else:
        assert message in last_line(
            lema("build", "corrections", file, change, "--out", tmp_path / "out", code=1)
        )
    assert school.paid == 0


def test_a_key_that_is_revoked_among_the_corrections_loses_nothing(school: School, tmp_path: Path) -> None:
    file, out = recipe(tmp_path, school), tmp_path / "out"
    school.stop_after = 90  # ten corrections in
    school.refuse = lambda: failure(401, "Incorrect API key provided", "invalid_api_key")
    done = lema("build", "corrections", file, "--out", out, code=1)
    assert "refused the key (401" in last_line(done)
    assert not (out / "manifest.json").exists()
    paid, school.stop_after = school.paid, 10**9
    assert paid == 90
    lema("build", "corrections", file, "--out", out)
    assert school.paid == 80 + 36


def test_an_endpoint_that_dies_in_between_loses_nothing(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with School(models=("small", "large", "teacher")) as school:
        file = recipe(tmp_path, school)
        lema("build", "corrections", file, "corrector.base_url=http://127.0.0.1:9/v1", "--out", out, code=1)
        assert school.paid == 80
        done = lema(
            "build", "corrections", file, "corrector.base_url=http://127.0.0.1:9/v1", "--out", out, code=1
        )
        assert "no answer from http://127.0.0.1:9/v1" in last_line(done)
        assert school.paid == 80
        lema("build", "corrections", file, "--out", out)
        assert school.paid == 116


_FULL = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
_FULL += "resource.setrlimit(resource.RLIMIT_FSIZE, ({0}, {0}))"


@pytest.mark.parametrize("kilobytes", [40, 150])
def test_a_disk_that_fills_up_loses_nothing(school: School, tmp_path: Path, kilobytes: int) -> None:
    """The kernel refuses to let a file grow: first the ledger, then the dataset."""
    file, out = recipe(tmp_path, school), tmp_path / "out"
    if kilobytes == 150:  # the ledger is whole before the disk is full
        lema("build", "corrections", file, "--out", out)
        for leftover in [*out.rglob("*.parquet"), out / "manifest.json"]:
            leftover.unlink()
        kilobytes = 1
    done = lema("build", "corrections", file, "--out", out, code=1, prefix=_FULL.format(kilobytes * 1024))
    assert re.search(
        r"free some disk and (run again|try again|build again)|cannot be opened", last_line(done)
    )
    paid = school.paid
    lema("build", "corrections", file, "--out", out)
    assert Manifest.read(out).rows > 0
    with Ledger(out / "ledger.sqlite") as ledger:
        assert sum(total.responses for total in ledger.totals()) == 116
    assert paid + 116 >= school.paid >= 116
