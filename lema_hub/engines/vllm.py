"""Text from vLLM, offline: continuous batching with prefix caching and LoRA adapters, one process per group of GPUs.

    engine = VLLMEngine("meta-llama/Llama-3.1-8B", adapter="runs/lema/adapter", tensor_parallel=2)

Four visible GPUs make two processes of it, each with its own `CUDA_VISIBLE_DEVICES`. Requests are handed out as a
process has room, two batches at most, and answers come in the order of completion: a run that is killed loses what was
in flight, and no more. The processes stay loaded between two calls; an engine that starts ends those of engines that
are idle, because two models do not fit the same GPUs.

Exactness: greedy text is that of the transformers engine unless two tokens tie to about 1e-6 in float32. Sampled text
has the same seeds per request but vLLM's own random streams: it is as good, and not equal.

The trap: vLLM pins torch, so it wants an environment of its own, where it leads the versions. `make test-vllm` makes
one with a build for CPUs, which is for tests.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any, Self, cast

from lema_hub.engines import pretrained
from lema_hub.engines.engine import Failure, Request, Response
from lema_hub.engines.transformers import plain_text, stream_seed
from lema_hub.engines.vllm_worker import Options
from lema_hub.errors import EngineError, InputError, MissingExtraError
from lema_hub.snapshots import Weights

_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)  # what vLLM's max_lora_rank may be
_loaded: weakref.WeakSet[VLLMEngine] = weakref.WeakSet()


class VLLMEngine:
    """Answers from a causal language model that vLLM runs.

    Args:
        model: A Hub id or a local folder.
        revision: Branch, tag or commit of a Hub id; resolved to a commit.
        adapter: A LoRA adapter's Hub id or folder.
        adapter_revision: Branch, tag or commit of the adapter.
        tensor_parallel: GPUs that share one copy of the model.
        processes: Copies of the model; by default as many as the visible GPUs allow, and one without a GPU.
        batch_size: Requests that a process computes together at most; vLLM's own choice by default.
        label: The model's name in provenance instead of its folder's.

    Raises:
        InputError: A folder has no model or adapter in it, or the adapter is of a kind that vLLM cannot load.
        EngineError: The Hub does not have it, or cannot be reached.

    vLLM itself is looked for when the first request comes, so that a dry run needs none.
    """

    name = "vllm"

    def __init__(
        self,
        model: str | Path,
        *,
        revision: str | None = None,
        adapter: str | Path | None = None,
        adapter_revision: str | None = None,
        tensor_parallel: int = 1,
        processes: int | None = None,
        batch_size: int | None = None,
        label: str | None = None,
    ) -> None:
        for name, value in (
            ("tensor_parallel", tensor_parallel),
            ("processes", processes),
            ("batch_size", batch_size),
        ):
            if value is not None and value < 1:
                raise InputError(f"{name} must be >= 1, got {value}")
        self._tensor_parallel, self._processes, self._batch_size = tensor_parallel, processes, batch_size
        self._base = Weights.find(model, revision, "config.json")
        if label is not None:
            self._base = replace(self._base, name=label)
        self._adapter = Weights.find(adapter, adapter_revision, "adapter_config.json") if adapter else None
        self._rank = _rank(self._adapter) if self._adapter else None
        self._groups: list[_Group] = []
        self._busy = False
        self._end = weakref.finalize(self, _end, self._groups)  # at the latest when Python ends

    @property
    def model(self) -> str:
        return f"{self._base.name}+{self._adapter.name}" if self._adapter else self._base.name

    @property
    def revision(self) -> str:
        return f"{self._base.revision}+{self._adapter.revision}" if self._adapter else self._base.revision

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """End the processes and free their GPUs; the next `generate` starts them again."""
        _end(self._groups)

    def cost_bound(self, request: Request) -> float:  # noqa: ARG002 - the protocol's signature
        """Nothing: the model runs here."""
        return 0.0

    def generate(self, requests: Iterable[Request]) -> Iterator[tuple[int, Response | Failure]]:
        """Answer requests; see `Engine.generate`.

        A request fails with the reason `prompt_too_long`, or `refused` if vLLM does not take its sampling.

        Raises:
            MissingExtraError: vLLM is not installed.
            InputError: There are not enough GPUs for a group.
            EngineError: The model does not fit, or a process died.
        """
        self._busy = True
        try:
            answers = self._start()
            waiting = enumerate(requests)
            more = True
            while True:
                while more and (group := min(self._groups, key=_load)).in_flight < group.capacity:
                    if (numbered := next(waiting, None)) is None:
                        more = False
                    else:
                        group.send(*numbered)
                if not any(group.in_flight for group in self._groups):
                    return
                group, message = answers.get()
                yield group.answer(message)
        except BaseException:  # Ctrl-C and a consumer that stops too: what is in flight is nobody's
            self.close()
            raise
        finally:
            self._busy = False

    def _start(self) -> queue.Queue[tuple[_Group, dict[str, Any] | None]]:
        """Load the model in every process that is not there yet."""
        if self._groups:
            return self._answers
        if find_spec("vllm") is None:
            raise MissingExtraError("vllm (for GPUs, best in an environment of its own)", "vllm")
        for other in list(_loaded):
            if not other._busy:
                other.close()
        _loaded.add(self)
        options = Options(
            model=str(pretrained.model_folder(self._base.location, revision=self._base.commit)),
            adapter=str(pretrained.adapter_folder(self._adapter.adapter_folder())) if self._adapter else None,
            rank=self._rank,
            tensor_parallel=self._tensor_parallel,
            batch_size=self._batch_size,
        )
        self._answers: queue.Queue[tuple[_Group, dict[str, Any] | None]] = queue.Queue()
        for gpus in _gpu_groups(self._tensor_parallel, self._processes):
            self._groups.append(_Group(self.model, options, gpus, self._answers))
        for _ in self._groups:
            group, message = self._answers.get()
            group.ready(message)
        return self._answers


class _Group:
    """One process on one group of GPUs."""

    def __init__(
        self,
        model: str,
        options: Options,
        gpus: str | None,
        answers: queue.Queue[tuple[_Group, dict[str, Any] | None]],
    ) -> None:
        self._model = model
        self.capacity, self.in_flight = 0, 0
        self._log = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 - read if it dies
        self._process = subprocess.Popen(
            [sys.executable, "-m", "lema_hub.engines.vllm_worker", json.dumps(asdict(options))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=os.environ if gpus is None else {**os.environ, "CUDA_VISIBLE_DEVICES": gpus},
            encoding="utf-8",
            start_new_session=True,  # Ctrl-C is for this process, which ends that one
        )
        self._reader = threading.Thread(target=self._read, args=(answers,), daemon=True)
        self._reader.start()

    def _read(self, answers: queue.Queue[tuple[_Group, dict[str, Any] | None]]) -> None:
        for line in cast(IO[str], self._process.stdout):
            if line.endswith("\n"):  # else it was killed in the middle of it
                answers.put((self, json.loads(line)))
        answers.put((self, None))

    def ready(self, message: dict[str, Any] | None) -> None:
        self.capacity = int(self._checked(message)["ready"])

    def send(self, position: int, request: Request) -> None:
        sampling = request.sampling
        message = {
            "position": position,
            "text": plain_text(request),
            "max_tokens": sampling.max_tokens,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "stop": sampling.stop,
            "seed": stream_seed(request) if sampling.temperature > 0 else None,
            "schema": request.schema,
        }
        pipe = cast(IO[str], self._process.stdin)
        with contextlib.suppress(BrokenPipeError):  # it died: the reader says so
            pipe.write(json.dumps(message) + "\n")
            pipe.flush()
        self.in_flight += 1

    def answer(self, message: dict[str, Any] | None) -> tuple[int, Response | Failure]:
        answer = self._checked(message)
        self.in_flight -= 1
        position = int(answer.pop("position"))
        return position, Failure(**answer) if "reason" in answer else Response(**answer)

    def _checked(self, message: dict[str, Any] | None) -> dict[str, Any]:
        """The message, if the process lives and is well."""
        if message is None:
            code = self._process.wait()
            self._log.seek(0)
            last = next((line.strip() for line in reversed(self._log.readlines()) if line.strip()), "no word")
            raise EngineError(
                f"the vllm process of {self._model!r} ended with exit code {code} ({last[:200]}); run it again, "
                "answers are kept"
            )
        if "error" in message:
            raise EngineError(f"vllm cannot run {self._model!r}: {message['error']}")
        return message

    def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def end(self) -> None:
        self._process.wait()
        self._reader.join()
        for pipe in (
            cast(IO[str], self._process.stdin),
            cast(IO[str], self._process.stdout),
            self._log,
        ):
            with contextlib.suppress(OSError):
                pipe.close()


def _load(group: _Group) -> int:
    return group.in_flight


def _end(groups: list[_Group]) -> None:
    for group in groups:
        group.kill()
    while groups:
        groups.pop().end()


def _gpu_groups(tensor_parallel: int, processes: int | None) -> list[str | None]:
    """The `CUDA_VISIBLE_DEVICES` of every process; None leaves it alone."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        import torch

        gpus = [str(number) for number in range(torch.cuda.device_count())]
    else:
        gpus = [gpu.strip() for gpu in visible.split(",") if gpu.strip()]
    if not gpus and tensor_parallel == 1:
        return [None] * (processes or 1)
    wanted = tensor_parallel * (processes or max(1, len(gpus) // tensor_parallel))
    if wanted > len(gpus):
        raise InputError(
            f"tensor_parallel={tensor_parallel} in {wanted // tensor_parallel} process(es) needs {wanted} GPUs, "
            f"{len(gpus)} are visible; lower it, or see CUDA_VISIBLE_DEVICES"
        )
    return [",".join(gpus[start : start + tensor_parallel]) for start in range(0, wanted, tensor_parallel)]


def _rank(adapter: Weights) -> int:
    """The `max_lora_rank` that an adapter needs.

    Raises:
        InputError: vLLM cannot load such an adapter.
    """
    path = adapter.file("adapter_config.json")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        ranks = [int(config["r"]), *map(int, (config.get("rank_pattern") or {}).values())]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"{adapter.name!r} has no readable adapter_config.json ({error!r})") from error
    if whole := config.get("modules_to_save"):
        raise InputError(
            f"adapter {adapter.name!r} holds whole modules (modules_to_save: {', '.join(whole)}), which vllm cannot "
            "load; use the engine transformers, or merge it into its base"
        )
    if max(ranks) > _RANKS[-1]:
        raise InputError(
            f"adapter {adapter.name!r} has rank {max(ranks)}, vllm takes {_RANKS[-1]} at most; use the engine "
            "transformers, or merge it into its base"
        )
    return next(rank for rank in _RANKS if rank >= max(ranks))
