"""What changed between two versions of a dataset: rows added, dropped and changed, and why.

Rows are matched by what identifies them (`dataset.KEYS`), wherever they lie in their config, and compared
column by column, so that never more than one column of both versions is in memory. Rejected rows have no
identity: they are compared as a bag.

    difference = diff(Side.of(Path("one")), Side.of(Path("two")))
    difference.changes()        # ['nano: 2 rows added, 1 dropped (gate/answer 1), 3 changed (explanation 3)']
    difference.level            # 'minor'
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lema_hub import records
from lema_hub.artifacts import shards
from lema_hub.artifacts.dataset import KEYS, RECORDS
from lema_hub.artifacts.manifest import REJECTED, Manifest
from lema_hub.artifacts.parquet import read_columns, read_schema
from lema_hub.errors import InputError
from lema_hub.hub.versions import Level

if TYPE_CHECKING:
    import pyarrow as pa

SPLIT = "(split)"
"""Stands for the split among the changed fields of a row that moved to another one."""

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two versions: a folder with `manifest.json` and `data/`, and what to call it."""

    name: str
    folder: Path
    manifest: Manifest

    @classmethod
    def of(cls, folder: Path, name: str | None = None) -> Side:
        """The version in a folder.

        Raises:
            InputError: It has no readable manifest.
        """
        return cls(name or folder.name, folder, Manifest.read(folder))

    def files(self, config: str) -> dict[str, list[Path]]:
        """The Parquet files of every split of a config.

        Raises:
            InputError: Files are missing or stray.
        """
        found = shards.find(self.folder)
        return {
            split: [self.folder / path for path in found.get((config, split), [])]
            for split in self.manifest.configs.get(config, {})
        }


@dataclass(frozen=True, slots=True)
class ConfigDiff:
    """What changed in a config.

    `added` and `dropped` hold the keys of rows, `changed` the fields that differ by key; in the config
    `rejected`, where rows have no key, only `rows_added` and `rows_dropped` are filled. `reasons` counts
    why dropped rows were rejected (stage/reason), where the newer version's rejected rows say so.
    """

    config: str
    rows_before: int
    rows_after: int
    rows_added: int = 0
    rows_dropped: int = 0
    added: tuple[Key, ...] = ()
    dropped: tuple[Key, ...] = ()
    changed: dict[Key, tuple[str, ...]] = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)
    columns_added: tuple[str, ...] = ()
    columns_dropped: tuple[str, ...] = ()
    columns_retyped: tuple[str, ...] = ()

    @property
    def fields(self) -> Counter[str]:
        """In how many rows each field changed."""
        return Counter(name for names in self.changed.values() for name in names)

    def sentence(self) -> str:
        """The changes in one line, empty if there are none."""
        parts = [f"column {name} added" for name in self.columns_added]
        parts += [f"column {name} dropped" for name in self.columns_dropped]
        parts += [f"column {name} has another type" for name in self.columns_retyped]
        if self.rows_added:
            parts.append(f"{_rows(self.rows_added)} added")
        if self.rows_dropped:
            why = ", ".join(f"{reason} {count}" for reason, count in sorted(self.reasons.items()))
            parts.append(f"{_rows(self.rows_dropped)} dropped{f' ({why})' if why else ''}")
        if self.changed:
            what = ", ".join(f"{name} {count:,}" for name, count in self.fields.most_common())
            parts.append(f"{_rows(len(self.changed))} changed ({what})")
        return f"{self.config}: {', '.join(parts)}" if parts else ""


@dataclass(frozen=True)
class Diff:
    """What changed between two versions, config by config."""

    before: str
    after: str
    configs: tuple[ConfigDiff, ...]
    configs_added: tuple[str, ...]
    configs_dropped: tuple[str, ...]

    @cached_property
    def level(self) -> Level:
        """The level that a version with these changes deserves."""
        return self._judged[0]

    @cached_property
    def why(self) -> str:
        """Why it deserves that level."""
        return self._judged[1]

    def changes(self) -> list[str]:
        """One line for every config that changed."""
        lines = [f"config {name} added" for name in self.configs_added]
        lines += [f"config {name} dropped" for name in self.configs_dropped]
        gone = {*self.configs_added, *self.configs_dropped}
        return lines + [
            s for config in self.configs if config.config not in gone and (s := config.sentence())
        ]

    @cached_property
    def _judged(self) -> tuple[Level, str]:
        rows = [config for config in self.configs if config.config != REJECTED]
        for config in rows:
            if config.columns_dropped or config.columns_retyped:
                column = (*config.columns_dropped, *config.columns_retyped)[0]
                return "major", f"column {column} of {config.config} went or changed its type"
        if self.configs_dropped and self.configs_dropped != (REJECTED,):
            return "major", f"config {self.configs_dropped[0]} went"
        if self.configs_added:
            return "minor", f"config {self.configs_added[0]} is new"
        for config in rows:
            if config.columns_added:
                return "minor", f"column {config.columns_added[0]} of {config.config} is new"
        if added := sum(config.rows_added for config in rows):
            return "minor", f"{_rows(added)} added"
        touched = sum(config.rows_dropped + len(config.changed) for config in rows)
        return "patch", f"{_rows(touched)} repaired or dropped" if touched else "no row changed"


def diff(before: Side, after: Side) -> Diff:
    """What changed from one version to another.

    Raises:
        InputError: They hold different kinds of rows, or a file cannot be read.
    """
    if before.manifest.kind != after.manifest.kind:
        raise InputError(
            f"{before.name} holds {before.manifest.kind}, {after.name} {after.manifest.kind}; compare "
            "versions of one dataset"
        )
    old, new = before.manifest.configs, after.manifest.configs
    names = list(dict.fromkeys((*old, *new)))
    return Diff(
        before=before.name,
        after=after.name,
        configs=tuple(_diff_config(before, after, name) for name in names),
        configs_added=tuple(name for name in names if name not in old),
        configs_dropped=tuple(name for name in names if name not in new),
    )


def rows_of(side: Side, config: str, keys: Sequence[Key]) -> list[dict[str, Any]]:
    """The rows of a config with the given keys, whole, in the order of the keys."""
    key = KEYS[RECORDS[side.manifest.kind]]
    wanted = set(keys)
    found: dict[Key, dict[str, Any]] = {}
    for paths in side.files(config).values():
        ids = list(zip(*(read_columns(paths, name).to_pylist() for name in key), strict=True))
        places = [place for place, identity in enumerate(ids) if identity in wanted]
        if places:
            columns = {
                name: read_columns(paths, name).take(places).to_pylist()
                for name in read_schema(paths[0]).names
            }
            for number, place in enumerate(places):
                found[ids[place]] = {name: values[number] for name, values in columns.items()}
    return [found[identity] for identity in keys if identity in found]


def rejections_only_in(side: Side, other: Side) -> list[dict[str, Any]]:
    """The rejected rows of one side that the other lacks; one that is there twice counts twice."""
    names = records.schema(records.Rejection).names
    left = _bag(_all(side.files(REJECTED))) - _bag(_all(other.files(REJECTED)))
    return [dict(zip(names, row, strict=True)) for row in left.elements()]


def _diff_config(before: Side, after: Side, config: str) -> ConfigDiff:
    old, new = before.files(config), after.files(config)
    rows_before = sum(before.manifest.configs.get(config, {}).values())
    rows_after = sum(after.manifest.configs.get(config, {}).values())
    if config == REJECTED:
        was, now = _bag(_all(old)), _bag(_all(new))
        return ConfigDiff(
            config, rows_before, rows_after, rows_added=(now - was).total(), rows_dropped=(was - now).total()
        )
    key = KEYS[RECORDS[after.manifest.kind]]
    old_keys, new_keys = _keys(old, key), _keys(new, key)
    old_places = {identity: place for place, identity in enumerate(old_keys)}
    new_places = {identity: place for place, identity in enumerate(new_keys)}
    added = tuple(identity for identity in new_keys if identity not in old_places)
    dropped = tuple(identity for identity in old_keys if identity not in new_places)
    kept = [identity for identity in new_keys if identity in old_places]
    old_schema, new_schema = _schema(old), _schema(new)
    shared = [name for name in new_schema if name in old_schema]
    return ConfigDiff(
        config=config,
        rows_before=rows_before,
        rows_after=rows_after,
        rows_added=len(added),
        rows_dropped=len(dropped),
        added=added,
        dropped=dropped,
        changed=_changed(
            old, new, kept, old_places, new_places, [name for name in shared if name not in key]
        ),
        reasons=_reasons(after, {identity[0] for identity in dropped}) if dropped else {},
        columns_added=tuple(name for name in new_schema if old_schema and name not in old_schema),
        columns_dropped=tuple(name for name in old_schema if new_schema and name not in new_schema),
        columns_retyped=tuple(name for name in shared if old_schema[name] != new_schema[name]),
    )


def _changed(
    old: dict[str, list[Path]],
    new: dict[str, list[Path]],
    kept: Sequence[Key],
    old_places: dict[Key, int],
    new_places: dict[Key, int],
    columns: Sequence[str],
) -> dict[Key, tuple[str, ...]]:
    """The fields that differ, for every row that is in both versions and has any."""
    import numpy as np
    import pyarrow as pa

    if not kept:
        return {}
    old_rows = np.fromiter((old_places[identity] for identity in kept), dtype=np.int64, count=len(kept))
    new_rows = np.fromiter((new_places[identity] for identity in kept), dtype=np.int64, count=len(kept))
    fields: dict[int, list[str]] = {}
    for name in (SPLIT, *columns):
        was = _splits(old) if name == SPLIT else read_columns(_all(old), name)
        now = _splits(new) if name == SPLIT else read_columns(_all(new), name)
        differs = _differs(was.take(pa.array(old_rows)), now.take(pa.array(new_rows)))
        for row in np.flatnonzero(differs):
            fields.setdefault(int(row), []).append(name)
    return {kept[row]: tuple(names) for row, names in sorted(fields.items())}


def _differs(was: pa.ChunkedArray, now: pa.ChunkedArray) -> Any:
    """A NumPy mask of the rows whose values differ; null differs from every value."""
    import pyarrow.compute as pc

    if was.type != now.type:
        return [True] * len(was)
    if was.equals(now):
        return [False] * len(was)
    was, now = _flat(was.combine_chunks()), _flat(now.combine_chunks())
    unequal = pc.fill_null(pc.not_equal(was, now), False)
    return pc.or_(unequal, pc.xor(was.is_null(), now.is_null())).to_numpy(zero_copy_only=False)


def _flat(values: pa.Array) -> pa.Array:
    """Nested values as texts, equal exactly where the values are: every part follows its length."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_list(values.type):
        lengths = pc.fill_null(pc.list_value_length(values), 0)
        offsets = pa.concat_arrays([pa.array([0], pa.int32()), pc.cumulative_sum(lengths).cast(pa.int32())])
        parts = _measured(_flat(values.flatten()))
        joined = pc.binary_join(pa.ListArray.from_arrays(offsets, parts), "")
        return pc.if_else(values.is_valid(), joined, pa.scalar(None, pa.string()))
    if pa.types.is_struct(values.type):
        parts = [_measured(_flat(part)) for part in values.flatten()]
        return pc.if_else(
            values.is_valid(), pc.binary_join_element_wise(*parts, ""), pa.scalar(None, pa.string())
        )
    return values


def _measured(values: pa.Array) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    texts = values.cast(pa.string())
    lengths = pc.fill_null(pc.binary_length(texts).cast(pa.string()), "null")
    return pc.binary_join_element_wise(lengths, pc.fill_null(texts, ""), ":")


def _keys(files: dict[str, list[Path]], key: Sequence[str]) -> list[Key]:
    columns = [read_columns(_all(files), name).to_pylist() for name in key]
    return list(zip(*columns, strict=True))


def _splits(files: dict[str, list[Path]]) -> pa.ChunkedArray:
    import pyarrow as pa
    import pyarrow.parquet as pq

    return pa.chunked_array(
        [
            pa.array([split] * pq.read_metadata(path).num_rows, pa.string())
            for split, paths in files.items()
            for path in paths
        ],
        pa.string(),
    )


def _schema(files: dict[str, list[Path]]) -> dict[str, str]:
    for path in _all(files)[:1]:
        return {arrow.name: str(arrow.type) for arrow in read_schema(path)}
    return {}


def _all(files: dict[str, list[Path]]) -> list[Path]:
    return [path for paths in files.values() for path in paths]


def _bag(files: Sequence[Path]) -> Counter[Key]:
    names = records.schema(records.Rejection).names
    return (
        Counter(zip(*(read_columns(files, name).to_pylist() for name in names), strict=True))
        if files
        else Counter()
    )


def _reasons(side: Side, paths: set[str]) -> dict[str, int]:
    """Why the paths were rejected, counted by stage/reason; a path counts once, under its last reason."""
    files = _all(side.files(REJECTED))
    if not files:
        return {}
    columns = [read_columns(files, name).to_pylist() for name in ("path_id", "stage", "reason")]
    last = {path: f"{stage}/{reason}" for path, stage, reason in zip(*columns, strict=True) if path in paths}
    return dict(Counter(last.values()))


def _rows(count: int) -> str:
    return f"{count:,} row{'' if count == 1 else 's'}"
