"""The cards of datasets: metadata that agrees with the files, numbers that are the manifest's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lema_hub import records
from lema_hub.artifacts import shards
from lema_hub.artifacts.dataset import BuiltDataset, Split
from lema_hub.artifacts.figures import Success
from lema_hub.artifacts.history import Release
from lema_hub.artifacts.manifest import REJECTED, Kind
from lema_hub.cards import fields, metadata, pictures, templates
from lema_hub.cards.licenses import License
from lema_hub.errors import InputError
from lema_hub.stats import LEVEL

if TYPE_CHECKING:
    import pyarrow as pa

_TITLES: dict[Kind, str] = {
    "corrections": "Mistake corrections",
    "cot": "Chain-of-thought solutions",
    "problems": "Evolved problems",
    "mix": "Mixed training rows",
}
_TAGS: dict[Kind, list[str]] = {
    "corrections": ["learning-from-mistakes", "lema", "mistake-correction", "reasoning", "math"],
    "cot": ["learning-from-mistakes", "lema", "chain-of-thought", "reasoning", "math"],
    "problems": ["learning-from-mistakes", "lema", "evolved-questions", "reasoning", "math"],
    "mix": ["learning-from-mistakes", "lema", "ablation", "reasoning", "math"],
}
_EXAMPLE_CHARACTERS = 1_200

PICTURES = "images/"
"""Where the card's pictures lie in the repo."""


@dataclass(frozen=True, slots=True)
class GateCount:
    """How many published rows passed, failed or skipped a gate."""

    name: str
    meaning: str
    passed: int
    failed: int
    skipped: int


def dataset_card(
    built: BuiltDataset,
    *,
    repo_id: str,
    version: str,
    terms: License,
    sizes: Mapping[str, int],
    history: Sequence[Release],
) -> str:
    """The card of a dataset, checked by the Hub's rules.

    Args:
        built: The checked rows and their manifest.
        repo_id: Where it is published.
        version: The version, without `v`.
        terms: The licence computed from the rows.
        sizes: Bytes of every published file but the card, by path.
        history: All versions up to this one, newest first.

    Raises:
        InputError: A number is missing, or the card breaks a rule of the Hub.
    """
    manifest = built.manifest
    if terms.license is None:
        raise InputError(f"there is no licence for {repo_id}: {'; '.join(terms.clashes)}")
    default = next(config for config in built.configs if config != REJECTED)
    first = next(split for split in built.configs[default] if split.table.num_rows)
    front = front_matter(built, license_id=terms.license, sizes=sizes)
    context = {
        "front_matter": metadata.to_yaml(front),
        "title": front["pretty_name"],
        "repo_id": repo_id,
        "version": version,
        "manifest": manifest,
        "default_config": default,
        "default_split": first.name,
        "configs": manifest.configs,
        "example": example_row(first),
        "fields": fields.describe(built.record),
        "rejected_fields": fields.describe(records.Rejection) if REJECTED in manifest.configs else [],
        "gates": gate_counts(built),
        "interval_level": LEVEL,
        "error_types": error_types(built),
        "error_names": fields.ERROR_NAMES,
        "error_meanings": fields.ERROR_MEANINGS,
        "about_task": f" These problems are {fields.TASKS[manifest.task]}."
        if manifest.task in fields.TASKS
        else "",
        "reviewed": _people(built),
        "pictures": sorted(path for path in sizes if path.startswith(PICTURES)),
        "origins": built.count("origin"),
        "origin_names": fields.ORIGINS,
        "licenses": built.count("license"),
        "terms": terms,
        "history": history,
    }
    return metadata.checked(templates.render(f"dataset_cards/{manifest.kind}.md.jinja", context), sizes)


def draw_pictures(built: BuiltDataset) -> dict[str, str]:
    """The pictures of a card as SVG, by their path in the repo."""
    drawn = {}
    if len(built.manifest.stages) > 1:
        drawn[f"{PICTURES}stages.svg"] = pictures.stages(built.manifest.stages)
    if types := error_types(built):
        rows = [(f"{name} ({code})", count) for code, name, count in types]
        drawn[f"{PICTURES}error-types.svg"] = pictures.counts("Rows by type of error", rows)
    if success := built.manifest.success:
        drawn[f"{PICTURES}success.svg"] = pictures.rates(
            "Share of the mistakes that were corrected", [_rate(row) for row in success]
        )
    return drawn


def _rate(row: Success) -> pictures.Rate:
    return pictures.Rate(
        group=row.group,
        label="all mistakes" if row.group == "all" else row.label,
        value=row.rate,
        low=row.low,
        high=row.high,
        text=f"{row.rate:.1%} of {row.wrong:,}",
    )


def front_matter(built: BuiltDataset, *, license_id: str, sizes: Mapping[str, int]) -> dict[str, Any]:
    """The YAML of a dataset's card; `dataset_info` comes from the rows themselves."""
    manifest = built.manifest
    rows = sum(split.table.num_rows for split in built.splits)
    people = _people(built)
    return {
        "language": ["en"],
        "license": license_id,
        "pretty_name": f"{_TITLES[manifest.kind]} ({manifest.task})",
        "annotations_creators": ["expert-generated"] if people else ["machine-generated"],
        "language_creators": ["machine-generated"],
        "size_categories": [metadata.size_category(rows)],
        "source_datasets": _sources(built),
        "task_categories": ["text-generation", "question-answering"],
        "tags": [tag for tag in _TAGS[manifest.kind] if tag != "math" or manifest.task != "csqa"],
        "configs": _config_entries(built, sizes),
        **_dataset_info(built, sizes),
    }


def table_front_matter(
    table: pa.Table,
    *,
    title: str,
    license_id: str,
    path: str,
    size: int,
    tags: Sequence[str],
    original: bool = False,
) -> dict[str, Any]:
    """The YAML of a dataset of one config, `default`, whose split `test` is one file.

    Args:
        table: Its rows.
        title: What it is called.
        license_id: Its licence.
        path: The file.
        size: The file's bytes.
        tags: Its tags.
        original: Whether its rows are made of no other dataset.
    """
    return {
        "language": ["en"],
        "license": license_id,
        "pretty_name": title,
        "annotations_creators": ["machine-generated"],
        "language_creators": ["machine-generated"],
        "size_categories": [metadata.size_category(table.num_rows)],
        **({"source_datasets": ["original"]} if original else {}),
        "task_categories": ["text-generation", "question-answering"],
        "tags": [*tags, "math", "reasoning", "learning-from-mistakes"],
        "configs": [
            {"config_name": "default", "default": True, "data_files": [{"split": "test", "path": path}]}
        ],
        "dataset_info": [config_info("default", {"test": table}, size)],
    }


def _people(built: BuiltDataset) -> bool:
    """Whether people had a hand in the rows."""
    annotators = any(model.role == "annotator" for model in built.manifest.models)
    return annotators or "annotated" in built.count("origin")


def example_row(split: Split) -> dict[str, Any]:
    """The first row that is short enough to be read at a glance, or else the first."""
    for batch in split.table.to_batches(max_chunksize=256):
        for row in batch.to_pylist():
            if (
                len(row.get("prompt", row["question"])) + len(row.get("completion", ""))
                <= _EXAMPLE_CHARACTERS
            ):
                return dict(row)
    return dict(split.table.slice(0, 1).to_pylist()[0])


def gate_counts(built: BuiltDataset) -> list[GateCount]:
    """The verdicts of every gate over the published rows, by name."""
    counts: dict[str, Counter[str]] = {}
    for split in built.splits:
        if "gates" in split.table.column_names:
            for gate in split.table["gates"].combine_chunks().flatten().to_pylist():
                counts.setdefault(gate["name"], Counter())[gate["verdict"]] += 1
    return [
        GateCount(name, fields.GATES.get(name, ""), n["pass"], n["fail"], n["skipped"])
        for name, n in sorted(counts.items())
    ]


def value_bytes(table: pa.Table) -> int:
    """The bytes of the values in memory; `nbytes` depends on how the rows are cut into files and chunks."""
    return sum(_bytes_of(table[name].combine_chunks()) for name in table.column_names)


def _bytes_of(array: pa.Array) -> int:
    import pyarrow as pa
    import pyarrow.compute as pc

    nulls = (len(array) + 7) // 8 if array.null_count else 0
    if pa.types.is_string(array.type):
        return (
            nulls + 4 * (len(array) + 1) + int(pc.sum(pc.binary_length(array).cast(pa.int64())).as_py() or 0)
        )
    if pa.types.is_list(array.type):
        return nulls + 4 * (len(array) + 1) + _bytes_of(array.flatten())
    if pa.types.is_struct(array.type):
        return nulls + sum(_bytes_of(part) for part in array.flatten())
    return nulls + len(array) * int(array.type.bit_width) // 8


def error_types(built: BuiltDataset) -> list[tuple[str, str, int]]:
    """Code, name and rows of every type of error, the most frequent first; none for right solutions."""
    counts = built.count("error_type")
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [(code, fields.ERROR_NAMES[code], count) for code, count in ordered]


def _sources(built: BuiltDataset) -> list[str]:
    named = {item.repo for item in built.manifest.inputs if item.repo} | set(built.count("source_repo"))
    repos = sorted(repo for repo in named if "/" in repo)
    return [f"extended|{repo}" for repo in repos] or ["original"]


def _config_entries(built: BuiltDataset, sizes: Mapping[str, int]) -> list[dict[str, Any]]:
    entries = []
    default = next(config for config in built.configs if config != REJECTED)
    for config, splits in built.configs.items():
        entry: dict[str, Any] = {"config_name": config}
        if config == default:
            entry["default"] = True
        entry["data_files"] = [
            {"split": split.name, "path": shards.pattern(config, split.name, sizes)} for split in splits
        ]
        entries.append(entry)
    return entries


def _dataset_info(built: BuiltDataset, sizes: Mapping[str, int]) -> dict[str, Any]:
    described = []
    for config, splits in built.configs.items():
        tables = {split.name: split.table for split in splits}
        size = sum(size for path, size in sizes.items() if path.startswith(f"data/{config}/"))
        described.append(config_info(config, tables, size))
    return {"dataset_info": described}


def config_info(config: str, tables: Mapping[str, pa.Table], size: int) -> dict[str, Any]:
    """The entry of a card's `dataset_info` for one config, as `datasets` itself writes it.

    Args:
        config: Its name.
        tables: Its rows by split.
        size: Bytes of its files.
    """
    import datasets
    from datasets.info import DatasetInfosDict
    from huggingface_hub import DatasetCardData

    described = datasets.SplitDict()
    for name, table in tables.items():
        described.add(datasets.SplitInfo(name, num_bytes=value_bytes(table), num_examples=table.num_rows))
    info = datasets.DatasetInfo(
        features=datasets.Features.from_arrow_schema(next(iter(tables.values())).schema),
        splits=described,
        download_size=size,
        dataset_size=sum(value_bytes(table) for table in tables.values()),
    )
    card_data = DatasetCardData()
    DatasetInfosDict({config: info}).to_dataset_card_data(card_data)
    return {"config_name": config, **card_data["dataset_info"]}
