"""What a ledger holds: sums by stage and model, failures by reason, every answer; and how some of it is removed.

    with LedgerContents(Path("runs/ledger.sqlite")) as contents:
        contents.totals()[0].responses
        contents.prune(Selection(stage="sample"), dry_run=True)

Other processes may write at the same time. A run that needs a pruned answer asks for it, and pays for it, again.

The trap: rows from before answers had dates have none. No age is guessed for them: `before` keeps and counts them.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from lema_hub.engines.ledger_file import open_file, told
from lema_hub.errors import EngineError, InputError


@dataclass(frozen=True, slots=True, kw_only=True)
class StageTotals:
    """What one stage asked of one model so far; `cost_usd` is None if nothing
    had a price; it counts failures that were paid.
    """

    stage: str
    engine: str
    model: str
    revision: str | None
    responses: int
    failures: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureTotals:
    """The requests of one stage and model without an answer, by reason; `example` is the last one's detail."""

    stage: str
    engine: str
    model: str
    reason: str
    requests: int
    attempts: int
    example: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A request and its answer; None is what an older file does not record."""

    key: str
    stage: str
    engine: str
    model: str
    revision: str | None
    system: str | None
    prompt: str
    sampling: dict[str, Any] | None
    index: int | None
    schema: str | None
    text: str
    finish_reason: str | None
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float | None
    created: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which rows to select; None selects all.

    Attributes:
        stage: Of this stage.
        model: Of this model.
        before: Answered, or tried last, before this time.
        failures_only: Only what has no answer.
    """

    stage: str | None = None
    model: str | None = None
    before: datetime | None = None
    failures_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What was removed, or would be.

    Attributes:
        responses: Answers.
        failures: Failures.
        cost_usd: What they had cost; None if nothing had a price.
        undated: Rows that were kept because nobody knows how old they are.
        freed_bytes: How much smaller the file is, 0 of a dry run.
    """

    responses: int
    failures: int
    cost_usd: float | None
    undated: int
    freed_bytes: int


class LedgerContents:
    """The contents of an existing ledger; a file that cannot be written is only read.

    Raises:
        InputError: `path` is not a ledger, or cannot be opened.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        read_only = not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK))
        self._db = open_file(path, create=False, read_only=read_only)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._db.close()

    def totals(self) -> list[StageTotals]:
        """Sums per stage, engine, model and revision, sorted by their names."""
        with told(self.path):
            return totals(self._db)

    def failures(self) -> list[FailureTotals]:
        """Failures per stage, model and reason, the most frequent first."""
        with told(self.path):
            rows = self._db.execute(
                # SQLite: beside a single max(), a bare column comes from the row that has the maximum.
                """SELECT stage, engine, model, reason, count(*), sum(attempts), detail,
                          max(coalesce(created, 0))
                   FROM failures GROUP BY stage, engine, model, reason
                   ORDER BY count(*) DESC, stage, engine, model, reason"""
            )
            names = ("stage", "engine", "model", "reason", "requests", "attempts", "example")
            return [FailureTotals(**dict(zip(names, row, strict=False))) for row in rows]

    def entries(self, selection: Selection) -> Iterator[Entry]:
        """The selected answers with their requests, sorted by key."""
        where, values = _where(selection)
        columns = (
            "key, stage, engine, model, revision, system, prompt, sampling, sample_index, schema, text, "
            "finish_reason, prompt_tokens, completion_tokens, cost_usd, created"
        )
        with told(self.path):
            rows = self._db.execute(
                f"SELECT {columns} FROM responses LEFT JOIN prompts ON prompts.sha = prompt_sha "  # noqa: S608
                f"LEFT JOIN samplings ON samplings.sha = sampling_sha WHERE {where} ORDER BY key",
                values,
            )
            names = list(Entry.__dataclass_fields__)
            for row in rows:
                fields = dict(zip(names, row, strict=True))
                if fields["sampling"] is not None:
                    fields["sampling"] = json.loads(fields["sampling"])
                if fields["created"] is not None:
                    fields["created"] = datetime.fromtimestamp(fields["created"], UTC).isoformat()
                yield Entry(**fields)

    def prune(self, selection: Selection, *, dry_run: bool = False) -> Pruned:
        """Remove the selected rows and return their space to the disk.

        Args:
            selection: Which rows; an empty selection is refused.
            dry_run: Only count.

        Raises:
            InputError: Nothing is selected by.
            EngineError: The file cannot be written; then nothing was removed.
        """
        if selection == Selection():
            raise InputError(
                "pruning everything is deleting the file; select by stage, model, age or failures"
            )
        where, values = _where(selection)
        tables = ("failures",) if selection.failures_only else ("responses", "failures")
        undated = 0
        if selection.before is not None:
            anyway, others = _where(selection, undated=True)
            undated = sum(self._count(table, anyway, others) for table in tables)
        with told(self.path):
            queries = [f"SELECT sum(cost_usd) FROM {table} WHERE {where}" for table in tables]  # noqa: S608
            costs = [self._db.execute(query, values).fetchone()[0] for query in queries]
        known = [cost for cost in costs if cost is not None]
        counts = {table: self._count(table, where, values) for table in tables}
        freed = 0
        if not dry_run:
            counts = self._delete(tables, where, values)
            freed = self._shrink() if any(counts.values()) else 0
        return Pruned(
            responses=counts.get("responses", 0),
            failures=counts["failures"],
            cost_usd=sum(known) if known else None,
            undated=undated,
            freed_bytes=freed,
        )

    def _count(self, table: str, where: str, values: list[Any]) -> int:
        with told(self.path):
            query = f"SELECT count(*) FROM {table} WHERE {where}"  # noqa: S608
            return int(self._db.execute(query, values).fetchone()[0])

    def _delete(self, tables: tuple[str, ...], where: str, values: list[Any]) -> dict[str, int]:
        with told(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                counts = {
                    table: self._db.execute(f"DELETE FROM {table} WHERE {where}", values).rowcount  # noqa: S608
                    for table in tables
                }
                self._db.execute("DELETE FROM prompts WHERE sha NOT IN (SELECT prompt_sha FROM responses)")
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
        return counts

    def _shrink(self) -> int:
        """Give unused pages back to the disk.

        Raises:
            EngineError: There is no room to rewrite the file; the rows are removed nevertheless.
        """
        before = self.path.stat().st_size
        try:
            self._db.execute("VACUUM")
            self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        except sqlite3.Error as error:
            raise EngineError(
                f"the rows are removed, but {str(self.path)!r} could not be made smaller ({error}); free some disk, "
                "or wait for other processes, and run: sqlite3 FILE vacuum"
            ) from error
        return max(0, before - self.path.stat().st_size)


def totals(db: sqlite3.Connection) -> list[StageTotals]:
    """Sums per stage, engine, model and revision, sorted by their names."""
    rows = db.execute(
        """SELECT stage, engine, model, revision, sum(ok), sum(1 - ok), sum(prompt_tokens),
                  sum(completion_tokens), sum(cost_usd)
           FROM (SELECT stage, engine, model, revision, 1 AS ok, prompt_tokens, completion_tokens, cost_usd
                 FROM responses
                 UNION ALL SELECT stage, engine, model, revision, 0, 0, 0, cost_usd FROM failures)
           GROUP BY stage, engine, model, revision ORDER BY stage, engine, model, revision"""
    )
    names = StageTotals.__dataclass_fields__
    return [StageTotals(**dict(zip(names, row, strict=True))) for row in rows]


def _where(selection: Selection, *, undated: bool = False) -> tuple[str, list[Any]]:
    """The condition that a selection is, and its values; `undated` asks for rows that `before` cannot judge."""
    conditions, values = ["1"], list[Any]()
    for column, value in (("stage", selection.stage), ("model", selection.model)):
        if value is not None:
            conditions.append(f"{column} = ?")
            values.append(value)
    if undated:
        conditions.append("created IS NULL")
    elif selection.before is not None:
        conditions.append("created < ?")
        values.append(selection.before.timestamp())
    return " AND ".join(conditions), values
