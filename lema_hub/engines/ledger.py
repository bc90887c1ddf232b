"""The ledger: every request to a model and its answer, in one SQLite file.

The key of a request is the hash of engine, model, revision, prompt, sampling and index. What has an answer
is never sent again, so a killed run continues where it stopped, and runs that share a file share their work. An
answer is committed before anybody sees it; if two processes asked the same, both get the one that was
committed first. Failures are kept by reason and tried again in the next run.

    with Ledger(Path("runs/ledger.sqlite")) as ledger:
        answers = ledger.run(engine, requests, stage="sample")

The trap: `journal_mode=WAL` with `synchronous=NORMAL` survives the death of the process at any point, and
of the machine without corruption; the last answers before a power cut may have to be paid again.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, replace
from functools import cache
from pathlib import Path
from typing import Any, Self

from lema_hub.engines.engine import Engine, Failure, Remembering, Request, Response, Sampling, is_unicode
from lema_hub.engines.ledger_contents import StageTotals, totals
from lema_hub.engines.ledger_file import open_file, told
from lema_hub.errors import BudgetError, EngineError
from lema_hub.records import digest
from lema_hub.redaction import redact

Progress = Callable[[int, int], None]
"""Called with (answered, requested) whenever that changes."""

_INSERT = (
    "INSERT OR IGNORE INTO responses (key, prompt_sha, stage, engine, model, revision, text, finish_reason, "
    "prompt_tokens, completion_tokens, cost_usd, sampling_sha, sample_index, created) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_FAIL = (
    "INSERT INTO failures (key, stage, engine, model, revision, reason, detail, attempts, created, cost_usd) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, 1, ?, ?) ON CONFLICT (key) DO UPDATE SET reason = excluded.reason, "
    "detail = excluded.detail, attempts = attempts + 1, created = excluded.created, "
    "cost_usd = CASE WHEN coalesce(cost_usd, excluded.cost_usd) IS NULL THEN NULL "
    "ELSE coalesce(cost_usd, 0) + coalesce(excluded.cost_usd, 0) END"
)
_SUM = "(SELECT coalesce(sum(max(cost_usd, 0)), 0) FROM {})"
_TRIES = 6  # in one run, of what was paid and could not be used
_MOST = 1 << 53  # tokens or dollars of one answer
_LOOKUP = 500  # bound variables per query; SQLite's own limit was once 999


class Ledger:
    """The answers of all engines to all requests, in the SQLite file `path`.

    Raises:
        InputError: `path` cannot be opened as a ledger; see `lema_hub.engines.ledger_file`.

    Example:
        >>> from pathlib import Path
        >>> from lema_hub.engines.exact import ExactEngine
        >>> with Ledger(Path("ledger.sqlite")) as ledger:
        ...     answers = list(ledger.run(ExactEngine(), [], stage="correct"))
        >>> answers
        []
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._db = open_file(path)
        self._samplings: set[str] = set()  # those that this process knows to be in the file

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
        if isinstance(engine, Remembering):
            engine.remember_beside(self.path)
        keys = [request_key(engine, request) for request in requests]
        answers: dict[str, Response | Failure] = dict(self._find(keys))
        missing = {key: request for key, request in zip(keys, requests, strict=True) if key not in answers}
        total = len(answers) + len(missing)
        if progress:
            progress(len(answers), total)
        stopped = False
        tries: Counter[str] = Counter()
        while open_ := {key: request for key, request in missing.items() if key not in answers}:
            sender, again = _Sender(self, engine, open_, budget_usd), False
            for position, answer in engine.generate(sender.draw()):
                key = sender.settle(position, answer)
                answer = self._commit(key, missing[key], engine, stage, answer)
                tries[key] += 1
                if isinstance(answer, Failure) and answer.again and tries[key] < _TRIES:
                    again = True
                    continue
                answers[key] = answer
                if progress:
                    progress(len(answers), total)
            # What was reserved for answers in flight may have been more than they cost: then there is
            # another round, as there is for what was paid and could not be used.
            if sender.drawn == 0 or not (sender.stopped or again):
                stopped = sender.stopped
                break
        if stopped:
            raise BudgetError(
                f"budget of ${budget_usd:,.10g} would be exceeded: ${self.cost():.4f} is spent, "
                f"{total - len(answers)} of {total} requests are open; raise the budget to continue, "
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

    def answered(self, keys: Sequence[str]) -> set[str]:
        """Those of the keys that have an answer."""
        return {key for key, _ in self._find(keys)}

    def cost(self) -> float:
        """The cost of everything in the ledger in US dollars, failures included; what has no price counts as 0."""
        with told(self.path):
            query = f"SELECT {_SUM.format('responses')} + {_SUM.format('failures')}"
            return float(self._db.execute(query).fetchone()[0])

    def totals(self) -> list[StageTotals]:
        """Sums per stage, engine, model and revision, sorted by their names."""
        with told(self.path):
            return totals(self._db)

    def pace(self, stage: str, model: str) -> float | None:
        """Answers per second of a stage while it ran; None if there are not two with a known time.

        A gap of a minute and more is a pause, and counts as a minute.
        """
        row = self._db.execute(
            """SELECT count(before), sum(min(created - before, 60)) FROM (
                 SELECT created, lag(created) OVER (ORDER BY created) AS before FROM responses
                 WHERE stage = ? AND model = ? AND created IS NOT NULL)""",
            (stage, model),
        ).fetchone()
        return float(row[0]) / max(float(row[1]), 1.0) if row[0] else None

    def failures(self) -> dict[str, int]:
        """How many requests are without an answer, by reason."""
        with told(self.path):
            rows = self._db.execute("SELECT reason, count(*) FROM failures GROUP BY reason ORDER BY reason")
            return dict(rows)

    def _find(self, keys: Sequence[str]) -> Iterator[tuple[str, Response]]:
        for start in range(0, len(keys), _LOOKUP):
            part = keys[start : start + _LOOKUP]
            marks = ",".join("?" * len(part))
            columns = "key, text, finish_reason, prompt_tokens, completion_tokens, cost_usd"
            with told(self.path):
                query = f"SELECT {columns} FROM responses WHERE key IN ({marks})"  # noqa: S608
                rows = self._db.execute(query, part).fetchall()
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
        created, answer = int(time.time()), _storable(answer)
        with told(self.path):
            if isinstance(answer, Failure):
                self._db.execute(
                    _FAIL,
                    (key, stage, engine.name, engine.model, engine.revision, answer.reason, answer.detail, created,
                     answer.cost_usd),
                )  # fmt: skip
                return answer
            prompt_sha = digest(request.system, request.prompt)
            sampling_sha = _sampling_sha(request.sampling, request.schema)
            try:
                self._db.execute("BEGIN IMMEDIATE")
                # What failed before the answer came was paid too; its row goes with the answer.
                query = "SELECT coalesce(sum(cost_usd), 0) FROM failures WHERE key = ?"
                if failed := self._db.execute(query, (key,)).fetchone()[0]:
                    answer = replace(answer, cost_usd=(answer.cost_usd or 0.0) + failed)
                # Every time: another process may have pruned it.
                prompt = (prompt_sha, request.system, request.prompt)
                self._db.execute("INSERT OR IGNORE INTO prompts VALUES (?, ?, ?)", prompt)
                if sampling_sha not in self._samplings:
                    sampling = (sampling_sha, json.dumps(_plain(request.sampling)), request.schema)
                    self._db.execute("INSERT OR IGNORE INTO samplings VALUES (?, ?, ?)", sampling)
                inserted = self._db.execute(
                    _INSERT,
                    (key, prompt_sha, stage, engine.name, engine.model, engine.revision, answer.text,
                     answer.finish_reason, answer.prompt_tokens, answer.completion_tokens, answer.cost_usd,
                     sampling_sha, request.index, created),
                )  # fmt: skip
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:
                    self._db.execute("ROLLBACK")
                raise
            self._samplings.add(sampling_sha)
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
        self._held = 0.0  # their sum: a batch reserves tens of thousands at once
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
                        f"a budget of ${self._budget:,.10g} was set but {self._engine.model!r} has no known "
                        "price; add it to a price file or run without a budget"
                    )
                if self._spent + self._held + bound > self._budget:
                    self.stopped = True
                    return
                self._reserved[position] = bound
                self._held += bound
            self._keys.append(key)
            yield request

    @property
    def drawn(self) -> int:
        return len(self._keys)

    def settle(self, position: int, answer: Response | Failure) -> str:
        self._held -= self._reserved.pop(position, 0.0)
        if not self._reserved:
            self._held = 0.0  # without the dust of rounding
        self._spent += max(0.0, answer.cost_usd or 0.0)
        return self._keys[position]


def _storable(answer: Response | Failure) -> Response | Failure:
    """The answer as it is kept, whatever engine it is from: without secrets, a failure if it cannot be stored."""
    if isinstance(answer, Failure):
        return answer
    numbers = (answer.prompt_tokens, answer.completion_tokens, answer.cost_usd or 0.0)
    if not all(0 <= number <= _MOST for number in numbers):
        return Failure(reason="malformed", detail=f"tokens and cost must be >= 0, got {numbers}")
    if not is_unicode(answer.text) or not is_unicode(answer.finish_reason or ""):
        return Failure(reason="malformed", detail="the answer is not Unicode: half of a surrogate pair")
    return replace(answer, text=redact(answer.text))


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
        *([] if request.schema is None else [request.schema]),  # keys from before schemas existed stay valid
    )


@cache
def _plain(sampling: Sampling) -> dict[str, Any]:
    return asdict(sampling)


@cache
def _sampling_sha(sampling: Sampling, schema: str | None) -> str:
    return digest(_plain(sampling), schema)
