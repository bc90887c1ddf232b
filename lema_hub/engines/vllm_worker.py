"""The process around one vLLM model: `python -m lema_hub.engines.vllm_worker OPTIONS`, JSON lines in and out.

    stdin   {"position": 7, "text": "...", "max_tokens": 512, "temperature": 0.7, "top_p": 1.0, "stop": [], "seed": 81,
             "schema": null}
    stdout  {"ready": 512}                           the model is loaded; that many requests keep it busy
            {"position": 7, "text": "...", "finish_reason": "stop", "prompt_tokens": 9, "completion_tokens": 31}
            {"position": 8, "reason": "prompt_too_long", "detail": "..."}
            {"error": "..."}                         and it ends

Requests are added to vLLM's batch as they arrive and answered when they finish (continuous batching). Everything else
that is printed, by vLLM and its kernels, goes to stderr. When stdin ends, because it was closed or because whoever
held it was killed, so does the process: no model is left behind on a GPU.

The trap: vLLM's engine core runs in this process and not in a child of it, so that nothing outlives it.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
from dataclasses import dataclass
from typing import Any, TextIO

_FITS = ("out of memory", "cache blocks", "gpu_memory_utilization", "gpu-memory-utilization", "Free memory")
_QUEUE = 2  # batches: one is computed while the next one waits
_ON_CPU = {  # builds for CPUs are for tests
    "enforce_eager": True,
    "kv_cache_memory_bytes": 2**30,
    "enable_chunked_prefill": False,  # 0.32 rewinds the random stream of half a prompt, which CPUs cannot do
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a worker loads: folders of a model and an adapter, and `rank`, the largest of the adapter's ranks."""

    model: str
    adapter: str | None
    rank: int | None
    tensor_parallel: int
    batch_size: int | None


def main() -> None:
    """Load the model that the command line describes and answer until stdin ends."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    inbox: queue.Queue[dict[str, Any]] = queue.Queue()
    threading.Thread(target=_read, args=(inbox,), daemon=True).start()
    try:
        _Worker(Options(**json.loads(sys.argv[1])), inbox, out).serve()
    except Exception as error:  # told to the engine, which raises it; the traceback stays in the worker's log
        _tell(out, {"error": _explain(error)})
        raise


def _read(inbox: queue.Queue[dict[str, Any]]) -> None:
    for line in sys.stdin:
        inbox.put(json.loads(line))
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)  # with the processes that tensor parallelism started
    os._exit(0)


def _tell(out: TextIO, *messages: dict[str, Any]) -> None:
    out.write("".join(json.dumps(message) + "\n" for message in messages))
    out.flush()


class _Worker:
    """A loaded model and its open requests."""

    def __init__(self, options: Options, inbox: queue.Queue[dict[str, Any]], out: TextIO) -> None:
        self._inbox, self._out = inbox, out
        os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
        # On CPUs vLLM would bind every process to the same cores.
        os.environ.setdefault("VLLM_CPU_OMP_THREADS_BIND", "nobind")
        from vllm import LLM
        from vllm.lora.request import LoRARequest
        from vllm.platforms import current_platform

        if current_platform.is_unspecified():
            raise RuntimeError(
                "this build of vllm is for GPUs and sees none; use the engine transformers, or a build for CPUs"
            )
        cpu = current_platform.is_cpu()
        llm = LLM(
            model=options.model,
            trust_remote_code=False,
            load_format="safetensors",
            dtype="float32" if cpu else "auto",  # as the transformers engine
            tensor_parallel_size=options.tensor_parallel,
            max_model_len=-1,  # the model's own, or what fits beside the weights
            enable_prefix_caching=True,
            seed=0,
            disable_log_stats=True,
            **(_ON_CPU if cpu else {}),
            **({"max_num_seqs": options.batch_size} if options.batch_size else {}),
            **({"enable_lora": True, "max_lora_rank": options.rank, "max_loras": 1} if options.rank else {}),
        )
        self._engine = llm.llm_engine
        self._tokenizer = llm.get_tokenizer()
        self._context = int(self._engine.vllm_config.model_config.max_model_len)
        self._lora = LoRARequest("adapter", 1, options.adapter) if options.adapter else None
        if self._lora is not None:
            self._engine.add_lora(self._lora)
        batch = int(self._engine.vllm_config.scheduler_config.max_num_seqs)
        _tell(out, {"ready": _QUEUE * batch})

    def serve(self) -> None:
        """Answer for ever; the end of stdin ends the process."""
        while True:
            self._add_waiting()
            done = [output for output in self._engine.step() if output.finished]
            if done:
                _tell(self._out, *map(_answer, done))

    def _add_waiting(self) -> None:
        """Add every request that has arrived; wait for one if there is nothing to compute."""
        while True:
            try:
                request = self._inbox.get(block=not self._engine.has_unfinished_requests())
            except queue.Empty:
                return
            self._add(request)

    def _add(self, request: dict[str, Any]) -> None:
        from vllm import SamplingParams
        from vllm.exceptions import VLLMValidationError
        from vllm.inputs import tokens_input
        from vllm.sampling_params import StructuredOutputsParams

        ids = list(self._tokenizer(request["text"])["input_ids"])
        if len(ids) >= self._context:
            detail = f"{len(ids)} prompt tokens, the model's context is {self._context}"
            self._refuse(request, "prompt_too_long", detail)
            return
        schema = request["schema"]
        try:
            sampling = SamplingParams(
                temperature=request["temperature"],
                top_p=max(request["top_p"], 1e-6),  # vLLM wants it above 0
                max_tokens=min(request["max_tokens"], self._context - len(ids)),
                stop=request["stop"],
                seed=request["seed"],
                structured_outputs=None if schema is None else StructuredOutputsParams(json=schema),
            )
            prompt = tokens_input(ids)
            self._engine.add_request(str(request["position"]), prompt, sampling, lora_request=self._lora)
        except (ValueError, VLLMValidationError) as error:
            self._refuse(request, "refused", " ".join(str(error).split())[:200])

    def _refuse(self, request: dict[str, Any], reason: str, detail: str) -> None:
        _tell(self._out, {"position": request["position"], "reason": reason, "detail": detail})


def _answer(output: Any) -> dict[str, Any]:
    completion = output.outputs[0]
    return {
        "position": int(output.request_id),
        "text": completion.text,
        "finish_reason": completion.finish_reason,
        "prompt_tokens": len(output.prompt_token_ids),
        "completion_tokens": len(completion.token_ids),
    }


def _explain(error: Exception) -> str:
    line = " ".join(str(error).split())[:300] or type(error).__name__
    if any(word in line for word in _FITS):
        return f"does not fit into memory ({line}); spread it over more GPUs (tensor_parallel), or free them"
    return line


if __name__ == "__main__":
    main()
