"""`lema` itself: quick to start, complete in its help."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from lema_hub.cli.main import COMMANDS

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
    for name in COMMANDS:
        assert f"  {name} " in done.stdout


def test_a_file_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"gold": "1", "pred": "1"}\n')
    command = ["grade", str(rows), "--out", str(rows / "graded.jsonl")]
    code = f"import sys\nsys.argv = ['lema', *{command!r}]\nfrom lema_hub.cli import main\nmain()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
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
