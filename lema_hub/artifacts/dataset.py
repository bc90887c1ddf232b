"""A built dataset, read from its folder and checked against everything that its card will say.

Nothing that fails here can be published: files that the manifest does not name, columns that differ from the
records, null or ill-typed values, the same row twice, a problem in two splits, a test question in training
data, rows that the Hub's viewer cannot show.
"""

from __future__ import annotations

import re
import shutil
import typing
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lema_hub import records
from lema_hub.artifacts import counts, shards
from lema_hub.artifacts.manifest import REJECTED, Kind, Manifest
from lema_hub.artifacts.parquet import read_table, write_rows
from lema_hub.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

RECORDS: dict[Kind, type] = {
    "corrections": records.Correction,
    "cot": records.CotExample,
    "problems": records.EvolvedProblem,
    "mix": records.MixedRow,
}
"""What a row of each kind of dataset is."""

KEYS: dict[type, tuple[str, ...]] = {
    records.Correction: ("path_id", "corrector", "corrector_prompt_id"),
    records.CotExample: ("path_id",),
    records.EvolvedProblem: ("problem_id",),
    records.MixedRow: ("row_id",),
}
"""The columns that identify a row; rejected rows have no identity, one path may fail several times."""

MAX_ROW_BYTES = 2_000_000
"""Rows above this are cut off by the Hub's dataset viewer."""

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_SPLIT = re.compile(r"[a-z0-9_]{1,32}")
_TEST_ID = re.compile(r"(?:^|/)test(?:/|$)")


@dataclass(frozen=True, slots=True)
class Split:
    """The rows of one config and split, with the columns and types of `record` in its order."""

    config: str
    name: str
    record: type
    table: pa.Table

    @property
    def path(self) -> str:
        """What the split is called in messages; large ones lie in several files (`lema_hub.artifacts.shards`)."""
        return f"data/{self.config}/{self.name}.parquet"


@dataclass(frozen=True, slots=True)
class BuiltDataset:
    """A checked dataset: the manifest and the rows it promises; the first config is the default one."""

    manifest: Manifest
    splits: tuple[Split, ...]

    @property
    def record(self) -> type:
        """The record of every config but `rejected`."""
        return RECORDS[self.manifest.kind]

    @property
    def configs(self) -> dict[str, list[Split]]:
        """The splits of each config, in the order of the manifest."""
        grouped: dict[str, list[Split]] = {}
        for split in self.splits:
            grouped.setdefault(split.config, []).append(split)
        return grouped

    def count(self, column: str) -> Counter[str]:
        """How many rows of all configs but `rejected` have which value in a column; nulls are left out.

        Empty for a column that rows of this kind do not have.
        """
        import pyarrow.compute as pc

        counts: Counter[str] = Counter()
        for split in self.splits:
            if split.config != REJECTED and column in split.table.column_names:
                for item in pc.value_counts(split.table[column].drop_null()).to_pylist():
                    counts[item["values"]] += item["counts"]
        return counts


def read_dataset(folder: Path) -> BuiltDataset:
    """Read and check a folder that `lema build` wrote.

    Raises:
        InputError: Something is wrong with it; the message names file, value and remedy.
    """
    if not folder.is_dir():
        raise InputError(
            f"{str(folder)!r} is not a folder; expected what `lema build` wrote: give its --out folder"
        )
    manifest = Manifest.read(folder)
    files = _files(folder, manifest)
    splits = tuple(
        _read_split(folder, config, split, files[config, split], rows, RECORDS[manifest.kind])
        for config, promised in manifest.configs.items()
        for split, rows in promised.items()
    )
    built = BuiltDataset(manifest, splits)
    counts.check_manifest(manifest)
    for config, members in built.configs.items():
        if config == REJECTED:
            for split in members:
                counts.check_rejected(manifest, split.table)
        else:
            _check_identities(config, members)
            _check_leaks(config, members)
            _check_costs(members)
    return built


def write_dataset(out: Path, manifest: Manifest, rows: Mapping[str, Mapping[str, Sequence[Any]]]) -> Manifest:
    """Write the rows of a dataset and its manifest as a folder; equal rows give equal bytes.

    Args:
        out: The folder; what an earlier build left in its `data` is replaced, and stays whole until then.
        manifest: What is known of the dataset; its `configs` are counted here.
        rows: The records by config and split. Those of `rejected` are `records.Rejection`.

    Returns:
        The manifest as written.

    Raises:
        InputError: The folder cannot be written.
    """
    data, new = out / "data", out / "data.new"
    try:
        shutil.rmtree(new, ignore_errors=True)
        for config, splits in rows.items():
            record = records.Rejection if config == REJECTED else RECORDS[manifest.kind]
            for split, members in splits.items():
                write_rows(members, record, new / config / f"{split}.parquet")
        shutil.rmtree(data, ignore_errors=True)
        new.rename(data)
        counted = {
            config: {name: len(part) for name, part in splits.items()} for config, splits in rows.items()
        }
        manifest = replace(manifest, configs=counted)
        manifest.write(out)
    except OSError as error:
        raise InputError(
            f"{str(out)!r} cannot be written ({error}); free some disk and build again"
        ) from error
    return manifest


def conform(table: pa.Table, record: type, *, source: str) -> pa.Table:
    """The table with exactly the columns and types of the record, in the record's order.

    Raises:
        InputError: A column is missing, unknown, of another type, null where the record has a value, or
        holds a
            value outside of the record's choices.
    """
    import pyarrow as pa

    expected = records.schema(record)
    name = record.__name__
    if missing := [column for column in expected.names if column not in table.column_names]:
        raise InputError(
            f"{source}: column {missing[0]!r} of a {name} is missing (it has "
            f"{', '.join(table.column_names)[:160]}); "
            f"build the dataset again with this version of lema_hub"
        )
    if unknown := [column for column in table.column_names if column not in expected.names]:
        raise InputError(
            f"{source}: column {unknown[0]!r} is not a column of a {name}; drop it before publishing"
        )
    try:
        table = table.select(expected.names).cast(expected)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError) as error:
        column, found, wanted = next(
            ((field.name, table.schema.field(field.name).type, field.type)
             for field in expected if not _castable(table[field.name], field.type)),
            (name, table.schema, expected),
        )  # fmt: skip
        raise InputError(f"{source}: column {column!r} is {found}; expected {wanted}; convert it") from error
    for column, (_, _, hint) in records.columns(record).items():
        what = f"{source}: column {column!r} of a {name}"
        _check_values(table[column], hint, what)
        _check_parts(table[column].combine_chunks(), hint, what)
    return table


def row_bytes(table: pa.Table) -> int:
    """An upper bound of the bytes of the largest row's text."""
    import pyarrow as pa
    import pyarrow.compute as pc

    total = None
    for column in table.columns:
        if pa.types.is_string(column.type):
            sizes = pc.fill_null(pc.binary_length(column), 0)
        elif pa.types.is_list(column.type) and pa.types.is_string(column.type.value_type):
            sizes = pc.fill_null(pc.binary_length(pc.binary_join(column, "\n")), 0)
        else:
            continue
        sizes = sizes.cast(pa.int64())
        total = sizes if total is None else pc.add(total, sizes)
    return int(pc.max(total).as_py() or 0) if total is not None else 0


def _castable(column: pa.ChunkedArray, wanted: pa.DataType) -> bool:
    import pyarrow as pa

    try:
        column.cast(wanted)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, ValueError):
        return False
    return True


def _files(folder: Path, manifest: Manifest) -> dict[tuple[str, str], list[str]]:
    """The files of every split that the manifest promises, and of no other."""
    if not any(config != REJECTED for config in manifest.configs):
        raise InputError(
            f"the manifest of {str(folder)!r} has no config with rows; build a dataset that keeps some"
        )
    for config, splits in manifest.configs.items():
        if not _NAME.fullmatch(config):
            raise InputError(
                f"config {config!r} is not a plain name; use lower-case letters, digits, - and _"
            )
        for split in splits:
            if not _SPLIT.fullmatch(split):
                raise InputError(f"split {split!r} of {config!r} is not a plain name; use train, dev or test")
    promised = {(config, split) for config, splits in manifest.configs.items() for split in splits}
    found = shards.find(folder)
    if missing := sorted(promised - found.keys()):
        config, split = missing[0]
        raise InputError(
            f"'data/{config}/{split}.parquet' is in the manifest but not in {str(folder)!r}; build the "
            "dataset again"
        )
    if stray := sorted(found.keys() - promised):
        raise InputError(
            f"{found[stray[0]][0]!r} in {str(folder)!r} is not in the manifest; a stray data file breaks "
            "loading: "
            "move it"
        )
    return found


def _read_split(folder: Path, config: str, name: str, files: Sequence[str], rows: int, record: type) -> Split:
    import pyarrow as pa

    record = records.Rejection if config == REJECTED else record
    table = pa.concat_tables([conform(read_table(folder / path), record, source=path) for path in files])
    split = Split(config, name, record, table)
    if table.num_rows != rows:
        raise InputError(
            f"{split.path} has {table.num_rows} rows, the manifest says {rows}; build the dataset again"
        )
    if table.nbytes > MAX_ROW_BYTES and (largest := row_bytes(table)) > MAX_ROW_BYTES:
        raise InputError(
            f"{split.path}: a row of {largest} bytes; the Hub's viewer shows at most {MAX_ROW_BYTES}: "
            "shorten or "
            "drop it"
        )
    return split


def _check_values(column: pa.ChunkedArray, hint: Any, what: str) -> None:
    """Nulls and choices, checked on whole columns."""
    optional = type(None) in typing.get_args(hint)
    if not optional and column.null_count:
        position = column.is_null().index(True).as_py()
        raise InputError(f"{what} is null in row {position}; expected a value: repair the row or drop it")
    if optional:
        hint = next(arg for arg in typing.get_args(hint) if arg is not type(None))
    if typing.get_origin(hint) is typing.Literal:
        allowed = typing.get_args(hint)
        for value in column.drop_null().unique().to_pylist():
            if value not in allowed:
                raise InputError(f"{what} is {value!r}; expected one of {', '.join(allowed)}")


def _check_parts(array: pa.Array, hint: Any, what: str) -> None:
    """No null inside a list, nor in a field of a nested record that always has a value."""
    import pyarrow as pa

    if not pa.types.is_list(array.type):
        return
    inner = array.flatten()
    if inner.null_count:
        raise InputError(f"{what} holds a list with a null in it; expected values: repair the row or drop it")
    if pa.types.is_struct(inner.type):
        hints = typing.get_type_hints(next(arg for arg in typing.get_args(hint) if arg is not Ellipsis))
        for name, part in zip(inner.type.names, inner.flatten(), strict=True):
            _check_values(pa.chunked_array([part]), hints[name], f"{what}, its {name!r}")


def _check_identities(config: str, splits: Sequence[Split]) -> None:
    import pyarrow as pa

    key = KEYS[splits[0].record]
    rows = pa.concat_tables([split.table.select(list(key)) for split in splits])
    groups = rows.group_by(list(key)).aggregate([([], "count_all")])
    if groups.num_rows < rows.num_rows:
        import pyarrow.compute as pc

        twice = groups.filter(pc.greater(groups["count_all"], 1)).slice(0, 1).to_pylist()[0]
        shown = ", ".join(f"{name} {twice[name]!r}" for name in key)
        raise InputError(
            f"config {config!r} has {rows.num_rows - groups.num_rows} duplicate rows, first {shown}; keep "
            "one of each"
        )


def _check_costs(splits: Sequence[Split]) -> None:
    import pyarrow.compute as pc

    for split in splits:
        if "cost_usd" in split.table.column_names:
            least = pc.min(split.table["cost_usd"]).as_py()
            if least is not None and least < 0:
                raise InputError(
                    f"{split.path}: a row costs {least} USD; no cost is negative: repair the row"
                )


def _check_leaks(config: str, splits: Sequence[Split]) -> None:
    """No problem in two splits, no test question outside of a test split."""
    seen: dict[str, str] = {}
    for split in splits:
        ids = split.table["problem_id"].unique().to_pylist()
        for problem_id in ids:
            if other := seen.get(problem_id):
                raise InputError(
                    f"problem {problem_id!r} is in the splits {other!r} and {split.name!r} of {config!r}; "
                    "carve splits by problem, not by row"
                )
            seen[problem_id] = split.name
        if split.name == "test":
            continue
        marked = "test" in split.table["split"].unique().to_pylist()
        tests = [problem_id for problem_id in ids if _TEST_ID.search(problem_id)]
        if tests or marked:
            shown = tests[0] if tests else "split = 'test'"
            raise InputError(
                f"test question {shown!r} is in {split.path}; test questions never enter training data: "
                "drop it"
            )
