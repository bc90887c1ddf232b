"""A command without the packages that it needs says in one line what to type; imports are blocked, not uninstalled."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from lema_hub.cli.missing import BASE, EXTRAS, explained
from lema_hub.errors import MissingExtraError
from tests.built import build_dataset
from tests.command import one_line

ROOT = Path(__file__).resolve().parents[2]
RECIPES = ROOT / "scripts/recipes"
DISTRIBUTIONS = {"yaml": "pyyaml", "math_verify": "math-verify"}


def without(folder: Path, packages: tuple[str, ...], *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run `lema` in a folder as where none of the packages is installed; no Hub answers."""
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({packages!r})); from lema_hub.cli import main; main()"
    )
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=folder,
        env={
            "PYTHONPATH": str(ROOT),
            "HF_ENDPOINT": "http://127.0.0.1:9",
            "HF_TOKEN": "none",
            "HOME": str(folder),
        },
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.parametrize(
    ("arguments", "package", "extras"),
    [
        (("quickstart", "--demo"), "starlette", "hub,train,eval,demo"),
        (("hub", "serve", "--port", "0"), "starlette", "hub"),
        (("hub", "env"), "starlette", "hub"),
        (("train", RECIPES / "nano/nano-cot.yaml"), "torch", "train"),
        (("merge", "lema/nano-lema@v0.1.0", "--out", "merged"), "torch", "train"),
        (("eval", "nano", "--tasks", "lema:nano", "--limit", "2", "--out", "scored"), "lighteval", "eval"),
        (("perplexity", "nano", "--corrections", "built"), "", "train"),
        (("demo", "--no-browser", "--port", "0"), "gradio", "demo"),
        (("build", "cot", RECIPES / "data/nano-cot.yaml", "problems.train=2", "problems.dev=1"), "", "train"),
        (("sample", "--task", "nano", "--engine", "transformers", "--model", "nano", "--limit", "2", "--out", "s"),
         "", "train"),
        (("sample", "--task", "nano", "--engine", "openai", "--model", "m", "--base-url", "http://127.0.0.1:9/v1",
          "--mode", "batch", "--limit", "2", "--out", "s"), "openai", "batch"),
        (("sample", "--task", "nano", "--engine", "vllm", "--model", ROOT / "lema_hub/nano/checkpoint",
          "--limit", "2", "--out", "s"), "vllm", "vllm"),
    ],
    ids=lambda value: " ".join(map(str, value[:2])) if isinstance(value, tuple) else None,
)  # fmt: skip
def test_a_command_without_its_extra_says_one_line(
    tmp_path: Path, arguments: tuple[object, ...], package: str, extras: str
) -> None:
    if "perplexity" in arguments:
        build_dataset(tmp_path / "built")
    done = without(tmp_path, tuple(EXTRAS), *arguments)
    assert (done.returncode, "Traceback" in done.stderr) == (1, False), done.stderr
    said = done.stderr.splitlines()[-1]  # after the progress, if there was any
    assert re.fullmatch(
        rf"lema: {package}.* not installed.*; run: pip install 'lema_hub\[{extras}\]'", said
    ), said
    assert not (tmp_path / "quickstart").exists()


@pytest.mark.parametrize("package", ["typer", "yaml", "rich"])
def test_an_installation_without_dependencies_says_what_is_missing(tmp_path: Path, package: str) -> None:
    arguments = ("build", "cot", RECIPES / "data/nano-cot.yaml") if package != "typer" else ("--help",)
    said = one_line(without(tmp_path, (package,), *arguments))
    assert said == f"lema: {package} is not installed; run: pip install lema_hub"


@pytest.mark.parametrize("name", ["lema_hub.nowhere", "sqlite3", None])
def test_what_is_not_a_package_of_ours_stays_a_bug(name: str | None) -> None:
    with pytest.raises(ModuleNotFoundError):
        explained(ModuleNotFoundError("No module", name=name))


def test_a_part_of_a_package_is_its_package() -> None:
    assert isinstance(explained(ModuleNotFoundError("No module", name="peft.tuners")), MissingExtraError)


def test_every_package_that_the_project_asks_for_is_known() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

    def named(requirements: list[str]) -> set[str]:
        return {re.split(r"[>=<\[]", line)[0] for line in requirements}

    base = named(project["dependencies"])
    assert base <= {DISTRIBUTIONS.get(name, name) for name in BASE}
    extras = project["optional-dependencies"]
    asked = {
        name: extra
        for extra in ("eval", "train", "batch", "hub", "demo", "vllm")
        for name in named(extras[extra])
    }
    assert {name: extra for name, extra in asked.items() if name not in base}.items() <= EXTRAS.items()
