"""The documentation says what the code does."""

from __future__ import annotations

import os
import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_the_data_format_is_current() -> None:
    script = runpy.run_path(str(ROOT / "scripts" / "write_data_format.py"))
    assert (ROOT / "docs" / "data-format.md").read_text() == script["render"](), (
        "docs/data-format.md is stale; run: python scripts/write_data_format.py"
    )


def commands(page: Path) -> list[str]:
    """The `lema ...` lines of a page's code blocks, continued lines joined, comments cut."""
    blocks = re.findall(r"^```[a-z]*\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [line.strip() for line in lines if line.strip().startswith("lema ")]


@pytest.mark.parametrize("line", [line for page in PAGES for line in commands(page)])
def test_every_documented_command_is_one(line: str) -> None:
    """Each command exists and takes the options that the documentation gives it."""
    from lema_hub.cli.main import app

    words = [word for word in shlex.split(line, comments=True)[1:] if word not in ("...", "[...]")]
    command = typer.main.get_command(app)
    context = command.make_context("lema", list(words), resilient_parsing=True)
    while hasattr(command, "get_command"):
        name = context._protected_args[0] if getattr(context, "_protected_args", None) else context.args[0]
        rest = [*getattr(context, "_protected_args", []), *context.args][1:]
        found = command.get_command(context, name)
        assert found is not None, f"there is no command {name!r} in {line!r}"
        command = found
        context = command.make_context(name, rest, parent=context, resilient_parsing=True)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\((?!https?://|#)([^)#\s]+)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} links to {target}, which does not exist"


def test_the_first_code_of_the_readme_prints_what_it_says() -> None:
    """In a process without a network's settings, a token or torch: what a base install can do."""
    first = re.search(r"```(\w*)\n(.*?)```\n\n```text\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert first is not None
    language, code, printed = first.groups()
    assert language == "python", "the first code block of the README is Python"
    assert first.start() == (ROOT / "README.md").read_text().index("```")
    extras = ("torch", "transformers", "gradio", "lighteval", "uvicorn")
    base = (
        f"import sys\nsys.modules.update(dict.fromkeys({extras}))\n"  # None: importing it is an ImportError
    )
    done = subprocess.run(
        [sys.executable, "-c", base + code], capture_output=True, text=True, timeout=120, check=False,
        env={**os.environ, "HF_ENDPOINT": "http://127.0.0.1:9"},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, printed), done.stderr
