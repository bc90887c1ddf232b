"""The whole loop, small: real sampling, training, LightEval and publishing, read back by stock clients in processes of
their own.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lema_hub.engines.ledger_contents import LedgerContents
from tests.command import LEMA

SMALL = ["--train-problems", "30", "--test-problems", "30", "--steps", "6"]


def quickstart(out: Path, *options: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("HF_")}
    return subprocess.run(
        [*LEMA, "quickstart", "--out", str(out), *SMALL, *options],
        capture_output=True, text=True, env=environment, timeout=600, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("quickstart")


@pytest.fixture(scope="module")
def summary(folder: Path) -> dict[str, Any]:
    done = quickstart(folder, "--json")
    assert done.returncode == 0, done.stderr
    parsed: dict[str, Any] = json.loads(done.stdout)
    return parsed


@pytest.fixture(scope="module")
def stock(summary: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of a stranger's process: nothing but the endpoint, served from the quickstart's folder."""
    command = [*LEMA, "hub", "serve", "--dir", summary["hub_dir"], "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = json.loads(server.stdout.readline())["url"]
        home = str(tmp_path_factory.mktemp("home"))
        yield {"PATH": os.environ["PATH"], "HOME": home, "HF_ENDPOINT": url, "HF_HUB_DISABLE_XET": "1"}
        server.terminate()
        assert server.wait(timeout=30) == 0
    server.stdout.close()


def python(code: str, environment: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=environment,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()[-1]


def test_counts_add_up(summary: dict[str, Any]) -> None:
    counts = summary["counts"]
    sample, correct, *rest = counts["stages"]
    cleaned = ["decontaminate", "deduplicate"]
    assert [stage["name"] for stage in rest] == [*cleaned, "cot", *cleaned]
    assert sum(counts["verdicts"].values()) == sample["rows_in"] == 4 * (30 + 10)
    for stage in counts["stages"]:
        assert stage["rows_in"] == stage["rows_out"] + sum(stage["dropped"].values())
    assert correct["rows_in"] == sample["rows_out"]
    assert correct["rows_out"] == rest[0]["rows_in"]
    assert rest[1]["rows_out"] == summary["dataset"]["rows"] > 0


def test_every_system_has_its_uncertainty(summary: dict[str, Any]) -> None:
    assert [system["name"] for system in summary["systems"]] == [
        "lema/nano-backbone", "lema/nano-cot-qlora", "lema/nano-lema-qlora",
    ]  # fmt: skip
    for system in summary["systems"]:
        assert system["task"] == "lema:nano"
        assert system["n"] == sum(system["verdicts"].values()) == 30
        assert system["pass_at_1"] == system["verdicts"]["correct"] / 30
        assert 0 <= system["low"] <= system["pass_at_1"] <= system["high"] <= 1
        assert system["stderr"] > 0
    comparison = summary["comparison"]
    cot, lema = summary["systems"][1:]
    assert comparison["difference"] == pytest.approx(lema["pass_at_1"] - cot["pass_at_1"])
    assert comparison["low"] <= comparison["difference"] <= comparison["high"]
    assert 0 < comparison["p"] <= 1


def test_both_adapters_saw_the_same_steps_and_tokens(folder: Path, summary: dict[str, Any]) -> None:
    assert [adapter["version"] for adapter in summary["adapters"]] == ["v0.1.0", "v0.1.0"]
    cot, lema = (
        json.loads((next((folder / "runs" / name).rglob("training.json"))).read_text())
        for name in ("cot", "lema")
    )
    assert cot["steps"] == lema["steps"] == 6
    assert abs(cot["tokens"] - lema["tokens"]) <= 0.01 * cot["tokens"]
    assert {use["repo"] for use in cot["data"]} == {"lema/lema-cot"}
    assert {use["repo"] for use in lema["data"]} == {"lema/lema-cot", "lema/lema-corrections"}


def test_a_stranger_loads_the_dataset_by_its_version(stock: dict[str, str], summary: dict[str, Any]) -> None:
    loaded = python(
        "import json; from datasets import load_dataset\n"
        'data = load_dataset("lema/lema-corrections", "nano", revision="v0.1.0")\n'
        'row = data["train"][0]\n'
        'print(json.dumps({"rows": sum(s.num_rows for s in data.values()), "row": row}))',
        stock,
    )
    found = json.loads(loaded)
    assert found["rows"] == summary["dataset"]["rows"]
    row = found["row"]
    assert row["prompt"].endswith("\nIncorrect Step:")
    assert row["completion"].startswith(
        f" Step {row['incorrect_step']}.\nExplanation: {row['explanation']}\n"
    )
    assert row["completion"].endswith(f"The answer is {row['answer']}.\n}}")
    assert row["path_verdict"] == "wrong"
    assert row["answer_verdict"] == "correct"


def test_a_stranger_loads_an_adapter_on_the_published_backbone(stock: dict[str, str]) -> None:
    said = python(
        "import json, torch; from peft import PeftConfig, PeftModel\n"
        "from transformers import AutoModelForCausalLM, AutoTokenizer\n"
        'config = PeftConfig.from_pretrained("lema/nano-lema-qlora", revision="v0.1.0")\n'
        "base = AutoModelForCausalLM.from_pretrained(config.base_model_name_or_path, revision=config.revision)\n"
        'model = PeftModel.from_pretrained(base, "lema/nano-lema-qlora", revision="v0.1.0")\n'
        "tokenizer = AutoTokenizer.from_pretrained(config.base_model_name_or_path, revision=config.revision)\n"
        'question = "Tom has 5 pens. He buys 3 more pens. How many pens does Tom have now?"\n'
        'prompt = f"Please solve the following math problem.\\nQuestion: {question}\\n"\n'
        'prompt += "Answer: Let\'s think step by step.\\n"\n'
        'ids = tokenizer(prompt, return_tensors="pt", return_token_type_ids=False)\n'
        "out = model.generate(**ids, max_new_tokens=60, do_sample=False)\n"
        'text = tokenizer.decode(out[0, ids["input_ids"].shape[1]:], skip_special_tokens=True)\n'
        "print(json.dumps([config.base_model_name_or_path, config.revision, text]))",
        stock,
    )
    base, revision, text = json.loads(said)
    assert (base, revision) == ("lema/nano-backbone", "v0.1.0")
    assert text.startswith("Step 1:")


def answered(folder: Path) -> list[tuple[str, int, int]]:
    """Answers and failures in the ledger, by stage."""
    with LedgerContents(folder / "ledger.sqlite") as contents:
        return [(stage.stage, stage.responses, stage.failures) for stage in contents.totals()]


def test_again_everything_is_found(folder: Path, summary: dict[str, Any]) -> None:
    training = sorted((folder / "runs").rglob("adapter_model.safetensors"))
    ages = [path.stat().st_mtime_ns for path in training]
    paid = answered(folder)
    done = quickstart(folder)
    assert done.returncode == 0, done.stderr
    assert answered(folder) == paid, "a request was answered again"
    assert [path.stat().st_mtime_ns for path in training] == ages, "an adapter was trained again"
    correct = summary["systems"][2]["pass_at_1"]
    assert f"{100 * correct:.1f} %" in done.stdout
    assert "lema hub serve --dir" in done.stdout
    assert done.stdout.splitlines()[-1] == f"next: lema quickstart --out {folder} --demo"


def test_other_settings_in_the_same_folder_are_refused(folder: Path, summary: dict[str, Any]) -> None:
    done = quickstart(folder, "--steps", "7")
    assert done.returncode == 1
    assert len(done.stderr.strip().splitlines()[-1].split("\n")) == 1
    assert "another run" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_sizes_are_checked() -> None:
    done = quickstart(Path("unused"), "--test-problems", "1")
    assert done.returncode == 2
    assert "--test-problems" in done.stderr
    assert not Path("unused").exists()
