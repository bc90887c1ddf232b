"""The algebra processes: started when needed, killed when they hang, shared by threads, never by processes."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lema_hub.answers import judge_answer
from lema_hub.answers.mathematics import algebra

ROOT = Path(__file__).parents[3]
NEEDS_ALGEBRA = ("\\int_0^1 2x dx", "1")
HANGS = ("\\int e^{\\sin(x^3)} \\log(x+\\cos x) dx", "7")


def alive(pid: int) -> bool:
    stat = Path(f"/proc/{pid}/stat")
    return stat.exists() and stat.read_text().split(") ")[1][0] != "Z"


def run(script: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        **options,  # type: ignore[call-overload]
    )


def test_no_worker_is_started_for_what_needs_no_algebra() -> None:
    done = run("""
        from lema_hub.answers import judge_answer
        from lema_hub.answers.mathematics import algebra
        for pred, gold in (("1/2", "0.5"), ("x+1", "1+x"), ("(3,4]", "(3,4)"), ("$5", "5 dollars")):
            judge_answer(pred, gold, style="math")
        print(algebra.pool.pids)
    """)
    assert done.stdout.strip() == "[]", done.stderr


def test_a_worker_answers_and_is_used_again() -> None:
    assert judge_answer(*NEEDS_ALGEBRA, style="math").verdict == "correct"
    pids = algebra.pool.pids
    assert judge_answer("\\int_0^1 3x^2 dx", "1", style="math").verdict == "correct"
    assert algebra.pool.pids == pids


def test_an_answer_that_hangs_gets_timeout_and_the_next_one_its_verdict() -> None:
    judge_answer(*NEEDS_ALGEBRA, style="math")
    judgement = judge_answer(*HANGS, style="math")
    assert judgement.verdict == "timeout"
    assert judgement.extracted == HANGS[0]
    begin = time.monotonic()
    assert judge_answer(*NEEDS_ALGEBRA, style="math").verdict == "correct"
    assert time.monotonic() - begin < 5  # a fork, no new interpreter


def test_a_worker_that_dies_is_crashed_and_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    algebra.pool.close()  # other tests may have left several workers: exactly one is stopped here
    judge_answer(*NEEDS_ALGEBRA, style="math")
    for pid in algebra.pool.pids:
        os.kill(pid, signal.SIGSTOP)  # alive, but it never answers
    with monkeypatch.context() as shorter:
        shorter.setattr(algebra, "STRETCH", 1)  # it never answers, so there is no use in a long wait
        assert judge_answer("\\int_0^2 x dx", "2", style="math").verdict == "timeout"
    assert judge_answer(*NEEDS_ALGEBRA, style="math").verdict == "correct"
    for pid in algebra.pool.pids:
        os.kill(pid, signal.SIGKILL)
    assert judge_answer(*NEEDS_ALGEBRA, style="math").verdict in (
        "correct",
        "crashed",
    )  # noticed before or after
    assert judge_answer(*NEEDS_ALGEBRA, style="math").verdict == "correct"


def test_a_worker_killed_in_a_comparison_is_crashed() -> None:
    algebra.pool.close()
    judge_answer(*NEEDS_ALGEBRA, style="math")
    [pid] = algebra.pool.pids
    os.kill(pid, signal.SIGSTOP)
    with ThreadPoolExecutor(1) as thread:
        judgement = thread.submit(judge_answer, *NEEDS_ALGEBRA, style="math")
        while algebra.pool._idle:
            time.sleep(0.01)
        os.kill(pid, signal.SIGKILL)
        assert judgement.result().verdict == "crashed"
    assert judge_answer(*NEEDS_ALGEBRA, style="math").verdict == "correct"


def test_memory_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(algebra, "MEMORY_MB", 150)
    algebra.pool.close()
    try:
        judgement = judge_answer("\\sum_{n=1}^{3000} \\frac{1}{n^7}", "7", style="math")
        assert judgement.verdict in ("crashed", "timeout", "wrong")
    finally:
        algebra.pool.close()


def test_threads_share_the_workers() -> None:
    rows = [(f"\\int_0^1 {n}x dx", str(n / 2)) for n in range(12)] + [("\\int_0^1 x dx", "7")] * 4
    with ThreadPoolExecutor(8) as threads:
        verdicts = list(threads.map(lambda row: judge_answer(*row, style="math").verdict, rows))
    assert verdicts == ["correct"] * 12 + ["wrong"] * 4
    assert 1 <= len(algebra.pool.pids) <= algebra.MAX_WORKERS


def test_asyncio_uses_it_through_to_thread() -> None:
    async def main() -> list[str]:
        jobs = [
            asyncio.to_thread(judge_answer, f"\\int_0^1 {n}x dx", str(n / 2), style="math") for n in range(4)
        ]
        return [judgement.verdict for judgement in await asyncio.gather(*jobs)]

    assert asyncio.run(main()) == ["correct"] * 4


def _verdict_and_worker(row: tuple[str, str]) -> tuple[str, int, list[int]]:
    return judge_answer(*row, style="math").verdict, os.getpid(), algebra.pool.pids


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_have_workers_of_their_own_and_leave_none(method: str) -> None:
    judge_answer(*NEEDS_ALGEBRA, style="math")
    mine = set(algebra.pool.pids)
    with multiprocessing.get_context(method).Pool(2) as processes:
        results = processes.map(_verdict_and_worker, [NEEDS_ALGEBRA] * 4)
        processes.close()
        processes.join()
    assert {verdict for verdict, _, _ in results} == {"correct"}
    theirs = {pid for _, _, pids in results for pid in pids}
    assert theirs
    assert not theirs & mine
    assert set(algebra.pool.pids) == mine
    assert judge_answer(*NEEDS_ALGEBRA, style="math").verdict == "correct"
    deadline = time.monotonic() + 10
    while any(map(alive, theirs)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(alive, theirs))


def test_no_worker_survives_its_caller_however_it_ends() -> None:
    for ending in (
        "pass",
        "import os; os._exit(1)",
        "import os; os.kill(os.getpid(), 9)",
        "raise SystemExit(3)",
    ):
        done = run(f"""
            from lema_hub.answers import judge_answer
            from lema_hub.answers.mathematics import algebra
            judge_answer("\\\\int_0^1 x dx", "7", style="math")
            print(*algebra.pool.pids, flush=True)
            {ending}
        """)
        pids = [int(pid) for pid in done.stdout.split()]
        assert pids, done.stderr
        deadline = time.monotonic() + 10
        while any(map(alive, pids)) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not any(map(alive, pids)), ending


def test_the_callers_main_module_is_not_run_again(tmp_path: Path) -> None:
    script = tmp_path / "main.py"
    script.write_text(
        "from pathlib import Path\n"
        f"with open({str(tmp_path / 'runs')!r}, 'a') as runs: runs.write('x')\n"
        "from lema_hub.answers import judge_answer\n"
        "print(judge_answer('\\\\int_0^1 2x dx', '1', style='math').verdict)\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.stdout.strip() == "correct"
    assert (tmp_path / "runs").read_text() == "x"
