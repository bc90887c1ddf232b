"""Controlled mixes: rows of published data sets in exact numbers, or up to an exact number of tokens (LeMa, section 4).

    kind: mix
    task: gsm8k
    parts:
      - {repo: lema/lema-corrections, revision: v0.1.0}
      - {repo: lema/lema-cot, revision: v0.1.0, fill: true}
    rows: 32421                    # LeMa-32K: all corrections, CoT rows cut to fit

Sizes are of the training rows; dev rows are taken whole. What is cut is drawn by a hash of seed and row, so that a
larger mix holds the smaller one, and sampled solutions are cut before annotated ones, as in the paper. A size that
the sources cannot fill is an error that says what is missing. To give two runs the same number of tokens, with rows
seen several times, no mix is needed: set `tokens_per_step` in the training recipe.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from lema_hub import nano, prompts, tasks
from lema_hub.artifacts.manifest import Contamination, Kind, Manifest, Mix, MixPart, PromptUse, Stage
from lema_hub.builders.built import Built
from lema_hub.builders.contamination import Checks, decontaminate
from lema_hub.builders.dataset import write_dataset
from lema_hub.builders.forms import texts
from lema_hub.builders.published import Opened, Published, open_published
from lema_hub.builders.recipe import Seed
from lema_hub.config import Range
from lema_hub.engines import pretrained
from lema_hub.engines.choose import NANO_BACKBONE
from lema_hub.errors import InputError, RecipeError
from lema_hub.records import Correction, CotExample, Form, MixedRow, Rejection, digest
from lema_hub.tasks.held_out import HeldOutSets, load_held_out
from lema_hub.tasks.load import file_revision

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

Rows = Annotated[int, Range(1, 100_000_000)]

_OWN: dict[Kind, Form] = {"corrections": "correction", "cot": "cot"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Part(Published):
    """Rows of one data set.

    Attributes:
        form: What is made of a correction (`lema_hub.builders.forms`); by default rows stay what they are.
        rows: The number of training rows, null for all.
        fill: Take as many rows as the mix has room for.
    """

    form: Form | None = None
    rows: Rows | None = None
    fill: bool = False

    def __post_init__(self) -> None:
        Published.__post_init__(self)
        if self.rows is not None and self.fill:
            raise RecipeError(f"a part has either rows or fill, got rows={self.rows} and fill; drop one")


@dataclass(frozen=True, slots=True, kw_only=True)
class MixRecipe:
    """What a mix is made of.

    Attributes:
        kind: `mix`.
        task: The config's name.
        parts: Where the rows come from, in this order.
        rows: Training rows in all; the part with `fill` makes up the number.
        tokens: Training tokens in all, at most; the part with `fill` comes within a row of it.
        tokenizer: Counts tokens as `lema train` does: `nano` or a Hub id.
        tokenizer_revision: Its tag or commit.
        max_length: Longest row in tokens; what a training run would cut is not counted.
        duplicates: Whether rows with the text of an earlier one are kept; two wrong solutions may have one
            corrected solution.
        contamination: How the rows are compared with the test sets.
        seed: Which rows are cut.
    """

    kind: Literal["mix"]
    task: str
    parts: tuple[Part, ...]
    rows: Rows | None = None
    tokens: Annotated[int, Range(1, 10**12)] | None = None
    tokenizer: str | None = None
    tokenizer_revision: str | None = None
    max_length: Annotated[int, Range(8, 1_000_000)] = 1024
    duplicates: Literal["drop", "keep"] = "drop"
    contamination: Checks = field(default_factory=Checks)
    seed: Seed = 0

    def __post_init__(self) -> None:
        filled = sum(part.fill for part in self.parts)
        if not self.parts or filled > 1:
            raise RecipeError(
                f"a mix has parts of which one at most has fill, got {filled} of {len(self.parts)}"
            )
        if self.rows is not None and self.tokens is not None:
            raise RecipeError(f"a mix has either rows or tokens, got {self.rows} and {self.tokens}; drop one")
        if filled and self.rows is None and self.tokens is None:
            raise RecipeError("a part has fill but the mix has neither rows nor tokens; set one of them")
        if self.tokens is not None and (not filled or self.tokenizer is None):
            raise RecipeError(f"tokens is {self.tokens}; name a tokenizer, and set fill in one of the parts")
        tasks.get(self.task)


def run(recipe: MixRecipe, out: Path, *, command: str) -> Manifest:
    """Mix into a folder that can be trained on and published.

    Args:
        recipe: What to mix.
        out: The folder.
        command: The command that makes it again, for the manifest.

    Raises:
        InputError: A part has too few rows, or a problem is in train and in dev.
        HubError: A data set cannot be read.
    """
    opened = [open_published(part, config=recipe.task, kinds=("corrections", "cot")) for part in recipe.parts]
    tokenizer, revision = _tokenizer(recipe) if recipe.tokenizer else (None, None)
    against = [Path(file) for file in recipe.contamination.against]
    done = mixed(
        recipe,
        opened,
        held_out=load_held_out(recipe.task, against=against),
        tokenizer=tokenizer,
        tokenizer_revision=revision,
    )
    return write_dataset(
        out,
        done.built,
        kind="mix",
        task=recipe.task,
        command=command,
        inputs=list(dict.fromkeys(source.source for source in opened)),
        seed=recipe.seed,
        mix=done.mix,
        contamination=done.contamination,
    )


@dataclass(frozen=True, slots=True)
class Mixed:
    """The rows of a mix, what it took of which part, and the comparison of all that it could take with test sets."""

    built: Built[MixedRow]
    mix: Mix
    contamination: Contamination | None


def mixed(
    recipe: MixRecipe,
    opened: Sequence[Opened],
    *,
    held_out: HeldOutSets | None = None,
    tokenizer: PreTrainedTokenizerBase | None = None,
    tokenizer_revision: str | None = None,
) -> Mixed:
    """Mix opened parts; rows that hold a test question are dropped before sizes are made.

    Raises:
        InputError: A part has too few rows, or a problem is in train and in dev.
    """
    seen: set[tuple[str, str]] | None = set() if recipe.duplicates == "drop" else None
    pools = [
        _pool(source, form_of(part, source), seen) for part, source in zip(recipe.parts, opened, strict=True)
    ]
    _check_sides(row for pool in pools for row in (*pool.train, *pool.dev))
    rejected: tuple[Rejection, ...] = ()
    contamination = None
    if held_out is not None:
        every = Built(rows=tuple(row for pool in pools for row in (*pool.train, *pool.dev)))
        kept, contamination = decontaminate(every, *held_out, checks=recipe.contamination)
        rejected, known = kept.rejected, {row.row_id for row in kept.rows}
        pools = [pool.only(known) for pool in pools]
    sizes = [_sizes(pool.train, tokenizer, recipe.max_length) for pool in pools]
    taken = [
        _cut(pool, len(pool.train) if part.rows is None else part.rows, recipe.seed)
        for part, pool in zip(recipe.parts, pools, strict=True)
    ]
    filling = next((number for number, part in enumerate(recipe.parts) if part.fill), None)
    if filling is not None:
        others = [number for number in range(len(pools)) if number != filling]
        rows = sum(len(taken[number]) for number in others)
        tokens = sum(sizes[number][row] for number in others for row in taken[number])
        taken[filling] = _fill(recipe, pools[filling], sizes[filling], rows=rows, tokens=tokens)
    elif recipe.rows is not None and recipe.rows != sum(map(len, taken)):
        raise InputError(
            f"the mix is to have {recipe.rows} training rows, its parts give {sum(map(len, taken))}; set fill in "
            "one of them"
        )
    parts = tuple(
        MixPart(
            source=pool.source,
            form=pool.form,
            available=len(pool.train),
            rows=len(rows),
            tokens=sum(size[row] for row in rows) if tokenizer else None,
        )
        for pool, rows, size in zip(pools, taken, sizes, strict=True)
    )
    return Mixed(
        replace(_outcome(recipe.task, pools, taken, opened), rejected=rejected),
        Mix(
            parts=parts,
            tokenizer=NANO_BACKBONE if recipe.tokenizer == "nano" else recipe.tokenizer,
            tokenizer_revision=tokenizer_revision,
        ),
        contamination,
    )


@dataclass(frozen=True, slots=True)
class _Pool:
    """What a part could give: its rows in their form, none of which an earlier part has."""

    source: str
    form: Form
    train: list[MixedRow]
    dev: list[MixedRow]
    repeated: int
    contaminated: int = 0

    def only(self, known: Container[str]) -> _Pool:
        """The rows with a known id; the others hold test questions."""
        train, dev = ([row for row in rows if row.row_id in known] for rows in (self.train, self.dev))
        lost = len(self.train) + len(self.dev) - len(train) - len(dev)
        return replace(self, train=train, dev=dev, contaminated=lost)


def form_of(part: Part, source: Opened) -> Form:
    """The form of a part's rows.

    Raises:
        InputError: Its rows cannot take that form.
    """
    kind = source.built.manifest.kind
    form = part.form or _OWN[kind]
    if (form == "cot") != (kind == "cot"):
        raise InputError(
            f"{source.name} holds {kind}, of which no {form!r} can be made; see lema_hub.builders.forms"
        )
    return form


def _pool(source: Opened, form: Form, seen: set[tuple[str, str]] | None) -> _Pool:
    sides: dict[str, list[MixedRow]] = {"train": [], "dev": []}
    repeated = 0
    for split, rows in sides.items():
        for record in source.rows(split):
            row = _row(record, form, source.name)
            text = (row.prompt, row.completion)
            if seen is not None and text in seen:
                repeated += 1
                continue
            if seen is not None:
                seen.add(text)
            rows.append(row)
    return _Pool(source.name, form, sides["train"], sides["dev"], repeated)


def _row(record: Correction | CotExample, form: Form, source: str) -> MixedRow:
    prompt, completion = (
        texts(record, form) if isinstance(record, Correction) else (record.prompt, record.completion)
    )
    return MixedRow(
        problem=record.problem,
        path=record.path,
        row_id=digest(record.path.path_id, prompt, completion)[:16],
        form=form,
        source=source,
        corrector=record.corrector if isinstance(record, Correction) else None,
        prompt=prompt,
        completion=completion,
    )


def _check_sides(rows: Iterable[MixedRow]) -> None:
    sides: dict[str, MixedRow] = {}
    for row in rows:
        other = sides.setdefault(row.problem.problem_id, row)
        if other.problem.split != row.problem.split:
            raise InputError(
                f"{row.problem.problem_id} is {other.problem.split} in {other.source} and {row.problem.split} in "
                f"{row.source}; mix data sets whose splits agree"
            )


def _order(pool: _Pool, seed: int) -> list[int]:
    """The positions of a part's training rows, what is cut first last."""
    rows = pool.train
    return sorted(
        range(len(rows)),
        key=lambda row: (rows[row].path.origin != "annotated", digest(seed, rows[row].row_id)),
    )


def _cut(pool: _Pool, rows: int, seed: int) -> list[int]:
    if rows > len(pool.train):
        raise InputError(
            f"{rows} {pool.form} rows of {pool.source} are wanted, it has {len(pool.train)}; build more, or lower rows"
        )
    return sorted(_order(pool, seed)[:rows])


def _fill(recipe: MixRecipe, pool: _Pool, sizes: Sequence[int], *, rows: int, tokens: int) -> list[int]:
    """As many rows as the mix has room for, beside the rows and tokens of the other parts."""
    if recipe.rows is not None:
        if rows > recipe.rows:
            raise InputError(
                f"the other parts have {rows} rows, more than the {recipe.rows} of the mix; raise rows"
            )
        return _cut(pool, recipe.rows - rows, recipe.seed)
    budget = recipe.tokens or 0
    if tokens > budget:
        raise InputError(
            f"the other parts have {tokens} tokens, more than the {budget} of the mix; raise tokens"
        )
    chosen: list[int] = []
    for row in _order(pool, recipe.seed):
        if tokens + sizes[row] > budget:
            return sorted(chosen)
        tokens += sizes[row]
        chosen.append(row)
    if budget - tokens > max(sizes, default=0):
        raise InputError(
            f"the mix is to have {budget} tokens, all its rows have {tokens}: {budget - tokens} more are wanted of "
            f"{pool.source}; build more, or lower tokens"
        )
    return sorted(chosen)


def _outcome(
    task: str, pools: Sequence[_Pool], taken: Sequence[Sequence[int]], opened: Sequence[Opened]
) -> Built[MixedRow]:
    stages = []
    for pool, rows in zip(pools, taken, strict=True):
        cut = len(pool.train) - len(rows)
        dropped = {"duplicate": pool.repeated, "contaminated": pool.contaminated, "cut_to_size": cut}
        stages.append(
            Stage(
                name=f"take {pool.form}",
                rows_in=len(pool.train) + len(pool.dev) + pool.repeated + pool.contaminated,
                rows_out=len(rows) + len(pool.dev),
                dropped={reason: count for reason, count in dropped.items() if count},
            )
        )
    models = [model for source in opened for model in source.built.manifest.models]
    used = [prompt for source in opened for prompt in source.built.manifest.prompts]
    if any(pool.form == "corrected_solution" for pool in pools):
        template = prompts.load(tasks.get(task).prompt)
        used.append(PromptUse(id=template.id, role="fine-tune", sha256=template.sha256))
    return Built(
        rows=tuple(
            row
            for pool, rows in zip(pools, taken, strict=True)
            for row in (*(pool.train[row] for row in rows), *pool.dev)
        ),
        stages=tuple(stages),
        models=tuple(dict.fromkeys(models)),
        prompts=tuple(dict.fromkeys(used)),
    )


def _sizes(rows: Sequence[MixedRow], tokenizer: PreTrainedTokenizerBase | None, max_length: int) -> list[int]:
    """The tokens of each row as a training run sees it: prompt, completion and end of sequence."""
    if tokenizer is None or not rows:
        return [0] * len(rows)
    ids = tokenizer([row.prompt + row.completion for row in rows], return_attention_mask=False)["input_ids"]
    return [min(len(tokens) + 1, max_length) for tokens in ids]


def _tokenizer(recipe: MixRecipe) -> tuple[PreTrainedTokenizerBase, str]:
    name = recipe.tokenizer or ""
    if name == "nano":
        folder = nano.backbone_path()
        return pretrained.tokenizer(folder, name=name), file_revision(folder / "tokenizer.json")
    folder = pretrained.model_folder(name, revision=recipe.tokenizer_revision, weights=False)
    return pretrained.tokenizer(folder, name=name), folder.name
