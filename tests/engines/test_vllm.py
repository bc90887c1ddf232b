"""The vllm engine: against the transformers engine in an environment with vLLM (`make test-vllm`), and without it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest

from lema_hub import nano
from lema_hub.engines import Failure, Ledger, Request, Response, Sampling
from lema_hub.engines.choose import NANO_BACKBONE, Source, choose
from lema_hub.engines.transformers import TransformersEngine
from lema_hub.engines.vllm import VLLMEngine
from lema_hub.engines.vllm_worker import _explain
from lema_hub.errors import EngineError, InputError, MissingExtraError

needs_vllm = [
    pytest.mark.vllm,
    pytest.mark.skipif(find_spec("vllm") is None, reason="vllm is not installed here; run: make test-vllm"),
]
BATCH = 16
IN_FLIGHT = 2 * BATCH


def questions(n: int, *, start: int = 0) -> list[str]:
    return [made.problem.question + "\n" for made in nano.generate("train", n, start=start)]


def greedy(prompts: Sequence[str], **sampling: object) -> list[Request]:
    return [Request(prompt=p, sampling=Sampling(max_tokens=160, **sampling)) for p in prompts]  # type: ignore[arg-type]


def assert_same_text(
    requests: Sequence[Request],
    theirs: Sequence[Response | Failure],
    ours: Sequence[Response | Failure],
    model: TransformersEngine,
) -> None:
    """Equal answers, or texts that part where two tokens tie within float noise."""
    for request, a, b in zip(requests, theirs, ours, strict=True):
        if a != b:
            assert isinstance(a, Response)
            assert isinstance(b, Response)
            gap = logit_gap(model, request.prompt, a.text, b.text)
            assert gap < 1e-4, f"{gap} apart at the first different token of {request.prompt!r}: {a} {b}"


def logit_gap(engine: TransformersEngine, prompt: str, a: str, b: str) -> float:
    """How far the first different tokens of two texts are apart in the model's logits."""
    import torch

    asked, ids_a, ids_b = (engine._tokenizer(text)["input_ids"] for text in (prompt, a, b))
    first = next(i for i, pair in enumerate(zip(ids_a, ids_b, strict=False)) if pair[0] != pair[1])
    with torch.inference_mode():
        logits = engine._loaded(input_ids=torch.tensor([asked + ids_a[:first]])).logits[0, -1]
    return float(abs(logits[ids_a[first]] - logits[ids_b[first]]))


@pytest.fixture(scope="module")
def transformers_engine() -> TransformersEngine:
    return TransformersEngine(nano.backbone_path(), label=NANO_BACKBONE)


@pytest.fixture(scope="module")
def vllm_engine() -> Iterator[VLLMEngine]:
    with VLLMEngine(nano.backbone_path(), label=NANO_BACKBONE, batch_size=BATCH) as engine:
        yield engine


class TestWithVllm:
    pytestmark = needs_vllm

    def test_greedy_text_equals_that_of_transformers_through_the_ledger(
        self, vllm_engine: VLLMEngine, transformers_engine: TransformersEngine, tmp_path: Path
    ) -> None:
        asked = questions(300)
        requests = [
            *greedy(asked),
            *greedy(asked[:20], stop=("Step 2",)),
            *(Request(prompt=p, system=asked[0], sampling=Sampling(max_tokens=7)) for p in asked[:20]),
        ]
        with Ledger(tmp_path / "l.sqlite") as ledger:
            theirs = ledger.run(transformers_engine, requests, stage="sample")
            ours = ledger.run(vllm_engine, requests, stage="sample")
            assert ledger.pending(vllm_engine, requests) == []
            transformers_total, vllm_total = ledger.totals()
        assert {answer.finish_reason for answer in ours if isinstance(answer, Response)} == {"stop", "length"}
        assert_same_text(requests, theirs, ours, transformers_engine)
        assert (vllm_total.model, vllm_total.revision) == (
            transformers_total.model,
            transformers_total.revision,
        )
        assert vllm_total.responses == transformers_total.responses == 340

    def test_requests_are_drawn_as_there_is_room_and_answered_as_they_finish(
        self, vllm_engine: VLLMEngine
    ) -> None:
        drawn = 0

        def draw() -> Iterator[Request]:
            nonlocal drawn
            for request in greedy(questions(120, start=400)):
                drawn += 1
                yield request

        order = []
        for answered, (position, _) in enumerate(vllm_engine.generate(draw()), start=1):
            order.append(position)
            assert drawn - answered < IN_FLIGHT
        assert sorted(order) == list(range(120))
        assert order != sorted(order)

    def test_samples_differ_by_index_and_repeat_by_seed(self, vllm_engine: VLLMEngine) -> None:
        (prompt,) = questions(1)
        sampling = Sampling(temperature=1.0, top_p=0.95, max_tokens=100, seed=1)
        requests = [Request(prompt=prompt, sampling=sampling, index=i) for i in range(24)]
        first, again = (dict(vllm_engine.generate(requests)) for _ in range(2))
        texts = [first[i].text for i in range(24) if isinstance(first[i], Response)]
        assert len(set(texts)) > 4
        # Equal seeds are equal streams; what a batch does to the last bit of a logit may turn one of them.
        assert sum(first[i] == again[i] for i in range(24)) >= 22

    def test_samples_of_prompts_that_fill_more_than_a_step_come_too(self, vllm_engine: VLLMEngine) -> None:
        asked = questions(10 * 2 * BATCH, start=2000)
        long = ["".join(asked[i : i + 10]) for i in range(0, len(asked), 10)]
        sampling = Sampling(temperature=0.7, max_tokens=8)
        answers = dict(vllm_engine.generate(Request(prompt=p, sampling=sampling) for p in long))
        assert len(answers) == 2 * BATCH
        responses = [answer for answer in answers.values() if isinstance(answer, Response)]
        assert sum(response.prompt_tokens for response in responses[:BATCH]) > 4096  # vLLM's step on a CPU

    def test_what_cannot_be_asked_fails_alone(self, vllm_engine: VLLMEngine) -> None:
        requests = [
            Request(prompt="word " * 600, sampling=Sampling(max_tokens=5)),
            Request(prompt=questions(1)[0], sampling=Sampling(max_tokens=5, stop=("",))),
            *greedy(questions(1)),
        ]
        answers = dict(vllm_engine.generate(requests))
        too_long, refused = answers[0], answers[1]
        assert isinstance(too_long, Failure)
        assert too_long.reason == "prompt_too_long"
        assert too_long.detail.endswith("the model's context is 512")
        assert isinstance(refused, Failure)
        assert (refused.reason, "empty string" in refused.detail) == ("refused", True)
        assert isinstance(answers[2], Response)

    def test_a_schema_is_followed(self, vllm_engine: VLLMEngine) -> None:
        schema = json.dumps(
            {"type": "object", "properties": {"step": {"type": "integer"}}, "required": ["step"]}
        )
        request = Request(prompt=questions(1)[0], sampling=Sampling(max_tokens=60), schema=schema)
        ((_, answer),) = vllm_engine.generate([request])
        assert isinstance(answer, Response)
        if answer.finish_reason == "stop":
            assert isinstance(json.loads(answer.text)["step"], int)
        else:
            assert answer.text.lstrip().startswith("{")

    def test_a_process_that_dies_is_said_and_started_again(self, vllm_engine: VLLMEngine) -> None:
        answers = vllm_engine.generate(greedy(questions(100)))
        next(answers)
        os.kill(vllm_engine._groups[0]._process.pid, signal.SIGKILL)
        with pytest.raises(EngineError, match=r"ended with exit code -9.*answers are kept"):
            list(answers)
        assert len(dict(vllm_engine.generate(greedy(questions(3))))) == 3

    # peft 0.21 reads a property that transformers 5 deprecates.
    @pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
    def test_an_adapter_of_lemas_rank_gives_the_same_text_in_two_processes(
        self, vllm_engine: VLLMEngine, tmp_path: Path
    ) -> None:
        adapter = make_adapter(tmp_path / "lora", rank=64)
        theirs_engine = TransformersEngine(nano.backbone_path(), adapter=adapter)
        requests = greedy(questions(200))
        theirs = dict(theirs_engine.generate(requests))
        plain = dict(vllm_engine.generate(requests))
        with VLLMEngine(nano.backbone_path(), adapter=adapter, processes=2, batch_size=BATCH) as engine:
            ours = dict(engine.generate(requests))
            assert len(engine._groups) == 2
            assert vllm_engine._groups == []  # an idle engine makes room
            assert (engine.model, engine.revision) == (theirs_engine.model, theirs_engine.revision)
        assert_same_text(
            requests, [theirs[i] for i in range(200)], [ours[i] for i in range(200)], theirs_engine
        )
        assert sum(plain[i] != ours[i] for i in range(200)) > 100  # the adapter is there

    @pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGINT])
    def test_a_run_that_is_ended_loses_what_is_in_flight_and_leaves_no_process(
        self, vllm_engine: VLLMEngine, tmp_path: Path, signum: signal.Signals
    ) -> None:
        prompts = questions(2000, start=1000)
        (tmp_path / "prompts.json").write_text(json.dumps(prompts))
        run = subprocess.Popen(
            [sys.executable, "-c", _RUN, str(tmp_path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert run.stdout is not None
            workers = [int(word) for word in run.stdout.readline().split()]
            seen = [run.stdout.readline() for _ in range(100)]
            assert len(workers) == 2
            run.send_signal(signum)
            rest, _ = run.communicate(timeout=30)
            answered = len(seen) + len(rest.splitlines())
        finally:
            run.kill()
        deadline = time.monotonic() + 10
        while any(Path(f"/proc/{pid}").exists() for pid in workers) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert [pid for pid in workers if Path(f"/proc/{pid}").exists()] == []
        requests = greedy(prompts)
        with Ledger(tmp_path / "l.sqlite") as ledger:
            kept = len(requests) - len(ledger.pending(vllm_engine, requests))
            assert answered <= kept < len(requests)
            ledger.run(vllm_engine, requests[:300], stage="s")  # goes on, in one process instead of two
            assert ledger.pending(vllm_engine, requests[:300]) == []


_RUN = f"""
import json, signal, sys
from pathlib import Path
from lema_hub import nano
from lema_hub.engines import Ledger, Request, Sampling
from lema_hub.engines.choose import NANO_BACKBONE
from lema_hub.engines.vllm import VLLMEngine
signal.signal(signal.SIGINT, signal.default_int_handler)  # shells in the background start children deaf to Ctrl-C
folder = Path(sys.argv[1])
prompts = json.loads((folder / "prompts.json").read_text())
engine = VLLMEngine(nano.backbone_path(), label=NANO_BACKBONE, processes=2, batch_size={BATCH})
requests = [Request(prompt=prompt, sampling=Sampling(max_tokens=160)) for prompt in prompts]
list(engine.generate(requests[:1]))
print(*(group._process.pid for group in engine._groups), flush=True)
with Ledger(folder / "l.sqlite") as ledger:
    ledger.run(engine, requests, stage="s", progress=lambda done, total: done and print(done, flush=True))
"""


def make_adapter(folder: Path, *, rank: int) -> Path:
    """A LoRA adapter with random weights on the nano backbone."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(1)
    config = LoraConfig(r=rank, lora_alpha=64, target_modules="all-linear", init_lora_weights=False)
    model = get_peft_model(AutoModelForCausalLM.from_pretrained(nano.backbone_path()), config)
    model.save_pretrained(folder)
    return folder


@pytest.mark.skipif(find_spec("vllm") is not None, reason="vllm is installed here")
def test_without_vllm_identity_and_plans_work_and_answers_say_what_to_install(tmp_path: Path) -> None:
    engine = choose(Source(engine="vllm", model="nano"))
    requests = greedy(questions(2))
    assert engine.revision == choose(Source(engine="transformers", model="nano")).revision
    with Ledger(tmp_path / "l.sqlite") as ledger:
        assert ledger.pending(engine, requests) == requests
        with pytest.raises(
            MissingExtraError, match=r"environment of its own.*pip install 'lema_hub\[vllm\]'"
        ):
            ledger.run(engine, requests, stage="s")


def adapter_config(folder: Path, **config: object) -> Path:
    folder.mkdir()
    (folder / "adapter_config.json").write_text(json.dumps({"r": 8, **config}))
    return folder


def test_adapters_that_vllm_cannot_load_are_refused_before_anything_is_loaded(tmp_path: Path) -> None:
    whole = adapter_config(tmp_path / "whole", modules_to_save=["lm_head", "embed_tokens"])
    with pytest.raises(InputError, match="holds whole modules \\(modules_to_save: lm_head, embed_tokens\\)"):
        VLLMEngine(nano.backbone_path(), adapter=whole)
    large = adapter_config(tmp_path / "large", rank_pattern={"q_proj": 1024})
    with pytest.raises(InputError, match="rank 1024, vllm takes 512 at most"):
        VLLMEngine(nano.backbone_path(), adapter=large)
    broken = adapter_config(tmp_path / "broken", r="many")
    with pytest.raises(InputError, match=r"no readable adapter_config\.json"):
        VLLMEngine(nano.backbone_path(), adapter=broken)


@pytest.mark.parametrize(
    ("rank", "pattern", "wanted"), [(1, {}, 8), (64, {}, 64), (65, {}, 128), (8, {"q_proj": 200}, 256)]
)
def test_the_rank_is_that_of_the_adapters_largest_part(
    tmp_path: Path, rank: int, pattern: dict[str, int], wanted: int
) -> None:
    adapter = adapter_config(tmp_path / "lora", r=rank, rank_pattern=pattern)
    assert VLLMEngine(nano.backbone_path(), adapter=adapter)._rank == wanted


def test_gpus_are_shared_out_in_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    from lema_hub.engines.vllm import _gpu_groups

    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,2, 5,GPU-7")
    assert _gpu_groups(1, None) == ["0", "2", "5", "GPU-7"]
    assert _gpu_groups(2, None) == ["0,2", "5,GPU-7"]
    assert _gpu_groups(3, None) == ["0,2,5"]
    assert _gpu_groups(1, 2) == ["0", "2"]
    with pytest.raises(InputError, match=r"tensor_parallel=8 in 1 process\(es\) needs 8 GPUs, 4 are visible"):
        _gpu_groups(8, None)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert _gpu_groups(1, None) == [None]
    with pytest.raises(InputError, match="0 are visible"):
        _gpu_groups(2, None)


@pytest.mark.parametrize("option", ["tensor_parallel", "processes", "batch_size"])
def test_a_size_below_one_is_refused(option: str) -> None:
    with pytest.raises(InputError, match=f"{option} must be >= 1, got 0"):
        VLLMEngine(nano.backbone_path(), **{option: 0})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "message",
    [
        "CUDA out of memory. Tried to allocate 2.00 GiB.",
        "No available memory for the cache blocks. Try increasing `gpu_memory_utilization`.",
        "Free memory on device cuda:0 (10/80 GiB) on startup is less than desired GPU memory utilization.",
    ],
)
def test_memory_is_told_with_its_remedy(message: str) -> None:
    assert _explain(RuntimeError(message)).startswith("does not fit into memory")
    assert _explain(ValueError("no such\narchitecture")) == "no such architecture"
