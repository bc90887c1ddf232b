"""Training rows: the `prompt` and `completion` columns of built or published datasets, as tokens.

A row becomes the tokens of prompt + completion, and the end-of-sequence token; the loss is on what follows
the prompt's tokens. The trap is the boundary: generation starts from the tokens of the prompt alone, so these
must be a prefix of the row's tokens. A tokenizer that merges across the boundary (a prompt that ends in a
space, a completion that begins with a line break) teaches something that is never asked. Such rows are
dropped and counted. So are rows whose prompt alone fills `max_length`, which TRL would drop silently.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lema_hub import prompts
from lema_hub.artifacts.withheld import MARK
from lema_hub.errors import InputError
from lema_hub.records import digest
from lema_hub.snapshots import fetch
from lema_hub.train.recipe import DataSource

if TYPE_CHECKING:
    import datasets
    import numpy as np
    import transformers

IGNORED = -100
"""The label of a token that carries no loss."""

_CHUNK = 1000  # rows tokenised in one call
_COT_FORMS = ("cot", "corrected_solution")  # of a mix's rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What was used of one source: rows kept, their tokens, and why the others were dropped."""

    name: str
    revision: str | None
    config: str
    split: str
    read: int
    kept: int
    truncated: int
    dropped: dict[str, int]
    tokens: int
    completion_tokens: int
    digest: str

    def notes(self) -> list[str]:
        """What a reader of the card must know: rows that were dropped or cut, with the reasons."""
        where = f"of {self.read} rows of {self.name} {self.config}/{self.split} were"
        reasons = ", ".join(f"{reason}: {count}" for reason, count in self.dropped.items())
        dropped = [f"{sum(self.dropped.values())} {where} dropped ({reasons})."] if self.dropped else []
        return dropped + ([f"{self.truncated} {where} cut to the maximum length."] if self.truncated else [])


@dataclass(frozen=True, slots=True)
class Rows:
    """Tokenised rows: `ids[i]` are the int32 tokens of row i, the first `prompt_lengths[i]` its prompt's."""

    ids: list[np.ndarray]
    prompt_lengths: list[int]
    used: tuple[Used, ...]

    @property
    def lengths(self) -> list[int]:
        """The number of tokens of each row."""
        return [len(ids) for ids in self.ids]

    def dataset(self) -> datasets.Dataset:
        """The rows as TRL's collator takes them: `input_ids` and `labels`, the prompt's labels `IGNORED`."""
        import datasets
        import numpy as np
        import pyarrow as pa

        lengths = np.asarray(self.lengths, dtype=np.int32)
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
        tokens = np.concatenate(self.ids)
        position = np.arange(len(tokens), dtype=np.int32) - np.repeat(offsets[:-1], lengths)
        labels = np.where(position < np.repeat(self.prompt_lengths, lengths), np.int32(IGNORED), tokens)
        columns = {
            name: pa.ListArray.from_arrays(offsets, values)
            for name, values in (("input_ids", tokens), ("labels", labels))
        }
        return datasets.Dataset(pa.table(columns))


def load(
    sources: Sequence[DataSource],
    tokenizer: transformers.PreTrainedTokenizerBase,
    *,
    max_length: int,
    prompt: str = "lema-cot",
) -> Rows:
    """The rows of all sources, one source after the other.

    Args:
        sources: Where the rows come from.
        tokenizer: The backbone's; it must have an end-of-sequence token.
        max_length: Longest row in tokens.
        prompt: The CoT template; CoT rows made with another one are asked in this one.

    Raises:
        InputError: A file or a column is missing, or no row is left.
        HubError: A repository cannot be read.
    """
    if tokenizer.eos_token_id is None:
        raise InputError(
            "the backbone's tokenizer has no end-of-sequence token; set its eos_token and save it again"
        )
    ids: list[np.ndarray] = []
    prompt_lengths: list[int] = []
    used = []
    for source in sources:
        table, name, revision = _read(source)
        texts = list(_texts(table, prompt))
        if source.max_rows is not None:
            texts = sorted(texts, key=lambda text: digest(*text))[: source.max_rows]
        first, dropped, truncated = len(ids), Counter[str](), 0
        for row, prompt_length, reason in _tokens(texts, tokenizer, max_length):
            if reason in (None, "truncated"):
                ids.append(row)
                prompt_lengths.append(prompt_length)
                truncated += reason is not None
            else:
                dropped[str(reason)] += 1
        tokens = sum(map(len, ids[first:]))
        used.append(
            Used(
                name=name,
                revision=revision,
                config=source.config,
                split=source.split,
                read=len(texts),
                kept=len(ids) - first,
                truncated=truncated,
                dropped=dict(sorted(dropped.items())),
                tokens=tokens,
                completion_tokens=tokens - sum(prompt_lengths[first:]),
                digest=digest(texts),
            )
        )
        if len(ids) == first:
            reasons = ", ".join(f"{reason}: {count}" for reason, count in dropped.items()) or "it is empty"
            raise InputError(f"no row of {name} {source.config}/{source.split} can be trained on ({reasons})")
    return Rows(ids, prompt_lengths, tuple(used))


def _read(source: DataSource) -> tuple[Any, str, str | None]:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    pattern = f"data/{source.config}/{source.split}*.parquet"
    if source.repo is not None:
        folder, revision = fetch(source.repo, source.revision, repo_type="dataset", patterns=[pattern])
        name: str = source.repo
    else:
        folder, revision = Path(source.path or ""), None
        name = folder.resolve().name
    place = folder / "data" / source.config
    files = [file for file in sorted(place.glob("*.parquet")) if _split_of(file) == source.split]
    if not files:
        raise InputError(
            f"{source.repo or source.path!r} has no {pattern}; check config and split, or build the data "
            "first"
        )
    columns = ("prompt", "completion", "question", "incorrect_step", "form")
    tables = []
    for file in files:
        try:
            layout = pq.read_schema(file)
            for column in columns[:2]:
                if column not in layout.names:
                    raise InputError(
                        f"column {column!r} is missing in {name} {source.config}/{file.name} "
                        f"(it has: {', '.join(layout.names)[:200]}); build the data again"
                    )
                if layout.field(column).type not in (pa.string(), pa.large_string()):
                    raise InputError(
                        f"column {column!r} in {name} {source.config}/{file.name} holds "
                        f"{layout.field(column).type}, expected text; build the data again"
                    )
            tables.append(
                pq.read_table(file, columns=[column for column in columns if column in layout.names])
            )
        except (pa.ArrowInvalid, OSError) as error:
            raise InputError(f"{name} {source.config}/{file.name} is not a Parquet file ({error})") from error
    table = pa.concat_tables(tables)
    if pc.any(pc.match_substring(table["prompt"], MARK)).as_py():
        raise InputError(
            f"{name} is an id-only release: its questions are withheld; restore them with `lema rebuild`, and "
            "train on that folder"
        )
    return table, name, revision


def _split_of(file: Path) -> str:
    """The split of `train.parquet`, and of a shard `train-00000-of-00002.parquet`."""
    stem, dash, rest = file.stem.partition("-")
    return stem if dash and rest[:5].isdecimal() else file.stem


def _texts(table: Any, prompt: str) -> Iterator[tuple[str, str]]:
    asked = table["prompt"].to_pylist()
    # Corrections keep LeMa's one prompt; only the CoT prompt differs between backbones.
    if (
        prompt != "lema-cot"
        and "question" in table.column_names
        and "incorrect_step" not in table.column_names
    ):
        template = prompts.load(prompt)
        forms = table["form"].to_pylist() if "form" in table.column_names else ["cot"] * len(asked)
        asked = [
            template.render(question=question) if form in _COT_FORMS else before
            for before, question, form in zip(asked, table["question"].to_pylist(), forms, strict=True)
        ]
    for before, after in zip(asked, table["completion"].to_pylist(), strict=True):
        yield before or "", after or ""


def _tokens(
    texts: Sequence[tuple[str, str]], tokenizer: transformers.PreTrainedTokenizerBase, max_length: int
) -> Iterator[tuple[np.ndarray, int, str | None]]:
    import numpy as np

    known: dict[str, list[int]] = {}  # several rows ask the same question
    for start in range(0, len(texts), _CHUNK):
        chunk = texts[start : start + _CHUNK]
        new = sorted({before for before, _ in chunk} - known.keys())
        if new:
            known.update(zip(new, tokenizer(new, return_attention_mask=False)["input_ids"], strict=True))
        whole = tokenizer([before + after for before, after in chunk], return_attention_mask=False)[
            "input_ids"
        ]
        for (before, after), tokens in zip(chunk, whole, strict=True):
            size, reason = len(known[before]), None
            if not before or not after.strip():
                reason = "empty_prompt" if not before else "empty_completion"
            elif tokens[:size] != known[before]:
                reason = "boundary_shifts"
            elif size >= max_length:
                reason = "prompt_fills_max_length"
            elif len(tokens) + 1 > max_length:
                reason = "truncated"  # without the end token: the model must not learn to stop there
            row = [*tokens, tokenizer.eos_token_id][:max_length]
            yield np.asarray(row, dtype=np.int32), size, reason


def digest_of(used: Sequence[Used]) -> str:
    """Tells the data of two runs apart by the rows' texts, wherever they were read from."""
    return hashlib.sha256("".join(source.digest for source in used).encode()).hexdigest()
