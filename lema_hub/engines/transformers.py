"""Text from a model that transformers can load: batched, KV-cached, on CPU or GPU, with or without a LoRA
adapter.

The loop is our own and not `model.generate`, for three reasons: every request draws from its own random
stream, so that a sample does not depend on its neighbours in the batch; the samples of one prompt share its
prefill; and a finished row leaves the batch at once.

    engine = TransformersEngine("runs/backbone", adapter="runs/lema/adapter")

Exactness: padding is on the left and masked out, so what a batch can change is the order of float
    additions. Greedy
text is the same in every batch unless two tokens tie to about 1e-6.

The traps: a local model is identified by the hash of its files, never by its path, because new weights at
an old path must not be answered from old text. And a model that is loaded lazily costs nothing when the
ledger knows all.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lema_hub.engines import pretrained
from lema_hub.engines.engine import Failure, Request, Response
from lema_hub.engines.noise import quiet
from lema_hub.errors import EngineError, InputError, MissingExtraError
from lema_hub.records import digest
from lema_hub.snapshots import Weights

if TYPE_CHECKING:
    import torch

_logger = logging.getLogger(__name__)
_BATCH_SIZE = 64
_SCORED = 8  # texts whose logits are held at once: rows x tokens x vocabulary
_TAIL_TOKENS = 16  # a stop string is looked for in the text of the last tokens


@dataclass(slots=True, eq=False)
class _Row:
    """One request while it is being answered."""

    position: int
    request: Request
    prompt: list[int]
    limit: int
    randoms: Any = None  # numpy.random.Generator, None if greedy
    tokens: list[int] = field(default_factory=list)


class TransformersEngine:
    """Answers from a causal language model of transformers.

    Args:
        model: A Hub id or a local folder.
        revision: Branch, tag or commit of a Hub id; resolved to a commit.
        adapter: A LoRA adapter's Hub id or folder.
        adapter_revision: Branch, tag or commit of the adapter.
        batch_size: Rows that are computed together, 64 by default.
        device: A torch device; a GPU if there is one, else the CPU. On the CPU computation is in float32,
            on a GPU in bfloat16 if the weights are.
        label: The model's name in provenance instead of its folder's.

    Raises:
        InputError: `model` or `adapter` is a folder without a model in it.
        EngineError: The Hub does not have it, or cannot be reached.
    """

    name = "transformers"

    def __init__(
        self,
        model: str | Path,
        *,
        revision: str | None = None,
        adapter: str | Path | None = None,
        adapter_revision: str | None = None,
        batch_size: int | None = None,
        device: str | None = None,
        label: str | None = None,
    ) -> None:
        if batch_size is not None and batch_size < 1:
            raise InputError(f"batch_size must be >= 1, got {batch_size}")
        self.batch_size = batch_size or _BATCH_SIZE
        self._device = device
        self._base = Weights.find(model, revision, "config.json")
        if label is not None:
            self._base = replace(self._base, name=label)
        self._adapter = Weights.find(adapter, adapter_revision, "adapter_config.json") if adapter else None

    @property
    def model(self) -> str:
        return f"{self._base.name}+{self._adapter.name}" if self._adapter else self._base.name

    @property
    def revision(self) -> str:
        return f"{self._base.revision}+{self._adapter.revision}" if self._adapter else self._base.revision

    def cost_bound(self, request: Request) -> float:  # noqa: ARG002 - the protocol's signature
        """Nothing: the model runs here."""
        return 0.0

    def generate(self, requests: Iterable[Request]) -> Iterator[tuple[int, Response | Failure]]:
        """Answer requests, the longest prompts first; see `Engine.generate`.

        Requests whose prompt leaves no room in the model's context fail with the reason `prompt_too_long`.
        """
        rows: list[_Row] = []
        for position, request in enumerate(requests):
            row = self._row(position, request)
            if row.limit < 1:
                detail = f"{len(row.prompt)} prompt tokens, the model's context is {self._context}"
                yield position, Failure(reason="prompt_too_long", detail=detail)
            else:
                rows.append(row)
        # Longest first: memory runs out at once or never. Equal prompts are neighbours and share their
        # prefill.
        rows.sort(key=lambda row: (-len(row.prompt), row.prompt, row.position))
        for start in range(0, len(rows), self.batch_size):
            try:
                yield from self._batch(rows[start : start + self.batch_size])
            except MemoryError as error:
                raise _too_large(self.batch_size, error) from error
            except RuntimeError as error:  # torch.OutOfMemoryError is one
                if "out of memory" not in str(error):
                    raise
                raise _too_large(self.batch_size, error) from error

    def perplexities(self, texts: Sequence[tuple[str, str]]) -> list[float]:
        """The perplexity of each second text where it follows the first: e to the mean negative log-probability of
        its tokens. What the first text's own tokens do not cover is the second's, so every character counts once.

        Raises:
            InputError: A second text is empty, or both are longer than the model's context.
        """
        import torch
        from torch.nn.functional import cross_entropy

        rows = []
        for before, after in texts:
            asked, whole = (list(self._tokenizer(text)["input_ids"]) for text in (before, before + after))
            size = next(
                (k for k, pair in enumerate(zip(asked, whole, strict=False)) if pair[0] != pair[1]),
                len(asked),
            )
            if not after or not 0 < size < len(whole) <= self._context:
                raise InputError(
                    f"{len(whole)} tokens, {len(whole) - size} of them of the text {after[:40]!r}, have no perplexity; "
                    f"give a text of at least one token within a context of {self._context}"
                )
            rows.append((whole, size))
        found = [0.0] * len(rows)
        order = sorted(range(len(rows)), key=lambda row: -len(rows[row][0]))
        for start in range(0, len(order), _SCORED):
            batch = order[start : start + _SCORED]
            width = len(rows[batch[0]][0])
            ids = torch.tensor(
                [rows[row][0] + [self._padding] * (width - len(rows[row][0])) for row in batch],
                device=self._loaded.device,
            )
            mask = torch.tensor(
                [[1] * len(rows[row][0]) + [0] * (width - len(rows[row][0])) for row in batch],
                device=ids.device,
            )
            with torch.inference_mode():
                logits = self._loaded(input_ids=ids, attention_mask=mask).logits  # (rows, width, vocabulary)
                for row, ahead, tokens in zip(batch, logits, ids, strict=True):
                    whole, size = rows[row]
                    loss = cross_entropy(ahead[size - 1 : len(whole) - 1].float(), tokens[size : len(whole)])
                    found[row] = math.exp(float(loss))
        return found

    def _row(self, position: int, request: Request) -> _Row:
        import numpy as np

        prompt = list(self._tokenizer(plain_text(request))["input_ids"])
        sampling = request.sampling
        row = _Row(position, request, prompt, min(sampling.max_tokens, self._context - len(prompt)))
        if sampling.temperature > 0:
            row.randoms = np.random.default_rng(stream_seed(request))
        return row

    def _batch(self, rows: list[_Row]) -> Iterator[tuple[int, Response]]:
        import torch

        with torch.inference_mode():
            logits, cache, mask = self._prefill(rows)
            while rows:
                tokens = self._choose(logits, rows)
                done = {row: self._finish(row, token) for row, token in zip(rows, tokens, strict=True)}
                for row, response in done.items():
                    if response is not None:
                        yield row.position, response
                keep = [i for i, row in enumerate(rows) if done[row] is None]
                if len(keep) < len(rows):
                    rows = [rows[i] for i in keep]
                    tokens = [tokens[i] for i in keep]
                    if not rows:
                        return
                    index = torch.tensor(keep, device=mask.device)
                    cache.batch_select_indices(index)
                    mask = mask[index]
                mask = torch.cat([mask, mask.new_ones(len(rows), 1)], dim=1)  # (rows, length so far)
                output = self._loaded(
                    input_ids=torch.tensor(tokens, device=mask.device)[:, None],
                    attention_mask=mask,
                    position_ids=mask.sum(dim=1, keepdim=True) - 1,
                    past_key_values=cache,
                    use_cache=True,
                )
                logits = output.logits[:, -1].float()  # (rows, vocabulary)

    def _prefill(self, rows: Sequence[_Row]) -> tuple[torch.Tensor, Any, torch.Tensor]:
        """Logits (rows, vocabulary), cache and mask (rows, length) after the prompts, each prompt computed
        once.
        """
        import torch
        from transformers import DynamicCache

        prompts = list(dict.fromkeys(tuple(row.prompt) for row in rows))
        width = max(map(len, prompts))
        device = self._loaded.device
        pad = self._padding
        ids = torch.tensor([[pad] * (width - len(p)) + list(p) for p in prompts], device=device)
        mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in prompts], device=device)
        cache = DynamicCache(config=self._loaded.config)
        output = self._loaded(
            input_ids=ids,
            attention_mask=mask,
            position_ids=(mask.cumsum(dim=1) - 1).clamp(min=0),
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        logits = output.logits[:, -1].float()
        if len(prompts) < len(rows):
            order = {prompt: number for number, prompt in enumerate(prompts)}
            index = torch.tensor([order[tuple(row.prompt)] for row in rows], device=device)
            cache.batch_select_indices(index)
            logits, mask = logits[index], mask[index]
        return logits, cache, mask

    def _choose(self, logits: torch.Tensor, rows: Sequence[_Row]) -> list[int]:
        """The next token of every row: the likeliest, or by inversion of the row's own uniform number."""
        import torch

        chosen: torch.Tensor = logits.argmax(dim=-1)
        sampled = [i for i, row in enumerate(rows) if row.randoms is not None]
        if sampled:
            index = torch.tensor(sampled, device=logits.device)
            settings = [rows[i].request.sampling for i in sampled]
            heat = torch.tensor([s.temperature for s in settings], device=logits.device)[:, None]
            top_p = torch.tensor([s.top_p for s in settings], device=logits.device)[:, None]
            uniform = torch.tensor([[rows[i].randoms.random()] for i in sampled], device=logits.device)
            scores, order = (logits[index] / heat).sort(dim=-1, descending=True)
            cumulated = scores.softmax(dim=-1).double().cumsum(dim=-1)  # (sampled, vocabulary)
            # The nucleus ends with the first token at which the mass reaches top_p.
            inside = (cumulated < top_p).sum(dim=-1, keepdim=True).clamp(max=cumulated.shape[-1] - 1)
            mass = cumulated.gather(1, inside)
            rank = torch.searchsorted(cumulated, uniform.double() * mass, right=True).clamp(max=inside)
            chosen[index] = order.gather(1, rank)[:, 0]
        tokens: list[int] = chosen.tolist()
        return tokens

    def _finish(self, row: _Row, token: int) -> Response | None:
        """Add a token to a row; its response if that was the last one."""
        row.tokens.append(token)
        stop = row.request.sampling.stop
        if token in self._ends:
            return self._respond(row, row.tokens[:-1], "stop")
        if stop:
            tail = self._decode(row.tokens[-_TAIL_TOKENS:])
            if any(string in tail for string in stop):
                return self._respond(row, row.tokens, "stop")
        if len(row.tokens) >= row.limit:
            return self._respond(row, row.tokens, "length")
        return None

    def _respond(self, row: _Row, tokens: Sequence[int], finish_reason: str) -> Response:
        text = self._decode(tokens)
        for string in row.request.sampling.stop:
            text = text.split(string, 1)[0]
        return Response(
            text=text,
            finish_reason=finish_reason,
            prompt_tokens=len(row.prompt),
            completion_tokens=len(row.tokens),
        )

    def _decode(self, tokens: Sequence[int]) -> str:
        text: str = self._tokenizer.decode(
            tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return text

    @cached_property
    def _tokenizer(self) -> Any:
        return pretrained.tokenizer(self._folder, name=self._base.name)

    @cached_property
    def _folder(self) -> Path:
        return pretrained.model_folder(self._base.location, revision=self._base.commit)

    @cached_property
    def _loaded(self) -> Any:
        """The model, on its device, in evaluation mode, with its adapter."""
        try:
            import torch
        except ImportError as error:
            raise MissingExtraError("torch and transformers", "train") from error
        device = self._device or ("cuda" if torch.cuda.is_available() else "cpu")
        with quiet():
            model = pretrained.causal_model(
                self._folder, name=self.model, dtype=torch.float32 if device == "cpu" else "auto"
            )
            if self._adapter is not None:
                model = pretrained.adapted(model, Path(self._adapter.adapter_folder()), name=self.model)
                if (
                    model.dtype == torch.float32
                ):  # exact, and it spares two small products per layer and token
                    model = model.merge_and_unload()
        _logger.info("loaded %s on %s", self.model, device)
        return model.to(device).eval()

    @cached_property
    def _context(self) -> int:
        return int(getattr(self._loaded.config, "max_position_embeddings", None) or 2**31)

    @cached_property
    def _padding(self) -> int:
        pad = self._tokenizer.pad_token_id
        return int(pad) if pad is not None else 0  # masked out: any token will do

    @cached_property
    def _ends(self) -> frozenset[int]:
        """The tokens that end a text: the tokenizer's and the generation config's."""
        configured = getattr(self._loaded.generation_config, "eos_token_id", None)
        ends = configured if isinstance(configured, list) else [configured]
        return frozenset(token for token in (*ends, self._tokenizer.eos_token_id) if token is not None)


def plain_text(request: Request) -> str:
    """What a local model continues: the system text, if any, a blank line, and the prompt."""
    return f"{request.system}\n\n{request.prompt}" if request.system else request.prompt


def stream_seed(request: Request) -> int:
    """The 64-bit seed of a request's own random stream."""
    return int(digest(request.sampling.seed or 0, plain_text(request), request.index)[:16], 16)


def _too_large(batch_size: int, error: Exception) -> EngineError:
    line = " ".join(str(error).split())[:120]
    return EngineError(
        f"{batch_size} rows do not fit into memory ({line}); lower batch_size, answers are kept"
    )
