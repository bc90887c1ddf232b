"""`lema` itself: quick to start, complete in its help."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from lema_hub.cli import hint
from lema_hub.cli.main import COMMANDS, GROUPS
from tests.command import lema, lema_here, one_line

RECIPES = Path(__file__).parents[2] / "scripts/recipes/data"
HEAVY = (
    "torch", "transformers", "datasets", "pyarrow", "gradio", "lighteval", "openai", "peft", "trl", "numpy", "scipy",
    "huggingface_hub", "starlette", "sympy", "jinja2",
)  # fmt: skip


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\nsys.argv = ['lema', '--help']\nfrom lema_hub.cli import main\n"
        "try:\n    main()\nexcept SystemExit as done:\n    assert not done.code\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip().splitlines()[-1] == "[]"
    listed = [line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")]
    assert [name for name in listed if name in COMMANDS] == list(COMMANDS)
    for heading in GROUPS:
        assert f"\n{heading}:\n" in done.stdout


def test_a_file_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"gold": "1", "pred": "1"}\n')
    done = lema(None, "grade", rows, "--out", rows / "graded.jsonl")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        f"lema: {str(rows)!r} cannot be read or written (File exists); "
        "check its permissions, or give another path\n"
    )


def test_every_command_explains_itself() -> None:
    """In one process: each command's help names its options."""
    code = (
        "import sys\nfrom lema_hub.cli.main import COMMANDS, app\n"
        "for name in COMMANDS:\n"
        "    try:\n        app([name, '--help'])\n    except SystemExit as done:\n        assert not done.code, name\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.count("Usage: ") == len(COMMANDS)


def test_the_command_in_this_process_says_the_same(tmp_path: Path) -> None:
    for arguments in (("--version",), ("grade", tmp_path / "none.jsonl"), ("train",)):
        apart, here = lema(None, *arguments), lema_here(*arguments)
        assert (apart.returncode, apart.stdout) == (here.returncode, here.stdout)
        if apart.returncode == 1:
            assert one_line(apart) == one_line(here)


def test_a_command_ends_with_the_next_one_but_not_in_json(tmp_path: Path) -> None:
    rows = tmp_path / "my rows.jsonl"
    rows.write_text('{"gold": "1", "pred": "1"}\n')
    said = lema_here("grade", rows).stdout
    assert said.splitlines()[-1] == f"next: lema grade '{rows}' --panel --out JUDGED.jsonl"
    assert json.loads(lema_here("grade", rows, "--json").stdout)["rows"] == 1


def test_after_a_dry_run_comes_the_same_command_without_it(tmp_path: Path) -> None:
    arguments = ("build", "cot", RECIPES / "nano-cot.yaml", "problems.train=2", "--out", tmp_path / "a b")
    said = lema_here(*arguments, "--dry-run")
    assert said.returncode == 0, said.stderr
    typed = shlex.join(["lema", *map(str, arguments), "--pilot", "50"])
    assert said.stdout.splitlines()[-1] == f"next: {typed}"


@pytest.mark.parametrize(
    ("system", "folder"),
    [("runs/cot/", "cot"), ("lema/nano-lema@v0.1.0", "nano-lema"), ("nano", "nano"), (Path("/"), "model")],
)
def test_a_scored_run_is_named_after_its_system(system: object, folder: str) -> None:
    assert hint.run_folder(system) == f"runs/eval/{folder}"


def test_the_doctor_ends_with_the_first_remedy() -> None:
    nowhere = {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_TOKEN": "hf_any", "HF_HUB_DISABLE_XET": "1"}
    done = lema(None, "doctor", **nowhere)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (1, "next: lema hub serve")
