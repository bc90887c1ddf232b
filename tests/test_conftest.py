"""The last line of a test run says which tests were skipped for lack of a browser, and how to get one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
INSTALL_CHROMIUM = "apt-get install chromium"


def last_line(folder: Path, *options: str) -> str:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "tests.conftest",
        "-p",
        "no:cacheprovider",
        *options,
    ]
    done = subprocess.run(
        [*command, f"--rootdir={folder}", "-c", "/dev/null", str(folder)],
        cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.rstrip().splitlines()[-1]


@pytest.mark.parametrize("options", [(), ("-n", "1")], ids=["in one process", "with workers"])
def test_a_missing_browser_is_the_last_line(tmp_path: Path, options: tuple[str, ...]) -> None:
    (tmp_path / "test_page.py").write_text(
        "import pytest\n\n\ndef test_good():\n    pass\n\n\n"
        "@pytest.fixture\ndef page():\n"
        f'    pytest.skip("no /usr/bin/chromium: install it ({INSTALL_CHROMIUM})")\n\n\n'
        "def test_one(page):\n    pass\n\n\ndef test_two(page):\n    pass\n"
    )
    assert last_line(tmp_path, *options) == (
        "2 browser tests were skipped because Chromium is not installed; run: apt-get install chromium"
    )


def test_without_such_skips_pytest_has_the_last_word(tmp_path: Path) -> None:
    (tmp_path / "test_other.py").write_text(
        "import pytest\n\n\ndef test_other():\n    pytest.skip('no GPU')\n"
    )
    assert last_line(tmp_path).startswith("1 skipped in")


def test_the_browser_tests_say_what_to_install() -> None:
    files = [path for path in (ROOT / "tests").rglob("test_*.py") if "/usr/bin/chromium" in path.read_text()]
    assert {path.name for path in files} >= {"test_page.py"}
    for path in files:
        assert INSTALL_CHROMIUM in path.read_text(), path
