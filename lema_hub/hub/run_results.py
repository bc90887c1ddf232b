"""A scored run as a dataset: every output with its verdict, the summary, and a card.

publish_run(read_result(Path("runs/eval/nano-lema")), "lema/nano-lema-results", version="0.1.0")
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Unpack

from lema_hub.artifacts import parquet
from lema_hub.artifacts.files import File
from lema_hub.artifacts.history import Release
from lema_hub.artifacts.scores import EvalResult, summary
from lema_hub.cards import dataset_cards as cards
from lema_hub.cards import fields, licenses, metadata, templates
from lema_hub.cards.licenses import License
from lema_hub.errors import InputError
from lema_hub.hub.eval_results import require_whole
from lema_hub.hub.options import Keywords, PublishOptions
from lema_hub.hub.release import CARD, Published, past_of, release, require_ours, with_entry
from lema_hub.hub.repo import Repo, State
from lema_hub.records import VERDICTS, Score
from lema_hub.stats import LEVEL

DATA = "data/items.parquet"
SUMMARY = "scores.json"


def publish_run(result: EvalResult, repo_id: str, **options: Unpack[Keywords]) -> Published:
    """Publish what one evaluation wrote.

    Args:
        result: The run, as `lema_hub.artifacts.scores.read_result` gives it.
        repo_id: `namespace/name`.
        **options: `PublishOptions`.

    Raises:
        InputError: Rows and summary disagree, a licence objects, or the repo holds something else.
        TagExistsError: The version exists with other content.
        HubError: The Hub refused or could not be reached.
    """
    chosen = PublishOptions(**options)
    number = chosen.number
    items = result.items()
    _check(result, items)
    terms = _terms(items)
    repo = Repo.at(repo_id, "dataset", chosen.api)
    with tempfile.TemporaryDirectory(prefix="lema-run-") as staging:
        parquet.write_rows(items, Score, Path(staging) / DATA)
        text = json.dumps(summary(result), indent=2, allow_nan=False) + "\n"
        content = [File(DATA, Path(staging) / DATA), File(SUMMARY, text.encode())]

        def draft(state: State | None) -> list[File]:
            require_ours(repo, state, SUMMARY)
            past = past_of(repo, state)
            changes = "scored anew" if past.versions else "first version"
            now, log = with_entry(past, number, len(items), [changes])
            sizes = {file.path: file.size for file in (*content, log)}
            card = _card(result, items, terms, repo_id, str(number), sizes, now.versions)
            return [log, File(CARD, card.encode())]

        return release(repo, chosen, content, draft, owned=lambda path: path.startswith("data/"))


def _check(result: EvalResult, items: Sequence[Score]) -> None:
    """See that the summary is of these rows: their counts of verdicts, task by task."""
    require_whole(result)
    rows = Counter((item.task, item.verdict) for item in items)
    told = Counter({(score.task, name): n for score in result.scores for name, n in score.verdicts.items()})
    if +rows != +told:
        task, verdict = next(iter((rows - told) + (told - rows)))
        raise InputError(
            f"{SUMMARY} counts {told[task, verdict]} {verdict!r} of {task}, the rows hold {rows[task, verdict]}; "
            "score again into a new folder"
        )


def _terms(items: Sequence[Score]) -> License:
    """The licence of the rows: those of the problem sets that their annotated answers are from."""
    from lema_hub import tasks

    rows: Counter[str] = Counter()
    for task, n in Counter(item.item_id.split("/")[0] for item in items).items():
        rows[tasks.get(task).license] += n
    terms = licenses.combine(rows)
    if terms.license is None:
        raise InputError(f"these results may not be published: {'; '.join(terms.clashes)}")
    return terms


def _card(
    result: EvalResult,
    items: Sequence[Score],
    terms: License,
    repo_id: str,
    version: str,
    sizes: Mapping[str, int],
    past: Sequence[Release],
) -> str:
    title = f"Outputs and verdicts of {result.system}"
    front = cards.table_front_matter(
        parquet.to_table(items, Score),
        title=title,
        license_id=str(terms.license),
        path=DATA,
        size=sizes[DATA],
        tags=["evaluation"],
    )
    context = {
        "front_matter": metadata.to_yaml(front),
        "title": templates.cell(title),
        "repo_id": repo_id,
        "version": version,
        "run": result,
        "k": 1,
        "level": templates.percent(LEVEL, 0),
        "verdicts": VERDICTS,
        "fields": fields.describe(Score),
        "terms": terms,
        "history": past,
    }
    return metadata.checked(templates.render("dataset_cards/results.md.jinja", context), sizes)
