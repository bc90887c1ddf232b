"""The ledger: every request to a model and its answer, in one SQLite file.

The key of a request is the hash of engine, model, revision, prompt, sampling and index. What has an answer
is never sent again, so a killed run goes on where it was, and runs that share a file share their work. An
answer is committed before anybody sees it; if two processes asked the same, both get the one that was
committed first. Failures are kept by reason and tried again in the next run.

    with Ledger(Path("runs/ledger.sqlite")) as ledger:
        answers = ledger.run(engine, requests, stage="sample")

The trap: `journal_mode=WAL` with `synchronous=NORMAL` survives the death of the process at any point, and
of the machine without corruption; the last answers before a power cut may have to be paid again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Self

from tenacity import retry, retry_if_exception, stop_after_delay, wait_random

from lema_hub.engines.engine import Engine, Failure, Request, Response, Sampling
from lema_hub.errors import BudgetError, EngineError, InputError
from lema_hub.records import digest

Progress = Callable[[int, int], None]
"""Called with (answered, requested) whenever that changes."""

_WAL_PAGES = 16384  # a checkpoint waits for the disk: every 64 MB, and when the last process closes the file
_LOOKUP = 500  # bound variables per query; SQLite's own limit was once 999
_SCHEMA = """
CREATE TABLE IF NOT EXISTS prompts (sha TEXT PRIMARY KEY, system TEXT, prompt TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS responses (
    key TEXT PRIMARY KEY, prompt_sha TEXT NOT NULL, stage TEXT NOT NULL, engine TEXT NOT NULL,
    model TEXT NOT NULL, revision TEXT, text TEXT NOT NULL, finish_reason TEXT,
    prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, cost_usd REAL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS failures (
    key TEXT PRIMARY KEY, stage TEXT NOT NULL, engine TEXT NOT NULL, model TEXT NOT NULL,
    reason TEXT NOT NULL, detail TEXT NOT NULL, attempts INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS answered AFTER INSERT ON responses
    BEGIN DELETE FROM failures WHERE key = NEW.key; END;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageTotals:
    """What one stage asked of one model so far; `cost_usd` is None if none of its answers had a price."""

    stage: str
    model: str
    responses: int
    failures: int
    prompt_tokens: int
    completion_tokens: int
    cost_usd: float | None


class Ledger:
    """The answers of all engines to all requests, in the SQLite file `path`.

    Raises:
        InputError: `path` cannot be opened as a ledger.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._db = _open(path)
            self._prompts: set[str] = set()  # those that this process knows to be in the file
        except (OSError, sqlite3.Error) as error:
            raise InputError(
                f"{str(path)!r} cannot be opened as a ledger ({error}); give a writable file or a new name"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; what was answered is in it."""
        self._db.close()

    def run(
        self,
        engine: Engine,
        requests: Sequence[Request],
        *,
        stage: str,
        budget_usd: float | None = None,
        progress: Progress | None = None,
    ) -> list[Response | Failure]:
        """Answer requests: from the ledger what is in it, from the engine the rest.

        Args:
            engine: Whom to ask.
            requests: What to ask; equal requests are asked once.
            stage: The name under which tokens, costs and failures are summed.
            budget_usd: A hard limit on the cost of everything in this ledger, earlier runs included. No
                request is sent that could exceed it.
            progress: Told of every answer.

        Returns:
            One answer per request, in their order.

        Raises:
            BudgetError: The budget does not allow the next request, or the model's price is unknown. What was
                answered until then is kept.
            EngineError: The engine cannot answer at all, or the ledger cannot be written.
        """
        keys = [request_key(engine, request) for request in requests]
        answers: dict[str, Response | Failure] = dict(self._find(keys))
        missing = {key: request for key, request in zip(keys, requests, strict=True) if key not in answers}
        total = len(answers) + len(missing)
        if progress:
            progress(len(answers), total)
        stopped = False
        while open_ := {key: request for key, request in missing.items() if key not in answers}:
            sender = _Sender(self, engine, open_, budget_usd)
            for position, answer in engine.generate(sender.draw()):
                key = sender.settle(position, answer)
                answers[key] = self._commit(key, missing[key], engine, stage, answer)
                if progress:
                    progress(len(answers), total)
            # What was reserved for answers in flight may have been more than they cost: then there is
            # another round.
            if sender.drawn == 0 or not sender.stopped:
                stopped = sender.stopped
                break
        if stopped:
            raise BudgetError(
                f"budget of ${budget_usd:.2f} would be exceeded: ${self.cost():.4f} is spent, "
                f"{total - len(answers)} of {total} requests are open; raise the budget to go on, "
                "nothing is paid twice"
            )
        if lost := sum(key not in answers for key in missing):
            raise EngineError(
                f"{engine.name} left {lost} of {len(missing)} requests unanswered; run it again"
            )
        return [answers[key] for key in keys]

    def pending(self, engine: Engine, requests: Sequence[Request]) -> list[Request]:
        """The requests that `run` would send, each once: what a dry run counts."""
        keys = {request_key(engine, request): request for request in requests}
        found = dict(self._find(list(keys)))
        return [request for key, request in keys.items() if key not in found]

    def cost(self) -> float:
        """The cost of everything in the ledger in US dollars; answers without a price count as 0."""
        return float(self._db.execute("SELECT coalesce(sum(cost_usd), 0) FROM responses").fetchone()[0])

    def totals(self) -> list[StageTotals]:
        """Sums per stage and model, sorted by their names."""
        rows = self._db.execute(
            """SELECT stage, model, sum(ok), sum(1 - ok), sum(prompt_tokens), sum(completion_tokens),
                      sum(cost_usd)
               FROM (SELECT stage, model, 1 AS ok, prompt_tokens, completion_tokens, cost_usd FROM responses
                     UNION ALL SELECT stage, model, 0, 0, 0, NULL FROM failures)
               GROUP BY stage, model ORDER BY stage, model"""
        )
        names = ("stage", "model", "responses", "failures", "prompt_tokens", "completion_tokens", "cost_usd")
        return [StageTotals(**dict(zip(names, row, strict=True))) for row in rows]

    def failures(self) -> dict[str, int]:
        """How many requests are without an answer, by reason."""
        return dict(self._db.execute("SELECT reason, count(*) FROM failures GROUP BY reason ORDER BY reason"))

    def _find(self, keys: Sequence[str]) -> Iterator[tuple[str, Response]]:
        for start in range(0, len(keys), _LOOKUP):
            part = keys[start : start + _LOOKUP]
            marks = ",".join("?" * len(part))
            columns = "key, text, finish_reason, prompt_tokens, completion_tokens, cost_usd"
            rows = self._db.execute(f"SELECT {columns} FROM responses WHERE key IN ({marks})", part)  # noqa: S608
            for key, text, finish_reason, prompt_tokens, completion_tokens, cost in rows:
                yield (
                    key,
                    Response(
                        text=text,
                        finish_reason=finish_reason,
                        prompt_tokens=prompt_tokens,
                        completion_tokens=completion_tokens,
                        cost_usd=cost,
                    ),
                )

    def _commit(
        self, key: str, request: Request, engine: Engine, stage: str, answer: Response | Failure
    ) -> Response | Failure:
        try:
            if isinstance(answer, Failure):
                self._db.execute(
                    "INSERT INTO failures VALUES (?, ?, ?, ?, ?, ?, 1) ON CONFLICT (key) DO UPDATE SET "
                    "reason = excluded.reason, detail = excluded.detail, attempts = attempts + 1",
                    (key, stage, engine.name, engine.model, answer.reason, answer.detail),
                )
                return answer
            sha = digest(request.system, request.prompt)
            self._db.execute("BEGIN IMMEDIATE")
            if sha not in self._prompts:
                prompt = (sha, request.system, request.prompt)
                self._db.execute("INSERT OR IGNORE INTO prompts VALUES (?, ?, ?)", prompt)
            inserted = self._db.execute(
                "INSERT OR IGNORE INTO responses VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (key, sha, stage, engine.name, engine.model, engine.revision, answer.text,
                 answer.finish_reason, answer.prompt_tokens, answer.completion_tokens, answer.cost_usd),
            )  # fmt: skip
            self._db.execute("COMMIT")
            self._prompts.add(sha)
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise EngineError(
                f"ledger {str(self.path)!r} cannot be written ({error}); free some disk and run again, "
                "what was answered before is kept"
            ) from error
        if inserted.rowcount == 0:  # another process was first: its answer stands
            answer = next(response for _, response in self._find([key]))
        return answer


class _Sender:
    """Hands requests to an engine one by one, and stops before the one that could exceed the budget."""

    _REFRESH = 256  # draws between two looks at what other processes have spent

    def __init__(
        self, ledger: Ledger, engine: Engine, requests: dict[str, Request], budget_usd: float | None
    ) -> None:
        self._ledger, self._engine, self._requests, self._budget = ledger, engine, requests, budget_usd
        self._keys: list[str] = []
        self._reserved: dict[int, float] = {}
        self._spent = 0.0
        self.stopped = False

    def draw(self) -> Iterator[Request]:
        for position, (key, request) in enumerate(self._requests.items()):
            if self._budget is not None:
                if position % self._REFRESH == 0:
                    self._spent = self._ledger.cost()
                bound = self._engine.cost_bound(request)
                if bound is None:
                    raise BudgetError(
                        f"a budget of ${self._budget:.2f} was set but {self._engine.model!r} has no known "
                        "price; add it to a price file or run without a budget"
                    )
                if self._spent + sum(self._reserved.values()) + bound > self._budget:
                    self.stopped = True
                    return
                self._reserved[position] = bound
            self._keys.append(key)
            yield request

    @property
    def drawn(self) -> int:
        return len(self._keys)

    def settle(self, position: int, answer: Response | Failure) -> str:
        self._reserved.pop(position, None)
        if isinstance(answer, Response):
            self._spent += answer.cost_usd or 0.0
        return self._keys[position]


def _locked(error: BaseException) -> bool:
    return isinstance(error, sqlite3.OperationalError) and "locked" in str(error)


# Switching a new file to WAL ignores SQLite's own timeout: whoever comes second at that moment has to try
# again.
@retry(
    retry=retry_if_exception(_locked), wait=wait_random(0.01, 0.1), stop=stop_after_delay(60), reraise=True
)
def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=60, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute(f"PRAGMA wal_autocheckpoint={_WAL_PAGES}")
        connection.executescript(_SCHEMA)
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def request_key(engine: Engine, request: Request) -> str:
    """The content address of a request: equal keys have one answer."""
    return digest(
        engine.name,
        engine.model,
        engine.revision,
        request.system,
        request.prompt,
        _plain(request.sampling),
        request.index,
        *([] if request.schema is None else [request.schema]),  # ledgers of before it had a place stay valid
    )


@cache
def _plain(sampling: Sampling) -> dict[str, Any]:
    return asdict(sampling)
