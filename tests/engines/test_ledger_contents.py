from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lema_hub.engines import Ledger, Request, Sampling
from lema_hub.engines.ledger_contents import FailureTotals, LedgerContents, Pruned, Selection
from lema_hub.errors import InputError
from tests.engines.test_ledger import Echo, ask


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Two stages and models; `c` and `d` failed, `d` twice."""
    file = tmp_path / "l.sqlite"
    with Ledger(file) as ledger:
        ledger.run(Echo("x"), ask("ab"), stage="sample")
        broken = Echo("x")
        broken.failing = {"c", "d"}
        ledger.run(broken, ask("cd"), stage="sample")
        ledger.run(broken, ask("d"), stage="sample")
        ledger.run(
            Echo("y", price=None),
            [Request(prompt="a", system="s", sampling=Sampling(seed=4))],
            stage="correct",
        )
    return file


def test_an_entry_is_the_whole_request_and_its_answer(path: Path) -> None:
    with LedgerContents(path) as contents:
        (entry,) = contents.entries(Selection(model="y"))
        assert [e.key for e in contents.entries(Selection())] == sorted(
            e.key for e in contents.entries(Selection())
        )
    assert (entry.stage, entry.engine, entry.system, entry.prompt) == ("correct", "echo", "s", "a")
    assert entry.sampling == {"temperature": 0.0, "top_p": 1.0, "max_tokens": 512, "stop": [], "seed": 4}
    assert (entry.index, entry.text, entry.cost_usd) == (0, "a#0@1", None)
    assert entry.created is not None
    age = datetime.now(UTC) - datetime.fromisoformat(entry.created)
    assert timedelta(0) <= age < timedelta(minutes=5)


def test_failures_are_grouped_by_reason_with_an_example(path: Path) -> None:
    with LedgerContents(path) as contents:
        assert contents.failures() == [
            FailureTotals(
                stage="sample",
                engine="echo",
                model="x",
                reason="timeout",
                requests=2,
                attempts=3,
                example="60 s",
            )
        ]


def test_a_dry_run_counts_exactly_what_would_go(path: Path) -> None:
    selection = Selection(stage="sample")
    with LedgerContents(path) as contents:
        before = list(contents.entries(Selection()))
        planned = contents.prune(selection, dry_run=True)
        assert list(contents.entries(Selection())) == before
        done = contents.prune(selection)
        assert (done.responses, done.failures) == (planned.responses, planned.failures) == (2, 2)
        assert done.cost_usd == planned.cost_usd == pytest.approx(0.02)
        assert [total.stage for total in contents.totals()] == ["correct"]
        assert contents.prune(selection) == Pruned(
            responses=0, failures=0, cost_usd=None, undated=0, freed_bytes=0
        )


def test_failures_alone_can_go(path: Path) -> None:
    with LedgerContents(path) as contents:
        pruned = contents.prune(Selection(failures_only=True))
        assert (pruned.responses, pruned.failures) == (0, 2)
        assert sum(total.responses for total in contents.totals()) == 3


def test_age_decides_and_rows_without_one_stay(path: Path) -> None:
    import sqlite3

    db = sqlite3.connect(path)
    db.execute("UPDATE responses SET created = created - 86400 * 40 WHERE model = 'x'")
    db.execute("UPDATE responses SET created = NULL WHERE model = 'y'")
    db.commit()
    db.close()
    now = datetime.now(UTC)
    with LedgerContents(path) as contents:
        assert contents.prune(Selection(before=now - timedelta(days=50))).responses == 0
        pruned = contents.prune(Selection(before=now - timedelta(days=30)))
        assert (pruned.responses, pruned.failures, pruned.undated) == (2, 0, 1)
        assert [entry.model for entry in contents.entries(Selection())] == ["y"]


def test_what_is_pruned_is_asked_again_and_the_file_is_smaller(tmp_path: Path) -> None:
    path = tmp_path / "l.sqlite"
    long = [Request(prompt=f"{n} " + 2000 * "x", sampling=Sampling()) for n in range(300)]
    with Ledger(path) as ledger:
        ledger.run(Echo(), long, stage="s")
        ledger.run(Echo(), ask("a"), stage="t")
    size = path.stat().st_size
    with LedgerContents(path) as contents:
        pruned = contents.prune(Selection(stage="s"))
    assert pruned.freed_bytes == size - path.stat().st_size > 500_000
    engine = Echo()
    with Ledger(path) as ledger:
        ledger.run(engine, [*ask("a"), *long], stage="s")
    assert len(engine.sent) == 300


def test_pruning_everything_is_refused(path: Path) -> None:
    with LedgerContents(path) as contents, pytest.raises(InputError, match="select by stage"):
        contents.prune(Selection())
