"""A scored run as a dataset: every output with its verdict, the summary, and a card.

    publish_run(summary, items, "lema/nano-lema-results", version="0.1.0")

`summary` is what the run's `scores.json` holds. The evaluation lies above this layer, so its folder is read by
the caller.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lema_hub.artifacts import history, parquet
from lema_hub.artifacts.files import File
from lema_hub.cards import dataset_cards as cards
from lema_hub.cards import fields, licenses, metadata, templates
from lema_hub.cards.licenses import License
from lema_hub.errors import InputError
from lema_hub.hub import versions
from lema_hub.hub.release import CARD, Published, release, require_ours
from lema_hub.hub.repo import Repo, State
from lema_hub.records import VERDICTS, Score

if TYPE_CHECKING:
    from huggingface_hub import HfApi

DATA = "data/items.parquet"
SUMMARY = "scores.json"


def publish_run(
    summary: Mapping[str, Any],
    items: Sequence[Score],
    repo_id: str,
    *,
    version: str,
    private: bool = False,
    dry_run: bool = False,
    create_pr: bool = False,
    api: HfApi | None = None,
    started: float | None = None,
) -> Published:
    """Publish what one evaluation wrote.

    Args:
        summary: The run: system, revision, engine, judge, packages and one entry of `scores` per task.
        items: Its rows.
        repo_id: `namespace/name`.
        version: `X.Y.Z`; it must be new.
        private: Make a new repo private.
        dry_run: Check and render everything, send nothing.
        create_pr: Open a pull request instead; `tag_merged` makes its tag after the merge.
        api: The Hub and token to use instead of the clients' own.
        started: When the command began, in seconds since the epoch; by default now.

    Raises:
        InputError: Rows and summary disagree, a licence objects, or the repo holds something else.
        TagExistsError: The version exists.
        HubError: The Hub refused or could not be reached.
    """
    number = versions.parse(version)
    _check(summary, items)
    terms = _terms(items)
    repo = Repo.at(repo_id, "dataset", api)
    with tempfile.TemporaryDirectory(prefix="lema-run-") as staging:
        parquet.write_rows(items, Score, Path(staging) / DATA)
        text = json.dumps(dict(summary), indent=2, allow_nan=False) + "\n"
        content = [File(DATA, Path(staging) / DATA), File(SUMMARY, text.encode())]

        def draft(state: State | None) -> list[File]:
            require_ours(repo, state, SUMMARY)
            past = history.read_history(repo.text(state, history.FILE_NAME))
            changes = ("scored anew",) if past.versions else ("first version",)
            now = past.with_release(
                history.Release(
                    version=str(number), rows=len(items), changes=changes, made_with=templates.maker()
                )
            )
            log = File(history.FILE_NAME, now.to_json().encode())
            sizes = {file.path: file.size for file in (*content, log)}
            card = _card(summary, items, terms, repo_id, str(number), sizes, now.versions)
            return [log, File(CARD, card.encode())]

        return release(
            repo,
            number,
            content,
            draft,
            owned=lambda path: path.startswith("data/"),
            private=private,
            dry_run=dry_run,
            create_pr=create_pr,
            started=started,
        )


def _check(summary: Mapping[str, Any], items: Sequence[Score]) -> None:
    """See that the summary is of these rows: their counts of verdicts, task by task."""
    if summary["limit"] is not None:
        raise InputError(
            f"the run scored only {summary['limit']} items of each task; score all of them to publish"
        )
    rows = Counter((item.task, item.verdict) for item in items)
    told = Counter(
        {(score["task"], name): n for score in summary["scores"] for name, n in score["verdicts"].items()}
    )
    if +rows != +told:
        task, verdict = next(iter((rows - told) + (told - rows)))
        raise InputError(
            f"scores.json counts {told[task, verdict]} {verdict!r} of {task}, the rows hold {rows[task, verdict]}; "
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
    summary: Mapping[str, Any],
    items: Sequence[Score],
    terms: License,
    repo_id: str,
    version: str,
    sizes: Mapping[str, int],
    past: Sequence[history.Release],
) -> str:
    table = parquet.to_table(items, Score)
    title = f"Outputs and verdicts of {summary['system']}"
    front = {
        "language": ["en"],
        "license": terms.license,
        "pretty_name": title,
        "annotations_creators": ["machine-generated"],
        "language_creators": ["machine-generated"],
        "size_categories": [metadata.size_category(table.num_rows)],
        "task_categories": ["text-generation", "question-answering"],
        "tags": ["evaluation", "math", "reasoning", "learning-from-mistakes"],
        "configs": [
            {"config_name": "default", "default": True, "data_files": [{"split": "test", "path": DATA}]}
        ],
        "dataset_info": [cards.config_info("default", {"test": table}, sizes[DATA])],
    }
    context = {
        "front_matter": metadata.to_yaml(front),
        "title": templates.cell(title),
        "repo_id": repo_id,
        "version": version,
        "run": summary,
        "k": 1,
        "level": templates.percent(0.95, 0),
        "verdicts": VERDICTS,
        "fields": fields.describe(Score),
        "terms": terms,
        "history": past,
    }
    card = templates.render("dataset_cards/results.md.jinja", context)
    metadata.check_card(card, files=[*sizes, CARD])
    return card
